/**
 * The run over time: a row a task, a bar an attempt, and between them what was waited for. Only the rows that can be seen are there.
 * Long whiles without anything are short; what decides the length of the run, and how much later the rest could have ended, is drawn.
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import { type RunView, scopeOf, type TaskView, type View } from "../../src/inspect/view.ts"
import { type Critical, criticalOf } from "../picture/critical.ts"
import { keyMoves, listen, pageKeys } from "../picture/gestures.ts"
import { useFrame, useSize } from "../picture/hooks.ts"
import { countsOf, spanOf, statusOf } from "../picture/looks.ts"
import { childrenSeen, Structure } from "../picture/structure.ts"
import { clockText, dayText, lengthText } from "../picture/times.ts"
import "../picture/picture.css"
import "./gantt.css"
import { ticksOf } from "./axis.ts"
import { type Bar, barsOf, barText, busyOf, profileOf } from "./bars.ts"
import { type TimeMap, timeMap } from "./compress.ts"
import { Legend } from "./Legend.tsx"
import { GanttRow, type Profile } from "./row.tsx"
import { type Row, rowsOf, type Sort } from "./rows.ts"

export { GanttTable } from "./GanttTable.tsx"

export interface GanttProps {
  readonly view: View
  readonly run: string
  readonly selected: string | undefined
  readonly onSelect: (path: string) => void
  readonly theme: "light" | "dark"
}

export const Gantt = (props: GanttProps) => {
  const run = props.view.runs.get(props.run)
  return run === undefined ? (
    <p class="picture-empty">Nothing is known of this run yet.</p>
  ) : (
    <Timeline {...props} run={run} />
  )
}

export const rowHeight = 26
/** Highest that an element is made: browsers end at 33 million pixels. */
const highest = 16_000_000
/** Overview and axis. */
const overviewHeight = 30
const headHeight = 72
const sorts: ReadonlyArray<readonly [Sort, string]> = [
  ["start", "by start"],
  ["structure", "by structure"],
  ["duration", "by duration"]
]

interface Window {
  readonly from: number
  readonly to: number
}

