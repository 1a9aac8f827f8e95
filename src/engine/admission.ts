/**
 * What an attempt has to pass before its body is called: bulkheads, then rate limits, then breakers, in this order, each by its
 * name. Whoever limits calls is one more `Pass`; attempts only know the way through them.
 *
 * The contract of a pass. It is asked once a call, with `ask(caller, told)`:
 *
 * - it throws a `TroupeError`: refused. The attempt fails with that, it is journalled, and no replay asks again;
 * - it gives a ticket that `isGranted`: the call may go on to the next pass;
 * - it gives one that is not yet: the call waits. `told()` says later that it is granted, `told(error)` that it is refused: once at
 *   most, never before `ask` has returned, and never after `leave()`.
 *
 * Each ticket hears `leave()` exactly once, unless it was refused: while it waits, that withdraws it (the attempt was cancelled, timed
 * out or abandoned, or its run is over); a granted one is not needed any more, because the body has come to its end or was never
 * called. Of a call that was made it hears `ended(end)` before, once: how it ended for the run. A body that goes on after its attempt
 * was given up leaves when it ends, not when it is given up: what is limited is what is really at work.
 *
 * Whoever was let through after a wait finds its run paused, perhaps: then it gives back all that it has, and asks anew when the run
 * goes on. A pass that has a queue asks `isHeld` before it gives somebody a turn, so that others have it.
 *
 * A pass never calls a body, never touches the journal and never decides about retries. What it knows is of this process, unless it
 * says otherwise.
 */
import type { CompiledWork } from "../model/compile.ts"
import { PolicyUnknown } from "../model/errors.ts"
import type { Work } from "../model/ir.ts"
import type { AttemptEnd } from "./attempts.ts"

export type PassKind = "bulkhead" | "rate" | "breaker"

/** A call that wants to be made. */
export interface Caller {
  /** Idempotency key of the task. */
  readonly key: string
  /** Those of one lane wait for each other, lanes take turns; `""` where nobody says. */
  readonly lane: string
  /** 0 (last) to 100 (first) within its lane. */
  readonly priority: number
  /** It may not begin for now: its run is paused. Whoever gives it its turn asks; `resume()` says that it may have changed. */
  readonly isHeld: boolean
}

export interface Ticket {
  readonly isGranted: boolean
  ended?(end: AttemptEnd): void
  leave(): void
}

export interface Pass {
  readonly kind: PassKind
  readonly name: string
  ask(caller: Caller, told: (error?: unknown) => void): Ticket
  /** Whether it would refuse a call that asked now, whoever makes it; asking this changes nothing. */
  refuses?(): Refusal | undefined
}

/** When whoever refuses may let a call through again, in milliseconds since 1970; null where nobody knows. */
export interface Refusal {
  readonly retryAt: number | null
}

/** All passes of one kind, by name. */
export interface Passes {
  readonly kind: PassKind
  readonly names: ReadonlyArray<string>
  /** The one that a task asks for by itself. */
  nameIn(work: Work): string | undefined
  get(name: string): Pass | undefined
  /** A run goes on: those that were held back may have their turn. */
  resume?(): void
}

/** Which passes are on the way of which work. */
export class Admission {
  readonly #kinds: ReadonlyArray<Passes>
  readonly #isEmpty: boolean
  readonly #known = new WeakMap<CompiledWork, ReadonlyArray<Pass>>()
  /** Those whose run was paused when their turn came. */
  readonly #held = new Set<Entry>()

  /** Kinds in the order in which they are passed. */
  constructor(kinds: ReadonlyArray<Passes>) {
    this.#kinds = kinds
    this.#isEmpty = kinds.every(({ names }) => names.length === 0)
  }

