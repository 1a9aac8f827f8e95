/**
 * A failure with fewer tasks around it: delta debugging (Zeller & Hildebrandt 2002) over the tasks of the workflow. Halves are
 * taken out, then quarters, then single ones; what stays keeps every promise when nothing goes wrong, and breaks the same one
 * under the same plan.
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
/** Most steps of their executions together: a thousand tasks take some ten thousand for one, and a second takes a million or less. */
const stepsMost = 2_000_000
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
  readonly tries: number
}

export const fewerTasks = async (world: Theatre, input: Json, found: Execution): Promise<Smaller> => {
  const { control } = await world.control(input)
  let best: Smaller = { world, execution: found, without: {}, tries: 0 }
  // where a promise is broken with nothing going wrong, no task can be told to be beside the point
  if (control.violations.length > 0) return best
  const { promise } = found.violations[0]!
  const { workflow } = world
  const gave = gaveIn(workflow, input, control.messages)
  const ids = workflow.ir.tasks.map(({ id }) => id)
  const inner = [...gave.keys()].filter((path) => path.includes("/"))
  const places = new Map([...ids, ...inner].map((task, place) => [task, place]))
  let [tries, steps] = [0, 0]
  let [writes, gone]: [number, ReadonlyArray<string>] = [control.writes, []]

  const isStillWithout = async (tasks: ReadonlyArray<string>): Promise<boolean> => {
    if (tries >= triesMost || steps >= stepsMost) return false
    const all = [...gone, ...tasks].sort((a, b) => places.get(a)! - places.get(b)!)
    const taken = takeOut(workflow, new Map(all.map((task) => [task, gave.get(task) ?? null])))
    if (taken.workflow === undefined || ![...taken.read].every((task) => isShort(gave.get(task)))) return false
    tries++
    const smaller = world.around(taken.workflow)
    const calm = (await smaller.control(input)).control
    steps += calm.steps
    if (calm.violations.length > 0 || calm.outcome?.status !== control.outcome?.status) return false
    for (const plan of movedPlans(without(best.execution.plan, tasks), best.execution, calm, writes - calm.writes)) {
      const execution = await smaller.judged(input, plan, calm, promise === "determinism")
      steps += execution.steps
      if (execution.violations.some((one) => one.promise === promise)) {
        const value = (task: string) => (taken.read.has(task) ? gave.get(task)! : null)
        best = { world: smaller, execution, without: Object.fromEntries(all.map((task) => [task, value(task)])), tries }
        writes = calm.writes
        gone = all
        return true
      }
      if (steps >= stepsMost) return false
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
  await takeChunks(ids, isLeft)
  const left = new Set(best.world.workflow.ir.tasks.map(({ id }) => id))
  await takeChunks(
    inner.filter((path) => left.has(path.slice(0, path.indexOf("/")))),
    isLeft
  )
  return { ...best, tries }
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

const isShort = (value: Json | undefined): boolean => value !== undefined && JSON.stringify(value).length <= valueMost

/** A plan without what goes wrong in tasks that are gone. */
const without = (plan: Plan, tasks: ReadonlyArray<string>): Plan => ({
  ...plan,
  faults: plan.faults.filter((fault) => fault.on !== "task" || !tasks.some((task) => isUnder(fault.task, task)))
})

/** Whether a path is of a task, or of something in it: an item, a round, what was planned, what stands in it. */
const isUnder = (path: string, task: string): boolean =>
  path.startsWith(task) && (path.length === task.length || "/[#@".includes(path[task.length]!))

/**
 * The plan where there are fewer writes: each fault at the write of the same message as before; then all of them some writes
 * earlier, as many as there are fewer at most.
 */
const movedPlans = (plan: Plan, before: Execution, calm: Execution, fewer: number): ReadonlyArray<Plan> => {
  const last = Math.max(0, fewer)
  const count = Math.min(last + 1, movesMost - 1)
  const shifts = Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * last) / (count - 1))))
  const same = landmarks(before, calm)
  const moves = [same, ...shifts.map((shift) => (write: number) => write - shift)]
  const plans = moves.map((move) => ({ ...plan, faults: plan.faults.map((fault) => moved(fault, move)) }))
  const texts = plans.map((one) => JSON.stringify(one))
  return plans.filter((_, i) => texts.indexOf(texts[i]!) === i)
}

const moved = (fault: Fault, move: (write: number) => number): Fault =>
  "write" in fault ? { ...fault, write: Math.max(0, move(fault.write)) } : fault

/** Where the writes of one execution are in another: by the last message until then that both have. */
const landmarks = (before: Execution, calm: Execution): ((write: number) => number) => {
  const there = new Map<string, number>()
  calm.messages.forEach((message, i) => there.set(nameOf(message), calm.writeOf[i]!))
  return (write) => {
    for (let i = before.messages.length - 1; i >= 0; i--) {
      const at = before.writeOf[i]!
      const found = at > write ? undefined : there.get(nameOf(before.messages[i]!))
      if (found !== undefined) return at === write ? found : found + 1
    }
    return write
  }
}

const nameOf = (message: Message): string =>
  `${message.type} ${"task" in message ? message.task : ""}#${"attempt" in message ? message.attempt : ""}`
