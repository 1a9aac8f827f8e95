/** One row of the timeline: its name at the left, what happened at the right. */
import type { TaskStatus } from "../../src/model/messages.ts"
import { fitText, fonts, textWidth } from "../picture/text.ts"
import { lengthText } from "../picture/times.ts"
import { attemptLooks, type Look, pauseLooks, StatusGlyph, taskLooks, undoLook } from "../status.tsx"
import { type Bar, barText } from "./bars.ts"
import type { TimeMap } from "./compress.ts"
import type { Row } from "./rows.ts"

export type Profile = Float64Array

interface RowProps {
  readonly id: string
  readonly row: Row
  readonly y: number
  readonly label: number
  readonly width: number
  readonly height: number
  readonly status: TaskStatus
  readonly span: readonly [number, number] | undefined
  readonly bars: ReadonlyArray<Bar>
  readonly profile: Profile | undefined
  readonly map: TimeMap
  readonly shown: { readonly from: number; readonly to: number }
  readonly isSelected: boolean
  readonly isCritical: boolean
  readonly couldEnd: number | undefined
}

const indent = 14

export const GanttRow = ({
  id,
  row,
  y,
  label,
  width,
  height,
  status,
  span,
  bars,
  profile,
  map,
  shown,
  isSelected,
  isCritical,
  couldEnd
}: RowProps) => {
  const look = taskLooks[status]
  const left = 8 + row.depth * indent
  const took = span === undefined ? "" : lengthText(span[1] - span[0])
  const tookWidth = textWidth(took, fonts.small)
  const nameRoom = label - left - 46 - tookWidth
  const scale = width / (shown.to - shown.from)
  const xOf = (t: number) => (map.place(t) - shown.from) * scale
  const middle = height / 2
  return (
    // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a group of shapes is nothing to press
    <g
      id={id}
      role="group"
      aria-label={`${row.part.name}, ${look.label.toLowerCase()}${took === "" ? "" : `, ${took}`}${isCritical ? ", on the critical path" : ""}: ${bars.map((bar) => barText(bar, lengthText(bar.to - bar.from))).join("; ")}`}
      class={`gantt-row is-${status}${isSelected ? " is-selected" : ""}${isCritical ? " is-critical" : ""}${row.isGroup ? " is-group" : ""}`}
      transform={`translate(0 ${y})`}
    >
      <rect class="gantt-row-ground" width={label + width} height={height} />
      {row.isOpen === undefined ? null : (
        <path
          class="gantt-twisty"
          d={row.isOpen ? `M${left} ${middle - 2}l4 4l4-4` : `M${left + 2} ${middle - 4}l4 4l-4 4`}
        />
      )}
      <StatusGlyph look={look} x={left + 13} y={middle - 7} size={14} />
      <text class="gantt-name" x={left + 33} y={middle + 4.5}>
        {fitText(row.part.name, nameRoom, row.isGroup || isCritical ? fonts.name : fonts.plain)}
      </text>
      <text class="gantt-took" x={label - 9} y={middle + 4}>
        {took}
      </text>
      <svg x={label} y={0} width={width} height={height} role="presentation">
        {bars.map((bar, i) => {
          if (bar.kind !== "group") return null
          const [a, b] = [xOf(bar.from), xOf(bar.to)]
          return (
            <GroupBar
              key={i}
              a={a}
              b={b}
              middle={middle}
              profile={row.isOpen === true ? undefined : profile}
              map={map}
              shown={shown}
              width={width}
              look={look}
            />
          )
        })}
        {row.isGroup && row.isOpen !== true && profile !== undefined
          ? bars
              .filter(({ isUndo }) => isUndo)
              .map((bar, i) => (
                <OneBar key={i} bar={bar} a={xOf(bar.from)} b={xOf(bar.to)} middle={middle} width={width} />
              ))
          : bars.map((bar, i) =>
              bar.kind === "group" ? null : (
                <OneBar key={i} bar={bar} a={xOf(bar.from)} b={xOf(bar.to)} middle={middle} width={width} />
              )
            )}
        {couldEnd === undefined || span === undefined ? null : (
          <Slack a={xOf(span[1])} b={xOf(couldEnd)} middle={middle} width={width} />
        )}
        {isCritical && span !== undefined ? (
          <path
            class="gantt-critical"
            d={`M${Math.max(-5, xOf(span[0]))} ${height - 3.5}H${Math.min(width + 5, Math.max(xOf(span[0]) + 2, xOf(span[1])))}`}
          />
        ) : null}
        <Words bars={bars} row={row} xOf={xOf} width={width} middle={middle} />
      </svg>
    </g>
  )
}

const lookOf = (bar: Bar): Look =>
  bar.kind === "attempt"
    ? bar.isUndo && bar.outcome !== "failed"
      ? undoLook
      : bar.outcome === undefined
        ? bar.isLive
          ? attemptLooks.running
          : attemptLooks.aborted
        : attemptLooks[bar.outcome]
    : bar.kind === "group"
      ? taskLooks.pending
      : pauseLooks[bar.kind]

/** Narrowest that a bar is drawn. */
const leastWidth = 2.5

