/**
 * A small model of what a run may come to: from its definition, its input and the messages that count, by plain recursion over
 * tasks. It shares the mappings of definitions with the engine and nothing else: no actors, no boards, no time. Where it does
 * not know (tasks that a planner gives, mappings that fail), it says so, and allows everything.
 */
import type { Retry } from "../model/backoff.ts"
import { type CompiledFallback, type CompiledTask, type CompiledWorkflow, compileWorkflow } from "../model/compile.ts"
import { acceptedOf, type EndOf, lets, neededOf, ownPath, standIn, triggersOf } from "../model/failing.ts"
import type { Accept } from "../model/ir.ts"
import { canonical, isPlainRecord, type Json } from "../model/json.ts"
import type { Frame } from "../model/mapping.ts"
import type { AttemptFailed, Message, Outcome } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import { isOfUndo } from "../model/saga.ts"
import type { Workflow } from "../model/workflow.ts"

/** What became of a task, or of a whole workflow. */
export type Came =
  | { readonly is: "done"; readonly value: Json | undefined }
  | { readonly is: "skipped" }
  /** With what is to blame: paths of tasks. */
  | { readonly is: "failed"; readonly by: ReadonlyArray<string> }
  /** Failed, and may. */
  | { readonly is: "allowed" }
  | { readonly is: "open" }
  | { readonly is: "unknown" }

const open: Came = { is: "open" }
const unknown: Came = { is: "unknown" }
const skipped: Came = { is: "skipped" }
const allowed: Came = { is: "allowed" }

/** What was written about each path. */
export interface Written {
  readonly values: Map<string, Json>
  /** Tasks that have used up their attempts, or may not be tried again. */
  readonly failed: Set<string>
  /** Tasks whose time may be over: whether it is depends on clocks, which this model has not. */
  readonly doubtful: Set<string>
  readonly fired: Set<string>
  readonly answers: Map<string, Message>
  readonly signals: Map<string, Array<Json>>
}

/** The messages that count: what people took back is left out. */
export const counting = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  let kept: Array<{ readonly message: Message; readonly seq: number }> = []
  for (const [seq, message] of messages.entries()) {
    if (message.type === "run.rolledBack") kept = kept.filter((one) => one.seq <= message.to || isSteering(one.message))
    kept.push({ message, seq })
  }
  // a decision that was taken back itself takes nothing back
  const forgotten = new Set(kept.flatMap(({ message }) => (message.type === "run.amended" ? message.forget : [])))
  return kept.filter(({ seq }) => !forgotten.has(seq)).map(({ message }) => message)
}
const isSteering = ({ type }: Message) => type === "run.paused" || type === "run.resumed"

/** What a run has come to. */
export const cameTo = (workflow: Workflow, input: Json, messages: ReadonlyArray<Message>): Came =>
  cameBy(workflow, input, counting(messages))

/** The same of messages that all count: decisions among them speak of numbers that these have no more. */
const cameBy = (workflow: Workflow, input: Json, counted: ReadonlyArray<Message>): Came => {
  const compiled = compileWorkflow(definition(workflow.ir))
  if (!counted.some(({ type }) => type === "run.submitted")) return open
  try {
    const written = read(compiled, counted)
    return written.fired.has("") ? unknown : whole(compiled, input, "", written)
  } catch {
    return unknown
  }
}

/** Why an outcome cannot be that of these messages; undefined when it can. */
export const refuted = (
  workflow: Workflow,
  input: Json,
  messages: ReadonlyArray<Message>,
  outcome: Outcome
): string | undefined => {
  const counted = counting(messages)
  const at = counted.findIndex(({ type }) => type === "run.cancelled")
  const came = cameBy(workflow, input, counted)
  if (outcome.status === "cancelled") return at === -1 ? "it is cancelled, and nobody cancelled it" : undefined
  if (came.is === "unknown") return undefined
  if (at !== -1 && cameBy(workflow, input, counted.slice(0, at)).is === "open")
    return `it was cancelled before it could have ${outcome.status}, and is not cancelled`
  if (outcome.status === "failed") {
    if (came.is !== "failed") return `it has failed at '${outcome.task}', and by its messages ${told(came)}`
    return came.by.includes(outcome.task)
      ? undefined
      : `it has failed at '${outcome.task}', and by its messages at '${came.by.join("' or '")}'`
  }
  if (came.is !== "done") return `it has succeeded, and by its messages ${told(came)}`
  return canonical(came.value ?? null) === canonical(outcome.value)
    ? undefined
    : `it gives ${short(outcome.value)}, and by its messages ${short(came.value ?? null)}`
}

