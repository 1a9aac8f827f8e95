import { fc, test as property } from "@fast-check/vitest"
import { describe, expect, test } from "vitest"
import { Timers } from "../../src/engine/timers.ts"
import { standing } from "../clock.ts"

/** Timers on a clock that stands. */
const still = () => {
  const time = standing(0)
  return { ...time, timers: new Timers(time.now, time.context) }
}

describe("timers", () => {
  property.prop([
    fc.array(fc.record({ due: fc.nat(1_000), stop: fc.boolean() }), { maxLength: 40 }),
    fc.array(fc.nat(200), { maxLength: 20 })
  ])("each fires once, in order, never early, and not at all once stopped", (wanted, steps) => {
    const { timers, to, now: present } = still()
    const fired: Array<readonly [number, number]> = []
    const started = wanted.map(({ due }, i) => timers.start(due, () => fired.push([i, present()])))
    wanted.forEach(({ stop }, i) => stop && timers.stop(started[i]!))
    let now = 0
    for (const step of [...steps, 2_000]) to((now += step))
    const live = wanted.map(({ due, stop }, i) => ({ due, stop, i })).filter(({ stop }) => !stop)

    expect(fired.map(([i]) => i)).toEqual([...live].sort((a, b) => a.due - b.due || a.i - b.i).map(({ i }) => i))
    for (const [i, at] of fired) expect(at).toBeGreaterThanOrEqual(wanted[i]!.due)
    expect(timers.size).toBe(0)
  })
  test("one that is due sooner than all others wakes the sleeper sooner", () => {
    const { timers, to } = still()
    const fired: Array<string> = []
    timers.start(1_000, () => fired.push("late"))
    timers.start(10, () => fired.push("soon"))
    to(9)
    expect(fired).toEqual([])
    to(10)
    expect(fired).toEqual(["soon"])
  })
  test("a timer of ten years sleeps in days, and fires when it is due", () => {
    const { timers, to, sleepers } = still()
    let fired = 0
    const due = 3_650 * 24 * 3_600_000
    timers.start(due, () => fired++)
    expect([...sleepers][0]!.at).toBeLessThanOrEqual(24 * 3_600_000)
    to(due - 1)
    expect(fired).toBe(0)
    to(due)
    expect(fired).toBe(1)
  })
  test("G19 a clock that jumps back fires nothing twice, one that jumps forward fires each once", () => {
    const { timers, to, set } = still()
    let fired = 0
    timers.start(100, () => fired++)
    to(100)
    set(-50)
    to(60)
    to(200)
    expect(fired).toBe(1)
    timers.start(300, () => fired++)
    set(3_600_000)
    to(3_600_500)
    expect(fired).toBe(2)
  })
  test("starting a timer from a timer is fine; an empty heap sleeps no more", () => {
    const { timers, to, sleepers } = still()
    const fired: Array<number> = []
    timers.start(10, () => {
      fired.push(1)
      timers.start(10, () => fired.push(2))
    })
    to(10)
    expect(fired).toEqual([1, 2])
    const never = timers.start(500, () => fired.push(3))
    timers.stop(never)
    timers.rest()
    expect(sleepers.size).toBe(0)
  })
})
