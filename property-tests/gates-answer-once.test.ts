// Whatever people, signals, time and restarts do, each gate has one outcome, and it is the one that a small model gives.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fc, test } from "@fast-check/vitest"
import { type GateTask, load, type OrchestratorOptions, type Run, type TaskIR, type WorkflowIR } from "troupe"
import { memoryJournal } from "troupe/storage"
import { afterAll, describe, expect } from "vitest"
import { type Owner, StandingClock, settle } from "../test/clock.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-gates-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// ── what is asked ──────────────────────────────────────────────────────────────────────────────────

interface Asked {
  readonly withinMs: number | undefined
  /** The answer when nobody gives one; undefined fails. */
  readonly otherwise: number | undefined
  readonly signal: string | undefined
  readonly isNested: boolean
  readonly deps: ReadonlyArray<number>
}

const asked = (i: number): fc.Arbitrary<Asked> =>
  fc.record({
    withinMs: fc.option(fc.constantFrom(10, 1_000, 1_000, 4_000, 60_000, 25 * 86_400_000), { nil: undefined }),
    otherwise: fc.option(fc.nat(9), { nil: undefined }),
    signal: fc.option(fc.constantFrom("a", "a", "b"), { nil: undefined }),
    isNested: fc.boolean(),
    deps: i === 0 ? fc.constant([]) : fc.uniqueArray(fc.integer({ min: 0, max: i - 1 }), { maxLength: 2 })
  })
const plans = fc
  .integer({ min: 1, max: 5 })
  .chain((size) => fc.tuple(...Array.from({ length: size }, (_, i) => asked(i))))

const flowOf = (plan: ReadonlyArray<Asked>): WorkflowIR => ({
  ir: 1,
  name: "gates",
  config: { onFailure: "continue" },
  tasks: plan.map(({ withinMs, otherwise, signal, isNested, deps }, i): TaskIR => {
    const settings: Omit<GateTask, "id"> = {
      kind: "gate",
      out: { type: "integer" },
      ...(withinMs === undefined
        ? {}
        : { withinMs, otherwise: otherwise === undefined ? "fail" : { value: otherwise } }),
      ...(signal === undefined ? {} : { signal })
    }
    const after = { after: deps.map((dep) => `g${dep}`) }
    const inner: WorkflowIR = { ir: 1, name: "inner", tasks: [{ id: "ok", ...settings }], output: { $: "ok" } }
    return isNested ? { id: `g${i}`, kind: "use", workflow: inner, ...after } : { id: `g${i}`, ...settings, ...after }
  })
})

// ── what happens ───────────────────────────────────────────────────────────────────────────────────

type Act =
  | { readonly type: "answer" | "twice"; readonly gate: number; readonly value: number }
  | { readonly type: "wrong" | "reject"; readonly gate: number }
  | { readonly type: "signal"; readonly name: string; readonly value: number }
  | { readonly type: "tick" | "down"; readonly ms: number }

const gate = fc.nat(4)
const value = fc.integer({ min: 10, max: 99 })
const ms = fc.constantFrom(0, 1, 9, 10, 999, 1_000, 3_000, 6_000, 100_000, 20 * 86_400_000)
const acts = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("answer" as const, "twice" as const), gate, value }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("wrong" as const, "reject" as const), gate }) },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant("signal" as const), name: fc.constantFrom("a", "b"), value })
    },
    { weight: 4, arbitrary: fc.record({ type: fc.constantFrom("tick" as const, "down" as const), ms }) }
  ),
  { maxLength: 16 }
)

// ── the model ──────────────────────────────────────────────────────────────────────────────────────

type End = { readonly value: number } | "GATE_REJECTED" | "GATE_TIMEOUT" | "skipped"

class Model {
  readonly #plan: ReadonlyArray<Asked>
  now: number
  readonly ends: Array<End | undefined>
  /** Open gates with their deadlines, the longest open first. */
  readonly open = new Map<number, number>()
  readonly #early = new Map<number, number | "no">()
  readonly #signals: Array<{ readonly name: string; readonly value: number }> = []

