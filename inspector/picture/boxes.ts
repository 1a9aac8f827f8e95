/** Boxes of a picture, and finding them by place: what can be seen is drawn, what is under the pointer is told. */

export interface Box {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export const meets = (a: Box, b: Box): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

export const holds = (box: Box, x: number, y: number): boolean =>
  x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h

export const contains = (outer: Box, inner: Box): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.w <= outer.x + outer.w &&
  inner.y + inner.h <= outer.y + outer.h

export const grown = ({ x, y, w, h }: Box, by: number): Box => ({ x: x - by, y: y - by, w: w + 2 * by, h: h + 2 * by })

/** Cells that one box may stand in; larger ones are looked at one by one. */
const cellsMost = 64

/** Boxes in a grid of cells: a question costs what it finds, not what there is. */
export class BoxIndex {
  readonly #boxes: ReadonlyArray<Box>
  readonly #cells = new Map<number, Array<number>>()
  readonly #large: Array<number> = []
  readonly #cell: number
  readonly #seen: Uint32Array
  #question = 0

  constructor(boxes: ReadonlyArray<Box>) {
    this.#boxes = boxes
    this.#seen = new Uint32Array(boxes.length)
    let size = 0
    for (const { w, h } of boxes) size += Math.max(w, h)
    this.#cell = Math.max(32, boxes.length === 0 ? 32 : (2 * size) / boxes.length)
    boxes.forEach((box, i) => {
      const [left, top, right, bottom] = this.#span(box)
      if ((right - left + 1) * (bottom - top + 1) > cellsMost) this.#large.push(i)
      else
        for (let row = top; row <= bottom; row++)
          for (let column = left; column <= right; column++) {
            const key = keyOf(column, row)
            const cell = this.#cells.get(key)
            if (cell === undefined) this.#cells.set(key, [i])
            else cell.push(i)
          }
    })
  }

  /** The boxes that meet `window`, in their own order. */
  in(window: Box): ReadonlyArray<number> {
    const found: Array<number> = []
    const [left, top, right, bottom] = this.#span(window)
    // a window over everything asks each box instead of each cell
    if ((right - left + 1) * (bottom - top + 1) > this.#boxes.length) {
      this.#boxes.forEach((box, i) => {
        if (meets(box, window)) found.push(i)
      })
      return found
    }
    const question = ++this.#question
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++)
        for (const i of this.#cells.get(keyOf(column, row)) ?? []) {
          if (this.#seen[i] === question) continue
          this.#seen[i] = question
          if (meets(this.#boxes[i]!, window)) found.push(i)
        }
    for (const i of this.#large) if (meets(this.#boxes[i]!, window)) found.push(i)
    return found.sort((a, b) => a - b)
  }

  /** The box at a point: the last one, which is drawn on top. */
  at(x: number, y: number): number | undefined {
    return this.in({ x: x - 0.01, y: y - 0.01, w: 0.02, h: 0.02 }).at(-1)
  }

  #span({ x, y, w, h }: Box): readonly [number, number, number, number] {
    const cell = this.#cell
    return [Math.floor(x / cell), Math.floor(y / cell), Math.floor((x + w) / cell), Math.floor((y + h) / cell)]
  }
}

const keyOf = (column: number, row: number): number => (column + 0x200000) * 0x400000 + (row + 0x200000)
