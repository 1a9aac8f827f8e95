/**
 * A list of rows of one height of which only those in sight exist. Fixed heights need no measuring, so this is arithmetic
 * (`rows.ts`) and a scroll listener; above some hundred thousand rows the wheel moves by rows, because pixels run out.
 */
import { useSignal } from "@preact/signals"
import type { ComponentChildren, RefObject } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { drawn, heightMost, reveal, scrollOf, tall, topOf } from "./rows.ts"

export interface ListProps {
  readonly count: number
  readonly rowHeight: number
  /** Without a key: rows that come to other places are written anew into the elements there are, which is quicker than moving them. */
  readonly row: (index: number) => ComponentChildren
  /** This row is brought into sight whenever it, or `revealOn`, changes. */
  readonly revealed?: number | undefined
  readonly class?: string
  readonly role?: "treegrid" | "grid" | "table" | "listbox" | "list" | "none"
  readonly label: string
  readonly rowCount?: number
  readonly active?: string | undefined
  readonly onKeyDown?: (event: KeyboardEvent) => void
  readonly columns?: number
  readonly scroller?: RefObject<HTMLDivElement | null>
  /** Stands above the rows and stays, `headHeight` tall. */
  readonly head?: ComponentChildren
  readonly headHeight?: number
}

export const List = (props: ListProps) => {
  const { count, rowHeight, row, revealed, label, role = "list", active, columns, head, headHeight = 0 } = props
  const own = useRef<HTMLDivElement>(null)
  const box = props.scroller ?? own
  const height = useSignal(300)
  const top = useSignal(0)
  /** The scroll position that was set here: hearing of it again must not round the top. */
  const set = useRef(-1)
  const size = { count, rowHeight, height: height.value }

  useLayoutEffect(() => {
    const element = box.current!
    const watch = new ResizeObserver(() => {
      height.value = element.clientHeight - headHeight
    })
    watch.observe(element)
    height.value = element.clientHeight - headHeight
    return () => watch.disconnect()
  }, [])

  const moveTo = (next: number) => {
    const element = box.current!
    top.value = next
    const at = Math.round(scrollOf({ ...size, height: height.peek() }, next))
    set.current = at
    if (Math.abs(element.scrollTop - at) >= 1) element.scrollTop = at
  }

  useLayoutEffect(() => {
    if (revealed === undefined || revealed < 0) return
    const next = reveal({ count, rowHeight, height: height.peek() }, top.peek(), revealed)
    if (next !== undefined) moveTo(next)
  }, [revealed, count === 0])

  useEffect(() => {
    const element = box.current!
    const onWheel = (event: WheelEvent) => {
      if (count * rowHeight <= heightMost || event.ctrlKey) return
      event.preventDefault()
      const rows = event.deltaMode === 1 ? event.deltaY : event.deltaY / rowHeight
      moveTo(Math.max(0, Math.min(top.peek() + rows, count - height.peek() / rowHeight)))
    }
    element.addEventListener("wheel", onWheel, { passive: false })
    return () => element.removeEventListener("wheel", onWheel)
  }, [count, rowHeight])

  const { from, to, y } = drawn(size, Math.min(top.value, Math.max(0, count - 1)))
  const shown: Array<ComponentChildren> = []
  for (let i = from; i < to; i++) shown.push(row(i))
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the role is given by whoever has the rows
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: the same
    <div
      ref={box}
      class={`list ${props.class ?? ""}`}
      role={role}
      aria-label={label}
      aria-rowcount={role === "list" || role === "listbox" || role === "none" ? undefined : (props.rowCount ?? count)}
      aria-colcount={columns}
      aria-activedescendant={active}
      tabIndex={0}
      onKeyDown={props.onKeyDown}
      onScroll={({ currentTarget }) => {
        const at = currentTarget.scrollTop
        if (Math.abs(at - set.current) < 1) return
        set.current = -1
        top.value = topOf({ count, rowHeight, height: height.peek() }, at)
      }}
    >
      {head}
      <div class="list-all" role="presentation" style={{ height: `${tall(size)}px` }}>
        <div
          class="list-shown"
          role={role === "list" || role === "listbox" ? "presentation" : "rowgroup"}
          style={{ transform: `translateY(${y}px)` }}
        >
          {shown}
        </div>
      </div>
    </div>
  )
}