const Timeline = ({ view, run, selected, onSelect }: Omit<GanttProps, "run"> & { readonly run: RunView }) => {
  const [ref, size] = useSize()
  const scroller = useRef<HTMLDivElement>(null)
  const [sort, setSort] = useState<Sort>("start")
  const [isShort, setShort] = useState(true)
  const [hasGroups, setGroups] = useState(true)
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set<string>())
  const [window, setWindow] = useState<Window | undefined>(undefined)
  const [top, setTop] = useState(0)
  const [pointer, setPointer] = useState<{ readonly x: number; readonly y: number } | undefined>(undefined)
  const [range, setRange] = useState<readonly [number, number] | undefined>(undefined)

  const ir = view.definitions.get(run.hash)
  // a map of the same size has the same paths
  const structure = useMemo(() => new Structure(ir, run), [ir, run.tasks, run.tasks.size])
  const now = run.endedAt ?? view.t
  const { seq } = view
  const busy = busyOf(run, now, seq)
  const last = Math.max(now, run.endedAt === undefined ? (run.eta?.[2] ?? now) : now)
  const map = useMemo(() => timeMap(run.submittedAt, last, busy, isShort), [run.submittedAt, last, busy, isShort])
  const rows = useMemo(
    () => rowsOf(structure, run, turned, sort, now).filter((row) => hasGroups || !row.isGroup || row.isOpen !== true),
    // the order follows from the moment
    [structure, turned, sort, hasGroups, sort === "structure" ? 0 : seq]
  )
  const critical = useMemo(() => criticalOf(structure, run, now), [structure, run, now])
  const counts = countsOf(run)

  const label = size === undefined ? 0 : Math.max(214, Math.min(260, size.width * 0.24))
  const width = Math.max(10, (size?.width ?? 0) - label)
  const height = (size?.height ?? 0) - headHeight
  // a little air at the end, for words behind the last bar
  const whole: Window = { from: -map.length * 0.01, to: map.length * 1.06 }
  const shown = window ?? whole
  const scale = width / (shown.to - shown.from)
  const xOf = (t: number) => (map.place(t) - shown.from) * scale
  const tOf = (x: number) => map.moment(shown.from + x / scale)

  const all = rows.length * rowHeight
  const room = Math.max(height, Math.min(all + 12, highest))
  const squeeze = all <= highest ? 1 : (all - height) / (room - height)
  const offset = top * squeeze
  const first = Math.max(0, Math.floor(offset / rowHeight))
  const end = Math.min(rows.length, Math.ceil((offset + height) / rowHeight))
  const current = rows.findIndex(({ path }) => path === selected)
  const chosen = current !== -1 ? current : rows.findIndex(({ path }) => isAround(path, selected))

  const limit = ({ from, to }: Window): Window | undefined => {
    const length = Math.min(whole.to - whole.from, Math.max(0.5, to - from))
    const start = Math.max(whole.from, Math.min(whole.to - length, from))
    return length >= (whole.to - whole.from) * 0.999 ? undefined : { from: start, to: start + length }
  }
  const zoom = (factor: number, x = width / 2) => {
    const at = shown.from + x / scale
    setWindow(limit({ from: at - (at - shown.from) / factor, to: at + (shown.to - at) / factor }))
  }
  const pan = (dx: number) =>
    setWindow(window === undefined ? undefined : limit({ from: shown.from - dx / scale, to: shown.to - dx / scale }))
  const show = (index: number) => {
    const element = scroller.current
    if (element === null || index < 0) return
    const y = index * rowHeight
    if (y < offset) element.scrollTop = y / squeeze
    else if (y + rowHeight > offset + height) element.scrollTop = (y + rowHeight - height) / squeeze
  }
  const toggle = (row: Row | undefined) => {
    if (row?.isOpen === undefined) return
    setTurned((before) => {
      const next = new Set(before)
      if (!next.delete(row.path)) next.add(row.path)
      return next
    })
  }
  const go = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))]
    if (row === undefined) return
    onSelect(row.path)
    show(rows.indexOf(row))
  }

  const scrolled = useFrame(() => setTop(scroller.current?.scrollTop ?? 0))
  // somebody has selected it elsewhere
  const latestSelected = useRef(selected)
  useEffect(() => {
    if (latestSelected.current === selected) return
    latestSelected.current = selected
    if (chosen < first || chosen >= end - 1) show(chosen)
  })

  /** What a hand has hold of. */
  const hold = useRef<"body" | "axis" | "overview">("body")
  const latest = {
    zoom,
    pan,
    setWindow,
    limit,
    toggle,
    onSelect,
    rows,
    label,
    offset,
    shown,
    scale,
    width,
    whole,
    tOf,
    map
  }
  const hands = useRef(latest)
  hands.current = latest
  const begun = useRef(0)
  useEffect(() => {
    if (ref.current === null) return
    const toOverview = (x: number) => {
      const { whole, width, shown, label, limit } = hands.current
      const at = whole.from + ((x - label) / width) * (whole.to - whole.from)
      const half = (shown.to - shown.from) / 2
      setWindow(limit({ from: at - half, to: at + half }))
    }
    return listen(ref.current, {
      wheel: (event) =>
        event.ctrlKey || event.metaKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY),
      zoom: (factor, x) => hands.current.zoom(factor, x - hands.current.label),
      grab: (x, y) => {
        hold.current = y < overviewHeight ? "overview" : y < headHeight ? "axis" : "body"
        begun.current = x
      },
      pan: (dx, dy, x) => {
        const { label } = hands.current
        if (hold.current === "axis" && x !== undefined && begun.current > label)
          setRange([Math.max(0, Math.min(begun.current, x) - label), Math.max(begun.current, x) - label])
        else if (hold.current === "overview" && x !== undefined) toOverview(x)
        else {
          hands.current.pan(dx)
          if (x !== undefined && scroller.current !== null) scroller.current.scrollTop -= dy
        }
      },
      drop: () =>
        setRange((range) => {
          const { shown, scale, limit } = hands.current
          if (range !== undefined && range[1] - range[0] > 4)
            setWindow(limit({ from: shown.from + range[0] / scale, to: shown.from + range[1] / scale }))
          return undefined
        }),
      hover: (x, y) => setPointer({ x, y }),
      leave: () => setPointer(undefined),
      click: (x, y, times) => {
        const { rows, label, offset, toggle, onSelect } = hands.current
        if (y < headHeight) {
          if (y < overviewHeight) toOverview(x)
          else if (times === 2) setWindow(undefined)
          return
        }
        const row = rows[Math.floor((offset + y - headHeight) / rowHeight)]
        if (row === undefined) return
        const left = 6 + row.depth * 14
        if (times === 2 || (times === 1 && row.isOpen !== undefined && x > left - 4 && x < left + 16 && x < label))
          toggle(row)
        else onSelect(row.path)
      }
    })
  }, [ref])

  const isOfPage = useRef(pageKeys()).current
  const onKeyDown = (event: KeyboardEvent) => {
    if (isOfPage(event)) return
    const key = event.key.toLowerCase()
    const move = keyMoves[key]
    const row = rows[chosen]
    const page = Math.max(1, Math.floor(height / rowHeight) - 1)
    if (key === "w" || key === "s")
      zoom(key === "w" ? 1.25 : 0.8, pointer === undefined ? undefined : pointer.x - label)
    else if (move?.pan !== undefined) pan(move.pan[0])
    else if (move?.zoom !== undefined) zoom(move.zoom)
    else if (move?.fit) setWindow(undefined)
    else if (event.key === "ArrowDown") go(chosen + 1)
    else if (event.key === "ArrowUp") go(chosen - 1)
    else if (event.key === "PageDown") go(chosen + page)
    else if (event.key === "PageUp") go(chosen - page)
    else if (event.key === "Home") go(0)
    else if (event.key === "End") go(rows.length - 1)
    else if (event.key === "ArrowRight" && row?.isOpen === false) toggle(row)
    else if (event.key === "ArrowRight") go(chosen + 1)
    else if (event.key === "ArrowLeft" && row?.isOpen === true) toggle(row)
    else if (event.key === "ArrowLeft")
      go(rows.findLastIndex(({ depth }, i) => i < chosen && depth < (row?.depth ?? 0)))
    else if (event.key === "Enter" && (event.target as Element).closest("button,input") === null) toggle(row)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  const profiles = useRef(new Map<string, { readonly key: string; readonly value: Profile }>()).current
  const profile = (path: string, tasks: () => Iterable<TaskView | undefined>): Profile => {
    const key = `${seq}:${map.length}`
    const before = profiles.get(path)
    if (before?.key === key) return before.value
    const value = profileOf(tasks(), now, profileParts, (t) => (map.place(t) / map.length) * profileParts)
    if (profiles.size > 2_000) profiles.clear()
    profiles.set(path, { key, value })
    return value
  }
  const isLive = run.endedAt === undefined
  const ticks = size === undefined ? [] : ticksOf(map, run.submittedAt, shown.from, shown.to, width)
  const unit = (shown.to - shown.from) / width
  const visible = rows.slice(first, end)
  const hover = pointer !== undefined && pointer.x > label && range === undefined ? pointer : undefined
  const hoverRow =
    hover === undefined || hover.y < headHeight
      ? undefined
      : rows[Math.floor((offset + hover.y - headHeight) / rowHeight)]
  const tip =
    hoverRow === undefined || hover === undefined
      ? undefined
      : tipOf(barsOf(run, hoverRow, now), tOf(hover.x - label), 3 * unit, map)
  return (
    <div ref={ref} class="picture gantt">
      {size === undefined ? null : (
        <>
          <div class="gantt-head">
            <svg width={size.width} height={headHeight} role="presentation">
              <svg x={label} y={0} width={width} height={headHeight} role="presentation">
                <Overview
                  profile={profile("", () => run.tasks.values())}
                  map={map}
                  whole={whole}
                  width={width}
                  window={window}
                />
                {ticks.map(({ t, x, since, clock }) => (
                  <g key={t} transform={`translate(${x} ${overviewHeight})`}>
                    <path class="gantt-tick" d={`M0.5 ${headHeight - overviewHeight - 5}v5`} />
                    <text class="gantt-since" x={0} y={16}>
                      {since}
                    </text>
                    <text class="gantt-clock" x={0} y={31}>
                      {clock}
                    </text>
                  </g>
                ))}
                {isLive && run.eta !== undefined ? <EtaMark eta={run.eta} now={now} xOf={xOf} /> : null}
                {run.faults.map(({ t, seq, text, broken }) => (
                  <path
                    key={seq}
                    class={`gantt-fault${broken === undefined ? "" : " is-broken"}`}
                    d={`M${xOf(t) - 4} ${headHeight - 9}h8l-4 7z`}
                  >
                    <title>{broken === undefined ? text : `${text}: ${broken}`}</title>
                  </path>
                ))}
                {hover === undefined ? null : (
                  <Cursor
                    x={hover.x - label}
                    t={tOf(hover.x - label)}
                    zero={run.submittedAt}
                    unit={unit}
                    width={width}
                  />
                )}
                {range === undefined ? null : (
                  <g class="gantt-range">
                    <rect
                      x={range[0]}
                      y={overviewHeight}
                      width={range[1] - range[0]}
                      height={headHeight - overviewHeight}
                    />
                    <text x={(range[0] + range[1]) / 2} y={overviewHeight + 24}>
                      {lengthText(tOf(range[1]) - tOf(range[0]))}
                    </text>
                  </g>
                )}
              </svg>
              <path class="gantt-frame" d={`M0 ${headHeight - 0.5}H${size.width}M${label - 0.5} 0V${headHeight}`} />
              <text class="gantt-clock" x={12} y={headHeight - 8}>
                {dayText(tOf(0))}
              </text>
            </svg>
            <div class="gantt-tools" data-own-hands>
              <select
                aria-label="Order of the rows"
                value={sort}
                onChange={(event) => setSort(event.currentTarget.value as Sort)}
              >
                {sorts.map(([value, text]) => (
                  <option key={value} value={value}>
                    {text}
                  </option>
                ))}
              </select>
              <Toggle
                isOn={isShort}
                onTurn={() => setShort(!isShort)}
                title="Show long idle times as short breaks"
                d="M2 8h3.5M10.5 8H14M6.5 5l-1 6M10.5 5l-1 6"
              />
              <Toggle
                isOn={hasGroups}
                onTurn={() => setGroups(!hasGroups)}
                title="Show rows of open groups"
                d="M2.5 4h11M2.5 4v2M13.5 4v2M5 9.5h8M5 12.5h5"
              />
              <Legend />
            </div>
          </div>
          <div
            class="gantt-scroll"
            ref={scroller}
            onScroll={scrolled}
            onKeyDown={onKeyDown}
            tabIndex={0}
            role="application"
            aria-roledescription="timeline"
            aria-label={`Timeline of ${run.workflow}: ${rows.length} rows. Up and down go through rows, left and right close and open groups, + and − zoom, 0 shows all.`}
            aria-activedescendant={chosen >= first && chosen < end ? `gantt-${chosen}` : undefined}
          >
            <div class="gantt-room" style={{ height: `${room}px` }}>
              <svg class="gantt-body" width={size.width} height={height} role="presentation">
                <svg x={label} y={0} width={width} height={height} role="presentation">
                  {ticks.map(({ t, x }) => (
                    <path key={t} class="gantt-grid" d={`M${Math.round(x) + 0.5} 0V${height}`} />
                  ))}
                  {map.breaks.map((one) => {
                    const [a, b] = [(one.start - shown.from) * scale, (one.end - shown.from) * scale]
                    return b < 0 || a > width ? null : (
                      <g key={one.from} class="gantt-break">
                        <rect x={a} y={0} width={b - a} height={height} />
                        <path d={zigzag(a, height)} />
                        <path d={zigzag(b, height)} />
                        {b - a < 13 ? null : (
                          <text transform={`translate(${(a + b) / 2 + 3.5} 10) rotate(90)`}>
                            {lengthText(one.to - one.from)}
                          </text>
                        )}
                      </g>
                    )
                  })}
                  {isLive && run.eta !== undefined ? (
                    <g class="gantt-eta">
                      <rect
                        x={xOf(run.eta[0])}
                        y={0}
                        width={Math.max(1, xOf(run.eta[2]) - xOf(run.eta[0]))}
                        height={height}
                      />
                      <path d={`M${xOf(run.eta[1])} 0V${height}`} />
                    </g>
                  ) : null}
                  {run.faults.map(({ t, seq }) => (
                    <path key={seq} class="gantt-fault-line" d={`M${xOf(t)} 0V${height}`} />
                  ))}
                </svg>
                <svg x={label} y={0} width={width} height={height} role="presentation">
                  <path class="gantt-chain" d={chainOf(critical, rows, run, now, offset, height, xOf)} />
                </svg>
                {visible.map((row, i) => {
                  const index = first + i
                  return (
                    <GanttRow
                      key={row.path}
                      id={`gantt-${index}`}
                      row={row}
                      y={index * rowHeight - offset}
                      label={label}
                      width={width}
                      height={rowHeight}
                      status={statusOf(run, counts, row.path)}
                      span={spanOf(run.tasks.get(row.path), now)}
                      bars={barsOf(run, row, now)}
                      profile={
                        row.isGroup && childrenSeen(run, row.path).length > 1
                          ? profile(row.path, () => childrenSeen(run, row.path).map((path) => run.tasks.get(path)))
                          : undefined
                      }
                      map={map}
                      shown={shown}
                      isSelected={index === chosen}
                      isCritical={critical.has.has(row.path)}
                      couldEnd={critical.couldEnd.get(row.path)}
                    />
                  )
                })}
                <svg x={label} y={0} width={width} height={height} role="presentation">
                  {isLive ? <path class="gantt-now" d={`M${xOf(now)} 0V${height}`} /> : null}
                  {hover === undefined ? null : <path class="gantt-cursor" d={`M${hover.x - label} 0V${height}`} />}
                  {range === undefined ? null : (
                    <rect class="gantt-range-body" x={range[0]} y={0} width={range[1] - range[0]} height={height} />
                  )}
                </svg>
                <path class="gantt-frame" d={`M${label - 0.5} 0V${height}`} />
              </svg>
            </div>
          </div>
          {tip === undefined || hover === undefined ? null : (
            <div
              class="picture-tip"
              role="presentation"
              style={{
                transform: `translate(${Math.min(hover.x + 12, size.width - 260)}px, ${Math.min(hover.y + 14, size.height - 34)}px)`
              }}
            >
              {tip}
            </div>
          )}
        </>
      )}
    </div>
  )
}

