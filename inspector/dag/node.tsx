/** One node of the graph, near enough to be read: who it is, how it stands, what it took. */
import type { TaskStatus } from "../../src/model/messages.ts"
import { statusOrder } from "../picture/looks.ts"
import { still } from "../picture/still.ts"
import type { PartKind } from "../picture/structure.ts"
import { fitText, fonts, textWidth } from "../picture/text.ts"
import { StatusGlyph, taskLooks, undoLook } from "../status.tsx"

export interface NodeProps {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
  readonly name: string
  readonly kind: PartKind
  readonly status: TaskStatus
  /** The second line: what it took, who did it. */
  readonly facts: string
  /** Read to people who hear the picture. */
  readonly title: string
  readonly isOpen: boolean
  readonly mayOpen: boolean
  readonly isCell: boolean
  readonly isItem: boolean
  /** How much of it there is room for. */
  readonly level: "near" | "middle" | "small"
  readonly isSelected: boolean
  readonly isCritical: boolean
  /** Counts of what is inside, by status, as text; empty where it is one thing. */
  readonly counts: string
  /** Whether its effect can be taken back, and what became of that. */
  readonly undo: "" | "possible" | TaskStatus
}

/** Side glyphs: what kind of thing it is, in a box of 16 by 16. */
export const kindIcons: Readonly<Record<Exclude<PartKind, "task" | "item" | "round">, string>> = {
  gate: "M5 2.5v11M11 2.5v11M5 5.5h6M5 10.5h6",
  sleep: "M12.8 9.6A5.3 5.3 0 0 1 6.4 3.2a5.3 5.3 0 1 0 6.4 6.4z",
  "fan-out": "M2.5 8H6M6 8l6-4.5M6 8h6.5M6 8l6 4.5",
  workflow: "M2.5 3h4v4h-4zM9.5 9h4v4h-4zM6.5 5h5v4",
  branch: "M2.5 8H6l4-4h3.5M6 8l4 4h3.5",
  loop: "M12.5 5.5A5.2 5.2 0 1 0 13.2 9M12.9 2.6v3h-3",
  plan: "M8 2l1.4 3.6L13 7l-3.6 1.4L8 12L6.6 8.4L3 7l3.6-1.4z"
}

/** Height of the line of names in an open box. */
const headHeight = 26

const draw = (props: NodeProps) => {
  const { id, x, y, w, h, status, title, isOpen, isCell, isSelected, isCritical } = props
  const look = taskLooks[status]
  const classes = `dag-node ${look.className}${isSelected ? " is-selected" : ""}${isCritical ? " is-critical" : ""}${status === "skipped" ? " is-skipped" : ""}${isOpen ? " is-open" : ""} is-${status}`
  return (
    // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a group of shapes is nothing to press
    <g id={id} class={classes} role="group" aria-label={title} transform={`translate(${x} ${y})`}>
      {isCell ? (
        <>
          <rect class="dag-cell" width={w} height={h} rx={4} fill={`url(#${look.pattern})`} />
          <StatusGlyph look={look} x={4} y={4} size={14} />
        </>
      ) : isOpen ? (
        <Opened {...props} />
      ) : props.level === "near" ? (
        <Near {...props} />
      ) : (
        <Middle {...props} />
      )}
      {isSelected ? <rect class="dag-ring" x={-4} y={-4} width={w + 8} height={h + 8} rx={10} /> : null}
    </g>
  )
}
export const DagNode = still(draw)

const Opened = ({ w, h, name, kind, status, facts, counts, level }: NodeProps) => {
  const look = taskLooks[status]
  const room = w - 74
  const shown = fitText(name, level === "near" ? Math.min(room, 260) : room / 1.5, fonts.name)
  const width = textWidth(shown, fonts.name)
  return (
    <>
      <rect class="dag-open" width={w} height={h} rx={9} />
      <path class="dag-twisty" d="M12 11l4 4l4-4" />
      <rect class="dag-hit" x={0} y={0} width={w} height={headHeight} />
      <StatusGlyph look={look} x={26} y={6} size={15} />
      <text class="dag-name" x={47} y={18}>
        {shown}
      </text>
      <KindGlyph kind={kind} x={52 + width} y={6} />
      {level === "near" ? (
        <text class="dag-facts" x={74 + width} y={18}>
          {fitText(facts, Math.max(0, room - width - 20), fonts.small)}
        </text>
      ) : null}
      <CountBar counts={counts} x={0} y={headHeight + 1} w={w} h={3} />
    </>
  )
}