const OneBar = ({
  bar,
  a,
  b,
  middle,
  width
}: {
  readonly bar: Bar
  readonly a: number
  readonly b: number
  readonly middle: number
  readonly width: number
}) => {
  if (b < -2 || a > width + 2) return null
  const look = lookOf(bar)
  // what is out of sight need not be drawn: a bar may be a thousand screens long
  const x = Math.max(a, -20)
  const w = Math.max(leastWidth, Math.min(b, width + 20) - x)
  if (bar.kind !== "attempt") {
    const isThin = bar.kind === "slot" || bar.kind === "backoff"
    const h = isThin ? 6 : 10
    return (
      <g class={`gantt-wait ${look.className} is-${bar.kind}${bar.isLive ? " is-live" : ""}`}>
        <rect x={x} y={middle - h / 2} width={w} height={h} rx={isThin ? 1 : 3} fill={`url(#${look.pattern})`} />
        {bar.kind === "backoff" ? <path d={wave(x, Math.min(x + w, width + 20), middle)} /> : null}
      </g>
    )
  }
  return (
    <g
      class={`gantt-bar ${look.className} is-${bar.outcome ?? (bar.isLive ? "live" : "cut")}${bar.isForgotten ? " is-forgotten" : ""}${bar.isUndo ? " is-undo" : ""}`}
    >
      <rect x={x} y={middle - 7.5} width={w} height={15} rx={Math.min(3, w / 2)} fill={`url(#${look.pattern})`} />
      {bar.isLive ? <path class="gantt-growing" d={`M${x + w} ${middle - 7.5}v15`} /> : null}
    </g>
  )
}

const wave = (from: number, to: number, y: number): string => {
  let d = `M${from} ${y}`
  for (let x = from, n = 0; x + 4 <= to && n < 400; x += 4, n++) d += `q2 ${n % 2 === 0 ? -4 : 4} 4 0`
  return d
}

/** From the end of a task to when it could have ended. */
const Slack = ({
  a,
  b,
  middle,
  width
}: {
  readonly a: number
  readonly b: number
  readonly middle: number
  readonly width: number
}) =>
  b - a < 3 || b < 0 || a > width ? null : (
    <path
      class="gantt-slack"
      d={`M${Math.max(-5, a)} ${middle + 9.5}H${Math.min(width + 5, b)}M${b} ${middle + 6}v6`}
    />
  )

const GroupBar = ({
  a,
  b,
  middle,
  profile,
  map,
  shown,
  width,
  look
}: {
  readonly a: number
  readonly b: number
  readonly middle: number
  readonly profile: Profile | undefined
  readonly map: TimeMap
  readonly shown: { readonly from: number; readonly to: number }
  readonly width: number
  readonly look: Look
}) => {
  if (b < 0 || a > width) return null
  if (profile === undefined) {
    const [x, w] = [Math.max(a, -10), Math.max(4, Math.min(b, width + 10) - Math.max(a, -10))]
    return <path class={`gantt-group ${look.className}`} d={`M${x} ${middle + 5}v-8h${w}v8l-3 -4H${x + 3}z`} />
  }
  const scale = width / (shown.to - shown.from)
  const most = profile.reduce((high, count) => Math.max(high, count), 1e-9)
  const part = map.length / profile.length
  const bottom = middle + 8
  const first = Math.max(0, Math.floor(shown.from / part) - 1)
  const last = Math.min(profile.length, Math.ceil(shown.to / part) + 1)
  let d = `M${(first * part - shown.from) * scale} ${bottom}`
  for (let i = first; i < last; i++) {
    const y = (bottom - (profile[i]! / most) * 15).toFixed(1)
    d += `L${((i * part - shown.from) * scale).toFixed(1)} ${y}L${(((i + 1) * part - shown.from) * scale).toFixed(1)} ${y}`
  }
  return (
    <g class={`gantt-profile ${look.className}`}>
      <path class="gantt-profile-base" d={`M${Math.max(a, -10)} ${bottom}H${Math.min(b, width + 10)}`} />
      <path d={`${d}L${(last * part - shown.from) * scale} ${bottom}z`} />
    </g>
  )
}

/** Words in the bars where they fit, and behind the last one. */
const Words = ({
  bars,
  row,
  xOf,
  width,
  middle
}: {
  readonly bars: ReadonlyArray<Bar>
  readonly row: Row
  readonly xOf: (t: number) => number
  readonly width: number
  readonly middle: number
}) => {
  const attempts = bars.filter(({ kind }) => kind === "attempt")
  const own = attempts.filter(({ isUndo, suffix }) => !isUndo && suffix === "")
  const isItem = row.part.kind === "item"
  const inside = row.isGroup
    ? []
    : attempts.flatMap((bar, i) => {
        const [a, b] = [Math.max(0, xOf(bar.from)), Math.min(width, xOf(bar.to))]
        if (b - a < 18) return []
        const text = bar.isUndo
          ? "undo"
          : bar.suffix !== ""
            ? bar.suffix.slice(1)
            : own.length > 1
              ? `#${bar.attempt}`
              : isItem
                ? row.part.name
                : ""
        return text === "" || textWidth(text, fonts.small) > b - a - 9 ? [] : [{ key: i, x: a + 5, text }]
      })
  const end = bars.reduce((latest, { to }) => Math.max(latest, to), 0)
  const x = xOf(end) + 6
  const last = attempts.at(-1)
  const words = [
    isItem && !inside.some(({ text }) => text === row.part.name) ? row.part.name : undefined,
    own.length > 1 ? `${own.length} attempts` : undefined,
    last?.outcome === "failed" ? last.failure : undefined,
    last?.isUndo === true ? "taken back" : undefined
  ]
  const text = row.isGroup || bars.length === 0 ? "" : words.filter((one) => one !== undefined).join(" · ")
  const behind = text === "" || x < 0 || x + textWidth(text, fonts.small) > width - 4 ? "" : text
  return (
    <>
      {inside.map(({ key, x, text }) => (
        <text key={key} class="gantt-inside" x={x} y={middle + 4}>
          {text}
        </text>
      ))}
      {behind === "" ? null : (
        <text class="gantt-behind" x={x} y={middle + 3.5}>
          {behind}
        </text>
      )}
    </>
  )
}
