// Who is where in a picture: what can be seen, what is under the pointer, and where the camera goes.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Box, BoxIndex, holds, meets } from "../../inspector/picture/boxes.ts"
import { fitted, moved, seen, shown, zoomed } from "../../inspector/picture/camera.ts"
import { fitText, fonts, textWidth } from "../../inspector/picture/text.ts"

const box = fc
  .tuple(
    fc.integer({ min: -500, max: 5_000 }),
    fc.integer({ min: -500, max: 5_000 }),
    fc.integer({ min: 1, max: 900 }),
    fc.integer({ min: 1, max: 900 })
  )
  .map(([x, y, w, h]): Box => ({ x, y, w, h }))

describe("places", () => {
  test("a window finds exactly the boxes in it, and a point the one on top", () => {
    fc.assert(
      fc.property(fc.array(box, { maxLength: 80 }), box, (boxes, window) => {
        const index = new BoxIndex(boxes)
        expect(index.in(window)).toEqual([...boxes.keys()].filter((i) => meets(boxes[i]!, window)))
        const [x, y] = [window.x + 0.5, window.y + 0.5]
        const on = [...boxes.keys()].filter((i) => holds(boxes[i]!, x, y)).at(-1)
        expect(index.at(x, y)).toBe(on)
      })
    )
  })

  test("zooming keeps what is under the pointer there, and all of a picture can be shown", () => {
    const size = { width: 800, height: 500 }
    fc.assert(
      fc.property(
        box,
        fc.double({ min: 0.2, max: 4, noNaN: true }),
        fc.nat({ max: 800 }),
        fc.nat({ max: 500 }),
        (whole, factor, px, py) => {
          const camera = fitted(whole, size)
          const view = seen(camera, size)
          expect(view.x).toBeLessThanOrEqual(whole.x)
          expect(view.y).toBeLessThanOrEqual(whole.y)
          expect(view.x + view.w).toBeGreaterThanOrEqual(whole.x + whole.w)
          expect(view.y + view.h).toBeGreaterThanOrEqual(whole.y + whole.h)
          const near = zoomed(camera, factor, px, py, 0.0001)
          expect(near.x + px / near.k).toBeCloseTo(camera.x + px / camera.k)
          expect(near.y + py / near.k).toBeCloseTo(camera.y + py / camera.k)
          const back = moved(moved(near, 13, -7), -13, 7)
          expect(back.x).toBeCloseTo(near.x)
        }
      )
    )
  })

  test("what is selected comes into sight, and the picture does not move when it is there", () => {
    const size = { width: 800, height: 500 }
    const camera = { x: 0, y: 0, k: 1 }
    expect(shown(camera, { x: 100, y: 100, w: 100, h: 40 }, size)).toEqual(camera)
    const far = shown(camera, { x: 2_000, y: -900, w: 100, h: 40 }, size)
    const view = seen(far, size)
    expect(meets(view, { x: 2_000, y: -900, w: 100, h: 40 })).toBe(true)
    expect(view.x + view.w).toBeGreaterThanOrEqual(2_100)
  })

  test("a name that does not fit is cut, never drawn over what stands beside it, however long it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), fc.integer({ min: 0, max: 300 }), (text, width) => {
        const shown = fitText(text, width, fonts.name)
        expect(textWidth(shown, fonts.name)).toBeLessThanOrEqual(width)
      })
    )
    expect(fitText("a name that is a good deal too long", 100, fonts.plain)).toMatch(/…$/)
    expect(fitText("short", 100, fonts.plain)).toBe("short")
  })
})
