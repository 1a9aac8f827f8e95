/**
 * Runs the flow of storage-errors-flow.ts behind the shim: every k-th call of its storage fails, in every way.
 *
 *   npm run storage-errors -- --every 1 --report report.json
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Disk, draws } from "./disk.ts"
import { Acks, check } from "./power-cuts.ts"
import { Control, calls, type FailureKind, fastFolder, readLog, type Step, shimEnv, shimMissing } from "./shim.ts"
import type { Came, Case } from "./storage-errors-flow.ts"

const flowFile = fileURLToPath(new URL("./storage-errors-flow.ts", import.meta.url))

/** The calls that each kind of failure is about. */
const countedBy: Record<FailureKind, number> = {
  eio: calls.write | calls.sync | calls.truncate | calls.open | calls.name,
  enospc: calls.write | calls.sync | calls.truncate | calls.open | calls.name,
  done: calls.write | calls.sync | calls.truncate | calls.open | calls.name,
  short: calls.write,
  busy: calls.lock
}
export const kinds = Object.keys(countedBy) as ReadonlyArray<FailureKind>

export interface Swept {
  readonly came: ReadonlyArray<Came>
  readonly steps: ReadonlyArray<Step>
}

export const sweep = (cases: ReadonlyArray<Case>): Swept => {
  const folder = mkdtempSync(join(fastFolder, "troupe-errors-"))
  try {
    const root = join(folder, "root")
    const control = join(folder, "control")
    const log = join(folder, "log")
    mkdirSync(root)
    Control.make(control).close()
    const child = spawnSync(process.execPath, [flowFile, root, control], {
      env: shimEnv({ root, control, log, noWait: true }),
      input: JSON.stringify(cases),
      encoding: "utf8"
    })
    if (child.status !== 0)
      throw new TypeError(`the process ended with ${child.status ?? child.signal}: ${child.stderr}`)
    return { came: JSON.parse(readFileSync(join(root, "came.json"), "utf8")), steps: readLog(log) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface Sample {
  readonly phases: ReadonlyArray<Case["phase"]>
  readonly kinds: ReadonlyArray<FailureKind>
  /** Once, from some call on, or both. */
  readonly lasting: ReadonlyArray<boolean>
  /** Every so manieth call. */
  readonly every: number
  /** Only calls of these kinds, as bits; those that the failure is about by default. */
  readonly counted?: number
}

/** Cases for every k-th call; how many calls there are is counted first. */
export const casesOf = ({ phases, kinds: wanted, lasting, every, counted }: Sample): ReadonlyArray<Case> => {
  const groups = phases.flatMap((phase) => wanted.map((kind) => ({ phase, kind, counted: counted ?? countedBy[kind] })))
  const counts = sweep(groups.map(({ phase, counted: bits }, slot) => ({ slot, phase, counted: bits }))).came
  const cases: Array<Case> = []
  for (const [i, { phase, kind, counted: bits }] of groups.entries()) {
    const { seen } = counts.find(({ slot }) => slot === i)!
    for (const isLasting of lasting)
      for (let at = 1 + (cases.length % every); at <= seen; at += every)
        cases.push({ slot: cases.length, phase, counted: bits, plan: { kind, at, isLasting, counted: bits } })
  }
  return cases
}

/** Steps of each slot, with paths as if its folder were the root. */
const stepsBySlot = (steps: ReadonlyArray<Step>): ReadonlyMap<number, ReadonlyArray<Step>> => {
  const found = new Map<number, Array<Step>>()
  for (const step of steps) {
    const [folder = "", ...rest] = step.path.split("/")
    const path = rest.join("/")
    const to = "to" in step ? { to: step.to.split("/").slice(1).join("/") } : undefined
    const list = found.get(Number(folder)) ?? []
    if (list.length === 0) found.set(Number(folder), list)
    list.push({ ...step, path, ...to } as Step)
  }
  return found
}

export interface ErrorReport {
  readonly cases: number
  /** Cases where a call failed: the last ones of a flow that got by with fewer calls do not. */
  readonly failed: number
  readonly images: number
  readonly wrong: ReadonlyArray<string>
  /** How often callers were told what. */
  readonly told: { readonly [error: string]: number }
  readonly ms: number
}

const slotsOfOneProcess = 2_000

/** Goes through cases; for each, looks also what a power cut at some moment, or at the end, would have left. */
export const storageErrors = async (cases: ReadonlyArray<Case>, seed = 1): Promise<ErrorReport> => {
  const since = performance.now()
  const draw = draws(seed)
  const wrong: Array<string> = []
  const told: Record<string, number> = {}
  let failed = 0
  let images = 0
  const folder = mkdtempSync(join(fastFolder, "troupe-errors-image-"))
  for (let from = 0; from < cases.length; from += slotsOfOneProcess) {
    const part = cases.slice(from, from + slotsOfOneProcess).map((one, slot) => ({ ...one, slot }))
    const { came, steps } = sweep(part)
    const bySlot = stepsBySlot(steps)
    for (const one of came) {
      const plan = part[one.slot]
      const name = `${plan?.phase} ${plan?.plan?.kind} ${plan?.plan?.isLasting ? "from" : "at"} call ${plan?.plan?.at}`
      for (const what of one.wrong) wrong.push(`${name}: ${what}`)
      if (one.again > 0) wrong.push(`${name}: a handle that had failed to sync was synced again`)
      for (const error of one.errors) told[error] = (told[error] ?? 0) + 1
      failed += Number(one.failed > 0)
      const list = bySlot.get(one.slot) ?? []
      const moment = draw() < 0.3 ? list.length - 1 : Math.floor(draw() * list.length)
      const disk = new Disk()
      const acks = new Acks()
      for (const [i, step] of list.entries()) {
        disk.do(step)
        acks.hear(step)
        if (i !== moment) continue
        for (const image of [disk.least(), disk.cut(draw)]) {
          const found = await check(join(folder, "image"), image, acks.lengths, undefined, draw)
          images++
          if (found.wrong !== undefined) wrong.push(`${name}, power cut after step ${i}: ${found.wrong}`)
        }
      }
    }
  }
  rmSync(folder, { recursive: true, force: true })
  return { cases: cases.length, failed, images, wrong, told, ms: Math.round(performance.now() - since) }
}

const main = async (): Promise<void> => {
  if (shimMissing !== undefined) {
    console.error(`storage-errors: ${shimMissing}`)
    process.exit(2)
  }
  const { values } = parseArgs({
    options: {
      every: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      report: { type: "string" }
    }
  })
  const cases = casesOf({
    phases: ["first", "work", "last"],
    kinds,
    lasting: [false, true],
    every: Number(values.every)
  })
  const text = JSON.stringify({ ...(await storageErrors(cases, Number(values.seed))), load: loadavg() }, undefined, 2)
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
  console.log(text)
  process.exit(JSON.parse(text).wrong.length === 0 ? 0 : 1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
