/**
 * Workflow documents from outside: the shape of the IR as a schema, once. From it come the published JSON Schema and
 * the checks of `decodeDocument`, which lists everything wrong at once, with place, hint and did-you-mean.
 * What needs the whole graph (cycles, unknown names) is asked by `validate.ts` afterwards.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { conditionProblems } from "./condition.ts"
import type { Problem } from "./errors.ts"
import { suggest } from "./ids.ts"
import type { TaskKind, WorkflowIR } from "./ir.ts"
import { toJson } from "./json.ts"
import { limits } from "./limits.ts"
import { escapePointer } from "./mapping.ts"
import { perSecondLeast } from "./rate.ts"

const optional = Schema.optionalKey
const Text = Schema.String
const NonNegative = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const _Positive = Schema.Finite.check(Schema.isGreaterThan(0))
const Milliseconds = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: limits.durationMs })).annotate({
  description: "milliseconds, at most ten years"
})
const PositiveMilliseconds = Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: limits.durationMs })).annotate(
  { description: "milliseconds, at least 1, at most ten years" }
)
const PositiveInt = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

const Id = Text.annotate({
  description: "a letter or digit, then letters, digits, '.', '_', '+' or '-'; at most 128 characters, no '..'"
})
const Facts = Schema.Record(Text, Schema.Unknown).annotate({ description: "free facts, never read by the engine" })
const Mapping = Schema.Unknown.annotate({
  description:
    'literal JSON with references: {"$": "task.path"}, {"$": "input.key", "default": 0}; {"$literal": …} is taken as it is'
})
const Condition = Schema.Unknown.annotate({
  description:
    'true, false, a reference, or one of {"eq","ne","lt","lte","gt","gte","in": [a, b]}, {"exists": ref}, {"and","or": [..]}, {"not": c}'
})
const JsonSchemaDocument = Schema.Unknown.annotate({
  description: "a JSON Schema (draft 2020-12) without pattern, format and remote $ref"
})
const Ref = Schema.Struct({ $: Schema.Union([Text, Schema.Array(Text)]), default: optional(Schema.Unknown) }).annotate({
  description: "a reference"
})
const FallbackDocument = Schema.Unknown.annotate({
  description:
    'what stands in for the result when the task has failed for good: {"value": …}, {"lastGoodMs": n}, or other work (like a task without id); or a list of these, tried in order'
})
const Nested = Schema.Unknown.annotate({ description: "a workflow: its name in `workflows`, or a whole document" })

const amounts = {
  cpu: optional(NonNegative),
  memoryMb: optional(NonNegative),
  diskMb: optional(NonNegative),
  networkMbps: optional(NonNegative),
  gpu: optional(NonNegative),
  custom: optional(Schema.Record(Text, NonNegative))
}
const Resources = Schema.Struct(amounts)
const Worker = Schema.Struct({ id: Id, can: optional(Schema.Array(Text)), ...amounts })
const Inventory = Schema.Struct({ ...amounts, workers: optional(Schema.Array(Worker)) })

/** What a plan keeps to, beside order and resources. */
const constraints = {
  releaseMs: optional(Milliseconds),
  deadlineMs: optional(Milliseconds),
  dueMs: optional(Milliseconds),
  weight: optional(NonNegative),
  agents: optional(
    Schema.NonEmptyArray(Schema.Union([Text, Schema.Struct({ agent: Text, estimateMs: NonNegative })])).annotate({
      description: 'the workers that can do it: ids, or {"agent", "estimateMs"} where one has a time of its own'
    })
  ),
  skills: optional(Schema.Record(Text, PositiveInt(limits.fanout))),
  sameAgentAs: optional(Schema.Array(Text)),
  differentAgentFrom: optional(Schema.Array(Text)),
  excludes: optional(Schema.Array(Text))
}

const PolicyName = Text.annotate({ description: "a name that the orchestrator has amounts for" })

