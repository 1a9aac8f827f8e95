// The list of promises against what is there: the docs, the files, the titles of their tests.
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { attacks, columnOf, type PromiseNumber, promises, ways } from "./promises.ts"

const root = new URL("../", import.meta.url)
const textOf = (file: string) => readFileSync(new URL(file, root), "utf8")
const page = fileURLToPath(new URL("docs/GUARANTEES.md", root))
const numbers = Object.keys(promises) as ReadonlyArray<PromiseNumber>

/** Titles of tests and groups: what stands first between parentheses. `G01 … G13` names all of them. */
const titlesOf = (file: string): ReadonlyArray<string> =>
  [...textOf(file).matchAll(/\(\s*(["'`])((?:(?!\1)[^\n])*\bG\d\d\b(?:(?!\1)[^\n])*)\1/g)].map(([, , title]) =>
    title!.replace(/G(\d\d) … G(\d\d)/g, (_, from, to) =>
      Array.from({ length: to - from + 1 }, (_, i) => `G${String(Number(from) + i).padStart(2, "0")}`).join(", ")
    )
  )
const namedIn = (title: string) => [...new Set(title.match(/\bG\d\d\b/g) ?? [])]

/** The rows of the table of promises, with where their last cell stands. */
const rows = () =>
  [...textOf("docs/GUARANTEES.md").matchAll(/^(\| (G\d\d) \|.*\| )([^|]*)\|$/gm)].map(([line, head, number, last]) => ({
    line,
    head: head!,
    number: number as PromiseNumber,
    attacked: last!.trim()
  }))

test("every promise of the docs is in the list, and every one of the list in the docs", () => {
  expect(rows().map(({ number }) => number)).toEqual(numbers)
})

test("every promise is attacked, in every way that it asks for, by a test whose title names it", () => {
  for (const { file, title, on, by } of attacks) {
    const found = titlesOf(file).filter((one) => one.includes(title))
    expect([file, title, found.length]).toEqual([file, title, 1])
    expect(namedIn(found[0]!)).toEqual(expect.arrayContaining([...on]))
    for (const letter of by) expect(ways).toHaveProperty(letter)
  }
  const missing = numbers.flatMap((number) => {
    const used = attacks.filter(({ on }) => on.includes(number)).flatMap(({ by }) => [...by])
    return [...promises[number].by].filter((letter) => !used.includes(letter)).map((letter) => `${number} by ${letter}`)
  })
  expect(missing).toEqual([])
})

test("every property test that names a promise is in the list", () => {
  const files = readdirSync(new URL("property-tests/", root)).filter((name) => name.endsWith(".test.ts"))
  const strays = files.flatMap((name) => {
    const file = `property-tests/${name}`
    return titlesOf(file)
      .flatMap(namedIn)
      .filter(
        (number) => !attacks.some((one) => one.file === file && (one.on as ReadonlyArray<string>).includes(number))
      )
      .map((number) => `${file} names ${number}`)
  })
  expect(strays).toEqual([])
})

test("what the docs say a promise is attacked with is what the list says; UPDATE_DOCS=1 writes it", () => {
  const found = rows()
  if (process.env["UPDATE_DOCS"] === "1") {
    let text = readFileSync(page, "utf8")
    const width = Math.max(...numbers.map((number) => columnOf(number).length))
    for (const { line, head, number } of found) text = text.replace(line, `${head}${columnOf(number).padEnd(width)} |`)
    writeFileSync(page, text)
  } else for (const { number, attacked } of found) expect([number, attacked]).toEqual([number, columnOf(number)])
})
