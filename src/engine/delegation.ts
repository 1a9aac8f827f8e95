/**
 * The work of one attempt, given to an agent that can do it; to a further one as well where that takes too long (`hedge`). The first
 * good answer is the answer of the attempt; the others are told to stop, and what they say is late. One that fails while another is
 * under way fails nothing. Never retries: that is the task's chart.
 */

import type { Failures } from "../model/agents.ts"
import type { CompiledWork } from "../model/compile.ts"
import { TroupeError, toFailure } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { TaskContext } from "../model/task.ts"
import type { Admission, Entry, Pass } from "./admission.ts"
import type { Attempt, AttemptEnd, AwaitedPlace } from "./attempts.ts"
import type { Agent, Router } from "./router.ts"
import type { Timer, Timers } from "./timers.ts"

export interface DelegationTools {
  readonly router: Router
  readonly admission: Admission
  /** On the clock that never jumps. */
  readonly guards: Timers
  readonly monotonic: () => number
  /** A body is about to be called, for the first time in this attempt. */
  readonly began: () => void
}

/** Gives work to an agent. Rejects with `NoAgent`, `MailboxFull`, what is in the agent's way, or what the last one failed with. */
export const delegate = (
  attempt: Attempt,
  work: CompiledWork,
  payload: Json | undefined,
  tools: DelegationTools
): Promise<unknown> => new Delegation(attempt, work, payload, tools).answer

/** How often each agent has failed a task so far: what was written of it, so it is the same in every life. */
const failedBy = ({ place }: Attempt): Failures => {
  const known = place.actor?.getSnapshot().context as { readonly failedBy?: Failures } | undefined
  return known?.failedBy ?? {}
}

class Delegation {
  readonly answer: Promise<unknown>
  readonly attempt: Attempt
  readonly payload: Json | undefined
  readonly tools: DelegationTools
  readonly #work: CompiledWork
  readonly #calls: Array<Call> = []
  #timer: Timer | undefined = undefined
  /** How long until a further one may begin. */
  #afterMs: number
  #hasBegun = false
  #isSettled = false
  #resolve!: (value: unknown) => void
  #reject!: (error: unknown) => void

  constructor(attempt: Attempt, work: CompiledWork, payload: Json | undefined, tools: DelegationTools) {
    this.attempt = attempt
    this.payload = payload
    this.tools = tools
    this.#work = work
    this.#afterMs = work.ir.hedge?.afterMs ?? 0
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#begin()
  }

  get needs(): ReadonlyArray<string> {
    return this.#work.needs
  }
  get isHedged(): boolean {
    return this.#work.ir.hedge !== undefined
  }

  #begin(): void {
    const { attempt, tools } = this
    // from here on its place is the call's, which may last longer than the attempt
    if (attempt.entry !== undefined) attempt.entry.isOut = true
    let agent: string
    try {
      const { router, admission } = tools
      agent = router.choose(this.needs, attempt.key, failedBy(attempt), (id) => admission.refusalTo(id)).id
    } catch (error) {
      attempt.entry?.leave()
      this.#reject(error)
      return
    }
    attempt.agent = agent
    const call = new Call(this, agent, attempt.entry)
    this.#calls.push(call)
    attempt.withdraw = () => this.#withdraw()
    attempt.waitsAtAgent = () => this.#waitsFor
    call.begin(tools.admission.passesTo(agent))
    if (!this.isHedged || this.#isSettled) return
    attempt.signal.addEventListener("abort", () => this.#stop(attempt.signal.reason), { once: true })
    this.#wait()
  }

  /** What the first one waits for; once somebody is at work, nothing. */
  get #waitsFor(): AwaitedPlace | undefined {
    return this.#hasBegun ? undefined : this.#calls.find((call) => call.isWaiting)?.waitsFor
  }

