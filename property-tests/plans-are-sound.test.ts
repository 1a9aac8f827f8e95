import { fc, test } from "@fast-check/vitest"
import type { Inventory, Resources, TaskIR } from "troupe"
import { plan } from "troupe"
import { describe, expect } from "vitest"
import { graph, idOf } from "./arbitraries.ts"

const durations = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 20, maxLength: 20 })
const needs = fc.array(fc.record({ cpu: fc.integer({ min: 0, max: 3 }), R: fc.integer({ min: 0, max: 2 }) }), {
  minLength: 20,
  maxLength: 20
})
const policy = fc.constantFrom("critical-path", "priority", "fifo", "shortest", "longest") as fc.Arbitrary<"fifo">
const inventory: fc.Arbitrary<Inventory | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: 3, max: 5 }).map((cpu) => ({ cpu, custom: { R: 2 } })),
  fc
    .integer({ min: 1, max: 4 })
    .map((n) => ({ workers: Array.from({ length: n }, (_, i) => ({ id: `w${i}` })), custom: { R: 2 } }))
)

const irOf = (
  deps: ReadonlyArray<ReadonlyArray<number>>,
  lengths: ReadonlyArray<number>,
  resources: ReadonlyArray<{ cpu: number; R: number }>
) => ({
  ir: 1 as const,
  name: "w",
  tasks: deps.map(
    (list, i): TaskIR => ({
      id: idOf(i),
      kind: "noop",
      after: list.map(idOf),
      estimateMs: lengths[i]!,
      resources: { cpu: resources[i]!.cpu, custom: { R: resources[i]!.R } } satisfies Resources
    })
  )
})

describe("plans of generated workflows", () => {
  test.prop([graph(20), durations, needs, inventory, policy], { numRuns: 400 })(
    "the schedule keeps order and capacity, holds every task once, and is no shorter than its bound",
    (deps, lengths, resources, given, rule) => {
      const made = plan(irOf(deps, lengths, resources), {
        policy: rule,
        ...(given === undefined ? {} : { resources: given })
      })
      const at = new Map(made.schedule.map((task) => [task.task, task]))

      expect(made.problems).toEqual([])
      expect(at.size).toBe(deps.length)
      deps.forEach((list, i) => {
        const task = at.get(idOf(i))!
        expect(task.endMs - task.startMs).toBe(lengths[i])
        for (const dep of list) expect(task.startMs).toBeGreaterThanOrEqual(at.get(idOf(dep))!.endMs)
      })
      expect(made.makespanMs).toBe(Math.max(...made.schedule.map(({ endMs }) => endMs)))
      expect(made.makespanMs).toBeGreaterThanOrEqual(made.lowerBoundMs - 1e-9)
      if (given === undefined) expect(made.makespanMs).toBe(made.criticalPathMs)
      // capacity at each instant where something starts
      for (const { startMs } of made.schedule) {
        const running = made.schedule.filter((task) => task.startMs <= startMs && startMs < task.endMs)
        const used = (name: "cpu" | "R") =>
          running.reduce((sum, { task }) => sum + resources[Number(task.slice(1))]![name], 0)
        if (given?.custom !== undefined) expect(used("R")).toBeLessThanOrEqual(2)
        if (given?.cpu !== undefined) expect(used("cpu")).toBeLessThanOrEqual(given.cpu)
        if (given?.workers !== undefined) expect(new Set(running.map(({ worker }) => worker)).size).toBe(running.length)
      }
    }
  )

  test.prop([graph(20), durations, needs], { numRuns: 200 })(
    "stages: each task stands after all it needs; the critical path is a path, and as long as it says",
    (deps, lengths, resources) => {
      const made = plan(irOf(deps, lengths, resources))
      const stageOf = new Map(made.stages.flatMap(({ stage, tasks }) => tasks.map((task) => [task, stage] as const)))
      deps.forEach((list, i) => {
        const before = list.map((dep) => stageOf.get(idOf(dep))!)
        expect(stageOf.get(idOf(i))).toBe(1 + Math.max(0, ...before))
      })
      const path = made.criticalPath.map((id) => Number(id.slice(1)))
      for (let i = 0; i + 1 < path.length; i++) expect(deps[path[i + 1]!]).toContain(path[i])
      expect(path.reduce((sum, i) => sum + lengths[i]!, 0)).toBe(made.criticalPathMs)
      for (const slack of Object.values(made.slackMs)) expect(slack).toBeGreaterThan(0)
    }
  )

  test.prop([graph(15), durations, needs, fc.integer({ min: 0, max: 1_000 })], { numRuns: 100 })(
    "the same workflow has the same plan again",
    (deps, lengths, resources) => {
      const ir = irOf(deps, lengths, resources)
      const given = { resources: { workers: [{ id: "a" }, { id: "b" }] } }
      expect(plan(structuredClone(ir), given)).toEqual(plan(ir, given))
    }
  )
})
