// Policies that cannot be: refused where they are written, with the field and what it could be, in code and in documents alike.
import { task, type, validate, workflow } from "troupe"
import { describe, expect, test } from "vitest"
import { decodeDocument } from "../../src/model/document.ts"
import type { TaskIR } from "../../src/model/ir.ts"
import type { RetryOptions, TaskOptions } from "../../src/model/task.ts"

const two = (more: object) => ({ retry: { attempts: 2, ...more } })

/** What is wrong, as options of the builder, as the document says it, and which field is named. Undefined cannot be said there. */
const impossible: ReadonlyArray<readonly [name: string, object | undefined, object | undefined, field: string]> = [
  ["no attempts", { retry: { attempts: 0 } }, { retry: { attempts: 0 } }, "retry/attempts"],
  ["half an attempt", { retry: { attempts: 1.5 } }, { retry: { attempts: 1.5 } }, "retry/attempts"],
  ["negative attempts", { retry: { attempts: -1 } }, { retry: { attempts: -1 } }, "retry/attempts"],
  ["attempts without end", { retry: { attempts: Infinity } }, { retry: { attempts: Infinity } }, "retry/attempts"],
  ["attempts that are no number", { retry: { attempts: NaN } }, { retry: { attempts: NaN } }, "retry/attempts"],
  ["too many attempts", { retry: { attempts: 10_001 } }, { retry: { attempts: 10_001 } }, "retry/attempts"],
  ["a negative base", two({ base: -1 }), two({ baseMs: -1 }), "retry/base"],
  ["a base that is no number", two({ base: NaN }), two({ baseMs: NaN }), "retry/base"],
  ["a base without end", two({ base: Infinity }), two({ baseMs: Infinity }), "retry/base"],
  ["a base in words", two({ base: "soon" }), two({ baseMs: "soon" }), "retry/base"],
  ["a negative cap", two({ cap: -1 }), two({ capMs: -1 }), "retry/cap"],
  ["a cap that is no number", two({ cap: NaN }), two({ capMs: NaN }), "retry/cap"],
  ["a cap below the base", two({ base: 100, cap: 99 }), two({ baseMs: 100, capMs: 99 }), "retry/cap"],
  ["a cap below the base that nobody gave", two({ cap: 999 }), two({ capMs: 999 }), "retry/cap"],
  ["an unknown backoff", two({ backoff: "linear" }), two({ backoff: "linear" }), "retry/backoff"],
  ["a factor of nothing", two({ factor: 0 }), two({ factor: 0 }), "retry/factor"],
  ["a factor that shrinks", two({ factor: 0.5 }), two({ factor: 0.5 }), "retry/factor"],
  ["a negative factor", two({ factor: -2 }), two({ factor: -2 }), "retry/factor"],
  ["a factor that is no number", two({ factor: NaN }), two({ factor: NaN }), "retry/factor"],
  ["a factor without end", two({ factor: Infinity }), two({ factor: Infinity }), "retry/factor"],
  [
    "a factor of what does not grow",
    two({ backoff: "fixed", factor: 2 }),
    two({ backoff: "fixed", factor: 2 }),
    "retry/factor"
  ],
  ["a jitter of 2", two({ jitter: 2 }), two({ jitter: 2 }), "retry/jitter"],
  ["a negative jitter", two({ jitter: -0.1 }), two({ jitter: -0.1 }), "retry/jitter"],
  ["a jitter that is no number", two({ jitter: NaN }), two({ jitter: NaN }), "retry/jitter"],
  ["an unknown jitter", two({ jitter: "some" }), two({ jitter: "some" }), "retry/jitter"],
  [
    "a jitter of what is spread already",
    two({ backoff: "decorrelated", jitter: "full" }),
    two({ backoff: "decorrelated", jitter: "full" }),
    "retry/jitter"
  ],
  [
    "nothing to grow from",
    two({ backoff: "decorrelated", base: 0 }),
    two({ backoff: "decorrelated", baseMs: 0 }),
    "retry/base"
  ],
  ["an empty on", two({ on: [] }), two({ on: [] }), "retry/on"],
  ["an empty notOn", two({ notOn: [] }), two({ notOn: [] }), "retry/notOn"],
  ["a name that is none", two({ on: [""] }), two({ on: [""] }), "retry/on"],
  [
    "the same on and not on",
    two({ on: ["A"], notOn: ["B", "A"] }),
    two({ on: ["A"], notOn: ["B", "A"] }),
    "retry/notOn"
  ],
  ["no total time", two({ within: 0 }), two({ withinMs: 0 }), "retry/within"],
  ["a negative total time", two({ within: -1 }), two({ withinMs: -1 }), "retry/within"],
  ["a total time that is no number", two({ within: NaN }), two({ withinMs: NaN }), "retry/within"],
  ["a total time below the base", two({ base: 100, within: 99 }), two({ baseMs: 100, withinMs: 99 }), "retry/within"],
  [
    "a total time beyond that of the task",
    { ...two({ within: "2m" }), within: "1m" },
    { ...two({ withinMs: 120_000 }), withinMs: 60_000 },
    "retry/within"
  ],
  ...(["timeout", "startWithin", "heartbeat", "within"] as const).flatMap((name) =>
    [0, -1, NaN, Infinity, "never"].map(
      (value) => [`a ${name} of ${value}`, { [name]: value }, { [`${name}Ms`]: value }, name] as const
    )
  ),
  ["a silence as long as the attempt", { heartbeat: 5, timeout: 5 }, { heartbeatMs: 5, timeoutMs: 5 }, "heartbeat"],
  ["a silence as long as the task", { heartbeat: 5, within: 5 }, { heartbeatMs: 5, withinMs: 5 }, "heartbeat"],
  ["a silence beyond the timeout that is there for all", { heartbeat: "1h" }, { heartbeatMs: 3_600_000 }, "heartbeat"],
  ["an attempt longer than the task", { timeout: 6, within: 5 }, { timeoutMs: 6, withinMs: 5 }, "timeout"],
  ["a beginning as late as the end", { startWithin: 5, within: 5 }, { startWithinMs: 5, withinMs: 5 }, "startWithin"],
  ["a predicate in a document", undefined, two({ when: "always" }), "retry/when"],
  ["a silence of what cannot speak", undefined, { heartbeatMs: 5, kind: "shell", argv: ["true"] }, "heartbeat"]
]
const options = (given: object) => given as TaskOptions & { readonly retry?: RetryOptions }

