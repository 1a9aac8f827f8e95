/**
 * Takes one step of a run, from any moment of it: in a fork of the engine, with the world of the user brought to that moment
 * first. Looks at what came of it with the promises in mind.
 */

import type { Attempt } from "../../engine/attempts.ts"
import type { LiveRun } from "../../engine/run.ts"
import { type Json, toJson } from "../../model/json.ts"
import type { Message } from "../../model/messages.ts"
import { jsonOf, Planned } from "../bodies.ts"
import { ChaosMisused } from "../errors.ts"
import { isAssertion, messageOf } from "../given.ts"
import type { Call, Violation } from "../story.ts"
import { type Seen, type World, worldOf } from "../world.ts"
import { type Bodies, type Called, type Deed, deedOf, type Ended, start } from "./bodies.ts"
import { attemptId, Fork, outOf } from "./fork.ts"
import { type Due, isDying, type Node, type Out, pathTo } from "./node.ts"
import { type Facts, factsOf, Picture } from "./state.ts"
import type { Step } from "./steps.ts"

type Invariant = (world: World<any, any>) => unknown

export interface StageOptions {
  readonly bodies: Bodies
  readonly input: Json
  readonly answerTo: (gate: string) => Json | undefined
  readonly reset: (() => void) | undefined
  readonly outside: (() => unknown) | undefined
  readonly always: Invariant | undefined
  readonly eventually: Invariant | undefined
  readonly isSymmetric: boolean
  /** Tasks whose calls invariants are known to ask for; undefined where nothing is taken for the same. */
  readonly asked: ReadonlySet<string> | undefined
}

/** A moment, what it is the same as, and what was broken on the way. */
export interface Taken {
  readonly node: Node
  readonly outside: Json | undefined
  readonly violations: ReadonlyArray<Violation>
}

/** The search took for the same what is not: it begins anew, and tells that apart. */
export class Afresh {
  /** Items of fan-outs are not alike. */
  readonly isSymmetric: boolean
  /** Tasks whose calls are asked for. */
  readonly asked: ReadonlySet<string>
  constructor(isSymmetric: boolean, asked: ReadonlySet<string>) {
    this.isSymmetric = isSymmetric
    this.asked = asked
  }
}

export class Stage {
  /** Lives of the engine so far. */
  executions = 0
  /** Whether every body gave the same each time that it was called for the same. */
  isFunction = true
  /** Tasks whose calls invariants have asked for. */
  readonly asked: Set<string>
  #hasBegun = false
  readonly #options: StageOptions
  readonly #world: World<any, any>
  readonly #values = new Map<string, string>()
  /** How bodies of items ended, by path without numbers. */
  readonly #ends = new Map<string, string>()
  #seen: Seen
  #violations: Array<Violation> = []
  /** Where forks have been compared with the life that led there. */
  readonly #compared = new WeakSet<Node>()

