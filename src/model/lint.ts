/**
 * What can be run and makes no sense: policies that do not go together. A word about each, where it is certain to be worth one;
 * none of them keeps a workflow from running. Asked only of workflows without errors.
 */
import { type DependencyGraph, reaches, topologicalOrder } from "./dependencies.ts"
import type { Problem, ProblemCode } from "./errors.ts"
import { fallbacksOf, triggersOf } from "./failing.ts"
import { isId } from "./ids.ts"
import { type GateTask, kindOf, type MapTask, type TaskIR, type WorkflowIR, type WorkPolicy } from "./ir.ts"
import { joinRules } from "./joins.ts"
import { nestedOf } from "./nested.ts"
import { undoOf } from "./undo.ts"

/** Everything about a workflow that makes no sense. */
export const lint = (ir: WorkflowIR, graph: DependencyGraph): ReadonlyArray<Problem> => [
  ...holes(ir, graph),
  ...repeatedPivots(ir, graph),
  ...withoutBreaker(ir),
  ...neverOver(ir),
  ...unheard(ir),
  ...nothingToDoAnew(ir, graph)
]

const warning = (code: ProblemCode, path: string, message: string, hint: string): Problem => ({
  code,
  severity: "warning",
  path,
  message,
  hint
})

/** The work of a task, or of the items of a fan-out, and where it stands. */
const workOf = (task: TaskIR): readonly [WorkPolicy & { readonly kind?: string; readonly method?: string }, string] =>
  "each" in task ? [task.each as WorkPolicy, "/each"] : [task as WorkPolicy, ""]

const isPivot = (task: TaskIR): boolean => (task as WorkPolicy).pivot === true

/** Whether its work may leave something behind that somebody would have to take back. What may be remembered has left nothing. */
const hasEffects = (task: TaskIR): boolean => {
  const [work] = workOf(task)
  if (work.cache !== undefined || work.type === "compute") return false
  if ("needs" in work || "module" in work) return true
  if (work.kind === undefined) return "task" in work
  return work.kind === "shell" || (work.kind === "http" && !["GET", "HEAD"].includes(work.method ?? "GET"))
}

/** Whether a run can fail because of it. */
const mayFailTheRun = (task: TaskIR): boolean => {
  if (harmless.has(kindOf(task)) || task.onFailed === "continue") return false
  if (kindOf(task) === "gate") return (task as GateTask).otherwise === "fail"
  if (kindOf(task) === "map" && allMayFail(task as MapTask)) return false
  return !fallbacksOf(task.fallback).some((one) => "value" in one)
}
const allMayFail = ({ each, partial, accept }: MapTask): boolean =>
  partial === true || accept === "settled" || harmless.has((each as { kind?: string }).kind ?? "")
const harmless: ReadonlySet<string> = new Set(["noop", "echo", "derive", "sleep"])

/** Where some tasks are undone, one that is not, and after which the run can still fail, leaves its effect behind. */
const holes = (ir: WorkflowIR, graph: DependencyGraph): ReadonlyArray<Problem> => {
  if (!ir.tasks.some((task) => undoOf(task) !== undefined)) return []
  const { predecessorStart, predecessors } = graph
  const order = topologicalOrder(graph)
  const isAfterPivot = new Uint8Array(graph.size)
  const mayFailAfter = new Uint8Array(graph.size)
  for (const task of order)
    for (let k = predecessorStart[task]!; k < predecessorStart[task + 1]!; k++)
      if (isPivot(ir.tasks[predecessors[k]!]!) || isAfterPivot[predecessors[k]!] === 1) isAfterPivot[task] = 1
  for (let i = order.length - 1; i >= 0; i--) {
    const after = order[i]!
    const one = ir.tasks[after]!
    // once a pivot has succeeded, what came before it stays
    if (!mayFailTheRun(one) && (isPivot(one) || mayFailAfter[after] === 0)) continue
    const triggers = triggersOf(one)
    for (let k = predecessorStart[after]!; k < predecessorStart[after + 1]!; k++)
      if (triggers.get(graph.ids[predecessors[k]!]!) !== "failed") mayFailAfter[predecessors[k]!] = 1
  }
  return ir.tasks.flatMap((task, i) => {
    if (mayFailAfter[i] === 0 || isAfterPivot[i] === 1 || undoOf(task) !== undefined) return []
    if (isPivot(task) || !hasEffects(task)) return []
    return warning(
      "UNDO_MISSING",
      `/tasks/${i}`,
      `other tasks are undone when the run fails, and what '${task.id}' has done is not`,
      'say how ("undo"), or that it changes nothing ("undo": {"kind": "noop"}); "pivot" makes it final'
    )
  })
}

/** Most pivots that are looked at this closely. */
const pivotsMost = 20

