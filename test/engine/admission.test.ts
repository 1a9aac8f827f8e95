// The way of one call through what limits it: what each pass may rely on (src/engine/admission.ts).
import { describe, expect, test } from "vitest"
import { type Caller, Entry, type Pass } from "../../src/engine/admission.ts"

const caller: Caller = { key: "run/a", lane: "", priority: 50, isHeld: false }
const done = { type: "attempt.succeeded", value: 1 } as const

/** A pass that does what the test says, and writes down what it hears. */
const pass = (name: string, log: Array<string>, answer: "grants" | "waits" | "refuses" = "grants") => {
  let tell: (error?: unknown) => void = () => {}
  const made: Pass = {
    kind: "bulkhead",
    name,
    ask: (_, told) => {
      log.push(`${name} asked`)
      if (answer === "refuses") throw new RangeError(name)
      tell = told
      return {
        isGranted: answer === "grants",
        ended: (end) => log.push(`${name} ${end.type}`),
        leave: () => log.push(`${name} left`)
      }
    }
  }
  return { pass: made, tell: (error?: unknown) => tell(error) }
}

describe("what an attempt has to pass", () => {
  test("is passed in order, and given back once, the last first, after how the call ended", () => {
    const log: Array<string> = []
    const entry = new Entry([pass("a", log).pass, pass("b", log).pass], caller, () => log.push("through"))
    entry.begin()
    entry.made()
    entry.ended(done)
    entry.ended(done)
    entry.leave()
    entry.leave()
    expect(log).toEqual([
      "a asked",
      "b asked",
      "through",
      "a attempt.succeeded",
      "b attempt.succeeded",
      "b left",
      "a left"
    ])
  })

  test("is waited for, and the next is asked only then", () => {
    const log: Array<string> = []
    const first = pass("a", log, "waits")
    const entry = new Entry([first.pass, pass("b", log).pass], caller, () => log.push("through"))
    entry.begin()
    expect([log.join(), entry.waitsFor?.name]).toEqual(["a asked", "a"])
    first.tell()
    expect([log.join(), entry.waitsFor]).toEqual(["a asked,b asked,through", undefined])
  })

  test("gives back what it has when a later one refuses, at once or after a wait; who refused hears nothing more", () => {
    const log: Array<string> = []
    const told = (error?: unknown) => log.push(`told ${error}`)
    new Entry([pass("a", log).pass, pass("b", log, "refuses").pass], caller, told).begin()
    const later = pass("d", log, "waits")
    new Entry([pass("c", log).pass, later.pass], caller, told).begin()
    later.tell(new RangeError("d"))
    expect(log).toEqual([
      "a asked",
      "b asked",
      "a left",
      "told RangeError: b",
      "c asked",
      "d asked",
      "c left",
      "told RangeError: d"
    ])
  })

  test("G13 is given back when the run was paused meanwhile, and asked for anew when it goes on", () => {
    const log: Array<string> = []
    let isHeld = false
    const held = new Set<Entry>()
    const second = pass("b", log, "waits")
    const paused = {
      ...caller,
      get isHeld() {
        return isHeld
      }
    }
    const entry = new Entry([pass("a", log).pass, second.pass], paused, () => log.push("through"), held)
    entry.begin()
    isHeld = true
    second.tell()
    expect([log.join(), held.has(entry), entry.waitsFor?.name]).toEqual(["a asked,b asked,b left,a left", true, "b"])
    isHeld = false
    entry.begin()
    second.tell()
    expect(log.slice(4).join()).toBe("a asked,b asked,through")
    expect(held.size).toBe(0)
  })

  test("hears nothing of the end of a call that was never made, and nobody is let through who has left", () => {
    const log: Array<string> = []
    const second = pass("b", log, "waits")
    const entry = new Entry([pass("a", log).pass, second.pass], caller, () => log.push("through"))
    entry.begin()
    entry.ended(done)
    entry.leave()
    second.tell()
    expect(log).toEqual(["a asked", "b asked", "b left", "a left"])
  })
})
