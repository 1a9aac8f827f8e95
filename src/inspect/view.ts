/**
 * What is known after a number of events: every picture of the page is drawn from one of these. Applying an event costs what it
 * changes, not what there is; going back in time is a copy of an earlier view and the events since (`Timeline`).
 */
import type { Failure } from "../model/errors.ts"
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { Message, RunStatus, TaskStatus } from "../model/messages.ts"
import { patched } from "./patched.ts"
import type { AgentSeen, BreakerSeen, FaultSeen, GoneSeen, SeenEvent, StatusSeen, WaitSeen } from "./protocol.ts"
import type { ChartShape } from "./shape.ts"

export interface ActorView {
  readonly key: string
  readonly id: string
  readonly parent: string | undefined
  readonly logic: string
  readonly task: string | undefined
  readonly run: string | undefined
  readonly since: number
  /** Number of the event that changed it last. */
  readonly changed: number
  readonly value: Json | undefined
  readonly context: Json | undefined
  readonly status: "active" | "done" | "error" | "stopped"
  /** The last step that left a state. */
  readonly edge:
    | { readonly from: string; readonly to: string; readonly event: string; readonly seq: number }
    | undefined
  readonly output: Json | undefined
  readonly error: Json | undefined
}

export interface AttemptView {
  readonly attempt: number
  /** Number of the message with which it ended. */
  readonly endedBy: number | undefined
  readonly startedAt: number
  readonly endedAt: number | undefined
  readonly outcome: "succeeded" | "failed" | "aborted" | "late" | undefined
  readonly agent: string | undefined
  readonly failure: Failure | undefined
  /** Somebody decided later that it does not count. */
  readonly isForgotten: boolean
}

/** A time in which a task waited. */
export interface PauseView {
  readonly for: NonNullable<WaitSeen["for"]> | "slot"
  readonly from: number
  readonly to: number | undefined
  readonly dueAt: number | undefined
}

export interface TaskView {
  readonly run: string
  readonly path: string
  /** The path of the scope that it is in: `""` for the run itself. */
  readonly scope: string
  readonly status: TaskStatus
  /** When it was first heard of otherwise than as pending. */
  readonly since: number | undefined
  readonly endedAt: number | undefined
  readonly attempts: ReadonlyArray<AttemptView>
  readonly pauses: ReadonlyArray<PauseView>
  readonly value: Json | undefined
  readonly failure: Failure | undefined
  /** Whether it takes back what another one did. */
  readonly isUndo: boolean
  readonly changed: number
}

export interface RunView {
  readonly run: string
  readonly workflow: string
  readonly hash: string
  readonly input: Json | undefined
  readonly status: RunStatus
  readonly percent: number
  readonly submittedAt: number
  readonly endedAt: number | undefined
  readonly eta: StatusSeen["eta"]
  readonly critical: ReadonlyArray<string>
  readonly output: Json | undefined
  readonly error: StatusSeen["error"]
  /** Messages written. */
  readonly messages: number
  readonly last: Message | undefined
  readonly tasks: Map<string, TaskView>
  readonly faults: ReadonlyArray<FaultSeen & { readonly t: number; readonly seq: number }>
}

/** Most faults that are kept of a run. */
const faultsMost = 10_000

export class View {
  /** Events applied. */
  seq = 0
  t = 0
  readonly definitions: Map<string, WorkflowIR>
  readonly charts: Map<string, ChartShape>
  readonly actors: Map<string, ActorView>
  /** Keys of the children of an actor; `""` has those without a parent. */
  readonly children: Map<string, ReadonlySet<string>>
  readonly runs: Map<string, RunView>
  readonly breakers: Map<string, BreakerSeen>
  readonly agents: Map<string, AgentSeen>
  lost = 0

  constructor(from?: View) {
    this.definitions = new Map(from?.definitions)
    this.charts = new Map(from?.charts)
    this.actors = new Map(from?.actors)
    this.children = new Map([...(from?.children ?? [])].map(([key, set]) => [key, new Set(set)]))
    this.runs = new Map([...(from?.runs ?? [])].map(([id, run]) => [id, { ...run, tasks: new Map(run.tasks) }]))
    this.breakers = new Map(from?.breakers)
    this.agents = new Map(from?.agents)
    if (from === undefined) return
    this.seq = from.seq
    this.t = from.t
    this.lost = from.lost
  }

