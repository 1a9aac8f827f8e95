/** Where a picture is looked at from: the point at the upper left of the viewport, and how many pixels a unit is long. */
import type { Box } from "./boxes.ts"

export interface Camera {
  readonly x: number
  readonly y: number
  readonly k: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** What can be seen. */
export const seen = ({ x, y, k }: Camera, { width, height }: Size): Box => ({ x, y, w: width / k, h: height / k })

/** The same picture, moved by so many pixels. */
export const moved = ({ x, y, k }: Camera, dx: number, dy: number): Camera => ({ x: x - dx / k, y: y - dy / k, k })

/** Zooms, and keeps what is at a pixel where it is. */
export const zoomed = ({ x, y, k }: Camera, factor: number, px: number, py: number, least: number): Camera => {
  const next = Math.min(largest, Math.max(least, k * factor))
  return { x: x + px / k - px / next, y: y + py / k - py / next, k: next }
}
/** Closest one can look. */
export const largest = 2.5

/** Shows all of a box in the middle, at most at its own size. */
export const fitted = (box: Box, { width, height }: Size, margin = 24): Camera => {
  const k = Math.min(1, (width - 2 * margin) / Math.max(1, box.w), (height - 2 * margin) / Math.max(1, box.h))
  return centred(box, { width, height }, Math.max(k, 0.0001))
}

export const centred = (box: Box, { width, height }: Size, k: number): Camera => ({
  x: box.x + box.w / 2 - width / k / 2,
  y: box.y + box.h / 2 - height / k / 2,
  k
})

/** The nearest camera that shows a box whole, or its beginning where it is too large. */
export const shown = (camera: Camera, box: Box, size: Size, margin = 16): Camera => {
  const view = seen(camera, size)
  const by = margin / camera.k
  const shift = (start: number, length: number, from: number, long: number): number =>
    from - by < start || long + 2 * by > length
      ? from - by
      : from + long + by > start + length
        ? from + long + by - length
        : start
  return { ...camera, x: shift(view.x, view.w, box.x, box.w), y: shift(view.y, view.h, box.y, box.h) }
}

/** Between two cameras; `share` from 0 to 1. */
export const between = (from: Camera, to: Camera, share: number): Camera => ({
  x: from.x + (to.x - from.x) * share,
  y: from.y + (to.y - from.y) * share,
  k: from.k * (to.k / from.k) ** share
})
