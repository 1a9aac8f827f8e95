// One figure in a process of its own: measure.mjs WHAT [ARGS]. Answers with one JSON line.
const [what, argument] = process.argv.slice(2)
const cpu = () => {
  const { user, system } = process.cpuUsage()
  return user + system
}
const settle = async () => {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const mb = (bytes) => Math.round(bytes / 1e5) / 10

const measures = {
  import: async () => {
    const start = performance.now()
    await import("troupe")
    return { ms: Math.round(performance.now() - start) }
  },
  first: async () => {
    const { Orchestrator, task, type, workflow } = await import("troupe")
    const add = task("add", { in: type(), out: type(), run: async (n) => n + 1 })
    const flow = workflow("first", type())
      .task("a", add, ($) => $.input)
      .task("b", add, ($) => $.a)
      .task("c", add, ($) => $.b)
      .returns(($) => $.c)
    const orchestrator = await Orchestrator.open()
    await orchestrator.execute(flow, 1)
    return { ms: Math.round(performance.now()) }
  },
  "in-flight": async () => {
    const { Orchestrator, task, type, workflow } = await import("troupe")
    const ends = []
    const held = task("held", {
      in: type(),
      out: type(),
      run: (n) => new Promise((resolve) => ends.push(() => resolve(n)))
    })
    const flow = (n) =>
      workflow(`held-${n}`, type())
        .map("m", held, () => n, { input: ($) => $.index })
        .returns(($) => $.m.length)
    const orchestrator = await Orchestrator.open()
    const warm = orchestrator.execute(flow(1_000), null)
    await settle()
    for (const end of ends.splice(0)) end()
    await warm
    await settle()
    const before = process.memoryUsage().heapUsed
    const run = orchestrator.execute(flow(1_000), null)
    await settle()
    const bytes = Math.round((process.memoryUsage().heapUsed - before) / 1_000)
    for (const end of ends) end()
    await run
    return { bytes }
  },
  waiting: async () => {
    const { Orchestrator, type, workflow } = await import("troupe")
    const nap = workflow("nap", type())
      .sleep("z", "1h")
      .returns(($) => $.z)
    const orchestrator = await Orchestrator.open()
    for (let i = 0; i < 100; i++) await orchestrator.submit(nap, null)
    await settle()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 10_000; i++) await orchestrator.submit(nap, null)
    await settle()
    return { bytes: Math.round((process.memoryUsage().heapUsed - before) / 10_000) }
  },
  "fan-memory": async () => {
    const { fan } = await import("./candidates/troupe.mjs")
    const warm = await fan(1_000)
    await warm.run()
    await warm.close()
    await settle()
    const { rss, heapUsed } = process.memoryUsage()
    let peak = rss
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }, 2)
    const wide = await fan(100_000)
    await wide.run()
    peak = Math.max(peak, process.memoryUsage().rss)
    clearInterval(watch)
    await settle()
    // V8 keeps freed pages in a pool until memory is wanted; this collection is the one it then does
    globalThis.gc({ type: "major", execution: "sync", flavor: "last-resort" })
    const after = process.memoryUsage()
    await wide.close()
    return {
      beforeMb: mb(rss),
      peakMb: mb(peak),
      afterMb: mb(after.rss),
      heapBeforeMb: mb(heapUsed),
      heapAfterMb: mb(after.heapUsed)
    }
  },
  // a hundred tasks end one after the other, in a graph where all others wait for them
  completion: async () => {
    const { load, Orchestrator, task, type } = await import("troupe")
    const size = Number(argument)
    const spent = []
    for (let round = 0; round < 5; round++) {
      const ends = []
      const held = task("held", {
        in: type(),
        out: type(),
        run: (i) =>
          new Promise((resolve) => {
            ends[i] = resolve
          })
      })
      const tasks = Array.from({ length: size }, (_, i) =>
        i < 500 ? { id: `t${i}`, task: "held", input: i } : { id: `t${i}`, kind: "noop", after: ["t0"] }
      )
      const orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await load({ ir: 1, name: "wide", tasks, output: 1 }, { held }), null)
      await settle()
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      for (let i = 1; i < 250; i++) {
        ends[i](0)
        await turn()
      }
      const start = cpu()
      for (let i = 250; i < 500; i++) {
        ends[i](0)
        await turn()
      }
      spent.push((cpu() - start) / 250)
      await run.cancel({ force: true })
      await orchestrator.close()
    }
    return { us: Math.round(spent.sort((a, b) => a - b)[2] * 10) / 10 }
  },
  plan: async () => {
    const { plan } = await import("troupe")
    const { convert, readRecorded } = await import("../examples/data/convert.ts")
    const { inspectDocument } = await import("../dist/model/load.js")
    const document = JSON.parse(JSON.stringify(convert(readRecorded(argument))))
    const start = performance.now()
    const { ir } = await inspectDocument(document)
    const made = plan(ir, { resources: { workers: Array.from({ length: 64 }, (_, i) => ({ id: `w${i}` })) } })
    const ms = Math.round(performance.now() - start)
    return {
      ms,
      tasks: made.tasks,
      edges: document.tasks.reduce((sum, { after }) => sum + after.length, 0),
      rssMb: mb(process.memoryUsage().rss)
    }
  },
  deep: async () => {
    const { load, Orchestrator } = await import("troupe")
    const { convert, readRecorded } = await import("../examples/data/convert.ts")
    const flow = await load(convert(readRecorded(argument)))
    const orchestrator = await Orchestrator.open()
    const start = performance.now()
    await orchestrator.execute(flow, null)
    return { ms: Math.round(performance.now() - start), tasks: flow.ir.tasks.length, depth: flow.plan().stages.length }
  }
}
console.log(JSON.stringify(await measures[what]()))
process.exit(0)
