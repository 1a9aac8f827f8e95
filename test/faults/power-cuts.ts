/**
 * Cuts the power at every moment of a program's lives, many times, and opens what is left. A child works behind the shim; from the
 * log of what it did to its files come images of the disk (disk.ts); each is opened as any store would be.
 *
 *   npm run power-cuts -- --images 1000000 --seed 1 --report report.json
 *
 * The moments at which runs meet differ from one life to the next, so an image is found again by its kept log: `--again FOLDER`.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import { Orchestrator } from "../../src/engine/orchestrator.ts"
import type { Message } from "../../src/model/messages.ts"
import { type SqliteJournal, sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { Disk, type Draw, draws, type Image } from "./disk.ts"
import { large, largeOf, ten, tenOf } from "./flows.ts"
import { fastFolder, readLog, type Step, shimEnv, shimMissing } from "./shim.ts"

export interface PowerCutOptions {
  readonly images: number
  readonly seed: number
  readonly synchronous?: "full" | "normal"
  /** Syncs of files with this suffix are answered and not done: a disk that lies. */
  readonly noSync?: string
  /** A folder that was kept because something was wrong: its images are made again, from the same seed. */
  readonly again?: string
  /** Stop at the first so many images with something wrong. */
  readonly wrongMost?: number
  readonly onProgress?: (images: number) => void
}

export interface Wrong {
  readonly seed: number
  readonly image: number
  /** Number of the step of the log after which the power was cut. */
  readonly step: number
  readonly what: string
  /** A copy of the log and of what was left in the end: `--again` looks at it. */
  readonly kept: string
}

export interface PowerCutReport {
  readonly images: number
  readonly workloads: number
  readonly steps: number
  /** Acknowledgements that an image had to keep, over all images. */
  readonly acknowledged: number
  /** Images without a store, where nothing had been acknowledged. */
  readonly absent: number
  /** Images that had something that had not been acknowledged yet. */
  readonly ahead: number
  readonly recoveredRuns: number
  readonly wrong: ReadonlyArray<Wrong>
  readonly ms: number
}

/** Images of one workload: its lives cost about two seconds, so a long run uses each for more. */
const imagesPerWorkload = 2_000
const lives = 4
const lifeFile = fileURLToPath(new URL("./power-cut-life.ts", import.meta.url))

/** What the lives of a program left in the end. */
interface Workload {
  readonly steps: ReadonlyArray<Step>
  readonly histories: ReadonlyMap<string, ReadonlyArray<Message>>
}

const live = async (folder: string, seed: number, options: PowerCutOptions): Promise<Workload> => {
  const root = join(folder, "root")
  const log = join(folder, "log")
  const { synchronous = "full", noSync, again } = options
  if (again !== undefined) cpSync(again, folder, { recursive: true })
  else mkdirSync(root)
  for (let life = 0; life < lives && again === undefined; life++) {
    const child = spawnSync(process.execPath, [lifeFile, root, String(seed), String(life), synchronous], {
      env: shimEnv({ root, log, ...(noSync === undefined ? {} : { noSync }) }),
      encoding: "utf8"
    })
    const isKilled = child.signal === "SIGKILL" && life % 3 !== 0
    if (!isKilled && child.status !== 0) throw new TypeError(`life ${life} of seed ${seed} failed: ${child.stderr}`)
  }
  const histories = new Map<string, ReadonlyArray<Message>>()
  const journal = await sqliteJournal({ path: join(root, "store/runs.db") })
  for (const run of await runsOf(journal)) histories.set(run, await messagesOf(journal, run))
  await Effect.runPromise(journal.close(0))
  return { steps: readLog(log), histories }
}

const runsOf = async (journal: SqliteJournal): Promise<ReadonlyArray<string>> =>
  (await Effect.runPromise(journal.list({ limit: 1_000 }))).runs.map(({ run }) => run)
const messagesOf = async (journal: SqliteJournal, run: string) => (await Effect.runPromise(journal.read(run))).messages

/** Acknowledgements as they are written: how many messages of each run must be there. */
export class Acks {
  readonly lengths = new Map<string, number>()
  #text = ""
  hear(step: Step): void {
    if (step.type !== "write" || !step.path.endsWith("acks")) return
    this.#text += step.data.toString()
    const lines = this.#text.split("\n")
    this.#text = lines.pop()!
    for (const line of lines) {
      const [run, length] = JSON.parse(line) as [string, number]
      this.lengths.set(run, Math.max(length, this.lengths.get(run) ?? 0))
    }
  }
}

