/**
 * Reads the tasks of one workflow once: who waits for whom, where each reference leads, and what is wrong with them.
 * The planner, the engine and `validate` all stand on this reading. Workflows inside it are read on their own.
 */
import { scanCondition } from "./condition.ts"
import { constraintProblems } from "./constraints.ts"
import { cycleText, type DependencyGraph, dependencyGraph, findCycle } from "./dependencies.ts"
import type { Problem, ProblemCode } from "./errors.ts"
import { failingProblems, fallbackPlaces, neverTriggered } from "./failing.ts"
import { gateProblems, notAwaited } from "./gates.ts"
import { isId, segments, suggest } from "./ids.ts"
import type { Each, Fallback, Reference, TaskIR, WorkflowIR } from "./ir.ts"
import { lint } from "./lint.ts"
import {
  type DataPart,
  escapePointer,
  type Lookup,
  type Resolved,
  reservedIn,
  type SpecialRoot,
  scan,
  scanReferences
} from "./mapping.ts"
import { hasPolicy, policyProblems, sharedProblems } from "./policies.ts"
import { requirementProblems } from "./resources.ts"
import { jsonSchemaProblems } from "./schemas.ts"
import { recoveryProblems, undoProblems } from "./undo.ts"
import { workSettings } from "./work-settings.ts"

export interface Analysis {
  readonly ir: WorkflowIR
  readonly graph: DependencyGraph
  readonly problems: ReadonlyArray<Problem>
  /** Finds the root of a reference, given the special roots of the place it stands in; only to be asked when there are no errors. */
  readonly lookupFor: (special: ReadonlyArray<SpecialRoot>) => Lookup
}

const known = new WeakMap<WorkflowIR, Analysis>()

/** The analysis of a workflow; remembered as long as the workflow lives. */
export const analyse = (ir: WorkflowIR): Analysis => {
  const before = known.get(ir)
  if (before !== undefined) return before
  const analysis = read(ir)
  known.set(ir, analysis)
  return analysis
}

interface Reading {
  readonly ir: WorkflowIR
  readonly index: Map<string, number>
  readonly writers: ReadonlyArray<DataPart>
  readonly problems: Array<Problem>
}

const read = (ir: WorkflowIR): Analysis => {
  const problems: Array<Problem> = []
  const index = readIds(ir, problems)
  const reading: Reading = { ir, index, writers: readWriters(ir, problems), problems }
  const find = finder(reading)
  const lists = ir.tasks.map((task, i) => readTask(reading, find, task, i))
  scan(ir.output, (reference, at) => readReference(reading, find, reference, `/output${at}`, [], []))
  const graph = dependencyGraph(
    ir.tasks.map(({ id }) => id),
    index,
    lists
  )
  const cycle = findCycle(graph)
  if (cycle !== undefined) problems.push(cycleProblem(ir, index, cycle))
  checkCapabilities(ir, problems)
  checkSchemas(ir, problems)
  problems.push(...sharedProblems(ir))
  ir.tasks.forEach((task, i) => {
    if ("kind" in task && task.kind === "gate") problems.push(...gateProblems(task, `/tasks/${i}`))
    if (hasPolicy(task)) problems.push(...policyProblems(task, `/tasks/${i}`, ir.config))
  })
  if (ir.tasks.some((task) => "undo" in task || "each" in task)) problems.push(...undoProblems(ir))
  problems.push(...recoveryProblems(ir), ...constraintProblems(ir.tasks, index))
  // a warning hides no other
  if (problems.every(({ severity }) => severity === "warning"))
    problems.push(...notAwaited(ir, graph), ...neverTriggered(ir, index), ...lint(ir, graph))
  return { ir, graph, problems, lookupFor: (special) => (parts) => find(parts, special)! }
}

const error = (code: ProblemCode, path: string, message: string, hint: string): Problem => ({
  code,
  severity: "error",
  path,
  message,
  hint
})