  constructor(plan: ReadonlyArray<Asked>, now: number) {
    this.#plan = plan
    this.now = now
    this.ends = plan.map(() => undefined)
    this.#work(plan.flatMap(({ deps }, i) => (deps.length === 0 ? [i] : [])))
  }

  get isOver(): boolean {
    return this.ends.every((end) => end !== undefined)
  }

  answer(i: number, value: number | "no" | "wrong"): string {
    if (this.ends[i] !== undefined || this.#early.has(i)) return "GATE_CLOSED"
    if (value === "wrong") return "SCHEMA_MISMATCH"
    if (this.open.has(i)) this.#end(i, value === "no" ? "GATE_REJECTED" : { value })
    else this.#early.set(i, value)
    return "done"
  }

  signal(name: string, value: number): string {
    if (!this.#plan.some(({ signal }) => signal === name)) return "GATE_UNKNOWN"
    if (this.isOver) return "GATE_CLOSED"
    const listening = [...this.open.keys()].filter((i) => this.#plan[i]!.signal === name)
    for (const i of listening) if (this.open.has(i)) this.#end(i, { value })
    if (listening.length === 0) this.#signals.push({ name, value })
    return "done"
  }

  /** Time goes by; while nobody is there, what was due meanwhile happens at the end of it. */
  pass(ms: number, isDown: boolean): void {
    const until = this.now + ms
    if (isDown) this.now = until
    for (;;) {
      const [next] = [...this.open].sort(([, a], [, b]) => a - b)
      if (next === undefined || next[1] > until) break
      this.now = Math.max(this.now, next[1])
      const { otherwise } = this.#plan[next[0]]!
      this.#end(next[0], otherwise === undefined ? "GATE_TIMEOUT" : { value: otherwise })
    }
    this.now = until
  }

  #end(i: number, end: End): void {
    this.#work(this.#settle(i, end))
  }

  /** Opens gates in order; those that have their answer already end once all of a round are open. */
  #work(first: ReadonlyArray<number>): void {
    for (let ready = first; ready.length > 0; ) {
      const ended = ready.flatMap((i): Array<readonly [number, End]> => {
        this.open.set(i, this.now + (this.#plan[i]!.withinMs ?? Number.POSITIVE_INFINITY))
        const said = this.#take(i)
        return said === undefined ? [] : [[i, said === "no" ? "GATE_REJECTED" : { value: said }]]
      })
      ready = ended.flatMap(([i, end]) => this.#settle(i, end))
    }
  }

  #take(i: number): number | "no" | undefined {
    const early = this.#early.get(i)
    this.#early.delete(i)
    if (early !== undefined) return early
    const at = this.#signals.findIndex(({ name }) => name === this.#plan[i]!.signal)
    return at === -1 ? undefined : this.#signals.splice(at, 1)[0]!.value
  }

  /** Gives what waited for nothing else. */
  #settle(i: number, end: End): Array<number> {
    this.open.delete(i)
    this.ends[i] = end
    if (typeof end === "object")
      return this.#plan.flatMap(({ deps }, j) =>
        deps.includes(i) && deps.every((dep) => typeof this.ends[dep] === "object") && this.ends[j] === undefined
          ? [j]
          : []
      )
    const skip = (of: number): void =>
      this.#plan.forEach(({ deps }, j) => {
        if (!deps.includes(of) || this.ends[j] !== undefined) return
        this.ends[j] = "skipped"
        skip(j)
      })
    skip(i)
    return []
  }
}

// ── both together ──────────────────────────────────────────────────────────────────────────────────

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "done",
    (error) => error.code ?? String(error)
  )

