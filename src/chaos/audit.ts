/**
 * What must hold between the definition of a workflow and the trace of a run: who may start when, how often, how soon, and how
 * long waits last. Reads messages and calls; never asks the engine. A decision of people makes the past begin anew: what cannot
 * be told from the trace any more is then let pass.
 */
import type { Retry } from "../model/backoff.ts"
import { type CompiledTask, type CompiledWorkflow, compileWorkflow } from "../model/compile.ts"
import type { TimeLimits } from "../model/deadlines.ts"
import type { Frame } from "../model/mapping.ts"
import type { AttemptFailed, Degraded, Message, Outcome } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { isOfUndo } from "../model/saga.ts"
import type { Incarnation, Setup } from "./execution.ts"
import { LimitsAudit } from "./limits.ts"
import { degradedBy, isForgiving, isPlain, mayBegin, mayFollow, refuted, type Spot, spotOf } from "./model.ts"
import type { Plan } from "./plan.ts"
import type { Call } from "./story.ts"

/** Kills of one attempt without a message in between, after which it must be left alone. */
const killsMost = 4
/** How long after it is due a timer may fire where somebody is there. */
const slackMs = 1_000

const nothing = (): void => {}

type Broken = (promise: string, what: string) => void

export class Audit {
  /** All that was ever written, compacted or not. */
  readonly messages: Array<Message> = []
  readonly #setup: Setup
  readonly #plan: Plan
  readonly #broken: Broken
  readonly #compiled: CompiledWorkflow
  readonly #limits: LimitsAudit
  #isDecided = false
  #submittedAt = 0
  #input: Frame["input"]
  /** When the message was written that made a task final, by path. */
  readonly #done = new Map<string, number>()
  readonly #fired = new Set<string>()
  readonly #signals = new Set<string>()
  readonly #failures = new Map<string, AttemptFailed>()
  readonly #keys = new Map<string, string>()
  /** When an attempt was first called, by `task#attempt`. */
  readonly #called = new Map<string, number>()
  /** Attempts that were called and have no end, in the life of this epoch. */
  readonly #out = new Set<string>()
  #outIn = 0
  /** Gates that were told something, and whoever told it was told that it counts. */
  readonly #said = new Set<string>()
  readonly #signalled = new Set<string>()
  /** When the last message about a path was on the disk: what it asks for begins then, however long ago it happened. */
  readonly #wroteAt = new Map<string, number>()
  readonly #openedAt = new Map<number, number>()
  #cancelledIn: number | undefined
  #pausedIn: number | undefined
  #kills = 0
  /** It killed the process again and again; only a person can let it go on. */
  #isLeftAlone = false

  constructor(setup: Setup, plan: Plan, broken: Broken) {
    this.#setup = setup
    this.#plan = plan
    this.#broken = broken
    this.#compiled = compileWorkflow(definition(setup.workflow.ir))
    this.#limits = new LimitsAudit(setup, broken)
    this.#limits.isBent = this.#has("owners")
  }

  /** A life has read what there is, and goes on with it. */
  opened(epoch: number, at: number, isLeftAlone: boolean): void {
    this.#openedAt.set(epoch, at)
    this.#isLeftAlone ||= isLeftAlone
  }

  /** A person has decided about the past. */
  decided(): void {
    this.#isDecided = true
    this.#limits.decided()
    this.#isLeftAlone = false
    this.#said.clear()
    this.#signalled.clear()
    this.#cancelledIn = undefined
  }

  // ── what is written ──────────────────────────────────────────────────────────────────────────────