  /** What is on the way of some work before anybody is chosen for it; undefined for most. Throws `PolicyUnknown`. */
  passesOf(work: CompiledWork): ReadonlyArray<Pass> | undefined {
    if (this.#isEmpty && !this.#kinds.some((kind) => kind.nameIn(work.ir) !== undefined)) return undefined
    let passes = this.#known.get(work)
    if (passes === undefined) {
      passes = this.#kinds.flatMap((kind) => this.#onTheWay(kind, work))
      this.#known.set(work, passes)
    }
    return passes.length === 0 ? undefined : passes
  }

  /** What is on the way to an agent that was chosen. */
  passesTo(agent: string): ReadonlyArray<Pass> | undefined {
    if (this.#isEmpty) return undefined
    const passes = this.#kinds.flatMap((kind) => kind.get(`agent:${agent}`) ?? [])
    return passes.length === 0 ? undefined : passes
  }

  /** Whether something on the way to an agent would refuse a call now: whoever chooses takes another one then. */
  refusalTo(agent: string): Refusal | undefined {
    if (this.#isEmpty) return undefined
    for (const kind of this.#kinds) {
      const refusal = kind.get(`agent:${agent}`)?.refuses?.()
      if (refusal !== undefined) return refusal
    }
    return undefined
  }

  /** The way of a call. */
  enter(passes: ReadonlyArray<Pass>, caller: Caller, through: (error?: unknown) => void): Entry {
    return new Entry(passes, caller, through, this.#held)
  }

  /** A run goes on. */
  resume(): void {
    for (const kind of this.#kinds) kind.resume?.()
    for (const entry of [...this.#held]) if (!entry.isHeld) entry.begin()
  }

  /** One order for all calls (its own name, then capabilities by name): so nobody holds what another one waits for, in a circle. */
  #onTheWay(passes: Passes, { ir, needs }: CompiledWork): ReadonlyArray<Pass> {
    const own = passes.nameIn(ir)
    const found = own === undefined ? [] : [passes.get(own)]
    if (own !== undefined && found[0] === undefined)
      throw new PolicyUnknown({ kind: passes.kind, policy: own, known: passes.names })
    for (const need of [...needs].sort()) {
      const name = `needs:${need}`
      if (name !== own) found.push(passes.get(name))
    }
    return found.filter((pass) => pass !== undefined)
  }
}

/** The way of one call through its passes; `through` hears once that it may be made, or why not, unless it left before. */
export class Entry {
  readonly #passes: ReadonlyArray<Pass>
  readonly #caller: Caller
  readonly #through: (error?: unknown) => void
  readonly #tickets: Array<Ticket> = []
  readonly #held: Set<Entry>
  #waitsFor: Pass | undefined = undefined
  #hasWaited = false
  #hasLeft = false
  #isMade = false
  #hasEnded = false
  #isDone = false
  /** Whoever makes the call says when its body is `done`; else it leaves with the attempt. */
  isOut = false

  constructor(
    passes: ReadonlyArray<Pass>,
    caller: Caller,
    through: (error?: unknown) => void,
    held: Set<Entry> = new Set()
  ) {
    this.#held = held
    this.#passes = passes
    this.#caller = caller
    this.#through = through
  }

  /** What it waits for, while it does. */
  get waitsFor(): Pass | undefined {
    return this.#waitsFor
  }

  get isHeld(): boolean {
    return this.#caller.isHeld
  }

  /** Asks one pass after the other; what `through` hears may come before this returns. */
  begin(): void {
    this.#held.delete(this)
    this.#waitsFor = undefined
    this.#ask(0)
  }

  /** The call is made now. */
  made(): void {
    this.#isMade = true
  }

  /** How the call ended for its run; the body may still be at work. */
  ended(end: AttemptEnd): void {
    if (!this.#isMade || this.#hasEnded || this.#hasLeft) return
    this.#hasEnded = true
    for (const ticket of this.#tickets) ticket.ended?.(end)
    if (this.#isDone) this.leave()
  }

  /** The body has come to its end; it leaves once it is told how the call ended. */
  done(): void {
    this.#isDone = true
    if (this.#hasEnded || !this.#isMade) this.leave()
  }

  /** It needs nothing of all this any more. */
  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#waitsFor = undefined
    this.#held.delete(this)
    this.#giveBack()
  }

  /** What was taken last goes back first. */
  #giveBack(): void {
    for (const ticket of this.#tickets.splice(0).reverse()) ticket.leave()
  }

  #ask(from: number): void {
    for (let at = from; at < this.#passes.length; at++) {
      if (this.#hasLeft) return
      const pass = this.#passes[at]!
      let ticket: Ticket
      try {
        ticket = pass.ask(this.#caller, (error) => this.#told(at, error))
      } catch (error) {
        return this.#refused(error)
      }
      this.#tickets.push(ticket)
      if (!ticket.isGranted) {
        this.#waitsFor = pass
        this.#hasWaited = true
        return
      }
    }
    if (!this.#hasWaited || !this.#caller.isHeld) return this.#through()
    // the run was paused meanwhile: nothing of it begins
    this.#waitsFor = this.#passes.at(-1)
    this.#held.add(this)
    this.#giveBack()
  }

  #told(at: number, error: unknown): void {
    if (this.#hasLeft) return
    this.#waitsFor = undefined
    if (error === undefined) return this.#ask(at + 1)
    this.#tickets.pop()
    this.#refused(error)
  }

  #refused(error: unknown): void {
    this.leave()
    this.#through(error)
  }
}
