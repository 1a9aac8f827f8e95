/**
 * The circuit breakers of an orchestrator: one to a name, shared by all runs, each an XState actor under the root. What they say to
 * an attempt is written as its end, so a replay never asks them. A change is written in the same journal as the runs: an opening
 * before the failure that caused it, a trial before its body is called, so that whoever opens the journal next finds it as it was
 * and only its owner tries. Whether an attempt is tried again, the task's own policy says.
 */
import * as Effect from "effect/Effect"
import type { AnyActorRef } from "xstate"
import { breakerLogic } from "../actors/breaker.ts"
import type { BreakerStatus } from "../machines/breaker.ts"
import { BreakerDesk, type CallEnd, type MakeLife, type Permit } from "../machines/breaker-desk.ts"
import {
  type BreakerPolicy,
  type BreakerRule,
  breakerRule,
  countsAsFailure,
  requireBreakerName
} from "../model/breaker.ts"
import { CircuitOpen, type Failure, LimitExceeded, PolicyUnknown, type TroupeError } from "../model/errors.ts"
import type { Work } from "../model/ir.ts"
import { limits } from "../model/limits.ts"
import type { Cause } from "../model/messages.ts"
import type { JournalError } from "../storage/errors.ts"
import type { JournalService } from "../storage/journal.ts"
import type { Caller, Pass, Passes, Refusal, Ticket } from "./admission.ts"
import type { AttemptEnd } from "./attempts.ts"
import {
  type BreakerChange,
  type BreakerOverview,
  type BreakerRecord,
  overviewOf,
  recordIn,
  sharedKind,
  textOf,
  withChange
} from "./breaker-record.ts"
import { type Kept, SharedState, type SharedStateOptions } from "./shared-state.ts"

/** Policies by the name of the breaker. */
export type BreakerPolicies = { readonly [name: string]: BreakerPolicy }

/** What people may do with a breaker. */
export const breakerVerbs = { open: "force.open", close: "force.close", reset: "reset" } as const
export type BreakerVerb = keyof typeof breakerVerbs

export interface BreakersOptions extends Omit<SharedStateOptions, "kind" | "journal"> {
  readonly journal: Pick<JournalService, "keepShared" | "shared">
  /** What was given to the orchestrator: it wins over what documents say. */
  readonly policies: BreakerPolicies
  readonly root: AnyActorRef
}

export class Breakers implements Passes {
  readonly kind = "breaker"
  readonly #options: BreakersOptions
  readonly #state: SharedState
  readonly #guards = new Map<string, Guard>()
  /** What documents say, the first one that was seen of each name. */
  readonly #declared = new Map<string, BreakerPolicy>()
  /** As the journal had them when it was opened. */
  readonly #found = new Map<string, BreakerRecord>()
  #isClosed = false

  constructor(options: BreakersOptions) {
    this.#options = options
    this.#state = new SharedState({ ...options, kind: sharedKind })
  }