  constructor(options: StageOptions) {
    this.#options = options
    this.asked = new Set(options.asked)
    this.#seen = { input: options.input, outcome: undefined, calls: [], lives: 1, messages: [] }
    const world = worldOf(() => this.#seen)
    this.#world = Object.create(world, {
      calls: {
        value: (task: string) => {
          this.#ask(task)
          return world.calls(task)
        }
      }
    })
  }

  /** How often something is called is only looked at where an invariant asks. */
  #ask(task: string): void {
    if (this.asked.has(task)) return
    this.asked.add(task)
    if (this.#hasBegun && this.#options.asked !== undefined) throw new Afresh(this.#options.isSymmetric, this.asked)
  }

  /** The run is submitted. */
  async begin(): Promise<Taken> {
    this.#violations = []
    this.#reset()
    const fork = this.#fork([], [], 1)
    await fork.submit(this.#options.input)
    const taken = await this.#arrive(undefined, undefined, await this.#awake(fork), 0, { did: undefined, calls: [] })
    this.#hasBegun = true
    return taken
  }

  async take(node: Node, step: Step): Promise<Taken> {
    this.#violations = []
    const messages: Array<Message> = []
    const epochs: Array<number> = []
    for (const { wrote, epochs: of } of pathTo(node)) {
      messages.push(...wrote)
      epochs.push(...of)
    }
    this.#seen = { input: this.#options.input, outcome: node.outcome, calls: node.calls, lives: node.life, messages }
    await this.#replay(node, step)
    if (step.step === "acts") return this.#act(node, step)
    const isCrash = step.step === "crash"
    const fork = this.#fork(messages, epochs, node.life + (isCrash ? 1 : 0))
    if (isCrash) await fork.recover()
    else await fork.goOn()
    const parked = fork.run?.parked
    if (parked !== undefined) this.#broken("G07", `what is written cannot be folded: ${parked.message}`)
    if (!isCrash && !this.#compared.has(node)) this.#compare(node, fork)
    const done = isCrash ? { did: undefined, calls: node.calls } : await this.#do(node, step, fork)
    await fork.rest()
    return this.#arrive(node, step, await this.#awake(fork), messages.length, done)
  }

  #fork(messages: ReadonlyArray<Message>, epochs: ReadonlyArray<number>, life: number): Fork {
    this.executions++
    return new Fork(this.#options.bodies, { messages: [...messages], epochs: [...epochs] }, life)
  }

  /** A run that only waits may have left memory: it comes back when somebody asks for it. */
  async #awake(fork: Fork): Promise<Fork> {
    if (fork.run !== undefined) return fork
    const again = this.#fork(fork.tape.messages, fork.tape.epochs, fork.life)
    await again.goOn()
    return again
  }

  // ── the world of the user ────────────────────────────────────────────────────────────────────────

  #reset(): void {
    const { reset } = this.#options
    try {
      reset?.()
    } catch (error) {
      throw new ChaosMisused({ what: "option", why: `'reset' throws ${messageOf(error)}`, cause: error })
    }
  }

  /** Does again what was done outside up to here, if there is an outside. */
  async #replay(node: Node, { step }: Step): Promise<void> {
    const { reset, always, eventually, outside, bodies } = this.#options
    if (reset === undefined) return
    const isNeeded = always !== undefined || eventually !== undefined || outside !== undefined
    if (!isNeeded && !callsBody.has(step)) return
    this.#reset()
    for (const { did } of pathTo(node)) {
      if (did === undefined) continue
      const performed = bodies.perform(did.deed)
      const came = cameOf(performed instanceof Promise ? await performed : performed)
      if (came !== did.came)
        throw new ChaosMisused({
          what: "workflow",
          why: `task '${did.deed.task}' gave ${short(did.came)} and, after 'reset', for the same ${short(came)}: 'reset' must put back all that task code keeps outside, and task code must not depend on anything else`
        })
    }
  }

  /** Calls a body, and looks at what it has done. */
  async #perform(node: Node, deed: Deed, called?: Called): Promise<Ended & { readonly came: string }> {
    const performed = this.#options.bodies.perform(deed, called?.context)
    const ended = performed instanceof Promise ? await performed : performed
    const came = cameOf(ended)
    const { task, attempt, delivery, key } = deed
    this.#note(`${key}#${attempt}`, came)
    if (task.includes("[")) this.#noteItem(task, attempt, ended.isDone)
    const calls = node.calls.map((call) =>
      call.task === task && call.attempt === attempt && call.delivery === delivery
        ? { ...call, isDone: ended.isDone, value: ended.isDone ? (jsonOf(ended.value) ?? "") : came }
        : call
    )
    this.#seen = { ...this.#seen, calls }
    this.#holds("always")
    return { ...ended, came }
  }

  #note(id: string, came: string): void {
    const before = this.#values.get(id)
    if (before === undefined) this.#values.set(id, came)
    else if (before !== came) this.isFunction = false
  }

  /** Items whose bodies end in different ways are not alike: they must not be taken for each other. */
  #noteItem(task: string, attempt: number, isDone: boolean): void {
    if (!this.#options.isSymmetric) return
    const id = attemptId(task.replace(/\[\d+\]/g, "[]"), attempt)
    const before = this.#ends.get(id)
    if (before === undefined) this.#ends.set(id, `${isDone}`)
    else if (before !== `${isDone}`) throw new Afresh(false, this.asked)
  }

  // ── steps ────────────────────────────────────────────────────────────────────────────────────────

  /** An attempt does its work in a life that is about to end. */
  async #act(node: Node, step: Step): Promise<Taken> {
    const { deed } = outAt(node, step)
    const { came } = await this.#perform(node, deed)
    const acted = [...node.acted, attemptId(deed.task, deed.attempt)]
    return this.#taken({
      ...node,
      before: node,
      step,
      depth: node.depth + 1,
      wrote: [],
      epochs: [],
      acted,
      did: { deed, came },
      calls: this.#seen.calls,
      lost: node.lost + (isDying(node) ? 1 : 0)
    } satisfies Node)
  }

  async #do(node: Node, step: Step, fork: Fork): Promise<{ readonly did: Node["did"]; readonly calls: Node["calls"] }> {
    const { task = "", attempt: number = 1 } = step
    switch (step.step) {
      case "fires":
      case "deadline":
        if (!fork.fires(task)) throw impossible(step)
        return { did: undefined, calls: node.calls }
      case "answers": {
        const refusal = await fork.answers(task, this.#options.answerTo(task)!)
        if (refusal !== undefined)
          throw new ChaosMisused({
            what: "option",
            why: `'answers' has an answer for gate '${task}' that is refused: ${refusal.message}`,
            cause: refusal
          })
        return { did: undefined, calls: node.calls }
      }
    }
    const attempt = fork.attempt(task, number)
    const called = fork.called.get(attemptId(task, number))
    if (attempt === undefined || called === undefined) throw impossible(step)
    switch (step.step) {
      case "stops":
        attempt.grace?.fire()
        return { did: undefined, calls: node.calls }
      case "throw":
      case "permanent":
        called.reply.fail(new Planned(step.step === "throw"))
        return { did: undefined, calls: node.calls }
    }
    const { deed } = outAt(node, step)
    const ended = await this.#perform(node, deed, called)
    if (step.step === "late") {
      if (attempt.isAborting) attempt.grace?.fire()
      else attempt.fire()
      await fork.rest()
    }
    if (ended.isDone) called.reply.give(ended.value)
    else called.reply.fail(ended.error)
    return { did: { deed, came: ended.came }, calls: this.#seen.calls }
  }

  /** Where a step has led to. */
  async #arrive(
    before: Node | undefined,
    step: Step | undefined,
    fork: Fork,
    length: number,
    { did, calls: known }: { readonly did: Node["did"]; readonly calls: Node["calls"] }
  ): Promise<Taken> {
    const { run, tape, life } = fork
    for (const error of fork.defects) this.#broken("G36", `a defect: ${messageOf(error)}`)
    if (run === undefined) throw new ChaosMisused({ what: "workflow", why: "the run is in memory no more" })
    const wrote = tape.messages.slice(length)
    this.#written(tape.messages, length)
    const outs = run.outcome === undefined ? this.#outs(fork, run) : []
    const calls = this.#calls(known, fork, life)
    return this.#taken(
      {
        before,
        step,
        depth: before === undefined ? 0 : before.depth + 1,
        wrote,
        epochs: tape.epochs.slice(length),
        life,
        lost: before?.lost ?? 0,
        others: (before?.others ?? 0) + (step !== undefined && countsAsOther.has(step.step) ? 1 : 0),
        acted: [],
        did,
        calls,
        outs,
        dues: run.outcome === undefined ? duesOf(run, before, step) : [],
        gates:
          run.outcome === undefined && run.room.hasOpenGates
            ? [...run.room.gates.open.keys()].filter((gate) => this.#options.answerTo(gate) !== undefined)
            : [],
        outcome: run.outcome,
        facts: factsOf(run, life, this.#options.isSymmetric)
      },
      tape.messages
    )
  }

  #taken(node: Node, messages = this.#seen.messages): Taken {
    this.#seen = { ...this.#seen, outcome: node.outcome, calls: node.calls, lives: node.life, messages }
    this.#holds("always")
    if (node.outcome !== undefined) this.#holds("eventually")
    const { outside } = this.#options
    return {
      node,
      outside: outside === undefined ? undefined : toJson(outside()),
      violations: this.#violations
    }
  }

  #outs(fork: Fork, run: LiveRun): ReadonlyArray<Out> {
    return outOf(run).map((attempt): Out => {
      const called = fork.called.get(attemptId(attempt.task, attempt.attempt))
      if (called === undefined)
        throw new ChaosMisused({
          what: "escaped",
          why: `task '${attempt.task}' is of kind '${attempt.place.task?.work?.kind}': what it does outside cannot be simulated`
        })
      return {
        deed: deedOf(called),
        isStopping: attempt.isAborting,
        mayTryAgain: attempt.attempt < attempt.place.retry.attempts
      }
    })
  }

  /** Bodies that were called in this life and not before. */
  #calls(known: ReadonlyArray<Call>, fork: Fork, life: number): ReadonlyArray<Call> {
    const calls = [...known]
    const before = new Set(known.map(({ key, attempt, delivery }) => `${key}#${attempt}.${delivery}`))
    for (const { name, agent, input, context } of fork.called.values()) {
      const { task, attempt, delivery, key } = context
      if (before.has(`${key}#${attempt}.${delivery}`)) continue
      if (known.some((call) => call.key === key && call.attempt === attempt && call.life === life))
        this.#broken("G03", `${attemptId(task, attempt)} is called twice in one life`)
      if (known.some((call) => call.key === key && call.attempt === attempt && call.delivery >= delivery))
        this.#broken("G03", `${attemptId(task, attempt)} is called again as delivery ${delivery}`)
      const most = (context as unknown as Attempt).place.retry.attempts
      if (attempt > most) this.#broken("G09", `${attemptId(task, attempt)} is called, of ${most}`)
      calls.push({ task, name, agent, attempt, delivery, key, life, at: 0, input, isDone: false, value: undefined })
    }
    return calls
  }

  // ── promises ─────────────────────────────────────────────────────────────────────────────────────

  #broken(promise: string, what: string): void {
    this.#violations.push({ promise, what })
  }

  /** What is written now, held against what was before. */
  #written(messages: ReadonlyArray<Message>, from: number): void {
    for (let i = from; i < messages.length; i++) {
      const message = messages[i]!
      if (message.type === "run.submitted" && i > 0) this.#broken("G02", `message ${i} submits the run again`)
      if (!isEnd(message)) continue
      for (let k = 0; k < i; k++) {
        const other = messages[k]!
        if (!isEnd(other) || other.task !== message.task) continue
        if (other.attempt === message.attempt)
          this.#broken("G04", `attempt ${attemptId(message.task, message.attempt)} has a second end`)
        else if (other.type === "attempt.succeeded") this.#broken("G04", `'${message.task}' has a result and goes on`)
      }
    }
  }

  /** A run that was folded from its messages is the run that was led there. */
  #compare(node: Node, fork: Fork): void {
    this.#compared.add(node)
    const { run } = fork
    if (run === undefined) return
    const { isSymmetric } = this.#options
    const [live, folded]: ReadonlyArray<Facts> = [node.facts, factsOf(run, fork.life, isSymmetric)]
    const one = new Picture([live!], false).key
    const other = new Picture([folded!], false).key
    if (one !== other) this.#broken("G07", `the run was ${one}, and its messages say ${other}`)
  }

  #holds(when: "always" | "eventually"): void {
    const invariant = this.#options[when]
    if (invariant === undefined || this.#violations.some(({ promise }) => promise === when)) return
    try {
      const held = invariant(this.#world)
      if (held instanceof Promise) {
        held.catch(() => {})
        throw new ChaosMisused({
          what: "invariant",
          why: `the invariant '${when}' gives a promise: it must answer at once`
        })
      }
      if (held === false) this.#broken(when, "it gives false")
    } catch (error) {
      if (error instanceof ChaosMisused || error instanceof Afresh) throw error
      // an assertion that throws is how most people say that something does not hold
      if (!isAssertion(error))
        throw new ChaosMisused({
          what: "invariant",
          why: `the invariant '${when}' does not work: it throws ${messageOf(error)}`,
          cause: error
        })
      this.#broken(when, messageOf(error))
    }
  }
}

