/** A failure as people read it: which promise, the story with its faults marked, and a test to paste. */
import type { Execution } from "./execution.ts"
import type { Plan } from "./plan.ts"
import { promises } from "./promises.ts"
import type { Line, Violation } from "./story.ts"

/** Lines of the story that are told; what is in the middle of a longer one is left out. */
const linesMost = 60

/** What a story is told from. */
type Told = Pick<Execution, "violations" | "story" | "input" | "plan">
type Found = { readonly seed: number; readonly path: string; readonly executions: number; readonly shrinks: number }

export const failureText = (workflow: string, execution: Execution, found: Found): string =>
  [
    storyText(workflow, execution, found),
    "",
    `last message written: ${short(JSON.stringify(execution.messages.at(-1) ?? null))}`,
    "",
    "again:",
    `  await chaos(${workflow}, { seed: ${found.seed}, path: ${JSON.stringify(found.path)} })`,
    "as a test that needs no luck:",
    ...testOf(workflow, execution.input, execution.plan).map((line) => `  ${line}`)
  ].join("\n")

/** The promise that was broken, and what happened. */
export const storyText = (workflow: string, { violations, story, input, plan }: Told, found: Found): string =>
  [
    `${workflow}: ${violations.map(violationText).join("; ")}`,
    "",
    `input ${short(JSON.stringify(input))}, ${plan.faults.length === 0 ? "no fault" : `${plan.faults.length} fault${plan.faults.length === 1 ? "" : "s"}`}, found after ${found.executions} executions, made small by ${found.shrinks}`,
    "",
    "  ms    life",
    ...told(story).map(lineText)
  ].join("\n")

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

const testOf = (workflow: string, input: unknown, plan: Plan): ReadonlyArray<string> => [
  `test(${JSON.stringify(`${workflow} survives this`)}, async () => {`,
  `  const { violations } = await replay(${workflow}, ${JSON.stringify(plan)}, { input: ${JSON.stringify(input)} })`,
  "  expect(violations).toEqual([])",
  "})"
]

const short = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