describe("a policy that cannot be is refused, and the field is named", () => {
  test.each(impossible)("%s", (_, inCode, inDocument, field) => {
    if (inCode !== undefined) {
      const define = () => task("t", { in: type(), out: type(), run: () => 1, ...options(inCode) })
      expect(define).toThrow(`${field.replace("/", ".")} of task 't' cannot be`)
      expect(define).toThrow(/: give /)
      const plain = task("t", { in: type<null>(), out: type(), run: () => 1 })
      expect(() => workflow("w", type<null>()).task("t", plain, () => null, options(inCode) as never)).toThrow(
        `${field.replace("/", ".")} of task 't' cannot be`
      )
    }
    if (inDocument === undefined) return
    const one = { id: "t", ...("kind" in inDocument ? {} : { task: "x" }), ...inDocument }
    const each = {
      id: "t",
      kind: "map",
      over: 2,
      each: { ...("kind" in inDocument ? {} : { task: "x" }), ...inDocument }
    }
    for (const [given, under] of [
      [one, "/tasks/0"],
      [each, "/tasks/0/each"]
    ] as const) {
      const { ir, problems } = decodeDocument({ ir: 1, name: "w", tasks: [given] })
      const all = ir === undefined ? problems : validate(ir)
      const found = all.filter(({ severity }) => severity === "error")
      // the name of a document has its unit: baseMs
      expect(found.filter(({ path }) => path.startsWith(`${under}/${field}`))).not.toEqual([])
      expect(found.every(({ message }) => message !== "")).toBe(true)
    }
  })
  test("a predicate where a workflow uses a task, or beside no code, is refused: definitions are data", () => {
    const plain = task("t", { in: type<null>(), out: type(), run: () => 1 })
    const when = () => true
    expect(() => workflow("w", type<null>()).task("t", plain, () => null, { retry: { attempts: 2, when } })).toThrow(
      /retry\.when of task 't' cannot be .* give none: a workflow is data; give it to task\(\)/s
    )
    expect(() => task("t", { in: type(), out: type(), needs: "read", retry: { attempts: 2, when } })).toThrow(
      /retry\.when of task 't' cannot be/
    )
  })
})