const callsBody: ReadonlySet<Step["step"]> = new Set(["ends", "late", "acts"])
const countsAsOther: ReadonlySet<Step["step"]> = new Set(["throw", "permanent", "late", "deadline"])

const isEnd = (message: Message) =>
  message.type === "attempt.succeeded" || message.type === "attempt.failed" || message.type === "attempt.aborted"

const outAt = ({ outs }: Node, step: Step): Out => {
  const out = outs.find(({ deed }) => deed.task === step.task && deed.attempt === step.attempt)
  if (out === undefined) throw impossible(step)
  return out
}

const impossible = (step: Step) =>
  new ChaosMisused({ what: "plan", why: `the step ${JSON.stringify(step)} is not possible here` })

/** Timers in the order in which they were set. */
const duesOf = (run: LiveRun, before: Node | undefined, step: Step | undefined): ReadonlyArray<Due> => {
  if (run.timers.size === 0) return []
  const now = new Map<string, Due>()
  for (const [place, { dueAt }] of run.timers) {
    const ms = dueAt - start
    const value = place.actor?.getSnapshot().value
    const isPause = value === "backingOff"
    now.set(place.path, {
      path: place.path,
      dueAt,
      leastMs: isPause ? ms / 2 : ms,
      mostMs: isPause ? ms * 2 : ms,
      isDeadline: place.task === undefined || value === "ready" || value === "attempting"
    })
  }
  const kept = (before?.dues ?? []).filter(
    ({ path, dueAt }) => now.get(path)?.dueAt === dueAt && !(step?.step === "fires" && step.task === path)
  )
  for (const { path } of kept) now.delete(path)
  return [...kept, ...now.values()]
}

/** What a body came to, to be held against what it comes to again. */
const cameOf = (ended: Ended): string =>
  ended.isDone ? `gave ${jsonOf(ended.value)}` : `threw ${messageOf(ended.error)}`

const short = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)