  /** The next one begins in a while, if nobody has answered by then. */
  #wait(): void {
    const { guards, monotonic } = this.tools
    this.#timer = guards.start(monotonic() + this.#afterMs, () => this.#another())
  }

  #another(): void {
    const { attempt, tools } = this
    if (attempt.isFinishing) return
    const { most = 2 } = this.#work.ir.hedge!
    const known = this.#calls.length
    // who paused the run does not expect anything to begin
    const agent = attempt.isHeld
      ? undefined
      : tools.router.another(
          this.needs,
          attempt.key,
          failedBy(attempt),
          (id) => this.#calls.some((one) => one.agent === id) || tools.admission.refusalTo(id) !== undefined
        )
    if (agent !== undefined) {
      const call = new Call(this, agent.id, undefined)
      this.#calls.push(call)
      // a second one is there to help: it waits for nobody's place, and takes no token before its turn
      if (
        !call.beginAtOnce([
          ...(tools.admission.passesOf(this.#work) ?? []),
          ...(tools.admission.passesTo(agent.id) ?? [])
        ])
      )
        this.#calls.pop()
      else if (call.isWaiting) attempt.withdraw = () => this.#withdraw()
    }
    // who cannot begin is tried again more and more seldom
    if (this.#calls.length === known) this.#afterMs *= 2
    if (!this.#isSettled && this.#calls.length < most) this.#wait()
  }

  /** @internal */
  began(): void {
    if (!this.#calls.some((call) => call.isWaiting)) this.attempt.withdraw = undefined
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.tools.began()
  }

  /** @internal A good answer. */
  succeeded(call: Call, value: unknown): void {
    const { attempt } = this
    if (this.#isSettled) return attempt.answer(value)
    this.#settle()
    if (!attempt.isOver) attempt.agent = call.agent
    for (const other of this.#calls) if (other !== call) other.stop(answered)
    this.#resolve(value)
  }

  /** @internal It failed, or never began. */
  failed(call: Call, error: unknown): void {
    const { attempt } = this
    // who was told to stop says so; that is no answer
    if (this.#isSettled) return attempt.isOver && !call.isStopped ? attempt.fail(error) : undefined
    if (this.#calls.some((other) => other.isOut)) return
    this.#settle()
    if (!attempt.isOver) attempt.agent = call.agent
    this.#reject(error)
  }

  #settle(): void {
    this.#isSettled = true
    this.attempt.withdraw = undefined
    if (this.#timer !== undefined) this.tools.guards.stop(this.#timer)
    this.#timer = undefined
  }

  /** The attempt is given up: everybody is told. */
  #stop(reason: unknown): void {
    if (this.#timer !== undefined) this.tools.guards.stop(this.#timer)
    this.#timer = undefined
    for (const call of this.#calls) call.givenUp(reason)
    for (const call of this.#calls) call.withdraw()
  }

  /** Takes back what has not begun. */
  #withdraw(): void {
    for (const call of this.#calls) call.withdraw()
    // those that are at work may take their time
    if (this.#calls.some((call) => call.isOut)) this.attempt.withdraw = undefined
  }
}

/** The work in the hands of one agent: waiting, at work, or over. Where there may be several it is also what the agent sees. */
class Call implements TaskContext {
  readonly agent: string
  readonly #of: Delegation
  /** Its places, the last one taken first. */
  readonly #entries: Array<Entry>
  #controller: AbortController | undefined = undefined
  #withdraw: (() => void) | undefined = undefined
  isWaiting = true
  isOut = true
  isStopped = false

  constructor(of: Delegation, agent: string, entry: Entry | undefined) {
    this.#of = of
    this.agent = agent
    this.#entries = entry === undefined ? [] : [entry]
  }

  /** While it waits: what is on the way to the agent, or else the agent itself. */
  get waitsFor(): AwaitedPlace {
    return this.#entries.find(({ waitsFor }) => waitsFor !== undefined)?.waitsFor ?? { kind: "agent", name: this.agent }
  }

  get key(): string {
    return this.#of.attempt.key
  }
  get run(): string {
    return this.#of.attempt.run
  }
  get task(): string {
    return this.#of.attempt.task
  }
  get attempt(): number {
    return this.#of.attempt.attempt
  }
  get delivery(): number {
    return this.#of.attempt.delivery
  }
  get fencingToken(): number {
    return this.#of.attempt.fencingToken
  }
  get deadlineAt(): number {
    return this.#of.attempt.deadlineAt
  }
  get heartbeat(): TaskContext["heartbeat"] {
    return this.#of.attempt.heartbeat
  }
  get lastHeartbeat(): Json | undefined {
    return this.#of.attempt.lastHeartbeat
  }
  get tx(): TaskContext["tx"] {
    return this.#of.attempt.tx
  }
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Goes through what is in the agent's way, and into its mailbox. */
  begin(passes: ReadonlyArray<Pass> | undefined): void {
    if (passes === undefined) return this.#post()
    const entry = this.#of.tools.admission.enter(passes, this.#of.attempt, (error) =>
      error === undefined ? this.#post() : this.#refused(error)
    )
    this.#entries.unshift(entry)
    entry.begin()
  }

  /** The same, if nothing has to be waited for and nothing refuses; false otherwise. */
  beginAtOnce(passes: ReadonlyArray<Pass>): boolean {
    let isThrough = false
    const entry = this.#of.tools.admission.enter(passes, this.#of.attempt, (error) => {
      isThrough = error === undefined
    })
    this.#entries.unshift(entry)
    entry.begin()
    if (!isThrough) {
      entry.leave()
      this.#over()
      return false
    }
    this.#post()
    return true
  }

  /** It is told to stop, and what it says does not count. */
  stop(reason: unknown): void {
    this.isStopped = true
    this.#ended({ type: "attempt.aborted" })
    this.withdraw()
    this.#tell(reason)
  }

  /** The attempt is given up. */
  givenUp(reason: unknown): void {
    const end: AttemptEnd =
      reason instanceof TroupeError
        ? { type: "attempt.failed", failure: toFailure(reason) }
        : { type: "attempt.aborted" }
    this.#ended(end)
    this.#tell(reason)
  }

  #tell(reason: unknown): void {
    if (!this.isOut || !this.#of.isHedged) return
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** It leaves without having begun. */
  withdraw(): void {
    if (!this.isWaiting || !this.isOut) return
    this.#withdraw?.()
    this.#over()
  }

  #post(): void {
    const { attempt, needs, payload, tools, isHedged } = this.#of
    const message = {
      sender: attempt.key,
      recipient: this.agent,
      action: needs[0]!,
      payload,
      priority: attempt.priority
    }
    try {
      this.#withdraw = tools.router.post(
        message,
        (recipient) => this.#perform(recipient, isHedged ? this : attempt),
        (error) => this.#refused(error),
        // it has not begun yet: who paused the run does not expect it to
        () => attempt.isHeld
      )
    } catch (error) {
      this.#refused(error)
    }
  }

  async #perform(recipient: Agent, context: TaskContext): Promise<void> {
    const of = this.#of
    this.isWaiting = false
    for (const entry of this.#entries) entry.made()
    try {
      of.began()
      const value = await recipient.run(of.payload, context)
      this.#ended({ type: "attempt.succeeded", value: null })
      this.#over()
      of.succeeded(this, value)
    } catch (error) {
      this.#ended({ type: "attempt.failed", failure: toFailure(error) })
      this.#over()
      of.failed(this, error)
    }
  }

  #refused(error: unknown): void {
    this.#over()
    this.#of.failed(this, error)
  }

  /** Where it is the only one, how the attempt ends says more than how its body did. */
  #ended(end: AttemptEnd): void {
    const { attempt, isHedged } = this.#of
    for (const entry of this.#entries) if (isHedged || entry !== attempt.entry) entry.ended(end)
  }

  #over(): void {
    this.isWaiting = false
    this.isOut = false
    for (const entry of this.#entries) entry.done()
  }
}

const answered = new DOMException("another agent answered first", "AbortError")
