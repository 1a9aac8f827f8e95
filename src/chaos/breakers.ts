/**
 * What must hold of circuit breakers between what is written of them, what attempts are told, and which bodies are called: over all
 * lives. Never asks the engine, but for one thing at rest: who holds the places of trials.
 */
import { type BreakerRecord, recordIn, sharedKind } from "../engine/breaker-record.ts"
import { type BreakerRule, breakerRule } from "../model/breaker.ts"
import { type CompiledWorkflow, compileWorkflow } from "../model/compile.ts"
import type { Message } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import type { Shared } from "../storage/journal.ts"
import type { Incarnation, Setup } from "./execution.ts"
import { spotOf } from "./model.ts"
import type { Plan } from "./plan.ts"
import { type Call, runId } from "./story.ts"

type Broken = (promise: string, what: string) => void

/** How a breaker stands on the disk, and whom it has let through since. */
interface Written {
  readonly record: BreakerRecord
  readonly epoch: number
  /** Trials that were written in this period, by this owner. */
  readonly trials: Set<number>
  /** Bodies that were called in this period, by this owner. */
  called: number
}

/** A trial is said to have decided: by its end, which is written a moment later. */
interface Decision {
  readonly name: string
  readonly end: "attempt.succeeded" | "attempt.failed"
  readonly at: number
  readonly since: number
}