const Retry = Schema.Struct({
  attempts: PositiveInt(limits.attempts),
  backoff: optional(Schema.Literals(["fixed", "exponential", "decorrelated"])),
  baseMs: optional(Milliseconds),
  capMs: optional(Milliseconds),
  factor: optional(Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
  jitter: optional(
    Schema.Union([
      Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
      Schema.Literals(["full", "equal", "none"])
    ])
  ),
  on: optional(Schema.NonEmptyArray(Text)),
  notOn: optional(Schema.NonEmptyArray(Text)),
  withinMs: optional(PositiveMilliseconds)
})

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Breaker = Schema.Struct({
  failures: optional(PositiveInt(limits.breakerCalls)),
  failureRate: optional(Share),
  slowRate: optional(Share),
  slowMs: optional(Milliseconds),
  window: optional(
    Schema.Union([
      Schema.Struct({ calls: PositiveInt(limits.breakerWindow) }),
      Schema.Struct({ ms: PositiveMilliseconds })
    ])
  ),
  minimum: optional(PositiveInt(limits.breakerCalls)),
  resetMs: optional(PositiveMilliseconds),
  factor: optional(Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
  capMs: optional(PositiveMilliseconds),
  successes: optional(PositiveInt(limits.breakerCalls)),
  trials: optional(PositiveInt(limits.breakerTrials)),
  trialWaitMs: optional(PositiveMilliseconds),
  warmUpMs: optional(Milliseconds),
  ignore: optional(Schema.Array(Text)),
  only: optional(Schema.Array(Text))
})

const Waiting = { queue: optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limits.waiting }))) }
const Bulkhead = Schema.Struct({
  concurrent: PositiveInt(limits.concurrent),
  ...Waiting,
  waitMs: optional(PositiveMilliseconds),
  perKey: optional(Schema.Struct({ concurrent: optional(PositiveInt(limits.concurrent)), ...Waiting }))
})
const Rate = Schema.Struct({
  perSecond: optional(Schema.Finite.check(Schema.isBetween({ minimum: perSecondLeast, maximum: limits.concurrent }))),
  burst: optional(PositiveInt(limits.concurrent)),
  limit: optional(PositiveInt(limits.concurrent)),
  windowMs: optional(PositiveMilliseconds),
  ...Waiting,
  waitMs: optional(Milliseconds),
  afterRestart: optional(Schema.Literals(["empty", "full"]))
})

const policy = {
  type: optional(Schema.Literals(["compute", "io", "network", "hybrid"])),
  timeoutMs: optional(PositiveMilliseconds),
  startWithinMs: optional(PositiveMilliseconds),
  heartbeatMs: optional(PositiveMilliseconds),
  withinMs: optional(PositiveMilliseconds),
  retry: optional(Retry),
  bulkhead: optional(PolicyName),
  bulkheadKey: optional(Mapping),
  rate: optional(PolicyName),
  breaker: optional(Id),
  hedge: optional(
    Schema.Struct({
      afterMs: PositiveMilliseconds,
      most: optional(Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 10 })))
    })
  ),
  cache: optional(Schema.Struct({ ttlMs: PositiveMilliseconds, key: optional(Mapping) })),
  in: optional(JsonSchemaDocument),
  out: optional(JsonSchemaDocument)
}

const undoable = {
  undo: optional(
    Schema.Unknown.annotate({
      description:
        'how a success is taken back: work (like a task without id), and "onUnknown": "ask", "undo", or "verify" with "verify": work'
    })
  ),
  pivot: optional(Schema.Literal(true))
}