  /** Breakers that the orchestrator was given a policy for. */
  get names(): ReadonlyArray<string> {
    return Object.keys(this.#options.policies)
  }

  nameIn(work: Work): string | undefined {
    return work.breaker
  }

  /** The breaker of a name; names that no policy speaks of are those of tasks, and only theirs are made for the asking. */
  get(name: string): Guard | undefined {
    const known = this.#guards.get(name)
    if (known !== undefined) return known
    // `needs:…` and `agent:…` are asked for on the way of every call
    if (name.includes(":") && !Object.hasOwn(this.#options.policies, name)) return undefined
    const guard = new Guard(this, name)
    this.#guards.set(name, guard)
    return guard
  }

  /** Learns how breakers stood; before anything is called. */
  restore(): Effect.Effect<void, JournalError> {
    return Effect.map(this.#options.journal.shared(sharedKind), (records) => {
      for (const one of records) {
        const record = recordIn(one)
        // trials of an earlier life have their places free again
        if (record !== undefined) this.#found.set(one.name, { ...record, facts: { ...record.facts, trials: [] } })
      }
    })
  }

  /** A document says how breakers are; where another has said so before, that counts. */
  declare(policies: BreakerPolicies): void {
    for (const [name, policy] of Object.entries(policies))
      if (!this.#declared.has(name)) this.#declared.set(name, policy)
  }

  /** All that is known, by name. */
  overview(): ReadonlyArray<BreakerOverview> {
    const made = [...this.#guards.values()].filter(({ isMade }) => isMade)
    const found = [...this.#found].map(([name, record]) => overviewOf(name, record))
    return [...made.map((guard) => overviewOf(guard.name, guard.record())), ...found].sort((a, b) =>
      a.name < b.name ? -1 : 1
    )
  }

  /** Somebody decides about a breaker; resolves when that is written. Rejects with `PolicyUnknown` where there is none of that name. */
  tell(name: string, verb: BreakerVerb, cause: Cause): Promise<BreakerOverview> {
    return new Promise((resolve, reject) => {
      const guard = this.require(name)
      guard.tell(verb, cause, (error) =>
        error === undefined ? resolve(overviewOf(name, guard.record())) : reject(error)
      )
    })
  }

  /** A breaker by its name; throws `PolicyUnknown`: one that is kept open by a wrong name would keep nothing from being called. */
  require(name: string): Guard {
    const known = [
      ...new Set([...this.names, ...this.#declared.keys(), ...this.#found.keys(), ...this.#guards.keys()])
    ].sort()
    if (!known.includes(name)) throw new PolicyUnknown({ kind: "breaker", policy: name, known })
    return this.get(name)!
  }

  close(): Effect.Effect<void, JournalError> {
    this.#isClosed = true
    return this.#state.close([...this.#guards.values()].filter(({ hasCounted }) => hasCounted))
  }

  abandon(): void {
    this.#isClosed = true
    this.#state.abandon()
  }

  // ── for its guards ───────────────────────────────────────────────────────────────────────────────

  /** @internal */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @internal */
  get now(): () => number {
    return this.#options.now
  }

  /** @internal */
  keep(guard: Guard, told?: (error?: TroupeError) => void): void {
    this.#state.keep(guard, told)
  }

  /** @internal */
  isWritten(guard: Guard): boolean {
    return this.#state.isWritten(guard)
  }

  /** @internal What a breaker is made of: its policy, and how it stood. */
  begin(name: string): { readonly rule: BreakerRule; readonly found: BreakerRecord | undefined } {
    const made = [...this.#guards.values()].reduce((count, { isMade }) => count + Number(isMade), 0)
    if (made >= limits.breakers)
      throw new LimitExceeded({ limit: "breakers", allowed: limits.breakers, actual: made + 1, unit: "breakers" })
    const { policies } = this.#options
    const policy = (Object.hasOwn(policies, name) ? policies[name] : this.#declared.get(name)) ?? {}
    const rule = breakerRule(policy, `breaker '${name}'`)
    const found = this.#found.get(name)
    this.#found.delete(name)
    return { rule, found }
  }

  /** @internal Its life, under the root. */
  lifeOf(name: string, rule: BreakerRule, found: BreakerRecord | undefined): MakeLife {
    const { root, now } = this.#options
    const id = `@breaker/${name}`
    const from = found === undefined ? undefined : { v: 1 as const, ...found }
    return (emit) => {
      const logic = breakerLogic({ rule, at: now(), from }, emit)
      root.send({ type: "supervisor.spawn", child: { id, logic, src: "breaker", onError: "resume", isStaff: true } })
      const actor = (): AnyActorRef => root.getSnapshot().child(id)
      return { look: () => actor().getSnapshot(), send: (event) => actor().send(event) }
    }
  }
}

/** One breaker, as attempts pass it. Made when it is first asked. */
export class Guard implements Pass, Kept {
  readonly kind = "breaker"
  readonly name: string
  readonly #breakers: Breakers
  #desk: BreakerDesk | undefined = undefined
  #known: BreakerStatus = "closed"
  #changes: ReadonlyArray<BreakerChange> = []
  /** Who asked for the change that is being made. */
  #cause: Cause = {}
  /** It has changed, and that is to be written. */
  #isChanged = false

  constructor(breakers: Breakers, name: string) {
    this.#breakers = breakers
    this.name = name
  }

  get isMade(): boolean {
    return this.#desk !== undefined
  }

  /** It knows more than it knew when it last changed. */
  get hasCounted(): boolean {
    const desk = this.#desk
    return desk !== undefined && (desk.facts.failures > 0 || desk.facts.successes > 0 || desk.window.calls > 0)
  }

  ask(_: Caller, told: (error?: unknown) => void): Ticket {
    const desk = this.#made()
    const permit = desk.admit(this.#breakers.now)
    if (permit === undefined) return this.#refuse(this.#refusal(desk), told)
    const call = new Call(this, permit)
    if (permit.trial === 0) return call
    // nobody is called before it is written that this process tries
    this.#isChanged = false
    return this.#onceWritten(call, (error) => error, told)
  }

  refuses(): Refusal | undefined {
    const desk = this.#made()
    return desk.refuses(this.#breakers.now) ? { retryAt: desk.facts.retryAt } : undefined
  }

  /** Nobody is told that it is open before that is written: whoever comes next would not know it. */
  #refuse(refusal: CircuitOpen, told: (error?: unknown) => void): Ticket {
    if (this.#breakers.isWritten(this)) throw refusal
    return this.#onceWritten(new Refused(), (error) => error ?? refusal, told)
  }

  /** A ticket that is granted, or refused, once it is written how the breaker stands: perhaps at once. */
  #onceWritten<T extends Waiting>(
    ticket: T,
    judge: (error: TroupeError | undefined) => TroupeError | undefined,
    told: (error?: unknown) => void
  ): T {
    let isAsked = false
    let refused: TroupeError | undefined
    this.#breakers.keep(this, (error) => {
      refused = judge(error)
      ticket.isGranted = refused === undefined
      if (isAsked && !ticket.isOver) told(refused)
    })
    isAsked = true
    if (refused !== undefined) throw refused
    return ticket
  }

  /** How a call ended; false where that came too late to count. */
  settle(permit: Permit, end: CallEnd): void {
    if (this.#breakers.isClosed) return
    this.#made().settle(permit, end, this.#breakers.now)
    this.#keepChanges()
  }

  endOf(end: AttemptEnd): CallEnd {
    switch (end.type) {
      case "attempt.succeeded":
      case "attempt.within":
        return "succeeded"
      case "attempt.aborted":
        return "ignored"
      case "attempt.failed":
        return isOfTheCall(end.failure) && countsAsFailure(this.#made().rule, namesOf(end.failure))
          ? "failed"
          : "ignored"
    }
  }

  /** Somebody decides. */
  tell(verb: BreakerVerb, cause: Cause, told: (error?: TroupeError) => void): void {
    const desk = this.#made()
    const before = desk.period
    const at = this.#breakers.now()
    this.#cause = cause
    desk.tell({ type: breakerVerbs[verb], at })
    // it is as it was, and all the same somebody has said so
    if (desk.period === before) this.#note({ at, from: desk.status, to: desk.status, reason: "forced", ...cause })
    this.#cause = {}
    this.#isChanged = false
    this.#breakers.keep(this, told)
  }

  record(): BreakerRecord {
    const desk = this.#made()
    const { state, facts, window } = desk.snapshot()
    return { state, facts, window, changes: this.#changes }
  }

  text(): string {
    return textOf(this.record())
  }

  #made(): BreakerDesk {
    if (this.#desk !== undefined) return this.#desk
    requireBreakerName(this.name)
    const { rule, found } = this.#breakers.begin(this.name)
    const desk = new BreakerDesk(rule, this.#breakers.lifeOf(this.name, rule, found), found?.window)
    this.#desk = desk
    this.#known = desk.status
    this.#changes = found?.changes ?? []
    desk.onChange = () => this.#changed(desk)
    // lists show it from now on
    if (found === undefined) this.#breakers.keep(this)
    return desk
  }

  #changed({ status, facts }: BreakerDesk): void {
    this.#note({ at: facts.since, from: this.#known, to: status, reason: facts.why, ...this.#cause })
    this.#known = status
    this.#isChanged = true
  }

  #note(change: BreakerChange): void {
    this.#changes = withChange(this.#changes, change)
  }

  /** What has changed is written before anything follows from it. */
  #keepChanges(): void {
    if (!this.#isChanged) return
    this.#isChanged = false
    this.#breakers.keep(this)
  }

  #refusal({ status, facts }: BreakerDesk): CircuitOpen {
    const { retryAt, since } = facts
    // a clock that was set back must not make it longer than it was meant to be
    const afterMs = retryAt === null ? undefined : Math.min(retryAt - this.#breakers.now(), retryAt - since)
    return new CircuitOpen({
      breaker: this.name,
      state: status as CircuitOpen["state"],
      retryAt,
      retryAfterMs: afterMs,
      cause: undefined
    })
  }
}

/** What waits for a write. */
interface Waiting extends Ticket {
  isGranted: boolean
  readonly isOver: boolean
}

/** A call that will be refused. */
class Refused implements Waiting {
  isGranted = false
  isOver = false
  leave(): void {
    this.isOver = true
  }
}

/** A call that was let through. */
class Call implements Waiting {
  isGranted: boolean
  isOver = false
  readonly #guard: Guard
  readonly #permit: Permit
  constructor(guard: Guard, permit: Permit) {
    this.#guard = guard
    this.#permit = permit
    this.isGranted = permit.trial === 0
  }
  ended(end: AttemptEnd): void {
    this.#settle(this.#guard.endOf(end))
  }
  /** Of a call that was given up, or never made, nothing is learnt. */
  leave(): void {
    this.#settle("ignored")
  }
  #settle(end: CallEnd): void {
    if (this.isOver) return
    this.isOver = true
    this.#guard.settle(this.#permit, end)
  }
}

const namesOf = ({ tag, code }: Failure): ReadonlyArray<string> => (code === undefined ? [tag] : [tag, code])

/** Failures of those who did not come to call anybody say nothing about whoever would have been called. */
const nobodyCalled: ReadonlySet<string> = new Set([
  "NoAgent",
  "MailboxFull",
  "StartTimedOut",
  "BulkheadFull",
  "RateLimited",
  "CircuitOpen",
  "NotBegun"
])
const isOfTheCall = ({ tag }: Failure): boolean => !nobodyCalled.has(tag)
