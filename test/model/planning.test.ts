// The parts of the planner: what is easily wrong in them, one by one.
import { fc, test as property } from "@fast-check/vitest"
import type { TaskIR, WorkflowIR } from "troupe"
import { plan } from "troupe"
import { describe, expect, test } from "vitest"
import { analyzeDependencies } from "../../src/model/dependencies.ts"
import { diceOf } from "../../src/model/planning/dice.ts"
import { Line } from "../../src/model/planning/line.ts"
import { AgentMoves } from "../../src/model/planning/machines.ts"
import { demandOf, Profile } from "../../src/model/planning/profile.ts"
import { changeAtOnce, lateness } from "../../src/model/planning/sequence.ts"
import { TeamBuilder } from "../../src/model/planning/team.ts"

const ir = (tasks: ReadonlyArray<object>, resources: WorkflowIR["resources"] = {}): WorkflowIR => ({
  ir: 1,
  name: "w",
  resources,
  tasks: tasks.map((task): TaskIR => ({ kind: "noop", estimateMs: 5, ...task }) as TaskIR)
})
const conflictOf = (workflow: WorkflowIR) => {
  const { conflict, schedule } = plan(workflow)
  expect(schedule).toEqual([])
  expect(conflict?.isProven).toBe(true)
  return conflict!.conflict.map(
    ({ task, constraint, other, value }) =>
      `${constraint} ${[task, other, value].filter((one) => one !== undefined).join(" ")}`
  )
}

describe("B13 what cannot hold together, and nothing beside it", () => {
  const unrelated = { id: "other", deadlineMs: 5, releaseMs: 0, excludes: [] }
  test("a chain that is longer than its deadline", () => {
    expect(
      conflictOf(ir([{ id: "a" }, { id: "b", after: ["a"] }, { id: "c", after: ["b"], deadlineMs: 14 }, unrelated]))
    ).toEqual(["deadlineMs c 14"])
  })
  test("a task that may not start before it must have ended", () => {
    expect(conflictOf(ir([{ id: "a", releaseMs: 3, deadlineMs: 7 }, unrelated])).sort()).toEqual([
      "deadlineMs a 7",
      "releaseMs a 3"
    ])
  })
  test("two that exclude each other and are due at once; deadlines that just fit are no part of it", () => {
    const tight = [
      { id: "x", deadlineMs: 10, excludes: ["y"] },
      { id: "y", deadlineMs: 10 }
    ]
    expect(plan(ir(tight)).problems).toEqual([])
    expect(
      conflictOf(ir([...tight, { id: "a", deadlineMs: 9, excludes: ["b"] }, { id: "b", deadlineMs: 9 }])).sort()
    ).toEqual(["deadlineMs a 9", "deadlineMs b 9", "excludes a b"])
  })
  test("more work than there is room for until then", () => {
    const tasks = ["a", "b", "c"].map((id) => ({ id, deadlineMs: 5, resources: { custom: { R: 1 } } }))
    expect(conflictOf(ir(tasks, { custom: { R: 2 } }))).toHaveLength(3)
    expect(plan(ir(tasks, { custom: { R: 3 } })).problems).toEqual([])
  })
  test("three that must all have another worker, and two workers; the same worker, who cannot do both", () => {
    const workers = { workers: [{ id: "ann" }, { id: "bob" }] }
    const three = [
      { id: "a", differentAgentFrom: ["b", "c"] },
      { id: "b", differentAgentFrom: ["c"] },
      { id: "c" },
      unrelated
    ]
    expect(conflictOf(ir(three, workers)).sort()).toEqual([
      "differentAgentFrom a b",
      "differentAgentFrom a c",
      "differentAgentFrom b c"
    ])
    expect(
      conflictOf(
        ir(
          [
            { id: "a", agents: ["ann"] },
            { id: "b", agents: ["bob"], sameAgentAs: ["a"] }
          ],
          workers
        )
      ).sort()
    ).toEqual(["agents a", "agents b", "sameAgentAs b a"])
    expect(
      conflictOf(ir([{ id: "a", sameAgentAs: ["b"], differentAgentFrom: ["b"] }, { id: "b" }], workers)).sort()
    ).toEqual(["differentAgentFrom a b", "sameAgentAs a b"])
  })
  test("a team for which there are not enough people, though there are enough for each skill", () => {
    const workers = { workers: [{ id: "ann", can: ["weld", "paint"] }, { id: "bob" }] }
    expect(conflictOf(ir([{ id: "a", skills: { weld: 1, paint: 1 } }], workers))).toEqual(["skills a"])
  })
})

