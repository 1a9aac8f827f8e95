/** What is said of a node beside its name, and to people who hear the picture. */
import type { RunView } from "../../src/inspect/view.ts"
import type { TaskStatus } from "../../src/model/messages.ts"
import { agentOf, attemptsOf, type Counts, countsWith, kindText, spanOf, statusOrder } from "../picture/looks.ts"
import { companionsOf, type Part, type Structure } from "../picture/structure.ts"
import { lengthText } from "../picture/times.ts"
import { taskLooks } from "../status.tsx"
import { hasInside } from "./scene.ts"

export interface Facts {
  readonly text: string
  readonly title: string
  /** Counts of what is inside in `statusOrder`; empty for one thing. */
  readonly counts: string
  readonly undo: "" | "possible" | TaskStatus
}

export const factsOf = (
  run: RunView,
  structure: Structure,
  all: Counts,
  part: Part,
  status: TaskStatus,
  now: number
): Facts => {
  const task = run.tasks.get(part.path)
  const span = spanOf(task, now)
  const length = span === undefined ? undefined : lengthText(span[1] - span[0])
  const undone = companionsOf(run, part.path).find((path) => path.endsWith("~undo"))
  const undo = undone === undefined ? (part.hasUndo ? "possible" : "") : (run.tasks.get(undone)?.status ?? "possible")
  if (hasInside(part)) {
    const counts = countsWith(all, part.path, structure.count(part.path))
    const total = counts.reduce((sum, count) => sum + count, 0)
    const done = counts[0]! + counts[1]!
    const failed = counts[2]!
    const text = [total === 0 ? undefined : `${done} / ${total}`, failed === 0 ? undefined : `${failed} failed`, length]
    return {
      text: text.filter((one) => one !== undefined).join(" · "),
      title: `${part.name}, ${kindText[part.kind]}, ${taskLooks[status].label.toLowerCase()}: ${wordsOf(counts)}${length === undefined ? "" : `, ${length}`}`,
      counts: counts.join(),
      undo
    }
  }
  const attempts = attemptsOf(task)
  const agent = agentOf(task)
  const isToCome = status === "pending" || status === "skipped"
  const text = [isToCome ? triggerOf(part) : length, attempts > 1 ? `×${attempts}` : undefined, agent].filter(
    (one) => one !== undefined
  )
  const title = [
    part.name,
    kindText[part.kind],
    taskLooks[status].label.toLowerCase(),
    isToCome ? triggerOf(part) : length,
    attempts > 1 ? `${attempts} attempts` : "",
    agent === undefined ? "" : `agent ${agent}`,
    undo === "" ? "" : undo === "possible" ? "can be taken back" : `taken back: ${taskLooks[undo].label.toLowerCase()}`
  ]
  return {
    text: text.join(" · "),
    title: title.filter((one) => one !== undefined && one !== "").join(", "),
    counts: "",
    undo
  }
}

const triggers = { notFailed: undefined, succeeded: "on success", failed: "on failure", done: "when done" } as const

/** Which end of others lets it start, where that is not the usual one. */
const triggerOf = ({ ir, isConditional }: Part): string | undefined => {
  for (const after of ir?.after ?? []) {
    const word = typeof after === "string" ? undefined : triggers[after.on]
    if (word !== undefined) return word
  }
  return isConditional ? "if it should" : undefined
}

/** Counts in words: `37 succeeded, 2 failed`. */
export const wordsOf = (counts: ArrayLike<number>): string =>
  statusOrder
    .flatMap((status, i) => (counts[i]! > 0 ? [`${counts[i]} ${taskLooks[status].label.toLowerCase()}`] : []))
    .join(", ") || "nothing yet"
