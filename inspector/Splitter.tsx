/** The line between two panes, which can be moved. */
import type { Signal } from "@preact/signals"
import { useRef } from "preact/hooks"

export const Splitter = ({
  label,
  size,
  least,
  most,
  direction,
  axis
}: {
  readonly label: string
  readonly size: Signal<number>
  readonly least: number
  readonly most: number
  /** Whether moving right (or down) makes it larger. */
  readonly direction: 1 | -1
  readonly axis: "x" | "y"
}) => {
  const from = useRef<{ readonly at: number; readonly size: number } | undefined>(undefined)
  const set = (value: number) => {
    size.value = Math.round(Math.max(least, Math.min(most, value)))
  }
  const at = (event: PointerEvent) => (axis === "x" ? event.clientX : event.clientY)
  return (
    <div
      class={`splitter is-${axis}`}
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={axis === "x" ? "vertical" : "horizontal"}
      aria-valuenow={size.value}
      aria-valuemin={least}
      aria-valuemax={most}
      onPointerDown={(event) => {
        from.current = { at: at(event), size: size.peek() }
        event.currentTarget.setPointerCapture(event.pointerId)
      }}
      onPointerMove={(event) => {
        if (from.current !== undefined) set(from.current.size + (at(event) - from.current.at) * direction)
      }}
      onPointerUp={() => {
        from.current = undefined
      }}
      onKeyDown={(event) => {
        const by =
          axis === "x" ? { ArrowLeft: -16, ArrowRight: 16 }[event.key] : { ArrowUp: -16, ArrowDown: 16 }[event.key]
        if (by === undefined) return
        event.preventDefault()
        set(size.peek() + by * direction)
      }}
    />
  )
}
