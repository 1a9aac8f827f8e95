// `npm start`: a pipeline of six simulated agents, then a real recorded scientific workflow of 1,738 tasks; plan, progress, result.
import { type ExecutionPlan, Orchestrator, type Run } from "troupe"
import { agents, trading } from "./03-trading-agents.ts"
import { cluster, montage, recorded } from "./04-recorded-science.ts"

const { stdout } = process
const isTerminal = stdout.isTTY === true
const bold = (text: string) => (isTerminal && !process.env.NO_COLOR ? `\u001b[1m${text}\u001b[0m` : text)
const seconds = (ms: number) => `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`

const showPlan = ({ stages, criticalPath, criticalPathMs, makespanMs, parallelism }: ExecutionPlan) => {
  const path =
    criticalPath.length > 8
      ? [...criticalPath.slice(0, 3), `… ${criticalPath.length - 6} more …`, ...criticalPath.slice(-3)]
      : criticalPath
  console.log(
    `  plan           ${stages.length} stages, about ${seconds(makespanMs)}, ${parallelism.toFixed(1)} tasks at a time on average`
  )
  console.log(`  critical path  ${path.join(" → ")} (${seconds(criticalPathMs)})`)
}

/** Shows progress until the run has ended: a moving line on a terminal, a few lines elsewhere. */
const follow = async (run: Run) => {
  let ended = false
  const end = run.outcome().then(() => {
    ended = true
  })
  let told = 0
  while (!ended) {
    const { percent, tasks, current, eta } = await run.status()
    const left = eta === undefined ? "" : `, ${seconds(Math.max(0, eta.getTime() - Date.now()))} left`
    const line = `  ${percent.toFixed(0).padStart(3)} %  ${tasks.completed} of ${tasks.total} tasks${left}  ${current.slice(0, 2).join(", ")}${current.length > 2 ? ` +${current.length - 2}` : ""}`
    if (isTerminal) stdout.write(`\r\u001b[2K${line.slice(0, (stdout.columns ?? 80) - 1)}`)
    else if (percent >= told) {
      console.log(line)
      told = Math.floor(percent / 25) * 25 + 25
    }
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 50))])
  }
  if (isTerminal) stdout.write("\r\u001b[2K")
  await end
}

console.log(bold("1. A trading pipeline of six agents, 50 times faster than life"))
showPlan(trading.plan())
{
  await using orchestrator = await Orchestrator.open({ agents: agents(50) })
  const run = await orchestrator.submit(trading, { symbol: "ACME" })
  await follow(run)
  const { decision, compliance } = await run.result()
  const { durationMs } = await run.status()
  console.log(
    `  result         ${decision.action} ${decision.size}, compliance ${compliance?.approved === true ? "approved" : "refused"}: ${compliance?.note} (${seconds(durationMs)})`
  )
}

console.log(
  bold(`\n2. ${recorded.title}: ${recorded.tasks.length} recorded tasks on 16 workers, 200 times faster than life`)
)
const speed = 200
const flow = await montage()
const planned = flow.plan({ resources: { workers: Array.from({ length: 16 }, (_, i) => ({ id: `w${i + 1}` })) } })
showPlan(planned)
{
  await using orchestrator = await Orchestrator.open({ agents: [cluster(speed)] })
  const run = await orchestrator.submit(flow, null)
  await follow(run)
  await run.result()
  const { tasks, durationMs } = await run.status()
  console.log(
    `  result         ${tasks.completed} of ${tasks.total} tasks done in ${seconds(durationMs * speed)} of simulated time, planned ${seconds(planned.makespanMs)} (${seconds(durationMs)} here)`
  )
}