const told = (came: Came): string =>
  came.is === "failed" ? `has failed at '${came.by.join("' or '")}'` : came.is === "done" ? "is done" : "is still open"
const short = (value: Json): string => JSON.stringify(value).slice(0, 120)

export const read = (compiled: CompiledWorkflow, messages: ReadonlyArray<Message>): Written => {
  const written: Written = {
    values: new Map(),
    failed: new Set(),
    doubtful: new Set(),
    fired: new Set(),
    answers: new Map(),
    signals: new Map()
  }
  const { values, failed, doubtful, fired, answers, signals } = written
  for (const message of messages)
    switch (message.type) {
      case "attempt.succeeded":
        values.set(message.task, message.value)
        break
      case "attempt.failed": {
        const work = spotOf(compiled, message.task)?.task.work
        doubtful.delete(message.task)
        if (message.refused !== undefined || !mayFollow(message, work?.retry)) failed.add(message.task)
        else if (work?.limits !== undefined) doubtful.add(message.task)
        break
      }
      case "timer.fired":
        fired.add(message.task)
        if (spotOf(compiled, message.task)?.task.work?.limits !== undefined) doubtful.add(message.task)
        break
      case "gate.answered":
      case "gate.rejected":
        if (!answers.has(message.task)) answers.set(message.task, message)
        break
      case "signal.received":
        signals.set(message.name, [...(signals.get(message.name) ?? []), message.value])
        break
      case "run.amended":
        for (const [task, value] of Object.entries(message.give)) values.set(task, value)
    }
  return written
}

/** Whether another attempt may follow, by the policy and what the failure says. */
export const mayFollow = ({ attempt, failure }: AttemptFailed, retry: Retry | undefined): boolean => {
  if (!failure.retryable || attempt >= (retry?.attempts ?? 1)) return false
  const names = [failure.tag, failure.code]
  if (retry!.on !== undefined && !retry!.on.some((name) => names.includes(name))) return false
  return !(retry!.notOn ?? []).some((name) => names.includes(name))
}

/** A workflow, from what became of its tasks. */
export const whole = (compiled: CompiledWorkflow, given: Json | undefined, prefix: string, written: Written): Came => {
  const { frame, came } = each(compiled, given, prefix, written)
  // one that was not needed any more may have been told to stop
  const all = came.map((found, index) => {
    if ((found.is !== "open" && found.is !== "failed") || !isUnwanted(compiled, index, came)) return found
    return found.is === "open" ? skipped : unknown
  })
  if (all.some(({ is }) => is === "unknown")) return unknown
  const by = all.flatMap((found) => (found.is === "failed" ? found.by : []))
  if (by.length > 0) {
    // what does not need the failed one still runs
    const isOver = compiled.onFailure === "stop" || all.every(({ is }) => is !== "open")
    return isOver ? { is: "failed", by: firstOf(by, written, compiled) } : open
  }
  return all.every(({ is }) => is !== "open") ? { is: "done", value: compiled.output(frame) ?? null } : open
}

/** What became of each task: each after what it waits for. */
const each = (compiled: CompiledWorkflow, given: Json | undefined, prefix: string, written: Written) => {
  const { tasks } = compiled
  const values: Array<Json | undefined> = new Array(tasks.length)
  const frame = { input: withDefaults(compiled, given), values } as Frame
  const came: Array<Came> = new Array(tasks.length)
  const visit = (index: number): Came => {
    const before = came[index]
    if (before !== undefined) return before
    const task = tasks[index]!
    const start = mayStart(compiled, task, visit)
    const isPartial = neededOf(task.ir.join) > 0
    // what a task read that did not wait for all is not known here
    const isBlind = isPartial && (task.when !== undefined || task.structure.kind !== "leaf")
    const found =
      start === "start" && isBlind
        ? unknown
        : start !== "start"
          ? start
          : task.when !== undefined && !task.when(frame)
            ? skipped
            : survived(task, one(task, frame, prefix + task.id, written), frame, prefix + task.id, written)
    if (found.is === "done") values[index] = found.value
    return (came[index] = found)
  }
  tasks.forEach((_, index) => visit(index))
  return { frame, came }
}

/**
 * Whether a task of the workflow itself, or what stands in for it, may be at work by what was written so far; undefined where
 * that is not known here.
 */