describe("the parts of the planner", () => {
  property.prop(
    [fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 6 })), { maxLength: 15 })],
    {
      numRuns: 300
    }
  )("one agent is never given two things at once, and gets each at the earliest time that is free", (wanted) => {
    const line = new Line()
    const busy = new Set<number>()
    for (const [from, length] of wanted) {
      const free = (at: number) => Array.from({ length }, (_, i) => at + i).every((moment) => !busy.has(moment))
      let earliest = from
      while (!free(earliest)) earliest++
      expect(line.isFree(from, length)).toBe(free(from))
      expect(line.earliest(length, from)).toBe(earliest)
      line.take(earliest, earliest + length)
      for (let i = 0; i < length; i++) busy.add(earliest + i)
    }
  })

  property.prop(
    [
      fc.array(
        fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 })),
        {
          maxLength: 15
        }
      )
    ],
    { numRuns: 300 }
  )("what is shared is never taken twice, and each gets its part at the earliest time that it is free", (wanted) => {
    const profile = new Profile([3], 40)
    const used = new Map<number, number>()
    for (const [from, length, amount] of wanted) {
      const demand = demandOf([[0, amount]])
      const free = (at: number) =>
        Array.from({ length }, (_, i) => at + i).every((moment) => (used.get(moment) ?? 0) + amount <= 3)
      let earliest = from
      while (!free(earliest)) earliest++
      expect(profile.earliest(demand, length, from, 0)).toBe(earliest)
      profile.take(demand, earliest, earliest + length, profile.place)
      for (let i = 0; i < length; i++) used.set(earliest + i, (used.get(earliest + i) ?? 0) + amount)
    }
  })

  property.prop(
    [
      fc.array(
        fc.record({
          length: fc.integer({ min: 1, max: 9 }),
          due: fc.integer({ min: 0, max: 60 }),
          weight: fc.integer({ min: 0, max: 5 })
        }),
        { minLength: 1, maxLength: 15 }
      )
    ],
    { numRuns: 300 }
  )(
    "a pass of changes gives an order of the same tasks that is as good as it says, and no worse than before",
    (given) => {
      const queue = {
        durations: Float64Array.from(given, ({ length }) => length),
        dues: Float64Array.from(given, ({ due }) => due),
        weights: Float64Array.from(given, ({ weight }) => weight)
      }
      const order = Int32Array.from(given, (_, i) => i)
      const before = lateness(queue, order)
      const said = changeAtOnce(queue, order)
      expect([...order].sort((a, b) => a - b)).toEqual(given.map((_, i) => i))
      expect(lateness(queue, order)).toBe(said)
      expect(said).toBeLessThanOrEqual(before)
      // no swap of two is better than what the best set of changes gives
      if (said === before)
        for (let i = 0; i < order.length; i++)
          for (let j = i + 1; j < order.length; j++) {
            const swapped = order.slice()
            swapped[i] = order[j]!
            swapped[j] = order[i]!
            expect(lateness(queue, swapped)).toBeGreaterThanOrEqual(said)
          }
    }
  )

  property.prop(
    [
      fc.array(fc.subarray([0, 1, 2]), { minLength: 1, maxLength: 6 }),
      fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }))
    ],
    { numRuns: 300 }
  )("a team is found exactly where there is one, of the first people that can be in one", (can, counts) => {
    const total = counts[0] + counts[1] + counts[2]
    const builder = new TeamBuilder(can.map((skills) => new Set(skills)))
    const need = { skills: Int32Array.of(0, 1, 2), counts: Int32Array.from(counts), total }
    const fills = (left: ReadonlyArray<number>, people: ReadonlyArray<number>): boolean =>
      people.length === 0
        ? left.every((count) => count === 0)
        : can[people[0]!]!.some(
            (skill) =>
              left[skill]! > 0 &&
              fills(
                left.map((n, i) => (i === skill ? n - 1 : n)),
                people.slice(1)
              )
          )
    const teams = Array.from({ length: 2 ** can.length }, (_, bits) =>
      can.flatMap((_, i) => ((bits >> i) & 1 ? [i] : []))
    )
      .filter((people) => people.length === total && fills(counts, people))
      .sort((a, b) => a.map((one, i) => one - b[i]!).find((by) => by !== 0) ?? 0)
    const team = builder.build(
      need,
      can.map((_, i) => i)
    )
    expect(team?.map(({ agent }) => agent).sort((a, b) => a - b)).toEqual(teams[0])
    for (const { agent, skill } of team ?? []) expect(can[agent]).toContain(skill)
  })

  test("tasks of no length that are moved about never wait for each other in a circle", () => {
    const graph = analyzeDependencies({ a: [], b: ["a"], c: [], d: ["c"], e: ["b", "d"] })
    const agents = Int32Array.of(0, 1)
    const lengths = [0, 0, 3, 0, 2].map((length) => Float64Array.of(length, length))
    for (let seed = 0; seed < 200; seed++) {
      const placed = {
        graph,
        releases: Float64Array.of(4, 0, 0, 0, 0),
        agents: 2,
        agentsOf: graph.ids.map(() => agents),
        lengthsOf: lengths
      }
      const start = { agent: new Int32Array(5), starts: Float64Array.of(4, 4, 0, 4, 4), length: 6 }
      const found = new AgentMoves(placed, start).search(40, 0, diceOf(seed))
      expect(found.length).toBe(6)
      for (const [task, before] of [
        [1, 0],
        [3, 2],
        [4, 1],
        [4, 3]
      ] as const)
        expect(found.starts[task]!).toBeGreaterThanOrEqual(found.starts[before]! + lengths[before]![0]!)
    }
  })

  test("found: three tasks of no length, one that waits for another (seed 1792666818)", () => {
    const zero = { agents: [{ agent: "w0", estimateMs: 0 }] }
    const tasks = [
      { id: "t0", ...zero },
      {
        id: "t1",
        agents: [
          { agent: "w0", estimateMs: 1 },
          { agent: "w2", estimateMs: 0 }
        ],
        releaseMs: 9
      },
      { id: "t2", ...zero },
      { id: "t3", ...zero },
      {
        id: "t4",
        agents: [
          { agent: "w2", estimateMs: 7 },
          { agent: "w0", estimateMs: 8 },
          { agent: "w1", estimateMs: 2 }
        ],
        releaseMs: 10
      },
      {
        id: "t5",
        agents: [
          { agent: "w0", estimateMs: 8 },
          { agent: "w1", estimateMs: 3 }
        ],
        after: ["t1"]
      },
      { id: "t6", ...zero },
      { id: "t7", ...zero },
      { id: "t8", ...zero, after: ["t1"] },
      { id: "t9", ...zero }
    ]
    const { schedule } = plan(ir(tasks, { workers: [{ id: "w0" }, { id: "w1" }, { id: "w2" }] }), {
      effort: 80,
      seed: 14
    })
    expect(schedule[5]!.startMs).toBeGreaterThanOrEqual(schedule[1]!.endMs)
    expect(schedule[8]!.startMs).toBeGreaterThanOrEqual(schedule[1]!.endMs)
  })

  test("large plans keep to two passes, say so where effort is asked for, and refuse constraints", () => {
    const many = Array.from({ length: 10_001 }, (_, i) => ({ id: `t${i}`, resources: { custom: { R: 1 } } }))
    const made = plan(ir(many, { custom: { R: 100 } }), { effort: 10 })
    expect(made.problems).toMatchObject([{ code: "LIMIT_TASKS", severity: "warning" }])
    expect(made.makespanMs).toBe(505)
    const refused = plan(ir([...many, { id: "late", deadlineMs: 5 }], { custom: { R: 100 } }))
    expect(refused.problems).toMatchObject([{ code: "LIMIT_TASKS", severity: "error" }])
    expect(refused.schedule).toEqual([])
  })

  test("options that make no sense are refused with what could be", () => {
    const one = ir([{ id: "a" }])
    expect(() => plan(one, { effort: -1 })).toThrow("effort")
    expect(() => plan(one, { effort: 1.5 })).toThrow("a whole number from 0 to 1000000")
    expect(() => plan(one, { seed: Number.NaN })).toThrow("seed")
  })
})
