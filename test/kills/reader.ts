import { setTimeout as wait } from "node:timers/promises"
import type { Child } from "./children.ts"
import { type Line, readLog } from "./log.ts"

/** Follows what a process writes down. */
export const reader = (folder: string) => {
  const since = { acks: 0, deeds: 0 }
  const lines: Array<Line> = []
  const read = () => {
    lines.push(...readLog(folder, since))
    return lines.at(-1)?.nth ?? -1
  }
  return {
    lines,
    read,
    /** Waits for a line; gives it, or undefined when the process ends first. */
    until: async (isIt: (line: Line) => boolean, child: Child): Promise<Line | undefined> => {
      let isOver = false
      void child.exit.then(() => {
        isOver = true
      })
      for (;;) {
        const wasOver = isOver
        read()
        const found = lines.find(isIt)
        if (found !== undefined || wasOver) return found
        await wait(5)
      }
    }
  }
}
