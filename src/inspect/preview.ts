/** What would come of something that is asked, said before it is done: which tasks begin anew, stop, or do not happen. */

import { compileWorkflow } from "../model/compile.ts"
import type { WorkflowIR } from "../model/ir.ts"
import type { Message } from "../model/messages.ts"
import { definition } from "../model/nested.ts"
import type { History } from "../storage/journal.ts"
import type { Ask, Preview } from "./protocol.ts"

/** Most tasks that are named. */
const namedMost = 1_000

export const previewOf = (ask: Ask, { first, messages }: History, ir: WorkflowIR | undefined): Preview => {
  const ended = endsOf(messages)
  const { fields = {} } = ask
  const task = typeof fields.task === "string" ? fields.task : undefined
  switch (ask.verb) {
    case "pause":
      return plain("No attempt begins from then on; those that are out may finish.")
    case "step":
      return plain("One attempt begins, the one whose turn it is; the run stays paused.")
    case "fault":
      return {
        text: `The next attempt of ${task ?? "the task"} ${fields.fault === "slow" ? "takes longer" : fields.fault === "hang" ? "gives no answer" : "fails"}, on purpose.`,
        tasks: task === undefined ? [] : [task]
      }
    case "resume":
      return plain("The run goes on.")
    case "cancel":
      return plain(
        fields.force === true
          ? "The run is over at once; attempts that are out are not waited for."
          : "Nothing begins any more; attempts that are out get their signal and a grace period, then what was done is undone where it can be."
      )
    case "retry": {
      const failed =
        task === undefined ? [...ended].filter(([, how]) => how === "failed").map(([path]) => path) : [task]
      const after = behind(ir, failed)
      return {
        text: `${list(failed)} ${failed.length === 1 ? "begins" : "begin"} anew${after.length === 0 ? "" : `, and ${count(after.length)} after ${failed.length === 1 ? "it" : "them"} can start`}.`,
        tasks: [...failed, ...after].slice(0, namedMost)
      }
    }
    case "skip": {
      const after = behind(ir, task === undefined ? [] : [task])
      return {
        text: `${task ?? "The task"} gets this result by hand${after.length === 0 ? "" : `; ${count(after.length)} after it go on from it`}.`,
        tasks: [...(task === undefined ? [] : [task]), ...after].slice(0, namedMost)
      }
    }
    case "fail":
      return { text: `${task ?? "The task"} is given up.`, tasks: task === undefined ? [] : [task] }
    case "rollback": {
      const to = typeof fields.to === "number" ? fields.to : 0
      const later = endsOf(messages.slice(Math.max(0, to + 1 - first)))
      return {
        text: `Back to where the run was after message ${to}: ${count(later.size)} that ended since ${later.size === 1 ? "counts" : "count"} no more; what can be undone is undone first.`,
        tasks: [...later.keys()].slice(0, namedMost)
      }
    }
    case "answer":
    case "reject":
    case "signal": {
      const gate = typeof fields.gate === "string" ? fields.gate : undefined
      const after = behind(ir, gate === undefined ? [] : [gate])
      const verb = ask.verb === "reject" ? "fails with this reason" : "has its answer"
      return {
        text: `${gate ?? "The gate"} ${verb}${after.length === 0 || ask.verb === "reject" ? "" : `, and ${count(after.length)} after it can start`}.`,
        tasks: [...(gate === undefined ? [] : [gate]), ...after].slice(0, namedMost)
      }
    }
    default:
      return plain("It is written with who asked and why.")
  }
}

const plain = (text: string): Preview => ({ text, tasks: [] })
const count = (n: number) => (n === 1 ? "1 task" : `${n.toLocaleString("en")} tasks`)
const list = (tasks: ReadonlyArray<string>) =>
  tasks.length === 0
    ? "Nothing"
    : tasks.length <= 3
      ? tasks.join(", ")
      : `${tasks.slice(0, 2).join(", ")} and ${tasks.length - 2} more`

/** How tasks ended last. */
const endsOf = (messages: ReadonlyArray<Message>): Map<string, "succeeded" | "failed"> => {
  const ended = new Map<string, "succeeded" | "failed">()
  for (const message of messages)
    if (message.type === "attempt.succeeded") ended.set(message.task, "succeeded")
    else if (message.type === "attempt.failed") ended.set(message.task, "failed")
  return ended
}

/** All tasks of the workflow itself that come after these. */
const behind = (ir: WorkflowIR | undefined, tasks: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (ir === undefined) return []
  const { graph } = compileWorkflow(definition(ir))
  const found = new Set<number>()
  const open = tasks.flatMap((task) => graph.index.get(task) ?? [])
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (let k = graph.successorStart[next]!; k < graph.successorStart[next + 1]!; k++) {
      const successor = graph.successors[k]!
      if (found.has(successor)) continue
      found.add(successor)
      open.push(successor)
    }
  return [...found].sort((a, b) => a - b).map((task) => graph.ids[task]!)
}
