// What a browser loads first stays small.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { expect, test } from "vitest"
import { filesOf } from "../../src/inspect/files.ts"

const dist = fileURLToPath(new URL("../../dist/", import.meta.url))
const page = join(dist, "inspector")

test.skipIf(!existsSync(page))("the first load is at most 60 KB, packed; what is asked for later is not in it", () => {
  const html = readFileSync(join(page, "index.html"), "utf8")
  const first = new Set<string>([...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, name]) => name!))
  // scripts that the first ones import at once
  for (const name of first)
    if (name.endsWith(".js"))
      for (const [, other] of readFileSync(join(page, name), "utf8").matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g))
        first.add(`assets/${other}`)
  const bytes = [...first].reduce((sum, name) => sum + gzipSync(readFileSync(join(page, name))).length, 0)
  expect([...first].filter((name) => name.includes("elk") || name.includes("Dag"))).toEqual([])
  expect(first.size).toBeGreaterThan(2)
  expect(bytes + gzipSync(html).length).toBeLessThanOrEqual(60 * 1024)
})

test.skipIf(!existsSync(page))("what is packed in the package is served unpacked", async () => {
  const packed = [...filesOf(page)].find(([name]) => name.includes("elk-worker"))!
  expect(packed[0]).toMatch(/\.js$/)
  const body = await packed[1].read()
  expect([packed[1].type, body.length > 1_000_000]).toEqual(["text/javascript; charset=utf-8", true])
})
