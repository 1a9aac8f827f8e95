/**
 * Compiles a flat statechart into a table, once. The chart stays the only source: a property test runs random events
 * through both and compares snapshots and commands. The interpreter of XState costs 15 µs a task life, the table under 1.
 */
import type { AnyStateMachine } from "xstate"
import { ChartUnsupported } from "../model/errors.ts"
import { isCommand } from "./machine.ts"

/** Receives the commands of a chart, in order, with the subject whose life it is. */
export type Emit<S = any> = (type: string, params: any, subject: S) => void

/** A compiled chart: pure functions from snapshot to snapshot; commands leave by `emit`. */
export interface Chart<C = any, E extends { readonly type: string } = any, I = any, O = any> {
  readonly machine: AnyStateMachine
  readonly initial: <S>(input: I, emit: Emit<S>, subject: S) => ChartSnapshot<C, O, S>
  /** A life that goes on where it was: in this state, with these facts. Throws `ChartUnsupported` for a state that is not there. */
  readonly restore: <S>(state: string, context: C, subject: S) => ChartSnapshot<C, O, S>
  /** The same snapshot when the event means nothing in this state. */
  readonly step: <S>(snapshot: ChartSnapshot<C, O, S>, event: E, emit: Emit<S>) => ChartSnapshot<C, O, S>
}

interface State {
  readonly name: string
  readonly entry: ReadonlyArray<Action>
  readonly exit: ReadonlyArray<Action>
  readonly on: ReadonlyMap<string, ReadonlyArray<Transition>>
  readonly always: ReadonlyArray<Transition>
  readonly isFinal: boolean
  readonly tags: ReadonlySet<string>
}

interface Transition {
  readonly guard: ((args: Args, params: unknown) => boolean) | undefined
  readonly guardParams: Params
  /** Undefined stays in the state without leaving it. */
  readonly target: State | undefined
  readonly actions: ReadonlyArray<Action>
}

type Args = { readonly context: any; readonly event: any }
type Params = unknown | ((args: Args) => unknown)
/** An assign gives the whole next context. */
type Action =
  | { readonly command: undefined; readonly assign: (args: Args, params: unknown) => object; readonly params: Params }
  | { readonly command: string; readonly params: Params }

/** The snapshot of a compiled chart; tools that know machine snapshots can read it. */
export class ChartSnapshot<C = any, O = any, S = any> {
  readonly status: "active" | "done" | "error" | "stopped"
  readonly context: C
  readonly output: O | undefined
  readonly error: unknown = undefined
  /** @internal */
  readonly state: State
  /** @internal */
  readonly table: Table
  /** Whose life this is: what commands are about. */
  readonly subject: S
  constructor(
    status: ChartSnapshot["status"],
    state: State,
    context: C,
    output: O | undefined,
    table: Table,
    subject: S
  ) {
    this.status = status
    this.state = state
    this.context = context
    this.output = output
    this.table = table
    this.subject = subject
  }
  get value(): string {
    return this.state.name
  }
  get tags(): ReadonlySet<string> {
    return this.state.tags
  }
  get machine(): AnyStateMachine {
    return this.table.machine
  }
  get children(): Record<string, never> {
    return {}
  }
  get historyValue(): Record<string, never> {
    return {}
  }
  /** XState's own view of the active states, for `machine.getTransitionData` and friends. */
  get _nodes(): ReadonlyArray<unknown> {
    const { root } = this.table.machine
    return [root, root.states[this.state.name]]
  }
  matches(value: string): boolean {
    return this.state.name === value
  }
  hasTag(tag: string): boolean {
    return this.state.tags.has(tag)
  }
  can(event: { readonly type: string }): boolean {
    return this.status === "active" && choose(this.state.on.get(event.type), this.context, event) !== undefined
  }
  getMeta(): Record<string, unknown> {
    return {}
  }
  toJSON() {
    const { status, context, output, error, value } = this
    return { status, value, context, output, error, children: {}, historyValue: {}, tags: [...this.tags] }
  }
}

interface Table {
  readonly machine: AnyStateMachine
  readonly states: ReadonlyMap<string, State>
  readonly output: ((args: Args) => unknown) | undefined
}

/**
 * The chart of a machine as a table.
 *
 * @throws ChartUnsupported for anything but flat states, named guards, assigns and commands.
 */
