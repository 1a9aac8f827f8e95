// The kit finds mistakes that were made on purpose, and cries at nothing else.
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, test } from "vitest"
import { defects } from "./planted/defects.ts"
import { OutOfDate, spoiled } from "./planted/plant.ts"

const command = fileURLToPath(new URL("./planted/run.ts", import.meta.url))
const source = new URL("../../src/", import.meta.url)

/** In a process of its own: module graphs are hooked there. */
const run = async (...options: ReadonlyArray<string>) => {
  const folder = await mkdtemp(join(tmpdir(), "troupe-planted-"))
  const report = join(folder, "report.json")
  try {
    const args = ["--disable-warning=ExperimentalWarning", command, "--report", report, ...options]
    const { stdout } = await promisify(execFile)(process.execPath, args).catch((error) => error)
    return { stdout: stdout as string, report: JSON.parse(await readFile(report, "utf8")) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

test.each(defects)("the registry knows the sources: $name", async ({ edits, name }) => {
  const defect = defects.find((one) => one.name === name)!
  for (const file of new Set(edits.map((edit) => edit.file))) {
    const text = await readFile(new URL(file, source), "utf8")
    expect(spoiled(defect, file, text)).not.toBe(text)
  }
})

test("a snippet that is not there exactly once is refused by name", () => {
  const defect = { ...defects[0]!, edits: [{ file: "a.ts", find: "x", put: "y" }] }
  expect(() => spoiled(defect, "a.ts", "x x")).toThrow(OutOfDate)
  expect(() => spoiled(defect, "a.ts", "")).toThrow(/out of date/)
})

describe("the search", () => {
  test("finds every planted defect", { timeout: 600_000 }, async () => {
    const { report, stdout } = await run("--seeds", "1", "--quick")
    const missed = report.rows.filter((row: { found: ReadonlyArray<unknown> }) => row.found.length === 0)
    expect(missed, stdout).toEqual([])
    expect(report.rows.length).toBe(defects.length)
  })

  test("says nothing in 20,000 plans when none is planted", { timeout: 600_000 }, async () => {
    const { report, stdout } = await run("--seeds", "0", "--none", "20000", "--first", "7")
    expect(report.alarms, stdout).toBe(0)
    expect(report.plans).toBeGreaterThanOrEqual(20_000)
  })
})
