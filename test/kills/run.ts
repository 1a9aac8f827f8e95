/**
 * Kills owners of stores by the thousand and reports: `npm run kills -- --cycles 10000 [--seed S] [--report FILE]`.
 * A report of a broken promise names the seed of its story: `--seed <that> --cycles …` tells it again.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { campaign } from "./campaign.ts"

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    only: { type: "string", multiple: true },
    lanes: { type: "string", default: "2" },
    minutes: { type: "string" },
    report: { type: "string" }
  }
})

console.error(`kills: seed ${values.seed}`)
const report = await campaign({
  cycles: Number(values.cycles),
  seed: values.seed,
  lanes: Number(values.lanes),
  only: values.only,
  withinMs: values.minutes === undefined ? undefined : Number(values.minutes) * 60_000,
  onProgress: (cycles) => cycles % 100 === 0 && console.error(`kills: ${cycles} of ${values.cycles}`)
})
const text = JSON.stringify(report, undefined, 2)
console.log(text)
if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
process.exitCode = report.violations.length === 0 ? 0 : 1