export const powerCuts = async (options: PowerCutOptions): Promise<PowerCutReport> => {
  const since = performance.now()
  const report = { images: 0, workloads: 0, steps: 0, acknowledged: 0, absent: 0, ahead: 0, recoveredRuns: 0 }
  const wrong: Array<Wrong> = []
  const wrongMost = options.wrongMost ?? 20
  while (report.images < options.images && wrong.length < wrongMost) {
    const seed = options.seed + report.workloads
    const folder = mkdtempSync(join(fastFolder, "troupe-power-"))
    try {
      const workload = await live(folder, seed, options)
      report.workloads++
      report.steps += workload.steps.length
      const wanted = Math.min(imagesPerWorkload, options.images - report.images)
      const draw = draws(seed)
      const disk = new Disk()
      const acks = new Acks()
      let made = 0
      let kept: string | undefined
      for (const [step, done] of workload.steps.entries()) {
        disk.do(done)
        acks.hear(done)
        // spread over the steps, the rest by chance
        const share = (wanted * (step + 1)) / workload.steps.length
        for (; made < Math.floor(share) && wrong.length < wrongMost; made++) {
          const image = draw() < 0.05 ? disk.least() : disk.cut(draw)
          const found = await check(join(folder, "image"), image, acks.lengths, workload.histories, draw)
          report.images++
          report.acknowledged += acks.lengths.size
          report.absent += Number(found.isAbsent)
          report.ahead += Number(found.isAhead)
          report.recoveredRuns += found.recovered
          if (found.wrong === undefined) continue
          wrong.push({ seed, image: made, step, what: found.wrong, kept: (kept ??= keep(folder, seed)) })
        }
        options.onProgress?.(report.images)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { ...report, wrong, ms: Math.round(performance.now() - since) }
}

const keep = (folder: string, seed: number): string => {
  const kept = join(tmpdir(), `troupe-power-cut-${seed}`)
  rmSync(kept, { recursive: true, force: true })
  for (const part of ["root", "log"]) cpSync(join(folder, part), join(kept, part), { recursive: true })
  return kept
}

interface Found {
  readonly isAbsent: boolean
  readonly isAhead: boolean
  readonly recovered: number
  readonly wrong: string | undefined
}

/** Opens an image as the next life of the program would, and looks whether every promise was kept. */
export const check = async (
  folder: string,
  image: Image,
  acks: ReadonlyMap<string, number>,
  histories: ReadonlyMap<string, ReadonlyArray<Message>> | undefined,
  draw: Draw
): Promise<Found> => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, data] of image) {
    if (name === "acks") continue
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), data)
  }
  const path = join(folder, "store/runs.db")
  const isAbsent = !image.has("store/runs.db")
  let found = { isAbsent, isAhead: false, recovered: 0 }
  // the index beside the log may be anything: it was never meant to last
  if (!isAbsent && draw() < 0.1) writeFileSync(`${path}-shm`, Buffer.alloc(32_768, Math.floor(draw() * 256)))
  let journal: SqliteJournal | undefined
  try {
    if (isAbsent && acks.size > 0) return { ...found, wrong: "the store is gone, and something was acknowledged" }
    journal = await sqliteJournal({ path })
    const runs = new Set(await runsOf(journal))
    for (const [run, length] of acks)
      if (!runs.has(run)) return { ...found, wrong: `run ${run} is gone, and ${length} messages were acknowledged` }
    for (const run of runs) {
      const messages = await messagesOf(journal, run)
      const least = acks.get(run) ?? 0
      if (messages.length < least)
        return { ...found, wrong: `run ${run} has ${messages.length} messages, ${least} were acknowledged` }
      found = { ...found, isAhead: found.isAhead || messages.length > least, recovered: found.recovered + 1 }
      const whole = histories === undefined ? messages : (histories.get(run) ?? [])
      for (const [i, message] of messages.entries())
        if (JSON.stringify(message) !== JSON.stringify(whole[i]))
          return { ...found, wrong: `message ${i} of run ${run} is not what was written` }
    }
    const wrong = integrity(path) ?? (await goesOn(journal))
    return { ...found, wrong }
  } catch (error) {
    return { ...found, wrong: `${(error as Error).name}: ${(error as Error).message}` }
  } finally {
    journal?.abandon()
  }
}

const integrity = (path: string): string | undefined => {
  const database = new DatabaseSync(path, { readOnly: true })
  const row = database.prepare("PRAGMA integrity_check").get()
  database.close()
  return row?.["integrity_check"] === "ok" ? undefined : `integrity: ${row?.["integrity_check"]}`
}

/** All runs come to their end, with the right result, and a new one as well. */
const goesOn = async (journal: SqliteJournal): Promise<string | undefined> => {
  const defects: Array<unknown> = []
  const orchestrator = await Orchestrator.open({
    store: journal,
    workflows: [ten, large],
    onDefect: (error) => defects.push(error)
  })
  try {
    if ((await orchestrator.execute(ten, 5, { id: "after" })) !== tenOf(5)) return "a new run gives a wrong result"
    for (const { run: id, workflow } of (await orchestrator.list({ limit: 1_000 })).runs) {
      const run = await orchestrator.get(id)
      await run.resume()
      const { status, output } = await run.outcome()
      const [first] = await run.history()
      const n = first?.type === "run.submitted" ? (first.input as number) : 0
      const right = workflow === "ten" ? tenOf(n) : largeOf(n)
      if (status !== "cancelled" && output !== right) return `run ${id} ${status} with ${JSON.stringify(output)}`
    }
    return defects.length === 0 ? undefined : `a defect: ${String(defects[0])}`
  } finally {
    await orchestrator.close()
  }
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      images: { type: "string", default: "2000" },
      seed: { type: "string", default: "1" },
      again: { type: "string" },
      report: { type: "string" }
    }
  })
  if (shimMissing !== undefined) {
    console.error(`power-cuts: ${shimMissing}`)
    process.exit(2)
  }
  let told = 0
  const report = await powerCuts({
    images: Number(values.images),
    seed: Number(values.seed),
    ...(values.again === undefined ? {} : { again: values.again }),
    onProgress: (images) => {
      if (images < told + 10_000) return
      told = images
      console.log(`${images} images`)
    }
  })
  const text = JSON.stringify({ ...report, seed: Number(values.seed), load: loadavg() }, undefined, 2)
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`)
  console.log(text)
  process.exit(report.wrong.length === 0 ? 0 : 1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