export const compile = <C, E extends { readonly type: string }, I, O>(
  machine: AnyStateMachine & { readonly __types?: [C, E, I, O] }
): Chart<C, E, I, O> => {
  const table = readMachine(machine)
  const first = table.states.get(String((machine.config as { initial?: unknown }).initial))!
  const { context } = machine.config as { context?: unknown }
  const initialContext = (input: unknown) => (typeof context === "function" ? context({ input }) : (context ?? {}))
  return {
    machine,
    initial: (input, emit, subject) => {
      const event = { type: "xstate.init", input }
      return settle(table, first, run(first.entry, initialContext(input), event, emit, subject), event, emit, subject)
    },
    restore: (name, context, subject) => {
      const state = table.states.get(name)
      if (state === undefined || state.isFinal)
        throw new ChartUnsupported({ machine: machine.id, feature: `no life in a state '${name}'` })
      return new ChartSnapshot("active", state, context, undefined as O | undefined, table, subject)
    },
    step: (snapshot, event, emit) => {
      if (snapshot.status !== "active") return snapshot
      const { state, context, subject } = snapshot
      if (event.type === "xstate.stop")
        return new ChartSnapshot("stopped", state, context, snapshot.output, table, subject)
      const candidates = state.on.get(event.type)
      if (candidates === undefined) return snapshot
      const transition = choose(candidates, context, event)
      if (transition === undefined) return snapshot
      return take(table, state, transition, context, event, emit, subject)
    }
  }
}

/**
 * What guards, assigns and params are given. One object for all: they are pure and look at it only while they are called,
 * and a new one per call was a tenth of everything a run allocates.
 */
const args: { context: unknown; event: unknown } = { context: undefined, event: undefined }

const choose = (
  candidates: ReadonlyArray<Transition> | undefined,
  context: unknown,
  event: unknown
): Transition | undefined => {
  if (candidates === undefined) return undefined
  for (let i = 0; i < candidates.length; i++) {
    const { guard, guardParams } = candidates[i]!
    if (guard === undefined) return candidates[i]
    args.context = context
    args.event = event
    if (guard(args, typeof guardParams === "function" ? guardParams(args) : guardParams)) return candidates[i]
  }
  return undefined
}

/** One transition: out of the state, the transition's own actions, into the target. */
const take = (
  table: Table,
  from: State,
  { target, actions }: Transition,
  context: unknown,
  event: unknown,
  emit: Emit,
  subject: unknown
): ChartSnapshot => {
  // a transition to the same state does not leave it, as in XState
  if (target === undefined || target === from)
    return settle(table, from, run(actions, context, event, emit, subject), event, emit, subject)
  const left = run(from.exit, context, event, emit, subject)
  const moved = run(actions, left, event, emit, subject)
  return settle(table, target, run(target.entry, moved, event, emit, subject), event, emit, subject)
}

/** Eventless transitions, until none holds; then the snapshot. */
const settle = (
  table: Table,
  state: State,
  context: unknown,
  event: unknown,
  emit: Emit,
  subject: unknown
): ChartSnapshot => {
  if (state.isFinal)
    return new ChartSnapshot("done", state, context, table.output?.({ context, event }), table, subject)
  if (state.always.length > 0) {
    const next = choose(state.always, context, event)
    if (next !== undefined) return take(table, state, next, context, event, emit, subject)
  }
  return new ChartSnapshot("active", state, context, undefined, table, subject)
}

const run = (actions: ReadonlyArray<Action>, given: unknown, event: unknown, emit: Emit, subject: unknown): unknown => {
  let context = given
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i]!
    args.context = context
    args.event = event
    const params = typeof action.params === "function" ? action.params(args) : action.params
    if (action.command !== undefined) emit(action.command, params, subject)
    else context = action.assign(args, params)
  }
  return context
}

// ── reading the machine ────────────────────────────────────────────────────────────────────────────

