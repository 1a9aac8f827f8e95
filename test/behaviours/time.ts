/** A time that stands until a test moves it, for policies that are used alone. */
import type { Time } from "troupe/machines"

export const handTime = (start = 1_000): Time & { move(ms: number): void; timers(): number } => {
  let now = start
  const due = new Set<{ readonly at: number; readonly then: () => void }>()
  return {
    now: () => now,
    later: (ms, then) => {
      const timer = { at: now + ms, then }
      due.add(timer)
      return () => void due.delete(timer)
    },
    timers: () => due.size,
    move: (ms) => {
      const until = now + ms
      for (;;) {
        const next = [...due].sort((a, b) => a.at - b.at)[0]
        if (next === undefined || next.at > until) break
        due.delete(next)
        now = Math.max(now, next.at)
        next.then()
      }
      now = until
    }
  }
}
