import { and, eq, fromCrew, fromSteps, gt, load, not, Orchestrator, orElse, task, type, workflow } from "troupe"
import { describe, expect, test } from "vitest"
import { hashOf } from "../../src/model/workflow.ts"

const double = task("double", { in: type<number>(), out: type<number>(), run: (n) => n * 2 })
const make = task("make", {
  in: type<{ a: number; b: string }>(),
  out: type<{ sum: number; list: Array<number> }>(),
  run: ({ a }) => ({ sum: a, list: [a] })
})
const start = () => workflow("w", type<{ n: number; name: string; opt?: number; tags: Array<string> }>())

describe("the lambda is the mapping", () => {
  test("what it touches becomes data; literals stay literal", () => {
    const { ir } = start()
      .task("a", make, ($) => ({ a: $.input.n, b: "x" }))
      .task("b", double, ($) => $.a.list[0]!)
      .returns(($) => ({ first: $.b, name: $.input.name, deep: [{ sum: $.a.sum }], n: 1 }))

    expect(ir.tasks.map(({ input }) => input)).toEqual([{ a: { $: "input.n" }, b: "x" }, { $: "a.list.0" }])
    expect(ir.output).toEqual({ first: { $: "b" }, name: { $: "input.name" }, deep: [{ sum: { $: "a.sum" } }], n: 1 })
  })
  test("conditions and defaults are data too", () => {
    const { ir } = start()
      .task("a", double, ($) => orElse($.input.opt, 7))
      .task("b", double, ($) => $.a, { when: ($) => and(gt($.a, 1), not(eq($.input.name, "x"))) })
      .returns(($) => $.b)

    expect(ir.tasks[0]?.input).toEqual({ $: "input.opt", default: 7 })
    expect(ir.tasks[1]?.when).toEqual({ and: [{ gt: [{ $: "a" }, 1] }, { not: { eq: [{ $: "input.name" }, "x"] } }] })
  })
  test("an object with a key $ is data, not a reference", () => {
    const any = task("any", { in: type<unknown>(), out: type<unknown>(), run: (x) => x })
    expect(
      start()
        .task("a", any, () => ({ $: "input.n" }))
        .returns(($) => $.a).ir.tasks[0]?.input
    ).toEqual({ $literal: { $: "input.n" } })
  })
  test.each([
    ["used as text", ($: any) => `${$.input.n}`],
    ["used as a number", ($: any) => $.input.n * 2],
    ["iterated", ($: any) => [...$.input.tags]],
    ["written to", ($: any) => ($.input.n = 3)]
  ])("a reference that is %s says what to do instead", (_, input) => {
    expect(() => start().task("a", double, input as never)).toThrow(/compute in a task, or with derive/)
  })
  test("reading a task that is not there yet names the near ones", () => {
    expect(() =>
      start()
        .task("alpha", double, ($) => $.input.n)
        .task("b", double, ($: any) => $.alhpa)
    ).toThrow(/there is no task 'alhpa' above this one \(did you mean 'alpha'\?\)/)
  })
  test("V-02 a path that leads out of the data is refused while building", () => {
    expect(() => start().task("a", double, ($: any) => $.input.constructor.prototype)).toThrow(/PATH_RESERVED_SEGMENT/)
  })
})

describe("mistakes are told while building, with place and way out", () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      "a taken key",
      () =>
        start()
          .task("a", double, ($) => $.input.n)
          .task("a" as never, double, ($) => $.input.n),
      /ID_DUPLICATE at \/tasks\/1\/id/
    ],
    ["a bad key", () => start().task("a b", double, ($) => $.input.n), /ID_INVALID/],
    ["a bad name", () => workflow("../x", type<number>()), /ID_INVALID/],
    [
      "an unknown dependency",
      () => start().task("a", double, ($) => $.input.n, { after: ["zz" as never] }),
      /there is no task 'zz' above this one/
    ],
    [
      "a timeout of nothing",
      () => start().task("a", double, ($) => $.input.n, { timeout: "0s" }),
      /timeout of task 'a' cannot be "0s": give at least 1 ms/
    ],
    [
      "no attempts",
      () => task("x", { in: type(), out: type(), run: () => 1, retry: { attempts: 0 } }),
      /retry.attempts of task 'x' cannot be 0: give a number from 1/
    ],
    [
      "a cap below the base",
      () => task("x", { in: type(), out: type(), run: () => 1, retry: { attempts: 2, base: "5s", cap: "1s" } }),
      /retry.cap of task 'x'/
    ],
    [
      "a priority of 101",
      () => task("x", { in: type(), out: type(), run: () => 1, priority: 101 }),
      /priority of task 'x' cannot be 101: give a number from 0 to 100/
    ],
    ["neither run nor needs", () => task("x", { in: type(), out: type() }), /run \(a function\) or needs/],
    ["both run and needs", () => task("x", { in: type(), out: type(), run: () => 1, needs: "y" }), /not both/],
    [
      "an endless repeat",
      () =>
        start().repeat(
          "a",
          workflow("l", type<number>()).returns(($) => $.input),
          ($) => $.input.n,
          { until: () => false, max: Number.POSITIVE_INFINITY }
        ),
      /max of 'a' cannot be Infinity/
    ],
    [
      "two tasks of one name",
      () =>
        start()
          .task("a", double, ($) => $.input.n)
          .task("b", task("double", { in: type<number>(), out: type<number>(), run: (n) => n }), ($) => $.a),
      /two different tasks are called 'double'/
    ]
  ])("%s", (_, build, message) => {
    expect(build).toThrow(message)
  })
})