const play = async (
  plan: ReadonlyArray<Asked>,
  sequence: ReadonlyArray<Act>,
  store: NonNullable<OrchestratorOptions["store"]>,
  snapshotEvery: number,
  stop: (owner: Owner) => Promise<void>
) => {
  const clock = new StandingClock()
  const defects: Array<unknown> = []
  const workflows = [await load(flowOf(plan))]
  const retention = { olderThan: "1000d" } as const
  const options = { store, workflows, snapshotEvery, retention, onDefect: (error: unknown) => defects.push(error) }
  let owner = await clock.open(options)
  const path = (i: number) => (plan[i]!.isNested ? `g${i}/ok` : `g${i}`)
  const run = (): Promise<Run> => owner.orchestrator.get("r")
  await owner.orchestrator.submit(workflows[0]!, null, { id: "r" })
  await settle()
  const model = new Model(plan, clock.now)

  const compare = async () => {
    const present = await run()
    const { gates } = await present.status()
    expect(gates.map(({ gate, dueAt }) => [gate, dueAt?.getTime()])).toEqual(
      [...model.open].map(([i, dueAt]) => [path(i), Number.isFinite(dueAt) ? dueAt : undefined])
    )
    const tasks = await present.tasks()
    expect(plan.map((_, i) => tasks[`g${i}`])).toEqual(
      model.ends.map((end, i) => {
        if (end === undefined) return !model.open.has(i) ? "pending" : plan[i]!.isNested ? "running" : "waiting"
        return end === "skipped" ? end : typeof end === "object" ? "succeeded" : "failed"
      })
    )
  }

  await compare()
  for (const act of sequence) {
    const present = await run()
    switch (act.type) {
      case "tick":
        await clock.advance(act.ms)
        model.pass(act.ms, false)
        break
      case "down":
        await stop(owner)
        await clock.advance(act.ms)
        owner = await clock.open(options)
        await clock.advance(0)
        model.pass(act.ms, true)
        break
      case "signal":
        expect(await codeOf(present.signal(act.name, act.value))).toBe(model.signal(act.name, act.value))
        break
      default: {
        const i = act.gate % plan.length
        if (act.type === "answer")
          expect(await codeOf(present.answer(path(i), act.value))).toBe(model.answer(i, act.value))
        if (act.type === "wrong") expect(await codeOf(present.answer(path(i), "x"))).toBe(model.answer(i, "wrong"))
        if (act.type === "reject") expect(await codeOf(present.reject(path(i), ""))).toBe(model.answer(i, "no"))
        if (act.type === "twice")
          expect(
            await Promise.all([act.value, act.value + 1].map((one) => codeOf(present.answer(path(i), one))))
          ).toEqual([act.value, act.value + 1].map((one) => model.answer(i, one)))
      }
    }
    await settle()
    await compare()
  }
  // the rest is answered until nothing is asked any more
  for (let rounds = 0; !model.isOver; rounds++) {
    expect(rounds).toBeLessThan(20)
    for (const i of [...model.open.keys()]) {
      if (!model.open.has(i)) continue
      expect([await codeOf((await run()).answer(path(i), i)), model.answer(i, i)]).toEqual(["done", "done"])
      await settle()
    }
  }
  await compare()
  const report = await (await run()).report()
  expect(
    report.map(({ status, value, failure }) => (status === "succeeded" ? { value } : (failure?.code ?? status)))
  ).toEqual(model.ends)
  const { status } = await (await run()).outcome()
  expect(status).toBe(model.ends.every((end) => typeof end === "object") ? "succeeded" : "failed")
  for (const i of plan.keys()) expect(await codeOf((await run()).answer(path(i), 1))).toBe("GATE_CLOSED")
  expect(defects).toEqual([])
  await owner.orchestrator.close()
}

let files = 0

describe("J09, K01 gates under answers, rejections, signals, deadlines and restarts", () => {
  test.prop([plans, acts, fc.constantFrom(1, 2, 5, 1_000)], { numRuns: 300 })(
    "each has the one outcome of the model; nothing that came early is lost; a process that is killed changes nothing",
    (plan, sequence, every) => play(plan, sequence, memoryJournal({ isDurable: true }), every, ({ kill }) => kill())
  )
  test.prop([plans, acts, fc.constantFrom(1, 2, 1_000)], { numRuns: 25 })(
    "the same in a file that is closed and opened again",
    (plan, sequence, every) =>
      play(plan, sequence, `sqlite:${join(folder, `${files++}.db`)}`, every, ({ orchestrator }) => orchestrator.close())
  )
  test.prop([plans, acts], { numRuns: 60 })(
    "the same in memory, where nothing outlives the process",
    (plan, sequence) =>
      play(
        plan,
        sequence.filter(({ type }) => type !== "down"),
        "memory",
        1_000,
        async () => {}
      )
  )
})
