// One figure of a long life in a process of its own: life.mjs WHAT DIR COUNT [LIVE]. Answers with one JSON line.
import { statSync } from "node:fs"
import { join } from "node:path"
import { Orchestrator, task, type, workflow } from "troupe"
import { sqliteJournal } from "troupe/storage"
import { step } from "../workloads.mjs"

const [what, dir, ...sizes] = process.argv.slice(2)
const [count, live = 0] = sizes.map(Number)
const path = join(dir, `${what === "restart" ? "wait" : what === "start" || what === "fold" ? "make" : what}.db`)
const mb = (bytes) => Math.round(bytes / 1e5) / 10
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const settle = async () => {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await pause(20)
  }
}
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return Math.round((user + system) / 1_000)
}
const rss = async () => {
  const asItIs = process.memoryUsage().rss
  await settle()
  // V8 keeps freed pages in a pool until memory is wanted; this collection is the one it then does
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" })
  const { rss: after, heapUsed } = process.memoryUsage()
  return { rssMb: mb(asItIs), rssCollectedMb: mb(after), heapMb: mb(heapUsed) }
}

const nap = workflow("nap", type())
  .sleep("z", "30d")
  .returns(($) => $.z)
const isHeld = what === "fold"
let begun = 0
const never = new Promise(() => {})
const add = task("step", {
  in: type(),
  out: type(),
  run: async ({ i, x }) => {
    begun++
    return isHeld ? never : step(x, i)
  }
})
let flow = workflow("flow", type())
for (let i = 0; i < 5; i++)
  flow = flow.task(`s${i}`, add, ($) => ({ id: $.input.id, i, x: i === 0 ? $.input.x : $[`s${i - 1}`] }))
flow = flow.returns(($) => $.s4)
const open = (more = {}) => Orchestrator.open({ store: `sqlite:${path}`, workflows: [nap, flow], ...more })

const phases = {
  /** So many runs that wait for thirty days, in one process. */
  wait: async () => {
    const orchestrator = await open()
    await orchestrator.submit(nap, null)
    await settle()
    const before = mb(process.memoryUsage().rss)
    let peak = 0
    const start = performance.now()
    for (let i = 1; i < count; i += 1_000) {
      await Promise.all(Array.from({ length: Math.min(1_000, count - i) }, () => orchestrator.submit(nap, null)))
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    const submitMs = performance.now() - start
    if (orchestrator.live !== count) throw new Error(`${orchestrator.live} runs live, not ${count}`)
    const memory = await rss()
    await orchestrator.close()
    return { beforeMb: before, peakMb: mb(peak), submitMs, ...memory, bytesPerRun: statSync(path).size / count }
  },
  /** The same store in a new process. */
  restart: async () => {
    const orchestrator = await open()
    const openMs = performance.now()
    const memory = await rss()
    if (orchestrator.live !== count) throw new Error(`${orchestrator.live} runs live, not ${count}`)
    const { runs } = await orchestrator.list({ limit: 1 })
    const start = performance.now()
    const status = await orchestrator.status(runs[0].run)
    const wakeMs = performance.now() - start
    if (status.waiting.length !== 1) throw new Error(`a run that waits is ${JSON.stringify(status)}`)
    await orchestrator.close()
    return { openMs, wakeMs, ...memory }
  },
  /** A store of finished runs, and some in their third step, through the journal's own append. */
  make: async () => {
    const { Effect } = await import("effect")
    const journal = await sqliteJournal({ path, synchronous: "normal" })
    const { epoch } = Effect.runSync(journal.claim())
    const at = Date.now()
    const history = (id, steps) => {
      const run = `${id < count ? "f" : "l"}${id}`
      let x = id % 1_000
      const entries = [
        {
          run,
          seq: 0,
          definition: flow,
          message: { type: "run.submitted", at, workflow: flow.name, hash: flow.hash, input: { id, x } }
        }
      ]
      for (let i = 0; i < steps; i++) {
        x = (x * 31 + i) % 1_000_003
        const message = { type: "attempt.succeeded", at: at + i, task: `s${i}`, attempt: 1, value: x }
        entries.push({ run, seq: i + 1, message })
      }
      const note = { run, updatedAt: at + steps, isAsleep: false, dueAt: undefined }
      const tasks = [5, steps, 0, 0, 0, 0]
      return { entries, note: { ...note, status: steps === 5 ? "succeeded" : "running", tasks } }
    }
    const start = performance.now()
    for (let id = 0; id < count + live; id += 1_000) {
      const made = Array.from({ length: Math.min(1_000, count + live - id) }, (_, i) =>
        history(id + i, id + i < count ? 5 : 2)
      )
      Effect.runSync(
        journal.append(
          made.flatMap(({ entries }) => entries),
          made.map(({ note }) => note),
          epoch
        )
      )
    }
    const ms = performance.now() - start
    // closed, so that nothing is left in the log; its owner's end is known either way
    Effect.runSync(journal.close(epoch))
    return { ms, bytesPerStep: statSync(path).size / (5 * count + 2 * live), fileMb: mb(statSync(path).size) }
  },
  /** How long until a new run is accepted, and until those that were at work have ended. */
  start: async () => {
    const orchestrator = await open()
    const openMs = performance.now()
    await orchestrator.submit(flow, { id: 0, x: 0 })
    const acceptedMs = performance.now()
    while (orchestrator.live > 0) await pause(1)
    const finishedMs = performance.now()
    const memory = await rss()
    await orchestrator.close()
    return { openMs, acceptedMs, finishedMs, cpuMs: cpuMs(), ...memory }
  },
  /** How long until those that were at work are in memory and their attempts have begun, with nobody holding them back. */
  fold: async () => {
    await open({ startsPerSecond: 100_000_000 })
    const openMs = performance.now()
    const before = cpuMs()
    while (begun < live) await pause(1)
    const foldMs = performance.now() - openMs
    const foldCpuMs = cpuMs() - before
    const memory = await rss()
    // killed, so that the runs are at work when the store is opened next
    console.log(JSON.stringify({ openMs, foldMs, foldCpuMs, ...memory }))
    process.kill(process.pid, "SIGKILL")
  }
}
console.log(JSON.stringify(await phases[what]()))
process.exit(0)