export const mayBegin = (
  workflow: Workflow,
  input: Json,
  messages: ReadonlyArray<Message>,
  task: CompiledTask,
  path: string
): boolean | undefined => {
  const compiled = compileWorkflow(definition(workflow.ir))
  try {
    const written = read(compiled, counting(messages))
    const step = path.includes("~") ? Number(path.slice(path.lastIndexOf("~") + 1)) : 0
    // each stands in for the one before it
    if (step > 0) {
      const own = ownPath(path)
      const isItem = own.includes("[")
      const before = (isItem ? task.itemFallbacks : task.fallbacks)[step - 2]
      if (before === undefined && !isItem && task.structure.kind !== "leaf") return undefined
      return before?.kind === "value" || written.failed.has(step === 1 ? own : standIn(own, step - 1))
    }
    const { came } = each(compiled, input, "", written)
    const start = mayStart(compiled, compiled.tasks[task.index]!, (index) => came[index]!)
    return start === "start" ? true : start.is === "unknown" ? undefined : false
  } catch {
    return undefined
  }
}

/** Never began, because something before it failed. */
const unreached: Came = { is: "failed", by: [] }

/** Whether a task may start by what became of those before it, and what becomes of it if not. */
const mayStart = (
  { graph, onFailure }: CompiledWorkflow,
  { index, ir }: CompiledTask,
  cameOf: (task: number) => Came
): Came | "start" => {
  const own = triggersOf(ir)
  const befores = [...graph.predecessors.slice(graph.predecessorStart[index]!, graph.predecessorStart[index + 1]!)]
  const found = befores.map((before) => [own.get(graph.ids[before]!) ?? "notFailed", cameOf(before)] as const)
  if (found.some(([, { is }]) => is === "unknown")) return unknown
  const ended = found.filter(([, { is }]) => is !== "open")
  const met = ended.filter(([trigger, one]) => lets[trigger][endOf(one)])
  const needed = neededOf(ir.join) || befores.length
  if (met.length >= needed) return "start"
  if (befores.length - (ended.length - met.length) >= needed) return open
  const isSpoiled = ended.some(([trigger, one]) => one.is === "failed" && !lets[trigger].failed)
  // where the first failure ends the run, nobody is skipped because of it
  if (isSpoiled) return onFailure === "stop" ? open : unreached
  return ended.length === befores.length ? skipped : open
}

const endOf = ({ is }: Came): EndOf =>
  is === "done" ? "succeeded" : is === "allowed" ? "allowed" : is === "failed" ? "failed" : "skipped"

const isUnwanted = ({ graph, tasks }: CompiledWorkflow, index: number, came: ReadonlyArray<Came>): boolean => {
  const k = graph.successorStart[index]!
  if (graph.successorStart[index + 1]! - k !== 1) return false
  const after = graph.successors[k]!
  return (
    tasks[after]!.cancelRest &&
    mayStart({ graph, onFailure: "continue" } as CompiledWorkflow, tasks[after]!, (task) => came[task]!) === "start"
  )
}

/** What is left of a task that has failed: its fallbacks, then what it says about failures. */
const survived = (task: CompiledTask, found: Came, frame: Frame, path: string, written: Written): Came => {
  if (found.is !== "failed") return found
  const instead = stoodIn(task.fallbacks, frame, path, written)
  if (instead !== undefined) return instead
  if (task.onFailed === "continue") return allowed
  if (task.onFailed === "fail") return found
  const wait = `${path}~wait`
  const said = written.answers.get(wait)
  if (written.values.has(path)) return { is: "done", value: written.values.get(path) }
  if (said === undefined)
    return !written.fired.has(wait) ? open : task.patience?.otherwise === "continue" ? allowed : found
  if (written.fired.has(wait)) return unknown
  return said.type === "gate.answered" ? { is: "done", value: said.value } : found
}

/** What the fallbacks gave; undefined when none gave anything. */
const stoodIn = (
  fallbacks: ReadonlyArray<CompiledFallback>,
  frame: Frame,
  path: string,
  written: Written
): Came | undefined => {
  for (const [i, one] of fallbacks.entries()) {
    if (one.kind === "value") {
      try {
        return { is: "done", value: one.value(frame) ?? null }
      } catch {
        continue
      }
    }
    const came = leaf(standIn(path, i + 1), written)
    if (came.is !== "failed") return came
  }
  return undefined
}

