// G27: what is written about a run is what was written, or the run is left alone and says which message is wrong; others go on.
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Orchestrator } from "../../src/engine/orchestrator.ts"
import { workflow } from "../../src/model/builder.ts"
import { type } from "../../src/model/schemas.ts"
import { task } from "../../src/model/task.ts"
import { checksums, type Link } from "../../src/storage/sqlite/codec.ts"
import { Database } from "../../src/storage/sqlite/database.ts"
import { type SqliteJournal, sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { markMerged } from "../../src/storage/sqlite/owner.ts"
import { fastFolder } from "./shim.ts"

const root = mkdtempSync(join(fastFolder, "troupe-corrupt-"))
afterAll(() => rmSync(root, { recursive: true }))

let isHeld = true
const step = task("step", { in: type<number>(), out: type<number>(), run: async (n) => n + 1 })
/** Waits for good in the life that leaves the runs unfinished. */
const last = task("last", {
  in: type<number>(),
  out: type<number>(),
  run: (n) => (isHeld ? new Promise<number>(() => {}) : n + 1)
})
let chain: any = workflow("chain", type<number>()).task("t1", step, ($) => $.input)
for (let i = 2; i <= 9; i++) chain = chain.task(`t${i}`, step, ($: any) => $[`t${i - 1}`])
const nine = chain.task("end", last, ($: any) => $.t9).returns(($: any) => $.end)
const runs = ["r1", "r2", "r3"]

const prepare = async (name: string, key?: string): Promise<void> => {
  const path = join(root, name, "runs.db")
  const journal = await sqliteJournal({ path, ...(key === undefined ? {} : { key }) })
  const orchestrator = await Orchestrator.open({ store: journal, workflows: [nine] })
  for (const [i, id] of runs.entries()) await orchestrator.submit(nine, i, { id })
  while ((await orchestrator.list()).runs.some(({ tasks }) => tasks.completed < 9))
    await new Promise((resolve) => setTimeout(resolve, 5))
  // as a killed process leaves it
  cpSync(join(root, name), join(root, `${name}-killed`), { recursive: true })
  await orchestrator.close()
}

beforeAll(async () => {
  isHeld = true
  await prepare("plain")
  await prepare("sealed", "secret")
  isHeld = false
})

let number = 0
/** A copy of the killed store after somebody was at it. */
const tampered = (edit: (database: DatabaseSync) => void, name = "plain"): string => {
  const folder = join(root, `copy-${number++}`)
  cpSync(join(root, `${name}-killed`), folder, { recursive: true })
  const path = join(folder, "runs.db")
  const database = new DatabaseSync(path)
  edit(database)
  // the editor is the last to close it, which clears the log away
  markMerged(new Database(database, path), undefined)
  database.close()
  return path
}
const r2 = "(SELECT id FROM troupe_runs WHERE name = 'r2')"

/** Opens a store: what became of each run. */
const ends = async (path: string, key?: string) => {
  const journal = await sqliteJournal({ path, ...(key === undefined ? {} : { key }) })
  const orchestrator = await Orchestrator.open({
    store: journal,
    workflows: [nine],
    onDefect: (error) => expect(error).toMatchObject({ _tag: "JournalCorrupt" })
  })
  const found: Record<string, unknown> = {}
  for (const id of runs)
    found[id] = await orchestrator
      .get(id)
      .then((run) => run.result())
      .catch((error) => error)
  const listed = Object.fromEntries((await orchestrator.list()).runs.map(({ run, status }) => [run, status]))
  await orchestrator.close()
  return { found, listed }
}

describe("G27: a damaged run is quarantined with the number of the message, the others finish, nothing is repaired", () => {
  const flip = (database: DatabaseSync, seq: number) =>
    database.exec(`UPDATE troupe_messages SET body = replace(body, '[1,', '[3,') WHERE run = ${r2} AND seq = ${seq}`)
  const cases: ReadonlyArray<readonly [string, (database: DatabaseSync) => void, number, string]> = [
    ["one bit of message 7 is flipped", (database) => flip(database, 7), 7, "chain"],
    ["one bit of the last message is flipped", (database) => flip(database, 9), 9, "chain"],
    [
      "message 4 is deleted",
      (database) => database.exec(`DELETE FROM troupe_messages WHERE run = ${r2} AND seq = 4`),
      4,
      "gap"
    ],
    [
      "messages 3 and 5 are swapped",
      (database) =>
        database.exec(
          `UPDATE troupe_messages SET seq = 99 WHERE run = ${r2} AND seq = 3;
           UPDATE troupe_messages SET seq = 3 WHERE run = ${r2} AND seq = 5;
           UPDATE troupe_messages SET seq = 5 WHERE run = ${r2} AND seq = 99`
        ),
      3,
      "chain"
    ],
    [
      "message 6 is the one of another run",
      (database) =>
        database.exec(
          `UPDATE troupe_messages SET (epoch, chain, body) = (SELECT epoch, chain, body FROM troupe_messages
             WHERE run = (SELECT id FROM troupe_runs WHERE name = 'r1') AND seq = 6) WHERE run = ${r2} AND seq = 6`
        ),
      6,
      "chain"
    ],
    [
      "message 2 stands at the end once more",
      (database) =>
        database.exec(
          `INSERT INTO troupe_messages SELECT run, 10, epoch, chain, body FROM troupe_messages WHERE run = ${r2} AND seq = 2`
        ),
      10,
      "chain"
    ],
    [
      "the tail is cut off",
      (database) => database.exec(`DELETE FROM troupe_messages WHERE run = ${r2} AND seq >= 8`),
      8,
      "gap"
    ],
    ["all messages are gone", (database) => database.exec(`DELETE FROM troupe_messages WHERE run = ${r2}`), 0, "gap"],
    [
      "the time of submission is another",
      (database) => database.exec("UPDATE troupe_runs SET submitted_at = submitted_at + 1 WHERE name = 'r2'"),
      0,
      "chain"
    ]
  ]
  test.each(cases)("%s", async (_, edit, seq, kind) => {
    const path = tampered(edit)
    const { found, listed } = await ends(path)

    expect(found).toMatchObject({
      r1: 10,
      r3: 12,
      r2: { _tag: "JournalCorrupt", code: "JOURNAL_CORRUPT", run: "r2", seq, kind }
    })
    expect(listed).toEqual({ r1: "succeeded", r2: "quarantined", r3: "succeeded" })
    // and again in the next life: it is left as it is
    expect((await ends(path)).found["r2"]).toMatchObject({ _tag: "JournalCorrupt", seq, kind })
  })

  test("nothing was done to it: the runs finish as they would", async () => {
    expect((await ends(tampered(() => {}))).found).toEqual({ r1: 10, r2: 11, r3: 12 })
  })

  test("a damaged definition stops its runs, and a damaged note stops nothing", async () => {
    const noted = tampered((database) => database.exec("UPDATE troupe_runs SET summary = '[1,' WHERE name = 'r2'"))
    expect((await ends(noted)).found).toEqual({ r1: 10, r2: 11, r3: 12 })

    const defined = tampered((database) => database.exec("UPDATE troupe_definitions SET ir = replace(ir, 't4', 't5')"))
    const { found, listed } = await ends(defined)
    for (const id of runs) expect(found[id]).toMatchObject({ _tag: "JournalCorrupt", run: id, seq: 0 })
    expect(new Set(Object.values(listed))).toEqual(new Set(["quarantined"]))
  })
})

/** Rewrites message 7 of run r2 and all checksums after it, as somebody without a key would. */
const forged = (database: DatabaseSync): void => {
  const all = database
    .prepare(`SELECT seq, epoch, chain, body FROM troupe_messages WHERE run = ${r2} ORDER BY seq`)
    .all() as unknown as ReadonlyArray<{ seq: number; epoch: number; chain: Link; body: string }>
  const write = database.prepare(`UPDATE troupe_messages SET body = ?, chain = ? WHERE run = ${r2} AND seq = ?`)
  // a seal cannot be made, so what follows it is whatever can be
  let link = typeof all[6]!.chain === "number" ? all[6]!.chain : 0
  for (const { seq, epoch, body } of all.slice(7)) {
    const text = seq === 7 ? body.replace(/,(\d+)\]$/, ",999]") : body
    link = checksums.next(link, seq, epoch, text) as number
    write.run(text, link, seq)
  }
  database.prepare("UPDATE troupe_runs SET head = ? WHERE name = 'r2'").run(link)
}

