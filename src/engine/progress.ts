/** How far a run is: counts, percent, what is running, and when it may be done. Computed when asked, from what the actors keep. */

import { FanoutDirector, LoopDirector, WorkflowDirector } from "../actors/directors.ts"
import type { Place } from "../actors/room.ts"
import { SagaDirector } from "../actors/saga.ts"
import type { ScopeSnapshot } from "../actors/scope.ts"
import type { Heard } from "../machines/task.ts"
import type { Board } from "../model/board.ts"
import { criticalPath } from "../model/dependencies.ts"
import { type Failure, RunPoisoned, type TroupeError, toFailure } from "../model/errors.ts"
import { kindOf } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { Degraded, RunStatus, TaskStatus } from "../model/messages.ts"
import { durationsOf } from "../model/plan.ts"
import type { RunNote, RunRecord } from "../storage/journal.ts"
import type { Attempt } from "./attempts.ts"
import type { LiveRun } from "./run.ts"

export interface TaskCounts {
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  readonly compensated: number
}

/** A run as lists show it. */
export interface RunOverview {
  readonly run: string
  readonly workflow: string
  readonly version: string | undefined
  /** Content hash of the definition that the run is pinned to. */
  readonly hash: string
  readonly status: RunStatus
  /** 0 … 100, over the tasks of the workflow; a fan-out or sub-workflow counts by its own progress. */
  readonly percent: number
  readonly tasks: TaskCounts
  readonly submittedAt: Date
  readonly updatedAt: Date
  /** Messages in its journal. */
  readonly messages: number
  /** Why it failed, or why it cannot go on. */
  readonly error: { readonly task: string; readonly failure: Pick<Failure, "message" | "code"> } | undefined
}

/** A run as it is now. */
export interface RunState extends RunOverview {
  /** Paths of the tasks at work. */
  readonly current: ReadonlyArray<string>
  /** Paths of the tasks that wait for a timer, or for an answer. */
  readonly waiting: ReadonlyArray<string>
  /** The gates that are open: what is asked of whom, the longest open first. */
  readonly gates: ReadonlyArray<WaitingGate>
  /**
   * When it may be done, from estimates and what was measured so far, along the longest path that is left. Undefined while it
   * waits at a gate without an estimate: nobody knows when people answer.
   */
  readonly eta: Date | undefined
  /** When it begins, or began, if it was given a time for that. */
  readonly scheduledAt: Date | undefined
  readonly endedAt: Date | undefined
  readonly durationMs: number
  /** Mean length of the tasks that are done, in milliseconds. */
  readonly meanTaskMs: number | undefined
  /** Attempts started. */
  readonly attempts: number
  /**
   * How far bodies say they are, of tasks that are at work or will be again; at most 100. What an attempt at work has said is
   * known to the process that runs it, and written when the attempt fails.
   */
  readonly heartbeats: ReadonlyArray<Heartbeat>
  readonly output: Json | undefined
  /** Tasks that failed, and what was taken instead of their results, in the order in which that was decided. */
  readonly degraded: ReadonlyArray<Degraded>
  /** Paths of the tasks whose effects were taken back, and of those that are still to be. */
  readonly undo: { readonly done: ReadonlyArray<string>; readonly left: ReadonlyArray<string> }
  readonly error: { readonly task: string; readonly failure: Failure } | undefined
  readonly reason: string | undefined
}

/** How far an attempt of a task has said that it is. */
export interface Heartbeat {
  readonly task: string
  readonly attempt: number
  readonly progress: Json
}

/** A gate that waits for its answer. */
export interface WaitingGate {
  /** Its path, as `answer` takes it. */
  readonly gate: string
  /** What whoever answers should see. */
  readonly show: Json | undefined
  /** When it waits no longer; undefined when it waits for ever. */
  readonly dueAt: Date | undefined
  /** Name of the signal that answers it too. */
  readonly signal: string | undefined
}

