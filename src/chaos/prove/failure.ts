/** A counterexample as people read it: which promise, the steps that lead there with the faults marked, and a test to paste. */
import { TroupeError } from "../../model/errors.ts"
import type { Json } from "../../model/json.ts"
import type { Message } from "../../model/messages.ts"
import { promises } from "../promises.ts"
import type { Violation } from "../story.ts"
import { type Node, pathTo, scheduleOf } from "./node.ts"
import { isFault, type Schedule, stepText } from "./steps.ts"

/** The shortest way to break a promise. */
export class Counterexample extends TroupeError {
  readonly _tag = "Counterexample"
  readonly code = "COUNTEREXAMPLE"
  readonly violations: ReadonlyArray<Violation>
  readonly schedule: Schedule
  /** The steps in words, faults marked. */
  readonly story: ReadonlyArray<string>
  readonly input: Json
  /** Faults in it, and steps. */
  readonly faults: number
  readonly depth: number
  /** States that were known when it was found. */
  readonly states: number
  /** Found by chance, after the budget was used up: there may be a shorter one. */
  readonly isSampled: boolean
  constructor(given: {
    readonly workflow: string
    readonly node: Node
    readonly violations: ReadonlyArray<Violation>
    readonly input: Json
    readonly faults: number
    readonly states: number
    readonly isSampled: boolean
  }) {
    const story = storyOf(given.node)
    super(textOf(given, story))
    this.violations = given.violations
    this.schedule = scheduleOf(given.node)
    this.story = story
    this.input = given.input
    this.faults = given.faults
    this.depth = given.node.depth
    this.states = given.states
    this.isSampled = given.isSampled
  }
}

/** One line a step, and one for what is written by it. */
export const storyOf = (node: Node): ReadonlyArray<string> =>
  pathTo(node).map(({ step, wrote }, i) => {
    const what = step === undefined ? "the run is submitted" : stepText(step)
    const mark = step !== undefined && isFault(step) ? "▶" : " "
    const written = wrote.length === 0 ? "" : `  → ${wrote.map(messageText).join(", ")}`
    return `${mark}${String(i).padStart(4)}  ${mark === "▶" ? "FAULT " : ""}${what}${written}`
  })

const messageText = (message: Message): string => {
  const task = "task" in message ? ` ${message.task}` : ""
  return `${message.type}${task}${"attempt" in message && message.attempt > 1 ? `#${message.attempt}` : ""}`
}

const textOf = (
  { workflow, node, violations, input, faults, states, isSampled }: ConstructorParameters<typeof Counterexample>[0],
  story: ReadonlyArray<string>
): string =>
  [
    `${workflow}: ${violations.map(violationText).join("; ")}`,
    "",
    `input ${short(JSON.stringify(input))}, ${count(faults, "fault")}, ${count(node.depth, "step")}, ${
      isSampled
        ? "found by sampling: there may be a shorter one"
        : `the shortest there is, found among ${count(states, "state")}`
    }`,
    "",
    ...story,
    "",
    "as a test, with the same 'reset' and invariants:",
    `  test(${JSON.stringify(`${workflow} survives this`)}, async () => {`,
    `    const { violations } = await follow(${workflow}, ${JSON.stringify(scheduleOf(node))}, { input: ${JSON.stringify(input)}, … })`,
    "    expect(violations).toEqual([])",
    "  })"
  ].join("\n")

const violationText = ({ promise, what }: Violation): string => {
  const text = promises[promise] ?? (promise === "eventually" ? promises["finally"] : undefined)
  return `${promise}${text === undefined ? "" : ` (${text})`}: ${what}`
}

export const count = (number: number, what: string): string =>
  `${number === 0 ? "no" : number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`

const short = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
