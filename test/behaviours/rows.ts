/**
 * The tables of docs/RESILIENCE.md are made from tests, so that nothing stands there that is not executed.
 *
 * To add a section: write `test/behaviours/AREA.test.ts` (more files of the same area: `AREA.more.test.ts`) in this form, and put
 * the marks `<!-- behaviours AREA -->` and `<!-- /behaviours AREA -->` where its table shall stand in docs/RESILIENCE.md.
 *
 *     describe("Circuit breaker", () => {           // the area: one for all files of an area
 *       describe("half-open", () => {               // a group: what stands in the first column
 *         test("one trial at a time", () => {})     // a behaviour: a promise that a user understands, a row of the table
 *
 * `UPDATE_DOCS=1 npx vitest run test/behaviours/table.test.ts` writes the tables; without it that test compares them. A title is plain
 * text between double quotes; `each`, `skip`, `only`, `todo` and `fails` are refused here: a row is a test that runs.
 */
import { readdirSync, readFileSync } from "node:fs"

export interface Row {
  readonly area: string
  readonly group: string
  readonly behaviour: string
  /** From the root of the project. */
  readonly file: string
}

const folder = new URL("./", import.meta.url)

/** The files of behaviours by their area: the first word of their name. */
export const areas = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith(".test.ts") || name === "table.test.ts") continue
    const area = name.slice(0, name.indexOf("."))
    found.set(area, [...(found.get(area) ?? []), name])
  }
  return found
}

export const textOf = (name: string): string => readFileSync(new URL(name, folder), "utf8")

/** Tests that would be in the table without being executed, or executed without being in the table. */
export const refused = (text: string): ReadonlyArray<string> => [
  ...(text.match(/\b(?:test|it|describe)\.\w+/g) ?? []),
  ...(text.match(/\bit\(/g) ?? []),
  ...(text.match(/\b(?:test|describe)\(\s*[^\s"][^\n]*/g) ?? [])
]

/** The rows of one file, in the order of its tests. The formatter keeps the depth of a line true. */
export const rowsOf = (name: string, text: string = textOf(name)): ReadonlyArray<Row> => {
  const rows: Array<Row> = []
  let [area, group] = ["", ""]
  for (const [, indent, what, quoted] of text.matchAll(/^( *)(describe|test)\(\s*("(?:[^"\\\n]|\\.)*")/gm)) {
    const title = JSON.parse(quoted!) as string
    if (what === "test") rows.push({ area, group, behaviour: title, file: `test/behaviours/${name}` })
    else if (indent === "") [area, group] = [title, ""]
    else group = title
  }
  return rows
}

/** A table as the docs show it. */
export const tableOf = (rows: ReadonlyArray<Row>): string => {
  const cells = [
    ["", "behaviour"],
    ...rows.map(({ group, behaviour }, i) => [rows[i - 1]?.group === group ? "" : group, behaviour])
  ].map((row) => row.map((cell) => cell!.replaceAll("|", "\\|")))
  const widths = [0, 1].map((column) => Math.max(3, ...cells.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  const files = [...new Set(rows.map(({ file }) => file))]
  return [
    `${rows.length} behaviours, each the title of a test in ${files.map((file) => `\`${file}\``).join(", ")}.`,
    "",
    line(cells[0]!),
    line(widths.map((width) => "-".repeat(width))),
    ...cells.slice(1).map(line)
  ].join("\n")
}
