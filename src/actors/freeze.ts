/**
 * A run as data, and back: the state of every living actor, of the boards behind them and of the queue for slots. A run that is
 * thawed goes on exactly as one whose messages were folded from the first; it only takes fewer messages to get there.
 */
import type { AnyActorRef } from "xstate"
import { compile } from "../machines/compile.ts"
import { gateMachine } from "../machines/gate.ts"
import { sleepMachine } from "../machines/sleep.ts"
import { taskMachine } from "../machines/task.ts"
import type { WorkflowContext } from "../machines/workflow.ts"
import { Board, type FrozenBoard } from "../model/board.ts"
import type { CompiledWorkflow } from "../model/compile.ts"
import { deepFreeze, type Json } from "../model/json.ts"
import type { Degraded } from "../model/messages.ts"
import { Ledger } from "../model/saga.ts"
import { restoreChild } from "./create.ts"
import { WorkflowDirector, withDefaults } from "./directors.ts"
import type { FrozenGates } from "./gates.ts"
import { gateLogic, sleepLogic, taskLogic } from "./leaf.ts"
import { type Admission, type GatePlace, Place, type Room } from "./room.ts"
import { SagaDirector } from "./saga.ts"
import { type Child, type Director, rewoundOf, Scope, ScopeSnapshot, scopeChart, scopeLogic } from "./scope.ts"

/** An attempt that is out: which, asked for when, in which epoch, and how often it was delivered in another store. */
export type FrozenAttempt = readonly [attempt: number, askedAt: number, epoch: number, earlier?: number]

interface FrozenPlace {
  readonly dueAt?: number
  readonly generation?: number
  readonly holdsSlot?: boolean
  readonly effect?: Place["effect"]
  readonly out?: FrozenAttempt
}

interface FrozenChild {
  readonly id: string
  readonly index: number
  readonly startedAt: number
  readonly kind: LeafKind | "workflow"
  readonly state: string
  readonly context: Json
  readonly place: FrozenPlace
  /** Of children that have children themselves. */
  readonly scope?: FrozenScope
}

interface FrozenScope {
  readonly queued: number
  readonly director: Json
  readonly children: ReadonlyArray<FrozenChild>
}

export interface FrozenRun {
  readonly frozen: 1
  readonly taken: number
  readonly isHeld: boolean
  readonly generation: number
  readonly renewed?: number
  readonly begunBefore?: ReadonlyArray<readonly [path: string, by: number]>
  readonly degraded?: ReadonlyArray<Degraded>
  readonly gates?: FrozenGates
  /** What would have to be undone. */
  readonly ledger?: Json
  /** Where the run would go back to, and how often it has. */
  readonly mark?: number
  readonly recoveries?: number
  /** Who waits for a slot: path of the parent and index, or path of a task that lives already and -1; and the priority. */
  readonly queue: ReadonlyArray<readonly [path: string, index: number, priority: number]>
  readonly root: Omit<FrozenChild, "id" | "index" | "startedAt" | "kind">
}

/** The charts of actors without children: what of their facts is kept, and how the whole comes back. */
const leaves = {
  task: {
    logic: taskLogic,
    chart: compile(taskMachine),
    keep: ({ attempt, failure, times, failedBy, heard }: any): Json => {
      const facts = [attempt, failure, times, failedBy, heard]
      // most have none of the last ones
      return facts.slice(0, 1 + facts.findLastIndex((one) => one !== undefined)).map((one) => one ?? null)
    },
    facts: (kept: any, { path, retry, finishes, seed, limits }: Place) => ({
      path,
      retry,
      finishes,
      seed,
      limits,
      attempt: kept[0],
      failure: kept[1] ?? undefined,
      times: kept[2] ?? undefined,
      failedBy: kept[3] ?? undefined,
      heard: kept[4],
      outcome: undefined
    })
  },
  sleep: {
    logic: sleepLogic,
    chart: compile(sleepMachine),
    keep: ({ dueAt }: any): Json => dueAt,
    facts: (dueAt: any) => ({ dueAt, outcome: undefined })
  },
  gate: {
    logic: gateLogic,
    chart: compile(gateMachine),
    keep: ({ dueAt }: any): Json => (Number.isFinite(dueAt) ? dueAt : null),
    facts: (dueAt: any, place: Place) => {
      const { path, waitMs, otherwise } = place as GatePlace
      return { path, dueAt: dueAt ?? Number.POSITIVE_INFINITY, waitMs, otherwise, outcome: undefined }
    }
  }
} as const
type LeafKind = keyof typeof leaves

