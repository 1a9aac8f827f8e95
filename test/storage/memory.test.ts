import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { SequenceConflict } from "../../src/storage/errors.ts"
import type { JournalService } from "../../src/storage/journal.ts"
import { laws } from "../../src/storage/laws.ts"
import { memoryJournal } from "../../src/storage/memory.ts"

describe("the journal in memory keeps the laws", () => {
  test.each(laws.map((law) => [law.name, law] as const))("%s", async (_, law) => {
    await law.check(memoryJournal())
  })
  test("a full journal refuses the whole batch and says what to do", async () => {
    const journal = memoryJournal({ capacity: 2 })
    const message = { type: "run.submitted", at: 1, workflow: "w", input: null } as const
    const { epoch } = await Effect.runPromise(journal.claim())
    await Effect.runPromise(journal.append([{ run: "a", seq: 0, message }], [], epoch))
    const batch = [
      { run: "b", seq: 0, message },
      { run: "c", seq: 0, message }
    ]
    const refused = await Effect.runPromise(Effect.flip(journal.append(batch, [], epoch)))

    expect(refused).toMatchObject({ _tag: "JournalFull", code: "STORAGE_FULL", capacity: 2 })
    expect((await Effect.runPromise(journal.read("b"))).messages).toEqual([])
  })
})

describe("the laws notice journals that break them", () => {
  const broken: ReadonlyArray<readonly [string, (good: JournalService) => JournalService]> = [
    ["forgets", (good) => ({ ...good, read: () => Effect.succeed({ first: 0, messages: [], epochs: [] }) })],
    [
      "writes half a batch",
      (good) => ({
        ...good,
        append: (batch, notes, epoch) =>
          Effect.flatMap(
            Effect.forEach(batch, (one) => good.append([one], [], epoch), { discard: true }),
            () => good.append([], notes, epoch)
          )
      })
    ],
    [
      "takes any place",
      (good) => ({
        ...good,
        append: (...given) => Effect.catchTag(good.append(...given), "SequenceConflict", () => Effect.void)
      })
    ],
    [
      "lists oldest first",
      (good) => ({
        ...good,
        list: (query) => Effect.map(good.list(query), (page) => ({ ...page, runs: [...page.runs].reverse() }))
      })
    ],
    [
      "takes anybody's word",
      (good) => ({
        ...good,
        append: (batch, notes) => Effect.flatMap(good.claim(), ({ epoch }) => good.append(batch, notes, epoch))
      })
    ],
    ["loses notes", (good) => ({ ...good, append: (batch, _, epoch) => good.append(batch, [], epoch) })],
    ["blames nobody", (good) => ({ ...good, blame: (runs) => Effect.succeed(runs.map(() => 0)) })],
    ["keeps no definitions", (good) => ({ ...good, definition: () => Effect.succeed(undefined) })],
    ["never forgets", (good) => ({ ...good, remove: () => Effect.void })],
    [
      "calls everything a conflict",
      (good) => ({ ...good, append: () => Effect.fail(new SequenceConflict({ run: "", expected: 0, actual: 0 })) })
    ]
  ]
  test.each(broken)("one that %s", async (_, breakIt) => {
    const results = await Promise.allSettled(laws.map((law) => law.check(breakIt(memoryJournal()))))
    expect(results.some(({ status }) => status === "rejected")).toBe(true)
  })
})