describe("builders and workflows are values", () => {
  test("one builder can be continued in two ways", () => {
    const base = start().task("a", double, ($) => $.input.n)
    const left = base.task("b", double, ($) => $.a).returns(($) => $.b)
    const right = base.task("c", double, ($) => $.a).returns(($) => $.c)

    expect(left.ir.tasks.map(({ id }) => id)).toEqual(["a", "b"])
    expect(right.ir.tasks.map(({ id }) => id)).toEqual(["a", "c"])
  })
  test("A05 the definition is frozen all the way down", () => {
    const { ir } = start()
      .task("a", make, ($) => ({ a: $.input.n, b: "x" }))
      .returns(($) => ({ k: [$.a] }))
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      Object.values(value).forEach(visit)
    }
    visit(ir)
  })
  test("A07 a segment is a function from builder to builder", () => {
    const twice = (b: ReturnType<typeof start>) => b.task("x", double, ($) => $.input.n).task("y", double, ($) => $.x)
    expect(
      start()
        .segment(twice)
        .returns(($) => $.y)
        .ir.tasks.map(({ id }) => id)
    ).toEqual(["x", "y"])
  })
  test("A13 the hash depends on content only: not on layout, order of keys, or $schema", async () => {
    const { ir, hash } = start()
      .task("a", double, ($) => $.input.n)
      .returns(($) => $.a)
    const shuffle = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shuffle)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, item]) => [key, shuffle(item)])
            )
          : value

    expect(hashOf(shuffle(ir) as typeof ir)).toBe(hash)
    expect((await load({ $schema: "./schema.json", ...JSON.parse(JSON.stringify(ir)) }, { double })).hash).toBe(hash)
    expect(
      start()
        .task("a", double, ($) => $.input.n, { priority: 51 })
        .returns(($) => $.a).hash
    ).not.toBe(hash)
  })
})

describe("other ways of writing a workflow down", () => {
  const crew = {
    workflow_spec: { workflow_id: "trading_pipeline_v1", process_type: "sequential" as const },
    agents: [
      { agent_id: "analyst_1", role: "Analyst", goal: "g", backstory: "b", llm: "any" },
      { agent_id: "trader_1", role: "Trader" }
    ],
    tasks: [
      { task_id: "analyse", description: "look", expected_output: "report", assigned_agent_id: "analyst_1" },
      { task_id: "trade", description: "act", assigned_agent_id: "trader_1" }
    ]
  }
  test("A02 a crew: sequential tasks follow each other, unknown facts are kept", async () => {
    const ir = fromCrew(crew)
    expect(ir.tasks[1]).toMatchObject({ id: "trade", after: ["analyse"], needs: "agent:trader_1" })
    expect(ir.agents?.[0]).toMatchObject({
      id: "analyst_1",
      role: "Analyst",
      goal: "g",
      backstory: "b",
      metadata: { llm: "any" }
    })
    await using orchestrator = await Orchestrator.open({
      agents: ["analyst_1", "trader_1"].map((id) => ({
        id,
        can: [`agent:${id}`],
        run: ({ description }: { description: string }) => `${id}: ${description}`
      }))
    })
    expect(await orchestrator.execute(await load(ir), {})).toEqual({ trade: "trader_1: act" })
  })
  test("Z06 a task names its agent by id; a role is no id", () => {
    expect(() => fromCrew({ ...crew, tasks: [{ task_id: "t", assigned_agent_id: "Analyst" }] })).toThrow(
      /agents are named by agent_id, not by role/
    )
  })
  test("A09, A11, H01–H03, Z11 steps: output_mapping writes data ← output, input_mapping reads input ← data", async () => {
    const ir = fromSteps({
      workflow_id: "steps",
      initial_data: { symbol: "ACME" },
      steps: [
        {
          step_id: "fetch",
          action: "get",
          agent_capability: "market",
          input_mapping: { ticker: "symbol" },
          output_mapping: { "market.raw": "prices" }
        },
        {
          step_id: "sum",
          agent_capability: "math",
          input_mapping: { values: "market.raw" },
          output_mapping: { "market.total": "total" },
          retry_count: 0,
          timeout: 5
        }
      ]
    })
    expect(ir.tasks[0]).toMatchObject({ timeoutMs: 30_000, retry: { attempts: 3 } })
    expect(ir.tasks[1]).toMatchObject({ timeoutMs: 5_000, retry: { attempts: 1 } })
    await using orchestrator = await Orchestrator.open({
      agents: [
        {
          id: "m",
          can: ["market"],
          run: ({ ticker, action }: any) => ({ prices: ticker === "ACME" && action === "get" ? [1, 2, 3] : [] })
        },
        {
          id: "n",
          can: ["math"],
          run: ({ values }: any) => ({ total: values.reduce((a: number, b: number) => a + b, 0) })
        }
      ]
    })
    expect(await orchestrator.execute(await load(ir), {})).toEqual({ market: { raw: [1, 2, 3], total: 6 } })
  })
})
