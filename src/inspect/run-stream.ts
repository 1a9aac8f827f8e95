/** The events of one run, as long as somebody wants to have them: what is written by now, then what comes. */
import * as Effect from "effect/Effect"
import type { Readable } from "../engine/look.ts"
import type { WorkflowIR } from "../model/ir.ts"
import { StreamUnknown } from "./errors.ts"
import { Follower, type RunHead } from "./follow.ts"
import type { Redact } from "./observe.ts"
import type { SeenEvent } from "./protocol.ts"
import type { Batch } from "./source.ts"

/** Messages that are read and told at a time: what is in between belongs to the application. */
const messagesAtOnce = 50

export interface RunStreamOptions {
  readonly journal: Readable
  readonly redact: Redact
  /** Where the journal does not keep definitions. */
  readonly definition: (run: string) => { readonly hash: string; readonly ir: WorkflowIR } | undefined
  /** Resolves when there may be more; with false when there never will. */
  readonly more: () => Promise<boolean>
}

/** Follows a run from its event number `from` on. */
export async function* followRun(options: RunStreamOptions, run: string, from: number): AsyncGenerator<Batch> {
  const { journal, redact, more } = options
  let follower = new Follower(journal, await headOf(options, run), redact)
  let last: SeenEvent | undefined
  const wanted = (events: ReadonlyArray<SeenEvent>) => {
    last = events.at(-1) ?? last
    return events.length === 0 || events[0]!.seq >= from ? events : events.filter(({ seq }) => seq >= from)
  }
  try {
    yield { events: wanted(follower.begin()), isCaughtUp: false, redactedBy: redact }
    for (;;) {
      const { first, messages, epochs } = await Effect.runPromise(
        journal.read(run, follower.length, follower.length + messagesAtOnce)
      )
      if (messages.length > 0 && first > follower.length) {
        // what comes next was compacted meanwhile: the run is taken up where its snapshot is
        follower.close()
        follower = new Follower(journal, await headOf(options, run), redact, last)
        yield { events: wanted(follower.begin()), isCaughtUp: false, redactedBy: redact }
        continue
      }
      const events = messages.flatMap((message, i) => follower.push(message, epochs[i] ?? 0))
      const isCaughtUp = messages.length < messagesAtOnce
      if (events.length > 0 || isCaughtUp) yield { events: wanted(events), isCaughtUp, redactedBy: redact }
      if (!isCaughtUp) await breath()
      else if (!(await more())) return
    }
  } finally {
    follower.close()
  }
}

/** Lets the application do something in between. */
const breath = () => new Promise<void>((resolve) => setImmediate(resolve))

const headOf = async ({ journal, definition }: RunStreamOptions, run: string): Promise<RunHead> => {
  const record = await Effect.runPromise(journal.find(run))
  if (record === undefined) throw new StreamUnknown({ stream: `run:${run}` })
  const kept = record.hash === undefined ? undefined : await Effect.runPromise(journal.definition(record.hash))
  const known = kept === undefined ? definition(run) : { hash: record.hash!, ir: kept }
  const [first] = (await Effect.runPromise(journal.read(run, 0, 1))).messages
  if (known === undefined || first === undefined) throw new StreamUnknown({ stream: `run:${run}` })
  const history = await Effect.runPromise(journal.read(run, 1, 2))
  // after a compaction only the first message is there, and those from the snapshot on
  const isCompacted = record.length > 1 && history.first !== 1
  const snapshot = isCompacted ? await Effect.runPromise(journal.snapshot(run)) : undefined
  return { run, ...known, first, snapshot }
}