/** A living run as data. `outOf` gives what the engine keeps about an attempt that is out. */
export const freeze = (room: Room, outOf: (place: Place) => FrozenAttempt | undefined): FrozenRun => {
  const snapshot = room.root!.getSnapshot() as ScopeSnapshot
  return {
    frozen: 1,
    taken: room.taken,
    isHeld: room.isHeld,
    generation: room.generation,
    ...(room.renewed === 0 ? {} : { renewed: room.renewed }),
    ...(room.begunBefore.size === 0 ? {} : { begunBefore: [...room.begunBefore] }),
    ...(room.degraded.length === 0 ? {} : { degraded: room.degraded }),
    ...(room.knownLedger === undefined ? {} : { ledger: room.knownLedger.freeze() }),
    ...(room.mark === undefined ? {} : { mark: room.mark }),
    ...(room.recoveries === 0 ? {} : { recoveries: room.recoveries }),
    ...(room.knownGates === undefined ? {} : { gates: room.knownGates.freeze() }),
    queue: room.queue.map(([{ parent, index, place }, priority]) => [
      place?.path ?? (parent.getSnapshot() as ScopeSnapshot).scope.place.path,
      place === undefined ? index : -1,
      priority
    ]),
    root: freezeScope(snapshot, outOf)
  }
}

const freezeScope = ({ chart, scope }: ScopeSnapshot, outOf: (place: Place) => FrozenAttempt | undefined) => ({
  state: chart.value,
  context: chart.context as unknown as Json,
  place: freezePlace(scope.place, undefined),
  scope: {
    queued: scope.queued,
    director: scope.director.freeze(),
    children: [...scope.children.values()].map(({ id, index, startedAt, actor, place }): FrozenChild => {
      const snapshot = actor.getSnapshot()
      if (snapshot instanceof ScopeSnapshot)
        return { id, index, startedAt, kind: "workflow", ...freezeScope(snapshot, outOf) }
      const kind = snapshot.machine.id as LeafKind
      const isOut = outStates.has(snapshot.value)
      return {
        id,
        index,
        startedAt,
        kind,
        state: snapshot.value,
        context: leaves[kind].keep(snapshot.context),
        // one of an earlier life that only waits to be told that it is over is nowhere
        place: freezePlace(place, isOut ? (outOf(place) ?? [snapshot.context.attempt, 0, 0]) : undefined)
      }
    })
  }
})

/** States of a task in which an attempt is out. */
const outStates: ReadonlySet<string> = new Set(["attempting", "aborting", "finishing"])

const freezePlace = ({ dueAt, generation, holdsSlot, effect }: Place, out: FrozenAttempt | undefined): FrozenPlace => ({
  ...(dueAt === 0 ? {} : { dueAt }),
  ...(generation === 0 ? {} : { generation }),
  ...(holdsSlot ? { holdsSlot } : {}),
  ...(effect === "none" ? {} : { effect }),
  ...(out === undefined ? {} : { out })
})

/** What a thawed run is owed. */
export interface Thawed {
  readonly attempts: ReadonlyArray<{
    readonly place: Place
    readonly out: FrozenAttempt
    readonly isAborting: boolean
    readonly mayFinish: boolean
  }>
  readonly timers: ReadonlyArray<Place>
}

/**
 * Brings a run back to life in its room. `spawn` starts the actor of the whole run, at once, with the logic and snapshot that it
 * is given.
 */
