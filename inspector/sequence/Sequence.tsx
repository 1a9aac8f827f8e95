/** Who told whom what, around the moment: lifelines of the actors concerned, messages as arrows, states as they are come to. */
import { useSignal } from "@preact/signals"
import { useLayoutEffect, useMemo, useRef } from "preact/hooks"
import { brief, clock, count, plain, since } from "../format.ts"
import { Icon } from "../icons.tsx"
import { List } from "../List.tsx"
import { state } from "../state.ts"
import { type Sequence as Data, type SequenceRow, sequenceOf } from "./rows.ts"

const rowHeight = 26
const timeWidth = 96
/** Lifelines share the width there is, within these. */
const columnLeast = 124
const columnMost = 260

export const Sequence = () => {
  const isAll = useSignal(false)
  const stream = state.stream.value
  const seq = state.seq.value
  const { task } = state.selection.value
  const actor = state.actorKey.value
  const isNothing = task === undefined && actor === undefined
  const only = isNothing || isAll.value ? undefined : { task, actor }
  const data = useMemo(
    () => sequenceOf(stream?.events ?? [], seq, only),
    [stream, seq, state.moment.value === "live" ? state.version.value : 0, task, actor, isAll.value]
  )
  const start = stream?.events[0]?.t ?? 0
  return (
    <div class="picture-frame">
      <div class="picture-head">
        <span class="faint">
          {count(data.rows.length)} messages around the moment
          {data.isCutBefore || data.isCutAfter ? ", there are more before or after" : ""}
          {data.left > 0 ? `, ${count(data.left)} of further actors` : ""}
        </span>
        <label class={`check push ${isNothing ? "is-off" : ""}`}>
          <input
            type="checkbox"
            disabled={isNothing}
            checked={!isNothing && !isAll.value}
            onChange={({ currentTarget }) => {
              isAll.value = !currentTarget.checked
            }}
          />
          Selection only
        </label>
      </div>
      {data.rows.length === 0 ? (
        <div class="empty">
          <Icon name="sequence" size={22} />
          <p>
            {only === undefined
              ? "No message was sent around this moment."
              : "Nothing was sent to or from what is selected around this moment."}
          </p>
        </div>
      ) : state.isTable.value ? (
        <Table data={data} start={start} seq={seq} />
      ) : (
        <Lifelines data={data} start={start} seq={seq} />
      )}
    </div>
  )
}

interface Props {
  readonly data: Data
  readonly start: number
  readonly seq: number
}

const xOf = (lifeline: number, columnWidth: number) => timeWidth + columnWidth / 2 + lifeline * columnWidth

const Lifelines = ({ data, start, seq }: Props) => {
  const { lifelines, rows, at } = data
  const scroller = useRef<HTMLDivElement>(null)
  const room = useSignal(600)
  useLayoutEffect(() => {
    const element = scroller.current!
    const watch = new ResizeObserver(() => {
      room.value = element.clientWidth
    })
    watch.observe(element)
    return () => watch.disconnect()
  }, [])
  const columnWidth = Math.max(
    columnLeast,
    Math.min(columnMost, Math.floor((room.value - timeWidth - 8) / lifelines.length))
  )
  const width = timeWidth + lifelines.length * columnWidth
  const move = (by: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, at + by))]
    if (row !== undefined) state.goTo(row.event.seq + 1)
  }
  return (
    <List
      scroller={scroller}
      class="sequence"
      role="list"
      label="Messages between actors"
      count={rows.length}
      rowHeight={rowHeight}
      revealed={at}
      headHeight={34}
      onKeyDown={(event) => {
        const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key]
        if (event.key.toLowerCase() === "a" || event.key.toLowerCase() === "d")
          scroller.current?.scrollBy({ left: event.key.toLowerCase() === "d" ? 80 : -80 })
        else if (by !== undefined && !event.shiftKey) move(by)
        else return
        event.preventDefault()
      }}
      head={
        <div class="lifelines" role="presentation" style={{ width: `${width}px` }}>
          {lifelines.map((key, i) => (
            <bdi
              key={key}
              class={key === "" ? "is-outside" : ""}
              style={{ left: `${xOf(i, columnWidth) - columnWidth / 2 + 4}px`, width: `${columnWidth - 8}px` }}
              title={plain(key, 400)}
            >
              {key === "" ? "outside" : shortOf(key)}
            </bdi>
          ))}
        </div>
      }
      row={(i) => {
        const row = rows[i]
        return row === undefined ? null : (
          <Row
            row={row}
            lifelines={lifelines.length}
            width={width}
            columnWidth={columnWidth}
            start={start}
            isAt={i === at}
            isFuture={row.event.seq >= seq}
          />
        )
      }}
    />
  )
}

