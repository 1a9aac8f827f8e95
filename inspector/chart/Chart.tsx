/** The statechart of the selected actor: where it is, and the edge that it took last. */
import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { type ChartShape, statesOf } from "../../src/inspect/shape.ts"
import type { ActorView, View } from "../../src/inspect/view.ts"
import { plain, stateText } from "../format.ts"
import { Icon } from "../icons.tsx"
import { usePan } from "../pan.ts"
import { state } from "../state.ts"
import {
  type Box,
  type Layout,
  lineHeight,
  linesMost,
  noteHeight,
  pathOf,
  quickLayout,
  titleHeight,
  type Wire
} from "./layout.ts"

export const Chart = () => {
  const view = state.view.value
  const actor = view === undefined ? undefined : charted(view, state.actorKey.value, state.run.value?.run)
  const shape = actor === undefined ? undefined : view?.charts.get(actor.logic)
  if (actor === undefined || shape === undefined)
    return (
      <div class="empty">
        <Icon name="chart" size={22} />
        <p>
          {view === undefined || view.actors.size === 0
            ? "No actor has come yet."
            : "What is selected follows no statechart. Select an actor on the left."}
        </p>
      </div>
    )
  const active = new Set(statesOf(shape.id, actor.value).flatMap((id) => withParents(shape, id)))
  return (
    <div class="picture-frame">
      <div class="picture-head">
        <bdi class="strong">{plain(actor.key, 100)}</bdi>
        <span class="faint">
          follows <code>{plain(actor.logic, 40)}</code>, is in <code>{stateText(actor.value) || "–"}</code>
        </span>
      </div>
      {state.isTable.value ? (
        <Transitions shape={shape} actor={actor} active={active} />
      ) : (
        <Picture shape={shape} actor={actor} active={active} />
      )}
    </div>
  )
}

/** The selected actor, where it has a chart; else that of the run; else the first that has one. */
const charted = (view: View, key: string | undefined, run: string | undefined): ActorView | undefined => {
  const selected = key === undefined ? undefined : view.actors.get(key)
  if (selected !== undefined) return selected
  const own = run === undefined ? undefined : view.actors.get(run)
  if (own !== undefined && view.charts.has(own.logic)) return own
  for (const actor of view.actors.values()) if (view.charts.has(actor.logic)) return actor
  return undefined
}

const withParents = (shape: ChartShape, id: string): ReadonlyArray<string> => {
  const found = [id]
  for (
    let at = shape.states.find((one) => one.id === id)?.parent;
    at !== undefined;
    at = shape.states.find((one) => one.id === at)?.parent
  )
    found.push(at)
  return found
}

interface ChartProps {
  readonly shape: ChartShape
  readonly actor: ActorView
  readonly active: ReadonlySet<string>
}

/** Layouts that were worked out, by the chart itself. */
const worked = new WeakMap<ChartShape, Layout>()

