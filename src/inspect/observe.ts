/**
 * What XState tells its inspectors, as events of ours: at once, with nothing kept but what the next event is compared with. Works
 * for every system of XState 5; what is told of Troupe's own actors is the same.
 */
import type { AnyActorRef, InspectionEvent } from "xstate"
import { type Inspect, parentOf } from "../actors/create.ts"
import { isPlainRecord, type Json } from "../model/json.ts"
import { changesOf } from "./changes.ts"
import type { Patch, Seen } from "./protocol.ts"
import { type ChartShape, shapeOf, statesOf } from "./shape.ts"

/** Makes plain data of anything, without what must not leave the process. */
export type Redact = (value: unknown) => Json

export interface ObserveOptions {
  readonly redact: Redact
  /** Takes an event; `since` is told apart by the caller. */
  readonly tell: (event: Seen) => void
  /** Steps after which the whole context is told in place of what changed; default 500. */
  readonly keyframeEvery?: number
  /** Left out of keys: the root, where everything is below the same one. */
  readonly isRootNamed?: boolean
  /** Whether actors can be found by their keys later. */
  readonly isReached?: boolean
  /** Whether what an event says has been told already. */
  readonly isTold?: (event: object) => boolean
}

interface Known {
  readonly key: string
  readonly logic: string
  shape: ChartShape | undefined
  /** As it was when it was looked at last, and what it was told as. */
  raw: unknown
  context: Json | undefined
  value: Json | undefined
  event: string
  steps: number
  isGone: boolean
  children: ReadonlyMap<string, AnyActorRef> | undefined
}

interface Snap {
  readonly status?: string
  readonly value?: Json
  readonly context?: unknown
  readonly output?: unknown
  readonly error?: unknown
  readonly machine?: unknown
  readonly children?: { readonly [id: string]: AnyActorRef | undefined }
  readonly scope?: unknown
}

/** What inspection events carry beside what their types say. */
interface Told {
  readonly actorRef: AnyActorRef | undefined
  readonly snapshot?: Snap
  readonly event?: { readonly type: string }
  readonly sourceRef?: AnyActorRef
  readonly action?: { readonly type: string; readonly params?: unknown }
  readonly _transitions?: ReadonlyArray<{
    readonly source?: { readonly id: string }
    readonly target?: ReadonlyArray<{ readonly id: string }>
  }>
}

export class Observer {
  readonly #options: Required<ObserveOptions>
  readonly #known = new WeakMap<AnyActorRef, Known>()
  /** Actors that are alive, by key; only where somebody may want to send them something. */
  readonly #alive = new Map<string, WeakRef<AnyActorRef>>()
  readonly #charts = new Map<string, ChartShape | undefined>()
  /** Is asked what else to say of an actor when it is first told. */
  onActor: (
    actor: AnyActorRef,
    key: string,
    logic: string
  ) => { readonly run?: string; readonly task?: string } | undefined = () => undefined
  /** Hears of actors that begin, before anything is done: `xstate.init` has come. */
  onBegin: (actor: AnyActorRef, key: string) => void = () => {}
  /** Hears each event after it was told. */
  onTold: (event: Seen, actor: AnyActorRef) => void = () => {}

  constructor(options: ObserveOptions) {
    this.#options = { keyframeEvery: 500, isRootNamed: true, isTold: () => false, isReached: false, ...options }
  }

  readonly inspect: Inspect = (event: InspectionEvent) => {
    const told = event as unknown as Told
    // a system reports events without an actor where it has been stopped
    if (told.actorRef === undefined) return
    switch (event.type) {
      case "@xstate.actor":
        this.#meet(told.actorRef)
        return
      case "@xstate.event":
        this.#message(told.actorRef, told)
        return
      case "@xstate.action":
        this.#tell(
          { kind: "command", actor: this.#meet(told.actorRef).key, ...this.#actionOf(told.action!) },
          told.actorRef
        )
        return
      case "@xstate.microstep":
        this.#step(told.actorRef, told.snapshot!, told.event!.type, true, told._transitions)
        return
      case "@xstate.snapshot":
        this.#settled(told.actorRef, told.snapshot!, told.event?.type ?? "")
    }
  }

  /** Tells of an actor and all below it that are alive, as they are now. */
  introduce(actor: AnyActorRef): void {
    this.#meet(actor)
    const children = (actor.getSnapshot() as Snap | undefined)?.children
    for (const child of Object.values(children ?? {})) if (child !== undefined) this.introduce(child)
  }

  keyOf(actor: AnyActorRef): string {
    return this.#known.get(actor)?.key ?? this.#keyOf(actor)
  }

  /** The actor of that key, while it is alive. */
  actorAt(key: string): AnyActorRef | undefined {
    return this.#alive.get(key)?.deref()
  }