const common = {
  id: Id,
  name: optional(Text),
  description: optional(Text),
  expectedOutput: optional(Text),
  metadata: optional(Facts),
  after: optional(
    Schema.Array(
      Schema.Union([
        Text,
        Schema.Struct({ task: Text, on: Schema.Literals(["notFailed", "succeeded", "failed", "done"]) })
      ]).annotate({
        description: 'the id of a task, or {"task", "on": which of its ends let this one start (default notFailed)}'
      })
    )
  ),
  join: optional(
    Schema.Union([Schema.Literals(["all", "any"]), Schema.Struct({ atLeast: PositiveInt(limits.tasks) })]).annotate({
      description: 'how many of the tasks that it waits for must let it start: "all", "any", or {"atLeast": n}'
    })
  ),
  cancelRest: optional(Schema.Boolean),
  fallback: optional(FallbackDocument),
  onFailed: optional(
    Schema.Union([
      Schema.Literals(["fail", "continue", "wait"]),
      Schema.Struct({
        wait: Schema.Struct({ withinMs: PositiveMilliseconds, otherwise: Schema.Literals(["fail", "continue"]) })
      })
    ]).annotate({
      description: '"fail", "continue" without a result, "wait" for a person, or {"wait": {"withinMs", "otherwise"}}'
    })
  ),
  when: optional(Condition),
  input: optional(Mapping),
  data: optional(Schema.Record(Text, Ref)),
  estimateMs: optional(NonNegative),
  resources: optional(Resources),
  priority: optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))),
  ...constraints
}

/** What executes: the settings of each way, without the fields that all tasks have. */
const work = {
  task: { task: Text, ...policy },
  needs: { needs: Schema.Union([Text, Schema.NonEmptyArray(Text)]), ...policy },
  noop: { kind: Schema.Literal("noop"), ...policy },
  echo: { kind: Schema.Literal("echo"), ...policy },
  fail: {
    kind: Schema.Literal("fail"),
    error: optional(Text),
    times: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
    ...policy
  },
  shell: {
    kind: Schema.Literal("shell"),
    argv: Schema.NonEmptyArray(Mapping),
    env: optional(Schema.Array(Text)),
    outputMaxBytes: optional(PositiveInt(limits.payloadBytes)),
    ...policy
  },
  http: {
    kind: Schema.Literal("http"),
    method: optional(Schema.Literals(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])),
    url: Schema.Union([Text, Ref]),
    headers: optional(Schema.Record(Text, Schema.Union([Text, Ref]))),
    body: optional(Mapping),
    ...policy
  },
  module: { kind: Schema.Literal("module"), module: Text, ...policy }
} as const
type WorkKind = keyof typeof work
const workKinds = Object.keys(work) as Array<WorkKind>

const structural = {
  sleep: { kind: Schema.Literal("sleep"), durationMs: Schema.Union([Milliseconds, Ref]) },
  gate: {
    kind: Schema.Literal("gate"),
    show: optional(Mapping),
    withinMs: optional(PositiveMilliseconds),
    otherwise: optional(
      Schema.Union([Schema.Literal("fail"), Schema.Struct({ value: Mapping })]).annotate({
        description: 'what happens when nobody answers in time: "fail", or {"value": the answer}'
      })
    ),
    signal: optional(Id),
    out: optional(JsonSchemaDocument),
    check: optional(Text)
  },
  derive: { kind: Schema.Literal("derive"), task: optional(Text) },
  map: {
    kind: Schema.Literal("map"),
    over: Mapping,
    each: Schema.Unknown.annotate({ description: 'work (like a task without id), or {"workflow": …}' }),
    concurrency: optional(PositiveInt(limits.fanout)),
    partial: optional(Schema.Boolean),
    accept: optional(
      Schema.Union([
        Schema.Literals(["all", "any", "settled"]),
        Schema.Struct({ atLeast: PositiveInt(limits.fanout) })
      ]).annotate({ description: 'which items are needed: "all", "any", "settled", or {"atLeast": n}' })
    )
  },
  use: { kind: Schema.Literal("use"), workflow: Nested },
  branch: {
    kind: Schema.Literal("branch"),
    on: Mapping,
    cases: Schema.Record(Text, Nested),
    otherwise: optional(Nested)
  },
  repeat: {
    kind: Schema.Literal("repeat"),
    workflow: Nested,
    until: Condition,
    max: PositiveInt(limits.repeat),
    onMax: optional(Schema.Literals(["fail", "return"])),
    delayMs: optional(Milliseconds)
  }
} as const
type StructuralKind = keyof typeof structural

