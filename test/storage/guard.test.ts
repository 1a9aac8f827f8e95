// What application statements may say inside a transaction; SQLite's own authorizer is the judge of what they really say.
import { constants, DatabaseSync } from "node:sqlite"
import { fc, test as property } from "@fast-check/vitest"
import { describe, expect, test } from "vitest"
import { requireAllowed } from "../../src/storage/sqlite/guard.ts"

const refusal = (sql: string, many = true): string | undefined => {
  try {
    requireAllowed(sql, many)
    return undefined
  } catch (error) {
    return (error as { why?: string }).why
  }
}

describe("statements of the application", () => {
  test.each([
    "INSERT INTO app VALUES (?, ?)",
    "select 'it''s -- no comment; COMMIT', \"rollback\" from app;",
    "SELECT CASE WHEN a THEN 1 ELSE 2 END FROM app -- the end",
    "UPDATE my_troupe_things SET troupe = 1 WHERE note = 'about troupe_runs'",
    "WITH c AS (SELECT 1) INSERT INTO app SELECT * FROM c RETURNING id",
    "CREATE TABLE begin_here (a, commit_at, [end])",
    "EXPLAIN QUERY PLAN SELECT * FROM app /* no end",
    ""
  ])("that are about its own tables are allowed: %s", (sql) => {
    expect([refusal(sql), refusal(sql, false)]).toEqual([undefined, undefined])
  })

  test.each([
    "SELECT * FROM troupe_runs",
    'DELETE FROM "troupe_messages"',
    "DELETE FROM 'troupe_messages'",
    "DELETE FROM [Troupe_Messages]",
    "DELETE FROM `TROUPE_MESSAGES`",
    "DELETE FROM main.troupe_messages",
    'DELETE FROM main . /* x */ "troupe_messages"',
    "\uFEFFDELETE FROM troupe_runs",
    "ALTER TABLE app RENAME TO troupe_x",
    "CREATE TRIGGER t AFTER INSERT ON app BEGIN DELETE FROM troupe_runs; END",
    "CREATE VIRTUAL TABLE x USING fts5(a, content='troupe_messages')"
  ])("may not touch what is ours: %s", (sql) => expect(refusal(sql)).toBe("ours"))

  test.each([
    "COMMIT",
    "/* */COMMIT",
    "-- a\nCOMMIT",
    "/*/ still a comment */ commit",
    "\uFEFF\uFEFFCOMMIT",
    ";;COMMIT",
    "INSERT INTO app VALUES (';'); COMMIT",
    "INSERT INTO app VALUES ('\\'); COMMIT; --')",
    "END",
    "begin immediate",
    "ROLLBACK TO x",
    "SAVEPOINT x",
    "RELEASE x",
    "PRAGMA writable_schema = 1",
    "EXPLAIN COMMIT",
    "ATTACH 'x.db' AS x",
    "DETACH main",
    "VACUUM INTO 'x'",
    "INSERT OR ROLLBACK INTO app VALUES (1)",
    "CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)",
    "CREATE TRIGGER t BEFORE INSERT ON app BEGIN SELECT RAISE(ROLLBACK, 'x'); END",
    "CREATE TRIGGER t AFTER INSERT ON app BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END; COMMIT"
  ])("may not end the transaction: %s", (sql) => expect(refusal(sql)).toBe("control"))

  test("are one for run, get and all: SQLite would leave out the rest without a word", () => {
    expect(refusal("INSERT INTO app VALUES (1); INSERT INTO app VALUES (2)", false)).toBe("several")
    expect(refusal("INSERT INTO app VALUES (1); -- that was all\n ;", false)).toBe(undefined)
    expect(refusal("CREATE TRIGGER t AFTER INSERT ON app BEGIN DELETE FROM a; DELETE FROM b; END;", false)).toBe(
      undefined
    )
    expect(refusal("CREATE VIRTUAL TABLE x USING fts5(a; CREATE TRIGGER BEGIN); END")).toBe("several")
  })

  const words =
    "COMMIT|END|BEGIN|ROLLBACK|SAVEPOINT s|RELEASE s|PRAGMA user_version = 3|ATTACH ':memory:' AS x|VACUUM|SELECT 1|SELECT * FROM|DELETE FROM|INSERT INTO|UPDATE|OR ROLLBACK|VALUES (1)|SET a = 1|app|troupe_runs|\"troupe_runs\"|'troupe_runs'|[troupe_runs]|`Troupe_Runs`|main.|main.troupe_runs|CREATE TABLE n (a)|CREATE TEMP TRIGGER g AFTER INSERT ON app BEGIN|CREATE TRIGGER h AFTER DELETE ON app BEGIN|CREATE VIRTUAL TABLE v USING fts5(|CREATE TRIGGER|DELETE FROM app|EXPLAIN|QUERY PLAN|CASE WHEN 1 THEN 2 END|(|)|,|';'|\"a\""
  const gaps = [
    "",
    " ",
    "\n",
    ";",
    "; ",
    "/* */",
    "/*;*/",
    "/*/",
    "*/",
    "--\n",
    "-- '\n",
    "'",
    '"',
    "\uFEFF",
    "\u00a0",
    "\\'"
  ]
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...words.split("|")) },
    { weight: 1, arbitrary: fc.constantFrom("DELETE FROM app;", "INSERT INTO app VALUES (1);", "SELECT 1;", "END;") }
  )
  const soup = fc
    .array(fc.tuple(piece, fc.oneof({ weight: 4, arbitrary: fc.constant(" ") }, fc.constantFrom(...gaps))), {
      minLength: 1,
      maxLength: 7
    })
    .map((parts) => parts.map(([text, gap]) => text + gap).join(""))

  const controls: ReadonlySet<number> = new Set([
    constants.SQLITE_TRANSACTION,
    constants.SQLITE_SAVEPOINT,
    constants.SQLITE_PRAGMA,
    constants.SQLITE_ATTACH,
    constants.SQLITE_DETACH
  ])
  property.prop([soup], { numRuns: 20_000 })(
    "that are allowed do nothing else, as SQLite itself understands them",
    (sql) => {
      if (refusal(sql) !== undefined) return
      const database = new DatabaseSync(":memory:")
      const seen: Array<string> = []
      try {
        database.exec("CREATE TABLE app (a); CREATE TABLE troupe_runs (a); BEGIN")
        database.setAuthorizer((action, ...names) => {
          if (controls.has(action) || names.some((name) => /^troupe_/i.test(name ?? "")))
            seen.push(`${action} ${names}`)
          return constants.SQLITE_OK
        })
        try {
          database.exec(sql)
        } catch {
          // not a statement at all
        }
        expect([sql, seen, database.isTransaction]).toEqual([sql, [], true])
      } finally {
        database.close()
      }
    }
  )
})
