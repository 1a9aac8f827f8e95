/** Moving and sizing a picture: drag, wheel, and keys. */
import { useSignal } from "@preact/signals"
import type { RefObject } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"

export interface Place {
  readonly x: number
  readonly y: number
  readonly scale: number
}

const scaleLeast = 0.1
const scaleMost = 3
/** What fits is not made larger than this. */
const fitMost = 1.15

export const fitted = (
  width: number,
  height: number,
  box: { readonly width: number; readonly height: number }
): Place => {
  const scale = Math.max(
    scaleLeast,
    Math.min(fitMost, box.width / Math.max(1, width), box.height / Math.max(1, height))
  )
  return { scale, x: (box.width - width * scale) / 2, y: (box.height - height * scale) / 2 }
}

export interface Pan {
  readonly box: RefObject<SVGSVGElement | null>
  readonly place: Place
  readonly size: { readonly width: number; readonly height: number }
  readonly fit: () => void
  readonly zoom: (by: number) => void
  readonly onKeyDown: (event: KeyboardEvent) => void
}

/** Smaller than this nothing can be read: what matters is shown instead of all. */
const readable = 0.78

/** All of it, or, where that would be too small to read, as much as there is room for around what matters. */
export const shown = (
  width: number,
  height: number,
  box: { readonly width: number; readonly height: number },
  focus: { readonly x: number; readonly y: number } | undefined
): Place => {
  const all = fitted(width, height, box)
  if (all.scale >= readable || focus === undefined) return all
  const within = (place: number, whole: number, room: number) =>
    whole * readable <= room
      ? (room - whole * readable) / 2
      : Math.max(room - whole * readable, Math.min(0, room / 2 - place * readable))
  return { scale: readable, x: within(focus.x, width, box.width), y: within(focus.y, height, box.height) }
}

/**
 * `width` and `height` are those of the picture, `focus` is what matters in it; when `key` changes, it is shown anew. Once somebody
 * has moved it, it stays where it was put.
 */
export const usePan = (
  width: number,
  height: number,
  key: string,
  focus: { readonly x: number; readonly y: number } | undefined
): Pan => {
  const box = useRef<SVGSVGElement>(null)
  const place = useSignal<Place>({ x: 0, y: 0, scale: 1 })
  const size = useSignal({ width: 600, height: 400 })
  /** Somebody has moved it: it stays where it is put. */
  const isMoved = useRef(false)
  /** Somebody wants to see all of it. */
  const isWhole = useRef(false)
  const fitAll = () => {
    // what was asked for stays, whatever is drawn anew
    isMoved.current = true
    isWhole.current = true
    place.value = fitted(width, height, size.peek())
  }
  const zoomAt = (by: number, x: number, y: number) => {
    const now = place.peek()
    const scale = Math.max(scaleLeast, Math.min(scaleMost, now.scale * by))
    const share = scale / now.scale
    isMoved.current = true
    isWhole.current = false
    place.value = { scale, x: x - (x - now.x) * share, y: y - (y - now.y) * share }
  }
  const zoom = (by: number) => zoomAt(by, size.peek().width / 2, size.peek().height / 2)
  const move = (x: number, y: number) => {
    isMoved.current = true
    isWhole.current = false
    place.value = { ...place.peek(), x: place.peek().x + x, y: place.peek().y + y }
  }
  const latest = useRef({ width, height, focus })
  latest.current = { width, height, focus }
  const showAnew = () => {
    const { width: wide, height: high, focus: at } = latest.current
    place.value = shown(wide, high, size.peek(), at)
  }

  useLayoutEffect(() => {
    const element = box.current!
    const measure = () => {
      size.value = { width: element.clientWidth, height: element.clientHeight }
      if (isWhole.current) place.value = fitted(latest.current.width, latest.current.height, size.value)
      else if (!isMoved.current) showAnew()
    }
    const watch = new ResizeObserver(measure)
    watch.observe(element)
    measure()
    return () => watch.disconnect()
  }, [])
  useLayoutEffect(() => {
    if (isWhole.current) return fitAll()
    isMoved.current = false
    showAnew()
  }, [key])
  useLayoutEffect(() => {
    if (!isMoved.current) showAnew()
  }, [focus?.x, focus?.y])
  useEffect(() => {
    const element = box.current!
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      const { left, top } = element.getBoundingClientRect()
      zoomAt(
        Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)),
        event.clientX - left,
        event.clientY - top
      )
    }
    let from: { readonly x: number; readonly y: number } | undefined
    const onDown = (event: PointerEvent) => {
      if (event.button !== 0) return
      from = { x: event.clientX, y: event.clientY }
      element.setPointerCapture(event.pointerId)
    }
    const onMove = (event: PointerEvent) => {
      if (from === undefined) return
      move(event.clientX - from.x, event.clientY - from.y)
      from = { x: event.clientX, y: event.clientY }
    }
    const onUp = () => {
      from = undefined
    }
    element.addEventListener("wheel", onWheel, { passive: false })
    element.addEventListener("pointerdown", onDown)
    element.addEventListener("pointermove", onMove)
    element.addEventListener("pointerup", onUp)
    element.addEventListener("pointercancel", onUp)
    return () => {
      element.removeEventListener("wheel", onWheel)
      element.removeEventListener("pointerdown", onDown)
      element.removeEventListener("pointermove", onMove)
      element.removeEventListener("pointerup", onUp)
      element.removeEventListener("pointercancel", onUp)
    }
  }, [])
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const far = event.shiftKey ? 160 : 48
    switch (event.key.toLowerCase()) {
      case "w":
        move(0, far)
        break
      case "s":
        move(0, -far)
        break
      case "a":
        move(far, 0)
        break
      case "d":
        move(-far, 0)
        break
      case "+":
      case "=":
        zoom(1.2)
        break
      case "-":
        zoom(1 / 1.2)
        break
      case "0":
        fitAll()
        break
      default:
        return
    }
    event.preventDefault()
  }
  return { box, place: place.value, size: size.value, fit: fitAll, zoom, onKeyDown }
}
