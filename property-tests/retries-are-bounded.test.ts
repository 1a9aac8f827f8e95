// Any policy for retries and for time, in any world: never more attempts, never too soon, never beyond the time that was given.
import { fc, test } from "@fast-check/vitest"
import { load, task, type } from "troupe"
import { type Fault, replay } from "troupe/chaos"
import { describe, test as example, expect } from "vitest"
import { RetryBudgets, retryBudgets } from "../src/engine/retry-budget.ts"
import { pauseAfter, retryOf } from "../src/model/backoff.ts"
import type { RetryPolicy, WorkPolicy } from "../src/model/ir.ts"
import { policyFaults } from "../src/model/policies.ts"
import { seed } from "./seed.ts"

const spread = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom("full", "equal", "none"))
const growth = fc.oneof(
  fc.record({ backoff: fc.constant("fixed"), jitter: spread }),
  fc.record({
    backoff: fc.constant("exponential"),
    jitter: spread,
    factor: fc.double({ min: 1, max: 20, noNaN: true })
  }),
  fc.record({ backoff: fc.constant("decorrelated"), factor: fc.double({ min: 1, max: 20, noNaN: true }) })
)
const policies = (baseMost: number): fc.Arbitrary<RetryPolicy> =>
  fc
    .tuple(growth, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: baseMost }), fc.nat(9 * baseMost))
    .map(([grown, attempts, baseMs, more]) => ({ ...grown, attempts, baseMs, capMs: baseMs + more }) as RetryPolicy)

/** The shortest and the longest pause after attempt n, as the documentation says it. */
const bounds = ({ backoff, baseMs = 0, capMs = 0, jitter = 0.5, factor }: RetryPolicy, n: number): [number, number] => {
  if (backoff === "decorrelated") return [baseMs, Math.min(capMs, baseMs * (factor ?? 3) ** n)]
  const top = Math.min(capMs, backoff === "fixed" ? baseMs : baseMs * (factor ?? 2) ** (n - 1))
  if (jitter === "none") return [top, top]
  if (jitter === "full") return [0, top]
  if (jitter === "equal") return [top / 2, top]
  return [top * (1 - jitter), Math.min(capMs, top * (1 + jitter))]
}

describe(`pauses (seed ${seed})`, () => {
  test.prop(
    [policies(10_000), fc.integer({ min: 1, max: 300 }), fc.string(), fc.option(fc.nat(1_000_000), { nil: 0 })],
    {
      numRuns: 3_000,
      seed
    }
  )("G09 stay within their bounds, are whole, and are the same again", (policy, attempt, key, retryAfterMs) => {
    const pause = pauseAfter(retryOf(policy), attempt, key, retryAfterMs)
    const [least, most] = bounds(policy, attempt)
    expect(Number.isInteger(pause)).toBe(true)
    expect(pause).toBeGreaterThanOrEqual(Math.max(Math.round(least), retryAfterMs))
    expect(pause).toBeLessThanOrEqual(Math.max(Math.round(most), retryAfterMs))
    expect(pauseAfter(retryOf(policy), attempt, key, retryAfterMs)).toBe(pause)
  })

  test.prop([policies(10_000), fc.integer({ min: 1, max: 4 })], { numRuns: 50, seed })(
    "J01 fill their bounds: whoever fails at the same time does not come back at the same time",
    (policy, attempt) => {
      const [least, most] = bounds(policy, attempt)
      const pauses = Array.from({ length: 400 }, (_, i) => pauseAfter(retryOf(policy), attempt, `run-${i}/t`))
      const [low, high] = [Math.min(...pauses), Math.max(...pauses)]
      // what the cap cuts gathers there
      if (policy.jitter !== "full" && most >= (policy.capMs ?? 0)) return
      // and decorrelated pauses where the ones before them did
      const part = policy.backoff === "decorrelated" && attempt > 1 ? 0.05 : 0.8
      expect(high - low).toBeGreaterThanOrEqual((most - least) * part - 2)
    }
  )

  test.prop(
    [
      fc.record({
        ratio: fc.double({ min: 0, max: 2, noNaN: true }),
        minPerSecond: fc.nat(20),
        burst: fc.integer({ min: 1, max: 30 })
      }),
      fc.array(fc.tuple(fc.nat(500), fc.boolean()), { maxLength: 200 })
    ],
    { numRuns: 500, seed }
  )("J05 a retry budget is never overdrawn, in any stretch of time", (policy, steps) => {
    let now = 0
    const budgets = new RetryBudgets(retryBudgets({ a: policy }), () => now)
    const happened = steps.map(([ms, isFirst]) => {
      now += ms
      if (isFirst) budgets.earn(["a"])
      return { at: now, isFirst, isRetry: !isFirst && budgets.spend(["a"]) }
    })
    for (let from = 0; from < happened.length; from += 7) {
      const part = happened.slice(from)
      const allowed =
        policy.burst +
        policy.ratio * part.filter(({ isFirst }) => isFirst).length +
        (policy.minPerSecond * (now - (part[0]?.at ?? now))) / 1_000
      expect(part.filter(({ isRetry }) => isRetry).length).toBeLessThanOrEqual(allowed + 1e-6)
    }
  })
})

// ── in any world ───────────────────────────────────────────────────────────────────────────────────

