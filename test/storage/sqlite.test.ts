import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, test } from "vitest"
import { laws } from "../../src/storage/laws.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"

const folder = mkdtempSync(join(tmpdir(), "troupe-laws-"))
afterAll(() => rmSync(folder, { recursive: true }))

describe.each([
  ["with checksums", {}],
  ["with seals", { key: "secret" }]
])("the journal in a file keeps the laws, %s", (_, more) => {
  test.each(laws.map((law, i) => [law.name, law, i] as const))("%s", async (_, law, i) => {
    await law.check(await sqliteJournal({ path: join(folder, `${Object.keys(more).length}-${i}.db`), ...more }))
  })
})
