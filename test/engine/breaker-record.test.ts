// What is written of a breaker, and what of it cannot be.
import { describe, expect, test } from "vitest"
import { breakerFault } from "../../src/engine/breaker-record.ts"

const facts = {
  period: 3,
  since: 1_700_000_000_000,
  why: "failures",
  failures: 0,
  opened: 1,
  retryAt: 1_700_000_030_000,
  trials: [],
  trial: 0,
  successes: 0,
  holds: 0
}
const fault = (more: object = {}, name = "breaker") =>
  breakerFault({
    kind: name,
    name: "bank",
    at: 0,
    epoch: 1,
    state: JSON.stringify({ v: 1, state: "open", facts, window: { calls: "" }, changes: [], ...more })
  })

describe("what is written of a breaker", () => {
  test("is fine as it is written, and of other kinds nothing is said", () => {
    expect(fault()).toBeUndefined()
    expect(fault({ state: "halfOpen", facts: { ...facts, retryAt: null, trials: [{ id: 1, at: 5 }] } })).toBeUndefined()
    expect(fault({ window: { ms: 60_000, steps: [[283_333_333, 4, 1, 0]] } })).toBeUndefined()
    expect(fault({ state: 7 }, "else")).toBeUndefined()
  })
  test.each([
    ["no state", { state: "ajar" }, "cannot be read"],
    ["another version", { v: 2 }, "cannot be read"],
    ["a negative count", { facts: { ...facts, failures: -1 } }, "-1 as 'failures'"],
    ["half a count", { facts: { ...facts, opened: 0.5 } }, "0.5 as 'opened'"],
    ["no count", { facts: { ...facts, holds: undefined } }, "as 'holds'"],
    ["no time", { facts: { ...facts, since: null } }, "since when"],
    ["open without an end", { facts: { ...facts, retryAt: null } }, "until when"],
    ["closed with an end", { state: "closed" }, "is closed and says when"],
    ["a trial while it is open", { facts: { ...facts, trials: [{ id: 1, at: 5 }] } }, "open and has trials"],
    [
      "a trial without a number",
      { state: "halfOpen", facts: { ...facts, retryAt: null, trials: [{ at: 5 }] } },
      "none"
    ],
    ["a window of other marks", { window: { calls: "0142" } }, "window"],
    ["a window without a length", { window: { ms: 0, steps: [] } }, "window"],
    ["a change without a time", { changes: [{ from: "open", to: "closed" }] }, "changes"]
  ])("%s is damage", (_, more, said) => {
    expect(fault(more)).toContain(said)
  })
})