export const thaw = (
  frozen: FrozenRun,
  room: Room,
  compiled: CompiledWorkflow,
  input: Json,
  spawn: (logic: typeof scopeLogic, snapshot: ScopeSnapshot) => void
): Thawed => {
  const board = Board.thaw(
    compiled,
    withDefaults(compiled, input),
    frozen.root.scope!.director as unknown as FrozenBoard
  )
  const place = new Place(room, "", undefined, board)
  const thawing = new Thawing()
  room.board = board
  room.generation = frozen.generation
  room.renewed = frozen.renewed ?? 0
  for (const [path, by] of frozen.begunBefore ?? []) room.begunBefore.set(path, by)
  if (frozen.degraded !== undefined) room.degraded = deepFreeze(frozen.degraded as unknown as Json) as never
  const director = new WorkflowDirector(board)
  if (frozen.ledger !== undefined) room.knownLedger = Ledger.thaw(deepFreeze(frozen.ledger))
  room.mark = frozen.mark
  room.recoveries = frozen.recoveries ?? 0
  room.isGoingBack = (frozen.root.context as { readonly rewindTo?: number }).rewindTo !== undefined
  if (frozen.root.state === "rewound") room.rewound = rewoundOf(frozen.root.context as unknown as WorkflowContext)
  const isUndoing = undoStates.has(frozen.root.state)
  spawn(scopeLogic, thawing.scope(frozen.root, place, isUndoing ? new SagaDirector(director, room.ledger) : director))
  const queue = frozen.queue.map(([path, index, priority]): readonly [Admission, number] => {
    const here = thawing.places.get(path)!
    return [
      index === -1 ? { parent: here.actor!, index, place: here } : { parent: here.actor!, index, place: undefined },
      priority
    ]
  })
  room.restore(frozen.taken, frozen.isHeld, queue)
  if (frozen.gates === undefined) return thawing
  room.gates.thaw(frozen.gates, (path) => thawing.places.get(path) as GatePlace)
  // deadlines of one instant fire in the order in which their gates opened
  const order = new Map(frozen.gates.open.map((path, i) => [path, i]))
  const timers = [...thawing.timers].sort((a, b) => (order.get(a.path) ?? -1) - (order.get(b.path) ?? -1))
  return { attempts: thawing.attempts, timers }
}

const undoStates: ReadonlySet<string> = new Set(["undoing", "undoPaused", "stuck", "rewound"])

class Thawing implements Thawed {
  readonly places = new Map<string, Place>()
  readonly attempts: Array<Thawed["attempts"][number]> = []
  readonly timers: Array<Place> = []

  /** The snapshot of an actor with children; they follow when it starts. */
  scope(
    { state, context, place: kept, scope: of }: FrozenRun["root"],
    place: Place,
    director: Director
  ): ScopeSnapshot {
    this.#settle(place, kept, state)
    const scope = new Scope(place, director)
    const facts = {
      failure: undefined,
      undoFailure: undefined,
      rewindTo: undefined,
      outcome: undefined,
      dueAt: undefined,
      ...(context as object)
    }
    const chart = scopeChart.restore(state, deepFreeze(facts) as unknown as WorkflowContext, place)
    scope.queued = of!.queued
    scope.isDraining = chart.hasTag("draining")
    scope.revive = () => {
      for (const child of of!.children) this.#child(scope, child)
    }
    return new ScopeSnapshot(chart, scope)
  }

  #child(scope: Scope, frozen: FrozenChild): void {
    const { id, index, startedAt, kind, state } = frozen
    const { place, director } = scope.director.recall(scope, { id, index, director: frozen.scope?.director })
    const actor =
      kind === "workflow" ? this.#inner(scope, frozen, place, director!) : this.#leaf(scope, frozen, place, kind)
    scope.readopt({ id, index, startedAt, place, actor } satisfies Child)
    if (kind !== "workflow") this.#settle(place, frozen.place, state)
  }

  #inner(scope: Scope, frozen: FrozenChild, place: Place, director: Director): AnyActorRef {
    return restoreChild(scopeLogic, scope.self, frozen.id, undefined, this.scope(frozen, place, director), "workflow")
  }

  #leaf(scope: Scope, { id, state, context }: FrozenChild, place: Place, kind: LeafKind): AnyActorRef {
    const { logic, chart, facts } = leaves[kind]
    const snapshot = chart.restore(state, deepFreeze(facts(context, place)) as never, place)
    return restoreChild(logic, scope.self, id, place, snapshot, kind)
  }

  /** Puts a place back as it was, and notes what it is owed. */
  #settle(
    place: Place,
    { dueAt = 0, generation = 0, holdsSlot = false, effect = "none", out }: FrozenPlace,
    state: string
  ): void {
    this.places.set(place.path, place)
    place.dueAt = dueAt
    place.generation = generation
    place.holdsSlot = holdsSlot
    place.effect = effect
    if (dueAt !== 0) this.timers.push(place)
    if (out !== undefined)
      this.attempts.push({ place, out, isAborting: state !== "attempting", mayFinish: state === "finishing" })
  }
}