test("G27: with a key, a change is detected even if all checksums are made again by somebody who lacks the key", async () => {
  const sealed = await ends(tampered(forged, "sealed"), "secret")
  expect(sealed.found).toMatchObject({ r1: 10, r2: { _tag: "JournalCorrupt", seq: 7, kind: "chain" }, r3: 12 })
  // without one it is not: checksums are for accidents
  const plain = await ends(tampered(forged))
  expect(plain.found["r2"]).not.toMatchObject({ _tag: "JournalCorrupt" })
  // and with another key nobody takes it for damaged
  const other = ends(
    tampered(() => {}, "sealed"),
    "guess"
  )
  await expect(other).rejects.toMatchObject({ _tag: "StoreUnusable", reason: "key" })
})

describe("the owner's row", () => {
  // found by a disk that lied about syncs: half a page of an older state made an owner that nobody ever was, and that seemed alive
  test.each([
    ["epoch", "epoch + 1"],
    ["token", "'0.other'"],
    ["pid", "1"],
    ["place", "'elsewhere'"],
    ["started", "''"],
    ["until", "until + 1000000"],
    ["clean", "0"],
    ["crashes", "9"],
    ["memo", "'{}'"],
    ["sum", "sum + 1"]
  ])("a %s that nobody wrote (%s) is damage, not an owner", async (column, value) => {
    const path = tampered(() => {})
    const database = new DatabaseSync(path)
    database.exec(`UPDATE troupe_owner SET ${column} = ${value}`)
    database.close()

    const opened = sqliteJournal({ path }).then((journal) => Effect.runPromise(journal.claim()))
    await expect(opened).rejects.toMatchObject({ _tag: "StoreUnusable", reason: "corrupt" })
  })
})

