/**
 * How good plans are, on published problems with known answers:
 *
 *     npm run bench:schedules -- --cases FOLDER                 every set, one pass and an effort of 1,000 schedules
 *     npm run bench:schedules -- --cases FOLDER --set psplib-j60,fjsp --sample 4 --seed 2
 *     npm run bench:schedules -- --cases FOLDER --set workflows,dispatch --json
 *     npm run bench:schedules -- --cases FOLDER --out OTHER     writes the schedules down as well, for another check
 *
 * FOLDER (or TROUPE_CASES) has the sets and the validator, which are not part of this project: `A-scheduling/*.jsonl.gz`,
 * `B-workflows/*.json[.gz]` and `validator/validate.mjs`. Each problem is a workflow document that goes through `plan()`, and
 * each schedule through the validator; gaps are to the best value that was published. Processor time, because the machine is shared.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { gunzipSync } from "node:zlib"
import { type ExecutionPlan, plan } from "../src/model/plan.ts"
import { dispatchSpeed } from "./schedules/dispatch.ts"
import { documentOf, type Instance, scheduleLine } from "./schedules/instances.ts"
import { workflowFigures } from "./schedules/workflows.ts"

const { values: options } = parseArgs({
  options: {
    cases: { type: "string", default: process.env.TROUPE_CASES ?? "" },
    set: { type: "string", default: "all" },
    effort: { type: "string", default: "1000" },
    sample: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    out: { type: "string" },
    json: { type: "boolean", default: false }
  }
})

/** Mean gap to the best known in percent: what one pass and an effort of 1,000 must reach. Weighted tardiness: over the sum of all. */
const targets: Record<string, readonly [onePass: number, effort: number]> = {
  "psplib-j30": [3.9, 0.3],
  "psplib-j60": [5.1, 1.1],
  "psplib-j90": [4.7, 1.6],
  "psplib-j120": [10.3, 4.5],
  rg300: [6, 3.5],
  cv: [14, 3.5],
  "stg-50": [0.45, 0],
  "stg-100": [0.27, 0.01],
  mspsp: [8.5, 3],
  fjsp: [14, 5],
  "wt-40": [1.5, 0.1],
  "wt-50": [1.5, 0.1],
  "wt-100": [1.5, 0.1]
}

interface Checked {
  readonly ok: boolean
  readonly errors: ReadonlyArray<string>
  readonly value: number
  readonly best: number
  readonly gapToBest?: number
  readonly gapToCriticalPath?: number
  readonly isOptimal?: boolean
}

interface Row {
  readonly set: string
  readonly effort: number
  readonly instances: number
  readonly invalid: number
  readonly gapPct: number
  readonly gapToCriticalPathPct: number
  readonly sumPct: number
  readonly atBest: number
  /** Milliseconds of processor time for one plan. */
  readonly cpuMs: number
  readonly cpuMostMs: number
  readonly targetPct: number | undefined
}

const folder = resolve(options.cases)
if (options.cases === "" || !existsSync(join(folder, "validator/validate.mjs"))) {
  process.stderr.write(
    "give the folder of the cases: npm run bench:schedules -- --cases FOLDER (or TROUPE_CASES), with A-scheduling, B-workflows and validator/validate.mjs in it\n"
  )
  process.exit(2)
}
const { checkSchedule } = await import(pathToFileURL(join(folder, "validator/validate.mjs")).href)
const effort = Number(options.effort)
const sample = Number(options.sample)
const seed = Number(options.seed)
const wanted = options.set === "all" ? [...Object.keys(targets), "workflows", "dispatch"] : options.set.split(",")

const load = (set: string): ReadonlyArray<Instance> =>
  gunzipSync(readFileSync(join(folder, "A-scheduling", `${set}.jsonl.gz`)))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((_, i) => i % sample === 0)

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const mean = (all: ReadonlyArray<number>) =>
  all.length === 0 ? 0 : all.reduce((sum, one) => sum + one, 0) / all.length
const percent = (share: number) => Math.round(share * 1e5) / 1e3

const measure = (set: string, instances: ReadonlyArray<Instance>, spent: number): Row => {
  const checked: Array<Checked> = []
  const times: Array<number> = []
  const lines: Array<string> = []
  for (const instance of instances) {
    const document = documentOf(instance)
    const before = cpu()
    const made: ExecutionPlan = plan(document, { effort: spent, seed })
    times.push(cpu() - before)
    const line = scheduleLine(instance, made)
    lines.push(JSON.stringify(line))
    const answer: Checked = checkSchedule(instance, line)
    if (!answer.ok) process.stderr.write(`${instance.id}: ${answer.errors[0]} ${made.problems[0]?.message ?? ""}\n`)
    checked.push(answer)
  }
  if (options.out !== undefined) {
    mkdirSync(options.out, { recursive: true })
    writeFileSync(join(options.out, `${set}-${spent}.jsonl`), `${lines.join("\n")}\n`)
  }
  const valid = checked.filter(({ ok }) => ok)
  const sum = (of: (one: Checked) => number) => valid.reduce((total, one) => total + of(one), 0)
  return {
    set,
    effort: spent,
    instances: checked.length,
    invalid: checked.length - valid.length,
    gapPct: percent(mean(valid.flatMap(({ gapToBest }) => gapToBest ?? []))),
    gapToCriticalPathPct: percent(mean(valid.flatMap(({ gapToCriticalPath }) => gapToCriticalPath ?? []))),
    sumPct: percent(sum(({ value }) => value) / sum(({ best }) => best) - 1),
    atBest: valid.filter(({ value, best }) => value <= best + 1e-9).length,
    cpuMs: Math.round(mean(times) * 10) / 10,
    cpuMostMs: Math.round(Math.max(...times)),
    targetPct: targets[set]?.[spent === 0 ? 0 : 1]
  }
}

const rows: Array<Row> = []
const say = (text: string) => void (options.json || process.stdout.write(`${text}\n`))
const sets = wanted.filter((set) => set !== "workflows" && set !== "dispatch")
if (sets.length > 0) {
  say(
    `| set | schedules | instances | valid | gap to best, % | target | at best | above critical path, % | CPU ms, mean | most |`
  )
  say("|---|---|---|---|---|---|---|---|---|---|")
}
for (const set of sets) {
  const instances = load(set)
  for (const spent of effort === 0 ? [0] : [0, effort]) {
    const row = measure(set, instances, spent)
    rows.push(row)
    const reached = set.startsWith("wt") ? row.sumPct : row.gapPct
    const against =
      row.targetPct === undefined || (spent !== 0 && spent !== 1_000)
        ? ""
        : `≤ ${row.targetPct}${reached <= row.targetPct + 0.005 ? "" : " (missed)"}`
    say(
      `| ${set} | ${spent === 0 ? "one pass" : spent.toLocaleString("en")} | ${row.instances} | ${row.instances - row.invalid} | ${reached.toFixed(2)} | ${against} | ${row.atBest} | ${set.startsWith("wt") ? "" : row.gapToCriticalPathPct.toFixed(2)} | ${row.cpuMs} | ${row.cpuMostMs} |`
    )
  }
}
const workflows = wanted.includes("workflows")
  ? workflowFigures(join(folder, "B-workflows"), checkSchedule, seed, say)
  : undefined
const dispatch = wanted.includes("dispatch") ? dispatchSpeed(say) : undefined
const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(1)}`
say(`\n${machine}`)
if (options.json) process.stdout.write(`${JSON.stringify({ machine, seed, sample, rows, workflows, dispatch })}\n`)
