/** Workflows by chance, with tasks of all kinds, and what each of them gives, worked out without any engine. */
import * as fc from "fast-check"
import type { TaskIR, WorkflowIR } from "../src/model/ir.ts"
import { canonical, deepFreeze, type Json } from "../src/model/json.ts"

/** What a step gives for its input. */
export const valueOf = (input: Json): number => {
  let hash = 17
  for (const char of canonical(input)) hash = (hash * 31 + char.charCodeAt(0)) % 1_000_003
  return hash
}

const kinds = ["task", "task", "task", "map", "sleep", "gate", "use", "repeat", "echo", "branch", "expand"] as const
type Kind = (typeof kinds)[number]
export interface Shape {
  readonly kind: Kind
  readonly deps: ReadonlyArray<number>
}

/** Graphs of all kinds of tasks: each waits for some of the earlier ones. */
export const shapes = (most: number, least = 1): fc.Arbitrary<ReadonlyArray<Shape>> =>
  fc.integer({ min: least, max: most }).chain((size) =>
    fc.tuple(
      ...Array.from({ length: size }, (_, i) =>
        fc.record({
          kind: fc.constantFrom(...kinds),
          deps:
            i === 0
              ? fc.constant([])
              : fc.uniqueArray(fc.integer({ min: 0, max: i - 1 }), { maxLength: Math.min(i, 2) })
        })
      )
    )
  )

const retry = { attempts: 3, baseMs: 2_000, backoff: "fixed" } as const
const inner: WorkflowIR = {
  ir: 1,
  name: "inner",
  tasks: [
    { id: "a", task: "step", input: { $: "input" }, retry },
    { id: "b", task: "step", input: [{ $: "a" }] }
  ],
  output: { $: "b" }
}
const loop: WorkflowIR = {
  ir: 1,
  name: "loop",
  tasks: [{ id: "s", task: "step", input: { $: "input" } }],
  output: { $: "s" }
}

/** A workflow of that shape. */
export const flowOf = (given: ReadonlyArray<Shape>, more: Partial<WorkflowIR> = {}): WorkflowIR =>
  deepFreeze({
    ir: 1,
    name: "generated",
    tasks: given.map(({ kind, deps }, i): TaskIR => {
      const id = `t${i}`
      const after = { after: deps.map((dep) => `t${dep}`) }
      const input = { i, from: deps.map((dep) => ({ $: `t${dep}` })) }
      switch (kind) {
        case "task":
          return { id, task: "step", input, retry }
        case "echo":
          return { id, kind: "echo", input }
        case "map":
          return {
            id,
            kind: "map",
            over: 3,
            concurrency: 2,
            each: { task: "step", input: { $: "index" }, retry },
            ...after
          }
        case "sleep":
          return { id, kind: "sleep", durationMs: 1_000 * (i + 1), ...after }
        case "gate":
          // nobody answers; what stands for an answer comes after as long
          return {
            id,
            kind: "gate",
            withinMs: 700 * (i + 1),
            otherwise: { value: { asked: { $: "input" } } },
            ...after
          }
        case "use":
          return { id, kind: "use", workflow: inner, input }
        case "branch":
          return { id, kind: "branch", on: "yes", cases: { yes: inner, no: loop }, input, ...after }
        case "expand":
          return { id, task: "plan", expand: true, input }
        case "repeat":
          return {
            id,
            kind: "repeat",
            workflow: loop,
            input,
            until: { gte: [{ $: "round" }, 2] },
            max: 3,
            delayMs: 500
          }
      }
    }),
    output: given.map((_, i) => ({ $: `t${i}` })),
    ...more
  })

/** What that workflow gives, worked out without any engine. */
export const outputOf = (given: ReadonlyArray<Shape>): ReadonlyArray<Json> => {
  const values: Array<Json> = []
  given.forEach(({ kind, deps }, i) => {
    const input: Json = { i, from: deps.map((dep) => values[dep]!) }
    const value: Record<Kind, () => Json> = {
      task: () => valueOf(input),
      echo: () => input,
      map: () => [0, 1, 2].map(valueOf),
      sleep: () => null,
      gate: () => ({ asked: null }),
      use: () => valueOf([valueOf(input)]),
      branch: () => valueOf([valueOf(input)]),
      expand: () => valueOf(valueOf([1])),
      repeat: () => valueOf(valueOf(input))
    }
    values.push(value[kind]())
  })
  return values
}
