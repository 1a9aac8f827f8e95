/** What hands do on a picture: wheel, drag, pinch, click. Tells of them in pixels from its upper left; moves nothing itself. */

export interface Hands {
  /** Moves by so much; a hand that drags is at `x`, `y`. */
  readonly pan: (dx: number, dy: number, x?: number, y?: number) => void
  readonly zoom: (factor: number, x: number, y: number) => void
  /** Once, and twice after that where it was twice. */
  readonly click: (x: number, y: number, times: 1 | 2) => void
  readonly hover: (x: number, y: number) => void
  readonly leave: () => void
  /** A hand comes down, and is lifted again. */
  readonly grab?: (x: number, y: number) => void
  readonly drop?: () => void
  /** Turns of the wheel; `false` when they are not for the picture. */
  readonly wheel?: (event: WheelEvent) => boolean
}

/** Pixels that a hand may tremble and still click. */
const tremble = 4

/** Listens until it is told to stop. */
export const listen = (element: HTMLElement, hands: Hands): (() => void) => {
  const down = new Map<number, { x: number; y: number }>()
  let travelled = 0
  const place = (event: { readonly clientX: number; readonly clientY: number }) => {
    const { left, top } = element.getBoundingClientRect()
    return { x: event.clientX - left, y: event.clientY - top }
  }
  const isControl = (event: Event) => (event.target as Element).closest("button,select,input,[data-own-hands]") !== null
  const onWheel = (event: WheelEvent) => {
    if (isControl(event) || hands.wheel?.(event) === false) return
    event.preventDefault()
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1
    const { x, y } = place(event)
    if (event.shiftKey) hands.pan(-(event.deltaX + event.deltaY) * unit, 0)
    else if (event.deltaX !== 0 && !event.ctrlKey) hands.pan(-event.deltaX * unit, -event.deltaY * unit)
    else hands.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), x, y)
  }
  const onDown = (event: PointerEvent) => {
    if (event.button > 1 || isControl(event)) return
    element.setPointerCapture(event.pointerId)
    if (down.size === 0) travelled = 0
    const at = place(event)
    down.set(event.pointerId, at)
    if (down.size === 1) hands.grab?.(at.x, at.y)
  }
  const onMove = (event: PointerEvent) => {
    const now = place(event)
    const before = down.get(event.pointerId)
    if (before === undefined) {
      if (event.pointerType === "mouse") hands.hover(now.x, now.y)
      return
    }
    const [dx, dy] = [now.x - before.x, now.y - before.y]
    travelled += Math.abs(dx) + Math.abs(dy)
    if (down.size === 2) {
      const other = [...down].find(([id]) => id !== event.pointerId)![1]
      const span = (point: { x: number; y: number }) => Math.hypot(point.x - other.x, point.y - other.y)
      hands.zoom(Math.max(1, span(now)) / Math.max(1, span(before)), (now.x + other.x) / 2, (now.y + other.y) / 2)
      hands.pan(dx / 2, dy / 2)
    } else if (travelled > tremble) hands.pan(dx, dy, now.x, now.y)
    down.set(event.pointerId, now)
  }
  const onUp = (event: PointerEvent) => {
    if (!down.delete(event.pointerId) || down.size > 0) return
    const { x, y } = place(event)
    hands.drop?.()
    if (travelled <= tremble && event.type === "pointerup") hands.click(x, y, 1)
  }
  const onTwice = (event: MouseEvent) => {
    if (isControl(event)) return
    const { x, y } = place(event)
    hands.click(x, y, 2)
  }
  element.addEventListener("wheel", onWheel, { passive: false })
  element.addEventListener("pointerdown", onDown)
  element.addEventListener("pointermove", onMove)
  element.addEventListener("pointerup", onUp)
  element.addEventListener("pointercancel", onUp)
  element.addEventListener("pointerleave", hands.leave)
  element.addEventListener("dblclick", onTwice)
  return () => {
    element.removeEventListener("wheel", onWheel)
    element.removeEventListener("pointerdown", onDown)
    element.removeEventListener("pointermove", onMove)
    element.removeEventListener("pointerup", onUp)
    element.removeEventListener("pointercancel", onUp)
    element.removeEventListener("pointerleave", hands.leave)
    element.removeEventListener("dblclick", onTwice)
  }
}

/** The keys that move a picture: pixels to pan, a factor to zoom by, or `fit`. */
export const keyMoves: {
  readonly [key: string]: { readonly pan?: readonly [number, number]; readonly zoom?: number; readonly fit?: true }
} = {
  w: { pan: [0, 80] },
  s: { pan: [0, -80] },
  a: { pan: [80, 0] },
  d: { pan: [-80, 0] },
  "+": { zoom: 1.25 },
  "=": { zoom: 1.25 },
  "-": { zoom: 0.8 },
  "0": { fit: true }
}

/** How long the second of two keys may take, as in the page. */
const secondWithinMs = 1_500

/** Tells the keys of the page from those of a picture: both of two that begin with G, arrows with Shift, and all with Control and the like. */
export const pageKeys = (): ((event: KeyboardEvent) => boolean) => {
  let begun = Number.NEGATIVE_INFINITY
  return ({ key, timeStamp, ctrlKey, metaKey, altKey, shiftKey }) => {
    const isSecond = timeStamp - begun < secondWithinMs
    begun = key.toLowerCase() === "g" ? timeStamp : Number.NEGATIVE_INFINITY
    return isSecond || ctrlKey || metaKey || altKey || (shiftKey && key.startsWith("Arrow"))
  }
}
