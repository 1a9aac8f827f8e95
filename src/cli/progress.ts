/** The live view on a terminal: a bar, what is at work, when it may be done. Shown only for what takes longer than a moment. */
import type { Run } from "../engine/orchestrator.ts"
import type { RunState } from "../engine/progress.ts"
import { bold, cyan, dim, duration, oneLine } from "./output.ts"

const delayMs = 500
const intervalMs = 100

/** Shows a run on stderr until the function it gives back is called; does nothing where stderr is no terminal. */
export const watch = (run: Run): (() => void) => {
  const { stderr } = process
  if (stderr.isTTY !== true) return () => {}
  let isShown = false
  const clear = () => {
    if (isShown) stderr.write("\r\u001b[2K")
  }
  const draw = async () => {
    const state = await run.status()
    clear()
    isShown = true
    stderr.write(line(state, stderr.columns ?? 80))
  }
  let interval: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    interval = setInterval(draw, intervalMs)
  }, delayMs)
  return () => {
    clearTimeout(first)
    clearInterval(interval)
    clear()
  }
}

/** A bar for something that is counted; shown only on a terminal, and only for what takes longer than a moment. */
export const bar = (
  what: string
): { readonly set: (done: number, total: number) => void; readonly end: () => void } => {
  const { stderr } = process
  const since = performance.now()
  let isShown = false
  return {
    set: (done, total) => {
      if (stderr.isTTY !== true || performance.now() - since < delayMs) return
      isShown = true
      const filled = total === 0 ? width : Math.round((width * done) / total)
      const share = total === 0 ? 100 : (100 * done) / total
      stderr.write(
        `\r\u001b[2K${cyan("█".repeat(filled), stderr)}${dim("░".repeat(width - filled), stderr)} ${share.toFixed(0).padStart(3)}% ${what}`
      )
    },
    end: () => {
      if (isShown) stderr.write("\r\u001b[2K")
    }
  }
}

const width = 24

/** One line that fits the terminal. */
export const line = ({ percent, current, waiting, eta, tasks, status }: RunState, columns: number): string => {
  const filled = Math.round((percent / 100) * width)
  const bar = `${cyan("█".repeat(filled), process.stderr)}${dim("░".repeat(width - filled), process.stderr)}`
  const head = `${percent.toFixed(1).padStart(5)}% ${tasks.completed + tasks.skipped}/${tasks.total}`
  const left = eta === undefined ? "" : ` ~${duration(Math.max(0, eta.getTime() - Date.now()))} left`
  const doing =
    status === "paused" ? "paused" : (current[0] ?? (waiting[0] === undefined ? "" : `waiting: ${waiting[0]}`))
  const more = current.length > 1 ? ` +${current.length - 1}` : ""
  const room = columns - width - head.length - left.length - more.length - 4
  const name = oneLine(doing)
  return `${bar} ${head}${left} ${bold(room < 4 ? "" : name.length > room ? `${name.slice(0, room - 1)}…` : name, process.stderr)}${more}`
}
