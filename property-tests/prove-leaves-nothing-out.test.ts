// What `prove` leaves out it has seen before: its states are counted anew, and held against going through every order there is.
import { fc, test as propertyTest } from "@fast-check/vitest"
import { type Json, task, type, type Workflow, workflow } from "troupe"
import { type ProveOptions, prove, type World } from "troupe/chaos"
import { describe, expect } from "vitest"

const echo = task("echo", { in: type<Json>(), out: type<Json>(), run: (input) => input })
const names = ["a", "b", "c", "d", "e"] as const

/** For each task, which of those before it it waits for. */
type Shape = ReadonlyArray<number>
const shape = (most: number): fc.Arbitrary<Shape> =>
  fc
    .integer({ min: 1, max: most })
    .chain((size) => fc.tuple(...Array.from({ length: size }, (_, i) => fc.nat({ max: 2 ** i - 1 }))))

/** Sets of tasks that contain what their members wait for, and the steps between them. */
const downSets = (shape: Shape): { readonly states: number; readonly transitions: number } => {
  let states = 0
  let transitions = 0
  for (let set = 0; set < 2 ** shape.length; set++) {
    const isDown = shape.every((waitsFor, i) => ((set >> i) & 1) === 0 || (waitsFor & ~set) === 0)
    if (!isDown) continue
    states++
    for (const [i, waitsFor] of shape.entries()) if (((set >> i) & 1) === 0 && (waitsFor & ~set) === 0) transitions++
  }
  return { states, transitions }
}

const graph = (shape: Shape): Workflow => {
  let flow: any = workflow("graph", type<null>())
  shape.forEach((waitsFor, i) => {
    const after = names.filter((_, k) => ((waitsFor >> k) & 1) === 1)
    flow = flow.task(names[i], echo, () => i, { after })
  })
  return flow.returns(() => null)
}

const patient = task("patient", {
  in: type<Json>(),
  out: type<Json>(),
  retry: { attempts: 2 },
  run: async (input) => input
})
const failing = task("failing", {
  in: type<Json>(),
  out: type<Json>(),
  retry: { attempts: 2 },
  run: (input, { attempt }) => {
    if (attempt === 1) throw new TypeError("not at first")
    return input
  }
})
const inner = workflow("inner", type<Json>())
  .task("x", patient, ($) => $.input)
  .task("y", echo, ($) => $.input)
  .returns(($) => [$.x, $.y])

const parts: { readonly [kind: string]: (flow: any, key: string, after: ReadonlyArray<string>) => any } = {
  task: (flow, key, after) => flow.task(key, echo, () => key, { after }),
  retried: (flow, key, after) => flow.task(key, patient, () => key, { after }),
  failing: (flow, key, after) => flow.task(key, failing, () => key, { after }),
  items: (flow, key, after) => flow.map(key, echo, () => [1, 2], { after }),
  holes: (flow, key, after) => flow.map(key, patient, () => [1, 2], { after, partial: true }),
  queue: (flow, key, after) => flow.map(key, echo, () => [1, 2, 3], { after, concurrency: 1 }),
  inners: (flow, key, after) => flow.map(key, inner, () => [1, 2], { after, partial: true, concurrency: 1 }),
  use: (flow, key, after) => flow.use(key, inner, () => key, { after }),
  gate: (flow, key, after) => flow.gate(key, type<Json>(), { within: "1d", otherwise: "fail", after }),
  sleep: (flow, key, after) => flow.sleep(key, "1h", { after })
}
const part = fc.record({ kind: fc.constantFrom(...Object.keys(parts)), isAfter: fc.boolean() })
const kinds = fc.subarray(["throw", "permanent", "late", "crash"] as const, { minLength: 1 })
type Given = ReadonlyArray<{ readonly kind: string; readonly isAfter: boolean }>

const flowOf = (given: Given): Workflow => {
  let flow: any = workflow("some", type<null>())
  given.forEach(({ kind, isAfter }, i) => {
    flow = parts[kind]!(flow, names[i]!, isAfter && i > 0 ? [names[i - 1]!] : [])
  })
  return flow.returns(($: any) => given.map((_, i) => $[names[i]!]))
}

/** All that invariants see anywhere, and how runs end; undefined when that is too much. */
const seen = async (given: Given, options: ProveOptions) => {
  const moments = new Set<string>()
  const counts = new Set<string>()
  const always = (world: World) => {
    const { status, error, lives, output } = world
    const tasks = given.map((_, i) => [world.calls(names[i]!), world.done(names[i]!), world.effects(names[i]!)])
    counts.add(JSON.stringify([status, error, lives, tasks]))
    moments.add(JSON.stringify([status, error, lives, output, tasks]))
  }
  const { complete, ends } = await prove(flowOf(given), {
    input: null,
    faults: 1,
    statesMost: 2_500,
    samples: 0,
    always,
    ...options
  })
  return complete ? { ends, counts: [...counts].sort(), moments: [...moments].sort() } : undefined
}

describe("prove", () => {
  propertyTest.prop([shape(5)], { numRuns: 40 })(
    "without faults a graph has one state for each set of tasks that may be done, and one step for each next task",
    async (given) => {
      const { states, transitions } = await prove(graph(given), { input: null, faults: 0 })
      expect({ states, transitions }).toEqual(downSets(given))
    }
  )

  propertyTest.prop([fc.array(part, { minLength: 1, maxLength: 3 }), kinds], { numRuns: 40 })(
    "merging what is the same, and items that are alike, loses no end and nothing that an invariant can see",
    async (given, kinds) => {
      const every = await seen(given, { kinds, merge: false, symmetry: false })
      // so many orders that nobody can go through all of them
      fc.pre(every !== undefined)
      const merged = await seen(given, { kinds, symmetry: false })
      const alike = await seen(given, { kinds })
      expect(merged).toEqual(every)
      expect(alike?.ends).toEqual(every!.ends)
      expect(alike?.counts).toEqual(every!.counts)
    }
  )
})
