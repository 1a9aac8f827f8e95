// One life of a process with a store: runs of its own, among them one that ends the process. Prints a line for each thing that a
// test wants to know; ends by itself when every run has ended or is left alone.
import { appendFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { Orchestrator, task, type, workflow } from "../../src/index.ts"

export interface Plan {
  readonly path: string
  readonly log: string
  readonly innocents: number
  /** How long each of the three steps of an innocent run takes. */
  readonly stepMs: number
  readonly culprits: number
  readonly how: "exit" | "kill" | "throw"
  /** How long after its start a culprit strikes. */
  readonly afterMs: number
  /** What a culprit does once it is mended. */
  readonly isMended?: boolean
  /** Ids of runs to let go on. */
  readonly release?: ReadonlyArray<string>
}

const plan = JSON.parse(process.argv[2]!) as Plan
const say = (what: string) => appendFileSync(plan.log, `${what}\n`)
say("boot")

const wait = task("wait", { in: type<number>(), out: type<number>(), run: async (n) => sleep(plan.stepMs, n + 1) })
const strike = task("strike", {
  in: type<null>(),
  out: type<string>(),
  run: async () => {
    if (plan.isMended === true) return "mended"
    say("strike")
    if (plan.afterMs > 0) await sleep(plan.afterMs)
    if (plan.how === "exit") process.exit(7)
    if (plan.how === "throw") setTimeout(() => JSON.parse("not JSON"), 0)
    else process.kill(process.pid, "SIGKILL")
    return sleep(60_000, "never")
  }
})
const innocent = workflow("innocent", type<number>())
  .task("a", wait, ($) => $.input)
  .task("b", wait, ($) => $.a)
  .task("c", wait, ($) => $.b)
  .returns(($) => $.c)
const culprit = workflow("culprit", type<null>())
  .task("boom", strike, ($) => $.input)
  .returns(($) => $.boom)

const orchestrator = await Orchestrator.open({ store: `sqlite:${plan.path}`, workflows: [innocent, culprit] })
for (const id of plan.release ?? []) await orchestrator.resume(id, { who: "ann", why: "it is mended" })
const runs = await Promise.all([
  ...Array.from({ length: plan.innocents }, (_, i) => orchestrator.submit(innocent, i, { id: `i${i}` })),
  ...Array.from({ length: plan.culprits }, (_, i) => orchestrator.submit(culprit, null, { id: `c${i}` }))
])
for (const run of runs)
  run.outcome().then(
    ({ status, output }) => say(`${run.id} ${status} ${JSON.stringify(output)}`),
    (error) => say(`${run.id} ${error.code} ${error.task}`)
  )
await Promise.allSettled(runs.map((run) => run.outcome()))
await orchestrator.close()
say("end")