const readIds = (ir: WorkflowIR, problems: Array<Problem>): Map<string, number> => {
  const index = new Map<string, number>()
  if (!isId(ir.name))
    problems.push(error("ID_INVALID", "/name", `the name ${JSON.stringify(ir.name)} is not allowed`, idHint))
  for (let i = 0; i < ir.tasks.length; i++) {
    const { id } = ir.tasks[i]!
    if (!isId(id))
      problems.push(error("ID_INVALID", `/tasks/${i}/id`, `the task id ${JSON.stringify(id)} is not allowed`, idHint))
    else if (id === "input")
      problems.push(
        error(
          "ID_INVALID",
          `/tasks/${i}/id`,
          "a task cannot be called 'input': references to the run's input start with it",
          "choose another id"
        )
      )
    const name = plain.test(id) ? id : id.normalize("NFC")
    const first = index.get(name)
    if (first === undefined) index.set(name, i)
    else
      problems.push(
        error(
          "ID_DUPLICATE",
          `/tasks/${i}/id`,
          `the id '${id}' is taken by /tasks/${first}`,
          "give each task an id of its own"
        )
      )
  }
  if (ir.tasks.length === 0)
    problems.push({
      code: "TASKS_EMPTY",
      severity: "warning",
      path: "/tasks",
      message: "the workflow has no tasks",
      hint: "add one"
    })
  return index
}
const plain = /^[\x20-\x7e]*$/
const idHint = "a letter or digit, then letters, digits, '.', '_', '+' or '-'; at most 128 characters, no '..'"

/** Which task writes which part of the run's data. A path has one writer: two would race (Z20). */
const readWriters = (ir: WorkflowIR, problems: Array<Problem>): ReadonlyArray<DataPart> => {
  const writers: Array<DataPart & { readonly place: string }> = []
  ir.tasks.forEach((task, index) => {
    for (const [target, reference] of Object.entries(task.data ?? {})) {
      const place = `/tasks/${index}/data/${escapePointer(target)}`
      const into = segments(target)
      const [root, ...path] = segments(reference.$)
      const reserved = reservedIn(into) ?? reservedIn(path)
      if (reserved !== undefined) problems.push(reservedProblem(reserved, place))
      else if (root !== "result")
        problems.push(
          error(
            "REF_SCOPE",
            place,
            `'data' writes parts of this task's own result and '${segments(reference.$).join(".")}' is not one`,
            'write {"$": "result"} or {"$": "result.key"}'
          )
        )
      else writers.push({ into, index, path, place })
    }
  })
  const byPath = [...writers].sort((a, b) => (a.into.join("\u0000") < b.into.join("\u0000") ? -1 : 1))
  for (let i = 1; i < byPath.length; i++) {
    const [before, after] = [byPath[i - 1]!, byPath[i]!]
    if (startsWith(after.into, before.into)) {
      problems.push(
        error(
          "DATA_CONFLICT",
          after.place,
          `'data.${after.into.join(".")}' is also written at ${before.place}, and no order between the two is safe`,
          "write to different paths, or combine the results in one task"
        )
      )
    }
  }
  return writers
}

const startsWith = (parts: ReadonlyArray<string>, start: ReadonlyArray<string>) =>
  start.length <= parts.length && start.every((part, i) => parts[i] === part)

const reservedProblem = (segment: string, path: string) =>
  error("PATH_RESERVED_SEGMENT", path, `a path cannot contain '${segment}': it leads out of the data`, "rename the key")

type Find = (parts: ReadonlyArray<string>, special: ReadonlyArray<SpecialRoot>) => Resolved | undefined

/** Where the references of a workflow lead. Special roots hide tasks of the same name, in the places where they mean something. */
const finder = ({ index, writers }: Reading): Find => {
  const findData = (path: ReadonlyArray<string>): Resolved | undefined => {
    const writer = writers.find(({ into }) => startsWith(path, into))
    if (writer !== undefined)
      return { root: { at: "task", index: writer.index }, path: [...writer.path, ...path.slice(writer.into.length)] }
    const below = writers.filter(({ into }) => startsWith(into, path))
    return below.length === 0
      ? undefined
      : {
          root: { at: "data", parts: below.map((part) => ({ ...part, into: part.into.slice(path.length) })) },
          path: []
        }
  }
  return (parts, special) => {
    const first = parts[0]!
    if (first === "input") return { root: { at: "input" }, path: parts.slice(1) }
    if ((special as ReadonlyArray<string>).includes(first))
      return { root: { at: first as SpecialRoot }, path: parts.slice(1) }
    const task = index.get(first)
    if (task !== undefined) return { root: { at: "task", index: task }, path: parts.slice(1) }
    return first === "data" ? findData(parts.slice(1)) : undefined
  }
}

/** The dependencies of one task, by index; notes what is wrong with its references. */
const readTask = (reading: Reading, find: Find, task: TaskIR, place: number): Array<number> =>
  quickNeeds(reading, find, task) ?? carefulNeeds(reading, find, task, `/tasks/${place}`)