/** How a run stands; `hasEta` is false where when it may be done is not asked. */
export const stateOf = (run: LiveRun, now: number, hasEta = true): RunState => {
  const { outcome, compiled, workflow } = run
  const alive = outcome === undefined ? look(run) : nobody
  const board = run.room.board
  const counts = countsOf(run)
  const settled = counts.completed + counts.failed + counts.skipped + counts.cancelled
  return {
    run: run.id,
    workflow: workflow.name,
    version: compiled.ir.version,
    hash: workflow.hash,
    status: statusOf(run, alive),
    percent:
      outcome?.status === "succeeded" || counts.total === 0
        ? outcome === undefined
          ? 0
          : 100
        : Math.floor((1_000 * (settled + alive.parts)) / counts.total) / 10,
    tasks: counts,
    current: alive.current,
    waiting: alive.waiting,
    gates: gatesOf(run),
    eta:
      hasEta && outcome === undefined && !isAsked(run)
        ? etaOf(run, alive, isScheduled(run) ? beginOf(run, now) : now)
        : undefined,
    scheduledAt: run.scheduledAt === undefined ? undefined : new Date(run.scheduledAt),
    submittedAt: new Date(run.submittedAt),
    updatedAt: new Date(run.updatedAt),
    endedAt: run.endedAt === undefined ? undefined : new Date(run.endedAt),
    durationMs: (run.endedAt ?? now) - run.submittedAt,
    meanTaskMs:
      board === undefined || board.observed.count === 0 ? undefined : board.observed.totalMs / board.observed.count,
    attempts: run.attempts,
    heartbeats: alive.heartbeats,
    messages: run.delivered,
    output: outcome?.status === "succeeded" ? outcome.value : undefined,
    degraded: run.room.degraded,
    undo: undoOf(run),
    error: errorOf(run),
    reason: outcome?.status === "cancelled" ? outcome.reason : undefined
  }
}

/** Whether its time to begin has not come. */
export const isScheduled = ({ room: { root } }: Pick<LiveRun, "room">): boolean =>
  root !== undefined && (root.getSnapshot() as ScopeSnapshot).hasTag("scheduled")

const beginOf = ({ scheduledAt = 0 }: LiveRun, now: number): number => Math.max(scheduledAt, now)

/** Whether it waits for somebody who may take any time. */
const isAsked = ({ room }: LiveRun): boolean => {
  if (!room.hasOpenGates) return false
  for (const { task } of room.gates.open.values()) if (task.ir.estimateMs === undefined) return true
  return false
}

const gatesOf = ({ room }: LiveRun): ReadonlyArray<WaitingGate> => {
  if (!room.hasOpenGates) return []
  const found: Array<WaitingGate> = []
  for (const { path, show, dueAt, signal } of room.gates.open.values()) {
    if (found.length === listedMax) break
    found.push({ gate: path, show, dueAt: dueAt === 0 ? undefined : new Date(dueAt), signal })
  }
  return found
}

const errorOf = ({ outcome, parked, stuck }: LiveRun): RunState["error"] =>
  outcome?.status === "failed"
    ? { task: outcome.task, failure: outcome.failure }
    : outcome !== undefined
      ? undefined
      : parked !== undefined
        ? { task: parked instanceof RunPoisoned ? parked.task : "", failure: toFailure(parked) }
        : stuck !== undefined
          ? { task: stuck.task, failure: toFailure(stuck) }
          : undefined

/** What has been taken back; what is left is of interest once it has begun. */
const undoOf = ({ room }: LiveRun): RunState["undo"] => {
  const ledger = room.knownLedger
  if (ledger === undefined) return nothingUndone
  return { done: ledger.undone, left: ledger.hasBegun ? ledger.left : [] }
}
const nothingUndone: RunState["undo"] = Object.freeze({ done: [], left: [] })

const statusOfParked = (parked: TroupeError): RunStatus => (parked instanceof RunPoisoned ? "quarantined" : "parked")

/** What the journal notes of a run, for lists and restarts. */
export const noteOf = (run: LiveRun): RunNote => {
  const { total, completed, failed, skipped, cancelled, compensated } = countsOf(run)
  const error = errorOf(run)
  return {
    run: run.id,
    status:
      run.outcome?.status ??
      (run.parked !== undefined
        ? statusOfParked(run.parked)
        : run.stuck !== undefined
          ? "parked"
          : run.room.isHeld
            ? "paused"
            : "running"),
    updatedAt: run.updatedAt,
    isAsleep: false,
    dueAt: undefined,
    tasks: [total, completed, failed, skipped, cancelled, compensated],
    ...(error === undefined
      ? {}
      : {
          error: {
            task: error.task,
            code: error.failure.code ?? "FAILED",
            message: error.failure.message.slice(0, 500)
          }
        })
  }
}

/** A run that is not in memory, from what the journal notes of it. */
export const overviewOf = ({ run, workflow, version, hash, status, isAsleep, ...record }: RunRecord): RunOverview => {
  const [total = 0, completed = 0, failed = 0, skipped = 0, cancelled = 0, compensated = 0] = record.tasks
  const { error } = record
  return {
    run,
    workflow,
    version,
    hash: hash ?? "",
    status: isAsleep && status === "running" ? "waiting" : status,
    percent:
      status === "succeeded"
        ? 100
        : total === 0
          ? 0
          : Math.floor((1_000 * (completed + failed + skipped + cancelled)) / total) / 10,
    tasks: { total, completed, failed, skipped, cancelled, compensated },
    submittedAt: new Date(record.submittedAt),
    updatedAt: new Date(record.updatedAt),
    messages: record.length,
    error: error === undefined ? undefined : { task: error.task, failure: { code: error.code, message: error.message } }
  }
}

