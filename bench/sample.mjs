// One measurement in a process of its own: sample.mjs CANDIDATE WORKLOAD BUDGET_MS. Answers with one JSON line.
import { workloads } from "./workloads.mjs"

const [path, name, budget] = process.argv.slice(2)
/** Processor time of all threads, in milliseconds: stays comparable when others use the machine. */
const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const candidate = await import(path)
const { method, ask, answer } = workloads[name]
if (candidate[method] === undefined) {
  console.log(JSON.stringify({ skipped: true }))
  process.exit(0)
}
const right = answer()
const once = async () => {
  const start = performance.now()
  const before = cpu()
  const prepared = await ask(candidate)
  const value = await prepared.run()
  const used = { cpuMs: cpu() - before, wallMs: performance.now() - start }
  await prepared.close?.()
  if (value !== right) throw new Error(`wrong result ${value}, expected ${right}`)
  return used
}
const first = await once()
const samples = []
if (first.wallMs > 2_500) samples.push(first)
else {
  // warm up until the compiler has had its say, then measure
  for (let spent = first.wallMs; spent < Number(budget) / 3; ) spent += (await once()).wallMs
  for (let spent = 0; samples.length < 2 || (spent < Number(budget) && samples.length < 100); ) {
    globalThis.gc?.()
    const used = await once()
    samples.push(used)
    spent += used.wallMs
  }
}
const median = (key) => samples.map((one) => one[key]).sort((a, b) => a - b)[Math.floor(samples.length / 2)]
console.log(
  JSON.stringify({
    cpuMs: median("cpuMs"),
    wallMs: median("wallMs"),
    repeats: samples.length,
    rssMb: Math.round(process.memoryUsage().rss / 1e6)
  })
)
process.exit(0)