/** The last two parts of a key say enough beside its neighbours. */
const shortOf = (key: string) => {
  const parts = key.split("/")
  return plain(parts.length <= 2 ? key : `…/${parts.slice(-2).join("/")}`, 60)
}

interface RowProps {
  readonly row: SequenceRow
  readonly lifelines: number
  readonly width: number
  readonly columnWidth: number
  readonly start: number
  readonly isAt: boolean
  readonly isFuture: boolean
}

const Row = ({ row, lifelines, width, columnWidth, start, isAt, isFuture }: RowProps) => {
  const { event, kind, from, to, label } = row
  const middle = rowHeight / 2
  const a = xOf(from, columnWidth)
  const b = xOf(to, columnWidth)
  const text = plain(label, 40)
  const isSelf = a === b
  const tip = b > a ? -5 : 5
  return (
    <div
      class={`sequence-row is-${kind} ${isAt ? "is-at" : ""} ${isFuture ? "is-future" : ""}`}
      role="listitem"
      style={{ width: `${width}px` }}
      aria-label={`${since(event.t, start)}: ${text}`}
      aria-current={isAt ? "true" : undefined}
      onClick={() => {
        state.goTo(event.seq + 1)
        if ("actor" in event) {
          const actor = state.view.value?.actors.get(event.actor)
          if (actor !== undefined)
            state.select({
              ...(actor.run === undefined ? {} : { run: actor.run }),
              ...(actor.task === undefined || actor.task === "" ? {} : { task: actor.task }),
              actor: actor.key
            })
        }
      }}
    >
      <span class="num faint sequence-time">{since(event.t, start)}</span>
      <svg class="sequence-lines" width={width} height={rowHeight} aria-hidden="true">
        {Array.from({ length: lifelines }, (_, i) => (
          <path key={i} class="lifeline" d={`M${xOf(i, columnWidth)} 0v${rowHeight}`} />
        ))}
        {kind === "step" ? (
          <g class="sequence-state">
            <rect
              x={a - Math.min(60, text.length * 3.4 + 9)}
              y="4"
              width={Math.min(120, text.length * 6.8 + 18)}
              height={rowHeight - 8}
              rx="9"
            />
            <text x={a} y={middle}>
              {text.length > 17 ? `${text.slice(0, 16)}…` : text}
            </text>
          </g>
        ) : isSelf ? (
          <g class="sequence-arrow">
            <path d={`M${a} 7h18v${rowHeight - 14}h-14`} />
            <path class="sequence-tip" d={`M${a + 7} ${rowHeight - 10.5}l-5 3.5l5 3.5`} />
            <text class="is-left" x={a + 24} y={middle}>
              {text}
            </text>
          </g>
        ) : (
          <g class="sequence-arrow">
            <path d={`M${a} ${middle + 4}H${b + tip * 0.6}`} />
            <path
              class="sequence-tip"
              d={`M${b + tip * 1.2} ${middle + 0.5}L${b} ${middle + 4}L${b + tip * 1.2} ${middle + 7.5}`}
            />
            <text
              x={
                Math.max(a, b) - Math.min(a, b) > columnWidth * 3
                  ? b > a
                    ? b - columnWidth
                    : b + columnWidth
                  : (a + b) / 2
              }
              y={middle - 4}
            >
              {text.length > 24 && Math.abs(a - b) <= columnWidth ? `${text.slice(0, 22)}…` : text}
            </text>
          </g>
        )}
      </svg>
    </div>
  )
}

const Table = ({ data, start, seq }: Props) => (
  <section class="table-box" tabIndex={0} aria-label="Messages between actors">
    <table class="big-table">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">From</th>
          <th scope="col">What</th>
          <th scope="col">To</th>
          <th scope="col">With</th>
        </tr>
      </thead>
      <tbody>
        {data.rows.map(({ event, kind, from, to, label }) => (
          <tr key={event.seq} class={event.seq === seq - 1 ? "is-active" : event.seq >= seq ? "is-future" : ""}>
            <td class="num" title={clock(event.t)}>
              {since(event.t, start)}
            </td>
            <td>{data.lifelines[from] === "" ? "outside" : plain(data.lifelines[from]!, 80)}</td>
            <td>
              <button type="button" class="link" onClick={() => state.goTo(event.seq + 1)}>
                {kind === "step" ? `comes to ${plain(label, 60)}` : plain(label, 80)}
              </button>
            </td>
            <td>{kind === "step" ? "" : data.lifelines[to] === "" ? "outside" : plain(data.lifelines[to]!, 80)}</td>
            <td class="faint">
              {brief("data" in event ? event.data : "params" in event ? event.params : undefined, 80)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </section>
)