const taskSchemas = {
  ...mapValues(work, (fields) =>
    Schema.Struct({ ...common, ...fields, ...undoable, expand: optional(Schema.Literal(true)) })
  ),
  ...mapValues(structural, (fields) => Schema.Struct({ ...common, ...fields }))
}
const eachSchemas = {
  ...mapValues(work, (fields) =>
    Schema.Struct({ input: optional(Mapping), fallback: optional(FallbackDocument), ...fields, ...undoable })
  ),
  workflow: Schema.Struct({ workflow: Nested, input: optional(Mapping) })
}
const fallbackSchemas = {
  ...mapValues(work, (fields) => Schema.Struct({ input: optional(Mapping), ...fields })),
  value: Schema.Struct({ value: Mapping }),
  lastGood: Schema.Struct({ lastGoodMs: PositiveMilliseconds })
}
const doesSchemas = mapValues(work, (fields) => Schema.Struct(fields))
const verifySchemas = mapValues(work, ({ cache: _, ...fields }) =>
  Schema.Struct({ input: optional(Mapping), ...fields })
)
const undoSchemas = mapValues(work, ({ cache: _, ...fields }) =>
  Schema.Struct({
    input: optional(Mapping),
    ...fields,
    onUnknown: optional(Schema.Literals(["ask", "undo", "verify"])),
    verify: optional(Schema.Unknown)
  })
)

const Agent = Schema.Struct({
  id: Id,
  role: optional(Text),
  goal: optional(Text),
  backstory: optional(Text),
  type: optional(Text),
  can: Schema.Array(Text),
  capacity: optional(PositiveInt(100_000)),
  metadata: optional(Facts),
  does: optional(Schema.Unknown.annotate({ description: "a built-in kind with its settings" }))
})

const Config = Schema.Struct({
  onFailure: optional(Schema.Literals(["stop", "continue"])),
  concurrency: optional(PositiveInt(limits.fanout)),
  timeoutMs: optional(PositiveMilliseconds),
  recovery: optional(
    Schema.Union([
      Schema.Struct({
        strategy: Schema.Literal("rollback"),
        to: Text,
        times: optional(PositiveInt(limits.recoveries))
      }),
      Schema.Struct({ strategy: Schema.Literal("retry"), times: optional(PositiveInt(limits.recoveries)) })
    ])
  ),
  missing: optional(Schema.Literals(["error", "omit"]))
})

const envelope = <Tasks extends Schema.Constraint>(tasks: Tasks) =>
  Schema.Struct({
    $schema: optional(Text),
    ir: Schema.Literal(1),
    name: Id,
    version: optional(Text),
    description: optional(Text),
    metadata: optional(Facts),
    input: optional(JsonSchemaDocument),
    defaults: optional(Schema.Record(Text, Schema.Unknown)),
    config: optional(Config),
    agents: optional(Schema.Array(Agent)),
    resources: optional(Inventory),
    breakers: optional(Schema.Record(Text, Breaker)),
    bulkheads: optional(Schema.Record(Text, Bulkhead)),
    rates: optional(Schema.Record(Text, Rate)),
    workflows: optional(Schema.Record(Text, Schema.Unknown.annotate({ description: "a whole workflow document" }))),
    tasks,
    output: optional(Mapping)
  })
const Envelope = envelope(Schema.Array(Schema.Unknown))

/** The JSON Schema (draft 2020-12) of a workflow document; editors complete from it when a file names it as `$schema`. */
export const jsonSchema = (): Record<string, unknown> => {
  const { schema, definitions } = Schema.toJsonSchemaDocument(
    envelope(Schema.Array(Schema.Union(Object.values(taskSchemas)))),
    { onExcessProperty: "error" }
  )
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://troupe.dev/schema/workflow-1.json",
    title: "Troupe workflow",
    ...schema,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
}

export interface Decoded {
  /** The document as frozen data, when its shape is right. */
  readonly ir: WorkflowIR | undefined
  readonly problems: ReadonlyArray<Problem>
}

