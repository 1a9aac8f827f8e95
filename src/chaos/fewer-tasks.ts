/**
 * A failure with fewer tasks around it: delta debugging (Zeller & Hildebrandt 2002) over the tasks of the workflow. Halves are
 * taken out, then quarters, then single ones; what stays keeps every promise when nothing goes wrong, and breaks the same one
 * under the same plan. A promise of ours that is broken with nothing going wrong is broken whatever else is kept.
 */
import type { Json } from "../model/json.ts"
import type { Message } from "../model/messages.ts"
import type { Theatre } from "./chaos.ts"
import { ChaosMisused } from "./errors.ts"
import type { Execution } from "./execution.ts"
import { gaveIn } from "./gave.ts"
import type { Fault, Plan } from "./plan.ts"
import { type Gave, takeOut } from "./without.ts"

/** Most smaller workflows that are tried: enough for each of a thousand tasks once. */
const triesMost = 1_500
/** Most steps of their executions together. Those of a thousand tasks take a thousand or two each, so this is some ten seconds for them. */
const stepsMost = 1_000_000
/** Most ways of moving a plan along with the writes that are gone, for one smaller workflow. */
const movesMost = 16
/** Longest text of a value that stands for a task: a test to paste with more in it would not be smaller. */
const valueMost = 2_000

export interface Smaller {
  /** Around the workflow that is left. */
  readonly world: Theatre
  readonly execution: Execution
  /** What was taken out, with what it gave; null where nobody reads it. */
  readonly without: Gave
}

/** What has been spent. */
export interface TaskBudget {
  tries: number
  steps: number
}
export const taskBudget = (): TaskBudget => ({ tries: 0, steps: 0 })
const isSpent = ({ tries, steps }: TaskBudget): boolean => tries >= triesMost || steps >= stepsMost

/** `whole` is where the failure was found, `found` how small it is already: the very same when nothing more can go. */
export const fewerTasks = async (whole: Theatre, input: Json, found: Smaller, budget: TaskBudget): Promise<Smaller> => {
  const { control } = await whole.control(input)
  let best = found
  const { promise } = found.execution.violations[0]!
  const isCalm = control.violations.length === 0
  // what the user wants to hold and what never does is about the whole: without its tasks it would not hold either
  if (!isCalm && (promise === "always" || promise === "finally")) return best
  const { workflow } = whole
  const gave = gaveIn(workflow, input, control.messages)
  const ids = workflow.ir.tasks.map(({ id }) => id)
  const inner = [...gave.keys()].filter((path) => path.includes("/"))
  const places = new Map([...ids, ...inner].map((task, place) => [task, place]))
  let before = (await found.world.control(input)).control

  // where nothing comes to its end, what never came to be is as good as null
  const mayStand = (value: Json | undefined) => (value === undefined ? !isCalm : isShort(value))
  const isStillWithout = async (tasks: ReadonlyArray<string>): Promise<boolean> => {
    if (isSpent(budget)) return false
    const all = outermost([...Object.keys(best.without), ...tasks]).sort((a, b) => places.get(a)! - places.get(b)!)
    const taken = takeOut(workflow, new Map(all.map((task) => [task, gave.get(task) ?? null])))
    if (taken.workflow === undefined || ![...taken.read].every((task) => mayStand(gave.get(task)))) return false
    budget.tries++
    const smaller = whole.around(taken.workflow)
    const calm = (await smaller.control(input)).control
    budget.steps += calm.steps
    if (isCalm && (calm.violations.length > 0 || calm.outcome?.status !== control.outcome?.status)) return false
    const plan = without(best.execution.plan, tasks)
    for (const one of movedPlans(plan, { broken: best.execution, calm: before }, calm)) {
      const execution = await smaller.judged(input, one, calm, promise === "determinism")
      budget.steps += execution.steps
      if (execution.violations.some((broken) => broken.promise === promise)) {
        const value = (task: string) => (taken.read.has(task) ? gave.get(task) : null) ?? null
        best = { world: smaller, execution, without: Object.fromEntries(all.map((task) => [task, value(task)])) }
        before = calm
        return true
      }
      if (isSpent(budget)) return false
    }
    return false
  }
  const isLeft = async (tasks: ReadonlyArray<string>): Promise<boolean> => {
    try {
      return await isStillWithout(tasks)
    } catch (error) {
      // an invariant that asks for what is not there any more
      if (error instanceof ChaosMisused) return false
      throw error
    }
  }
  for (const tasks of [ids, inner])
    await takeChunks(
      tasks.filter((task) => !isIn(new Set(Object.keys(best.without)), task)),
      isLeft
    )
  return best
}

