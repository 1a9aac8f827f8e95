/** A failure as people read it: which promise, the story with its faults marked, and a test to paste. */
import { countTasks } from "../model/nested.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Execution } from "./execution.ts"
import type { Plan } from "./plan.ts"
import { promises } from "./promises.ts"
import type { Line, Violation } from "./story.ts"
import type { Gave } from "./without.ts"

/** Lines of the story that are told; what is in the middle of a longer one is left out. */
const linesMost = 60

/** What a story is told from. */
type Told = Pick<Execution, "violations" | "story" | "input" | "plan">
type Found = { readonly seed: number; readonly path: string; readonly executions: number; readonly shrinks: number }
/** The workflow in which it was found, and what was taken out of it. */
export interface Where {
  readonly whole: Workflow
  readonly workflow: Workflow
  readonly without: Gave
}

export const failureText = (where: Where, execution: Execution, found: Found): string => {
  const { name } = where.whole
  return [
    storyText(where, execution, found),
    "",
    `last message written: ${short(JSON.stringify(execution.messages.at(-1) ?? null))}`,
    "",
    "again:",
    `  await chaos(${name}, { seed: ${found.seed}, path: ${JSON.stringify(found.path)} })`,
    "as a test that needs no luck:",
    ...testOf(where, execution.input, execution.plan).map((line) => `  ${line}`)
  ].join("\n")
}

/** The promise that was broken, and what happened. */
export const storyText = (where: Where, { violations, story, input, plan }: Told, found: Found): string =>
  [
    `${where.whole.name}: ${violations.map(violationText).join("; ")}`,
    "",
    `input ${short(JSON.stringify(input))}, ${plan.faults.length === 0 ? "no fault" : `${plan.faults.length} fault${plan.faults.length === 1 ? "" : "s"}`}, found after ${found.executions} executions, made small by ${found.shrinks}`,
    ...takenText(where),
    "",
    "  ms    life",
    ...told(story).map(lineText)
  ].join("\n")

/** Names of tasks that were taken out that are told. */
const namesMost = 12

const takenText = ({ whole, workflow, without }: Where): ReadonlyArray<string> => {
  const names = Object.keys(without)
  if (names.length === 0) return []
  const all = countTasks(whole.ir)
  const more = names.length > namesMost ? `, … ${names.length - namesMost} more` : ""
  return [
    `taken out of the workflow: ${all - countTasks(workflow.ir)} of ${all} tasks (${names.slice(0, namesMost).join(", ")}${more})`
  ]
}

const violationText = ({ promise, what }: Violation): string => {
  const text = promises[promise]
  return `${promise}${text === undefined ? "" : ` (${text})`}: ${what}`
}

const told = (story: ReadonlyArray<Line>): ReadonlyArray<Line | number> =>
  story.length <= linesMost
    ? story
    : [...story.slice(0, linesMost / 2), story.length - linesMost, ...story.slice(-linesMost / 2)]

const lineText = (line: Line | number): string => {
  if (typeof line === "number") return `      … ${line} lines …`
  const { at, life, what, text } = line
  const who = life === 0 ? "  " : `${life}`.padStart(2)
  return `${what === "fault" ? "▶" : " "}${String(at).padStart(6)} ${who}  ${what === "fault" ? "FAULT" : what}${text === "" ? "" : ` ${text}`}`
}

const testOf = ({ whole: { name }, without }: Where, input: unknown, plan: Plan): ReadonlyArray<string> => [
  `test(${JSON.stringify(`${name} survives this`)}, async () => {`,
  `  const { violations } = await replay(${Object.keys(without).length === 0 ? name : `without(${name}, ${source(without)})`}, ${source(plan)}, { input: ${source(input)} })`,
  "  expect(violations).toEqual([])",
  "})"
]

/** A value as source text. A key that would be taken for something else is parsed. */
const source = (value: unknown): string => {
  const text = JSON.stringify(value)
  return text.includes('"__proto__"') ? `JSON.parse(${JSON.stringify(text)})` : text
}

const short = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