/** Checks the shape of a document and freezes a copy of it. Never throws, whatever it is given. */
export const decodeDocument = (document: unknown): Decoded => {
  const tooMuch = boundsProblem(document)
  if (tooMuch !== undefined) return { ir: undefined, problems: [tooMuch] }
  const problems: Array<Problem> = []
  checkWorkflow(document, "", problems)
  if (problems.some(({ severity }) => severity === "error")) return { ir: undefined, problems }
  return {
    ir: toJson(document, { depthMax: documentDepth, bytesMax: limits.documentBytes }) as unknown as WorkflowIR,
    problems
  }
}

/** Checks the shape of the tasks of an injected fragment. */
export const taskShapeProblems = (tasks: ReadonlyArray<unknown>, path: string): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  tasks.forEach((task, i) => {
    checkTask(task, `${path}/${i}`, problems)
  })
  return problems
}

/** Depth and number of tasks, before anything else looks at the document; iterative, so that depth cannot hurt. */
const boundsProblem = (document: unknown): Problem | undefined => {
  const tasks = (document as { tasks?: unknown } | null)?.tasks
  if (Array.isArray(tasks) && tasks.length > limits.tasks) {
    return {
      code: "LIMIT_TASKS",
      severity: "error",
      path: "/tasks",
      message: `a workflow has at most ${limits.tasks.toLocaleString("en")} tasks and this has ${tasks.length.toLocaleString("en")}`,
      hint: "fan out over data with kind 'map', or split into sub-workflows"
    }
  }
  const open: Array<{ readonly value: unknown; readonly depth: number }> = [{ value: document, depth: 0 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next
    if (typeof value !== "object" || value === null) continue
    if (depth > documentDepth) {
      return {
        code: "LIMIT_DEPTH",
        severity: "error",
        path: "",
        message: `the document is nested more than ${documentDepth} levels deep`,
        hint: "flatten it"
      }
    }
    for (const child of Object.values(value))
      if (typeof child === "object") open.push({ value: child, depth: depth + 1 })
  }
  return undefined
}
/** Workflows may stand inside workflows, so a document may be deeper than a value. */
const documentDepth = limits.depth * 4

const checkWorkflow = (document: unknown, path: string, problems: Array<Problem>): void => {
  // what is wrong outside does not hide what is wrong inside: each part is looked at as far as it can be read
  check(Envelope, document, path, problems)
  if (!isRecord(document)) return
  const { tasks, workflows, agents } = document
  if (Array.isArray(tasks)) tasks.forEach((task, i) => checkTask(task, `${path}/tasks/${i}`, problems))
  for (const [name, nested] of Object.entries(isRecord(workflows) ? workflows : {}))
    checkWorkflow(nested, `${path}/workflows/${escapePointer(name)}`, problems)
  if (!Array.isArray(agents)) return
  agents.forEach((agent: unknown, i) => {
    if (!isRecord(agent) || agent.does === undefined) return
    const kind = workKindOf(agent.does, `${path}/agents/${i}/does`, problems)
    if (kind !== undefined) check(doesSchemas[kind], agent.does, `${path}/agents/${i}/does`, problems)
  })
}

const checkTask = (task: unknown, path: string, problems: Array<Problem>): void => {
  const kind = taskKindOf(task, path, problems)
  if (kind === undefined) return
  check(taskSchemas[kind], task, path, problems)
  const given = task as Record<string, unknown>
  checkUndo(given.undo, `${path}/undo`, problems)
  if ("when" in given) problems.push(...conditionProblems(given.when, `${path}/when`))
  checkFallback(given.fallback, `${path}/fallback`, problems)
  switch (kind) {
    case "map":
      return checkEach(given.each, `${path}/each`, problems)
    case "repeat":
      if ("until" in given) problems.push(...conditionProblems(given.until, `${path}/until`))
      return checkNested(given.workflow, `${path}/workflow`, problems)
    case "use":
      return checkNested(given.workflow, `${path}/workflow`, problems)
    case "branch":
      for (const [name, nested] of Object.entries(isRecord(given.cases) ? given.cases : {}))
        checkNested(nested, `${path}/cases/${escapePointer(name)}`, problems)
      if (given.otherwise !== undefined) checkNested(given.otherwise, `${path}/otherwise`, problems)
  }
}

const checkEach = (each: unknown, path: string, problems: Array<Problem>): void => {
  if (isRecord(each) && "workflow" in each) {
    if (check(eachSchemas.workflow, each, path, problems)) checkNested(each.workflow, `${path}/workflow`, problems)
    return
  }
  const kind = workKindOf(each, path, problems)
  if (kind === undefined) return
  check(eachSchemas[kind], each, path, problems)
  checkFallback((each as Record<string, unknown>).fallback, `${path}/fallback`, problems)
  checkUndo((each as Record<string, unknown>).undo, `${path}/undo`, problems)
}

const checkFallback = (fallback: unknown, path: string, problems: Array<Problem>): void => {
  if (fallback === undefined) return
  if (Array.isArray(fallback)) {
    fallback.forEach((one: unknown, i) => {
      if (Array.isArray(one)) checkOneFallback(undefined, `${path}/${i}`, problems)
      else checkOneFallback(one, `${path}/${i}`, problems)
    })
    return
  }
  checkOneFallback(fallback, path, problems)
}

const checkOneFallback = (one: unknown, path: string, problems: Array<Problem>): void => {
  if (isRecord(one) && "value" in one) check(fallbackSchemas.value, one, path, problems)
  else if (isRecord(one) && "lastGoodMs" in one) check(fallbackSchemas.lastGood, one, path, problems)
  else if (isRecord(one) && ("task" in one || "needs" in one || "kind" in one)) {
    const kind = workKindOf(one, path, problems)
    if (kind !== undefined) check(fallbackSchemas[kind], one, path, problems)
  } else
    problems.push({
      code: "SHAPE",
      severity: "error",
      path,
      message: "this is no fallback",
      hint: 'give {"value": …}, {"lastGoodMs": n}, or other work: "task", "needs" or "kind"'
    })
}

const checkUndo = (undo: unknown, path: string, problems: Array<Problem>): void => {
  if (undo === undefined) return
  const kind = workKindOf(undo, path, problems)
  if (kind === undefined) return
  check(undoSchemas[kind], undo, path, problems)
  const { verify } = undo as Record<string, unknown>
  if (verify === undefined) return
  const verifyKind = workKindOf(verify, `${path}/verify`, problems)
  if (verifyKind !== undefined) check(verifySchemas[verifyKind], verify, `${path}/verify`, problems)
}

const checkNested = (nested: unknown, path: string, problems: Array<Problem>): void => {
  if (isRecord(nested)) checkWorkflow(nested, path, problems)
  else if (typeof nested !== "string" && nested !== undefined)
    problems.push({
      code: "SHAPE",
      severity: "error",
      path,
      message: "expected the name of a workflow, or a whole document",
      hint: ""
    })
}

/** Which form a task has: `kind`, else `task` or `needs`. */
const taskKindOf = (task: unknown, path: string, problems: Array<Problem>): WorkKind | StructuralKind | undefined => {
  if (isRecord(task) && typeof task.kind === "string" && Object.hasOwn(structural, task.kind))
    return task.kind as StructuralKind
  return workKindOf(task, path, problems)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const workKindOf = (task: unknown, path: string, problems: Array<Problem>): WorkKind | undefined => {
  const say = (code: "SHAPE" | "TASK_SOURCE", at: string, message: string, hint: string) => {
    problems.push({ code, severity: "error", path: at, message, hint })
    return undefined
  }
  if (!isRecord(task)) return say("SHAPE", path, "a task is an object", 'like {"id": "a", "kind": "noop"}')
  const sources = ["kind", "task", "needs"].filter((key) => key in task)
  if (sources.length > 1)
    return say(
      "TASK_SOURCE",
      path,
      `the task says ${sources.map((key) => `'${key}'`).join(" and ")}`,
      "keep exactly one of kind, task and needs"
    )
  const source = sources[0]
  if (source === "task" || source === "needs") return source
  const known = [...workKinds.filter((kind) => kind !== "task" && kind !== "needs"), ...Object.keys(structural)]
  if (source === undefined) {
    const stray = Object.keys(task)
      .map((key) => suggest(key, sources0))
      .find((hint) => hint !== "")
    return say(
      "TASK_SOURCE",
      path,
      "the task does not say what executes it",
      stray ?? `give "kind" (${known.join(", ")}), "task" (bound code) or "needs" (a capability)`
    )
  }
  if (typeof task.kind === "string" && (workKinds as Array<string>).includes(task.kind)) return task.kind as WorkKind
  return say(
    "SHAPE",
    `${path}/kind`,
    `there is no kind ${JSON.stringify(task.kind)}`,
    suggest(String(task.kind), known) || `kinds: ${known.join(", ")}`
  )
}
const sources0 = ["kind", "needs"]

const formatter = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "UnexpectedKey"
      ? unexpected
      : issue._tag === "MissingKey"
        ? missing
        : SchemaIssue.defaultLeafHook(issue)
})
const unexpected = "\u0000unexpected"
const missing = "\u0000missing"

