import type { TaskIR, WorkflowIR } from "troupe"
import { plan, validate } from "troupe"
import { describe, expect, test } from "vitest"

const ir = (tasks: ReadonlyArray<object>, more: object = {}): WorkflowIR => ({
  ir: 1,
  name: "w",
  tasks: tasks as ReadonlyArray<TaskIR>,
  ...more
})
const t = (id: string, estimateMs: number, after: ReadonlyArray<string> = [], more: object = {}) => ({
  id,
  kind: "noop",
  estimateMs,
  after,
  ...more
})

describe("the plan of a workflow", () => {
  const diamond = ir([t("a", 10), t("slow", 100, ["a"]), t("fast", 20, ["a"]), t("z", 5, ["slow", "fast"])])
  test("B05–B09 stages, critical path, slack, parallelism", () => {
    const made = plan(diamond)

    expect(made.stages).toEqual([
      { stage: 1, tasks: ["a"], maxParallelism: 1, estimatedMs: 10 },
      { stage: 2, tasks: ["slow", "fast"], maxParallelism: 2, estimatedMs: 100 },
      { stage: 3, tasks: ["z"], maxParallelism: 1, estimatedMs: 5 }
    ])
    expect(made.criticalPath).toEqual(["a", "slow", "z"])
    expect(made).toMatchObject({
      criticalPathMs: 115,
      estimatedMs: 115,
      makespanMs: 115,
      lowerBoundMs: 115,
      slackMs: { fast: 80 },
      tasks: 4
    })
    expect(made.parallelism).toBeCloseTo(135 / 115)
  })
  test("the policies of each task, in the order in which they apply, whatever the order in which they are written", () => {
    const everything = {
      pivot: true,
      onFailed: "continue",
      fallback: { value: 0 },
      withinMs: 60_000,
      retry: { attempts: 3 },
      hedge: { afterMs: 10 },
      heartbeatMs: 100,
      timeoutMs: 1_000,
      breaker: "bank",
      rate: "bank",
      bulkhead: "bank",
      cache: { ttlMs: 1 },
      startWithinMs: 5_000
    }
    const undo = { task: "free" }
    const { schedule, problems } = plan(
      ir([
        { id: "all", needs: "x", ...everything },
        { id: "items", kind: "map", over: 2, each: { task: "x", undo, retry: { attempts: 2 } }, onFailed: "wait" },
        { id: "nothing", task: "x", retry: { attempts: 1 }, onFailed: "fail" }
      ])
    )

    expect(problems).toEqual([])
    expect(schedule.map(({ policies }) => policies?.join(" → "))).toEqual([
      "startWithin → cache → bulkhead → rate → breaker → timeout → heartbeat → hedge → retry → within → fallback → onFailed → pivot",
      "retry → onFailed → undo",
      undefined
    ])
  })
  test("workers: one task at a time each, the longest path first", () => {
    const made = plan(ir([t("x", 30), t("y", 30), t("long", 10), t("tail", 50, ["long"])]), {
      resources: { workers: [{ id: "w1" }, { id: "w2" }] }
    })

    expect(made.schedule.find(({ task }) => task === "long")?.startMs).toBe(0)
    expect(made.makespanMs).toBe(60)
    expect(new Set(made.schedule.map(({ worker }) => worker))).toEqual(new Set(["w1", "w2"]))
  })
  test("pools: amounts are never exceeded, what does not fit waits", () => {
    const made = plan(
      ir([
        t("a", 10, [], { resources: { cpu: 2 } }),
        t("b", 10, [], { resources: { cpu: 2 } }),
        t("c", 10, [], { resources: { cpu: 1, custom: { R: 1 } } })
      ]),
      { resources: { cpu: 3, custom: { R: 1 } } }
    )

    expect(made.makespanMs).toBe(20)
    expect(made.resources).toEqual({ total: { cpu: 5, R: 1 }, largest: { cpu: 2, R: 1 } })
    expect(made.stages[0]?.maxParallelism).toBe(2)
  })
  test("workers with amounts carry several tasks, custom ones only where they are", () => {
    const gpu = t("g", 10, [], { resources: { gpu: 1 } })
    const made = plan(ir([gpu, t("a", 10), t("b", 10), t("c", 10)]), {
      resources: {
        workers: [
          { id: "small", cpu: 1 },
          { id: "big", cpu: 2, gpu: 1 }
        ]
      }
    })

    expect(made.schedule.find(({ task }) => task === "g")?.worker).toBe("big")
    expect(made.makespanMs).toBe(20)
  })
  test("what can never fit is a problem with the place, not a schedule", () => {
    const made = plan(ir([t("a", 10, [], { resources: { cpu: 9 } })]), { resources: { cpu: 4 } })

    expect(made.problems).toMatchObject([{ code: "RESOURCE_INFEASIBLE", path: "/tasks/0/resources/cpu" }])
    expect(made.schedule).toEqual([])
  })
  test("waits and nested workflows have their own length, others one second unless they say", () => {
    const inner = ir([t("i", 40), t("j", 2, ["i"])], { name: "inner" })
    expect(
      plan(
        ir([
          { id: "s", kind: "sleep", durationMs: 7 },
          { id: "u", kind: "use", workflow: inner, after: ["s"] }
        ])
      ).criticalPathMs
    ).toBe(49)
    expect(plan(ir([{ id: "a", kind: "noop" }])).criticalPathMs).toBe(1_000)
  })
  test("a workflow with errors has problems and no plan; planning never throws for it", () => {
    const made = plan(ir([t("a", 1, ["a"])]))

    expect(made.problems.map(({ code }) => code)).toEqual(["GRAPH_CYCLE"])
    expect(made.stages).toEqual([])
  })
  test("an empty workflow takes no time", () => {
    expect(plan(ir([]))).toMatchObject({ tasks: 0, makespanMs: 0, stages: [], criticalPath: [] })
    expect(validate(ir([]))).toMatchObject([{ code: "TASKS_EMPTY", severity: "warning" }])
  })
  test("every policy gives a complete schedule; an unknown one is refused by name", () => {
    for (const policy of ["critical-path", "priority", "fifo", "shortest", "longest"] as const)
      expect(plan(diamond, { policy, resources: { workers: [{ id: "w" }] } }).schedule.length).toBe(4)
    expect(() => plan(diamond, { policy: "magic" as never })).toThrow(/policy cannot be "magic": give critical-path/)
  })
})