  wrote(message: Message, signed: number, now: number): void {
    const epoch = Math.abs(signed)
    if (message.type !== "timer.fired") this.#wroteAt.set("task" in message ? message.task : "", now)
    this.messages.push(message)
    this.#kills = 0
    switch (message.type) {
      case "run.submitted":
        this.#submittedAt = message.at
        this.#input = message.input
        break
      case "attempt.succeeded":
        this.#out.delete(`${message.task}#${message.attempt}`)
        this.#done.set(message.task, message.at)
        break
      case "attempt.failed":
        this.#out.delete(`${message.task}#${message.attempt}`)
        this.#failed(message, epoch)
        break
      case "attempt.aborted":
        this.#out.delete(`${message.task}#${message.attempt}`)
        break
      case "timer.fired":
        // whatever the message says: it is there when it is written
        this.#firedAt(message.task, this.#has("clock") ? message.at : Math.min(message.at, now), epoch)
        // it may be the time of the whole task that is over: what was at work counts no more
        if (this.#limitsOf(message.task) !== undefined)
          for (const id of this.#out) if (id.startsWith(`${message.task}#`)) this.#out.delete(id)
        this.#wroteAt.set(message.task, now)
        this.#fired.add(message.task)
        this.#done.set(message.task, message.at)
        break
      case "gate.answered":
      case "gate.rejected":
        this.#done.set(message.task, message.at)
        break
      case "signal.received":
        this.#signals.add(message.name)
        break
      case "run.paused":
        this.#pausedIn = epoch
        break
      case "run.resumed":
        this.#pausedIn = undefined
        this.#isLeftAlone = false
        break
      case "run.cancelled":
        this.#cancelledIn ??= epoch
        this.#pausedIn = undefined
    }
  }

  #failed(message: AttemptFailed, epoch: number): void {
    const { task, attempt, failure, at } = message
    this.#failures.set(`${task}#${attempt}`, message)
    this.#limits.failed(message)
    this.#inTime(task, attempt, at, epoch, "ends")
    if (failure.tag === "HeartbeatMissed") this.#silent(message, epoch)
    if (failure.tag !== "AttemptTimedOut" || this.#isDecided || this.#has("clock")) return
    const work = spotOf(this.#compiled, task)?.task.work
    // work for agents waits in a mailbox first
    if (work === undefined || work.needs.length > 0) return
    const calledAt = this.#called.get(`${task}#${attempt}`)
    if (calledAt === undefined ? epoch === 1 : at < calledAt + work.timeoutMs && !this.#wasRedelivered(calledAt, epoch))
      this.#broken("G11", `${task}#${attempt} has timed out before its ${work.timeoutMs} ms were over`)
  }

  /** Nobody in these worlds says that a body is well: silence begins when it is called. */
  #silent({ task, attempt, at }: AttemptFailed, epoch: number): void {
    const ms = spotOf(this.#compiled, task)?.task.work?.heartbeatMs
    const calledAt = this.#called.get(`${task}#${attempt}`)
    if (ms === undefined || calledAt === undefined || this.#isDecided || this.#has("clock")) return
    if (at < calledAt + ms && !this.#wasRedelivered(calledAt, epoch))
      this.#broken("G11", `${task}#${attempt} is told to be silent for ${ms} ms after ${at - calledAt}`)
  }

  /** A task whose whole time is over does nothing any more, once somebody is there to see it. */
  #inTime(task: string, attempt: number, now: number, epoch: number, does: string): void {
    const doneBy = this.#doneBy(task)
    if (doneBy === undefined || this.#isDecided || epoch > 2) return
    if (this.#has("clock", "owners", "read", "code", "storage")) return
    const late = now - Math.max(doneBy, this.#openedAt.get(epoch) ?? 0) - slackMs
    if (late > 0) this.#broken("G11", `${task}#${attempt} ${does} ${late} ms after the time of its task is over`)
  }

  #limitsOf(path: string): TimeLimits | undefined {
    return spotOf(this.#compiled, path)?.task.work?.limits
  }

  /** When the whole task must be done; undefined where nobody says, or it cannot be read from single messages. */
  #doneBy(path: string): number | undefined {
    const spot = spotOf(this.#compiled, path)
    const withinMs = spot?.task.work?.limits?.withinMs
    if (spot === undefined || withinMs === undefined || spot.isPart || spot.prefix !== "") return undefined
    const since = this.#sinceOf(spot)
    return since === undefined || !Number.isFinite(withinMs) ? undefined : since + withinMs
  }

  /** A chosen timeout goes on while nobody is there: an attempt that comes again may be told at once. */
  #wasRedelivered(calledAt: number, epoch: number): boolean {
    const openedAt = this.#openedAt.get(epoch)
    return epoch > 1 && (openedAt === undefined || openedAt >= calledAt)
  }

  /** A timer is never early; and where somebody was there all the time, it is not late either. */
  #firedAt(path: string, at: number, epoch: number): void {
    if (this.#isDecided || this.#fired.has(path)) return
    const due = this.#dueOf(path)
    if (due === undefined) return
    const [earliest, latest, since] = due
    if (at < earliest) this.#broken("G11", `what '${path}' waits for is due at ${earliest} and fires at ${at}`)
    // what could not be written begins when it is
    if (epoch > 2 || this.#has("clock", "owners", "read", "code", "storage")) return
    const openedAt = this.#openedAt.get(epoch) ?? at
    const most = Math.max(latest, openedAt, since) + slackMs
    if (at > most)
      this.#broken("G11", `what '${path}' waits for is due at ${latest} and fires ${at - most} ms too late`)
  }

  /** When a timer is due, at the earliest and the latest; and when what asks for it was on the disk. */
  #dueOf(path: string): readonly [number, number, number] | undefined {
    const { config } = this.#compiled.ir
    if (path === "")
      return config?.timeoutMs === undefined
        ? undefined
        : [this.#submittedAt + config.timeoutMs, this.#submittedAt + config.timeoutMs, 0]
    const spot = spotOf(this.#compiled, path)
    if (spot === undefined) return undefined
    const { task, isPart, prefix } = spot
    const failure = this.#failures.get(`${path}#${this.#attemptsOf(path)}`)
    if (task.work?.limits !== undefined) return this.#firstOf(spot, failure)
    if (failure !== undefined && task.work !== undefined) {
      const [least, most] = pauseOf(task.work.retry, failure)
      return [failure.at + least, failure.at + most, this.#wroteAt.get(path) ?? 0]
    }
    if (task.structure.kind !== "sleep" || isPart || prefix !== "") return undefined
    const since = this.#sinceOf(spot)
    if (since === undefined) return undefined
    const ms = task.structure.durationMs({ input: this.#input, values: [] } as Frame)
    if (typeof ms !== "number") return undefined
    const written = beforeOf(spot.scope, task).map(({ id }) => this.#wroteAt.get(prefix + id) ?? 0)
    return [since + ms, since + ms, Math.max(this.#wroteAt.get("") ?? 0, ...written)]
  }

  /** The timer of a task whose time is limited: the end of its pause, or of its time, whichever comes first. */
  #firstOf(spot: Spot, failure: AttemptFailed | undefined): readonly [number, number, number] | undefined {
    const { path, task } = spot
    const { startWithinMs } = task.work!.limits!
    const since = this.#sinceOf(spot)
    if (since === undefined || Number.isFinite(startWithinMs)) return undefined
    const doneBy = this.#doneBy(path) ?? Number.POSITIVE_INFINITY
    const [least, most] =
      failure === undefined ? [doneBy, doneBy] : pauseOf(task.work!.retry, failure).map((ms) => failure.at + ms)
    const earliest = Math.min(doneBy, least!)
    if (!Number.isFinite(earliest)) return undefined
    return [earliest, Math.min(doneBy, most!), this.#wroteAt.get(path) ?? 0]
  }

  #attemptsOf(path: string): number {
    let attempt = 0
    while (this.#failures.has(`${path}#${attempt + 1}`)) attempt++
    return attempt
  }

  /** When a task had all it waits for; undefined where that cannot be read from single messages. */
  #sinceOf({ scope, task, prefix }: Spot): number | undefined {
    if (isForgiving(scope)) return undefined
    const ends: Array<number> = []
    for (const before of beforeOf(scope, task)) {
      const at = this.#done.get(prefix + before.id)
      if (at === undefined || before.when !== undefined) return undefined
      if (before.structure.kind !== "leaf" && before.structure.kind !== "sleep") return undefined
      ends.push(at)
    }
    if (ends.length === 0) return this.#submittedAt
    // what was written last may say the earlier time, where the clock has jumped back
    return this.#has("clock") ? Math.min(...ends) : Math.max(...ends)
  }

  // ── what is called ───────────────────────────────────────────────────────────────────────────────

  /** What is counted once the run is over. */
  counts(life: Incarnation): void {
    if (life.engine !== undefined && !life.isDead) this.#limits.ended(life.number, life.engine.bulkheads.metrics)
  }

  /** Whether several agents may be called for one attempt. */
  isHedged(task: string): boolean {
    return spotOf(this.#compiled, task)?.task.work?.ir.hedge !== undefined
  }

  /** Gives what to do when the body has come to its end. */
  called(call: Call, life: Incarnation): () => void {
    if (life.isStale) return nothing
    let ended = nothing
    const { task, attempt, delivery, key, agent } = call
    const id = `${task}#${attempt}`
    if (this.#cancelledIn !== undefined && life.epoch > this.#cancelledIn && !isOfUndo(task))
      this.#broken("G12", `${id} is called in a life that found the run cancelled`)
    if (this.#pausedIn !== undefined && life.epoch > this.#pausedIn)
      this.#broken("G13", `${id} is called in a life that found the run paused`)
    if (this.#isLeftAlone) this.#broken("G21", `${id} is called, and nobody has let the run go on`)
    if (delivery > life.epoch) this.#broken("G03", `${id} is called as delivery ${delivery} in life ${life.epoch}`)
    const spot = spotOf(this.#compiled, task)
    const work = spot?.task.work
    if (spot !== undefined && work !== undefined) {
      if (attempt > work.retry.attempts)
        this.#broken("G09", `${id} is called, and ${work.retry.attempts} attempts are allowed`)
      if (agent !== undefined) this.#mayDo(id, agent, work.needs)
      ended = this.#limits.called(call, work, life, this.#isDecided)
      if (!this.#isDecided) this.#mayStart(call, spot, life)
      this.#inTime(task, attempt, life.now, life.epoch, "is called")
    }
    if (!this.#isDecided) {
      const before = this.#keys.get(task)
      if (before !== undefined && before !== key) this.#broken("G05", `${id} has the key ${key}, and had ${before}`)
      this.#keys.set(task, key)
    }
    // an attempt that comes again was asked for before, and its time has run since then
    if (!this.#called.has(id)) this.#called.set(id, delivery === 1 ? life.now : Number.NEGATIVE_INFINITY)
    this.#counts(id, life)
    return ended
  }

  #mayDo(id: string, agent: string, needs: ReadonlyArray<string>): void {
    const can = this.#setup.agents.find((one) => one.id === agent)?.can ?? []
    const lacks = needs.filter((one) => !can.includes(one))
    if (lacks.length > 0) this.#broken("G08", `${id} is given to '${agent}', who cannot ${lacks.join(", ")}`)
  }

  /** The time for attempts is counted from the first of them. */
  #mayTry(task: string, attempt: number, delivery: number, { task: { work } }: Spot, { now }: Incarnation): void {
    const withinMs = work!.limits?.retryWithinMs ?? Number.POSITIVE_INFINITY
    const first = this.#called.get(`${task}#1`)
    if (first === undefined || delivery > 1 || this.#has("clock", "owners", "storage")) return
    const late = now - first - withinMs - slackMs
    if (Number.isFinite(first) && late > 0)
      this.#broken("G09", `${task}#${attempt} is called ${late} ms after the time for its attempts is over`)
  }

  #mayStart({ task, attempt, delivery }: Call, spot: Spot, life: Incarnation): void {
    const { workflow, input } = this.#setup
    // what failures mean is not read from single messages
    if (spot.prefix === "" && (task.includes("~") || isForgiving(this.#compiled)))
      if (mayBegin(workflow, input, this.messages, spot.scope.tasks[spot.task.index]!, task) === false)
        this.#broken("G08", `${task}#${attempt} is called, and by what is written nothing lets it start`)
    for (let here: Spot | undefined = spot; here !== undefined && !isForgiving(here.scope); here = here.around)
      for (const before of beforeOf(here.scope, here.task))
        if (!this.#isDone(before, here.prefix + before.id))
          this.#broken("G08", `${task}#${attempt} is called before '${here.prefix}${before.id}' is written to be done`)
    const failure = this.#failures.get(`${task}#${attempt - 1}`)
    if (failure === undefined) return
    if (failure.refused !== undefined || !mayFollow(failure, spot.task.work!.retry))
      this.#broken("G09", `${task}#${attempt} is called, and attempt ${attempt - 1} failed for good`)
    this.#mayTry(task, attempt, delivery, spot, life)
    const [least] = pauseOf(spot.task.work!.retry, failure)
    if (!this.#has("clock") && life.now < failure.at + least)
      this.#broken("G09", `${task}#${attempt} is called ${failure.at + least - life.now} ms before its pause is over`)
  }

  #isDone(task: CompiledTask, path: string): boolean {
    if (task.when !== undefined || this.#done.has(path)) return true
    const { structure } = task
    switch (structure.kind) {
      case "leaf":
      case "sleep":
        return false
      case "gate":
        return structure.signal !== undefined && this.#signals.has(structure.signal)
      case "use":
        return compileWorkflow(structure.nested).tasks.every((one) => this.#isDone(one, `${path}/${one.id}`))
      default:
        // how many there are is not in the definition
        return true
    }
  }

  #counts(id: string, life: Incarnation): void {
    if (life.epoch !== this.#outIn) this.#out.clear()
    this.#outIn = life.epoch
    this.#out.add(id)
    if (this.#out.size > this.#compiled.concurrency && !this.#isDecided)
      this.#broken(
        "G23",
        `${id} is the ${this.#out.size}th attempt at a time, and ${this.#compiled.concurrency} are allowed`
      )
  }

  /** An attempt has killed the process. */
  killed(id: string): void {
    // a process that died of something else clears whoever was suspected
    if (++this.#kills > killsMost && !this.#has("crash", "owners"))
      this.#broken("G21", `${id} has killed the process ${this.#kills} times in a row`)
  }

  /** Something else ended the life, or the code was not there to be tried: who was a suspect is none any more. */
  forgiven(): void {
    this.#kills = 0
  }

  // ── gates ────────────────────────────────────────────────────────────────────────────────────────

  /** Whoever answered a gate was told that it counts. */
  answered(gate: string): void {
    // whether there is anything to undo may be asked again, once a run has gone back
    if (isOfUndo(gate)) return
    if (this.#said.has(gate)) this.#broken("G04", `gate '${gate}' has taken a second answer`)
    this.#said.add(gate)
  }

  /** Whoever sent a signal was told that it counts: where one gate listens to it, that gate has heard it. */
  signalled(gate: string): void {
    // what was said to the gate itself before it opened may come first: then the signal is for the next one
    this.#signalled.add(gate)
  }

  /** Somebody sees that a gate is open. */
  sees(gate: string): void {
    if (this.#said.has(gate) || this.#signalled.has(gate))
      this.#broken("G04", `gate '${gate}' waits for an answer, and one was acknowledged`)
  }

  // ── the end ──────────────────────────────────────────────────────────────────────────────────────

  ended(outcome: Outcome, degraded: ReadonlyArray<Degraded>): void {
    const { workflow, input } = this.#setup
    const expected =
      this.#isDecided || outcome.status !== "succeeded" ? undefined : degradedBy(workflow, input, this.messages)
    if (expected !== undefined) {
      const leaves = new Set(this.#compiled.tasks.flatMap(({ id, structure }) => (isPlain(structure) ? [id] : [])))
      const listed = degraded.flatMap(({ task }) => (leaves.has(task) ? [task] : [])).sort()
      const wanted = [...expected].sort().join()
      if (listed.join() !== wanted)
        this.#broken("G16", `listed as degraded are '${listed.join()}', and by what is written '${wanted}'`)
    }
    const why = refuted(this.#setup.workflow, this.#setup.input, this.messages, outcome)
    if (why !== undefined) this.#broken("G16", why)
  }

  #has(...families: ReadonlyArray<string>): boolean {
    return this.#plan.faults.some(({ on }) => families.includes(on))
  }
}

/** The shortest and the longest pause after a failure, worked out anew. */
const pauseOf = (retry: Retry, { attempt, failure }: AttemptFailed): readonly [number, number] => {
  const [least, most] = spreadOf(retry, attempt)
  const { retryAfterMs = 0 } = failure
  return [Math.max(Math.floor(least), retryAfterMs), Math.max(Math.ceil(most), retryAfterMs)]
}

const spreadOf = (
  { backoff, baseMs, capMs, jitter, factor = backoff === "decorrelated" ? 3 : 2 }: Retry,
  attempt: number
): readonly [number, number] => {
  if (backoff === "decorrelated") return [Math.min(baseMs, capMs), Math.min(capMs, baseMs * factor ** attempt)]
  const middle = Math.min(capMs, backoff === "fixed" ? baseMs : baseMs * factor ** (attempt - 1))
  switch (jitter) {
    case "none":
      return [middle, middle]
    case "full":
      return [0, middle]
    case "equal":
      return [middle / 2, middle]
    default:
      return [middle * (1 - jitter), Math.min(capMs, middle * (1 + jitter))]
  }
}

const befores = new WeakMap<CompiledTask, ReadonlyArray<CompiledTask>>()
/** What a task waits for. */
const beforeOf = ({ graph, tasks }: CompiledWorkflow, task: CompiledTask): ReadonlyArray<CompiledTask> => {
  let known = befores.get(task)
  if (known === undefined) {
    const { predecessorStart: start, predecessors } = graph
    known = [...predecessors.slice(start[task.index]!, start[task.index + 1]!)].map((index) => tasks[index]!)
    befores.set(task, known)
  }
  return known
}
