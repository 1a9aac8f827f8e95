// What a task writes and its result are one; rows and the start of a run are one. All in one SQLite file.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import {
  Orchestrator,
  type OrchestratorOptions,
  type TaskContext,
  type Transaction,
  TransactionMisused,
  task,
  type,
  workflow
} from "troupe"
import * as troupe from "troupe/effect"
import { sqliteJournal } from "troupe/storage"
import { afterAll, afterEach, describe, expect, test } from "vitest"
import { z } from "zod"

const folder = mkdtempSync(join(tmpdir(), "troupe-tx-"))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newFile = () => join(folder, `${files++}.db`)

const open: Array<Orchestrator> = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
const schema = "CREATE TABLE IF NOT EXISTS app (key TEXT, note TEXT)"
const start = async (path = newFile(), options: OrchestratorOptions = {}) => {
  const orchestrator = await Orchestrator.open({ store: `sqlite:${path}`, ...options })
  open.push(orchestrator)
  await orchestrator.transaction((tx) => tx.exec(schema))
  return { orchestrator, path, rows: () => rowsOf(path) }
}
/** What another program sees. */
const rowsOf = (path: string): ReadonlyArray<string> => {
  const database = new DatabaseSync(path, { readOnly: true })
  const rows = database.prepare("SELECT key FROM app ORDER BY rowid").all() as unknown as ReadonlyArray<{ key: string }>
  database.close()
  return rows.map(({ key }) => key)
}
const book = (db: Transaction, key: string) => db.run("INSERT INTO app (key) VALUES (?)", key)
const body = (run: (context: TaskContext) => unknown, options: object = {}) =>
  task("work", { in: type<unknown>(), out: type<any>(), run: (_, context) => run(context) as never, ...options })

