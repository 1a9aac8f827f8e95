/**
 * What every journal must do, as a list of named laws: run each against a fresh journal in any test runner.
 * "Implement this interface" becomes something that answers.
 */

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TroupeError } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"
import { hashOf } from "../model/workflow.ts"
import type { Entry, JournalService, RunNote, RunQuery, Within } from "./journal.ts"

export interface Law {
  readonly name: string
  /** Rejects with `LawBroken` when the journal breaks the law. The journal must be new, and claimed by nobody. */
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
const failure: Message = {
  type: "attempt.failed",
  at: 1_000,
  task: "t",
  attempt: 1,
  failure: { tag: "E", message: "no", retryable: true }
}
const entries = (run: string, from: number, messages: ReadonlyArray<Message>): ReadonlyArray<Entry> =>
  messages.map((message, i) => ({ run, seq: from + i, message }))

/** A journal that was claimed, and how laws speak to it. */
class Claimed {
  readonly journal: JournalService
  readonly epoch: number
  constructor(journal: JournalService, epoch: number) {
    this.journal = journal
    this.epoch = epoch
  }
  static async of(journal: JournalService): Promise<Claimed> {
    return new Claimed(journal, (await Effect.runPromise(journal.claim())).epoch)
  }
  /** "written", or the tag of the error. */
  append(batch: ReadonlyArray<Entry>, notes: ReadonlyArray<RunNote> = []): Promise<string> {
    return tagOf(this.journal.append(batch, notes, this.epoch))
  }
  async read(run: string, from?: number): Promise<ReadonlyArray<Message>> {
    return (await Effect.runPromise(this.journal.read(run, from))).messages
  }
  list(query: RunQuery) {
    return Effect.runPromise(this.journal.list(query))
  }
  find(run: string) {
    return Effect.runPromise(this.journal.find(run))
  }
}

const tagOf = async (effect: Effect.Effect<unknown, unknown>): Promise<string> => {
  const exit = await Effect.runPromise(Effect.exit(effect))
  if (Exit.isSuccess(exit)) return "written"
  const error = Cause.squash(exit.cause) as { _tag?: string }
  return error._tag ?? "died"
}

const note = (run: string, more: Partial<RunNote> = {}): RunNote => ({
  run,
  status: "running",
  updatedAt: 1,
  isAsleep: false,
  dueAt: undefined,
  tasks: [],
  ...more
})

const lawsOfOne: ReadonlyArray<{ readonly name: string; readonly check: (journal: Claimed) => Promise<void> }> = [
  {
    name: "what was written is read back, in order and unchanged",
    check: async (journal) => {
      const messages = [submitted(1), done(1, { deep: [1, "é\u2028", null, { "": -1.5e300 }] }), done(2, "")]
      same(await journal.append(entries("r", 0, messages)), "written")
      same(await journal.read("r"), messages)
      same(await journal.read("r", 1), messages.slice(1))
      same(await journal.read("r", 3), [])
    }
  },
  {
    name: "an unknown run is empty, not an error",
    check: async (journal) => same(await journal.read("nobody"), [])
  },
  {
    name: "a batch of many runs is written whole, each run in its order",
    check: async (journal) => {
      same(
        await journal.append([
          ...entries("a", 0, [submitted(1)]),
          ...entries("b", 0, [submitted(2)]),
          ...entries("a", 1, [done(1)]),
          ...entries("b", 1, [done(2)])
        ]),
        "written"
      )
      same(await journal.read("a"), [submitted(1), done(1)])
      same(await journal.read("b"), [submitted(2), done(2)])
    }
  },
  {
    name: "a message out of its place is refused, and nothing of its batch is written",
    check: async (journal) => {
      await journal.append(entries("a", 0, [submitted(1)]))
      same(
        await journal.append([...entries("b", 0, [submitted(2)]), ...entries("a", 0, [submitted(3)])]),
        "SequenceConflict"
      )
      same(
        await journal.append([...entries("b", 0, [submitted(2)]), ...entries("a", 2, [done(9)])]),
        "SequenceConflict"
      )
      same(await journal.append(entries("c", 1, [done(9)])), "SequenceConflict")
      same(
        await journal.append([...entries("d", 0, [submitted(4)]), ...entries("d", 0, [submitted(5)])]),
        "SequenceConflict"
      )
      same(
        [await journal.read("a"), await journal.read("b"), await journal.read("c"), await journal.read("d")],
        [[submitted(1)], [], [], []]
      )
      same(await journal.append(entries("a", 1, [done(1)])), "written")
    }
  },
  {
    name: "what is read cannot change what is kept",
    check: async (journal) => {
      await journal.append(entries("a", 0, [submitted(1)]))
      const list = (await journal.read("a")) as Array<Message>
      try {
        list.pop()
        list.push(done(5))
      } catch {
        // frozen: just as good
      }
      same(await journal.read("a"), [submitted(1)])
    }
  },
  {
    name: "an empty batch is written at once",
    check: async (journal) => same(await journal.append([]), "written")
  },
  {
    name: "runs are listed newest first, in pages without gap or repetition, by workflow where asked",
    check: async (journal) => {
      for (let i = 0; i < 7; i++)
        await journal.append(entries(`r${i}`, 0, [submitted(i, i % 2 === 0 ? "even" : "odd")]))
      const seen: Array<string> = []
      let cursor: string | undefined
      do {
        const page = await journal.list({ limit: 3, cursor })
        seen.push(...page.runs.map(({ run }) => run))
        cursor = page.cursor
      } while (cursor !== undefined)
      same(seen, ["r6", "r5", "r4", "r3", "r2", "r1", "r0"])
      const odd = await journal.list({ workflow: "odd" })
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
      await journal.append(entries("a", 0, [submitted(1), done(1)]))
      await Effect.runPromise(journal.journal.remove(["a", "never"], journal.epoch))
      same(await journal.read("a"), [])
      same((await journal.list({})).runs, [])
      same(await journal.append(entries("a", 0, [submitted(2)])), "written")
      same(await journal.read("a"), [submitted(2)])
    }
  },
  {
    name: "names of any kind are kept apart",
    check: async (journal) => {
      const names = ["a", "A", "a.b", "a-b", "x'); DROP TABLE messages;--", "é", "__proto__", "constructor"]
      for (const [i, name] of names.entries()) same(await journal.append(entries(name, 0, [submitted(i)])), "written")
      for (const [i, name] of names.entries()) same(await journal.read(name), [submitted(i)])
    }
  },
  {
    name: "ten thousand messages of one run come back complete",
    check: async (journal) => {
      const messages = [submitted(0), ...Array.from({ length: 9_999 }, (_, i) => done(i))]
      for (let i = 0; i < messages.length; i += 1_000)
        same(await journal.append(entries("long", i, messages.slice(i, i + 1_000))), "written")
      const back = await journal.read("long")
      same(back.length, 10_000)
      same(back[9_999], messages[9_999])
    }
  },
  {
    name: "values of any size and kind come back as they were",
    check: async (journal) => {
      const large = "x".repeat(300_000)
      const messages: ReadonlyArray<Message> = [
        { type: "run.submitted", at: 5, workflow: "w", input: { large } },
        done(1, [large, large]),
        done(2, null),
        {
          type: "attempt.failed",
          at: 9,
          task: "t3",
          attempt: 2,
          failure: { tag: "E", message: "no", retryable: true },
          agent: "a"
        },
        { type: "attempt.aborted", at: 10, task: "t4[3]/x#2", attempt: 1 },
        { type: "timer.fired", at: 11, task: "" },
        { type: "run.paused", at: 12, who: "ann" },
        { type: "run.resumed", at: 13, why: "done" },
        { type: "attempt.late", at: 14, task: "t1", attempt: 3, outcome: "succeeded", value: { a: null } },
        {
          type: "attempt.late",
          at: 14,
          task: "t2[3]/x",
          attempt: 3,
          outcome: "failed",
          failure: { tag: "E", message: "no", retryable: true }
        },
        { type: "attempt.late", at: 14, task: "t2", attempt: 3, outcome: "aborted" },
        { type: "run.amended", at: 14, forget: [3, 4], give: { "t3/x": [1] }, who: "ann", why: "it works now" },
        { type: "run.rolledBack", at: 15, to: 3 },
        { type: "run.imported", at: 16, deliveries: { "t4[3]/x": 2 }, who: "ann" },
        { type: "run.cancelled", at: 16, force: true },
        { type: "gate.answered", at: 17, task: "t5", value: { large }, who: "ann", why: "fits" },
        { type: "gate.answered", at: 18, task: "t6[3]/ok", value: null },
        { type: "gate.rejected", at: 19, task: "t7", reason: "", why: "late" },
        { type: "signal.received", at: 20, name: "paid", value: large, who: "bank" },
        { type: "signal.received", at: 21, name: "paid", value: false }
      ]
      same(await journal.append(entries("r", 0, messages)), "written")
      same(sorted(await journal.read("r")), sorted(messages))
    }
  },
  {
    name: "notes are kept, and lists follow them",
    check: async (journal) => {
      await journal.append(["a", "b", "c"].flatMap((run, i) => entries(run, 0, [submitted(i)])))
      const error = { task: "x", code: "TIMEOUT", message: "late" }
      same(
        await journal.append(entries("b", 1, [done(1)]), [
          note("a", { status: "failed", updatedAt: 7, tasks: [3, 1, 1], error }),
          note("b", { status: "waiting", isAsleep: true, dueAt: 99 })
        ]),
        "written"
      )
      const a = await journal.find("a")
      same(
        [a?.status, a?.updatedAt, a?.tasks, a?.error, a?.length, a?.submittedAt],
        ["failed", 7, [3, 1, 1], error, 1, 0]
      )
      const b = await journal.find("b")
      same([b?.status, b?.isAsleep, b?.dueAt, b?.length], ["waiting", true, 99, 2])
      const names = async (query: RunQuery) => (await journal.list(query)).runs.map(({ run }) => run)
      same(await names({ hasEnded: false }), ["c", "b"])
      same(await names({ hasEnded: true }), ["a"])
      same(await names({ hasEnded: false, isAsleep: false }), ["c"])
      same(await names({ isAsleep: true }), ["b"])
      same(await names({ status: ["failed", "waiting"], oldestFirst: true }), ["a", "b"])
      same(await journal.find("nobody"), undefined)
    }
  },
  {
    name: "a run that waits does so no more once anything is written to it, whatever its note says",
    check: async (journal) => {
      const resting = async (run: string) => {
        const { isAsleep, noted, length } = (await journal.find(run))!
        return isAsleep && noted === length
      }
      // few messages at once, and many
      for (const count of [1, 40]) {
        const runs = Array.from({ length: count }, (_, i) => `r${count}-${i}`)
        const asleep = runs.map((run) => note(run, { isAsleep: true, dueAt: 9 }))
        await journal.append(runs.flatMap((run) => entries(run, 0, [submitted(1)])))
        await journal.append([], asleep)
        same(await resting(runs[0]!), true)
        same(await journal.append(runs.flatMap((run) => entries(run, 1, [done(1)]))), "written")
        same(await resting(runs[0]!), false)
        await journal.append([], asleep)
        same(await resting(runs[0]!), true)
        same(
          await journal.append(
            runs.flatMap((run) => entries(run, 2, [done(2)])),
            asleep
          ),
          "written"
        )
        same(await resting(runs[0]!), true)
        same(await journal.append(entries(runs[0]!, 3, [done(3)])), "written")
        same(await resting(runs[0]!), false)
      }
    }
  },
  {
    name: "after another claim the owner before can append nothing",
    check: async (journal) => {
      await journal.append(entries("a", 0, [submitted(1)]))
      await Effect.runPromise(journal.journal.close(journal.epoch))
      const next = await Claimed.of(journal.journal)
      if (next.epoch <= journal.epoch)
        throw new LawBroken({ expected: `an epoch above ${journal.epoch}`, actual: String(next.epoch) })
      same(await journal.append(entries("a", 1, [done(1)])), "StaleOwner")
      same(await tagOf(journal.journal.renew(journal.epoch)), "StaleOwner")
      same(await tagOf(journal.journal.remove(["a"], journal.epoch)), "StaleOwner")
      same(await tagOf(journal.journal.blame(["a"], journal.epoch)), "StaleOwner")
      same(await next.append(entries("a", 1, [done(2)])), "written")
      const { messages, epochs } = await Effect.runPromise(journal.journal.read("a"))
      same(messages, [submitted(1), done(2)])
      if (journal.journal.isDurable) same(epochs, [journal.epoch, next.epoch])
    }
  },
  {
    name: "a crash is counted against a run until a message of it is written",
    check: async (journal) => {
      await journal.append(["a", "b"].flatMap((run, i) => entries(run, 0, [submitted(i)])))
      const blame = () => Effect.runPromise(journal.journal.blame(["a", "b"], journal.epoch))
      same(await blame(), [1, 1])
      await journal.append(entries("a", 1, [done(1)]))
      same(await blame(), [1, 2])
      same([(await journal.find("a"))?.blame, (await journal.find("b"))?.blame], [1, 2])
      same(await Effect.runPromise(journal.journal.blame(["a", "b", "nobody"], journal.epoch, 7)), [7, 7, 0])
      // a message counts whatever else is written with it
      const crowd = Array.from({ length: 40 }, (_, i) => entries(`c${i}`, 0, [submitted(i)])).flat()
      await journal.append([...crowd, ...entries("b", 1, [done(1)])])
      same([(await journal.find("a"))?.blame, (await journal.find("b"))?.blame], [7, 0])
      same(await blame(), [8, 1])
    }
  },
  {
    name: "what an owner leaves written is there for the next one, and only for that",
    check: async (journal) => {
      const { journal: store, epoch } = journal
      same(await Effect.runPromise(store.epoch()), epoch)
      same(await tagOf(store.memo("first", epoch)), "written")
      same(await tagOf(store.memo("second", epoch)), "written")
      await Effect.runPromise(store.close(epoch))
      const next = await Effect.runPromise(store.claim())
      same([next.memo, next.wasClean, await Effect.runPromise(store.epoch())], ["second", true, next.epoch])
      same(await tagOf(store.memo("late", epoch)), "StaleOwner")
    }
  },
  {
    name: "the good part of a run can be read without looking at the rest",
    check: async (journal) => {
      await journal.append(entries("a", 0, [submitted(1), done(1), done(2)]))
      const upTo = async (before: number, from?: number) =>
        (await Effect.runPromise(journal.journal.read("a", from, before))).messages
      same(
        [await upTo(0), await upTo(2), await upTo(9)],
        [[], [submitted(1), done(1)], [submitted(1), done(1), done(2)]]
      )
      same(await upTo(2, 1), [done(1)])
    }
  },
  {
    name: "finished runs are counted; with the last run of a definition it goes, and comes back with the next",
    check: async (journal) => {
      const ir = { ir: 1, name: "w", tasks: [{ id: "t1", kind: "noop" }] } as const
      const hash = hashOf(ir)
      const pinned = (run: string) => {
        const [first] = entries(run, 0, [{ ...submitted(1), hash } as Message])
        return { ...first!, definition: { hash, ir } }
      }
      await journal.append(["a", "b", "c", "d"].map(pinned))
      await journal.append(
        [],
        [note("a", { status: "succeeded" }), note("b", { status: "quarantined" }), note("c", { status: "cancelled" })]
      )
      const { journal: store, epoch } = journal
      const look = async () => [
        await Effect.runPromise(store.finished()),
        (await Effect.runPromise(store.definition(hash))) !== undefined
      ]
      same(await look(), [2, true])
      await Effect.runPromise(store.remove(["a", "b", "c"], epoch))
      same(await look(), [0, true])
      await Effect.runPromise(store.remove(["d"], epoch))
      same(await look(), [0, false])
      same(await journal.append([pinned("a"), ...entries("a", 1, [done(1)])]), "written")
      same(
        [await look(), sorted(await journal.read("a"))],
        [[0, true], sorted([{ ...submitted(1), hash } as Message, done(1)])]
      )
    }
  },
  {
    name: "a value is remembered under its key until it expires, and given as it was",
    check: async (journal) => {
      const cached = (key: string, at: number) => Effect.runPromise(journal.journal.cached(key, at))
      const value = { deep: [1, "é", null, "x".repeat(100_000)] }
      const [first, second, third, failed] = entries("a", 0, [submitted(1), done(1, value), done(2, "new"), failure])
      const remember = (key: string, expiresAt: number) => ({ remember: { key, expiresAt } })
      same(await cached("k", 0), undefined)
      same(
        await journal.append([
          first!,
          { ...second!, ...remember("k", 2_010) },
          { ...third!, ...remember("other", 2_020) }
        ]),
        "written"
      )
      same([await cached("k", 2_009), await cached("other", 2_019)], [value, "new"])
      same(
        [await cached("k", 2_010), await cached("K", 2_009), await cached("", 2_009)],
        [undefined, undefined, undefined]
      )
      // who asked as of later has taken nothing away
      same(await cached("k", 2_009), value)
      // only successes, and only what was written
      same(await journal.append([{ ...failed!, ...remember("failed", 99) }]), "written")
      same(await journal.append([{ ...second!, ...remember("refused", 99) }]), "SequenceConflict")
      same([await cached("failed", 1), await cached("refused", 1)], [undefined, undefined])
      const [again] = entries("a", 4, [done(3, "newer")])
      same(await journal.append([{ ...again!, ...remember("other", 2_030) }]), "written")
      same(await cached("other", 2_025), "newer")
    }
  },
  {
    name: "a result that nobody had to be called for says so",
    check: async (journal) => {
      const messages = [submitted(1), { ...done(1), cached: true as const }, { ...done(2, [3]), cached: true as const }]
      same(await journal.append(entries("a", 0, messages as ReadonlyArray<Message>)), "written")
      same(sorted(await journal.read("a")), sorted(messages as ReadonlyArray<Message>))
    }
  },
  {
    name: "F11 a message that is made where it is written is written with its rows, or what it is refused with is",
    check: async ({ journal, epoch }) => {
      const rows: Array<unknown> = []
      const told: Array<string> = []
      const [first, ok, bad, after] = entries("a", 0, [submitted(1), failure, failure, done(4)])
      const within = (perform: Within["perform"]): Pick<Entry, "within"> => ({
        within: { perform, refuse: () => done(9, "refused"), told: ({ type }) => void told.push(type) }
      })
      const insert = "INSERT INTO app VALUES (?)"
      const batch = [
        first!,
        { ...ok!, ...within((db) => done(db.run(insert, 1).changes, "made")) },
        {
          ...bad!,
          ...within((db) => {
            db.run(insert, 2)
            throw failure
          })
        },
        after!
      ]
      if (journal.transact === undefined) {
        // such a journal says so in the message that is there for it
        same(await tagOf(journal.append(batch, [], epoch)), "written")
        same((await Effect.runPromise(journal.read("a"))).messages, [submitted(1), failure, failure, done(4)])
        return
      }
      const count = () =>
        tagOf(
          journal.transact!((db) => {
            rows.push(db.get<{ n: number }>("SELECT count(*) AS n FROM app")!.n)
            return []
          }, epoch)
        )
      same(await tagOf(journal.transact((db) => [db.exec("CREATE TABLE app (n)")].flatMap(() => []), epoch)), "written")
      same(await tagOf(journal.append(batch, [], epoch)), "written")
      same((await Effect.runPromise(journal.read("a"))).messages, [
        submitted(1),
        done(1, "made"),
        done(9, "refused"),
        done(4)
      ])
      same(told, ["attempt.succeeded", "attempt.succeeded"])
      await count()
      // with a message out of its place nothing is written, rows neither
      const [late] = entries("a", 9, [failure])
      const [next] = entries("a", 4, [failure])
      const write = within((db) => done(db.run(insert, 3).changes))
      same(
        await tagOf(
          journal.append(
            [
              { ...next!, ...write },
              { ...late!, ...write }
            ],
            [],
            epoch
          )
        ),
        "SequenceConflict"
      )
      await count()
      same(rows, [1, 1])
    }
  },
  {
    name: "F11 rows and runs of one transaction are there together, or nothing is",
    check: async ({ journal, epoch }) => {
      const { transact } = journal
      if (transact === undefined) return
      const [run] = entries("a", 0, [submitted(1)])
      const thrown = new LawBroken({ expected: "to be thrown", actual: "thrown" })
      const write = (found: Array<unknown>, entry: Entry, thenThrows: boolean) =>
        tagOf(
          transact((db) => {
            db.exec("CREATE TABLE IF NOT EXISTS app (n)")
            found.push(db.run("INSERT INTO app VALUES (?)", 1).changes, db.all("SELECT n FROM app").length)
            if (thenThrows) throw thrown
            return [entry]
          }, epoch)
        )
      const found: Array<unknown> = []
      same(await write(found, run!, true), "LawBroken")
      same(await Effect.runPromise(journal.find("a")), undefined)
      same(await write(found, run!, false), "written")
      same((await Effect.runPromise(journal.read("a"))).messages, [submitted(1)])
      same(await write(found, run!, false), "SequenceConflict")
      same(await write(found, { ...run!, run: "b" }, false), "written")
      same(found, [1, 1, 1, 1, 1, 2, 1, 2])
      same(await tagOf(transact(() => [], epoch - 1)), "StaleOwner")
    }
  },
  {
    name: "G33 what runs share is kept by kind and name, the last in place of the one before, by its owner only",
    check: async ({ journal, epoch }) => {
      const one = (kind: string, name: string, state: string, at = 5) => ({ kind, name, state, at })
      const keep = (shared: ReadonlyArray<ReturnType<typeof one>>, by = epoch) => tagOf(journal.keepShared(shared, by))
      const look = async (kind: string) =>
        (await Effect.runPromise(journal.shared(kind))).map(({ name, state, at, epoch: by }) => [name, state, at, by])
      const odd = "a 'b' \u2028 {\"x\": 1}"
      same(await look("breaker"), [])
      same(await keep([one("breaker", "z", odd), one("breaker", "a", ""), one("other", "a", "x", 6)]), "written")
      same(await look("breaker"), [
        ["a", "", 5, epoch],
        ["z", odd, 5, epoch]
      ])
      same(await look("other"), [["a", "x", 6, epoch]])
      same(await keep([one("breaker", "a", "later", 7)]), "written")
      same(await keep([one("breaker", "a", "stale", 8), one("breaker", "b", "stale", 8)], epoch - 1), "StaleOwner")
      await Effect.runPromise(journal.close(epoch))
      const { epoch: next } = await Effect.runPromise(journal.claim())
      same(await keep([one("breaker", "z", "stale", 9)]), "StaleOwner")
      same(await keep([one("breaker", "b", "mine", 10)], next), "written")
      same(await look("breaker"), [
        ["a", "later", 7, epoch],
        ["b", "mine", 10, next],
        ["z", odd, 5, epoch]
      ])
      const gone = (name: string, by: number) =>
        tagOf(journal.keepShared([{ ...one("breaker", name, ""), isForgotten: true }], by))
      same(await gone("a", epoch), "StaleOwner")
      same([await gone("a", next), await gone("never", next)], ["written", "written"])
      same(
        (await look("breaker")).map(([name]) => name),
        ["b", "z"]
      )
      same((await look("other")).length, 1)
    }
  },
  {
    name: "a part of a history can be read",
    check: async (journal) => {
      await journal.append(entries("r", 0, [submitted(0), done(1), done(2), done(3)]))
      const part = await Effect.runPromise(journal.journal.read("r", 1, 3))
      same(part.messages, [done(1), done(2)])
      if (journal.journal.isDurable) same(part.epochs, [journal.epoch, journal.epoch])
    }
  },
  {
    name: "the last snapshot of a run is kept, and goes with the run",
    check: async (journal) => {
      const snapshot = () => Effect.runPromise(journal.journal.snapshot("r"))
      const keep = (seq: number, body: string) =>
        Effect.runPromise(journal.journal.keepSnapshot({ run: "r", seq, body }, journal.epoch))
      same(await snapshot(), undefined)
      await journal.append(entries("r", 0, [submitted(0), done(1), done(2), done(3)]))
      await keep(2, "one")
      same(await snapshot(), { run: "r", seq: 2, body: "one" })
      await keep(4, "two")
      same(await snapshot(), { run: "r", seq: 4, body: "two" })
      same((await journal.read("r")).length, 4)
      await Effect.runPromise(journal.journal.remove(["r"], journal.epoch))
      await journal.append(entries("r", 0, [submitted(0)]))
      same(await snapshot(), undefined)
      same(await tagOf(journal.journal.keepSnapshot({ run: "r", seq: 1, body: "x" }, journal.epoch - 1)), "StaleOwner")
    }
  },
  {
    name: "compaction removes what a snapshot covers, but for the first message and the newest",
    check: async (journal) => {
      const large = "x".repeat(100_000)
      await journal.append(entries("r", 0, [submitted(0), done(1, large), done(2), done(3), done(4), done(5)]))
      await Effect.runPromise(journal.journal.keepSnapshot({ run: "r", seq: 5, body: "{}", keep: 2 }, journal.epoch))
      const all = await Effect.runPromise(journal.journal.read("r"))
      same([all.first, all.messages], [3, [done(3), done(4), done(5)]])
      same((await Effect.runPromise(journal.journal.read("r", 0, 1))).messages, [submitted(0)])
      same((await Effect.runPromise(journal.journal.read("r", 5))).messages, [done(5)])
      same((await Effect.runPromise(journal.journal.snapshot("r")))?.body, "{}")
      same(await journal.append(entries("r", 6, [done(6)])), "written")
      same((await journal.find("r"))?.length, 7)
    }
  },
  {
    name: "definitions are kept by their hash, and runs say to which they are pinned",
    check: async (journal) => {
      const ir = { ir: 1, name: "w", tasks: [{ id: "t1", kind: "noop" }] } as const
      const hash = hashOf(ir)
      const [first] = entries("a", 0, [{ ...submitted(1), hash } as Message])
      same(await journal.append([{ ...first!, definition: { hash, ir } }, ...entries("a", 1, [done(1)])]), "written")
      same(await Effect.runPromise(journal.journal.definition(hash)), ir)
      same(await Effect.runPromise(journal.journal.definition("other")), undefined)
      same([(await journal.find("a"))?.hash, (await journal.find("a"))?.workflow], [hash, "w"])
      same(sorted(await journal.read("a")), sorted([{ ...submitted(1), hash } as Message, done(1)]))
    }
  }
]

/** With its keys in one order: which order they have is nobody's business. */
const sorted = (messages: ReadonlyArray<Message>) =>
  messages.map((message) => Object.fromEntries(Object.entries(message).sort(([a], [b]) => (a < b ? -1 : 1))))

export const laws: ReadonlyArray<Law> = lawsOfOne.map(({ name, check }) => ({
  name,
  check: async (journal) => check(await Claimed.of(journal))
}))
