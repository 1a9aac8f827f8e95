/**
 * What must be undone is worked out here from what is written and from the definition alone, by plain loops that know nothing of
 * ledgers; what was undone stands in the same journal.
 */
import * as fc from "fast-check"
import { load } from "troupe"
import { type Fault, type Plan, replay, simulate } from "troupe/chaos"
import { describe, expect, test } from "vitest"
import type { Each, TaskIR, Undo, WorkflowIR, WorkPolicy } from "../src/model/ir.ts"
import type { Message, Outcome } from "../src/model/messages.ts"
import { flowOfSaga, fragmentOf, type Mark, type Saga, sagaCode, sagas } from "./sagas.ts"
import { seed } from "./seed.ts"

const prepared = async (one: Saga) => {
  const { code, reset } = sagaCode(one)
  const flow = await load(flowOfSaga(one), code)
  return { flow, options: { input: 1, reset } }
}

// ── what must be undone ──────────────────────────────────────────────────────────────────────────────

type Policy = WorkPolicy & { readonly undo?: Undo }

/** What is said about the work at a path. */
const policyAt = (tasks: ReadonlyArray<TaskIR>, path: string, all: ReadonlyArray<Mark>): Policy | undefined => {
  const [head, ...rest] = path.split("/")
  const one = tasks.find(({ id }) => id === head!.replace(/[[#@].*$/, "")) as
    | (TaskIR & { each?: Each; workflow?: WorkflowIR; cases?: { yes: WorkflowIR }; expand?: true })
    | undefined
  if (one === undefined) return undefined
  if (rest.length === 0) return (one.each ?? one) as Policy
  const inner = one.expand ? fragmentOf(all).tasks : (one.workflow ?? one.cases!.yes).tasks
  return policyAt(inner, rest.join("/"), all)
}

interface Effect {
  readonly task: string
  /** The message from which on it counts; the same for those that one message has cut off, in no order. */
  readonly at: number
  readonly isKnown: boolean
  readonly policy: Policy
}

const isUnheard = (message: Message): boolean =>
  message.type === "attempt.aborted" ||
  (message.type === "attempt.failed" && ["AttemptTimedOut", "HeartbeatMissed"].includes(message.failure.tag))

/** Whether no attempt follows a failure, whatever becomes of the run. */
const isFinal = (message: Message, { retry }: Policy): boolean =>
  message.type === "attempt.aborted" ||
  (message.type === "attempt.failed" &&
    (!message.failure.retryable || message.attempt >= (retry?.attempts ?? 1) || message.refused !== undefined))

/** What was done, or may have been, in order; what a pivot has made final is left out. */
const effectsIn = (
  ir: WorkflowIR,
  messages: ReadonlyArray<Message>,
  all: ReadonlyArray<Mark>
): ReadonlyArray<Effect> => {
  const attempts = messages.flatMap((message, seq) => {
    if (!message.type.startsWith("attempt.") || message.type === "attempt.late") return []
    const { task } = message as { readonly task: string }
    const policy = task.includes("~") ? undefined : policyAt(ir.tasks, task, all)
    return policy === undefined ? [] : [{ task, seq, policy, message }]
  })
  const stops = ir.config?.onFailure !== "continue"
  const cutAt = messages.findIndex(
    (message, seq) =>
      message.type === "run.cancelled" ||
      (stops &&
        attempts.some((one) => one.seq === seq && message.type !== "attempt.aborted" && isFinal(message, one.policy)))
  )
  const effects: Array<Effect> = []
  for (const task of new Set(attempts.map((one) => one.task))) {
    const mine = attempts.filter((one) => one.task === task)
    const { policy } = mine[0]!
    if (policy.undo === undefined && policy.pivot !== true) continue
    const done = mine.find(({ message }) => message.type === "attempt.succeeded")
    const last = mine.at(-1)!
    if (done !== undefined) effects.push({ task, at: done.seq, isKnown: true, policy })
    else if (mine.some(({ message }) => isUnheard(message)))
      effects.push({
        task,
        at: isFinal(last.message, policy) ? last.seq : Math.max(cutAt, last.seq),
        isKnown: false,
        policy
      })
  }
  effects.sort((a, b) => a.at - b.at)
  return effects.slice(1 + effects.findLastIndex(({ isKnown, policy }) => isKnown && policy.pivot === true))
}

/** What was found out about an effect of which nobody knew: null, or that it was done. */
const verdictOn = (task: string, messages: ReadonlyArray<Message>): unknown => {
  const said = messages.filter(
    (message) =>
      (message.type === "gate.answered" || message.type === "attempt.succeeded") && message.task === `${task}~verify`
  ) as ReadonlyArray<{ readonly value: unknown }>
  // who is not sure of having been heard says it again
  expect([task, said.length > 0]).toEqual([task, true])
  return said[0]!.value
}

/** What must be undone, newest first: lists of those whose order among each other nobody can tell. */
const mustBeUndone = (
  ir: WorkflowIR,
  messages: ReadonlyArray<Message>,
  all: ReadonlyArray<Mark>
): ReadonlyArray<ReadonlyArray<string>> => {
  const must: Array<Array<string>> = []
  let at = Number.POSITIVE_INFINITY
  for (const effect of effectsIn(ir, messages, all).toReversed()) {
    const { task, policy, isKnown } = effect
    const isDone = isKnown || policy.undo?.onUnknown === "undo" || verdictOn(task, messages) !== null
    if (isDone && policy.pivot === true) break
    if (!isDone) continue
    if (effect.at !== at) must.push([])
    must.at(-1)!.push(task)
    at = effect.at
  }
  return must
}

const wereUndone = (messages: ReadonlyArray<Message>): ReadonlyArray<string> =>
  messages.flatMap((message) =>
    message.type === "attempt.succeeded" && message.task.endsWith("~undo")
      ? [message.task.slice(0, -"~undo".length)]
      : []
  )

/** Several that one message has cut off: as long as one of them may be a pivot, which of the others it makes final is open. */
const isOpen = (ir: WorkflowIR, messages: ReadonlyArray<Message>, all: ReadonlyArray<Mark>): boolean => {
  const effects = effectsIn(ir, messages, all)
  return effects.some(
    ({ at, task, policy }) => policy.pivot === true && effects.some((other) => other.at === at && other.task !== task)
  )
}

interface Seen {
  executions: number
  undone: number
  unknown: number
  pivots: number
  succeeded: number
  kinds: Set<string>
}

const check = (one: Saga, messages: ReadonlyArray<Message>, outcome: Outcome | undefined, seen: Seen): void => {
  const ir = flowOfSaga(one)
  const undone = wereUndone(messages)
  seen.executions++
  seen.undone += undone.length
  if (outcome!.status === "succeeded") {
    seen.succeeded++
    expect(undone).toEqual([])
    return
  }
  if (isOpen(ir, messages, one.marks)) return
  const must = mustBeUndone(ir, messages, one.marks)
  const effects = effectsIn(ir, messages, one.marks)
  seen.unknown += effects.filter(({ isKnown }) => !isKnown).length
  seen.pivots += messages.filter(
    (m) => m.type === "attempt.succeeded" && policyAt(ir.tasks, m.task, one.marks)?.pivot
  ).length
  for (const task of undone) seen.kinds.add(/[[#@/]/.exec(task)?.[0] ?? "task")
  // each once, newest first
  let at = 0
  const found = must.map(({ length }) => undone.slice(at, (at += length)))
  expect([...found.map((group) => [...group].sort()), undone.slice(at)]).toEqual([
    ...must.map((group) => [...group].sort()),
    []
  ])
}

const nothing = (): Seen => ({ executions: 0, undone: 0, unknown: 0, pivots: 0, succeeded: 0, kinds: new Set() })

// ── what happens ─────────────────────────────────────────────────────────────────────────────────────

/** A fault, and which of the tasks it is about. */
type Draft = Fault & { readonly which?: number }

const faultOf = ({ which = 0, ...fault }: Draft, paths: ReadonlyArray<string>): Fault =>
  fault.on === "task" ? { ...fault, task: paths[which % paths.length] + fault.task } : fault

const write = fc.nat(24)
const drafts: fc.Arbitrary<Draft> = fc.oneof(
  fc.record({
    on: fc.constant("crash" as const),
    write,
    when: fc.constantFrom("before" as const, "written" as const, "synced" as const, "acked" as const),
    tail: fc.constantFrom("lost" as const, "kept" as const)
  }),
  fc.record({
    on: fc.constant("operator" as const),
    write,
    how: fc.constantFrom("cancel" as const, "cancel" as const, "pause" as const, "resume" as const),
    ms: fc.nat(9)
  }),
  fc.record({
    on: fc.constant("task" as const),
    which: fc.nat(30),
    // of the task itself, or of what takes it back
    task: fc.constantFrom("", "", "", "~undo", "~verify"),
    attempt: fc.constantFrom(1, 1, 2),
    how: fc.constantFrom(
      ...(["throw", "permanent", "hang", "hang", "late", "late", "lost", "lost", "slow", "exit"] as const)
    ),
    ms: fc.constantFrom(3, 900, 2_000)
  }),
  fc.record({
    on: fc.constant("storage" as const),
    write,
    how: fc.constantFrom("io" as const, "full" as const, "unsure" as const),
    ms: fc.constantFrom(0, 3_000)
  })
)

describe("what a run has done", () => {
  test("G14 whatever fails, is cancelled, hangs or dies: what must be undone is what was undone, newest first, each once; nothing on success", async () => {
    const seen = nothing()
    await fc.assert(
      fc.asyncProperty(sagas(5), fc.array(drafts, { maxLength: 5 }), fc.nat(1_000), async (one, faults, order) => {
        const { flow, options } = await prepared(one)
        const control = await simulate(flow, options)
        check(one, control.messages, control.outcome, seen)
        const paths = [...new Set(control.calls.map(({ task: path }) => path.replace(/~.*$/, "")))]
        if (paths.length === 0) return
        const plan: Plan = { v: 1, seed: order, faults: faults.map((draft) => faultOf(draft, paths)) }
        const { messages, outcome, violations } = await replay(flow, plan, options)
        expect(violations).toEqual([])
        check(one, messages, outcome, seen)
      }),
      { numRuns: 400, seed }
    )
    // it was worth it
    expect(seen.undone).toBeGreaterThan(400)
    expect(seen.unknown).toBeGreaterThan(5)
    expect(seen.pivots).toBeGreaterThan(20)
    expect(seen.succeeded).toBeGreaterThan(20)
    expect([...seen.kinds].sort()).toEqual(["#", "/", "@", "[", "task"])
  }, 120_000)
  test("G14 cancelled at every message, with a crash at every message after it: the same", async () => {
    const seen = nothing()
    await fc.assert(
      fc.asyncProperty(sagas(3), async (one) => {
        const { flow, options } = await prepared(one)
        const { writes } = await simulate(flow, options)
        for (let write = 0; write < writes; write++)
          for (let later = write; later <= writes; later++) {
            const faults: ReadonlyArray<Fault> = [
              { on: "operator", write, how: "cancel", ms: (write + later) % 3 },
              { on: "crash", write: later, when: (["before", "synced", "acked"] as const)[later % 3]! }
            ]
            const { messages, outcome, violations } = await replay(flow, { v: 1, seed: later, faults }, options)
            expect([faults, violations]).toEqual([faults, []])
            check(one, messages, outcome, seen)
          }
      }),
      { numRuns: 12, seed }
    )
    expect(seen.undone).toBeGreaterThan(50)
  }, 120_000)
})