/** A pivot that always comes after another one, with nothing to be undone between them, makes nothing final. */
const repeatedPivots = (ir: WorkflowIR, graph: DependencyGraph): ReadonlyArray<Problem> => {
  const pivots = ir.tasks.flatMap((task, i) => (isPivot(task) ? [i] : []))
  if (pivots.length < 2 || pivots.length > pivotsMost || joinRules(ir, graph) !== undefined) return []
  const undoable = ir.tasks.flatMap((task, i) =>
    undoOf(task) !== undefined || nestedOf(task).length > 0 || kindOf(task) === "expand" ? [i] : []
  )
  const problems: Array<Problem> = []
  for (const second of pivots) {
    const first = pivots.find(
      (one) =>
        one !== second &&
        alwaysSucceeds(ir.tasks[one]!) &&
        reaches(graph, one, second) &&
        undoable.every((task) => reaches(graph, task, one) || reaches(graph, second, task))
    )
    if (first === undefined) continue
    const [one, other] = [ir.tasks[first]!.id, ir.tasks[second]!.id]
    problems.push(
      warning(
        "PIVOT_REPEATED",
        `/tasks/${second}/pivot`,
        `'${one}' has made final what came before it, and nothing that can be undone comes between it and '${other}'`,
        "leave out one of the two"
      )
    )
  }
  return problems
}

/** Whether whatever comes after it comes after its success. */
const alwaysSucceeds = ({ when, onFailed, fallback }: TaskIR): boolean =>
  when === undefined && (onFailed === undefined || onFailed === "fail") && fallback === undefined

/** Calls that are tried again, past the breakers that this workflow has. */
const withoutBreaker = (ir: WorkflowIR): ReadonlyArray<Problem> => {
  const names = new Set(Object.keys(ir.breakers ?? {}).filter(isId))
  for (const task of ir.tasks) {
    const { breaker } = workOf(task)[0]
    if (breaker !== undefined) names.add(breaker)
  }
  if (names.size === 0) return []
  return ir.tasks.flatMap((task, i) => {
    const [work, at] = workOf(task)
    const isExternal = work.kind === "http" || "needs" in work
    if (!isExternal || work.breaker !== undefined || (work.retry?.attempts ?? 1) === 1) return []
    return warning(
      "BREAKER_MISSING",
      `/tasks/${i}${at}`,
      `'${task.id}' calls what is outside again and again, and no breaker spares it when it is down`,
      `name one: ${[...names].slice(0, 3).join(", ")}`
    )
  })
}

/** Gates whose time is never over, because that of the run is over before. */
const neverOver = ({ tasks, config }: WorkflowIR): ReadonlyArray<Problem> => {
  const runMs = config?.timeoutMs
  if (runMs === undefined) return []
  return tasks.flatMap((task, i) => {
    if (kindOf(task) !== "gate") return []
    const { id, withinMs } = task as GateTask
    if (withinMs === undefined || withinMs <= runMs) return []
    return warning(
      "DEADLINE_NEVER",
      `/tasks/${i}/withinMs`,
      `gate '${id}' waits for ${withinMs} ms, and its run has ${runMs} ms: what happens 'otherwise' never does`,
      "wait for less, or give the workflow more time"
    )
  })
}

/** A gate that tells nobody anything, listens to nothing outside, and waits for ever: whoever should answer it does not know of it. */
const unheard = ({ tasks, config }: WorkflowIR): ReadonlyArray<Problem> =>
  tasks.flatMap((task, i) => {
    if (kindOf(task) !== "gate" || config?.timeoutMs !== undefined) return []
    const { id, show, signal, withinMs, name, description } = task as GateTask
    if ([show, signal, withinMs, name, description].some((one) => one !== undefined)) return []
    return warning(
      "GATE_UNHEARD",
      `/tasks/${i}`,
      `gate '${id}' shows nothing, listens to no signal and waits for ever: nobody may ever answer it`,
      "say what to show and to whom (show, description), which signal answers it, or what happens otherwise after withinMs"
    )
  })

/** Going back to a task that nothing comes after does nothing anew that has to do with it. */
const nothingToDoAnew = ({ tasks, config }: WorkflowIR, graph: DependencyGraph): ReadonlyArray<Problem> => {
  const recovery = config?.recovery
  if (recovery?.strategy !== "rollback") return []
  const to = tasks.findIndex(({ id }) => id === recovery.to)
  if (to === -1 || graph.successorStart[to] !== graph.successorStart[to + 1]) return []
  return [
    warning(
      "ROLLBACK_NOTHING",
      "/config/recovery/to",
      `nothing waits for '${recovery.to}': going back to it does anew whatever happened to end later`,
      `go back to a task that others wait for, or let them wait: "after": ["${recovery.to}"]`
    )
  ]
}
