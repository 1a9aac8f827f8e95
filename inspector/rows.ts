/** Which rows of a long list are seen. Rows are of one height; a list that is too tall for a browser is scrolled by share of it. */

/** Browsers lose the last rows of elements taller than this (Firefox at 17 million pixels, Chromium at 33). */
export const heightMost = 8_000_000

export interface Size {
  readonly count: number
  readonly rowHeight: number
  /** Height of what is seen. */
  readonly height: number
}

/** Rows that are drawn above and below what is seen. */
export const overscan = 8

/** Height of the whole. */
export const tall = ({ count, rowHeight }: Size): number => Math.min(count * rowHeight, heightMost)

const isMapped = ({ count, rowHeight }: Size) => count * rowHeight > heightMost
/** The last row that can stand at the top. */
export const topMost = ({ count, rowHeight, height }: Size): number => Math.max(0, count - height / rowHeight)

/** The row (with its fraction) that stands at the top when it is scrolled so far. */
export const topOf = (size: Size, scrollTop: number): number => {
  if (!isMapped(size)) return Math.min(scrollTop / size.rowHeight, topMost(size))
  const room = tall(size) - size.height
  return room <= 0 ? 0 : Math.min(1, scrollTop / room) * topMost(size)
}

/** How far it is scrolled when this row stands at the top. */
export const scrollOf = (size: Size, top: number): number => {
  const within = Math.max(0, Math.min(top, topMost(size)))
  if (!isMapped(size)) return within * size.rowHeight
  const most = topMost(size)
  return most === 0 ? 0 : (within / most) * (tall(size) - size.height)
}

/** First and last row to draw (the last is not included), and how far down the first stands. */
export const drawn = (size: Size, top: number): { readonly from: number; readonly to: number; readonly y: number } => {
  const from = Math.max(0, Math.floor(top) - overscan)
  const to = Math.min(size.count, Math.ceil(top + size.height / size.rowHeight) + overscan)
  return { from, to, y: scrollOf(size, top) - (top - from) * size.rowHeight }
}

/** The top that brings a row into sight, or undefined when it is in sight. */
export const reveal = (size: Size, top: number, row: number): number | undefined => {
  const seen = size.height / size.rowHeight
  // the rows at the edges are half seen, unless the list ends there
  if (row >= Math.min(top + 0.5, size.count - 1) && row + 1 <= top + seen + 0.001) return undefined
  return Math.max(0, Math.min(row - Math.floor(seen / 2), topMost(size)))
}
