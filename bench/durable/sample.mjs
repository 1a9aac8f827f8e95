// One durable measurement in a process of its own: sample.mjs CANDIDATE PHASE OPTIONS. Answers its parent over IPC.
//   load     keeps `inflight` workflows of five steps going for `seconds`, and counts those that completed
//   fan      1 -> n -> 1, every step written
//   store    runs `count` workflows and closes: what is on the disk then is measured from outside
//   hold     submits `count` workflows that stop inside their third step, and waits to be killed
//   recover  on the same data: until every one of them has completed and its result is read back
import { expected, step } from "../workloads.mjs"

const born = performance.now()
const [path, phase, json] = process.argv.slice(2)
const options = JSON.parse(json)
const { inflight = 100, count } = options

const answer = (message, then = () => {}) => process.send(message, then)
const fail = (error) => answer({ error: String(error?.stack ?? error).slice(0, 1_500) }, () => process.exit(1))
process.on("uncaughtException", fail)
process.on("unhandledRejection", fail)
/** Lets the parent read the servers' processor time and the disk before going on. */
const mark = (name, done) =>
  new Promise((resolve) => {
    process.once("message", resolve)
    answer({ mark: name, done })
  })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
const median = (values) =>
  quantile(
    values.toSorted((a, b) => a - b),
    0.5
  )

/** How often each of the five steps was called in this process. */
const calls = [0, 0, 0, 0, 0]
let inside = 0
const never = new Promise(() => {})
/** What every candidate calls as step `i` of workflow `id`. */
const body = async (_id, i, x) => {
  calls[i]++
  if (phase === "hold" && i === 2) {
    inside++
    await never
  }
  return step(x, i)
}

/** When a candidate says that nothing is left to do, in milliseconds since the process started. */
let finishedMs
const { open } = await import(path)
const engine = await open({
  ...options.env,
  body,
  inflight,
  count,
  phase,
  finished: () => {
    finishedMs = performance.now()
  }
})
const openMs = performance.now() - born

const checked = async (id) => {
  const value = await engine.run(id)
  if (value !== expected.flow(id, 5)) throw new Error(`workflow ${id}: ${value}, expected ${expected.flow(id, 5)}`)
}
let next = 0
/** Each lane starts its next workflow when the one before has completed. */
const lanes = (goesOn, took = () => {}) =>
  Promise.all(
    Array.from({ length: inflight }, async () => {
      while (goesOn()) {
        const id = next++
        const start = performance.now()
        await checked(id)
        took(performance.now() - start)
      }
    })
  )

const phases = {
  load: async () => {
    // until the compiler has had its say: at least so long and so many, but no longer than eight seconds
    const start = performance.now()
    await lanes(() => {
      const ms = performance.now() - start
      return ms < 8_000 && (ms < options.warmMs || next < Math.max(inflight, 20))
    })
    const warmed = next
    await mark("begin", warmed)
    const times = []
    const cpuBefore = cpuMs()
    const from = performance.now()
    await lanes(
      () => performance.now() - from < options.seconds * 1_000,
      (ms) => times.push(ms)
    )
    const wallMs = performance.now() - from
    const cpu = cpuMs() - cpuBefore
    const done = next - warmed
    await mark("end", done)
    times.sort((a, b) => a - b)
    return {
      done,
      perSecond: (done / wallMs) * 1_000,
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
      cpuApp: cpu / done,
      rssMb: process.memoryUsage().rss / 1e6
    }
  },
  fan: async () => {
    if (engine.fan === undefined) throw new Error("no fan-out in this shape")
    const { n } = options
    await engine.fan(50, "warm")
    await mark("begin", 0)
    const walls = []
    const cpus = []
    for (let i = 0; i < options.repeats; i++) {
      const cpuBefore = cpuMs()
      const start = performance.now()
      const value = await engine.fan(n, `fan${i}`)
      walls.push(performance.now() - start)
      cpus.push(cpuMs() - cpuBefore)
      if (value !== expected.fan(n)) throw new Error(`fan-out: ${value}, expected ${expected.fan(n)}`)
    }
    await mark("end", walls.length)
    return { ms: median(walls), firstMs: walls[0], cpuApp: median(cpus) }
  },
  store: async () => {
    await lanes(() => next < count)
    return { done: next }
  },
  hold: async () => {
    // submits until all are in, or most of the patience is spent; what was acknowledged must come back
    const start = performance.now()
    const patience = options.patienceMs
    const spent = () => performance.now() - start
    let submitted = 0
    let isIn = false
    const lane = async () => {
      while (next < count && spent() < 0.7 * patience) {
        const id = next++
        await engine.submit(id)
        submitted++
      }
    }
    Promise.all(Array.from({ length: 200 }, lane)).then(() => {
      isIn = true
    }, fail)
    let last = -1
    for (let still = 0; ; ) {
      await pause(250)
      const seen = calls[0] + calls[1] + inside + submitted
      still = seen === last ? still + 1 : 0
      last = seen
      if (isIn && (inside === submitted || still > 60 || spent() > patience)) break
      if (spent() > 1.5 * patience) throw new Error(`submitting stalled at ${submitted}`)
    }
    setInterval(() => {}, 1_000)
    return { submitted, inside, calls, ms: spent() }
  },
  recover: async () => {
    const sum = await engine.resume(count)
    if (sum !== expected.many(count, 5)) throw new Error(`sum of results ${sum}, expected ${expected.many(count, 5)}`)
    return { finishedMs, calls, cpuApp: cpuMs(), rssMb: process.memoryUsage().rss / 1e6 }
  }
}
const got = await phases[phase]()
if (phase === "store") await Promise.race([engine.close?.(), pause(5_000)])
answer({ ok: true, openMs, ...got }, async () => {
  if (phase === "hold") return
  if (phase !== "store") await Promise.race([engine.close?.(), pause(3_000)])
  process.exit(0)
})
