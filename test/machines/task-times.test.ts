// What the timer of a task means when it fires, in each state: the chart alone, with times that are given.
import { describe, expect, test } from "vitest"
import { initialTransition, transition } from "xstate"
import { taskMachine } from "../../src/machines/index.ts"

const never = Number.POSITIVE_INFINITY
const retry = { attempts: 5, backoff: "fixed", baseMs: 100, capMs: 100, jitter: "none" } as const
const told = (limits: object, ...events: ReadonlyArray<object>) => {
  const input = {
    path: "t",
    retry,
    seed: "r/t",
    finishes: false,
    limits: { startWithinMs: never, withinMs: never, retryWithinMs: never, ...limits }
  }
  let snapshot: any = initialTransition(taskMachine, input)[0]
  let actions: ReadonlyArray<any> = []
  for (const event of events) [snapshot, actions] = transition(taskMachine, snapshot, event as never) as any
  const commands = actions.map(({ type, params }) => (params === undefined ? type : [type, Object.values(params)[0]]))
  const { outcome } = snapshot.context
  return outcome === undefined ? [snapshot.value, commands] : [snapshot.value, commands, outcome.failure]
}
const queue = (at: number) => ({ type: "queue", at })
const start = (at: number) => ({ type: "start", at })
const fired = (at: number) => ({ type: "timer.fired", at, task: "t" })
const failed = (at: number, attempt: number, more: object = {}) => ({
  type: "attempt.failed",
  at,
  task: "t",
  attempt,
  failure: { tag: "E", message: "m", retryable: true, ...more }
})

describe("G11 the one timer of a task whose time is limited", () => {
  test("is set to what comes first: the time to begin, or the time for all", () => {
    expect(told({ startWithinMs: 50, withinMs: 500 }, queue(1_000))).toMatchObject([
      "ready",
      ["slot.request", ["timer.start", 1_050]]
    ])
    expect(told({ withinMs: 500 }, queue(1_000), start(1_020))).toMatchObject([
      "attempting",
      [
        ["timer.start", 1_500],
        ["attempt.start", 1]
      ]
    ])
    expect(told({ startWithinMs: 50 }, queue(1_000), start(1_020))[1]).toEqual([
      ["timer.start", never],
      ["attempt.start", 1]
    ])
  })
  test("in a pause: the end of that, or the time for all", () => {
    const begun = [queue(0), start(0)]
    expect(told({ withinMs: 500 }, ...begun, failed(10, 1))[1]).toContainEqual(["timer.start", 110])
    expect(told({ withinMs: 50 }, ...begun, failed(10, 1))[1]).toContainEqual(["timer.start", 50])
  })
  test("one that was on its way when another was set is set anew, and nothing else happens", () => {
    const begun = [queue(0), start(0)]
    expect(told({ withinMs: 500 }, ...begun, fired(499))).toMatchObject(["attempting", [["timer.start", 500]]])
    expect(told({ withinMs: 500 }, ...begun, failed(10, 1), fired(60))).toMatchObject([
      "backingOff",
      [["timer.start", 110]]
    ])
    expect(told({ startWithinMs: 50 }, queue(0), fired(49))).toMatchObject(["ready", [["timer.start", 50]]])
  })
  test("a slot that comes too late goes back, and the timer says what has come of it", () => {
    expect(told({ startWithinMs: 50 }, queue(0), start(50))[0]).toBe("attempting")
    expect(told({ startWithinMs: 50 }, queue(0), start(51))).toMatchObject(["ready", ["slot.release"]])
    expect(told({ startWithinMs: 50 }, queue(0), start(51), fired(52))).toMatchObject([
      "failed",
      [],
      { code: "START_TIMEOUT" }
    ])
  })
  test("the time for all comes before the time to begin, where both are over", () => {
    expect(told({ startWithinMs: 50, withinMs: 80 }, queue(0), fired(90))[2]).toMatchObject({ code: "TASK_TIMEOUT" })
  })
  test("the last attempt may begin as the time for attempts ends, and not later", () => {
    const paused = [start(0), failed(10, 1)]
    expect(told({ retryWithinMs: 110 }, ...paused)[0]).toBe("backingOff")
    expect(told({ retryWithinMs: 109 }, ...paused)).toMatchObject(["failed", expect.anything(), { givenUp: "time" }])
    expect(told({ retryWithinMs: 110 }, ...paused, fired(110))).toMatchObject([
      "ready",
      ["slot.request", ["timer.start", 110]]
    ])
    expect(told({ retryWithinMs: 110 }, ...paused, fired(110), start(110))[0]).toBe("attempting")
    // nobody was there when it ended, or there was no slot
    expect(told({ retryWithinMs: 110 }, ...paused, fired(111))).toMatchObject([
      "failed",
      ["timer.stop"],
      { tag: "E", givenUp: "time" }
    ])
    expect(told({ retryWithinMs: 110 }, ...paused, fired(110), start(111))).toMatchObject(["ready", ["slot.release"]])
    expect(told({ retryWithinMs: 110 }, ...paused, fired(110), fired(112))).toMatchObject([
      "failed",
      [],
      { tag: "E", givenUp: "time" }
    ])
  })
  test("the time for attempts begins with the first of them, not before", () => {
    expect(told({ retryWithinMs: 200, withinMs: 9_000 }, queue(0), start(5_000), failed(5_010, 1))[0]).toBe(
      "backingOff"
    )
  })
  test("whoever begins anew has all the time again", () => {
    const anew = [queue(0), start(0), { type: "shelve" }, { type: "requeue", at: 7_000 }]
    expect(told({ withinMs: 500 }, ...anew)).toMatchObject(["ready", ["slot.request", ["timer.start", 7_500]]])
  })
  test("an attempt whose retry was refused is the last, whatever the policy says", () => {
    expect(told({}, start(0), { ...failed(10, 1), refused: "budget" })).toMatchObject([
      "failed",
      ["slot.release", "timer.stop"],
      { givenUp: "budget" }
    ])
  })
})
