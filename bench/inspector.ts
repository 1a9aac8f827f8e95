/**
 * What the inspector's pictures cost at 10,000 tasks, in headless Chromium without a graphics card:
 *
 *     npm run bench:inspector
 *     npm run bench:inspector -- --only log --rows 200000     the page's log, once `npm run build` has made the page
 *     npm run bench:inspector -- --tasks 3000 --rounds 3 --only gantt --json
 *
 * First paint: all events taken in, laid out and drawn, until the second frame. Pan, zoom and scroll: gaps between frames while
 * something moves in each of 90. Change: 1 % of the statuses in each of 40 frames. The run goes on: 150 events in each of them, new
 * tasks among them. The median of a round, then the best round and
 * the median over rounds, because the machine is shared; 16.7 ms is every frame of the screen.
 */
import { cpus, loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { logFigures } from "./inspector-log.ts"
import { benchPage, browserPath, hasBrowser } from "./inspector-page.ts"

const { values: options } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    tasks: { type: "string", default: "10000" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false }
  }
})

if (!hasBrowser()) {
  console.error(`bench:inspector: there is no ${browserPath}; install Chromium, or say where it is with CHROMIUM=path`)
  process.exit(1)
}

/** Longest that each may take, in milliseconds. */
const bounds: Readonly<Record<string, number>> = {
  "first paint": 1_500,
  pan: 20,
  "pan near": 20,
  zoom: 20,
  scroll: 20,
  "change 1 %": 20,
  "change near": 20,
  "run goes on": 20,
  "scroll rows": 20,
  "10,000 events/s, worst gap": 150
}

interface Frames {
  readonly median: number
  readonly most: number
  readonly work?: number
}

const tasks = Number(options.tasks)
const near =
  '(async () => { for (let i = 0; i < 30; i++) document.querySelector(".picture").dispatchEvent(new WheelEvent("wheel", { deltaY: -120, clientX: 600, clientY: 380, bubbles: true, cancelable: true })); await bench.rested() })()'
const deep =
  '(async () => { const press = (key) => document.querySelector(".picture").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); for (let i = 0; i < 12; i++) press("+"); await bench.rested() })()'
const cases: ReadonlyArray<{
  readonly name: string
  readonly settings: string
  readonly does: ReadonlyArray<readonly [name: string, script: string]>
}> = [
  {
    name: "graph, layers",
    settings: `picture=dag&shape=layers&tasks=${tasks}&part=0.6`,
    does: [
      ["pan", "bench.pan()"],
      ["zoom", "bench.zoom()"],
      ["change 1 %", "bench.change()"],
      ["run goes on", "bench.grow()"],
      ["", near],
      ["pan near", "bench.pan()"],
      ["change near", "bench.change()"]
    ]
  },
  {
    name: "graph, fan-outs",
    settings: `picture=dag&shape=fans&tasks=${tasks}&part=0.6`,
    does: [
      ["pan", "bench.pan()"],
      ["zoom", "bench.zoom()"],
      ["change 1 %", "bench.change()"]
    ]
  },
  {
    name: "graph, all fan-outs open",
    settings: `picture=dag&shape=fans&tasks=${tasks}&part=0.6&open`,
    does: [
      ["pan", "bench.pan()"],
      ["zoom", "bench.zoom()"],
      ["change 1 %", "bench.change()"]
    ]
  },
  {
    name: "timeline, layers",
    settings: `picture=gantt&shape=layers&tasks=${tasks}&part=0.6`,
    does: [
      ["scroll", "bench.scroll()"],
      ["zoom", "bench.zoom()"],
      ["change 1 %", "bench.change()"],
      ["run goes on", "bench.grow()"],
      ["", deep],
      ["pan", "bench.pan()"],
      ["change near", "bench.change()"]
    ]
  },
  {
    name: "timeline, fan-outs",
    settings: `picture=gantt&shape=fans&tasks=${tasks}`,
    does: [
      ["scroll", "bench.scroll()"],
      ["zoom", "bench.zoom()"],
      ["change 1 %", "bench.change()"]
    ]
  }
]

interface Figure {
  readonly picture: string
  readonly what: string
  readonly ms: number
  readonly bestMs: number
  readonly worstGapMs: number | undefined
  readonly workMs: number | undefined
  readonly boundMs: number
}

const median = (all: ReadonlyArray<number>) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!
const round = (value: number) => Math.round(value * 10) / 10

const begun = loadavg()[0]!
const page = await benchPage(fileURLToPath(new URL(".work/inspector", import.meta.url)))
const figures: Array<Figure> = []
try {
  for (const { name, settings, does } of cases.filter(({ name }) => name.includes(options.only))) {
    const found = new Map<string, Array<Frames>>()
    for (let n = 0; n < Number(options.rounds); n++) {
      const tab = await page.newPage()
      const note = (what: string, frames: Frames) => found.set(what, [...(found.get(what) ?? []), frames])
      const painted = await page.open(tab, settings)
      note("first paint", { median: painted, most: painted })
      await tab.waitForTimeout(600)
      for (const [what, script] of does) {
        const frames = await tab.evaluate<Frames>(script)
        await tab.waitForTimeout(250)
        if (what !== "") note(what, frames)
      }
      await tab.close()
    }
    for (const [what, all] of found)
      figures.push({
        picture: name,
        what,
        ms: round(median(all.map((one) => one.median))),
        bestMs: round(Math.min(...all.map((one) => one.median))),
        worstGapMs: what === "first paint" ? undefined : round(Math.max(...all.map(({ most }) => most))),
        workMs: all[0]!.work === undefined ? undefined : round(median(all.map(({ work }) => work ?? 0))),
        boundMs: bounds[what]!
      })
  }
  if ("log".includes(options.only)) {
    const log = await logFigures(page.newPage, Number(options.rows), 10_000)
    const plain = { picture: `log, ${log.rows} rows`, workMs: undefined }
    figures.push(
      {
        ...plain,
        what: "scroll rows",
        ms: round(log.scrollMs),
        bestMs: round(log.scrollMs),
        worstGapMs: round(log.scrollMostMs),
        boundMs: bounds["scroll rows"]!
      },
      {
        ...plain,
        picture: `log, ${log.takenIn} taken in`,
        what: "10,000 events/s, worst gap",
        ms: round(log.ingestMostMs),
        bestMs: round(log.ingestMs),
        worstGapMs: round(log.ingestMostMs),
        boundMs: bounds["10,000 events/s, worst gap"]!
      }
    )
  }
} finally {
  await page.close()
}

const facts = {
  tasks,
  rounds: Number(options.rounds),
  machine: `${cpus().length} cores, load ${round(begun)} before and ${round(loadavg()[0]!)} after`,
  complaints: page.complaints
}
if (options.json) console.log(JSON.stringify({ ...facts, figures }, null, 2))
else {
  console.log(`${tasks} tasks, ${facts.rounds} rounds, ${facts.machine}\n`)
  console.log("| picture | what | median ms | best round | worst gap | own work | bound | |")
  console.log("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
  for (const { picture, what, ms, bestMs, worstGapMs, workMs, boundMs } of figures)
    console.log(
      `| ${picture} | ${what} | ${ms} | ${bestMs} | ${worstGapMs ?? ""} | ${workMs ?? ""} | ${boundMs} | ${ms <= boundMs ? "" : "over"} |`
    )
  for (const complaint of page.complaints) console.log(`the page complained: ${complaint}`)
}
process.exitCode = page.complaints.length > 0 || figures.some(({ ms, boundMs }) => ms > boundMs) ? 1 : 0