/** Parts of a profile. */
const profileParts = 400

const isAround = (path: string, selected: string | undefined): boolean => {
  for (let at = selected ?? ""; at !== ""; at = scopeOf(at)) if (at === path) return true
  return selected?.startsWith(`${path}~`) === true
}

const zigzag = (x: number, height: number): string => {
  let d = `M${x} -4`
  for (let y = 0, n = 0; y < height + 8; y += 6, n++) d += `L${x + (n % 2 === 0 ? 2 : -2)} ${y}`
  return d
}

/** From the end of one critical task to the beginning of the next. */
const chainOf = (
  { path }: Critical,
  rows: ReadonlyArray<Row>,
  run: RunView,
  now: number,
  offset: number,
  height: number,
  xOf: (t: number) => number
): string => {
  if (path.length < 2) return ""
  const wanted = new Set(path)
  const places = new Map<string, number>()
  rows.forEach((row, i) => {
    if (wanted.has(row.path)) places.set(row.path, i)
  })
  let d = ""
  for (let i = 1; i < path.length; i++) {
    const [a, b] = [places.get(path[i - 1]!), places.get(path[i]!)]
    const [before, after] = [spanOf(run.tasks.get(path[i - 1]!), now), spanOf(run.tasks.get(path[i]!), now)]
    if (a === undefined || b === undefined || before === undefined || after === undefined) continue
    const [y0, y1] = [(a + 0.5) * rowHeight - offset, (b + 0.5) * rowHeight - offset]
    if (Math.max(y0, y1) < 0 || Math.min(y0, y1) > height) continue
    const sign = y1 > y0 ? 1 : -1
    const [x0, x1] = [xOf(before[1]), xOf(after[0])]
    const half = sign * (rowHeight / 2 - 4)
    d += `M${x0} ${y0 + half}V${y1 - half - sign * 5}Q${x0} ${y1 - half} ${Math.max(x0, x1)} ${y1 - half}`
  }
  return d
}

