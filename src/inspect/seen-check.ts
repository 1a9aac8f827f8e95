/** Whether a value from a file is an event: every field that is looked at has its kind. Says what is wrong; nothing is repaired. */
import { isPlainRecord } from "../model/json.ts"
import { runStatuses } from "../model/messages.ts"
import type { SeenEvent, SeenKind } from "./protocol.ts"

type Check = (value: unknown) => boolean

const text: Check = (value) => typeof value === "string"
const number: Check = (value) => typeof value === "number" && Number.isFinite(value)
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const any: Check = () => true
const yes: Check = (value) => value === true
const oneOf =
  (...names: ReadonlyArray<string>): Check =>
  (value) =>
    typeof value === "string" && names.includes(value)
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const record =
  (fields: { readonly [field: string]: Check }, isClosed = false): Check =>
  (value) =>
    isPlainRecord(value) &&
    Object.entries(fields).every(([name, check]) => check(Object.hasOwn(value, name) ? value[name] : undefined)) &&
    (!isClosed || Object.keys(value).every((name) => Object.hasOwn(fields, name)))

const reserved = new Set(["__proto__", "constructor", "prototype"])
const patch = record({
  op: oneOf("replace", "remove", "add"),
  path: listOf((part) => (text(part) && !reserved.has(part as string)) || count(part)),
  value: any
})
const failure = record({ tag: maybe(text), code: maybe(text), message: text, stack: maybe(text) })

const state = record({
  id: text,
  key: text,
  parent: maybe(text),
  type: oneOf("atomic", "compound", "parallel", "final", "history"),
  isInitial: maybe(yes),
  tags: maybe(listOf(text)),
  entry: maybe(listOf(text)),
  exit: maybe(listOf(text)),
  invokes: maybe(listOf(text)),
  description: maybe(text)
})
const edge = record({
  from: text,
  to: text,
  event: text,
  guard: maybe(text),
  actions: maybe(listOf(text)),
  isInternal: maybe(yes)
})

/** Tasks of a definition, with those of the workflows inside it. */
const ir: Check = (value) =>
  record({
    ir: (one) => one === 1,
    name: text,
    tasks: listOf(record({ id: text, after: maybe(listOf((one) => text(one) || record({ task: text })(one))) })),
    workflows: maybe((inner) => isPlainRecord(inner) && Object.values(inner).every(ir))
  })(value)

const taskStatus = oneOf("pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled")

/** The fields of each kind; `seq`, `t` and `cause` have all. */
const kinds: { readonly [kind in SeenKind]: { readonly [field: string]: Check } } = {
  definition: { hash: text, ir },
  chart: { logic: text, shape: record({ id: text, states: listOf(state), edges: listOf(edge) }) },
  actor: {
    actor: text,
    parent: maybe(text),
    id: text,
    logic: text,
    task: maybe(text),
    run: maybe(text),
    value: any,
    context: any
  },
  gone: { actor: text, how: oneOf("done", "error", "stopped"), output: any, error: any },
  message: { actor: text, from: maybe(text), type: text, data: any },
  step: {
    actor: text,
    event: text,
    value: any,
    from: maybe(text),
    to: maybe(text),
    patches: maybe(listOf(patch)),
    context: any,
    isMicro: maybe(yes)
  },
  command: { actor: text, type: text, params: any },
  run: { run: text, workflow: text, hash: text, input: any },
  journal: {
    run: text,
    n: count,
    message: record({
      type: text,
      at: number,
      task: maybe(text),
      attempt: maybe(count),
      agent: maybe(text),
      failure: maybe(failure)
    })
  },
  task: { run: text, task: text, status: taskStatus },
  attempt: { run: text, task: text, attempt: count, agent: maybe(text) },
  wait: {
    run: text,
    task: text,
    dueAt: maybe(number),
    for: maybe(oneOf("backoff", "timer", "deadline", "answer"))
  },
  status: {
    run: text,
    status: oneOf(...runStatuses),
    percent: number,
    eta: maybe((value) => listOf(number)(value) && (value as ReadonlyArray<unknown>).length === 3),
    critical: maybe(listOf(text)),
    output: any,
    error: maybe(record({ task: text, code: text, message: text }))
  },
  breaker: { name: text, state: text, facts: any },
  agent: { id: text, can: listOf(text), load: number, capacity: number },
  fault: { run: text, text, broken: maybe(text) },
  reset: { run: text },
  gap: { lost: count }
}
const common = { kind: text, seq: count, t: number, cause: maybe(count) }

/** Deepest value that is shown. */
const depthMost = 100

/** What is wrong with an event that should have the number `seq` and come no earlier than `t`; undefined when nothing is. */
export const wrongWith = (value: unknown, seq: number, t: number): string | undefined => {
  if (!isPlainRecord(value)) return "it is no event"
  const kind = value["kind"]
  if (typeof kind !== "string" || !Object.hasOwn(kinds, kind))
    return `there is no kind of event ${JSON.stringify(kind)?.slice(0, 60) ?? "without a name"}`
  const fields = kinds[kind as SeenKind]
  for (const name of Object.keys(value))
    if (!Object.hasOwn(fields, name) && !Object.hasOwn(common, name))
      return `an event of kind '${kind}' has no field ${JSON.stringify(name.slice(0, 60))}`
  for (const [name, check] of [...Object.entries(common), ...Object.entries(fields)])
    if (!check(Object.hasOwn(value, name) ? value[name] : undefined))
      return `'${name}' of an event of kind '${kind}' is missing or wrong`
  const event = value as unknown as SeenEvent
  // what was let go before somebody looked is a gap, and the first event need not be the first that ever was
  if (event.seq !== seq && !(event.seq > seq && (seq === 0 || kind === "gap")))
    return `event ${event.seq} stands where event ${seq} should`
  if (event.t < t) return `event ${event.seq} is older than the one before it`
  return isDeep(value) ? `event ${event.seq} is nested deeper than ${depthMost} levels` : undefined
}

/** Looks level by level, so that no nesting is too deep for it. */
const isDeep = (value: object): boolean => {
  let level: Array<object> = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMost) return true
    const next: Array<object> = []
    for (const one of level)
      for (const inner of Object.values(one)) if (typeof inner === "object" && inner !== null) next.push(inner)
    level = next
  }
  return false
}

/** What is wrong with the first line of a recording. */
export const wrongWithHead = (value: unknown): string | undefined =>
  record(
    {
      kind: (kind) => kind === "troupe-recording-of-events",
      protocol: count,
      version: text,
      title: text,
      stream: (stream) => text(stream) && (stream as string).length <= 300 && stream !== "",
      recordedAt: number,
      opensAt: maybe(count)
    },
    true
  )(value)
    ? undefined
    : "it does not begin as a recording does"