const step = task("step", { in: type<any>(), out: type<number>(), run: () => 1 })
const maybe = (ms: fc.Arbitrary<number>) => fc.option(ms, { nil: undefined })
const works: fc.Arbitrary<WorkPolicy> = fc
  .record({
    retry: policies(2_000),
    budget: maybe(fc.integer({ min: 1, max: 20_000 })),
    timeoutMs: maybe(fc.integer({ min: 10, max: 5_000 })),
    startWithinMs: maybe(fc.integer({ min: 1, max: 5_000 })),
    heartbeatMs: maybe(fc.integer({ min: 1, max: 5_000 })),
    withinMs: maybe(fc.integer({ min: 1, max: 20_000 }))
  })
  .map(({ retry, budget, ...times }) => ({
    retry: { ...retry, ...(budget === undefined ? {} : { withinMs: budget }) },
    ...Object.fromEntries(Object.entries(times).filter(([, ms]) => ms !== undefined))
  }))
  .filter((work) => policyFaults({ ...work, task: "x" } as WorkPolicy).length === 0)

const failing: fc.Arbitrary<Fault> = fc.record({
  on: fc.constant("task"),
  task: fc.constantFrom("a", "b"),
  attempt: fc.integer({ min: 1, max: 5 }),
  how: fc.constantFrom("throw", "throw", "later", "hang", "slow", "late", "permanent"),
  ms: fc.constantFrom(0, 5, 100, 1_000, 10_000)
})
const crash: fc.Arbitrary<Fault> = fc.record({
  on: fc.constant("crash"),
  write: fc.nat(12),
  when: fc.constantFrom("before", "written", "synced", "acked"),
  downMs: fc.constantFrom(0, 10, 1_000, 60_000)
})
const worlds = fc.uniqueArray(fc.oneof(failing, failing, crash), {
  maxLength: 9,
  selector: (fault) =>
    fault.on === "task" ? `${fault.task}#${fault.attempt}` : `write ${(fault as { write: number }).write}`
})

const flowOf = (work: WorkPolicy, concurrency: number) =>
  load(
    {
      ir: 1,
      name: "bounded",
      config: { onFailure: "continue", concurrency },
      tasks: [
        { id: "a", task: "step", ...work },
        { id: "b", task: "step", ...work }
      ],
      output: null
    },
    { step }
  )

describe("G09, G11 whatever is declared", () => {
  test.prop([works, worlds, fc.integer({ min: 1, max: 2 }), fc.nat(1_000)], { numRuns: 400, seed })(
    "attempts and times are kept over all lives",
    async (work, faults, concurrency, chance) => {
      const flow = await flowOf(work, concurrency)
      const plan = { v: 1, seed: chance, faults } as const
      for (const snapshots of [{}, { snapshotEvery: 1, keepMessages: 0 }]) {
        const { outcome, violations, messages } = await replay(flow, plan, snapshots)
        expect([violations, outcome === undefined]).toEqual([[], false])
        for (const name of ["a", "b"]) keeps(work, messages as ReadonlyArray<any>, name)
      }
    }
  )

  example("the example worlds do get that far: every way to end is seen", async () => {
    const ends = new Set<string>()
    for (const one of fc.sample(fc.tuple(works, worlds, fc.nat(1_000)), { numRuns: 300, seed: 7 })) {
      const { messages, outcome } = await replay(await flowOf(one[0], 1), { v: 1, seed: one[2], faults: one[1] })
      for (const message of messages) if (message.type === "attempt.failed") ends.add(message.failure.tag)
      if (outcome?.status === "failed") ends.add(`${outcome.failure.tag} ${outcome.failure.givenUp ?? ""}`)
    }
    for (const end of [
      "Planned",
      "AttemptTimedOut",
      "HeartbeatMissed",
      "TaskTimedOut ",
      "StartTimedOut ",
      "Planned time",
      "Planned "
    ])
      expect(ends).toContain(end)
  })
})

/** What one task must show in the messages, worked out from its policy alone. */
const keeps = (work: WorkPolicy, messages: ReadonlyArray<any>, name: string): void => {
  const submitted = messages[0].at
  const own = messages.filter(({ task: of }) => of === name)
  const ends = own.filter(({ type: of }) => of === "attempt.failed" || of === "attempt.succeeded")
  const { retry, withinMs } = work
  expect(ends.length).toBeLessThanOrEqual(retry!.attempts)
  expect(ends.map(({ attempt }) => attempt)).toEqual(ends.map((_, i) => i + 1))
  for (const [i, { at, failure }] of ends.entries()) {
    const next = ends[i + 1]
    if (next === undefined) continue
    const [least] = bounds(retry!, i + 1)
    // a pause is never shorter than it may be, nor than the error asked
    expect(next.at).toBeGreaterThanOrEqual(at + Math.max(Math.round(least), failure.retryAfterMs ?? 0))
    expect(failure.retryable).toBe(true)
  }
  let before: any
  for (const message of own) {
    const { type: of, at } = message
    if (of === "attempt.failed" || of === "attempt.succeeded") before = message
    if (of !== "timer.fired") continue
    // what fires is the end of a pause, or of a time that was given: none of them is early
    const dues = [
      ...(before?.failure === undefined
        ? []
        : [before.at + Math.max(Math.round(bounds(retry!, before.attempt)[0]), before.failure.retryAfterMs ?? 0)]),
      ...(withinMs === undefined ? [] : [submitted + withinMs]),
      ...(work.startWithinMs === undefined ? [] : [submitted + work.startWithinMs]),
      ...(retry!.withinMs === undefined || before === undefined ? [] : [submitted + retry!.withinMs])
    ]
    expect(at).toBeGreaterThanOrEqual(Math.min(...dues))
  }
}