/** What is at a moment of a row, in words. */
const tipOf = (bars: ReadonlyArray<Bar>, t: number, near: number, map: TimeMap): string | undefined => {
  const place = map.place(t)
  const found = bars.filter(({ from, to }) => map.place(from) - near <= place && map.place(to) + near >= place)
  const bar =
    found.findLast(({ kind }) => kind === "attempt") ?? found.findLast(({ kind }) => kind !== "group") ?? found[0]
  return bar === undefined ? undefined : barText(bar, lengthText(bar.to - bar.from))
}

const Overview = ({
  profile,
  map,
  whole,
  width,
  window
}: {
  readonly profile: Profile
  readonly map: TimeMap
  readonly whole: Window
  readonly width: number
  readonly window: Window | undefined
}) => {
  const scale = width / (whole.to - whole.from)
  const most = profile.reduce((a, b) => Math.max(a, b), 1)
  const [left, right] = [-whole.from * scale, (map.length - whole.from) * scale]
  let d = `M${left} ${overviewHeight - 3}`
  profile.forEach((count, i) => {
    const y = overviewHeight - 3 - (count / most) * (overviewHeight - 8)
    d += `L${left + ((right - left) * i) / profile.length} ${y.toFixed(1)}L${left + ((right - left) * (i + 1)) / profile.length} ${y.toFixed(1)}`
  })
  return (
    <g class="gantt-overview">
      <rect class="gantt-overview-ground" width={width} height={overviewHeight} />
      <path d={`${d}L${right} ${overviewHeight - 3}z`} />
      {window === undefined ? null : (
        <>
          <rect
            class="gantt-overview-rest"
            width={Math.max(0, (window.from - whole.from) * scale)}
            height={overviewHeight}
          />
          <rect
            class="gantt-overview-rest"
            x={(window.to - whole.from) * scale}
            width={Math.max(0, (whole.to - window.to) * scale)}
            height={overviewHeight}
          />
          <rect
            class="gantt-overview-window"
            x={(window.from - whole.from) * scale}
            y={0.75}
            width={Math.max(3, (window.to - window.from) * scale)}
            height={overviewHeight - 1.5}
            rx={3}
          />
        </>
      )}
      <path class="gantt-frame" d={`M0 ${overviewHeight - 0.5}H${width}`} />
    </g>
  )
}