describe("a policy that can be kept is taken as it is", () => {
  const everything = {
    timeout: "10s",
    startWithin: "5s",
    heartbeat: "1s",
    within: "1m",
    retry: {
      attempts: 3,
      backoff: "exponential",
      base: "100ms",
      cap: "2s",
      factor: 3,
      jitter: "full",
      on: ["BUSY"],
      notOn: ["GONE"],
      within: "30s"
    }
  } as const
  const ir = {
    timeoutMs: 10_000,
    startWithinMs: 5_000,
    heartbeatMs: 1_000,
    withinMs: 60_000,
    retry: {
      attempts: 3,
      backoff: "exponential",
      baseMs: 100,
      capMs: 2_000,
      factor: 3,
      jitter: "full",
      on: ["BUSY"],
      notOn: ["GONE"],
      withinMs: 30_000
    }
  }
  test("by the builder, with a task and where it is used; and by documents", () => {
    const plain = task("t", { in: type<null>(), out: type(), run: () => 1 })
    const full = task("t", { in: type<null>(), out: type(), run: () => 1, ...everything })
    const flows = [
      workflow("w", type<null>()).task("t", full, () => null),
      workflow("w", type<null>()).task("t", plain, () => null, everything)
    ]
    for (const flow of flows) {
      const built = flow.returns(() => 1).ir
      expect(built.tasks[0]).toMatchObject(ir)
      expect(decodeDocument(JSON.parse(JSON.stringify(built))).problems).toEqual([])
    }
  })
  test.each([
    ["no pause at all", { retry: { attempts: 2, baseMs: 0 } }],
    ["a base that the cap for all cuts", { retry: { attempts: 2, baseMs: 3_600_000 } }],
    ["decorrelated pauses", { retry: { attempts: 2, backoff: "decorrelated", factor: 1.5 } }],
    ["no jitter", { retry: { attempts: 2, jitter: "none" } }]
  ])("%s", (_, policy) => {
    const { ir: decoded, problems } = decodeDocument({ ir: 1, name: "w", tasks: [{ id: "t", task: "x", ...policy }] })
    expect([problems, validate(decoded!)]).toEqual([[], []])
  })
})

