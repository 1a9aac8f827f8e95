// A real recorded workflow: 1,738 tasks of the Montage astronomy toolkit, planned for 16 workers and then run on them, faster.
import { setTimeout as sleep } from "node:timers/promises"
import { type Agent, analyzeDependencies, criticalPath, load, Orchestrator, type Workflow } from "troupe"
import { convert, type Recorded, readRecorded } from "./data/convert.ts"

export const recorded: Recorded = readRecorded(new URL("./data/montage-1738.json.gz", import.meta.url))

/** The recorded workflow with work for agents: the more comes after a task, the more urgent it is. */
export const montage = async (): Promise<Workflow> => {
  const graph = analyzeDependencies(Object.fromEntries(recorded.tasks.map(({ id, deps }) => [id, deps])))
  const { tail, length } = criticalPath(
    graph,
    recorded.tasks.map(({ durationSeconds }) => durationSeconds)
  )
  let task = 0
  return load(
    convert(recorded, (seconds) => ({
      needs: "compute",
      input: { seconds },
      priority: Math.round((100 * tail[task++]!) / length)
    }))
  )
}

/** Sixteen workers as one agent with sixteen seats; recorded seconds pass `speed` times faster. */
export const cluster = (speed: number): Agent => ({
  id: "cluster",
  can: ["compute"],
  capacity: 16,
  run: ({ seconds }: { seconds: number }, { signal }) => sleep((seconds * 1_000) / speed, null, { signal })
})

if (import.meta.main) {
  const flow = await montage()
  const workers = Array.from({ length: 16 }, (_, i) => ({ id: `w${i + 1}` }))
  const { stages, criticalPathMs, makespanMs } = flow.plan({ resources: { workers } })
  console.log(
    `${recorded.tasks.length} tasks in ${stages.length} stages, critical path ${(criticalPathMs / 1_000).toFixed(0)} s, planned ${(makespanMs / 1_000).toFixed(0)} s on 16 workers`
  )
  const speed = 400
  await using orchestrator = await Orchestrator.open({ agents: [cluster(speed)] })
  const run = await orchestrator.submit(flow, null)
  await run.result()
  const { tasks, durationMs } = await run.status()
  console.log(
    `${tasks.completed} of ${tasks.total} tasks done in ${((durationMs * speed) / 1_000).toFixed(0)} simulated seconds`
  )
}
