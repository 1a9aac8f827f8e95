/**
 * A run of a store as a test: its journal is the plan of what went wrong. Which attempts failed and how, where the process ended,
 * what people asked for. The plan is tried out while it is made, so that it is known whether the same happens in it.
 */
import type { Json } from "../model/json.ts"
import type { Message, Outcome } from "../model/messages.ts"
import type { RunExport } from "../model/run-export.ts"
import type { Workflow } from "../model/workflow.ts"
import { simulate } from "./chaos.ts"
import type { Execution } from "./execution.ts"
import type { Fault, Plan } from "./plan.ts"
import { type RecordedEnd, recorded } from "./recorded.ts"

export interface Repro {
  /** The text of the test file. */
  readonly text: string
  readonly plan: Plan
  /** What became of the run in the plan, and whether that is what became of it in its store. */
  readonly outcome: Outcome | undefined
  readonly isSame: boolean
  /** What the journal says and the test does not. */
  readonly leftOut: ReadonlyArray<string>
}

/** Longest time that a process is taken to have been away, in milliseconds. */
const downMost = 60_000

export const reproOf = async (content: RunExport): Promise<Repro> => {
  const { definition, messages, epochs } = content
  const [submitted] = messages
  const input = submitted?.type === "run.submitted" ? submitted.input : null
  const since = submitted?.at ?? 0
  const ends = endsOf(messages, since)
  const leftOut: Array<string> = []
  const answers: Record<string, Json> = {}
  const signals: Array<{ readonly name: string; readonly value: Json; readonly ms: number }> = []
  for (const [seq, message] of messages.entries()) {
    if (message.type === "gate.answered") answers[message.task] = message.value
    else if (message.type === "signal.received")
      signals.push({ name: message.name, value: message.value, ms: message.at - since })
    else if (["gate.rejected", "run.amended", "run.rolledBack", "run.imported"].includes(message.type))
      leftOut.push(`message ${seq}, ${message.type}`)
  }
  const world = { input, signals, answers: (gate: string) => answers[gate] }
  const workflow = await recorded(definition, ends)
  const plan = await planOf(messages, epochs, leftOut, (faults) =>
    simulate(workflow, { ...world, plan: { v: 1, seed: 1, faults } })
  )
  const { outcome } = await simulate(workflow, { ...world, plan })
  const last = lastOf(content, messages)
  return {
    plan,
    outcome,
    isSame: isSame(outcome, last),
    leftOut,
    text: textOf(content, { input, ends, plan, answers, signals, leftOut }, workflow)
  }
}

const endsOf = (messages: ReadonlyArray<Message>, since: number): ReadonlyArray<RecordedEnd> => {
  const ends = new Map<string, RecordedEnd>()
  for (const message of messages) {
    if (message.type !== "attempt.succeeded" && message.type !== "attempt.failed") continue
    const { task, attempt, at } = message
    const end = { task, attempt, ms: Math.max(0, at - since) }
    if (message.type === "attempt.succeeded") ends.set(`${task}#${attempt}`, { ...end, value: message.value })
    else {
      const { stack: _, ...failure } = message.failure
      ends.set(`${task}#${attempt}`, { ...end, failure })
    }
  }
  return [...ends.values()]
}

/** Where the process ended and what people asked for, each behind the message after which it was. */
const planOf = async (
  messages: ReadonlyArray<Message>,
  epochs: ReadonlyArray<number>,
  leftOut: Array<string>,
  perform: (faults: ReadonlyArray<Fault>) => Promise<Execution>
): Promise<Plan> => {
  const faults: Array<Fault> = []
  for (let i = 1; i < messages.length; i++) {
    const [before, message] = [messages[i - 1]!, messages[i]!]
    const hasDied = Math.abs(epochs[i] ?? 0) > Math.abs(epochs[i - 1] ?? 0)
    const how = askedBy(message)
    if (!hasDied && how === undefined) continue
    const write = writeOf(before, await perform(faults))
    if (write === undefined) leftOut.push(`message ${i}, ${hasDied ? "the restart before it" : message.type}`)
    if (write === undefined) continue
    const ms = Math.max(0, Math.round(message.at - before.at))
    if (hasDied) faults.push({ on: "crash", write, when: "acked", downMs: Math.min(ms, downMost) })
    if (how !== undefined) faults.push({ on: "operator", write, how, ms })
  }
  return { v: 1, seed: 1, faults }
}