describe("what is possible and makes no sense is warned of", () => {
  const warnings = (policy: object, config: object = {}) =>
    validate({ ir: 1, name: "w", config, tasks: [{ id: "t", task: "x", ...policy } as TaskIR] }).filter(
      ({ severity }) => severity === "warning"
    )
  test("attempts that cannot all be made before the deadline of the task, or of the workflow", () => {
    const atOnce = { attempts: 3, baseMs: 0 }
    expect(warnings({ timeoutMs: 1_000, withinMs: 2_500, retry: atOnce })).toMatchObject([
      {
        code: "POLICY_TOO_LONG",
        path: "/tasks/0/retry",
        message: "3 attempts of task 't' may take 3000 ms, and its 'withinMs' is 2500 ms"
      }
    ])
    expect(warnings({ timeoutMs: 1_000, retry: atOnce }, { timeoutMs: 2_999 })).toMatchObject([
      { message: "3 attempts of task 't' may take 3000 ms, and the timeout of the workflow is 2999 ms" }
    ])
    expect(warnings({ timeoutMs: 3_000 }, { timeoutMs: 2_999 })).toMatchObject([{ path: "/tasks/0/timeoutMs" }])
  })
  test("the shortest pauses between them count, and the time that they have together", () => {
    const taking = (retry: object, withinMs: number) => warnings({ timeoutMs: 1_000, withinMs, retry })
    const message = (ms: number, of: number) =>
      `3 attempts with their pauses of task 't' may take ${ms} ms, and its 'withinMs' is ${of} ms`
    const three = { attempts: 3, baseMs: 1_000 }
    for (const [jitter, ms] of [
      ["none", 6_000],
      ["equal", 4_500],
      [0.1, 5_700]
    ] as const) {
      expect(taking({ ...three, jitter }, ms - 1)).toMatchObject([{ message: message(ms, ms - 1) }])
      expect(taking({ ...three, jitter }, ms)).toEqual([])
    }
    expect(taking({ ...three, jitter: "full" }, 3_000)).toEqual([])
    expect(taking({ ...three, backoff: "decorrelated" }, 4_999)).toMatchObject([{ message: message(5_000, 4_999) }])
    expect(taking({ ...three, jitter: "none", withinMs: 1_500 }, 2_499)).toMatchObject([
      { message: message(2_500, 2_499) }
    ])
    expect(taking({ ...three, jitter: "none", withinMs: 1_500 }, 2_500)).toEqual([])
  })
  test("and nothing is said of those that fit, or that have only the timeout that is there for all", () => {
    expect(warnings({ timeoutMs: 1_000, withinMs: 3_000, retry: { attempts: 3, baseMs: 0 } })).toEqual([])
    expect(warnings({ withinMs: 3_000, retry: { attempts: 3 } }, { timeoutMs: 5 })).toEqual([])
  })
})

test("a document has no breaker for all work of a kind: that is the orchestrator's to say", () => {
  for (const name of ["needs:pricing", "agent:anna"])
    expect(
      validate({ ir: 1, name: "w", breakers: { [name]: { failures: 3 } }, tasks: [{ id: "a", kind: "noop" }] })
    ).toMatchObject([{ code: "POLICY_INVALID", path: `/breakers/${name}` }])
})

test("a document sizes bulkheads and rates by name, and each bad size is refused with its place and its range", () => {
  const problems = (more: object) => validate({ ir: 1, name: "w", tasks: [{ id: "a", kind: "noop" }], ...more })

  expect(
    problems({ bulkheads: { bank: { concurrent: 4, queue: 100 } }, rates: { bank: { perSecond: 10, burst: 20 } } })
  ).toEqual([])
  for (const [more, path, message] of [
    [{ bulkheads: { bank: { concurrent: 0 } } }, "/bulkheads/bank", /concurrent of bulkhead 'bank'.* from 1 to/],
    [
      { bulkheads: { bank: { concurrent: 2, perKey: { concurrent: 3 } } } },
      "/bulkheads/bank",
      /perKey.concurrent.* 1 to 2/
    ],
    [{ bulkheads: { bank: { concurrent: 2, waitMs: Number.NaN } } }, "/bulkheads/bank", /waitMs/],
    [{ bulkheads: { "needs:pricing": { concurrent: 2 } } }, "/bulkheads/needs:pricing", /only the orchestrator/],
    [{ rates: { bank: { perSecond: -1 } } }, "/rates/bank", /perSecond of rate 'bank'.* from 0.00001/],
    [{ rates: { bank: { perSecond: 1, windowMs: 5 } } }, "/rates/bank", /either .*perSecond.* or .*limit/],
    [{ rates: { "agent:anna": { perSecond: 1 } } }, "/rates/agent:anna", /only the orchestrator/]
  ] as const)
    expect(problems(more)).toMatchObject([{ code: "POLICY_INVALID", path, message: expect.stringMatching(message) }])
})

test("a workflow that sizes them badly is refused while it is built", () => {
  const build = (options: object) =>
    workflow("flow", type<null>(), options as never)
      .sleep("wait", "1ms")
      .returns(() => null)

  expect(() => build({ bulkheads: { bank: { concurrent: 1.5 } } })).toThrow(
    /concurrent of bulkhead 'bank' of workflow 'flow' cannot be 1.5/
  )
  expect(() => build({ rates: { bank: { limit: 5, window: "soon" } } })).toThrow(
    /window of rate 'bank' of workflow 'flow'/
  )
})