const Near = ({ w, h, name, kind, status, facts, mayOpen, isItem, counts, undo }: NodeProps) => {
  const look = taskLooks[status]
  const rail = isItem ? 28 : 34
  const marks =
    (kind === "task" || kind === "item" || kind === "round" ? 0 : 18) + (undo === "" ? 0 : 18) + (mayOpen ? 18 : 0)
  const nameRoom = w - rail - 16 - marks
  return (
    <>
      {counts === "" ? null : <rect class="dag-stack" x={4} y={4} width={w} height={h} rx={8} />}
      <rect class="dag-box" width={w} height={h} rx={7} />
      <path class="dag-rail" d={railOf(rail, h)} fill={`url(#${look.pattern})`} />
      <StatusGlyph look={look} x={(rail - 16) / 2} y={(h - 16) / 2} size={16} />
      <text class="dag-name" x={rail + 9} y={isItem ? 19.5 : 19}>
        {fitText(name, nameRoom, fonts.name)}
      </text>
      {isItem ? null : (
        <text class="dag-facts" x={rail + 9} y={36}>
          <tspan class="dag-word">{look.label.toLowerCase()}</tspan>
          {fitText(
            facts === "" ? "" : ` · ${facts}`,
            w - rail - 16 - textWidth(look.label.toLowerCase(), fonts.small),
            fonts.small
          )}
        </text>
      )}
      {undo === "" ? null : (
        <UndoMark
          undo={undo}
          x={w - marks - 4 + (kind === "task" || kind === "item" || kind === "round" ? 0 : 18)}
          y={7}
        />
      )}
      <KindGlyph kind={kind} x={w - marks - 4 + 2} y={7} />
      {mayOpen ? <path class="dag-twisty" d={`M${w - 17} 10l5 5l-5 5`} /> : null}
      <CountBar counts={counts} x={rail + 9} y={h - 11} w={w - rail - 20} h={5} />
    </>
  )
}

/** Half as far: an icon and a name, large enough to be read. */
const Middle = ({ w, h, name, status, counts, isItem, level }: NodeProps) => {
  const look = taskLooks[status]
  const size = isItem ? 18 : level === "small" ? 34 : 28
  if (level === "small")
    return (
      <>
        <rect class="dag-cell" width={w} height={h} rx={7} fill={`url(#${look.pattern})`} />
        <StatusGlyph look={look} x={(w - size) / 2} y={(h - size) / 2} size={size} />
      </>
    )
  return (
    <>
      {counts === "" ? null : <rect class="dag-stack" x={4} y={4} width={w} height={h} rx={8} />}
      <rect class="dag-box" width={w} height={h} rx={7} />
      <path class="dag-rail" d={railOf(size + 14, h)} fill={`url(#${look.pattern})`} />
      <StatusGlyph look={look} x={7} y={(h - size) / 2} size={size} />
      <text class={isItem ? "dag-name" : "dag-name is-large"} x={size + 23} y={h / 2 + (isItem ? 4.5 : 7)}>
        {fitText(name, w - size - 30, isItem ? fonts.name : fonts.large)}
      </text>
    </>
  )
}

/** The left side of a box, with its corners. */
const railOf = (w: number, h: number): string =>
  `M${w} 0.5V${h - 0.5}H7A6.5 6.5 0 0 1 0.5 ${h - 7}V7A6.5 6.5 0 0 1 7 0.5z`

const KindGlyph = ({ kind, x, y }: { readonly kind: PartKind; readonly x: number; readonly y: number }) =>
  kind === "task" || kind === "item" || kind === "round" ? null : (
    <g class="dag-kind" transform={`translate(${x} ${y}) scale(0.9)`}>
      <path d={kindIcons[kind]} />
    </g>
  )

const UndoMark = ({
  undo,
  x,
  y
}: {
  readonly undo: "possible" | TaskStatus
  readonly x: number
  readonly y: number
}) => (
  <g class={undo === "possible" ? "dag-undo" : "dag-undo is-taken"}>
    <StatusGlyph look={undoLook} x={x} y={y} size={14} />
  </g>
)

/** Shares of what is inside, by status, each in its pattern. */
const CountBar = ({
  counts,
  x,
  y,
  w,
  h
}: {
  readonly counts: string
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}) => {
  if (counts === "") return null
  const all = counts.split(",").map(Number)
  const sum = all.reduce((total, count) => total + count, 0)
  if (sum === 0) return <rect class="dag-bar-ground" x={x} y={y} width={w} height={h} rx={h / 2} />
  let at = x
  return (
    <g class="dag-bar">
      {all.map((count, i) => {
        if (count === 0) return null
        // one failure of ten thousand is seen as well
        const width = Math.max(2, (w * count) / sum)
        const left = Math.min(at, x + w - width)
        at += (w * count) / sum
        const status = statusOrder[i]!
        return (
          <rect
            key={status}
            class={`dag-share ${taskLooks[status].className} is-${status}`}
            x={left}
            y={y}
            width={width}
            height={h}
          />
        )
      })}
    </g>
  )
}