/** Nearly all tasks are plain and right: their dependencies, without a thought about places. Undefined when a closer look is due. */
const quickNeeds = ({ index }: Reading, find: Find, task: TaskIR): Array<number> | undefined => {
  const kind = "kind" in task ? task.kind : undefined
  if (
    task.when !== undefined ||
    task.resources !== undefined ||
    task.fallback !== undefined ||
    task.onFailed !== undefined ||
    task.join !== undefined ||
    task.cancelRest !== undefined ||
    "cache" in task ||
    "bulkheadKey" in task ||
    (kind !== undefined && kind !== "noop" && kind !== "echo" && kind !== "derive")
  )
    return undefined
  const needs: Array<number> = []
  let isRight = true
  const { after, input } = task
  if (after !== undefined) {
    for (let k = 0; k < after.length; k++) {
      const one = after[k]!
      const dep = typeof one === "string" ? index.get(one) : undefined
      if (dep === undefined) return undefined
      needs.push(dep)
    }
  }
  scanReferences(input, ({ $ }) => {
    const found = isPath($) ? resolved(find, segments($)) : undefined
    if (found === undefined) isRight = false
    else if (found.root.at === "task") needs.push(found.root.index)
    else if (found.root.at === "data") for (const part of found.root.parts) needs.push(part.index)
  })
  return isRight ? needs : undefined
}

const isPath = ($: unknown): $ is string | ReadonlyArray<string> =>
  typeof $ === "string" || (Array.isArray($) && $.length > 0 && $.every((part) => typeof part === "string"))
const noRoots: ReadonlyArray<SpecialRoot> = []
const resolved = (find: Find, parts: ReadonlyArray<string>) =>
  reservedIn(parts) === undefined ? find(parts, noRoots) : undefined

const carefulNeeds = (reading: Reading, find: Find, task: TaskIR, path: string): Array<number> => {
  const needs: Array<number> = []
  const look = (special: ReadonlyArray<SpecialRoot>, under: string) => (reference: Reference, at: string) =>
    readReference(reading, find, reference, `${path}${under}${at}`, special, needs)
  const { after } = task
  if (after !== undefined) {
    for (let k = 0; k < after.length; k++) {
      const one = after[k]!
      const [name, at] = typeof one === "string" ? [one, ""] : [one.task, "/task"]
      const dep = reading.index.get(name)
      if (dep !== undefined) needs.push(dep)
      else
        reading.problems.push(
          error(
            "DEP_UNKNOWN",
            `${path}/after/${k}${at}`,
            `there is no task '${name}'`,
            suggest(name, reading.index.keys())
          )
        )
    }
  }
  if (task.input !== undefined) scan(task.input, look([], "/input"))
  if (task.when !== undefined) scanCondition(task.when, look([], "/when"))
  readKind(task, look)
  for (const [one, at, isItem] of fallbackPlaces(task)) readFallback(one, at, isItem ? ["item", "index"] : [], look)
  reading.problems.push(...failingProblems(task, path, new Set(needs).size))
  if (task.resources !== undefined)
    reading.problems.push(...requirementProblems(task.resources, reading.ir.resources, `${path}/resources`))
  return needs
}

type Look = (special: ReadonlyArray<SpecialRoot>, under: string) => (reference: Reference, at: string) => void

/** The references that only some kinds have. */
const readKind = (task: TaskIR, look: Look): void => {
  if ("cache" in task) scan(task.cache?.key, look([], "/cache/key"))
  if ("bulkheadKey" in task) scan(task.bulkheadKey, look([], "/bulkheadKey"))
  if (!("kind" in task)) return
  switch (task.kind) {
    case "map":
      scan(task.over, look([], "/over"))
      return readEach(task.each, look)
    case "branch":
      return scan(task.on, look([], "/on"))
    case "repeat":
      return scanCondition(task.until, look(["output", "round"], "/until"))
    case "gate":
      scan(task.show, look([], "/show"))
      if (typeof task.otherwise === "object") scan(task.otherwise.value, look([], "/otherwise/value"))
      return
    case "sleep":
      return scan(task.durationMs, look([], "/durationMs"))
    case "shell":
    case "http":
      return scan(workSettings(task), look([], ""))
  }
}

const readFallback = (one: Fallback, at: string, special: ReadonlyArray<SpecialRoot>, look: Look): void => {
  if ("value" in one) scan(one.value, look(special, `${at}/value`))
  else if (!("lastGoodMs" in one)) {
    scan(one.input, look(special, `${at}/input`))
    scan(one.cache?.key, look(special, `${at}/cache/key`))
    if ("kind" in one) scan(workSettings(one), look(special, at))
  }
}

const readEach = (each: Each, look: Look): void => {
  scan(each.input, look(["item", "index"], "/each/input"))
  if ("cache" in each) scan(each.cache?.key, look(["item", "index"], "/each/cache/key"))
  if ("bulkheadKey" in each) scan(each.bulkheadKey, look(["item", "index"], "/each/bulkheadKey"))
  if ("kind" in each && (each.kind === "shell" || each.kind === "http"))
    scan(workSettings(each), look(["item", "index"], "/each"))
}

