/** The way of an edge as a path: curves that leave and come level, or right angles with round corners. */

const two = (value: number): string => (Math.round(value * 10) / 10).toString()

/** Radius of a corner. */
const corner = 7

export const wayOf = (points: ReadonlyArray<number>, style: "smooth" | "square"): string =>
  style === "square" ? square(points) : smooth(points)

const smooth = (points: ReadonlyArray<number>): string => {
  let d = `M${two(points[0]!)} ${two(points[1]!)}`
  for (let i = 2; i < points.length; i += 2) {
    const [x0, y0, x1, y1] = [points[i - 2]!, points[i - 1]!, points[i]!, points[i + 1]!]
    if (Math.abs(y1 - y0) < 0.5) {
      d += `L${two(x1)} ${two(y1)}`
      continue
    }
    const bend = Math.max(18, Math.abs(x1 - x0) * 0.5)
    d += `C${two(x0 + bend)} ${two(y0)} ${two(x1 - bend)} ${two(y1)} ${two(x1)} ${two(y1)}`
  }
  return d
}

const square = (points: ReadonlyArray<number>): string => {
  let d = `M${two(points[0]!)} ${two(points[1]!)}`
  for (let i = 2; i < points.length - 2; i += 2) {
    const [ax, ay, x, y, bx, by] = [
      points[i - 2]!,
      points[i - 1]!,
      points[i]!,
      points[i + 1]!,
      points[i + 2]!,
      points[i + 3]!
    ]
    const [into, out] = [Math.hypot(x - ax, y - ay), Math.hypot(bx - x, by - y)]
    const r = Math.min(corner, into / 2, out / 2)
    if (r < 0.5) {
      d += `L${two(x)} ${two(y)}`
      continue
    }
    d += `L${two(x - ((x - ax) / into) * r)} ${two(y - ((y - ay) / into) * r)}`
    d += `Q${two(x)} ${two(y)} ${two(x + ((bx - x) / out) * r)} ${two(y + ((by - y) / out) * r)}`
  }
  return `${d}L${two(points.at(-2)!)} ${two(points.at(-1)!)}`
}