/** Whether a task, or what it stands in, is one of these. */
const isIn = (tasks: ReadonlySet<string>, path: string): boolean => {
  for (let end = path.length; end !== -1; end = path.lastIndexOf("/", end - 1))
    if (tasks.has(path.slice(0, end))) return true
  return false
}

/** What stands in a task goes with it. */
const outermost = (tasks: ReadonlyArray<string>): Array<string> => {
  const all = new Set(tasks)
  return [...all].filter((task) => !task.includes("/") || !isIn(all, task.slice(0, task.lastIndexOf("/"))))
}

/** All of them, then halves, quarters … single ones, from the end: what comes last is read by nobody. */
const takeChunks = async (
  tasks: ReadonlyArray<string>,
  isLeft: (chunk: ReadonlyArray<string>) => Promise<boolean>
): Promise<void> => {
  let left = tasks
  for (let size = left.length; size > 0; ) {
    let isSmaller = false
    for (let end = left.length; end > 0; end -= size) {
      const from = Math.max(0, end - size)
      if (!(await isLeft(left.slice(from, end)))) continue
      left = [...left.slice(0, from), ...left.slice(end)]
      isSmaller = true
    }
    // single ones are asked again while any goes: one may have been needed by another
    if (size > 1) size = Math.ceil(size / 2)
    else if (!isSmaller) size = 0
  }
}

const isShort = (value: Json): boolean => JSON.stringify(value).length <= valueMost

/** A plan without what goes wrong in tasks that are gone. */
const without = (plan: Plan, tasks: ReadonlyArray<string>): Plan => ({
  ...plan,
  faults: plan.faults.filter((fault) => fault.on !== "task" || !tasks.some((task) => isUnder(fault.task, task)))
})

/** Whether a path is of a task, or of something in it: an item, a round, what was planned, what stands in it. */
const isUnder = (path: string, task: string): boolean =>
  path.startsWith(task) && (path.length === task.length || "/[#@".includes(path[task.length]!))

/** An execution in which a promise is broken, and the one in which nothing goes wrong. */
interface Pair {
  readonly broken: Execution
  readonly calm: Execution
}

/**
 * The plan where there are fewer writes: each fault at the write of the same message as before, or beside it; then all of them
 * some writes earlier, as many as there are fewer at most.
 */
const movedPlans = (plan: Plan, before: Pair, calm: Execution): ReadonlyArray<Plan> => {
  const same = landmarks(before, calm)
  const last = Math.max(0, before.calm.writes - calm.writes)
  const count = Math.min(last + 1, movesMost - 3)
  const shifts = Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * last) / (count - 1))))
  const moves = [
    ...[0, -1, 1].map((beside) => (write: number) => same(write) + beside),
    ...shifts.map((shift) => (write: number) => write - shift)
  ]
  const plans = moves.map((move) => ({ ...plan, faults: plan.faults.map((fault) => moved(fault, move)) }))
  const texts = plans.map((one) => JSON.stringify(one))
  return plans.filter((_, i) => texts.indexOf(texts[i]!) === i)
}

const moved = (fault: Fault, move: (write: number) => number): Fault =>
  "write" in fault ? { ...fault, write: Math.max(0, move(fault.write)) } : fault

/** Where a write is that had the last message until then that is still there; faults before it had writes of their own. */
const landmarks = ({ broken, calm: before }: Pair, calm: Execution): ((write: number) => number) => {
  const [then, now] = [writesOf(before), writesOf(calm)]
  return (write) => {
    for (let i = broken.messages.length - 1; i >= 0; i--) {
      const at = broken.writeOf[i]!
      const name = nameOf(broken.messages[i]!)
      const found = at > write ? undefined : now.get(name)
      if (found !== undefined) return found + at - (then.get(name) ?? at) + (at === write ? 0 : 1)
    }
    return write
  }
}

const writesOf = ({ messages, writeOf }: Execution): ReadonlyMap<string, number> =>
  new Map(messages.map((message, i) => [nameOf(message), writeOf[i]!]))

const nameOf = (message: Message): string =>
  `${message.type} ${"task" in message ? message.task : ""}#${"attempt" in message ? message.attempt : ""}`
