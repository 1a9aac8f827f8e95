/** Generated workflows, and a stage on which the test decides which task ends when. */
import { fc } from "@fast-check/vitest"
import type { TaskIR, WorkflowIR } from "troupe"
import { task, type } from "troupe"
import { deepFreeze } from "../src/model/json.ts"
import { settle } from "../test/clock.ts"

/** A graph: for each task the earlier ones that it waits for. */
export const graph = (most: number): fc.Arbitrary<ReadonlyArray<ReadonlyArray<number>>> =>
  fc
    .integer({ min: 1, max: most })
    .chain((size) =>
      fc.tuple(
        ...Array.from({ length: size }, (_, i) =>
          i === 0
            ? fc.constant<Array<number>>([])
            : fc.uniqueArray(fc.integer({ min: 0, max: i - 1 }), { maxLength: 3 })
        )
      )
    )

export const idOf = (i: number) => `t${i}`

/** A workflow of that graph: each task gets its own number and the results of those it waits for. */
export const workflowOf = (deps: ReadonlyArray<ReadonlyArray<number>>, more: Partial<WorkflowIR> = {}): WorkflowIR =>
  deepFreeze({
    ir: 1,
    name: "generated",
    tasks: deps.map(
      (list, i): TaskIR => ({ id: idOf(i), task: "step", input: { i, from: list.map((dep) => ({ $: idOf(dep) })) } })
    ),
    output: deps.map((_, i) => ({ $: idOf(i) })),
    ...more
  })

/** What that workflow gives, worked out without any engine. */
export const expected = (deps: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> => {
  const values: Array<number> = []
  deps.forEach((list, i) => values.push((list.reduce((sum, dep) => sum + values[dep]!, i + 1) * 31) % 1_000_003))
  return values
}

interface Waiting {
  readonly i: number
  readonly end: () => void
  readonly fail: (error: Error) => void
}

/** Tasks that end when the test says so; everything that starts and ends is noted. */
export const stage = () => {
  const waiting: Array<Waiting> = []
  const log: Array<string> = []
  const step = task("step", {
    in: type<{ i: number; from: Array<number> }>(),
    out: type<number>(),
    run: ({ i, from }, { signal }) =>
      new Promise<number>((resolve, reject) => {
        log.push(`+${i}`)
        waiting.push({
          i,
          end: () => {
            log.push(`-${i}`)
            resolve((from.reduce((sum, value) => sum + value, i + 1) * 31) % 1_000_003)
          },
          fail: reject
        })
        signal.addEventListener("abort", () => {
          log.push(`x${i}`)
          reject(signal.reason)
        })
      })
  })
  /** Ends one of the waiting tasks. */
  const endOne = async (pick: number) => {
    const [chosen] = waiting.splice(pick % waiting.length, 1)
    chosen!.end()
    await settle(1)
  }
  return { step, waiting, log, settle: () => settle(1), endOne }
}
