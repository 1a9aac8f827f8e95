/** What a decision of the dispatcher costs while 100,000 tasks are ready. */
import { Dispatcher } from "../../src/model/dispatch.ts"
import { diceOf } from "../../src/model/planning/dice.ts"

export interface DispatchRow {
  readonly ready: number
  readonly lanes: number
  readonly needs: number
  /** Each is one `next`, one `complete`, and one `schedule` that keeps the number of ready tasks as it is. */
  readonly perCpuSecond: number
}

const rounds = 200_000

export const dispatchSpeed = (say: (text: string) => void): ReadonlyArray<DispatchRow> => {
  say("\n| ready tasks | lanes | different needs | decisions per CPU second |")
  say("|---|---|---|---|")
  const rows: Array<DispatchRow> = []
  for (const ready of [1_000, 100_000])
    for (const [lanes, needs] of [
      [1, 1],
      [1, 5],
      [10, 5],
      [1_000, 5]
    ] as const) {
      const row = { ready, lanes, needs, perCpuSecond: speed(ready, lanes, needs) }
      rows.push(row)
      say(
        `| ${ready.toLocaleString("en")} | ${lanes.toLocaleString("en")} | ${needs} | ${row.perCpuSecond.toLocaleString("en")} |`
      )
    }
  return rows
}

const speed = (ready: number, lanes: number, needs: number): number => {
  const dice = diceOf(1)
  const queue = new Dispatcher()
  const tasks = Array.from({ length: ready + rounds }, (_, i) => ({
    id: `task-${i}`,
    lane: `lane-${i % lanes}`,
    priority: dice.below(101),
    deadlineMs: dice.below(1_000_000),
    pathMs: dice.below(10_000),
    needs: [`can-${dice.below(needs)}`]
  }))
  const can = Array.from({ length: needs }, (_, i) => `can-${i}`)
  for (let i = 0; i < ready; i++) queue.schedule(tasks[i]!, i)
  const before = process.cpuUsage()
  for (let i = ready; i < ready + rounds; i++) {
    const task = queue.next(can, i)!
    queue.complete(task.id, i + 1)
    queue.schedule(tasks[i]!, i + 1)
  }
  const { user, system } = process.cpuUsage(before)
  return Math.round(rounds / ((user + system) / 1e6))
}
