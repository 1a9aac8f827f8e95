/**
 * What becomes of a store that has lived long: memory of runs that wait, start-up of a store with a long past, bytes on the disk.
 *
 *     npm run bench -- --long-lives             1,000,000 finished runs, 100,000 that wait; about two minutes, a gigabyte of disk
 *     npm run bench -- --long-lives --quick     a hundredth of that
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** One figure, what was hoped for, and what it means. */
export interface Life {
  readonly what: string
  readonly figure: number
  readonly unit: string
  readonly goal?: number
}

const measure = (phase: string, dir: string, sizes: ReadonlyArray<number>): Record<string, number> => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--expose-gc",
      "--no-warnings",
      fileURLToPath(new URL("durable/life.mjs", import.meta.url)),
      phase,
      dir,
      ...sizes.map(String)
    ],
    { encoding: "utf8" }
  )
  const line = stdout.trim().split("\n").at(-1)
  if (line === undefined || !line.startsWith("{")) throw new Error(`${phase}: ${stderr}`)
  return JSON.parse(line)
}
const median = (values: ReadonlyArray<number>) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

/** All figures; the stores are made in `dir` and removed again. */
export const lives = async (dir: string, quick: boolean): Promise<ReadonlyArray<Life>> => {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  try {
    const waiting = quick ? 1_000 : 100_000
    const finished = quick ? 10_000 : 1_000_000
    const live = quick ? 100 : 10_000
    const wait = measure("wait", dir, [waiting])
    const restarts = Array.from({ length: 3 }, () => measure("restart", dir, [waiting]))
    const make = measure("make", dir, [finished, live])
    const folds = Array.from({ length: 3 }, () => measure("fold", dir, [finished, live]))
    // the first start brings the runs to their end; those after it find only finished ones
    const start = measure("start", dir, [finished, live])
    const later = Array.from({ length: 3 }, () => measure("start", dir, [finished, live]))
    const of = (rows: ReadonlyArray<Record<string, number>>, key: string) => median(rows.map((row) => row[key]!))
    const [w, f, l] = [waiting, finished, live].map((n) => n.toLocaleString("en"))
    const store = `a store of ${f} finished and ${l} live runs`
    return [
      {
        what: `RSS of the process once ${w} waiting runs have left memory`,
        figure: wait.rssMb!,
        unit: "MB",
        goal: 400
      },
      { what: "… once freed pages went back to the system", figure: wait.rssCollectedMb!, unit: "MB" },
      { what: "… most while they were submitted", figure: wait.peakMb!, unit: "MB" },
      { what: "waiting runs submitted", figure: (1_000 * waiting) / wait.submitMs!, unit: "/s" },
      { what: "bytes on the disk of a waiting run", figure: wait.bytesPerRun!, unit: "bytes" },
      { what: `RSS after a restart with ${w} waiting runs`, figure: of(restarts, "rssMb"), unit: "MB", goal: 400 },
      { what: "… once freed pages went back to the system", figure: of(restarts, "rssCollectedMb"), unit: "MB" },
      { what: "… process start until it is open", figure: of(restarts, "openMs"), unit: "ms" },
      { what: "… one of them brought into memory", figure: of(restarts, "wakeMs"), unit: "ms" },
      {
        what: `${store}: process start until the first new run is accepted`,
        figure: start.acceptedMs!,
        unit: "ms",
        goal: 1_000
      },
      { what: "… of that, until it is open", figure: start.openMs!, unit: "ms" },
      { what: "… process start until the live ones have ended", figure: start.finishedMs!, unit: "ms", goal: 3_000 },
      {
        what: `${f} finished runs: process start until the first new run is accepted`,
        figure: of(later, "acceptedMs"),
        unit: "ms"
      },
      {
        what: `${l} live runs folded and their attempts begun, from when it is open`,
        figure: of(folds, "foldMs"),
        unit: "ms"
      },
      { what: "… processor time of that", figure: of(folds, "foldCpuMs"), unit: "ms" },
      { what: "… RSS with all of them in memory", figure: of(folds, "rssMb"), unit: "MB" },
      {
        what: "bytes on the disk per step, with runs, indexes and everything",
        figure: make.bytesPerStep!,
        unit: "bytes",
        goal: 100
      },
      { what: `size of that store`, figure: make.fileMb!, unit: "MB" }
    ]
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const f = (x: number) => (x >= 100 ? Math.round(x).toLocaleString("en") : x >= 10 ? x.toFixed(1) : x.toFixed(2))

/** The figures as a table. */
export const livesTable = (rows: ReadonlyArray<Life>): string =>
  [
    "| what | figure | goal |",
    "|---|---|---|",
    ...rows.map(
      ({ what, figure, unit, goal }) =>
        `| ${what} | ${f(figure)} ${unit} | ${goal === undefined ? "" : `≤ ${f(goal)} ${unit}`} |`
    )
  ].join("\n")

if (process.argv[1] === fileURLToPath(import.meta.url) || process.argv.includes("--long-lives"))
  console.log(livesTable(await lives(join(tmpdir(), `troupe-lives-${process.pid}`), process.argv.includes("--quick"))))