/** States of the tasks of the workflow itself, by id; what never started of a run that is over was skipped or cancelled with it. */
export const taskStates = ({ room, compiled, outcome }: LiveRun): { readonly [task: string]: TaskStatus } => {
  const unstarted: TaskStatus = outcome?.status === "cancelled" ? "cancelled" : "skipped"
  return Object.fromEntries(
    compiled.graph.ids.map((id, task) => {
      const status = room.board?.statusOf(task) ?? "pending"
      const isOpen = status === "pending" || status === "ready" || status === "running" || status === "waiting"
      return [id, isOpen && outcome !== undefined ? (status === "running" ? "cancelled" : unstarted) : status]
    })
  )
}

/** What became of one task. */
export interface TaskResult {
  readonly task: string
  readonly status: TaskStatus
  readonly value: Json | undefined
  readonly failure: Failure | undefined
}

/** What became of each task of the workflow itself, in the order of the definition. */
export const taskReport = (run: LiveRun): ReadonlyArray<TaskResult> => {
  const { board } = run.room
  const states = taskStates(run)
  return run.compiled.graph.ids.map((task, i) => ({
    task,
    status: states[task]!,
    value: states[task] === "succeeded" ? board?.values[i] : undefined,
    failure: board?.failureOf(i)
  }))
}

/** Results of the tasks of the workflow itself that are done, by id. */
export const taskResults = ({ room, compiled }: LiveRun): { readonly [task: string]: Json } =>
  Object.fromEntries(
    compiled.graph.ids.flatMap((id, task) =>
      room.board?.statusOf(task) === "succeeded" ? [[id, room.board.values[task] ?? null]] : []
    )
  )

const countsOf = (run: LiveRun): TaskCounts => {
  const { board } = run.room
  const total = run.compiled.graph.size
  const compensated = run.room.knownLedger?.undone.length ?? 0
  if (board === undefined) return { total, completed: 0, failed: 0, skipped: 0, cancelled: 0, compensated }
  if (run.outcome === undefined || board.open === 0)
    return {
      total,
      completed: board.succeeded,
      failed: board.failed,
      skipped: board.skipped,
      cancelled: board.cancelled,
      compensated
    }
  const counts = { skipped: 0, cancelled: 0 }
  for (const status of Object.values(taskStates(run)))
    if (status === "skipped" || status === "cancelled") counts[status]++
  return { total, completed: board.succeeded, failed: board.failed, ...counts, compensated }
}

interface Alive {
  readonly current: ReadonlyArray<string>
  readonly waiting: ReadonlyArray<string>
  readonly heartbeats: ReadonlyArray<Heartbeat>
  /** Settled share of the tasks that are at work and have parts, in tasks. */
  readonly parts: number
  /** How far each task of the workflow itself is that is at work, by index: since when, and which share is done. */
  readonly since: ReadonlyMap<number, { readonly startedAt: number; readonly share: number }>
}
const nobody: Alive = { current: [], waiting: [], heartbeats: [], parts: 0, since: new Map() }
/** Most paths that a state lists. */
const listedMax = 100

/** States of tasks, waits and gates in which nothing is at work. */
const resting: ReadonlySet<string> = new Set(["sleeping", "backingOff", "waiting"])

/** Walks the living actors of a run. */
const look = (run: LiveRun): Alive => {
  const root = run.room.root
  if (root === undefined) return nobody
  const current: Array<string> = []
  const waiting: Array<string> = []
  const heartbeats: Array<Heartbeat> = []
  const visit = ({ scope }: ScopeSnapshot): number => {
    let parts = 0
    for (const { actor, place } of scope.children.values()) {
      const snapshot = actor.getSnapshot()
      hear(heartbeats, place, snapshot)
      if (snapshot.scope !== undefined) parts += visit(snapshot)
      else if (resting.has(snapshot.value)) push(waiting, place.path)
      else push(current, place.path)
    }
    return shareOf(scope.director, parts)
  }
  const since = new Map<number, { startedAt: number; share: number }>()
  const { scope } = root.getSnapshot() as ScopeSnapshot
  let parts = 0
  // what is being undone has no place in the graph
  const isUndoing = scope.director instanceof SagaDirector
  for (const { actor, place, index, startedAt } of scope.children.values()) {
    const snapshot = actor.getSnapshot()
    hear(heartbeats, place, snapshot)
    const share = snapshot.scope === undefined ? 0 : visit(snapshot)
    if (snapshot.scope === undefined) push(resting.has(snapshot.value) ? waiting : current, place.path)
    parts += share
    if (!isUndoing) since.set(index, { startedAt, share })
  }
  return { current, waiting, heartbeats, parts, since }
}

