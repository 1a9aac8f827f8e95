/** `troupe plan FILE`: what a workflow will take, without running it. */
import { InvalidWorkflow } from "../../model/errors.ts"
import type { Inventory } from "../../model/ir.ts"
import { isPlainRecord } from "../../model/json.ts"
import { type ExecutionPlan, plan as planOf } from "../../model/plan.ts"
import { effortMost } from "../../model/planned.ts"
import type { SchedulingPolicy } from "../../model/schedule.ts"
import type { Command } from "../commands.ts"
import { readFile } from "../file.ts"
import { bold, CommandError, cyan, dim, duration, exitCodes, oneLine, tell, tellJson } from "../output.ts"

export const plan: Command = async (given) => {
  const { workflow, problems } = await readFile(given)
  const errors = problems.filter(({ severity, code }) => severity === "error" && code !== "TASK_UNKNOWN")
  if (workflow === undefined || errors.length > 0)
    throw new InvalidWorkflow({ workflow: given.positionals[0]!, problems: errors })
  const policy = given.text("policy") as SchedulingPolicy | undefined
  const resources = inventory(given.json("resources"))
  const effort = given.whole("effort", 0, effortMost)
  const seed = given.whole("seed", 0, 0xffff_ffff)
  const made = planOf(workflow.ir, {
    ...(policy === undefined ? {} : { policy }),
    ...(effort === undefined ? {} : { effort }),
    ...(seed === undefined ? {} : { seed }),
    ...(resources === undefined ? {} : { resources })
  })
  const infeasible = made.problems.filter(({ severity }) => severity === "error")
  if (given.has("json")) {
    const { slackMs: _, ...shown } = made
    await tellJson(shown)
  } else if (infeasible.length === 0) show(made)
  if (infeasible.length === 0) return exitCodes.ok
  if (!given.has("json"))
    throw made.conflict ?? new InvalidWorkflow({ workflow: given.positionals[0]!, problems: infeasible })
  return exitCodes.failed
}

const inventory = (given: unknown): Inventory | undefined => {
  if (given === undefined) return undefined
  const refuse = (why: string) =>
    new CommandError(
      `--resources ${why}`,
      "usage",
      'like {"cpu": 8, "custom": {"R1": 10}} or {"workers": [{"id": "w1"}]}'
    )
  if (!isPlainRecord(given)) throw refuse("needs an object")
  const { workers, custom, ...amounts } = given
  for (const [name, amount] of [...Object.entries(amounts), ...Object.entries(isPlainRecord(custom) ? custom : {})]) {
    if (typeof amount !== "number" || !(amount >= 0) || !Number.isFinite(amount))
      throw refuse(`gives '${name}' the amount ${JSON.stringify(amount)}, which is not a number from 0`)
  }
  if (
    workers !== undefined &&
    !(Array.isArray(workers) && workers.every((worker) => isPlainRecord(worker) && typeof worker.id === "string"))
  )
    throw refuse("has workers that are not a list of objects with an id")
  for (const { id, can } of Array.isArray(workers) ? workers : [])
    if (can !== undefined && !(Array.isArray(can) && can.every((one) => typeof one === "string")))
      throw refuse(`says of worker '${id}' that it can do what is not a list of names`)
  if (Array.isArray(workers) && workers.length === 0)
    throw refuse("has an empty list of workers: nothing could ever run")
  return given as Inventory
}

const show = (made: ExecutionPlan): void => {
  tell(
    `${bold(made.workflow)}: ${made.tasks.toLocaleString("en")} tasks in ${made.stages.length} stages, about ${duration(made.estimatedMs)} with ${made.parallelism.toFixed(1)} at a time on average`
  )
  const chain = made.criticalPath.map(oneLine)
  const path =
    chain.length <= 12
      ? chain.join(" → ")
      : `${chain.slice(0, 6).join(" → ")} → … ${chain.length - 11} more … → ${chain.slice(-5).join(" → ")}`
  tell(`critical path (${duration(made.criticalPathMs)}): ${cyan(path)}`)
  if (made.makespanMs > made.lowerBoundMs) tell(dim(`no schedule can be shorter than ${duration(made.lowerBoundMs)}`))
  for (const { stage, tasks, maxParallelism, estimatedMs } of made.stages.slice(0, 20)) {
    const names = tasks.slice(0, 6).map(oneLine).join(", ")
    tell(
      `  ${String(stage).padStart(3)}  ${names}${tasks.length > 6 ? dim(` and ${tasks.length - 6} more`) : ""} ${dim(`(${maxParallelism} at a time, ${duration(estimatedMs)})`)}`
    )
  }
  if (made.stages.length > 20) tell(dim(`  … and ${made.stages.length - 20} more stages; --json prints all`))
  const placed = made.schedule.filter(({ worker, team }) => (worker ?? team) !== undefined)
  if (placed.length > 0) tell("who does what, and when:")
  for (const { task, startMs, endMs, worker, team = [] } of placed.slice(0, 20)) {
    const who = worker ?? team.map((one) => `${oneLine(one.worker)} (${oneLine(one.skill)})`).join(", ")
    tell(`  ${duration(startMs)} – ${duration(endMs)}  ${oneLine(task)} ${dim(oneLine(who))}`)
  }
  if (placed.length > 20) tell(dim(`  … and ${placed.length - 20} more; --json prints all`))
  if (made.latenessMs !== undefined) tell(`lateness, by weight: ${duration(made.latenessMs)}`)
  const guarded = made.schedule.filter(({ policies }) => policies !== undefined)
  if (guarded.length > 0) tell("policies, in the order in which they apply:")
  for (const { task, policies } of guarded.slice(0, 20)) tell(`  ${oneLine(task)}: ${policies!.join(" → ")}`)
  if (guarded.length > 20) tell(dim(`  … and of ${guarded.length - 20} more tasks; --json prints all`))
  const resources = Object.entries(made.resources.total)
  if (resources.length > 0)
    tell(`resources asked for in all: ${resources.map(([name, amount]) => `${name} ${amount}`).join(", ")}`)
}
