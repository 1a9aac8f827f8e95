/** Runs folded from their messages alone, from the first on, without any snapshot, in a process that never ran them: what each is, and which attempts it is owed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Engine } from "../../src/engine/engine.ts"
import { stateOf } from "../../src/engine/progress.ts"
import type { Message } from "../../src/index.ts"
import { memoryJournal } from "../../src/storage/index.ts"
import { lasting } from "./duties/work.ts"
import { nobody, workflows } from "./workload.ts"

export interface Folded {
  readonly state: ReturnType<typeof lasting>
  /** Why the messages do not belong together, if they do not. */
  readonly parked: string | undefined
  /** Attempts that the messages have asked for and not answered, as `task#attempt`. */
  readonly owed: ReadonlySet<string>
}

const flows = workflows(nobody)

/** What the messages of a run come to; undefined when they do not begin with its submission. */
export const fold = (id: string, messages: ReadonlyArray<Message>): Folded | undefined => {
  const [first] = messages
  if (first?.type !== "run.submitted") return undefined
  const engine = idle()
  try {
    const run = engine.fold(
      id,
      flows[first.workflow]!,
      { first, snapshot: undefined, history: { first: 0, messages, epochs: messages.map(() => 1) } },
      undefined
    )
    return {
      state: lasting(stateOf(run, run.updatedAt)),
      parked: run.parked?.message,
      owed: new Set([...(run.owed?.attempts ?? [])].map(([path, { attempt }]) => `${path}#${attempt}`))
    }
  } finally {
    engine.abandon()
  }
}

/** An engine that performs nothing. */
const idle = (): Engine => {
  const journal = memoryJournal()
  return new Engine({
    journal,
    claim: Effect.runSync(journal.claim()),
    isIdle: true,
    context: Context.empty(),
    balance: "least-loaded",
    allow: {},
    runsMax: 10,
    retainRuns: 10,
    retainMessages: 1_000_000,
    mailboxMax: 1,
    graceMs: 0,
    snapshotEvery: 1_000_000,
    timeScale: 1,
    newId: () => "",
    onDue: () => {},
    onDefect: () => {}
  })
}
