import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import type { Message } from "troupe"
import { sqliteJournal } from "troupe/storage"
import { afterAll, expect } from "vitest"
import { hashOf } from "../src/model/workflow.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-removal-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Act =
  | { readonly type: "submit"; readonly run: number; readonly value: number; readonly flow: number }
  | { readonly type: "go"; readonly run: number; readonly value: number }
  | { readonly type: "finish"; readonly run: number }
  | { readonly type: "remove"; readonly runs: ReadonlyArray<number> }
  | { readonly type: "crash" }
  | { readonly type: "snapshot"; readonly run: number; readonly keep: number | undefined }

const run = fc.nat(5)
const value = fc.nat(3)
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("submit" as const), run, value, flow: fc.nat(2) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("go" as const), run, value }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("finish" as const), run }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("remove" as const),
      runs: fc.uniqueArray(run, { minLength: 1, maxLength: 3 })
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("snapshot" as const),
      run,
      keep: fc.option(fc.nat(3), { nil: undefined })
    })
  },
  { weight: 1, arbitrary: fc.constant({ type: "crash" as const }) }
)

/** Two of the values are so large that they lie beside their messages; runs share them. */
const values = ["a".repeat(70_000), "b".repeat(70_000), "small", { large: "a".repeat(70_000) }] as const
const flows = [0, 1, 2].map((i) => {
  const ir = { ir: 1, name: `w${i}`, tasks: [{ id: "t", kind: "noop" }] } as const
  return { hash: hashOf(ir), ir }
})

let files = 0

test.prop([fc.array(act, { maxLength: 40 })], { numRuns: 60 })(
  "runs come, go on, end and are removed in any order over crashes: every large value and definition that is needed is there, and no other",
  async (acts) => {
    const path = join(folder, `${files++}.db`)
    let journal = await sqliteJournal({ path, synchronous: "normal" })
    let { epoch } = await Effect.runPromise(journal.claim())
    const model = new Map<string, { flow: number; values: Array<number> }>()
    for (const one of acts) {
      switch (one.type) {
        case "submit": {
          const id = `r${one.run}`
          if (model.has(id)) break
          const { hash, ir } = flows[one.flow]!
          const message: Message = { type: "run.submitted", at: 1, workflow: ir.name, hash, input: values[one.value]! }
          await Effect.runPromise(journal.append([{ run: id, seq: 0, message, definition: { hash, ir } }], [], epoch))
          model.set(id, { flow: one.flow, values: [one.value] })
          break
        }
        case "go": {
          const id = `r${one.run}`
          const known = model.get(id)
          if (known === undefined) break
          const message: Message = {
            type: "attempt.succeeded",
            at: 2,
            task: "t",
            attempt: 1,
            value: values[one.value]!
          }
          await Effect.runPromise(journal.append([{ run: id, seq: known.values.length, message }], [], epoch))
          known.values.push(one.value)
          break
        }
        case "finish": {
          const note = {
            run: `r${one.run}`,
            status: "succeeded",
            updatedAt: 3,
            isAsleep: false,
            dueAt: undefined,
            tasks: [1]
          } as const
          await Effect.runPromise(journal.append([], [note], epoch))
          break
        }
        case "snapshot": {
          const known = model.get(`r${one.run}`)
          if (known !== undefined)
            await Effect.runPromise(
              journal.keepSnapshot({ run: `r${one.run}`, seq: known.values.length, body: "{}", keep: one.keep }, epoch)
            )
          break
        }
        case "remove":
          await Effect.runPromise(
            journal.remove(
              one.runs.map((i) => `r${i}`),
              epoch
            )
          )
          for (const i of one.runs) model.delete(`r${i}`)
          break
        case "crash":
          journal.abandon()
          journal = await sqliteJournal({ path, synchronous: "normal" })
          epoch = (await Effect.runPromise(journal.claim())).epoch
      }
    }
    for (const [id, known] of model) {
      const { first, messages } = await Effect.runPromise(journal.read(id))
      expect(
        messages.map((one) => (one.type === "run.submitted" ? one.input : (one as { value: unknown }).value))
      ).toEqual(known.values.slice(first).map((i) => values[i]))
      expect((await Effect.runPromise(journal.find(id)))?.hash).toBe(flows[known.flow]!.hash)
    }
    await Effect.runPromise(journal.close(epoch))

    const database = new DatabaseSync(path)
    const rows = (sql: string) => database.prepare(sql).all() as ReadonlyArray<Record<string, any>>
    const needed = new Map<string, number>()
    for (const { body } of rows("SELECT body FROM troupe_messages")) {
      const row = JSON.parse(body)
      if (row[0] >= 64) {
        const hash = row[0] === 64 ? row[1] : row[3]
        needed.set(hash, (needed.get(hash) ?? 0) + 1)
      }
    }
    expect(new Map(rows("SELECT hash, uses FROM troupe_blobs").map(({ hash, uses }) => [hash, uses]))).toEqual(needed)
    expect(
      rows("SELECT hash FROM troupe_definitions")
        .map(({ hash }) => hash)
        .sort()
    ).toEqual([...new Set([...model.values()].map(({ flow }) => flows[flow]!.hash))].sort())
    for (const table of ["messages", "snapshots"])
      expect(
        rows(`SELECT count(*) AS n FROM troupe_${table} WHERE run NOT IN (SELECT id FROM troupe_runs)`)[0]!.n
      ).toBe(0)
    database.close()
  }
)
