import { fc, test } from "@fast-check/vitest"
import { describe, expect } from "vitest"
import { initialTransition, transition } from "xstate"
import {
  agentMachine,
  breakerMachine,
  compile,
  gateMachine,
  orchestratorMachine,
  sleepMachine,
  taskMachine,
  workflowMachine
} from "../src/machines/index.ts"
import { breakerRule } from "../src/model/breaker.ts"

const failure = fc.record(
  {
    tag: fc.constantFrom("E", "F"),
    code: fc.constantFrom("C", "D"),
    message: fc.string(),
    retryable: fc.boolean(),
    retryAfterMs: fc.nat(100)
  },
  { requiredKeys: ["tag", "message", "retryable"] }
)
const at = fc.nat(1_000)
const attempt = fc.integer({ min: 1, max: 3 })
const limit = fc.oneof(fc.nat(500), fc.constant(Number.POSITIVE_INFINITY))
const plain = (...types: ReadonlyArray<string>) => types.map((type) => fc.constant({ type }))

const period = fc.integer({ min: 1, max: 4 })
const ended = (type: string) =>
  fc.record({
    type: fc.constant(type),
    at,
    period,
    trial: fc.nat(3),
    slow: fc.boolean(),
    openMs: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
    seen: fc.record({ calls: fc.nat(6), failures: fc.nat(6), slow: fc.nat(6) })
  })

const machines = {
  task: {
    machine: taskMachine,
    input: fc.record({
      path: fc.string(),
      finishes: fc.boolean(),
      seed: fc.string(),
      retry: fc.record(
        {
          attempts: fc.integer({ min: 1, max: 3 }),
          backoff: fc.constantFrom("fixed", "exponential", "decorrelated"),
          baseMs: fc.nat(100),
          capMs: fc.integer({ min: 100, max: 200 }),
          jitter: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom("full", "equal", "none")),
          factor: fc.integer({ min: 1, max: 4 }),
          on: fc.constant(["E", "D"]),
          notOn: fc.constant(["C"])
        },
        { requiredKeys: ["attempts", "backoff", "baseMs", "capMs", "jitter"] }
      ),
      limits: fc.option(fc.record({ startWithinMs: limit, withinMs: limit, retryWithinMs: limit }), { nil: undefined })
    }),
    events: [
      ...plain("cancel", "shelve", "unknown"),
      // those that lead on, twice: most sequences would never leave the first state
      ...["queue", "start", "start", "requeue"].map((type) => fc.record({ type: fc.constant(type), at })),
      fc.record({ type: fc.constant("complete"), value: fc.jsonValue() }),
      fc.record({ type: fc.constant("timer.fired"), at, task: fc.constant("t") }),
      fc.record({ type: fc.constant("attempt.succeeded"), at, task: fc.constant("t"), attempt, value: fc.jsonValue() }),
      fc.record(
        {
          type: fc.constant("attempt.failed"),
          at,
          task: fc.constant("t"),
          attempt,
          failure,
          refused: fc.constant("budget")
        },
        { requiredKeys: ["type", "at", "task", "attempt", "failure"] }
      ),
      fc.record({ type: fc.constant("attempt.aborted"), at, task: fc.constant("t"), attempt })
    ]
  },
  sleep: { machine: sleepMachine, input: fc.record({ dueAt: at }), events: plain("timer.fired", "cancel", "start") },
  gate: {
    machine: gateMachine,
    input: fc.record({
      path: fc.string(),
      dueAt: fc.oneof(at, fc.constant(Number.POSITIVE_INFINITY)),
      waitMs: at,
      otherwise: fc.option(fc.jsonValue(), { nil: undefined })
    }),
    events: [
      ...plain("timer.fired", "cancel", "start", "shelve", "unknown"),
      fc.record({ type: fc.constant("requeue"), at }),
      fc.record({ type: fc.constant("complete"), value: fc.jsonValue() }),
      fc.record({ type: fc.constant("gate.answered"), at, task: fc.string(), value: fc.jsonValue() }),
      fc.record({ type: fc.constant("signal.received"), at, name: fc.string(), value: fc.jsonValue() }),
      fc.record(
        { type: fc.constant("gate.rejected"), at, task: fc.string(), reason: fc.string(), who: fc.string() },
        { requiredKeys: ["type", "at", "task", "reason"] }
      )
    ]
  },
  workflow: {
    machine: workflowMachine,
    input: fc.record({
      task: fc.string(),
      onFailure: fc.constantFrom("stop", "continue"),
      dueAt: fc.option(at, { nil: undefined }),
      startsAt: fc.option(at, { nil: undefined }),
      withinMs: fc.option(at, { nil: undefined })
    }),
    events: [
      ...plain("pause", "resume", "idle", "again", "unknown"),
      fc.record({ type: fc.constant("timer.fired"), at }),
      fc.record({ type: fc.constant("task.failed"), task: fc.string(), failure }),
      fc.record({ type: fc.constant("settled"), value: fc.jsonValue(), undoes: fc.boolean() }),
      fc.record(
        { type: fc.constant("idle"), undoes: fc.boolean(), recoverTo: fc.nat(9) },
        { requiredKeys: ["type", "undoes"] }
      ),
      fc.record({ type: fc.constant("rewind"), to: fc.nat(9) }),
      fc.record({ type: fc.constant("cancel"), reason: fc.string(), force: fc.boolean() })
    ]
  },
  orchestrator: {
    machine: orchestratorMachine,
    input: fc.constant(undefined),
    events: plain("run.opened", "run.ended", "drain", "close")
  },
  agent: {
    machine: agentMachine,
    input: fc.record({ agent: fc.string(), capacity: fc.integer({ min: 1, max: 3 }) }),
    events: plain("assigned", "released", "drain", "leave")
  },
  breaker: {
    machine: breakerMachine,
    input: fc.record({
      rule: fc
        .record({
          failures: fc.integer({ min: 1, max: 3 }),
          failureRate: fc.constantFrom(0.5, 1),
          slowRate: fc.constantFrom(0.5, 1),
          minimum: fc.integer({ min: 1, max: 5 }),
          resetMs: fc.integer({ min: 1, max: 300 }),
          successes: fc.integer({ min: 1, max: 2 }),
          trials: fc.integer({ min: 1, max: 2 }),
          trialWaitMs: fc.integer({ min: 1, max: 500 }),
          warmUpMs: fc.integer({ min: 0, max: 300 })
        })
        .map((policy) => breakerRule({ ...policy, slowMs: 1 })),
      at
    }),
    events: [
      // asked more often than the rest, so that trials are out when something happens
      ...[1, 2, 3].map(() => fc.record({ type: fc.constant("call.asked"), at })),
      ...["call.succeeded", "call.failed", "call.failed", "call.ignored"].map(ended),
      ...["force.open", "force.close", "reset"].map((type) => fc.record({ type: fc.constant(type), at })),
      fc.record({ type: fc.constant("release"), at, period })
    ]
  }
}

