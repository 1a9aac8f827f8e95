/**
 * What every journal must do, as a list of named laws: run each against a fresh journal in any test runner.
 * "Implement this interface" becomes something that answers.
 */

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TroupeError } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"
import type { Entry, JournalService } from "./journal.ts"

export interface Law {
  readonly name: string
  /** Rejects with `LawBroken` when the journal breaks the law. */
  readonly check: (journal: JournalService) => Promise<void>
}

/** A journal broke a law that everything else relies on. */
export class LawBroken extends TroupeError {
  readonly _tag = "LawBroken"
  readonly code = "LAW_BROKEN"
  readonly expected: string
  readonly actual: string
  constructor({ expected, actual }: { expected: string; actual: string }) {
    super(`expected ${expected}, got ${actual}`)
    this.expected = expected
    this.actual = actual
  }
}

const same = (actual: unknown, expected: unknown): void => {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new LawBroken({ expected: String(b), actual: String(a) })
}

const submitted = (at: number, workflow = "w"): Message => ({ type: "run.submitted", at, workflow, input: { at } })
const done = (attempt: number, value: unknown = attempt): Message => ({
  type: "attempt.succeeded",
  at: 1_000 + attempt,
  task: `t${attempt}`,
  attempt,
  value: value as never
})
const entries = (run: string, from: number, messages: ReadonlyArray<Message>): ReadonlyArray<Entry> =>
  messages.map((message, i) => ({ run, seq: from + i, message }))

const append = async (journal: JournalService, batch: ReadonlyArray<Entry>): Promise<string> => {
  const exit = await Effect.runPromise(Effect.exit(journal.append(batch)))
  if (Exit.isSuccess(exit)) return "written"
  const error = Cause.squash(exit.cause) as { _tag?: string }
  return error._tag ?? "died"
}
const read = (journal: JournalService, run: string, from?: number) => Effect.runPromise(journal.read(run, from))
const list = (journal: JournalService, query: Parameters<JournalService["list"]>[0]) =>
  Effect.runPromise(journal.list(query))

export const laws: ReadonlyArray<Law> = [
  {
    name: "what was written is read back, in order and unchanged",
    check: async (journal) => {
      const messages = [submitted(1), done(1, { deep: [1, "é\u2028", null, { "": -1.5e300 }] }), done(2, "")]
      same(await append(journal, entries("r", 0, messages)), "written")
      same(await read(journal, "r"), messages)
      same(await read(journal, "r", 1), messages.slice(1))
      same(await read(journal, "r", 3), [])
    }
  },
  {
    name: "an unknown run is empty, not an error",
    check: async (journal) => same(await read(journal, "nobody"), [])
  },
  {
    name: "a batch of many runs is written whole, each run in its order",
    check: async (journal) => {
      same(
        await append(journal, [
          ...entries("a", 0, [submitted(1)]),
          ...entries("b", 0, [submitted(2)]),
          ...entries("a", 1, [done(1)]),
          ...entries("b", 1, [done(2)])
        ]),
        "written"
      )
      same(await read(journal, "a"), [submitted(1), done(1)])
      same(await read(journal, "b"), [submitted(2), done(2)])
    }
  },
  {
    name: "a message out of its place is refused, and nothing of its batch is written",
    check: async (journal) => {
      await append(journal, entries("a", 0, [submitted(1)]))
      same(
        await append(journal, [...entries("b", 0, [submitted(2)]), ...entries("a", 0, [submitted(3)])]),
        "SequenceConflict"
      )
      same(
        await append(journal, [...entries("b", 0, [submitted(2)]), ...entries("a", 2, [done(9)])]),
        "SequenceConflict"
      )
      same(await append(journal, entries("c", 1, [done(9)])), "SequenceConflict")
      same(
        await append(journal, [...entries("d", 0, [submitted(4)]), ...entries("d", 0, [submitted(5)])]),
        "SequenceConflict"
      )
      same(
        [await read(journal, "a"), await read(journal, "b"), await read(journal, "c"), await read(journal, "d")],
        [[submitted(1)], [], [], []]
      )
      same(await append(journal, entries("a", 1, [done(1)])), "written")
    }
  },
  {
    name: "what is read cannot change what is kept",
    check: async (journal) => {
      await append(journal, entries("a", 0, [submitted(1)]))
      const list = (await read(journal, "a")) as Array<Message>
      try {
        list.pop()
        list.push(done(5))
      } catch {
        // frozen: just as good
      }
      same(await read(journal, "a"), [submitted(1)])
    }
  },
  {
    name: "an empty batch is written at once",
    check: async (journal) => same(await append(journal, []), "written")
  },
  {
    name: "runs are listed newest first, in pages without gap or repetition, by workflow where asked",
    check: async (journal) => {
      for (let i = 0; i < 7; i++)
        await append(journal, entries(`r${i}`, 0, [submitted(i, i % 2 === 0 ? "even" : "odd")]))
      const seen: Array<string> = []
      let cursor: string | undefined
      do {
        const page = await list(journal, { limit: 3, cursor })
        seen.push(...page.runs.map(({ run }) => run))
        cursor = page.cursor
      } while (cursor !== undefined)
      same(seen, ["r6", "r5", "r4", "r3", "r2", "r1", "r0"])
      const odd = await list(journal, { workflow: "odd" })
      same(
        odd.runs.map(({ run, workflow, submittedAt, length }) => [run, workflow, submittedAt, length]),
        [
          ["r5", "odd", 5, 1],
          ["r3", "odd", 3, 1],
          ["r1", "odd", 1, 1]
        ]
      )
    }
  },
  {
    name: "a forgotten run is gone, and its id is free again",
    check: async (journal) => {
      await append(journal, entries("a", 0, [submitted(1), done(1)]))
      await Effect.runPromise(journal.remove("a"))
      await Effect.runPromise(journal.remove("never"))
      same(await read(journal, "a"), [])
      same((await list(journal, {})).runs, [])
      same(await append(journal, entries("a", 0, [submitted(2)])), "written")
      same(await read(journal, "a"), [submitted(2)])
    }
  },
  {
    name: "names of any kind are kept apart",
    check: async (journal) => {
      const names = ["a", "A", "a.b", "a-b", "x'); DROP TABLE messages;--", "é", "__proto__", "constructor"]
      for (const [i, name] of names.entries()) same(await append(journal, entries(name, 0, [submitted(i)])), "written")
      for (const [i, name] of names.entries()) same(await read(journal, name), [submitted(i)])
    }
  },
  {
    name: "ten thousand messages of one run come back complete",
    check: async (journal) => {
      const messages = [submitted(0), ...Array.from({ length: 9_999 }, (_, i) => done(i))]
      for (let i = 0; i < messages.length; i += 1_000)
        same(await append(journal, entries("long", i, messages.slice(i, i + 1_000))), "written")
      const back = await read(journal, "long")
      same(back.length, 10_000)
      same(back[9_999], messages[9_999])
    }
  }
]