const check = (schema: Schema.Constraint, value: unknown, path: string, problems: Array<Problem>): boolean => {
  const exit = Schema.decodeUnknownExit(schema as Schema.Codec<unknown>)(value, {
    errors: "all",
    onExcessProperty: "error"
  })
  if (Exit.isSuccess(exit)) return true
  const reason = exit.cause.reasons[0]
  const issue = reason?._tag === "Fail" ? reason.error.issue : undefined
  if (issue === undefined) {
    problems.push({
      code: "SHAPE",
      severity: "error",
      path,
      message: "the document cannot be read",
      hint: "give plain JSON"
    })
    return false
  }
  for (const { message, path: parts } of formatter(issue).issues)
    problems.push(shapeProblem(schema, message, parts ?? [], path))
  return false
}

const shapeProblem = (
  schema: Schema.Constraint,
  message: string,
  parts: ReadonlyArray<unknown>,
  path: string
): Problem => {
  const at = path + parts.map((part) => `/${escapePointer(String(part))}`).join("")
  const key = String(parts.at(-1) ?? "")
  if (message === unexpected) {
    const known = knownKeys(schema, parts.slice(0, -1))
    return {
      code: "KEY_UNKNOWN",
      severity: "error",
      path: at,
      message: `there is no key '${key}' here`,
      hint: suggest(key, known) || `keys: ${known.join(", ")}`
    }
  }
  if (message === missing)
    return { code: "SHAPE", severity: "error", path: at, message: `the key '${key}' is missing`, hint: "add it" }
  return { code: "SHAPE", severity: "error", path: at, message: lowerFirst(message), hint: "" }
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)

