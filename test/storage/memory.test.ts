import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { type JournalService, SequenceConflict } from "../../src/storage/journal.ts"
import { laws } from "../../src/storage/laws.ts"
import { memoryJournal } from "../../src/storage/memory.ts"

describe("the journal in memory keeps the laws", () => {
  test.each(laws.map((law) => [law.name, law] as const))("%s", async (_, law) => {
    await law.check(memoryJournal())
  })
  test("a full journal refuses the whole batch and says what to do", async () => {
    const journal = memoryJournal({ capacity: 2 })
    const message = { type: "run.submitted", at: 1, workflow: "w", input: null } as const
    await Effect.runPromise(journal.append([{ run: "a", seq: 0, message }]))
    const refused = await Effect.runPromise(
      Effect.flip(
        journal.append([
          { run: "b", seq: 0, message },
          { run: "c", seq: 0, message }
        ])
      )
    )

    expect(refused).toMatchObject({ _tag: "JournalFull", code: "STORAGE_FULL", capacity: 2 })
    expect(await Effect.runPromise(journal.read("b"))).toEqual([])
  })
})

describe("the laws notice journals that break them", () => {
  const broken: ReadonlyArray<readonly [string, (good: JournalService) => JournalService]> = [
    ["forgets", (good) => ({ ...good, read: () => Effect.succeed([]) })],
    [
      "writes half a batch",
      (good) => ({
        ...good,
        append: (batch) =>
          Effect.flatMap(
            Effect.forEach(batch, (one) => good.append([one]), { discard: true }),
            () => Effect.void
          )
      })
    ],
    [
      "takes any place",
      (good) => ({
        ...good,
        append: (batch) => Effect.catchTag(good.append(batch), "SequenceConflict", () => Effect.void)
      })
    ],
    [
      "lists oldest first",
      (good) => ({
        ...good,
        list: (query) => Effect.map(good.list(query), (page) => ({ ...page, runs: [...page.runs].reverse() }))
      })
    ],
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
