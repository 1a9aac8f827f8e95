/**
 * What can be undone, put by chance on the steps of generated workflows: on tasks, items, rounds, and in workflows inside. The code
 * that does it remembers what it has done outside, under which key, for whoever asks.
 */
import * as fc from "fast-check"
import { task, type, type WorkflowIR } from "../src/index.ts"
import type { Each, TaskIR, Undo, Work } from "../src/model/ir.ts"
import { deepFreeze, type Json } from "../src/model/json.ts"
import { flowOf, type Shape, shapes, valueOf } from "./shapes.ts"

/** What a step says about taking it back. */
export type Mark = "none" | "ask" | "verify" | "undo" | "pivot"

/** For so many steps; there may be more, which begin with the first again. */
export const marks: fc.Arbitrary<ReadonlyArray<Mark>> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<Mark>("ask", "verify", "undo") },
    { weight: 1, arbitrary: fc.constant<Mark>("pivot") },
    { weight: 2, arbitrary: fc.constant<Mark>("none") }
  ),
  { minLength: 7, maxLength: 7 }
)

const undoOf = (mark: Exclude<Mark, "none" | "pivot">): Undo => ({
  task: "step.undo",
  onUnknown: mark,
  retry: { attempts: 2, baseMs: 10 },
  ...(mark === "verify" ? { verify: { task: "step.verify", retry: { attempts: 3, baseMs: 10 } } } : {})
})

const marked = <W extends object>(work: W, mark: Mark): W =>
  mark === "none"
    ? work
    : { ...work, timeoutMs: 60_000, ...(mark === "pivot" ? { pivot: true } : { undo: undoOf(mark) }) }

const isStep = (work: object): boolean => !("kind" in work) && (work as { readonly task?: string }).task === "step"

/** A workflow whose steps can be undone, or are pivots, as the marks say. */
export const undoable = (ir: WorkflowIR, given: ReadonlyArray<Mark>): WorkflowIR => {
  let next = 0
  const take = <W extends object>(work: W): W => marked(work, given[next++ % given.length]!)
  const inner = (one: string | WorkflowIR) => (typeof one === "string" ? one : whole(one))
  const each = (one: Each): Each => (isStep(one) ? take(one) : one)
  const ofTask = (one: TaskIR): TaskIR => {
    if (isStep(one)) return take(one as Work & TaskIR)
    if ("each" in one) return { ...one, each: each(one.each) }
    if ("cases" in one)
      return { ...one, cases: Object.fromEntries(Object.entries(one.cases).map(([name, it]) => [name, inner(it)])) }
    return "workflow" in one ? { ...one, workflow: inner(one.workflow) } : one
  }
  const whole = (one: WorkflowIR): WorkflowIR => ({ ...one, tasks: one.tasks.map(ofTask) })
  return deepFreeze(whole(ir))
}

/** What the planner gives: its steps can be undone like others. */
export const fragmentOf = (
  given: ReadonlyArray<Mark>
): { readonly tasks: ReadonlyArray<TaskIR>; readonly output: Json } => ({
  tasks: [
    marked({ id: "p", task: "step", input: [1] } as TaskIR, given[0]!),
    marked({ id: "q", task: "step", input: { $: "p" } } as TaskIR, given[1]!)
  ],
  output: { $: "q" }
})

export interface Saga {
  readonly shape: ReadonlyArray<Shape>
  readonly marks: ReadonlyArray<Mark>
  /** A last task waits for these and fails; without, nothing fails by itself. */
  readonly doom: ReadonlyArray<number> | undefined
  readonly onFailure: "stop" | "continue"
}

export const sagas = (most: number): fc.Arbitrary<Saga> =>
  fc.record({
    shape: shapes(most),
    marks,
    doom: fc.oneof(
      { weight: 3, arbitrary: fc.array(fc.nat(most), { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant(undefined) }
    ),
    onFailure: fc.constantFrom("stop" as const, "stop" as const, "continue" as const)
  })

export const flowOfSaga = ({ shape, marks: given, doom, onFailure }: Saga): WorkflowIR => {
  const ir = undoable(flowOf(shape, { config: { onFailure } }), given)
  if (doom === undefined) return ir
  const after = [...new Set(doom.map((at) => `t${at % shape.length}`))]
  return deepFreeze({ ...ir, tasks: [...ir.tasks, { id: "doom", task: "step", input: null, after }] })
}

/** The code, and what it has done outside; `reset` forgets it. */
export const sagaCode = ({ marks: given }: Pick<Saga, "marks">) => {
  const outside = new Map<string, number>()
  const step = task("step", {
    in: type<any>(),
    out: type<number>(),
    run: async (input, { key, task: path }) => {
      if (path === "doom") throw Object.assign(new TypeError(`${path} is down`), { retryable: false })
      const value = valueOf(input)
      outside.set(key, value)
      return value
    },
    undo: {
      run: async () => {},
      verify: async (_, __, { key }) => (outside.has(key) ? { result: outside.get(key)! } : null)
    }
  })
  const plan = task("plan", { in: type<any>(), out: type<any>(), run: () => fragmentOf(given) })
  return { code: { step, plan }, reset: () => outside.clear() }
}