/** Where all stand side by side, and nothing stands in for them, the first that was written is the one. */
const firstOf = (by: ReadonlyArray<string>, { failed }: Written, { tasks }: CompiledWorkflow): ReadonlyArray<string> =>
  by.every((path) => failed.has(path) && !/[/[#@]/.test(path)) &&
  tasks.every(({ fallbacks, onFailed }) => fallbacks.length === 0 && onFailed !== "wait")
    ? [[...failed].find((path) => by.includes(path))!]
    : by

export const withDefaults = ({ ir }: CompiledWorkflow, input: Json | undefined): Json | undefined =>
  ir.defaults === undefined ? input : isPlainRecord(input) ? { ...ir.defaults, ...input } : (input ?? ir.defaults)

const leaf = (path: string, { values, failed, doubtful }: Written): Came =>
  values.has(path)
    ? { is: "done", value: values.get(path) }
    : failed.has(path)
      ? { is: "failed", by: [path] }
      : doubtful.has(path)
        ? unknown
        : open

export const one = (task: CompiledTask, frame: Frame, path: string, written: Written): Came => {
  const { structure } = task
  switch (structure.kind) {
    case "leaf":
      return leaf(path, written)
    case "sleep":
      return written.fired.has(path) ? { is: "done", value: null } : open
    case "gate":
      return gate(structure.signal, path, written)
    case "use":
      return whole(compileWorkflow(structure.nested), task.input(frame), `${path}/`, written)
    case "branch": {
      const nested = structure.cases.get(String(structure.on(frame))) ?? structure.otherwise
      return nested === undefined ? unknown : whole(compileWorkflow(nested), task.input(frame), `${path}/`, written)
    }
    case "repeat": {
      let state = task.input(frame)
      for (let round = 1; ; round++) {
        const came = whole(compileWorkflow(structure.nested), state, `${path}#${round}/`, written)
        if (came.is !== "done") return came
        state = came.value
        if (structure.until({ input: undefined, values: [], output: state, round } as never)) return came
        if (round >= structure.max) return structure.onMax === "fail" ? unknown : came
      }
    }
    case "map": {
      const over = structure.over(frame)
      const items = Array.isArray(over) ? over : Array.from({ length: Number(over) }, (_, i) => i)
      const { accept } = structure
      const all = items.map((item, index): Came => {
        const at = { ...frame, item, index } as Frame
        const here = `${path}[${index}]`
        if (structure.nested === undefined) {
          const came = leaf(here, written)
          return came.is === "failed" ? (stoodIn(task.itemFallbacks, at, here, written) ?? came) : came
        }
        return whole(compileWorkflow(structure.nested), structure.itemInput(at), `${here}/`, written)
      })
      if (accept !== "all") return accepted(all, accept, path)
      const by = structure.partial ? [] : all.flatMap((came) => (came.is === "failed" ? came.by : []))
      if (all.some(({ is }) => is === "unknown")) return unknown
      if (by.length > 0) return { is: "failed", by }
      if (all.some(({ is }) => is === "open")) return open
      return { is: "done", value: all.map((came) => (came.is === "done" ? (came.value ?? null) : null)) }
    }
    case "expand":
      return unknown
  }
}

/** Which items were enough is decided by when they came: as far as the order matters, it is not known here. */
const accepted = (all: ReadonlyArray<Came>, accept: Accept, path: string): Came => {
  if (all.some(({ is }) => is === "unknown") || accept === "settled") return unknown
  const needed = acceptedOf(accept)!
  const [good, bad] = (["done", "failed"] as const).map((wanted) => all.filter(({ is }) => is === wanted))
  if (all.length - bad!.length < needed)
    return { is: "failed", by: [path, ...bad!.flatMap((came) => (came.is === "failed" ? came.by : []))] }
  return good!.length < needed ? open : unknown
}

/** Who was first is decided by when the gate opened: with more than one to choose from, it is not known here. */
const gate = (signal: string | undefined, path: string, { answers, signals, fired }: Written): Came => {
  const said = answers.get(path)
  const heard = signal === undefined ? [] : (signals.get(signal) ?? [])
  const given = [...(said === undefined ? [] : [said.type === "gate.answered" ? said.value : undefined]), ...heard]
  if (given.length === 0) return fired.has(path) ? unknown : open
  if (fired.has(path) || given.some((value) => canonical(value ?? null) !== canonical(given[0] ?? null))) return unknown
  return given[0] === undefined ? { is: "failed", by: [path] } : { is: "done", value: given[0] }
}

/** The tasks of the workflow itself that must be listed as degraded; undefined where that is not known here. */
export const degradedBy = (
  workflow: Workflow,
  input: Json,
  messages: ReadonlyArray<Message>
): ReadonlyArray<string> | undefined => {
  const compiled = compileWorkflow(definition(workflow.ir))
  if (!isForgiving(compiled) || compiled.tasks.some(({ cancelRest }) => cancelRest)) return undefined
  try {
    const written = read(compiled, counting(messages))
    const { came } = each(compiled, input, "", written)
    if (came.some(({ is }) => is === "unknown")) return undefined
    return compiled.tasks.flatMap(({ id, index, structure }) => {
      const { is } = came[index]!
      const isAnswered = written.answers.has(`${id}~wait`)
      return isPlain(structure) && written.failed.has(id) && (is === "done" || is === "allowed") && !isAnswered
        ? [id]
        : []
    })
  } catch {
    return undefined
  }
}

/** Whether its end is in one message. */
export const isPlain = ({ kind }: CompiledTask["structure"]): boolean => kind === "leaf"

const forgiving = new WeakMap<CompiledWorkflow, boolean>()
/** Whether a workflow says what else failures may mean than the end of everything. */
export const isForgiving = (compiled: CompiledWorkflow): boolean => {
  let known = forgiving.get(compiled)
  if (known === undefined) {
    known =
      compiled.joins !== undefined ||
      compiled.tasks.some(({ fallbacks, onFailed }) => fallbacks.length > 0 || onFailed !== "fail")
    forgiving.set(compiled, known)
  }
  return known
}

// ── where a path leads ───────────────────────────────────────────────────────────────────────────────

/** A task in its place: what it is, and what is around it. */
export interface Spot {
  readonly path: string
  readonly task: CompiledTask
  readonly scope: CompiledWorkflow
  /** Of the paths beside it. */
  readonly prefix: string
  /** One item of a fan-out, or the planner of an expansion. */
  readonly isPart: boolean
  /** The task that its workflow stands in. */
  readonly around: Spot | undefined
}

const spots = new WeakMap<CompiledWorkflow, Map<string, Spot | undefined>>()

/** The task at a path; undefined where the definition alone does not tell. */
export const spotOf = (compiled: CompiledWorkflow, path: string): Spot | undefined => {
  const known = spots.get(compiled) ?? new Map<string, Spot | undefined>()
  spots.set(compiled, known)
  if (known.has(path)) return known.get(path)
  const found = locate(compiled, path)
  known.set(path, found)
  return found
}

const locate = (root: CompiledWorkflow, path: string): Spot | undefined => {
  // what is undone has no place in the definition
  if (isOfUndo(path)) return undefined
  const found = below(root, "", path, undefined)
  return found.length === 1 ? found[0] : undefined
}

/** Which case of a branch is taken is not in the definition: a path may lead to more than one task. */
const below = (
  scope: CompiledWorkflow,
  prefix: string,
  path: string,
  around: Spot | undefined
): ReadonlyArray<Spot> => {
  const rest = path.slice(prefix.length)
  const end = rest.indexOf("/")
  const part = end === -1 ? rest : rest.slice(0, end)
  const [, id, mark, step] = /^([^[#@~]*)([^~]*)(?:~(.*))?$/.exec(part)!
  const index = scope.graph.index.get(id!)
  if (index === undefined) return []
  const own = scope.tasks[index]!
  const task = step === undefined ? own : standingIn(own, mark !== "", Number(step))
  if (task === undefined) return []
  const spot: Spot = { path: prefix + part, task, scope, prefix, isPart: mark !== "", around }
  if (end === -1) return [spot]
  return nestedOf(task).flatMap((nested) => below(compileWorkflow(nested), `${spot.path}/`, path, spot))
}

/** What stands in for a task, or for an item of it. */
const standingIn = (task: CompiledTask, isItem: boolean, step: number): CompiledTask | undefined => {
  const one = (isItem ? task.itemFallbacks : task.fallbacks)[step - 1]
  return one === undefined || one.kind === "value" ? undefined : one.task
}

const nestedOf = ({ structure }: CompiledTask) =>
  structure.kind === "branch"
    ? [...structure.cases.values(), ...(structure.otherwise === undefined ? [] : [structure.otherwise])]
    : "nested" in structure && structure.nested !== undefined
      ? [structure.nested]
      : []