const EtaMark = ({
  eta,
  now,
  xOf
}: {
  readonly eta: readonly [number, number, number]
  readonly now: number
  readonly xOf: (t: number) => number
}) => (
  <g class="gantt-eta-mark" transform={`translate(${xOf(eta[1])} ${headHeight - 1})`}>
    <path d="M0 0l-4 -6h8z" />
    <title>{`may be done in ${lengthText(eta[1] - now)}, between ${clockText(eta[0], 1_000)} and ${clockText(eta[2], 1_000)}`}</title>
  </g>
)

/** The moment under the pointer. */
const Cursor = ({
  x,
  t,
  zero,
  unit,
  width
}: {
  readonly x: number
  readonly t: number
  readonly zero: number
  readonly unit: number
  readonly width: number
}) => {
  const left = Math.max(0, Math.min(width - 104, x - 52))
  return (
    <g class="gantt-cursor-mark">
      <rect x={left} y={overviewHeight + 2} width={104} height={33} rx={5} />
      <text x={left + 52} y={overviewHeight + 15}>
        {`${t >= zero ? "+" : ""}${lengthText(t - zero)}`}
      </text>
      <text class="is-soft" x={left + 52} y={overviewHeight + 29}>
        {clockText(t, unit > 500 ? 1_000 : 1)}
      </text>
    </g>
  )
}

const Toggle = ({
  isOn,
  onTurn,
  title,
  d
}: {
  readonly isOn: boolean
  readonly onTurn: () => void
  readonly title: string
  readonly d: string
}) => (
  <button
    type="button"
    class={isOn ? "is-on" : undefined}
    aria-pressed={isOn}
    title={title}
    aria-label={title}
    onClick={onTurn}
  >
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path class="gantt-icon" d={d} />
    </svg>
  </button>
)