const Picture = ({ shape, actor, active }: ChartProps) => {
  const quick = useMemo(() => worked.get(shape) ?? quickLayout(shape), [shape])
  const better = useSignal<{ readonly shape: ChartShape; readonly layout: Layout } | undefined>(undefined)
  useEffect(() => {
    if (worked.has(shape)) return
    let isOld = false
    void import("./better.ts")
      .then(({ betterLayout }) => betterLayout(shape))
      .then((layout) => {
        if (layout === undefined) return
        worked.set(shape, layout)
        if (!isOld) better.value = { shape, layout }
      })
    return () => {
      isOld = true
    }
  }, [shape])
  const isBetter = better.value?.shape === shape || worked.has(shape)
  const layout = better.value?.shape === shape ? better.value.layout : quick
  const here = layout.boxes.findLast(({ id }) => active.has(id))
  const focus = here === undefined ? undefined : { x: here.x + here.width / 2, y: here.y + here.height / 2 }
  const pan = usePan(layout.width, layout.height, `${shape.id} ${isBetter}`, focus)
  const { edge } = actor
  const isTaken = (wire: Wire) => edge !== undefined && wire.from === edge.from && wire.to === edge.to
  const isNow = edge !== undefined && edge.seq === state.seq.value - 1
  const { x, y, scale } = pan.place
  return (
    <div class="picture-box">
      <svg
        ref={pan.box}
        class="picture chart"
        role="img"
        // in a picture names of attributes are taken letter by letter
        tabindex={0}
        aria-label={`Statechart ${plain(shape.id)}: in ${stateText(actor.value) || "no state"}${edge === undefined ? "" : `, came by ${plain(edge.event)} from ${plain(edge.from)}`}. Press T for the table.`}
        onKeyDown={pan.onKeyDown}
      >
        <defs>
          <Arrow id="arrow" size={8} d="M0 0.8L7.5 4L0 7.2z" />
          <Arrow id="arrow-taken" size={10} d="M0 0.5L7.5 4L0 7.5z" />
          <Arrow id="arrow-open" size={9} d="M0 0.8L7.5 4L0 7.2z" />
        </defs>
        <g transform={`translate(${x} ${y}) scale(${scale})`}>
          {layout.boxes.map((box) => (
            <StateBox
              key={box.id}
              box={box}
              isActive={active.has(box.id)}
              isCompound={layout.boxes.some(({ state: { parent } }) => parent === box.id)}
            />
          ))}
          {layout.wires.map((wire) =>
            isTaken(wire) ? null : <WireLine key={wire.id} wire={wire} isOpen={active.has(wire.from)} />
          )}
          {layout.wires.map((wire) =>
            isTaken(wire) ? <WireLine key={`${wire.id} taken`} wire={wire} taken={edge!.event} isNow={isNow} /> : null
          )}
        </g>
      </svg>
      <PanTools pan={pan} />
    </div>
  )
}

export const PanTools = ({
  pan
}: {
  readonly pan: { readonly fit: () => void; readonly zoom: (by: number) => void }
}) => (
  <div class="pan-tools" role="toolbar" aria-label="Size of the picture">
    <button type="button" class="tool" aria-label="Larger (+)" title="Larger (+)" onClick={() => pan.zoom(1.25)}>
      <Icon name="plus" size={14} />
    </button>
    <button type="button" class="tool" aria-label="Smaller (−)" title="Smaller (−)" onClick={() => pan.zoom(0.8)}>
      <Icon name="minus" size={14} />
    </button>
    <button type="button" class="tool" aria-label="All of it (0)" title="All of it (0)" onClick={pan.fit}>
      <Icon name="fit" size={14} />
    </button>
  </div>
)

const StateBox = ({
  box,
  isActive,
  isCompound
}: {
  readonly box: Box
  readonly isActive: boolean
  readonly isCompound: boolean
}) => {
  const { state: shown, width, height, notes } = box
  return (
    <g
      class={`state is-${shown.type} ${isActive ? "is-active" : ""} ${isCompound ? "is-compound" : ""}`}
      transform={`translate(${box.x} ${box.y})`}
    >
      {shown.isInitial === true ? (
        <g class="initial">
          <circle cx="-15" cy={-5} r="3.5" />
          <path d={`M-12 -3.5Q-6 0 -5 6Q-5 12 0 12`} />
        </g>
      ) : null}
      <rect class="state-box" width={width} height={height} rx="7" />
      {shown.type === "final" ? (
        <rect class="state-inner" x="3" y="3" width={width - 6} height={height - 6} rx="4.5" />
      ) : null}
      {isActive && !isCompound ? (
        <g class="state-sign">
          <circle cx="14" cy={titleHeight / 2 + (notes.length === 0 ? 2 : 0)} r="3.5" />
        </g>
      ) : null}
      <text
        class="state-name"
        x={isActive && !isCompound ? 24 : isCompound ? 12 : 14}
        y={titleHeight / 2 + (notes.length === 0 ? 2 : 0)}
      >
        {plain(shown.key, 40)}
      </text>
      {notes.length === 0 ? null : <path class="state-rule" d={`M0 ${titleHeight}h${width}`} />}
      {notes.map((note, i) => (
        <text key={note} class="state-note" x="11" y={titleHeight + 12 + i * noteHeight}>
          {note}
        </text>
      ))}
      <title>{plain(shown.description ?? shown.id, 400)}</title>
    </g>
  )
}

