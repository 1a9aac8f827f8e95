/** Shows what the kit finds: `npm run planted -- --seeds 7 --budget 20000 --report FILE`. Ends with 1 when a defect was missed. */
import { writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { type Defect, defects } from "./defects.ts"
import { plant } from "./plant.ts"
import { type Found, search } from "./search.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "7" },
    budget: { type: "string", default: "20000" },
    /** Leaves failures as they were found. */
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    /** Another place to look in. */
    scene: { type: "string" },
    /** Plans with no defect planted, over all scenes. */
    none: { type: "string", default: "0" },
    first: { type: "string", default: "1" },
    report: { type: "string" }
  }
})
const [seeds, budget, none, first] = [values.seeds, values.budget, values.none, values.first].map(Number) as [
  number,
  number,
  number,
  number
]

const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const median = (numbers: ReadonlyArray<number>) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0
const count = (list: ReadonlyArray<string>) =>
  Object.entries(Object.groupBy(list, (one) => one))
    .sort(([, a], [, b]) => b!.length - a!.length)
    .map(([name, all]) => (all!.length === list.length ? name : `${name} ×${all!.length}`))
    .join(", ")

/** Seeds that stand side by side draw alike: these do not. */
const spread = (seed: number) => Math.imul(seed, 0x9e3779b1) >>> 1

const sinceMs = cpuMs()
const rows: Array<Record<string, unknown>> = []
const isChosen = (name: string) => values.only === undefined || name.includes(values.only)
let missed = 0

console.log(
  "| planted defect | found | first at: median / max | faults left: median / max | tasks left: median / max, of | caught by |"
)
console.log("|---|---|---|---|---|---|")
for (const entry of defects.filter(({ name }) => isChosen(name))) {
  const defect = values.scene === undefined ? entry : { ...entry, scene: values.scene as Defect["scene"] }
  const found: Array<Found> = []
  const before = cpuMs()
  for (let seed = first; seed < first + seeds; seed++) {
    const one = await search(defect, spread(seed), budget, !values.quick).catch((error) => {
      // a source that does not compile any more, a registry that is out of date
      console.log(`BROKEN '${defect.name}': ${(error as Error).message}`)
      return undefined
    })
    if (one !== undefined) found.push(one)
  }
  const executions = found.map((one) => one.executions)
  const faults = found.map((one) => one.faults)
  const tasks = found.map((one) => one.tasksLeft)
  if (found.length < seeds) missed++
  rows.push({ ...defect, edits: undefined, seeds, found, cpuMs: Math.round(cpuMs() - before) })
  console.log(
    `| ${defect.name} | ${found.length}/${seeds} | ${median(executions)} / ${Math.max(0, ...executions)} | ${median(faults)} / ${Math.max(0, ...faults)} | ${median(tasks)} / ${Math.max(0, ...tasks)}, ${found[0]?.tasks ?? 0} | ${count(found.map(({ promise }) => promise))} |`
  )
}

/** Nothing is planted: whatever is found is a defect of ours. */
let alarms = 0
const { chaos, scenes } = await plant(undefined)
const names = Object.keys(scenes) as ReadonlyArray<keyof typeof scenes>
const each = Math.ceil(none / names.length)
let plans = 0
for (const name of none === 0 ? [] : names) {
  const { workflow, options } = scenes[name]
  // in portions: a failure ends a search, and the next one begins behind it
  for (let done = 0, seed = first; done < each; seed++) {
    const runs = Math.min(20_000, each - done)
    try {
      plans += (await chaos(workflow, { ...options, seed: spread(seed + 100 * names.indexOf(name)), runs })).runs
      done += runs
    } catch (error) {
      alarms++
      plans += (error as { executions?: number }).executions ?? 0
      console.log(`ALARM in '${name}' (seed ${spread(seed + 100 * names.indexOf(name))}): ${(error as Error).message}`)
      done += runs
    }
  }
}
if (none > 0) console.log(`| (none) | ${alarms} alarms in ${plans} plans | | | | |`)

const seconds = Math.round((cpuMs() - sinceMs) / 100) / 10
const machine = { cpus: cpus().length, load: loadavg()[0], node: process.version }
console.log(
  `\n${rows.length} defects, ${seeds} seeds, ${seconds} s of processor time, load ${loadavg()[0]!.toFixed(1)}`
)
if (values.report !== undefined)
  writeFileSync(values.report, JSON.stringify({ machine, seeds, budget, seconds, rows, plans, alarms }, undefined, 2))
process.exitCode = missed > 0 || alarms > 0 ? 1 : 0