const readMachine = (machine: AnyStateMachine): Table => {
  const refuse = (feature: string): never => {
    throw new ChartUnsupported({ machine: machine.id, feature })
  }
  const config = machine.config as Record<string, any>
  for (const key of ["invoke", "on", "always", "after", "entry", "exit", "type", "onDone"])
    if (config[key] !== undefined) refuse(`'${key}' at the root`)
  const states = new Map<string, State>()
  const fill: Array<() => void> = []
  for (const [name, node] of Object.entries((config.states ?? {}) as Record<string, any>)) {
    for (const key of ["invoke", "after", "states", "onDone", "initial", "history", "output", "route"])
      if (node[key] !== undefined) refuse(`'${key}' in state '${name}'`)
    if (node.type !== undefined && node.type !== "final") refuse(`a state of type '${node.type}'`)
    const on = new Map<string, ReadonlyArray<Transition>>()
    const always: Array<Transition> = []
    states.set(name, {
      name,
      entry: readActions(machine, node.entry, refuse),
      exit: readActions(machine, node.exit, refuse),
      on,
      always,
      isFinal: node.type === "final",
      tags: new Set(toArray(node.tags))
    })
    fill.push(() => {
      for (const [type, transitions] of Object.entries(node.on ?? {})) {
        if (type.includes("*")) refuse(`the wildcard '${type}'`)
        on.set(type, readTransitions(machine, transitions, states, refuse))
      }
      always.push(...readTransitions(machine, node.always, states, refuse))
    })
  }
  for (const step of fill) step()
  if (!states.has(String(config.initial))) refuse(`no initial state`)
  return { machine, states, output: readOutput(config.output) }
}

type Refuse = (feature: string) => never

const readOutput = (output: unknown): Table["output"] =>
  output === undefined ? undefined : typeof output === "function" ? (output as Table["output"]) : () => output

const toArray = <T>(value: T | ReadonlyArray<T> | undefined): ReadonlyArray<T> =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as T]

const readTransitions = (
  machine: AnyStateMachine,
  given: unknown,
  states: ReadonlyMap<string, State>,
  refuse: Refuse
): ReadonlyArray<Transition> =>
  toArray(given as any).map((one: any): Transition => {
    const transition = typeof one === "string" ? { target: one } : one
    if (transition.reenter !== undefined) refuse("'reenter'")
    const target = transition.target === undefined ? undefined : states.get(String(toArray(transition.target)[0]))
    if (transition.target !== undefined && target === undefined) refuse(`the target '${String(transition.target)}'`)
    return {
      ...readGuard(machine, transition.guard, refuse),
      target,
      actions: readActions(machine, transition.actions, refuse)
    }
  })

const readGuard = (
  machine: AnyStateMachine,
  guard: unknown,
  refuse: Refuse
): Pick<Transition, "guard" | "guardParams"> => {
  if (guard === undefined) return { guard: undefined, guardParams: undefined }
  const { type, params } =
    typeof guard === "string" ? { type: guard, params: undefined } : (guard as { type: string; params?: unknown })
  const found = (machine.implementations.guards as Record<string, any>)[type]
  if (typeof guard === "function" || typeof found !== "function" || found.check !== undefined)
    return refuse("a guard without a name")
  return { guard: found, guardParams: params }
}

const readActions = (machine: AnyStateMachine, given: unknown, refuse: Refuse): ReadonlyArray<Action> =>
  toArray(given as any).map((one: any): Action => {
    if (typeof one === "function") return refuse("an action without a name")
    const { type, params } = typeof one === "string" ? { type: one, params: undefined } : one
    const found = (machine.implementations.actions as Record<string, any>)[type]
    if (found?.type === "xstate.assign") return { command: undefined, assign: readAssign(found.assignment), params }
    if (isCommand(found)) return { command: type, params }
    return refuse(`the action '${type}', which is neither an assign nor a command`)
  })

const readAssign = (assignment: unknown): ((args: Args, params: unknown) => object) => {
  if (typeof assignment === "function") return (args, params) => ({ ...args.context, ...assignment(args, params) })
  const source = assignment as Record<string, unknown>
  const [first, ...more] = Object.keys(source)
  const read = (key: string) =>
    typeof source[key] === "function" ? (source[key] as (args: Args, params: unknown) => unknown) : () => source[key]
  const key = first!
  const value = read(key)
  const rest = more.map((name) => [name, read(name)] as const)
  return (args, params) => {
    const next = { ...args.context, [key]: value(args, params) }
    for (const [name, valueOf] of rest) next[name] = valueOf(args, params)
    return next
  }
}