describe("the chart is the only source: its table does what the interpreter does", () => {
  for (const [name, { machine, input, events }] of Object.entries(machines)) {
    const chart = compile(machine as any)
    test.prop(
      [input as fc.Arbitrary<any>, fc.array(fc.oneof(...(events as Array<fc.Arbitrary<any>>)), { maxLength: 12 })],
      { numRuns: 500 }
    )(`${name}: same states, context, output and commands after any events`, (given, sequence) => {
      const commands: Array<readonly [string, unknown]> = []
      const emit = (type: string, params: unknown) => commands.push([type, params])
      let [interpreted, first] = initialTransition(machine as any, given as never) as [any, Array<any>]
      let compiled = chart.initial(given, emit, undefined)
      const compare = (actions: ReadonlyArray<{ type: string; params?: unknown }>) => {
        expect([compiled.value, compiled.status, compiled.context, compiled.output, [...compiled.tags]]).toEqual([
          interpreted.value,
          interpreted.status,
          interpreted.context,
          interpreted.output,
          [...interpreted.tags]
        ])
        expect(commands.splice(0)).toEqual(actions.map(({ type, params }) => [type, params]))
      }
      compare(first)
      for (const event of sequence) {
        if (interpreted.status === "active") expect(compiled.can(event)).toBe(interpreted.can(event))
        const [next, actions] = transition(machine as any, interpreted, event) as [any, Array<any>]
        compiled = chart.step(compiled, event, emit)
        if (interpreted.status !== "active") break
        interpreted = next
        compare(actions)
      }
    })
  }
})
