// What the guide says about faults is what there is.
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { families } from "troupe/chaos"
import { expect, test } from "vitest"
import { planFrom } from "../../src/chaos/plan-file.ts"
import { vocabulary, vocabularyTable } from "../../src/chaos/vocabulary.ts"
import { commands } from "../../src/cli/commands.ts"

const page = fileURLToPath(new URL("../../docs/CHAOS.md", import.meta.url))
const marks = ["<!-- vocabulary -->\n", "\n<!-- /vocabulary -->"] as const

test("the table of faults in the guide is the one of the code", () => {
  const text = readFileSync(page, "utf8")
  const [from, to] = [text.indexOf(marks[0]) + marks[0].length, text.indexOf(marks[1])]
  const wanted = `\n${vocabularyTable()}\n`
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, text.slice(0, from) + wanted + text.slice(to))
  else expect(text.slice(from, to)).toBe(wanted)
})

test("every fault of the table is one that a plan may have, and every family has one", () => {
  const given = {
    task: "a",
    attempt: 1,
    write: 0,
    read: 0,
    ms: 1,
    agent: "a",
    from: 0,
    to: 1,
    life: 2,
    event: 0,
    call: 0
  }
  for (const [on, { kinds, where }] of Object.entries(vocabulary))
    for (const kind of Object.keys(kinds)) {
      const names = [...where.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
      const needed = Object.fromEntries(Object.entries(given).filter(([key]) => names.includes(key)))
      const how = kind === "" ? {} : on === "crash" ? { when: kind } : { how: kind }
      const ms = ["owners", "clock", "code"].includes(on) ? { ms: 1 } : {}
      expect(planFrom({ v: 1, seed: 0, faults: [{ on, ...needed, ...ms, ...how }] }).faults).toHaveLength(1)
    }
  expect(new Set(Object.values(vocabulary).map(({ family }) => family))).toEqual(new Set(families))
  for (const family of families) expect(commands.chaos.options.faults.help).toContain(family)
})