/** What its attempt has said, or else the last one that failed. */
const hear = (found: Array<Heartbeat>, place: Place, { context }: { readonly context: unknown }): void => {
  const out = place.attempt as Attempt | undefined
  const { heard } = context as { readonly heard?: Heard }
  const isSaying = out !== undefined && !out.isOver && out.progress !== undefined
  const said = isSaying ? { attempt: out.attempt, progress: out.progress! } : heard
  if (said !== undefined && found.length < listedMax) found.push({ task: place.path, ...said })
}

const push = (list: Array<string>, path: string) => {
  if (list.length < listedMax) list.push(path)
}

/** The settled share of a scope, 0 … 1, given the shares of its living children. */
const shareOf = (director: unknown, childShares: number): number => {
  if (director instanceof FanoutDirector) {
    const { total, settled } = director.progress
    return total === 0 ? 1 : (settled + childShares) / total
  }
  if (director instanceof WorkflowDirector) {
    const { board } = director
    const total = board.compiled.graph.size
    return total === 0 ? 1 : (total - board.open + childShares) / total
  }
  // how many rounds a loop will take nobody knows
  return director instanceof LoopDirector ? 0 : Math.min(childShares, 1)
}

const statusOf = ({ outcome, parked, stuck, room }: LiveRun, alive: Alive): RunStatus => {
  if (outcome !== undefined) return outcome.status
  if (parked !== undefined) return statusOfParked(parked)
  if (stuck !== undefined) return "parked"
  if (room.isHeld) return "paused"
  if (isScheduled({ room })) return "waiting"
  return alive.current.length === 0 && alive.waiting.length > 0 ? "waiting" : "running"
}

/**
 * Not the count of tasks times their mean (wrong as soon as two run side by side): the longest path through what is left, in
 * the pace seen so far; where tasks wait for slots or agents, what is left at the rate so far, if that is longer.
 */
const etaOf = (run: LiveRun, alive: Alive, now: number): Date | undefined => {
  const { board } = run.room
  if (board === undefined) return undefined
  const { left, work } = leftOf(run, board, alive, now)
  return etaFrom(run, criticalPath(run.compiled.graph, left).length, work, now)
}

const etaFrom = (run: LiveRun, length: number, work: number, now: number): Date => {
  const { estimatedMs } = run.room.board!.observed
  const atTheRate = isCrowded(run) && estimatedMs > 0 ? ((now - run.submittedAt) * work) / estimatedMs : 0
  return new Date(now + Math.max(length, atTheRate))
}

/** How long each task may still take, by index, in the pace seen so far; and the estimates of all that is open together. */
const leftOf = (
  { compiled, room: { timeScale } }: LiveRun,
  board: Board,
  alive: Alive,
  now: number
): { readonly left: ReadonlyArray<number>; readonly work: number } => {
  const { count, totalMs, leastShare } = board.observed
  const mean = count === 0 ? undefined : totalMs / count
  const pace = Number.isFinite(leastShare) ? leastShare : 1
  const estimates = durationsOf(compiled.definition)
  let work = 0
  const left = compiled.tasks.map(({ ir }, task) => {
    if (board.isFinal(task)) return 0
    // how long a wait takes is not learned from the others
    const usual = kindOf(ir) === "sleep" ? estimates[task]! / timeScale : (mean ?? estimates[task]!)
    const expected = ir.estimateMs === undefined ? usual : ir.estimateMs * pace
    const running = alive.since.get(task)
    const rest =
      running === undefined
        ? expected
        : Math.max(0, running.share > 0 ? expected * (1 - running.share) : expected - (now - running.startedAt))
    work += ir.estimateMs ?? 0
    return rest
  })
  return { left, work }
}

/** The tasks that decide when a run may be done, first to last: those of the longest path through what is left that are open. */
export const pathLeft = (run: LiveRun, now: number): { readonly path: ReadonlyArray<string>; readonly ms: number } =>
  outlook(run, now)

/** The same, and when it may be done. */
export const outlook = (
  run: LiveRun,
  now: number
): { readonly path: ReadonlyArray<string>; readonly ms: number; readonly eta: Date | undefined } => {
  const { board } = run.room
  if (board === undefined || run.outcome !== undefined) return { path: [], ms: 0, eta: undefined }
  const { graph } = run.compiled
  const { left, work } = leftOf(run, board, look(run), now)
  const { path, length } = criticalPath(graph, left)
  const open = path.filter((id) => !board.isFinal(graph.index.get(id)!))
  return { path: open, ms: length, eta: isAsked(run) ? undefined : etaFrom(run, length, work, now) }
}

/** Whether tasks wait for slots, or for agents. */
const isCrowded = ({ room, out }: LiveRun): boolean => {
  if (room.waiting > 0) return true
  for (let attempt = out; attempt !== undefined; attempt = attempt.next) if (attempt.withdraw !== undefined) return true
  return false
}