  /** How much there is to copy. */
  get size(): number {
    let size = this.actors.size
    for (const { tasks } of this.runs.values()) size += tasks.size
    return size
  }

  apply(event: SeenEvent): void {
    this.seq = event.seq + 1
    this.t = event.t
    switch (event.kind) {
      case "definition":
        this.definitions.set(event.hash, event.ir)
        return
      case "chart":
        this.charts.set(event.logic, event.shape)
        return
      case "actor": {
        const { actor: key, id, parent, logic, task, run, value, context } = event
        this.actors.set(key, {
          key,
          id,
          parent,
          logic,
          task,
          run,
          since: event.t,
          changed: event.seq,
          value,
          context,
          status: "active",
          edge: undefined,
          output: undefined,
          error: undefined
        })
        this.#childrenOf(parent ?? "").add(key)
        return
      }
      case "gone":
        this.#gone(event.actor, event.how, event)
        return
      case "step": {
        const actor = this.actors.get(event.actor)
        if (actor === undefined) return
        const { from, to, event: type, seq, context, patches } = event
        this.actors.set(event.actor, {
          ...actor,
          changed: seq,
          value: event.value ?? actor.value,
          context: context ?? (patches === undefined ? actor.context : patched(actor.context, patches)),
          edge: from === undefined || to === undefined ? actor.edge : { from, to, event: type, seq }
        })
        return
      }
      case "run":
        this.runs.set(event.run, {
          run: event.run,
          workflow: event.workflow,
          hash: event.hash,
          input: event.input,
          status: "running",
          percent: 0,
          submittedAt: event.t,
          endedAt: undefined,
          eta: undefined,
          critical: [],
          output: undefined,
          error: undefined,
          messages: 0,
          last: undefined,
          tasks: new Map(),
          faults: []
        })
        return
      case "journal":
        this.#journal(event)
        return
      case "task":
        this.#task(event.run, event.task, event, { status: event.status })
        return
      case "attempt": {
        const { run, task, attempt, agent, t } = event
        const found = this.#taskOf(run, task, event)
        if (found === undefined) return
        const begun: AttemptView = {
          attempt,
          endedBy: undefined,
          startedAt: t,
          endedAt: undefined,
          outcome: undefined,
          agent,
          failure: undefined,
          isForgotten: false
        }
        this.#set(run, { ...closed(found, t), attempts: [...found.attempts, begun] }, event)
        return
      }
      case "wait": {
        const { run, task, dueAt, t } = event
        const found = this.#taskOf(run, task, event)
        if (found === undefined) return
        const rested = closed(found, t)
        if (event.for === undefined) return this.#set(run, rested, event)
        const pause: PauseView = { for: event.for, from: t, to: undefined, dueAt }
        this.#set(run, { ...rested, pauses: [...rested.pauses, pause] }, event)
        return
      }
      case "status": {
        const { kind: _, seq: __, cause: ___, t, ...known } = event
        const run = this.runs.get(event.run)
        if (run === undefined) return
        const hasEnded = known.status === "succeeded" || known.status === "failed" || known.status === "cancelled"
        this.runs.set(event.run, {
          ...run,
          status: known.status,
          percent: known.percent,
          eta: known.eta,
          critical: known.critical ?? run.critical,
          output: known.output ?? run.output,
          error: known.error,
          endedAt: hasEnded ? (run.endedAt ?? t) : undefined
        })
        return
      }
      case "breaker":
        this.breakers.set(event.name, event)
        return
      case "agent":
        this.agents.set(event.id, event)
        return
      case "fault": {
        const run = this.runs.get(event.run)
        if (run !== undefined && run.faults.length < faultsMost)
          this.runs.set(event.run, { ...run, faults: [...run.faults, event] })
        return
      }
      case "reset":
        this.#reset(event.run)
        return
      case "gap":
        this.lost += event.lost
        return
      case "message":
      case "command":
        return
    }
  }

