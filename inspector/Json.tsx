/** A value as a tree that opens part by part, and the difference of two values the same way. Long lists are shown a piece at a time. */
import { useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import type { Json as Value } from "../src/model/json.ts"
import { type Difference, difference, tally } from "./diff.ts"
import { brief, count, lines, plain } from "./format.ts"
import { Icon } from "./icons.tsx"

/** Children that are shown at once. */
const pieceMost = 100

export const JsonTree = ({
  value,
  label,
  openTo = 1
}: {
  readonly value: Value | undefined
  readonly label: string
  readonly openTo?: number
}) => (
  <div class="json" role="group" aria-label={label}>
    {value === undefined ? (
      <span class="faint">none</span>
    ) : (
      <Branch name={undefined} value={value} depth={0} openTo={openTo} />
    )}
  </div>
)

const Branch = ({
  name,
  value,
  depth,
  openTo
}: {
  readonly name: string | undefined
  readonly value: Value
  readonly depth: number
  readonly openTo: number
}) => {
  if (value === null || typeof value !== "object")
    return (
      <Line depth={depth} name={name}>
        <Leaf value={value} />
      </Line>
    )
  const keys = Object.keys(value)
  return (
    <Folding
      name={name}
      depth={depth}
      isOpenAtFirst={depth < openTo && keys.length <= 40}
      summary={keys.length === 0 ? (Array.isArray(value) ? "[]" : "{}") : brief(value, 60)}
      size={keys.length}
      isList={Array.isArray(value)}
      child={(i) => (
        <Branch
          key={keys[i]!}
          name={keys[i]!}
          value={(value as { readonly [key: string]: Value })[keys[i]!]!}
          depth={depth + 1}
          openTo={openTo}
        />
      )}
    />
  )
}

const Folding = ({
  name,
  depth,
  isOpenAtFirst,
  summary,
  size,
  isList,
  child,
  className = ""
}: {
  readonly name: string | undefined
  readonly depth: number
  readonly isOpenAtFirst: boolean
  readonly summary: string
  readonly size: number
  readonly isList: boolean
  readonly child: (index: number) => ComponentChildren
  readonly className?: string
}) => {
  const isOpen = useSignal(isOpenAtFirst)
  const shown = useSignal(pieceMost)
  if (size === 0)
    return (
      <Line depth={depth} name={name} className={className}>
        <span class="faint">{summary}</span>
      </Line>
    )
  return (
    <>
      <button
        type="button"
        class={`json-line json-fold ${className} d${Math.min(depth, 12)}`}
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value
        }}
      >
        <Icon name="chevron" size={12} />
        {name === undefined ? null : <span class="json-key">{plain(name)}</span>}
        <span class="json-size">{isList ? `[${count(size)}]` : `{${count(size)}}`}</span>
        {isOpen.value ? null : <span class="json-brief">{summary}</span>}
      </button>
      {isOpen.value ? Array.from({ length: Math.min(size, shown.value) }, (_, i) => child(i)) : null}
      {isOpen.value && size > shown.value ? (
        <button
          type="button"
          class={`json-line json-more d${Math.min(depth + 1, 12)}`}
          onClick={() => {
            shown.value += pieceMost * 10
          }}
        >
          {count(size - shown.value)} more
        </button>
      ) : null}
    </>
  )
}

const Line = ({
  depth,
  name,
  className = "",
  children
}: {
  readonly depth: number
  readonly name: string | undefined
  readonly className?: string
  readonly children: ComponentChildren
}) => (
  <div class={`json-line d${Math.min(depth, 12)} ${className}`}>
    <span class="json-pad" />
    {name === undefined ? null : <span class="json-key">{plain(name)}</span>}
    {children}
  </div>
)

const Leaf = ({ value, className = "" }: { readonly value: Value; readonly className?: string }) => {
  const kind = value === null ? "null" : typeof value
  const text = typeof value === "string" ? lines(JSON.stringify(value).slice(0, 20_000)) : String(value)
  return <bdi class={`json-value json-${kind} ${className}`}>{text}</bdi>
}

/** What changed, with what did not left out beside it. */
export const DiffTree = ({
  before,
  after,
  label
}: {
  readonly before: Value | undefined
  readonly after: Value | undefined
  readonly label: string
}) => {
  const whole = difference(before, after)
  if (whole.change === "same") return <p class="quiet">This event changed nothing here.</p>
  const { added, removed, changed } = tally(whole)
  return (
    <div class="json json-diff" role="group" aria-label={label}>
      <p class="quiet diff-sum">
        {[
          [added, "added"],
          [removed, "removed"],
          [changed, "changed"]
        ]
          .filter(([n]) => n !== 0)
          .map(([n, word]) => `${n} ${word}`)
          .join(", ")}
      </p>
      <DiffBranch one={whole} depth={0} name={undefined} />
    </div>
  )
}

const signs = { added: "+", removed: "−", changed: "~" } as const

const DiffBranch = ({
  one,
  depth,
  name
}: {
  readonly one: Difference
  readonly depth: number
  readonly name: string | undefined
}) => {
  const { change, before, after, children } = one
  if (change === "same") return null
  if (change === "inside") {
    const moved = children.filter((child) => child.change !== "same")
    const kept = children.length - moved.length
    return (
      <>
        {name === undefined ? null : (
          <Line depth={depth} name={name}>
            <span class="json-size">{Array.isArray(after) ? `[${children.length}]` : `{${children.length}}`}</span>
          </Line>
        )}
        {moved.slice(0, pieceMost).map((child) => (
          <DiffBranch key={child.key} one={child} depth={name === undefined ? depth : depth + 1} name={child.key} />
        ))}
        {moved.length > pieceMost ? (
          <div class="json-line quiet">{count(moved.length - pieceMost)} more changes</div>
        ) : null}
        {kept > 0 ? (
          <div
            class={`json-line faint d${Math.min(name === undefined ? depth : depth + 1, 12)}`}
          >{`${count(kept)} unchanged`}</div>
        ) : null}
      </>
    )
  }
  const sign = signs[change]
  return (
    <div class={`json-line diff-${change} d${Math.min(depth, 12)}`}>
      <span class="diff-sign" aria-hidden="true">
        {sign}
      </span>
      <span class="sr">{change}: </span>
      {name === undefined ? null : <span class="json-key">{plain(name)}</span>}
      {change === "changed" ? (
        <>
          <bdi class="diff-was">{brief(before, 120)}</bdi>
          <span class="diff-arrow" aria-hidden="true">
            →
          </span>
          <span class="sr"> becomes </span>
          <bdi>{brief(after, 240)}</bdi>
        </>
      ) : (
        <bdi>{brief(change === "added" ? after : before, 320)}</bdi>
      )}
    </div>
  )
}
