// What failures mean, with a crash at every write: what comes out is what comes out without one.
import { load, type TaskIR, task, type, type Workflow } from "troupe"
import { replay } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import { crashMoments, type Fault } from "../../src/chaos/plan.ts"

/** Fails wherever its name says so. */
const work = task("work", {
  in: type<any>(),
  out: type<string>(),
  run: async (input, { task: path }) => {
    if (path.startsWith("bad") || path.endsWith("bad")) throw new TypeError(`${path} is down`)
    return `${path}(${JSON.stringify(input ?? null)})`
  }
})
const flow = (...tasks: ReadonlyArray<object>): Promise<Workflow> =>
  load(
    { ir: 1, name: "failing", config: { onFailure: "continue" }, tasks: [...tasks, last] as ReadonlyArray<TaskIR> },
    { work }
  )
const last = { id: "last", task: "work", input: "end", after: [{ task: "bad", on: "done" }] }
const bad = { id: "bad", task: "work", retry: { attempts: 2, baseMs: 1_000 } }
const within = { kind: "noop" }

const flows = {
  "a value": flow({ ...bad, fallback: { value: 1 } }),
  "other work, of which the second does it": flow({
    ...bad,
    fallback: [{ task: "work", retry: { attempts: 2, baseMs: 500 } }, within, { value: 1 }]
  }),
  "a last good result that is not there": flow({ ...bad, fallback: [{ lastGoodMs: 1_000 }, { value: 1 }] }),
  "an allowed failure": flow({ ...bad, onFailed: "continue" }),
  "a person who does not come": flow({ ...bad, onFailed: { wait: { withinMs: 5_000, otherwise: "continue" } } }),
  "a task that starts because of it": flow(bad, { id: "sorry", task: "work", after: [{ task: "bad", on: "failed" }] }),
  "a join of some": flow(
    { ...bad, onFailed: "continue" },
    { id: "a", task: "work" },
    { id: "b", task: "work", after: ["a"] },
    {
      id: "z",
      task: "work",
      after: ["bad", "a", "b"].map((one) => ({ task: one, on: "succeeded" })),
      join: { atLeast: 2 }
    }
  ),
  "a join that cancels the rest": flow(
    { id: "bad", kind: "noop" },
    { id: "a", task: "work" },
    { id: "slow", kind: "sleep", durationMs: 60_000 },
    { id: "z", task: "work", after: ["a", "slow"], join: "any", cancelRest: true }
  ),
  "items of which some are enough": flow(
    { id: "bad", kind: "map", over: 4, each: { task: "work", fallback: within }, accept: { atLeast: 3 } },
    { id: "all", kind: "map", over: 3, each: { task: "work" }, accept: "any", concurrency: 1 },
    { id: "badToo", kind: "map", over: 3, each: { task: "work" }, accept: "settled" }
  )
} as const

describe("a crash at every write changes nothing about", () => {
  for (const [name, made] of Object.entries(flows))
    for (const snapshotEvery of [1, 1_000])
      test(`${name}, ${snapshotEvery === 1 ? "from snapshots" : "from messages"} (G07, G16)`, async () => {
        const failing = await made
        const play = async (faults: ReadonlyArray<Fault>) => {
          const options = { input: null, snapshotEvery, ...(snapshotEvery === 1 ? { keepMessages: 0 } : {}) }
          return replay(failing, { v: 1, seed: 1, faults: [...faults] }, options)
        }
        const control = await play([])
        expect(control.violations).toEqual([])
        let crashes = 0
        for (let write = 0; write <= control.writes; write++)
          for (const when of crashMoments) {
            const { violations, outcome, lives } = await play([{ on: "crash", write, when } as Fault])
            expect([write, when, violations]).toEqual([write, when, []])
            expect(outcome).toEqual(control.outcome)
            if (lives > 1) crashes++
          }
        expect(crashes).toBeGreaterThan(5)
      })
})