/** The keys that the schema allows at a place, for did-you-mean. */
const knownKeys = (schema: unknown, parts: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const fields = fieldsOf(schema)
  if (fields === undefined) return []
  if (parts.length === 0) return Object.keys(fields)
  const next = fields[String(parts[0])]
  const rest = typeof parts[1] === "number" ? parts.slice(2) : parts.slice(1)
  return next === undefined ? [] : knownKeys(next, rest)
}

/** The fields of a struct, seen through optional keys and lists. */
const fieldsOf = (schema: unknown): Record<string, unknown> | undefined => {
  const {
    fields,
    schema: inner,
    value
  } = schema as { fields?: Record<string, unknown>; schema?: unknown; value?: unknown }
  if (fields !== undefined) return fields
  const within = inner ?? value
  return within === undefined || within === schema ? undefined : fieldsOf(within)
}

function mapValues<In extends Record<string, unknown>, Out>(
  record: In,
  f: (value: In[keyof In]) => Out
): { [K in keyof In]: Out } {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value as In[keyof In])])) as {
    [K in keyof In]: Out
  }
}

/** The kinds that the schema knows; a test holds it against `TaskKind`. */
export const documentKinds: ReadonlyArray<TaskKind> = [
  ...workKinds,
  ...(Object.keys(structural) as Array<StructuralKind>)
]
