/**
 * What was tried and what never was: where the run stood (the state of each chart in it) against what went wrong there. A promise
 * that was never put to the test at a place says nothing about that place.
 */
import { whereabouts } from "../engine/whereabouts.ts"
import { kindOf, type WorkflowIR } from "../model/ir.ts"
import type { Observer, Running } from "./execution.ts"
import type { Family, Fault } from "./plan.ts"
import { forEachTask, workOf } from "./stand-ins.ts"
import { plainPath, runId } from "./story.ts"
import { nameOf, vocabulary } from "./vocabulary.ts"

/** A place, and how often it was there and was hit. */
export interface CoverageRow {
  /** Path of the task without the numbers of items and rounds; "" is the run itself. */
  readonly task: string
  /** State of its chart. */
  readonly state: string
  /** Both as people say it: `charge: waits for its next attempt`. */
  readonly text: string
  /** Executions in which it was seen. */
  readonly seen: number
  /** Faults that happened meanwhile, by family; only those that were looked for. */
  readonly hits: { readonly [family in Family]?: number }
}

export interface Coverage {
  readonly families: ReadonlyArray<Family>
  readonly rows: ReadonlyArray<CoverageRow>
  /** What could have been tried and never was. */
  readonly never: ReadonlyArray<{
    readonly task: string
    readonly state: string
    readonly family: Family
    readonly text: string
  }>
  /** Cells that were tried, of those that could be. */
  readonly tried: number
  readonly cells: number
  /** All of it for people. */
  readonly text: string
}

/** States of the run itself that are no state of a chart. */
const opening = "opening"
const unwritten = "unwritten"
const asleep = "asleep"

interface Cell {
  readonly task: string
  readonly state: string
  seen: number
  readonly hits: Map<Family, number>
  /** The execution in which it was seen last. */
  last: Running | undefined
}

/** Counts, over many executions. */
export class Census implements Observer {
  readonly #cells = new Map<string, Cell>()
  readonly #families: ReadonlyArray<Family>
  readonly #name: string

  constructor(ir: WorkflowIR, families: ReadonlyArray<Family>) {
    this.#families = families
    this.#name = ir.name
    for (const state of [unwritten, opening, "running"]) this.#cell("", state)
    for (const state of families.includes("operator") ? ["paused", "cancelling"] : []) this.#cell("", state)
    forEachTask(ir, (one, path) => {
      const work = workOf(one)
      switch (kindOf(one)) {
        case "gate":
          this.#cell(path, "waiting")
          return
        case "sleep":
          this.#cell(path, "sleeping")
          return
        case "derive":
        case "noop":
        case "echo":
          return
        default:
          if (work === undefined) return
          this.#cell(path, "attempting")
          if ((work["retry"]?.attempts ?? 1) > 1) this.#cell(path, "backingOff")
      }
    })
  }

  #cell(task: string, state: string): Cell {
    const id = `${task} ${state}`
    const known = this.#cells.get(id)
    if (known !== undefined) return known
    const cell = { task, state, seen: 0, hits: new Map<Family, number>(), last: undefined }
    this.#cells.set(id, cell)
    return cell
  }

  moved(world: Running): void {
    this.#where(world, (cell) => this.#see(cell, world))
  }

  hurt(world: Running, on: Fault["on"]): void {
    const { family } = vocabulary[on]
    const found = new Set<Cell>()
    this.#where(world, (cell) => found.add(cell))
    for (const cell of found) {
      this.#see(cell, world)
      cell.hits.set(family, (cell.hits.get(family) ?? 0) + 1)
    }
  }

  #see(cell: Cell, world: Running): void {
    if (cell.last === world) return
    cell.last = world
    cell.seen++
  }

  #where({ life, isAcked }: Running, seen: (cell: Cell) => void): void {
    const { engine } = life
    if (engine === undefined || life.isDead) return seen(this.#cell("", opening))
    const run = engine.runs.get(runId)
    if (run === undefined) {
      if (isAcked) seen(this.#cell("", asleep))
      return
    }
    // its actors come with its first message
    if (run.room.root === undefined) {
      if (run.outcome === undefined) seen(this.#cell("", unwritten))
      return
    }
    whereabouts(run, (path, state) => {
      // what is only passed through is no place to be
      if (state !== "starting") seen(this.#cell(plainPath(path), state))
    })
  }

  report(): Coverage {
    const families = this.#families
    const rows: Array<CoverageRow> = []
    const never: Array<Coverage["never"][number]> = []
    let cells = 0
    for (const { task, state, seen, hits } of this.#cells.values()) {
      const text = textOf(task, state)
      const counted: { [family in Family]?: number } = {}
      for (const family of families) {
        const count = hits.get(family) ?? 0
        counted[family] = count
        if (!isPossible(state, family)) continue
        cells++
        if (count === 0) never.push({ task, state, family, text: `${nameOf[family]} while ${sentenceOf(task, state)}` })
      }
      rows.push({ task, state, text, seen, hits: counted })
    }
    const tried = cells - never.length
    return { families, rows, never, tried, cells, text: this.#text(rows, never, tried, cells) }
  }

  #text(rows: Coverage["rows"], never: Coverage["never"], tried: number, cells: number): string {
    const families = this.#families
    const width = Math.max(...rows.map(({ text }) => text.length))
    const row = (text: string, ...counts: ReadonlyArray<string | number>) =>
      `  ${text.padEnd(width)} ${counts.map((count) => String(count).padStart(9)).join("")}`
    return [
      `failure coverage of ${this.#name}: ${tried} of ${cells} places × families`,
      row("", "seen", ...families),
      ...rows.map(({ text, seen, state, hits }) =>
        row(text, seen, ...families.map((family) => (isPossible(state, family) ? (hits[family] ?? 0) : "·")))
      ),
      ...(never.length === 0
        ? []
        : [
            "never:",
            ...never.slice(0, neverMost).map(({ text }) => `  ${text}`),
            ...(never.length > neverMost ? [`  … and ${never.length - neverMost} more`] : [])
          ])
    ].join("\n")
  }
}

/** Most cells that the text names. */
const neverMost = 20

/** Faults have an address: there are places that those of a family cannot reach. */
const isPossible = (state: string, family: Family): boolean => {
  if (state === opening) return family === "code" || family === "storage"
  if (state === asleep) return false
  return family !== "code" && (state !== unwritten || ["storage", "crash", "owners", "clock"].includes(family))
}

const states: { readonly [state: string]: string } = {
  attempting: "runs",
  backingOff: "waits for its next attempt",
  aborting: "is being stopped",
  waiting: "is open",
  sleeping: "sleeps",
  ready: "waits for a slot",
  shelved: "waits for a decision",
  running: "runs",
  paused: "is paused",
  failing: "is about to fail",
  cancelling: "is being cancelled",
  [opening]: "is being opened",
  [unwritten]: "is not written yet",
  [asleep]: "has left memory"
}
const textOf = (task: string, state: string) => `${task === "" ? "the run" : task}: ${states[state] ?? state}`
const sentenceOf = (task: string, state: string) =>
  `${task === "" ? "the run" : `'${task}'`} ${states[state] ?? `is ${state}`}`
