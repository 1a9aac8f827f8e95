/**
 * The recording of a simulated execution, as `troupe chaos --corpus` keeps it (docs/CHAOS.md), as events: what happened to the run, and
 * between it what was done to it. Opens where the last fault struck.
 */
import { isPlainRecord, type Json } from "../model/json.ts"
import { inspectDocument } from "../model/load.ts"
import type { Message } from "../model/messages.ts"
import { memoryJournal } from "../storage/memory.ts"
import { RecordingBroken } from "./errors.ts"
import { Follower } from "./follow.ts"
import type { Redact } from "./observe.ts"
import type { SeenEvent, StreamId } from "./protocol.ts"

export interface ToldStory {
  readonly title: string
  readonly stream: StreamId
  readonly events: ReadonlyArray<SeenEvent>
  /** Number of the event to stand at. */
  readonly opensAt: number
}

/** What is done to a run rather than by it. */
const fromOutside = new Set(["fault", "dies", "freezes", "wakes", "boots", "refused"])

/** Whether the first line of a file is the head of such a recording. */
export const isChaosHead = (head: unknown): head is Readonly<Record<string, unknown>> =>
  isPlainRecord(head) && head.kind === "troupe-recording"

/** Tells a recording; throws `RecordingBroken` with the line that makes no sense. */
export const toldStory = async (path: string, lines: ReadonlyArray<unknown>, redact: Redact): Promise<ToldStory> => {
  const [head, ...rest] = lines
  const refuse = (line: number, why: string) => new RecordingBroken({ path, line, problem: `it ${why}` })
  if (!isChaosHead(head)) throw refuse(1, "is not the head of a recording of chaos")
  if (head.format !== 1) throw refuse(1, `has the format ${JSON.stringify(head.format)}, and this version reads 1`)
  const { run, hash, startedAt } = head
  if (typeof run !== "string" || typeof hash !== "string" || typeof startedAt !== "number")
    throw refuse(1, "does not name its run")
  const { ir } = await inspectDocument(head.definition as Json)
  if (ir === undefined) throw refuse(1, "holds a definition that is none")
  const first = rest.find((line) => isPlainRecord(line) && isPlainRecord(line.message)) as
    | { readonly message: Message }
    | undefined
  if (first?.message.type !== "run.submitted") throw refuse(2, "does not begin with a run that is submitted")
  const follower = new Follower(memoryJournal(), { run, hash, ir, first: first.message }, redact)
  try {
    const events: Array<SeenEvent> = [...follower.begin()]
    let opensAt = 0
    for (const [i, line] of rest.entries()) {
      if (!isPlainRecord(line) || typeof line.what !== "string" || typeof line.at !== "number")
        throw refuse(i + 2, "is nothing that happened")
      if (isPlainRecord(line.message)) {
        try {
          events.push(...follower.push(line.message as unknown as Message, Number(line.life ?? 0)))
        } catch (error) {
          throw refuse(i + 2, `holds a message that does not follow from those before it: ${String(error)}`)
        }
      } else if (fromOutside.has(line.what)) {
        events.push(...follower.fault(textOf(line.what, line.text), startedAt + line.at))
        if (line.what === "fault" || line.what === "dies") opensAt = events.length - 1
      }
    }
    for (const violation of Array.isArray(head.violations) ? head.violations : [])
      if (isPlainRecord(violation)) events.push(...follower.fault(String(violation.what), 0, String(violation.promise)))
    return { title: `${ir.name}, simulated`, stream: `run:${run}`, events, opensAt }
  } finally {
    follower.close()
  }
}

const textOf = (what: string, text: unknown): string => {
  const about = typeof text === "string" ? text.slice(0, 1_000) : ""
  return what === "fault" ? about : `the process ${what}${about === "" ? "" : `: ${about}`}`
}
