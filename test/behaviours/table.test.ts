// The tables of docs/RESILIENCE.md are the tests of this folder (rows.ts tells how to add some).
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { entries, type Library, page as othersPage, summary } from "./others.ts"
import { areas, refused, rowsOf, tableOf, textOf } from "./rows.ts"

const page = fileURLToPath(new URL("../../docs/RESILIENCE.md", import.meta.url))
const others = fileURLToPath(new URL("../../docs/RESILIENCE-OTHERS.md", import.meta.url))
const marksOf = (area: string) => [`<!-- behaviours ${area} -->\n`, `\n<!-- /behaviours ${area} -->`] as const

test("every table of behaviours in the docs has a row for each test, and no other; UPDATE_DOCS=1 writes them", () => {
  let text = readFileSync(page, "utf8")
  const named = [...text.matchAll(/<!-- behaviours (\S+) -->/g)].map(([, area]) => area!)
  expect(named.sort()).toEqual([...areas().keys()].sort())
  for (const [area, files] of areas()) {
    const [open, close] = marksOf(area)
    const [from, to] = [text.indexOf(open) + open.length, text.indexOf(close)]
    expect(to, `${close.trim()} is missing in docs/RESILIENCE.md`).toBeGreaterThan(from - 2)
    const wanted = `\n${tableOf(files.flatMap((file) => rowsOf(file)))}\n`
    if (process.env["UPDATE_DOCS"] === "1") text = text.slice(0, from) + wanted + text.slice(to)
    else expect(text.slice(from, to)).toBe(wanted)
  }
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, text)
})

test("what others' suites cover is told in the docs as the ledger has it; UPDATE_DOCS=1 writes it", () => {
  const text = readFileSync(page, "utf8")
  const [open, close] = ["<!-- others -->\n", "\n<!-- /others -->"]
  const [from, to] = [text.indexOf(open) + open.length, text.indexOf(close)]
  expect(to, "the marks of others are missing in docs/RESILIENCE.md").toBeGreaterThan(from - 2)
  if (process.env["UPDATE_DOCS"] === "1") {
    writeFileSync(page, `${text.slice(0, from)}\n${summary()}${text.slice(to)}`)
    writeFileSync(others, othersPage())
  } else {
    expect(text.slice(from, to)).toBe(`\n${summary()}`)
    expect(readFileSync(others, "utf8")).toBe(othersPage())
  }
})

test("every behaviour of another library has rows that are in our tables, or a reason; a title that is gone fails", () => {
  const titles = new Set(
    [...areas()].flatMap(([area, files]) =>
      files.flatMap((file) => rowsOf(file).map(({ behaviour }) => `${area}: ${behaviour}`))
    )
  )
  expect([...new Set(entries.flatMap(({ rows }) => rows))].filter((row) => !titles.has(row))).toEqual([])
  expect(entries.filter(({ rows, not }) => rows.length === 0 && not === undefined)).toEqual([])
  const named = entries.map(({ library, suite, behaviour }) => `${library} ${suite} ${behaviour}`)
  expect(named.length).toBe(new Set(named).size)
})

test("the ledger has as many of their tests as we have read", () => {
  const read = (library: Library) =>
    entries.filter((entry) => entry.library === library).reduce((sum, { tests }) => sum + tests, 0)
  expect({ cockatiel: read("cockatiel"), opossum: read("opossum") }).toEqual({ cockatiel: 153, opossum: 151 })
  expect(read("resilience4j")).toBeGreaterThanOrEqual(38)
  expect(read("Polly")).toBeGreaterThanOrEqual(50)
})

test("a behaviour is a test that runs, stands in one group of one area, and is told once", () => {
  for (const [, files] of areas()) {
    const rows = files.flatMap((file) => rowsOf(file))
    for (const file of files) expect(refused(textOf(file)), file).toEqual([])
    expect(new Set(rows.map(({ area }) => area)).size).toBe(1)
    expect(rows.filter(({ area, group }) => area === "" || group === "")).toEqual([])
    expect(rows.length).toBe(new Set(rows.map(({ behaviour }) => behaviour)).size)
  }
})

test("what is read as rows is what stands in the file", () => {
  const text = `describe("Area", () => {\n  describe("group", () => {\n    test("says \\"so\\" | now", () => {})\n    test(\n      "two", () => {})\n`
  expect(rowsOf("x.test.ts", text)).toEqual([
    { area: "Area", group: "group", behaviour: 'says "so" | now', file: "test/behaviours/x.test.ts" },
    { area: "Area", group: "group", behaviour: "two", file: "test/behaviours/x.test.ts" }
  ])
  expect(tableOf(rowsOf("x.test.ts", text))).toContain('| group | says "so" \\| now |')
  expect(refused(`test.skip("x", () => {})\ntest(name, () => {})\ntest("fine", () => {})`)).toEqual([
    "test.skip",
    "test(name, () => {})"
  ])
})