  #keyOf(actor: AnyActorRef): string {
    const parent = parentOf(actor)
    if (parent === undefined) return actor.id
    const isTop = parentOf(parent) === undefined && !this.#options.isRootNamed
    return isTop ? actor.id : `${this.keyOf(parent)}/${actor.id}`
  }

  #tell(event: Seen, actor: AnyActorRef): void {
    this.#options.tell(event)
    this.onTold(event, actor)
  }

  #meet(actor: AnyActorRef): Known {
    const found = this.#known.get(actor)
    if (found !== undefined) return found
    const parent = parentOf(actor)
    if (parent !== undefined) this.#meet(parent)
    const logic = logicOf(actor)
    const key = this.#keyOf(actor)
    const snapshot = actor.getSnapshot() as Snap | undefined
    const known: Known = {
      key,
      logic,
      shape: undefined,
      raw: snapshot?.context,
      context: snapshot?.context === undefined ? undefined : this.#options.redact(snapshot.context),
      value: snapshot?.value,
      event: "",
      steps: 0,
      isGone: false,
      children: undefined
    }
    this.#known.set(actor, known)
    if (this.#options.isReached) this.#alive.set(key, new WeakRef(actor))
    if (parent === undefined && !this.#options.isRootNamed) return known
    this.#look(known, actor, snapshot)
    this.#tell(
      {
        kind: "actor",
        actor: key,
        id: actor.id,
        logic,
        ...(parent === undefined || (parentOf(parent) === undefined && !this.#options.isRootNamed)
          ? {}
          : { parent: this.keyOf(parent) }),
        ...this.onActor(actor, key, logic),
        ...(known.value === undefined ? {} : { value: known.value }),
        ...(known.context === undefined ? {} : { context: known.context })
      },
      actor
    )
    return known
  }

  /** Finds the chart of an actor, once there is a snapshot to find it by, and tells it when it is new. */
  #look(known: Known, actor: AnyActorRef, snapshot: Snap | undefined): void {
    if (known.shape !== undefined) return
    if (!this.#charts.has(known.logic)) {
      const shape = shapeOf(snapshot?.machine) ?? shapeOf((actor as { readonly logic?: unknown }).logic)
      // a compiled chart shows its machine with its first snapshot
      if (shape === undefined && snapshot === undefined) return
      this.#charts.set(known.logic, shape)
      if (shape !== undefined) this.#tell({ kind: "chart", logic: known.logic, shape }, actor)
    }
    known.shape = this.#charts.get(known.logic)
  }

  #message(actor: AnyActorRef, { event, sourceRef }: Told): void {
    const known = this.#meet(actor)
    const { type, ...data } = event!
    known.event = type
    if (type === "xstate.init") {
      this.onBegin(actor, known.key)
      return
    }
    this.#tell(
      {
        kind: "message",
        actor: known.key,
        ...(sourceRef === undefined ? {} : { from: this.keyOf(sourceRef) }),
        type,
        ...(this.#isSaid(event!) || isEmpty(data) ? {} : { data: this.#options.redact(data) })
      },
      actor
    )
  }

  /** The end of a child is told as the end of the child. */
  #isSaid(event: { readonly type: string }): boolean {
    return event.type.startsWith("xstate.done.") || this.#options.isTold(event)
  }

  #actionOf({ type, params }: { readonly type: string; readonly params?: unknown }) {
    return params === undefined ? { type } : { type, params: this.#options.redact(params) }
  }

  #step(actor: AnyActorRef, snapshot: Snap, event: string, isMicro: boolean, transitions: Told["_transitions"]): void {
    const known = this.#meet(actor)
    this.#look(known, actor, snapshot)
    const { value } = snapshot
    const isSameContext = snapshot.context === known.raw
    const hasMoved = !isSameValue(value, known.value)
    const edge = this.#edge(known, value, hasMoved, transitions)
    if (!isMicro && isSameContext && !hasMoved && known.event === "") return
    const isWhole = !isSameContext && ++known.steps % this.#options.keyframeEvery === 0
    const [context, patches] = isSameContext
      ? [known.context, none]
      : changedFrom(known.raw, known.context, snapshot.context, this.#options.redact)
    known.raw = snapshot.context
    known.context = context
    known.value = value
    this.#tell(
      {
        kind: "step",
        actor: known.key,
        event,
        ...(value === undefined || !hasMoved ? {} : { value }),
        ...edge,
        ...(patches.length === 0 || isWhole ? {} : { patches }),
        ...(isWhole && context !== undefined ? { context } : {}),
        ...(isMicro ? { isMicro: true as const } : {})
      },
      actor
    )
  }

  #edge(known: Known, value: Json | undefined, hasMoved: boolean, transitions: Told["_transitions"]) {
    const [taken] = transitions ?? []
    const [target] = taken?.target ?? []
    if (taken?.source !== undefined && target !== undefined) return { from: taken.source.id, to: target.id }
    if (!hasMoved || known.shape === undefined || known.value === undefined) return {}
    const before = statesOf(known.shape.id, known.value)
    const after = statesOf(known.shape.id, value)
    const from = before.find((state) => !after.includes(state))
    const to = after.find((state) => !before.includes(state))
    return from === undefined || to === undefined ? {} : { from, to }
  }

  /** The last word on an event: steps that nobody told in small, children that have gone, and the end. */
  #settled(actor: AnyActorRef, snapshot: Snap, event: string): void {
    const known = this.#meet(actor)
    this.#look(known, actor, snapshot)
    const isTold = snapshot.context === known.raw && isSameValue(snapshot.value, known.value)
    if (!isTold) this.#step(actor, snapshot, event, false, undefined)
    known.event = ""
    // actors of ours end by themselves or with their owner; those of others may be stopped by it
    if (snapshot.scope === undefined && snapshot.children !== undefined) this.#gone(known, snapshot.children)
    if (snapshot.status === undefined || snapshot.status === "active" || known.isGone) return
    this.#end(known, actor, snapshot)
  }

  #end(known: Known, actor: AnyActorRef, { status, output, error }: Snap): void {
    known.isGone = true
    if (this.#options.isReached && this.#alive.get(known.key)?.deref() === actor) this.#alive.delete(known.key)
    this.#tell(
      {
        kind: "gone",
        actor: known.key,
        how: status === "done" || status === "error" ? status : "stopped",
        ...(output === undefined ? {} : { output: this.#options.redact(output) }),
        ...(error === undefined ? {} : { error: this.#options.redact(error) })
      },
      actor
    )
  }

  /** Children that their owner has let go; those that ended by themselves have said so. */
  #gone(known: Known, children: NonNullable<Snap["children"]>): void {
    for (const [id, child] of known.children ?? noChildren) {
      if (children[id] === child) continue
      const gone = this.#known.get(child)
      if (gone === undefined || gone.isGone) continue
      // one that has ended by itself says so after its owner was told
      this.#end(gone, child, child.getSnapshot() as Snap)
    }
    const now = Object.entries(children).filter((entry): entry is [string, AnyActorRef] => entry[1] !== undefined)
    known.children = now.length === 0 ? undefined : new Map(now)
  }
}
const noChildren: ReadonlyMap<string, AnyActorRef> = new Map()

const none: ReadonlyArray<Patch> = []
const isEmpty = (data: object): boolean => {
  for (const _ in data) return false
  return true
}

/** Most fields of a context that are compared one by one. */
const fieldsMost = 100

/** What a context is told as now, and what of it is new. What is the same object as before is not looked into. */
const changedFrom = (
  rawBefore: unknown,
  before: Json | undefined,
  raw: unknown,
  redact: Redact
): readonly [Json, ReadonlyArray<Patch>] => {
  if (
    !isPlainRecord(rawBefore) ||
    !isPlainRecord(raw) ||
    !isPlainRecord(before) ||
    Object.keys(raw).length > fieldsMost
  ) {
    const context = redact(raw)
    return [context, changesOf(before, context)]
  }
  const context: Record<string, Json> = { ...(before as Record<string, Json>) }
  const patches: Array<Patch> = []
  for (const key of Object.keys(raw)) {
    if (raw[key] === rawBefore[key] && Object.hasOwn(rawBefore, key)) continue
    // a field is redacted as the one that it is
    const field = redact({ [key]: raw[key] }) as Record<string, Json>
    if (!Object.hasOwn(field, key)) {
      if (Object.hasOwn(context, key)) patches.push({ op: "remove", path: [key] })
      delete context[key]
      continue
    }
    const value = field[key]!
    if (!Object.hasOwn(context, key)) patches.push({ op: "add", path: [key], value })
    else
      for (const { op, path, value: part } of changesOf(context[key], value))
        patches.push({ op, path: [key, ...path], ...(part === undefined ? {} : { value: part }) })
    context[key] = value
  }
  for (const key of Object.keys(rawBefore))
    if (!Object.hasOwn(raw, key) && Object.hasOwn(context, key)) {
      patches.push({ op: "remove", path: [key] })
      delete context[key]
    }
  return [context, patches]
}

const isSameValue = (one: Json | undefined, other: Json | undefined): boolean =>
  one === other || (typeof one === "object" && JSON.stringify(one) === JSON.stringify(other))

/** The name of what an actor runs: as its owner calls it, or as it calls itself. */
const logicOf = (actor: AnyActorRef): string => {
  const { src, logic } = actor as {
    readonly src?: unknown
    readonly logic?: { readonly id?: unknown; readonly config?: unknown }
  }
  const machine = logic?.id
  if (typeof machine === "string" && machine !== "" && machine !== "(machine)") return machine
  if (typeof src === "string") return src
  const { config } = logic ?? {}
  const id = (config as { readonly id?: unknown } | undefined)?.id
  return typeof id === "string" ? id : typeof config === "function" && config.name !== "" ? config.name : "actor"
}