const askedBy = (message: Message): "pause" | "resume" | "cancel" | "force" | undefined => {
  switch (message.type) {
    case "run.paused":
      return "pause"
    case "run.resumed":
      return "resume"
    case "run.cancelled":
      return message.force ? "force" : "cancel"
    default:
      return undefined
  }
}

/** The write in which a message like this one was written. */
const writeOf = (wanted: Message, { messages, writeOf: writes }: Execution): number | undefined => {
  const at = messages.findLastIndex((message) => nameOf(message) === nameOf(wanted))
  return at === -1 ? undefined : writes[at]
}
const nameOf = (message: Message) =>
  `${message.type} ${"task" in message ? message.task : ""}#${"attempt" in message ? message.attempt : ""}`

interface Last {
  readonly status: string
  readonly task: string
  readonly code: string
}

/** How the run ended in its store; undefined while it had not. */
const lastOf = ({ status, error }: RunExport, messages: ReadonlyArray<Message>): Last | undefined => {
  if (!["succeeded", "failed", "cancelled"].includes(status)) return undefined
  const failed = messages.findLast((message) => message.type === "attempt.failed")
  return { status, task: error?.task ?? "", code: error?.code ?? failed?.failure.code ?? "" }
}

const isSame = (outcome: Outcome | undefined, last: Last | undefined): boolean =>
  last !== undefined &&
  outcome?.status === last.status &&
  (outcome.status !== "failed" || last.task === "" || outcome.task === last.task)

interface Found {
  readonly input: Json
  readonly ends: ReadonlyArray<RecordedEnd>
  readonly plan: Plan
  readonly answers: { readonly [gate: string]: Json }
  readonly signals: ReadonlyArray<object>
  readonly leftOut: ReadonlyArray<string>
}

const textOf = (
  { run, status, definition, error, hash }: RunExport,
  { input, ends, plan, answers, signals, leftOut }: Found,
  { name }: Workflow
): string => {
  const told = error === undefined ? status : `${status} at '${error.task}' (${error.code}: ${error.message})`
  const options = [
    "plan",
    "input",
    ...(Object.keys(answers).length > 0 ? ["answers"] : []),
    ...(signals.length > 0 ? ["signals"] : [])
  ].join(", ")
  return `// Run ${line(run)} of ${line(name)} (${hash.slice(0, 12)}): ${line(told)}.
// Its journal is the plan of what went wrong. This holds what the run was given and what it gave: look before you share it.
${leftOut.length === 0 ? "" : `// Left out, because a plan cannot say it: ${line(leftOut.join("; "))}.\n`}import { recorded, simulate } from "troupe/chaos"
import { expect, test } from "vitest"

const definition = ${literal(definition as unknown as Json)}

const input = ${literal(input)}

/** What each attempt gave, and when: milliseconds after the run was submitted. */
const ends = [
${ends.map((end) => `  ${literal(end as unknown as Json, 0)}`).join(",\n")}
]

/** When the process ended, and what people asked for. */
const plan = ${literal(plan as unknown as Json)} as const
${Object.keys(answers).length === 0 ? "" : `\nconst answers = ${literal(answers)}\n`}${signals.length === 0 ? "" : `\nconst signals = ${literal(signals as unknown as Json)}\n`}
test(${JSON.stringify(`run ${run} of ${name} comes to a good end`)}, async () => {
  // put what you have mended in its place: your workflow instead of \`recorded(…)\`, or your tasks as its last argument
  const workflow = await recorded(definition, ends, {})
  const { outcome, violations } = await simulate(workflow, { ${options} })
  expect(violations).toEqual([])
  expect(outcome, JSON.stringify(outcome)).toMatchObject({ status: "succeeded" })
})
`
}

/** Text of strangers in a line of comment. */
const line = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ").slice(0, 500)

/** A value as source text. A key that would be taken for something else is parsed. */
const literal = (value: Json, indent = 2): string => {
  const text = JSON.stringify(value, null, indent)
  return text.includes('"__proto__"') ? `JSON.parse(${JSON.stringify(JSON.stringify(value))})` : text
}