const readReference = (
  reading: Reading,
  find: Find,
  reference: Reference,
  path: string,
  special: ReadonlyArray<SpecialRoot>,
  needs: Array<number>
): void => {
  const { $ } = reference
  if (!isPath($)) {
    reading.problems.push(error("SHAPE", path, 'a reference is {"$": "task.key"} or {"$": ["task", "key"]}', ""))
    return
  }
  const parts = segments($)
  const reserved = reservedIn(parts)
  if (reserved !== undefined) {
    reading.problems.push(reservedProblem(reserved, path))
    return
  }
  const found = find(parts, special)
  if (found === undefined) {
    reading.problems.push(unknownReference(reading, parts, path))
    return
  }
  if (found.root.at === "task") needs.push(found.root.index)
  else if (found.root.at === "data") for (const part of found.root.parts) needs.push(part.index)
}

const unknownReference = ({ index, writers }: Reading, parts: ReadonlyArray<string>, path: string): Problem => {
  const first = parts[0]!
  if (first === "data") {
    return error(
      "REF_UNKNOWN",
      path,
      `no task writes 'data.${parts.slice(1).join(".")}'`,
      suggest(
        parts.slice(1).join("."),
        writers.map(({ into }) => into.join("."))
      ) || "write it with 'data' on a task"
    )
  }
  const scoped: Record<string, string> = {
    item: "inside a map's 'each'",
    index: "inside a map's 'each'",
    output: "in a repeat's 'until'",
    round: "in a repeat's 'until'",
    result: "in a task's 'data'"
  }
  const scope = scoped[first]
  if (scope !== undefined)
    return error("REF_SCOPE", path, `'${first}' means something only ${scope}`, "read a task or the input instead")
  return error(
    "REF_UNKNOWN",
    path,
    `there is no task '${first}' to read from`,
    suggest(first, ["input", ...index.keys()]) || "references start with a task id, 'input' or 'data'"
  )
}

const cycleProblem = (ir: WorkflowIR, index: ReadonlyMap<string, number>, cycle: ReadonlyArray<string>): Problem => {
  const at = index.get(cycle[0]!)!
  return {
    ...error(
      "GRAPH_CYCLE",
      `/tasks/${at}`,
      `the tasks ${cycleText(cycle)} wait for each other`,
      "remove one of these dependencies"
    ),
    ...(ir.tasks.length > 0 ? { cycle } : {})
  }
}

/** A need that no declared agent meets is worth a word, when the document declares agents at all. */
const checkCapabilities = (ir: WorkflowIR, problems: Array<Problem>): void => {
  if (ir.agents === undefined) return
  const ids = new Set<string>()
  ir.agents.forEach(({ id }, i) => {
    if (!isId(id))
      problems.push(error("ID_INVALID", `/agents/${i}/id`, `the agent id ${JSON.stringify(id)} is not allowed`, idHint))
    if (ids.has(id))
      problems.push(
        error("ID_DUPLICATE", `/agents/${i}/id`, `the agent id '${id}' is taken`, "give each agent an id of its own")
      )
    ids.add(id)
  })
  ir.tasks.forEach((task, i) => {
    const needs = needsOf(task)
    if (needs.length === 0 || ir.agents!.some(({ can }) => needs.every((need) => can.includes(need)))) return
    problems.push({
      code: "NO_AGENT",
      severity: "warning",
      path: `/tasks/${i}`,
      message: `no agent of this document can do ${needs.join(" and ")}`,
      hint:
        suggest(
          needs[0]!,
          ir.agents!.flatMap(({ can }) => can)
        ) || "add the capability to an agent, or register one in the program"
    })
  })
}

/** The capabilities that a task asks for. */
export const needsOf = (task: TaskIR): ReadonlyArray<string> => {
  const work = "each" in task ? task.each : task
  if (!("needs" in work) || work.needs === undefined) return []
  return typeof work.needs === "string" ? [work.needs] : work.needs
}

const checkSchemas = (ir: WorkflowIR, problems: Array<Problem>): void => {
  if (ir.input !== undefined) problems.push(...jsonSchemaProblems(ir.input, "/input"))
  ir.tasks.forEach((task, i) => {
    const work = ("each" in task ? task.each : task) as { in?: unknown; out?: unknown }
    if (work.in !== undefined) problems.push(...jsonSchemaProblems(work.in, `/tasks/${i}/in`))
    if (work.out !== undefined) problems.push(...jsonSchemaProblems(work.out, `/tasks/${i}/out`))
  })
}