const WireLine = ({
  wire,
  taken,
  isNow = false,
  isOpen = false
}: {
  readonly wire: Wire
  readonly taken?: string
  readonly isNow?: boolean
  /** It may be taken next: it leaves a state that it is in. */
  readonly isOpen?: boolean
}) => {
  const { label, lines, edges } = wire
  const d = pathOf(wire)
  const isTaken = taken !== undefined
  return (
    <g class={`wire ${isTaken ? "is-taken" : isOpen ? "is-open" : ""} ${isNow ? "is-now" : ""}`}>
      <path
        class="wire-line"
        d={d}
        marker-end={isTaken ? "url(#arrow-taken)" : isOpen ? "url(#arrow-open)" : "url(#arrow)"}
      />
      {isNow ? <path class="wire-flow" d={d} /> : null}
      <g transform={`translate(${label.x} ${label.y})`}>
        <rect class="wire-ground" width={label.width} height={label.height} rx="3" />
        {lines.map(({ event, guard }, i) => (
          <text
            key={i}
            class={`wire-text ${isTaken && edges[i]?.event === taken ? "is-taken" : ""}`}
            x="5"
            y={lineHeight / 2 + 2 + i * lineHeight}
          >
            {event}
            {guard === "" ? null : <tspan class="wire-guard"> {guard}</tspan>}
          </text>
        ))}
        {edges.length > linesMost ? (
          <text class="wire-guard" x="5" y={lineHeight / 2 + 2 + linesMost * lineHeight}>
            {`and ${edges.length - linesMost} more`}
          </text>
        ) : null}
      </g>
      <title>
        {edges
          .map(
            ({ event, guard, actions }) =>
              `${plain(event === "" ? "always" : event)}${guard === undefined ? "" : ` [${plain(guard)}]`}${actions === undefined ? "" : ` / ${actions.map((one) => plain(one)).join(", ")}`}`
          )
          .join("\n")}
      </title>
    </g>
  )
}

/** The head of an edge; it looks as its class says, which is its id. */
const Arrow = ({ id, size, d }: { readonly id: string; readonly size: number; readonly d: string }) => (
  <marker
    id={id}
    viewBox="0 0 8 8"
    refX="7"
    refY="4"
    markerWidth={size}
    markerHeight={size}
    markerUnits="userSpaceOnUse"
    orient="auto-start-reverse"
  >
    <path d={d} class={id} />
  </marker>
)

/** The chart as a table: every transition, those that stay in their state too. */
const Transitions = ({ shape, actor, active }: ChartProps) => {
  const { edge } = actor
  const keyOf = (id: string) => plain(id.startsWith(`${shape.id}.`) ? id.slice(shape.id.length + 1) : id, 80)
  return (
    <section class="table-box" tabIndex={0} aria-label={`Transitions of ${plain(shape.id)}`}>
      <table class="big-table">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Event</th>
            <th scope="col">Guard</th>
            <th scope="col">To</th>
            <th scope="col">Actions</th>
          </tr>
        </thead>
        <tbody>
          {shape.edges.map((one, i) => {
            const isTaken =
              edge !== undefined && one.from === edge.from && one.to === edge.to && one.event === edge.event
            return (
              <tr key={i} class={`${active.has(one.from) ? "is-active" : ""} ${isTaken ? "is-taken" : ""}`}>
                <th scope="row">
                  {keyOf(one.from)}
                  {active.has(one.from) ? <span class="chip">now</span> : null}
                </th>
                <td>
                  <code>{one.event === "" ? "always" : plain(one.event, 80)}</code>
                  {isTaken ? <span class="chip is-taken">last</span> : null}
                </td>
                <td>{one.guard === undefined ? <span class="faint">–</span> : plain(one.guard, 80)}</td>
                <td>{one.isInternal === true ? <span class="faint">stays</span> : keyOf(one.to)}</td>
                <td class="faint">{(one.actions ?? []).map((action) => plain(action, 60)).join(", ")}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </section>
  )
}