export class BreakerAudit {
  readonly #broken: Broken
  readonly #plan: Plan
  readonly #compiled: CompiledWorkflow
  readonly #rules = new Map<string, BreakerRule>()
  readonly #written = new Map<string, Written>()
  /** How each stands for its owner, who may be ahead of the disk. */
  readonly #meant = new Map<string, { readonly record: BreakerRecord; readonly epoch: number }>()
  /** Until when somebody was told that it is open. */
  readonly #told = new Map<string, number>()
  /** Attempts that were called, with the epoch and when. */
  readonly #called = new Map<string, { readonly epoch: number; readonly at: number }>()
  readonly #ends: Array<{
    readonly name: string
    readonly end: string
    readonly at: number
    readonly calledAt: number
  }> = []
  readonly #decisions: Array<Decision> = []

  constructor({ workflow }: Setup, plan: Plan, broken: Broken) {
    this.#plan = plan
    this.#broken = broken
    this.#compiled = compileWorkflow(definition(workflow.ir))
  }

  /** Its owner wants to write it. */
  keeping(shared: ReadonlyArray<Shared>, epoch: number): void {
    for (const one of shared) {
      const record = one.kind === sharedKind ? recordIn({ ...one, epoch }) : undefined
      if (record !== undefined) this.#meant.set(one.name, { record, epoch })
    }
  }

  /** It is on the disk. */
  kept(shared: ReadonlyArray<Shared>, epoch: number): void {
    for (const one of shared) {
      const record = one.kind === sharedKind ? recordIn({ ...one, epoch }) : undefined
      if (record !== undefined) this.#kept(one.name, record, epoch)
    }
  }

  #kept(name: string, record: BreakerRecord, epoch: number): void {
    const { trials, period, since, why } = record.facts
    const before = this.#written.get(name)
    const isSame = before?.epoch === epoch && before.record.facts.period === period
    const { trials: trialsMost } = this.#ruleOf(name)
    if (trials.length > trialsMost)
      this.#broken("G33", `breaker '${name}' has ${trials.length} trials out, and ${trialsMost} are allowed`)
    if (!isSame && before !== undefined && (why === "trialsSucceeded" || why === "trialFailed"))
      this.#decisions.push({
        name,
        end: why === "trialFailed" ? "attempt.failed" : "attempt.succeeded",
        at: since,
        since: before.record.facts.since
      })
    const next: Written = isSame ? { ...before, record } : { record, epoch, trials: new Set(), called: 0 }
    // those of an earlier owner are not this one's
    for (const { id } of trials) next.trials.add(id)
    this.#written.set(name, next)
  }

  wrote(message: Message, epoch: number): void {
    if (message.type === "run.amended" || message.type === "run.rolledBack") this.#called.clear()
    if (message.type !== "attempt.failed" && message.type !== "attempt.succeeded") return
    const { task, attempt, at, type: end } = message
    const name = this.#nameAt(task)
    if (name === undefined) return
    const call = this.#called.get(`${task}#${attempt}`)
    if (call !== undefined) this.#ends.push({ name, end, at, calledAt: call.at })
    if (message.type !== "attempt.failed" || message.failure.tag !== "CircuitOpen") return
    const { state, retryAt } = (message.failure.data ?? {}) as { readonly state?: string; readonly retryAt?: number }
    if (call?.epoch === Math.abs(epoch))
      this.#broken("G33", `${task}#${attempt} is refused by breaker '${name}', and was called all the same`)
    if (state === "open" && typeof retryAt === "number") this.#told.set(name, retryAt)
  }

  called({ task, attempt, agent }: Call, life: Incarnation): void {
    const name = this.#nameAt(task)
    if (name === undefined || life.isStale) return
    const id = `${task}#${attempt}`
    this.#called.set(id, { epoch: life.epoch, at: life.now })
    // work for agents waits in a mailbox after it was let through
    if (agent !== undefined) return
    const told = this.#told.get(name) ?? 0
    if (life.now < told && !this.#has("clock"))
      this.#broken(
        "G33",
        `${id} is called ${told - life.now} ms before breaker '${name}', told to be open, tries again`
      )
    const written = this.#written.get(name)
    if (written === undefined) return
    const meant = this.#meant.get(name)
    const { state } = meant?.epoch === life.epoch ? meant.record : written.record
    if (state === "open" || state === "forcedOpen")
      this.#broken("G33", `${id} is called, and breaker '${name}' is written to be ${state}`)
    if (state !== "halfOpen") return
    const isOfThisLife = written.epoch === life.epoch
    if (!isOfThisLife || ++written.called > written.trials.size)
      this.#broken("G33", `${id} is called as a trial of breaker '${name}' that is not written`)
  }

  /** Time is about to move: whoever has the place of a trial is at work. */
  idle({ engine, isDead, isFrozen, isStale }: Incarnation): void {
    if (engine === undefined || isDead || isFrozen || isStale || engine.isClosed) return
    for (const { name, counts } of engine.breakers.overview()) {
      if (counts.trialsOut === 0) continue
      let out = 0
      for (let attempt = engine.runs.get(runId)?.out; attempt !== undefined; attempt = attempt.next)
        if (attempt.place.task?.work?.ir.breaker === name) out++
      if (counts.trialsOut > out)
        this.#broken("G33", `breaker '${name}' waits for ${counts.trialsOut} trials, and ${out} calls are out`)
    }
  }

  /** What decided was a call of that period; who dies, or loses the journal, may take the end of it along. */
  ended(): void {
    if (this.#plan.faults.some(({ on }) => on !== "task" && on !== "agent" && on !== "observer")) return
    if (this.#plan.faults.some((fault) => fault.on === "task" && fault.how === "exit")) return
    for (const { name, end, at, since } of this.#decisions)
      if (!this.#ends.some((one) => one.name === name && one.end === end && one.at === at && one.calledAt >= since))
        this.#broken("G33", `breaker '${name}' has changed at ${at}, and no trial of it has ended then`)
  }

  #ruleOf(name: string): BreakerRule {
    let rule = this.#rules.get(name)
    if (rule === undefined) {
      rule = breakerRule(this.#compiled.policies.breakers?.[name] ?? {})
      this.#rules.set(name, rule)
    }
    return rule
  }

  #nameAt(path: string): string | undefined {
    return spotOf(this.#compiled, path)?.task.work?.ir.breaker
  }

  #has(family: Plan["faults"][number]["on"]): boolean {
    return this.#plan.faults.some(({ on }) => on === family)
  }
}