describe("F11, G05 what a task writes with tx is there exactly once: with its result", () => {
  test("rows and result are written together, and later tasks read the result", async () => {
    const { orchestrator, rows } = await start()
    const save = task("save", {
      in: type<string>(),
      out: z.object({ changes: z.number(), name: z.string().toUpperCase() }),
      run: (name, { tx, key }) => tx((db) => ({ changes: book(db, key).changes, name }))
    })
    const flow = workflow("flow", type<string>())
      .task("a", save, ($) => $.input)
      .task("b", save, ($) => $.a.name)
      .returns(($) => $.b)
    // the result went through its schema inside the transaction
    expect(await orchestrator.execute(flow, "ada", { id: "r" })).toEqual({ changes: 1, name: "ADA" })
    expect(rows()).toEqual(["r/a", "r/b"])
  })

  test("it reads what it wrote, with values bound and rows as objects", async () => {
    const { orchestrator } = await start()
    const work = body(({ tx }) =>
      tx((db) => {
        db.run("INSERT INTO app VALUES (?, ?)", "'); DROP TABLE app;--", null)
        book(db, "b")
        return [
          db.get("SELECT * FROM app WHERE note IS NULL"),
          db.all("SELECT key FROM app"),
          db.get("SELECT 1 WHERE 0")
        ]
      })
    )
    const injected = "'); DROP TABLE app;--"
    expect(await orchestrator.execute(work, null)).toEqual([
      { key: injected, note: null },
      [{ key: injected }, { key: "b" }],
      null
    ])
  })

  test("when it throws, its rows are gone, those of others in the batch are not, and it is tried again by its policy", async () => {
    const { orchestrator, rows } = await start()
    const tries = new Map<string, number>()
    const save = task("save", {
      in: type<number>(),
      out: type<number>(),
      retry: { attempts: 3, base: "1ms", jitter: 0 },
      run: (n, { tx, key, attempt }) =>
        tx((db) => {
          tries.set(key, (tries.get(key) ?? 0) + 1)
          book(db, key)
          if (n === 3 && attempt < 3) throw new Error(`not the ${attempt}. time`)
          return n
        })
    })
    const flow = workflow("flow", type<null>())
      .map("all", save, () => 8, { input: ($) => $.index })
      .returns(($) => $.all)
    const run = await orchestrator.submit(flow, null, { id: "r" })
    expect(await run.result()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect([...rows()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => `r/all[${n}]`))
    expect(tries.get("r/all[3]")).toBe(3)
    const failures = (await run.history()).flatMap((one) =>
      one.type === "attempt.failed" ? [one.failure.message] : []
    )
    expect(failures).toEqual(["not the 1. time", "not the 2. time"])
  })

  test.each<[string, (context: TaskContext) => unknown, string]>([
    ["inside another value", ({ tx }) => ({ nested: tx((db) => book(db, "x")) }), "misplaced"],
    ["of another attempt", () => kept, "misplaced"],
    ["with a promise", ({ tx }) => tx((db) => Promise.reject(book(db, "x"))), "async"],
    ["with an Effect", ({ tx }) => tx((db) => Effect.succeed(book(db, "x"))), "async"]
  ])("a result %s is refused for good, and nothing stays", async (_, run, how) => {
    const { orchestrator, rows } = await start()
    const keep = body((context) => {
      kept = context.tx((db) => book(db, "x"))
      return 1
    })
    await orchestrator.execute(keep, null)
    const handle = await orchestrator.submit(body(run, { retry: { attempts: 3, base: "1ms" } }), null)
    const { error } = await handle.outcome()
    expect(error).toMatchObject({ failure: { tag: "TransactionMisused", retryable: false } })
    expect(error?.message).toContain(new TransactionMisused({ how: how as never }).message)
    expect((await handle.status()).attempts).toBe(1)
    expect(rows()).toEqual([])
  })
  let kept: unknown

  test("an attempt whose time is over writes nothing, however late it answers", async () => {
    const { orchestrator, rows } = await start()
    let answer = (): void => {}
    const late = task("late", {
      in: type<null>(),
      out: type<number>(),
      timeout: "10ms",
      run: async (_, { tx, key }) => {
        await new Promise<void>((resolve) => (answer = resolve))
        return tx((db) => book(db, key).changes)
      }
    })
    const run = await orchestrator.submit(late, null)
    expect((await run.outcome()).error).toMatchObject({ failure: { tag: "AttemptTimedOut" } })
    answer()
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(rows()).toEqual([])
  })

  test("what it was given is dead after its end", async () => {
    const { orchestrator, rows } = await start()
    let leaked: Transaction | undefined
    const work = body(({ tx }) =>
      tx((db) => {
        leaked = db
        return 1
      })
    )
    await orchestrator.execute(work, null)
    const over = expect.objectContaining({ _tag: "TransactionMisused", how: "over" })
    expect(() => book(leaked!, "x")).toThrow(over)
    expect(() => leaked!.exec("DELETE FROM app")).toThrow(over)
    expect(rows()).toEqual([])
  })

  test("a check of the result that has to wait is refused; one that fails undoes the rows", async () => {
    const { orchestrator, rows } = await start()
    const slow = task("slow", {
      in: type<null>(),
      out: z.number().refine(async () => true),
      run: (_, { tx, key }) => tx((db) => book(db, key).changes)
    })
    const wrong = task("wrong", {
      in: type<null>(),
      out: z.string(),
      run: (_, { tx, key }) => tx((db) => book(db, key).changes as never)
    })
    const bigint = body(({ tx, key }) => tx((db) => [book(db, key), 1n]))
    expect((await (await orchestrator.submit(slow, null)).outcome()).error).toMatchObject({
      failure: { tag: "TransactionMisused" }
    })
    expect((await (await orchestrator.submit(wrong, null)).outcome()).error).toMatchObject({
      failure: { tag: "SchemaMismatch" }
    })
    expect((await (await orchestrator.submit(bigint, null)).outcome()).error).toMatchObject({
      failure: { tag: "NotJson" }
    })
    expect(rows()).toEqual([])
  })

  test.each([
    "DELETE FROM troupe_messages",
    "/* */COMMIT",
    "INSERT INTO app VALUES (1, 2); COMMIT",
    "PRAGMA synchronous = OFF",
    "ROLLBACK"
  ])("a statement that is not about the application's tables is refused: %s", async (sql) => {
    const { orchestrator, rows } = await start()
    for (const verb of ["run", "exec"] as const) {
      const run = await orchestrator.submit(
        body(({ tx }) =>
          tx((db) => {
            book(db, "x")
            db[verb](sql)
          })
        ),
        null
      )
      expect((await run.outcome()).error).toMatchObject({
        failure: { tag: "StatementRefused", code: "STATEMENT_REFUSED" }
      })
    }
    expect(rows()).toEqual([])
  })

  test("a table that ends the transaction by itself fails only the task that met it", async () => {
    const { orchestrator, path, rows } = await start()
    const other = new DatabaseSync(path)
    other.exec("CREATE TABLE strict (a UNIQUE ON CONFLICT ROLLBACK); INSERT INTO strict VALUES (1)")
    other.close()
    const save = task("save", {
      in: type<number>(),
      out: type<number>(),
      run: (n, { tx, key }) =>
        tx((db) => {
          book(db, key)
          try {
            if (n % 3 === 1) db.run("INSERT INTO strict VALUES (1)")
          } catch {
            // the task does not even notice
          }
          return n
        })
    })
    const flow = workflow("flow", type<null>())
      .map("all", save, () => 9, { input: ($) => $.index, partial: true })
      .returns(($) => $.all)
    const run = await orchestrator.submit(flow, null, { id: "r" })
    expect(await run.result()).toEqual([0, null, 2, 3, null, 5, 6, null, 8])
    expect([...rows()].sort()).toEqual([0, 2, 3, 5, 6, 8].map((n) => `r/all[${n}]`))
    const failures = (await run.history()).flatMap((one) => (one.type === "attempt.failed" ? [one.failure] : []))
    expect(failures.map(({ tag }) => tag)).toEqual(Array(3).fill("TransactionMisused"))
    expect(failures[0]!.message).toContain("ON CONFLICT ROLLBACK")
  })

  test("what is asked of the orchestrator in the middle of it is refused, and harms nothing", async () => {
    const { orchestrator, rows } = await start()
    const said: Array<Promise<unknown>> = []
    const work = body(({ tx, key }) =>
      tx((db) => {
        book(db, key)
        said.push(
          orchestrator.list(),
          orchestrator.transaction((inner) => void book(inner, "later")),
          orchestrator.submit(
            body(() => 1),
            null,
            { id: "later" }
          )
        )
        return 1
      })
    )
    expect(await orchestrator.execute(work, null, { id: "r" })).toBe(1)
    const results = await Promise.allSettled(said)
    expect(results.map(({ status }) => status).slice(1)).toEqual(["fulfilled", "fulfilled"])
    expect(rows()).toEqual(["r/work", "later"])
    expect((await orchestrator.list()).runs.map(({ run }) => run).sort()).toEqual(["later", "r"])
  })

  test("who closes in the middle of it closes after it: the result is written, the store can be opened again", async () => {
    const { orchestrator, path, rows } = await start()
    let closed: Promise<void> | undefined
    const work = body(({ tx, key }) =>
      tx((db) => {
        closed = orchestrator.close()
        return book(db, key).changes
      })
    )
    await orchestrator.execute(work, null, { id: "r" }).catch(() => {})
    await closed
    expect(rows()).toEqual(["r/work"])
    const next = await Orchestrator.open({ store: `sqlite:${path}`, workflows: [work] })
    open.push(next)
    expect(await (await next.get("r")).result()).toBe(1)
  })

  test("agents can do it too", async () => {
    const ada = {
      id: "ada",
      can: ["save"],
      run: (_: unknown, { tx, key }: TaskContext) => tx((db) => book(db, key).changes)
    }
    const { orchestrator, rows } = await start(newFile(), { agents: [ada] })
    const work = task("work", { in: type<null>(), out: type<number>(), needs: "save" })
    const run = await orchestrator.submit(work, null, { id: "r" })
    expect(await run.result()).toBe(1)
    expect(rows()).toEqual(["r/work"])
    expect((await run.history()).at(-1)).toMatchObject({ agent: "ada", value: 1 })
    await expect(
      orchestrator.send({ sender: "me", recipient: "ada", action: "save", payload: null, requiresResponse: true })
    ).rejects.toMatchObject({ _tag: "TransactionsUnsupported" })
  })

  test("a planner cannot plan in a transaction", async () => {
    const { orchestrator, rows } = await start()
    const planner = task("planner", {
      in: type<null>(),
      out: type<any>(),
      run: (_, { tx, key }) =>
        tx((db) => {
          book(db, key)
          return { tasks: [{ id: "x", kind: "noop" }] }
        })
    })
    const flow = workflow("flow", type<null>())
      .expand("plan", planner, ($) => $.input, { out: type<unknown>() })
      .returns(($) => $.plan)
    expect((await (await orchestrator.submit(flow, null)).outcome()).error).toMatchObject({
      failure: { tag: "TransactionMisused" }
    })
    expect(rows()).toEqual([])
  })

  test("a store that is no SQLite file says so, and the attempt is not tried again", async () => {
    const orchestrator = await Orchestrator.open()
    open.push(orchestrator)
    const run = await orchestrator.submit(
      body(({ tx }) => tx(() => 1), { retry: { attempts: 5, base: "1ms" } }),
      null
    )
    const { error } = await run.outcome()
    expect(error).toMatchObject({ failure: { tag: "TransactionsUnsupported", retryable: false } })
    expect(error?.message).toContain('store: "sqlite:path/to/file.db"')
    expect((await run.status()).attempts).toBe(1)
    await expect(orchestrator.transaction(() => 1)).rejects.toMatchObject({ _tag: "TransactionsUnsupported" })
  })

  test("a large result comes back after a restart as it was, from a sealed store too", async () => {
    const path = newFile()
    const journal = () => sqliteJournal({ path, key: "secret" })
    const first = await Orchestrator.open({ store: await journal() })
    const large = "x".repeat(200_000)
    const work = body(({ tx }) => tx(() => ({ large })))
    expect(await first.execute(work, null, { id: "r" })).toEqual({ large })
    await first.close()
    const second = await Orchestrator.open({ store: await journal(), workflows: [work] })
    open.push(second)
    expect(await (await second.get("r")).result()).toEqual({ large })
  })
})

describe("F11 rows and the start of a run are one", () => {
  const echo = task("echo", { in: z.object({ n: z.number() }), out: type<number>(), run: ({ n }) => n })
  const crash = new Error("changed my mind")

  test("both are there when it resolves, and the run goes on", async () => {
    const { orchestrator, rows } = await start()
    const id = await orchestrator.transaction((tx) => {
      const { lastInsertRowid } = book(tx, "order-1")
      return tx.submit(echo, { n: Number(lastInsertRowid) }, { id: "run-1" })
    })
    expect(id).toBe("run-1")
    expect(rows()).toEqual(["order-1"])
    expect(await (await orchestrator.get(id)).result()).toBe(1)
    const other = await orchestrator.transaction((tx) => tx.submit(echo, { n: 2 }))
    expect(await (await orchestrator.get(other)).result()).toBe(2)
  })

  test("neither is when it throws: it rejects with that, and the id is free", async () => {
    const { orchestrator, rows } = await start()
    const failing = orchestrator.transaction((tx) => {
      book(tx, "order-1")
      tx.submit(echo, { n: 1 }, { id: "run-1" })
      throw crash
    })
    await expect(failing).rejects.toBe(crash)
    expect(rows()).toEqual([])
    expect(orchestrator.live).toBe(0)
    await expect(orchestrator.get("run-1")).rejects.toMatchObject({ _tag: "RunNotFound" })
    expect(await orchestrator.execute(echo, { n: 7 }, { id: "run-1" })).toBe(7)
  })

  test("a transaction that waits is refused, and nothing of it stays", async () => {
    const { orchestrator, rows } = await start()
    const waiting = orchestrator.transaction(async (tx) => {
      book(tx, "order-1")
      await undefined
      book(tx, "order-2")
    })
    await expect(waiting).rejects.toMatchObject({ _tag: "TransactionMisused", how: "async" })
    expect(rows()).toEqual([])
  })

  test("it is checked as submit is: workflow, input, id, limits", async () => {
    const { orchestrator, rows } = await start(newFile(), { runsMax: 2 })
    const slow = task("slow", { in: z.number().refine(async () => true), out: type<number>(), run: (n) => n })
    const held = task("held", { in: type<null>(), out: type<number>(), run: () => new Promise<number>(() => {}) })
    const tagOf = async (work: Parameters<Orchestrator["transaction"]>[0]) => {
      const done = orchestrator.transaction((tx) => {
        book(tx, "x")
        return work(tx)
      })
      return done.then(
        () => "written",
        (error) => error._tag
      )
    }
    expect(await tagOf((tx) => tx.submit(echo, { n: "1" } as never))).toBe("SchemaMismatch")
    expect(await tagOf((tx) => tx.submit(echo, { n: 1 }, { id: "../x" }))).toBe("InvalidId")
    expect(await tagOf((tx) => tx.submit(slow, 1))).toBe("TransactionMisused")
    expect(await tagOf((tx) => [1, 2, 3].map(() => tx.submit(held, null)))).toBe("LimitExceeded")
    expect(rows()).toEqual([])
    expect(orchestrator.live).toBe(0)
    let leaked: ((n: number) => unknown) | undefined
    await orchestrator.transaction((tx) => {
      leaked = (n) => tx.submit(echo, { n })
    })
    expect(() => leaked!(1)).toThrow(expect.objectContaining({ how: "over" }))
  })

  test("G02 the same id is the same run, in memory, in the store, and in the transaction itself", async () => {
    const path = newFile()
    const { orchestrator, rows } = await start(path)
    await orchestrator.execute(echo, { n: 1 }, { id: "done" })
    await orchestrator.close()
    const second = await Orchestrator.open({ store: `sqlite:${path}`, workflows: [echo] })
    open.push(second)
    const ids = await second.transaction((tx) => {
      book(tx, "one")
      return [1, 2, 3].map((i) => tx.submit(echo, { n: i === 3 ? 2 : 1 }, { id: i === 3 ? "new" : "done" }))
    })
    expect(ids).toEqual(["done", "done", "new"])
    await second.transaction((tx) => [
      tx.submit(echo, { n: 2 }, { id: "new" }),
      tx.submit(echo, { n: 2 }, { id: "new" })
    ])
    const mismatch = (id: string) =>
      second.transaction((tx) => {
        book(tx, "two")
        tx.submit(echo, { n: 5 }, { id })
      })
    await expect(mismatch("done")).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
    await expect(mismatch("new")).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
    expect(rows()).toEqual(["one"])
    expect((await second.list()).runs.map(({ run }) => run)).toEqual(["new", "done"])
    expect((await (await second.get("done")).history()).length).toBe(2)
  })

  test("a run that is just being submitted is waited for, not submitted twice", async () => {
    const { orchestrator, rows } = await start()
    const [run, id] = await Promise.all([
      orchestrator.submit(echo, { n: 1 }, { id: "r" }),
      orchestrator.transaction((tx) => {
        book(tx, "x")
        return tx.submit(echo, { n: 1 }, { id: "r" })
      })
    ])
    expect([id, await run.result()]).toEqual(["r", 1])
    expect(rows()).toEqual(["x"])
    expect((await run.history()).map(({ type: kind }) => kind)).toEqual(["run.submitted", "attempt.succeeded"])
  })

  test("a task may start other runs with its rows through the orchestrator, and answers with their id", async () => {
    const { orchestrator, rows } = await start()
    const parent = body(({ key }) =>
      orchestrator.transaction((tx) => {
        book(tx, key)
        return tx.submit(echo, { n: 4 }, { id: "child" })
      })
    )
    expect(await orchestrator.execute(parent, null, { id: "parent" })).toBe("child")
    expect(await (await orchestrator.get("child")).result()).toBe(4)
    expect(rows()).toEqual(["parent/work"])
  })

  test("a closed orchestrator takes none", async () => {
    const { orchestrator } = await start()
    await orchestrator.close()
    await expect(orchestrator.transaction((tx) => tx.submit(echo, { n: 1 }))).rejects.toThrow()
  })

  test("the Effect face has it too: errors of ours as they are, others in an UnknownError", async () => {
    const path = newFile()
    const program = Effect.gen(function* () {
      yield* troupe.transaction((tx) => tx.exec(schema))
      const id = yield* troupe.transaction((tx) => tx.submit(echo, { n: 3 }, { id: "r" }))
      const thrown = yield* Effect.flip(
        troupe.transaction((tx) => {
          book(tx, "x")
          throw crash
        })
      )
      const refused = yield* Effect.flip(troupe.transaction((tx) => tx.exec("COMMIT")))
      return [
        yield* (yield* troupe.get<number>(id)).result,
        thrown._tag,
        (thrown as Error).cause === crash,
        refused._tag
      ]
    })
    expect(
      await Effect.runPromise(
        Effect.provide(program, troupe.layer({ store: `sqlite:${path}` })) as Effect.Effect<unknown>
      )
    ).toEqual([3, "UnknownError", true, "StatementRefused"])
    expect(rowsOf(path)).toEqual([])
  })
})
