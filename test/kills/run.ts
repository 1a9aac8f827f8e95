/**
 * Kills owners of stores by the thousand and reports: `npm run kills -- --cycles 10000 [--seed S] [--report FILE]`, or
 * `--owners 1000` for pairs of owners. The same seed tells the same stories with the same moments.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { campaign } from "./campaign.ts"
import { owners, succession } from "./owners.ts"

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    only: { type: "string", multiple: true },
    lanes: { type: "string", default: "2" },
    minutes: { type: "string" },
    owners: { type: "string" },
    report: { type: "string" }
  }
})

const { seed } = values
const lanes = Number(values.lanes)
const progress = (all: string) => (done: number) => {
  if (done % 100 === 0) console.error(`kills: ${done} of ${all}`)
}

console.error(`kills: seed ${seed}`)
const report =
  values.owners === undefined
    ? await campaign({
        cycles: Number(values.cycles),
        seed,
        lanes,
        only: values.only,
        withinMs: values.minutes === undefined ? undefined : Number(values.minutes) * 60_000,
        onProgress: progress(values.cycles)
      })
    : {
        ...(await owners({ pairs: Number(values.owners), seed, lanes, onProgress: progress(values.owners) })),
        succession: await succession(seed)
      }
const text = JSON.stringify(report, undefined, 2)
console.log(text)
if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
process.exitCode = report.violations.length === 0 ? 0 : 1
