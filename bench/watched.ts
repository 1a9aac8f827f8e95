/**
 * What it costs an application to be looked at:
 *
 *     npm run bench:watched
 *     npm run bench:watched -- --rounds 5 --json
 *
 * A run of 5,000 tasks in memory (each waits for another one), without an inspector, with one that nobody looks at, and with a viewer
 * that follows the run over its WebSocket; and 20,000 events to a plain XState machine, the same three ways. Every sample in a process of
 * its own, candidates in turn; processor time of all threads, because the machine is shared; the median of the rounds. The viewer is a
 * process of its own. A task has three steps (ready, attempting, succeeded), so that is what a transition is.
 */
import { spawn, spawnSync } from "node:child_process"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    one: { type: "string" },
    follow: { type: "string" },
    stream: { type: "string" },
    json: { type: "boolean", default: false }
  }
})
const self = fileURLToPath(import.meta.url)
const taskCount = 5_000
const eventCount = 20_000
const stepsOfTask = 3

/** Follows a stream until nothing more comes, as a page does. */
const follow = async (address: string, stream: string): Promise<void> => {
  const { host, hash } = new URL(address)
  const { WebSocket } = await import("ws")
  const socket = new WebSocket(`ws://${host}/ws`, ["troupe.v1"], {
    headers: { authorization: `Bearer ${hash.slice("#token=".length)}` }
  })
  let events = 0
  socket.on("open", () => socket.send(JSON.stringify({ type: "subscribe", stream })))
  socket.on("message", (data) => {
    const message = JSON.parse(String(data))
    if (message.type === "batch") events += message.events.length
    if (message.type === "caughtUp") console.log(events)
  })
  await new Promise(() => {})
}

/** A viewer in another process; resolves once it follows. */
const viewer = (url: string, stream: string) => {
  const child = spawn(process.execPath, ["--no-warnings", self, "--follow", url, "--stream", stream])
  let seen = 0
  const waiting: Array<() => void> = []
  child.stderr.pipe(process.stderr)
  child.stdout.on("data", (data) => {
    seen = Number(String(data).trim().split("\n").at(-1))
    for (const one of waiting.splice(0)) one()
  })
  const next = () => new Promise<void>((resolve) => waiting.push(resolve))
  return {
    begun: next(),
    /** Until it has seen so many events. */
    until: async (count: number) => {
      while (seen < count) await next()
    },
    kill: () => child.kill()
  }
}

/** Processor time of some work, in microseconds. */
const cost = async (work: () => Promise<unknown>): Promise<number> => {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

const run = async (how: string): Promise<number> => {
  const { Orchestrator, load } = await import("troupe")
  const { inspector } = await import("troupe/inspect")
  const ir = {
    ir: 1,
    name: "watched",
    tasks: [
      { id: "go", kind: "gate" },
      ...Array.from({ length: taskCount }, (_, i) => ({
        id: `t${i}`,
        kind: "noop",
        after: [i < 50 ? "go" : `t${i - 50}`]
      }))
    ]
  }
  const flow = await load(ir)
  const seen = how === "off" ? undefined : await inspector({ onOpen: () => {} })
  const orchestrator = await Orchestrator.open(seen === undefined ? {} : { inspect: seen })
  // the same once before, so that code is warm
  for (let i = 0; i < 3; i++) {
    const warm = await orchestrator.submit(flow, {}, { id: `warm${i}` })
    await warm.answer("go" as never, 1 as never)
    await warm.outcome()
  }
  const one = await orchestrator.submit(flow, {}, { id: "r" })
  const watching = how === "viewer" ? viewer(seen!.url, "run:r") : undefined
  await watching?.begun
  const us = await cost(async () => {
    await one.answer("go" as never, 1 as never)
    await one.outcome()
    // each task is told in at least three steps
    await watching?.until(taskCount * stepsOfTask)
  })
  watching?.kill()
  return us / taskCount
}

const machine = async (how: string): Promise<number> => {
  const { assign, createActor, createMachine } = await import("xstate")
  const { inspector } = await import("troupe/inspect")
  const count = assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 })
  const toggle = createMachine({
    id: "toggle",
    initial: "off",
    context: { n: 0 },
    states: { off: { on: { FLIP: { target: "on", actions: count as never } } }, on: { on: { FLIP: "off" } } }
  })
  const seen = how === "off" ? undefined : await inspector({ onOpen: () => {}, title: "machine" })
  const actor = createActor(toggle, seen === undefined ? {} : { inspect: seen }).start()
  const watching = how === "viewer" ? viewer(seen!.url, "system:machine") : undefined
  await watching?.begun
  for (let i = 0; i < eventCount; i++) actor.send({ type: "FLIP" })
  await watching?.until(eventCount * 2)
  const us = await cost(async () => {
    for (let i = 0; i < eventCount; i++) {
      actor.send({ type: "FLIP" })
      // as an application would: not all in one breath
      if (i % 500 === 499) await new Promise((resolve) => setImmediate(resolve))
    }
    await watching?.until(eventCount * 4)
  })
  watching?.kill()
  return us / eventCount
}

const candidates: Readonly<Record<string, () => Promise<number>>> = {
  "run off": () => run("off"),
  "run, nobody looks": () => run("idle"),
  "run, one viewer": () => run("viewer"),
  "machine off": () => machine("off"),
  "machine, nobody looks": () => machine("idle"),
  "machine, one viewer": () => machine("viewer")
}

if (options.follow !== undefined) await follow(options.follow, options.stream!)
else if (options.one !== undefined) {
  console.log(await candidates[options.one]!())
  process.exit(0)
} else {
  const found = new Map<string, Array<number>>()
  const load = loadavg()[0]!
  for (let round = 0; round < Number(options.rounds); round++)
    for (const name of Object.keys(candidates)) {
      const { stdout, stderr, status } = spawnSync(process.execPath, ["--no-warnings", self, "--one", name], {
        encoding: "utf8",
        timeout: 120_000
      })
      if (status !== 0) throw new TypeError(`${name}: ${stderr}`)
      found.set(name, [...(found.get(name) ?? []), Number(stdout.trim().split("\n").at(-1))])
    }
  const median = (name: string) => found.get(name)!.sort((a, b) => a - b)[Math.floor(found.get(name)!.length / 2)]!
  const us = Object.fromEntries(Object.keys(candidates).map((name) => [name, median(name)]))
  const figures = {
    load,
    us,
    idlePercent: (us["run, nobody looks"]! / us["run off"]! - 1) * 100,
    viewerPerTransition: (us["run, one viewer"]! - us["run off"]!) / stepsOfTask,
    machineIdlePerTransition: us["machine, nobody looks"]! - us["machine off"]!,
    machineViewerPerTransition: us["machine, one viewer"]! - us["machine off"]!
  }
  if (options.json) console.log(JSON.stringify(figures))
  else {
    for (const [name, value] of Object.entries(us)) console.log(`${name.padEnd(24)} ${value.toFixed(2)} µs`)
    console.log(`an inspector that nobody looks at: ${figures.idlePercent.toFixed(1)} % of a task (at most 5)`)
    console.log(`a viewer: ${figures.viewerPerTransition.toFixed(1)} µs a transition (at most 30)`)
    console.log(
      `an XState machine: ${figures.machineIdlePerTransition.toFixed(1)} µs a transition kept, ${figures.machineViewerPerTransition.toFixed(1)} µs with a viewer`
    )
    console.log(`load at the start ${load.toFixed(1)}`)
  }
}
