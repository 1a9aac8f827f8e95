/**
 * A world for one run: a journal that outlives its owners, a clock that the test moves, tasks that end when the test says so.
 * `crash` leaves an owner as a killed process would; `live` opens the next one.
 */
import * as Effect from "effect/Effect"
import type { Workflow, WorkflowIR } from "troupe"
import { load, Orchestrator, task, type } from "troupe"
import { memoryJournal } from "troupe/storage"
import { type Opened, openEngine } from "../src/engine/orchestrator.ts"
import "../src/model/document.ts"
import type { Json } from "../src/model/json.ts"
import { settle, standing, trust } from "../test/clock.ts"
import { valueOf } from "./shapes.ts"

export interface Start {
  readonly key: string
  readonly attempt: number
  readonly delivery: number
  readonly epoch: number
}

interface Out extends Start {
  readonly end: () => void
}

export type World = Awaited<ReturnType<typeof world>>

/** `failures` says how often a task fails before it succeeds, by its path; with `listens` tasks end when their signal says so. */
export const world = async (
  ir: WorkflowIR,
  failures: (path: string) => number = () => 0,
  {
    listens = false,
    snapshotEvery = 1_000,
    keepMessages
  }: { readonly listens?: boolean; readonly snapshotEvery?: number; readonly keepMessages?: number | undefined } = {}
) => {
  const journal = memoryJournal({ isDurable: true })
  const time = standing()
  let out: Array<Out> = []
  const starts: Array<Start> = []
  const defects: Array<unknown> = []
  const step = task("step", {
    in: type<Json>(),
    out: type<number>(),
    run: (input, { key, attempt, delivery, fencingToken: epoch, task: path, signal }) =>
      new Promise<number>((resolve, reject) => {
        const start = { key, attempt, delivery, epoch }
        starts.push(start)
        const mine: Out = {
          ...start,
          end: () => (attempt > failures(path) ? resolve(valueOf(input)) : reject(new Error("planned")))
        }
        out.push(mine)
        signal.addEventListener("abort", () => {
          if (!listens) return
          out = out.filter((one) => one !== mine)
          reject(signal.reason)
        })
      })
  })
  const plan = task("plan", {
    in: type<Json>(),
    out: type<Json>(),
    run: () => ({
      tasks: [
        { id: "p", task: "step", input: [1] },
        { id: "q", task: "step", input: { $: "p" } }
      ],
      output: { $: "q" }
    })
  })
  const flow: Workflow = await load(ir, { step, plan })
  let opened: Opened
  let orchestrator: Orchestrator
  const live = async () => {
    opened = await Effect.runPromise(
      openEngine(
        {
          store: journal,
          workflows: [flow],
          snapshotEvery,
          retention: { olderThan: "3650d" },
          ...(keepMessages === undefined ? {} : { keepMessages }),
          onDefect: (error) => defects.push(error)
        },
        time.context
      )
    )
    orchestrator = new Orchestrator(opened)
    await trust(opened)
    await settle()
  }
  await live()
  return {
    flow,
    journal,
    starts,
    defects,
    live,
    settle,
    now: time.now,
    get orchestrator() {
      return orchestrator
    },
    get engine() {
      return opened.engine
    },
    get out() {
      return out.length
    },
    /** Ends one of the attempts that are out; one that is preferred, if there is such. */
    endOne: async (pick: number, preferred: (path: string) => boolean = () => false) => {
      const at = out.findIndex(({ key }) => preferred(key.slice(key.indexOf("/") + 1).replace(/@\d+$/, "")))
      const [one] = out.splice(at === -1 ? pick % out.length : at, 1)
      one!.end()
      await settle()
    },
    tick: async (ms: number) => {
      await time.move(ms)
      await settle()
    },
    crash: async () => {
      opened.engine.abandon()
      out = []
      await live()
    },
    close: () => orchestrator.close()
  }
}
