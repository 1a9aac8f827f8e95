// A source that tests fill by hand: its streams grow when they say so, and it knows how much was pulled.
import { AskRefused, StreamUnknown } from "../../src/inspect/errors.ts"
import type { Ask, RunRow, Seen, SeenEvent } from "../../src/inspect/protocol.ts"
import type { Source } from "../../src/inspect/source.ts"

export const rowOf = (run: string): RunRow => ({
  run,
  workflow: "flow",
  status: "running",
  percent: 0,
  submittedAt: 1,
  updatedAt: 1,
  tasks: { total: 1, completed: 0, failed: 0 }
})

export const numbered = (seen: ReadonlyArray<Seen>): ReadonlyArray<SeenEvent> =>
  seen.map((one, seq) => ({ ...one, seq, t: 1_000 + seq }))

/** Events of a run with a definition of three tasks in a row. */
export const story: ReadonlyArray<SeenEvent> = numbered([
  {
    kind: "definition",
    hash: "h",
    ir: {
      ir: 1,
      name: "flow",
      tasks: [
        { id: "a", kind: "noop" },
        { id: "b", kind: "noop", after: ["a"] },
        { id: "c", kind: "noop", after: ["b"] }
      ]
    }
  },
  { kind: "run", run: "r1", workflow: "flow", hash: "h", input: {} },
  { kind: "journal", run: "r1", n: 0, message: { type: "run.submitted", at: 1_000, workflow: "flow", input: {} } },
  { kind: "actor", actor: "r1", id: "r1", logic: "workflow", run: "r1", value: "running", context: { n: 0 } },
  { kind: "actor", actor: "r1/a", parent: "r1", id: "a", logic: "task", run: "r1", task: "a", value: "attempting" },
  { kind: "task", run: "r1", task: "a", status: "running" },
  { kind: "attempt", run: "r1", task: "a", attempt: 1 },
  {
    kind: "journal",
    run: "r1",
    n: 1,
    message: { type: "attempt.succeeded", at: 1_005, task: "a", attempt: 1, value: 7 }
  },
  { kind: "task", run: "r1", task: "a", status: "succeeded" },
  { kind: "step", actor: "r1", event: "done", value: "running", patches: [{ op: "replace", path: ["n"], value: 1 }] },
  { kind: "task", run: "r1", task: "b", status: "failed" },
  {
    kind: "status",
    run: "r1",
    status: "failed",
    percent: 33,
    error: { task: "b", code: "X", message: "it broke" }
  }
])

export const fakeSource = (more: Partial<Source> = {}) => {
  const streams = new Map<string, Array<SeenEvent>>([["run:r1", [...story]]])
  const rows = [rowOf("r1")]
  const waiting = new Set<() => void>()
  const changed = new Set<() => void>()
  const performed: Array<readonly [Ask, string]> = []
  const counts = { pulled: 0, open: 0, overviews: 0 }
  const wake = () => {
    for (const go of waiting) go()
    waiting.clear()
  }
  const source: Source = {
    kind: "live",
    title: "a test",
    overview: async (limit) => {
      counts.overviews++
      return { streams: [...streams.keys()], runs: rows.slice(0, limit), total: rows.length }
    },
    onChange: (hear) => {
      changed.add(hear)
      return () => changed.delete(hear)
    },
    follow: async function* (stream, from, signal) {
      const events = streams.get(stream)
      if (events === undefined) throw new StreamUnknown({ stream })
      counts.open++
      try {
        for (let at = from; ; ) {
          const part = events.slice(at, at + 500)
          at += part.length
          counts.pulled += part.length
          yield { events: part, isCaughtUp: at >= events.length }
          if (signal?.aborted === true) return
          if (at < events.length) continue
          await new Promise<void>((resolve) => {
            waiting.add(resolve)
            signal?.addEventListener("abort", () => resolve())
          })
        }
      } finally {
        counts.open--
      }
    },
    perform: async (ask, who) => {
      if (ask.run === "gone") throw new AskRefused({ code: "RUN_NOT_FOUND", message: "there is no run 'gone'" })
      performed.push([ask, who])
      return { run: ask.run ?? null, ok: true }
    },
    close: async () => {},
    ...more
  }
  return {
    source,
    performed,
    counts,
    listeners: changed,
    /** Adds events to a stream, and wakes those who follow it. */
    push: (stream: string, seen: ReadonlyArray<Seen>) => {
      const events = streams.get(stream) ?? []
      streams.set(stream, events)
      for (const one of seen) events.push({ ...one, seq: events.length, t: 2_000 + events.length })
      wake()
    },
    change: () => {
      for (const hear of changed) hear()
    },
    wake
  }
}
