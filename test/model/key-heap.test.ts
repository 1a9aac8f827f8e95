import { fc, test } from "@fast-check/vitest"
import { expect } from "vitest"
import { isBefore, KeyHeap } from "../../src/model/key-heap.ts"

const digit = fc.integer({ min: 0, max: 2 })
const keys = fc.array(fc.record({ first: digit, second: digit, third: digit }), { maxLength: 300 })

test.prop([keys, fc.array(fc.constantFrom("push", "pop", "replace", "keep"), { maxLength: 400 })], { numRuns: 300 })(
  "a heap gives the least of what it has, whatever goes in and out, and whichever of its numbers decides",
  (given, verbs) => {
    const heap = new KeyHeap<{ first: number; second: number; third: number; number: number }>()
    const items = given.map((one, number) => ({ ...one, number }))
    let held: typeof items = []
    const least = () => held.reduce((a, b) => (isBefore(b, a) ? b : a), held[0]!)
    const out = (one: (typeof items)[number]) => (held = held.filter((other) => other !== one))
    for (const verb of ["push" as const, ...verbs]) {
      if (verb === "keep") {
        heap.keep(({ number }) => number % 7 !== 0)
        held = held.filter(({ number }) => number % 7 !== 0)
      } else if (verb === "pop") {
        const expected = least()
        expect(heap.pop()).toBe(expected)
        out(expected)
      } else {
        const item = items.pop()
        if (item === undefined) break
        if (verb === "replace" && held.length > 0) {
          out(least())
          heap.replace(item)
        } else heap.push(item)
        held.push(item)
      }
      expect(heap.size).toBe(held.length)
      expect(heap.peek()).toBe(least())
    }
    for (; held.length > 0; out(least())) expect(heap.pop()).toBe(least())
    expect(heap.pop()).toBeUndefined()
  }
)