  #childrenOf(key: string): Set<string> {
    let set = this.children.get(key) as Set<string> | undefined
    if (set === undefined) {
      set = new Set()
      this.children.set(key, set)
    }
    return set
  }

  /** An actor that has ended stays as it was last, until another one comes to its place; so do those below it. */
  #gone(key: string, how: ActorView["status"], { output, error }: Pick<GoneSeen, "output" | "error"> = {}): void {
    const actor = this.actors.get(key)
    if (actor === undefined || actor.status !== "active") return
    this.actors.set(key, { ...actor, status: how, output, error })
    for (const child of this.children.get(key) ?? []) this.#gone(child, "stopped")
  }

  #taskOf(run: string, path: string, { t, seq }: { readonly t: number; readonly seq: number }): TaskView | undefined {
    const found = this.runs.get(run)
    if (found === undefined || path === "") return undefined
    return (
      found.tasks.get(path) ?? {
        run,
        path,
        scope: scopeOf(path),
        status: "running",
        since: t,
        endedAt: undefined,
        attempts: [],
        pauses: [],
        value: undefined,
        failure: undefined,
        isUndo: path.endsWith("~undo"),
        changed: seq
      }
    )
  }

  #set(run: string, task: TaskView, { seq }: { readonly seq: number }): void {
    this.runs.get(run)?.tasks.set(task.path, { ...task, changed: seq })
  }

  #task(
    run: string,
    path: string,
    at: { readonly t: number; readonly seq: number },
    { status }: Pick<TaskView, "status">
  ): void {
    const found = this.#taskOf(run, path, at)
    if (found === undefined) return
    const isFinal = finals.has(status)
    const rested = isFinal ? closed(found, at.t) : found
    const isNew = found.since === undefined || !this.runs.get(run)!.tasks.has(path)
    this.#set(
      run,
      {
        ...rested,
        status,
        since: status === "pending" ? undefined : isNew ? at.t : found.since,
        endedAt: isFinal ? (found.endedAt ?? at.t) : undefined,
        ...(status === "ready"
          ? { pauses: [...rested.pauses, { for: "slot", from: at.t, to: undefined, dueAt: undefined }] }
          : {})
      },
      at
    )
  }

  #journal({ run: id, n, message, t, seq }: Extract<SeenEvent, { kind: "journal" }>): void {
    const run = this.runs.get(id)
    if (run === undefined) return
    this.runs.set(id, { ...run, messages: Math.max(run.messages, n + 1), last: message })
    if (message.type === "run.amended") return this.#amend(run, message, seq, t)
    if (message.type === "run.rolledBack")
      return this.#forgetEnds(run, (end) => end === undefined || end > message.to, seq, t)
    if (!("task" in message) || message.task === "") return
    const task = run.tasks.get(message.task)
    if (task === undefined) return
    if (message.type === "timer.fired") return this.#set(id, closed(task, t), { seq })
    if (message.type === "gate.answered") return this.#set(id, { ...task, value: message.value }, { seq })
    if (!("attempt" in message)) return
    const outcome = {
      "attempt.succeeded": "succeeded",
      "attempt.failed": "failed",
      "attempt.aborted": "aborted",
      "attempt.late": "late"
    } as const
    const attempts = task.attempts.slice()
    const isIt = ({ attempt }: AttemptView) => attempt === message.attempt
    // one that nobody waits for any more was there before the one that is out
    const early = message.type === "attempt.late" ? attempts.findIndex((one) => isIt(one) && isLoose(one)) : -1
    const index = early >= 0 ? early : attempts.findLastIndex(isIt)
    const known = attempts[index]
    if (known === undefined) return
    attempts[index] = {
      ...known,
      endedBy: n,
      endedAt: message.type === "attempt.late" ? (known.endedAt ?? t) : t,
      outcome: message.type === "attempt.late" && known.outcome !== undefined ? known.outcome : outcome[message.type],
      agent: ("agent" in message ? message.agent : undefined) ?? known.agent,
      failure: ("failure" in message ? message.failure : undefined) ?? known.failure
    }
    this.#set(
      id,
      {
        ...task,
        attempts,
        ...("value" in message && message.value !== undefined ? { value: message.value } : {}),
        ...("failure" in message ? { failure: message.failure } : {})
      },
      { seq }
    )
  }

  /** Results given by hand, and failures that do not count any more. */
  #amend(run: RunView, { forget, give }: Extract<Message, { type: "run.amended" }>, seq: number, t: number): void {
    const numbers = new Set(forget)
    this.#forgetEnds(run, (end) => end !== undefined && numbers.has(end), seq, t)
    for (const [path, value] of Object.entries(give)) {
      const task = this.runs.get(run.run)!.tasks.get(path)
      if (task !== undefined) this.#set(run.run, { ...task, value }, { seq })
    }
  }

  /** What was done stays to be seen, and counts no more; what is under way is nobody's. */
  #forgetEnds(
    { run, tasks }: RunView,
    isForgotten: (end: number | undefined) => boolean,
    seq: number,
    t: number
  ): void {
    for (const task of tasks.values()) {
      if (!task.attempts.some(({ endedBy }) => isForgotten(endedBy))) continue
      const attempts = task.attempts.map((one) =>
        isForgotten(one.endedBy) ? { ...one, endedAt: one.endedAt ?? t, isForgotten: true } : one
      )
      this.#set(run, { ...task, attempts }, { seq })
    }
  }

  /** All is told anew: what was known of each task stays, its state does not. */
  #reset(id: string): void {
    const run = this.runs.get(id)
    if (run === undefined) return
    const tasks = new Map<string, TaskView>()
    for (const [path, task] of run.tasks) tasks.set(path, { ...task, status: "pending" })
    this.runs.set(id, { ...run, status: "running", endedAt: undefined, error: undefined, tasks })
    for (const [key, actor] of this.actors) if (actor.run === id) this.#forget(key, actor.parent)
  }

  #forget(key: string, parent: string | undefined): void {
    this.actors.delete(key)
    this.#childrenOf(parent ?? "").delete(key)
    this.children.delete(key)
  }
}