describe.each([
  ["plain", undefined],
  ["sealed", "secret"]
] as const)("every single bit, %s", (name, key) => {
  const corrupt = (journal: SqliteJournal, run: string): Promise<unknown> =>
    Effect.runPromise(Effect.flip(journal.read(run))).catch(() => undefined)

  test("G27: whichever bit of whichever message, checksum, number or epoch is flipped, it is detected, and at its message", async () => {
    const path = tampered(() => {}, name)
    const journal = await sqliteJournal({ path, ...(key === undefined ? {} : { key }) })
    const editor = new DatabaseSync(path)
    editor.exec("PRAGMA synchronous = OFF")
    const rows = editor
      .prepare(
        "SELECT m.run, name, seq, epoch, chain, CAST(body AS BLOB) AS body FROM troupe_messages m JOIN troupe_runs r ON r.id = m.run"
      )
      .all() as unknown as ReadonlyArray<{
      run: number
      name: string
      seq: number
      epoch: number
      chain: number | string
      body: Uint8Array
    }>
    expect(rows.length).toBe(30)
    const body = editor.prepare("UPDATE troupe_messages SET body = CAST(? AS TEXT) WHERE run = ? AND seq = ?")
    const chained = editor.prepare("UPDATE troupe_messages SET chain = CAST(? AS TEXT) WHERE run = ? AND seq = ?")
    const linked = editor.prepare("UPDATE troupe_messages SET chain = ? WHERE run = ? AND seq = ?")
    const epoched = editor.prepare("UPDATE troupe_messages SET epoch = ? WHERE run = ? AND seq = ?")
    let flips = 0
    const missed: Array<string> = []
    const look = async (what: string, { name: run, seq }: { name: string; seq: number }) => {
      flips++
      const error = (await corrupt(journal, run)) as { _tag?: string; seq?: number } | undefined
      if (error?._tag !== "JournalCorrupt" || error.seq !== seq)
        missed.push(`${what} of ${run} ${seq}: ${String(error)}`)
    }
    const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
      const copy = Uint8Array.from(bytes)
      copy[bit >> 3]! ^= 1 << (bit & 7)
      return copy
    }
    for (const row of rows) {
      for (let bit = 0; bit < row.body.length * 8; bit++) {
        body.run(flipped(row.body, bit), row.run, row.seq)
        await look(`bit ${bit}`, row)
      }
      body.run(row.body, row.run, row.seq)
      if (typeof row.chain === "number") {
        for (let bit = 0; bit < 32; bit++) {
          linked.run(Number(BigInt(row.chain) ^ (1n << BigInt(bit))), row.run, row.seq)
          await look(`bit ${bit} of the checksum`, row)
        }
        linked.run(row.chain, row.run, row.seq)
      } else {
        const bytes = Buffer.from(row.chain)
        for (let bit = 0; bit < bytes.length * 8; bit++) {
          chained.run(flipped(bytes, bit), row.run, row.seq)
          await look(`bit ${bit} of the seal`, row)
        }
        chained.run(bytes, row.run, row.seq)
      }
      for (let bit = 0; bit < 16; bit++) {
        epoched.run(row.epoch ^ (1 << bit), row.run, row.seq)
        await look(`bit ${bit} of the epoch`, row)
      }
      epoched.run(row.epoch, row.run, row.seq)
      expect(await corrupt(journal, row.name)).toBeUndefined()
    }
    expect(missed).toEqual([])
    expect(flips).toBeGreaterThan(3_000)
    editor.close()
    await Effect.runPromise(Effect.ignore(journal.close(0)))
  }, 60_000)
})
