/** Tells stories until so many owners have been killed, and counts what was seen. The seed decides which, and when the kills come. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { dice } from "./chance.ts"
import { Checker, noCounts } from "./checker.ts"
import { Children } from "./children.ts"
import type { Boot } from "./log.ts"
import { reader } from "./reader.ts"
import { type Stage, type Story, stories, type Told } from "./stories.ts"

export interface CampaignOptions {
  /** Owners that are killed. */
  readonly cycles: number
  readonly seed: string
  /** Stories that are told at the same time. */
  readonly lanes?: number
  /** Only the stories of these names. */
  readonly only?: ReadonlyArray<string> | undefined
  /** Stops when so many promises were broken; default 20. */
  readonly violationsMost?: number
  /** Ends after so long, in milliseconds, with the cycles it has done by then. */
  readonly withinMs?: number | undefined
  readonly onProgress?: (cycles: number) => void
}

export interface Violated {
  readonly story: string
  readonly seed: string
  readonly promise: string
  readonly what: string
}

export interface Report {
  readonly seed: string
  readonly cycles: number
  readonly kills: { readonly [phase: string]: number }
  readonly stories: { readonly [name: string]: number }
  readonly violations: ReadonlyArray<Violated>
  readonly counts: ReturnType<typeof noCounts>
  /** Of trips that were taken back, and of payments through the breaker. */
  readonly counted: { readonly [what: string]: number }
  /** The opening that took longest, and the most runs and memory of any. */
  readonly boot: { readonly longest: Boot | undefined; readonly liveMost: number; readonly rssMostMb: number }
  readonly ms: number
  readonly msPerCycle: number
  /** Of the machine, before and after. */
  readonly load: readonly [number, number]
}

/** Runs that wait in the store that is taken over and migrated. */
const waitingRuns = 2_000
/** Opening may take this long, and this much longer for each run that is live. */
const bootMostMs = 1_000
const bootMostMsEach = 1_000 / 100_000
/** Memory of a program that has just opened a store, the one of Node.js with it, and so much for each run that is live. */
const bootMostMb = 128
const bootMostMbEach = 8 / 1_024

export const campaign = async (options: CampaignOptions): Promise<Report> => {
  const {
    cycles,
    seed,
    lanes = 2,
    only,
    violationsMost = 20,
    withinMs = Number.POSITIVE_INFINITY,
    onProgress
  } = options
  const folder = mkdtempSync(join(tmpdir(), "troupe-kills-"))
  const load = loadavg()[0]!
  const since = performance.now()
  const chance = dice(seed)
  const chosen = stories.filter(({ name }) => only === undefined || only.includes(name))
  const kills: Record<string, number> = {}
  const toldOf: Record<string, number> = {}
  const violations: Array<Violated> = []
  const counts = noCounts()
  const counted: Record<string, number> = {}
  const boot: { longest: Boot | undefined; liveMost: number; rssMostMb: number } = {
    longest: undefined,
    liveMost: 0,
    rssMostMb: 0
  }
  let killed = 0
  let promised = 0
  let nth = 0
  await using children = new Children(join(folder, "cache"), lanes)
  try {
    await children.warm()
    const waiting = await manyWaiting(children, join(folder, "waiting"))
    const lane = async (): Promise<void> => {
      while (promised < cycles && violations.length < violationsMost && performance.now() - since < withinMs) {
        const story = draw(chosen, chance)
        const own = `${seed}/${nth++}`
        const list = story.kills(dice(own), cycles - promised)
        promised += list.length
        toldOf[story.name] = (toldOf[story.name] ?? 0) + 1
        const hears: Told = {
          killed: (phase) => {
            kills[phase] = (kills[phase] ?? 0) + 1
            killed++
            onProgress?.(killed)
          },
          broken: (promise, what) => violations.push({ story: story.name, seed: own, promise, what }),
          counted: (more) => {
            for (const [what, count] of Object.entries(more)) counted[what] = (counted[what] ?? 0) + count
          },
          opened: (one) => {
            const { ms, cpuMs, queuedMs, live, rssMb, servers } = one
            if (ms > (boot.longest?.ms ?? 0)) boot.longest = one
            boot.liveMost = Math.max(boot.liveMost, live)
            boot.rssMostMb = Math.max(boot.rssMostMb, rssMb)
            if (rssMb > bootMostMb + live * bootMostMbEach)
              hears.broken("boot", `${rssMb.toFixed(0)} MB are taken after opening with ${live} live runs`)
            if (servers > 0) hears.broken("boot", `the program listens on ${servers} ports that nobody asked for`)
            if (ms > bootMostMs + live * bootMostMsEach)
              hears.broken(
                "boot",
                `opening took ${ms.toFixed(0)} ms with ${live} live runs: ${cpuMs.toFixed(0)} ms of processor, ${queuedMs.toFixed(0)} ms of waiting for one`
              )
          }
        }
        const stage: Stage = { children, folder: join(folder, String(nth)), seed: own, waiting, told: hears }
        mkdirSync(stage.folder)
        // a store that cannot even be read is a broken promise too
        const checker = await story
          .tell(stage, list)
          .catch((error: Error) => hears.broken("story", String(error.stack)))
        if (checker instanceof Checker)
          for (const key of Object.keys(counts) as Array<keyof typeof counts>) counts[key] += checker.counts[key]
        rmSync(stage.folder, { recursive: true })
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
  } finally {
    // a process that was just killed may still be at its cache
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  const ms = performance.now() - since
  return {
    seed,
    cycles: killed,
    kills,
    stories: toldOf,
    violations,
    counts,
    counted,
    boot,
    ms,
    msPerCycle: ms / killed,
    load: [load, loadavg()[0]!]
  }
}

const draw = (told: ReadonlyArray<Story>, { next }: ReturnType<typeof dice>): Story => {
  let rest = next() * told.reduce((sum, { weight }) => sum + weight, 0)
  return told.find(({ weight }) => (rest -= weight) < 0) ?? told[0]!
}

/** A store whose owner was killed while many runs waited, half of them for a timer and half for a body that does not end. */
const manyWaiting = async (children: Children, folder: string): Promise<string> => {
  const store = join(folder, "store.db")
  mkdirSync(folder)
  const child = children.start({
    duty: "work",
    store,
    log: folder,
    life: 1,
    seed: "waiting",
    mode: "hold",
    runs: waitingRuns
  })
  const told = reader(folder)
  const all = await told.until(() => told.lines.filter(({ is }) => is === "submitted").length === waitingRuns, child)
  child.signal("SIGKILL")
  const { stderr } = await child.exit
  if (all === undefined) throw new TypeError(`the store with runs that wait could not be made: ${stderr}`)
  return store
}