/** Nobody waits for it, and it has not been heard of since. */
const isLoose = ({ endedBy, isForgotten }: AttemptView): boolean => endedBy === undefined && isForgotten

const finals: ReadonlySet<TaskStatus> = new Set(["succeeded", "failed", "skipped", "cancelled"])

/** A task whose open pause has ended, if it had one. */
const closed = (task: TaskView, t: number): TaskView => {
  const last = task.pauses.at(-1)
  if (last === undefined || last.to !== undefined) return task
  return { ...task, pauses: [...task.pauses.slice(0, -1), { ...last, to: t }] }
}

/**
 * The path of the scope around a task: `quotes` for `quotes[3]` and `quotes[3]~undo`, `ship` for `ship/label`, `plan` for `plan@tasks`,
 * `""` for `a`.
 */
export const scopeOf = (path: string): string =>
  path.slice(0, Math.max(0, path.lastIndexOf("/"), path.lastIndexOf("["), path.lastIndexOf("#"), path.lastIndexOf("@")))

/**
 * All events of a stream, and any moment of it. Copies are kept so that going anywhere costs no more than some thousand events.
 * The first event may have any number, where older ones were let go; then each has the next number.
 */
export class Timeline {
  readonly events: Array<SeenEvent> = []
  readonly #copies: Array<{ readonly count: number; readonly view: View }> = [{ count: 0, view: new View() }]
  readonly #now = new View()

  /** The view after the last event. Never change it; it goes on as events come. */
  get latest(): View {
    return this.#now
  }

  /** Number of the first event. */
  get first(): number {
    return this.events[0]?.seq ?? 0
  }

  push(events: ReadonlyArray<SeenEvent>): void {
    for (const event of events) {
      this.events.push(event)
      this.#now.apply(event)
      // a copy costs what there is, so it is made seldom enough that copying costs no more than applying
      if (this.events.length - this.#copies.at(-1)!.count >= Math.max(copyEvery, this.#now.size))
        this.#copies.push({ count: this.events.length, view: new View(this.#now) })
    }
  }

  /** The view after the event before number `seq`: `at(first)` is empty. */
  at(seq: number): View {
    const count = seq - this.first
    if (count >= this.events.length) return this.#now
    const near = this.#copies.findLast((copy) => copy.count <= count) ?? this.#copies[0]!
    const view = new View(near.view)
    for (let i = near.count; i < count; i++) view.apply(this.events[i]!)
    return view
  }
}

/** Fewest events between two copies. */
const copyEvery = 500
