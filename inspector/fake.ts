/**
 * A run as its stream would tell it, written by code: a fan-out of 20, a gate, a task that fails and backs off, a sub-workflow, a
 * breaker that opens, and in the end a failure after which what was done is taken back. For tests and for work on the page; never
 * part of what is built.
 */
import type { RunRow, SeenEvent } from "../src/inspect/protocol.ts"
import { shapeOf } from "../src/inspect/shape.ts"
import { breakerMachine } from "../src/machines/breaker.ts"
import { gateMachine } from "../src/machines/gate.ts"
import { taskMachine } from "../src/machines/task.ts"
import { workflowMachine } from "../src/machines/workflow.ts"
import type { Failure } from "../src/model/errors.ts"
import type { WorkflowIR } from "../src/model/ir.ts"
import type { Json } from "../src/model/json.ts"
import type { Message, RunStatus, TaskStatus } from "../src/model/messages.ts"

export const fakeStart = Date.UTC(2026, 10, 20, 9, 30, 0)

export interface FakeOptions {
  readonly run?: string
  readonly startAt?: number
  /** How far it is told: to the open gate, to a time in the middle of the fan-out, or to its end. */
  readonly until?: "fan-out" | "gate" | "end"
  /** Words that stand where names of people's things stand. */
  readonly names?: {
    readonly workflow?: string
    readonly agent?: string
    readonly error?: string
    readonly city?: string
  }
}

export const fakeIr = (workflow = "book-trip"): WorkflowIR => ({
  ir: 1,
  name: workflow,
  description: "Asks twenty places for a price, takes the best, has it approved, pays, and ships the tickets.",
  tasks: [
    { id: "market", task: "market", input: { $: "input.city" }, estimateMs: 400 },
    {
      id: "quotes",
      kind: "map",
      over: { $: "market.places" },
      each: { needs: "pricing", retry: { attempts: 3 } },
      concurrency: 6
    },
    { id: "best", kind: "derive", input: { $: "quotes" } },
    {
      id: "approved",
      kind: "gate",
      show: { price: { $: "best.price" }, hotel: { $: "best.hotel" } },
      out: {
        type: "object",
        properties: {
          ok: { type: "boolean", title: "Approved" },
          budget: { type: "number", title: "Budget", minimum: 0, description: "Most that may be spent, in euros" },
          class: { type: "string", enum: ["economy", "business"], title: "Class" },
          note: { type: "string", title: "Note" }
        },
        required: ["ok", "class"]
      }
    },
    {
      id: "charge",
      task: "charge",
      input: { amount: { $: "best.price" }, budget: { $: "approved.budget" } },
      breaker: "bank",
      retry: { attempts: 4, backoff: "exponential", baseMs: 500 },
      undo: { task: "refund" }
    },
    { id: "seats", task: "seats", input: { $: "charge" }, undo: { task: "release" } },
    {
      id: "ship",
      kind: "use",
      workflow: {
        ir: 1,
        name: "shipping",
        tasks: [
          { id: "label", task: "label", input: { $: "input" } },
          { id: "pickup", task: "pickup", input: { $: "label" } }
        ]
      },
      input: { $: "seats" }
    },
    { id: "mail", task: "mail", input: { $: "seats" } },
    { id: "loyalty", task: "loyalty", input: { $: "charge" }, when: { exists: { $: "input.card" } } },
    { id: "ledger", task: "ledger", input: { $: "ship" }, retry: { attempts: 2 } },
    { id: "archive", task: "archive", input: { $: "ledger" } }
  ],
  output: { $: "archive" }
})

/** The stream of one run. */
export const fakeRun = ({
  run = "trip-1",
  startAt = fakeStart,
  until = "end",
  names: { workflow = "book-trip", agent = "anna", error = "the bank does not answer", city = "Lisbon" } = {}
}: FakeOptions = {}): ReadonlyArray<SeenEvent> => {
  const tell = teller(run, startAt)
  const agents = [agent, "ben", "cleo"]
  tell.begin(fakeIr(workflow), { city, nights: 3, traveller: { name: "Ada", card: null } })

  tell.work("market", { takesMs: 380, value: { places: 20, currency: "EUR" } })
  tell.scope("quotes")
  const items = Array.from({ length: 20 }, (_, i) => i)
  for (const i of items) tell.status(`quotes[${i}]`, "pending")
  const done = items.filter((i) => until !== "fan-out" || i < 9)
  for (const i of done) {
    const who = agents[i % 3]!
    if (i === 6)
      tell.tryAndFail("quotes[6]", {
        takesMs: 210,
        failure: failure("TIMEOUT", "no price within 200 ms"),
        agent: who,
        backoffMs: 900
      })
    tell.work(`quotes[${i}]`, {
      takesMs: 90 + ((i * 37) % 160),
      value: { hotel: `Hotel ${i + 1}`, price: 180 + ((i * 53) % 240) },
      agent: who
    })
  }
  if (until === "fan-out") {
    for (const i of [9, 10, 11]) tell.start(`quotes[${i}]`, agents[i % 3]!)
    for (const i of [12, 13, 14, 15, 16, 17, 18, 19]) tell.status(`quotes[${i}]`, "ready")
    tell.progress("running", 38, 4_000, ["quotes", "best", "approved", "charge", "seats", "ship", "ledger", "archive"])
    return tell.events
  }
  tell.finishScope(
    "quotes",
    items.map((i) => 180 + ((i * 53) % 240))
  )
  tell.progress("running", 55, 5_200, ["best", "approved", "charge", "seats", "ship", "ledger", "archive"])
  tell.work("best", { takesMs: 2, value: { hotel: "Hotel 10", price: 177 } })

  tell.openGate("approved")
  tell.progress("waiting", 58, undefined, ["approved", "charge", "seats", "ship", "ledger", "archive"])
  if (until === "gate") return tell.events
  tell.wait(4 * 3_600_000)
  tell.answerGate("approved", { ok: true, budget: 400, class: "economy" }, "Grace", "the price is fine")
  tell.progress("running", 60, 6_000, ["charge", "seats", "ship", "ledger", "archive"])

  const down = failure("ECONNRESET", error)
  tell.tryAndFail("charge", { takesMs: 640, failure: down, backoffMs: 520 })
  tell.tryAndFail("charge", { takesMs: 590, failure: down, backoffMs: 1_040 })
  tell.breaker("bank", "open", { failures: 5, why: "failures", retryAt: tell.now() + 1_200, period: 2 })
  tell.tryAndFail("charge", {
    takesMs: 1,
    failure: failure("CIRCUIT_OPEN", "the breaker 'bank' is open"),
    backoffMs: 1_900
  })
  tell.breaker("bank", "halfOpen", { failures: 0, why: "timeIsOver", trials: [{ id: 1, at: tell.now() }], period: 3 })
  tell.work("charge", { takesMs: 420, value: { receipt: "r-8812", amount: 177 } })
  tell.breaker("bank", "closed", { failures: 0, why: "trialsSucceeded", period: 4 })
  tell.status("loyalty", "skipped")
  tell.work("seats", { takesMs: 260, value: { seats: ["14C", "14D"] } })
  tell.decide({ type: "run.paused", at: 0, who: "Grace", why: "a look at the seats" }, "paused", 74)
  tell.wait(52_000)
  tell.decide({ type: "run.resumed", at: 0, who: "Grace" }, "running", 74)

  tell.scope("ship")
  tell.work("ship/label", { takesMs: 130, value: { label: "L-77" } })
  tell.work("mail", { takesMs: 95, value: { sent: true } })
  tell.work("ship/pickup", { takesMs: 310, value: { at: "2026-11-21T08:00" } })
  tell.finishScope("ship", { at: "2026-11-21T08:00" })
  tell.fault("the disk under the ledger is full from here on")
  const full = failure("ENOSPC", "the ledger could not be written: no space left")
  tell.tryAndFail("ledger", { takesMs: 150, failure: full, backoffMs: 700 })
  tell.failForGood("ledger", { takesMs: 140, failure: full })
  tell.status("archive", "cancelled")
  tell.undoing()
  tell.work("seats~undo", { takesMs: 180, value: null })
  tell.work("charge~undo", { takesMs: 350, value: { refunded: 177 } })
  tell.end("failed", { task: "ledger", code: "ENOSPC", message: full.message })
  return tell.events
}

/** Breakers and agents, which all runs share. */
export const fakeShared = (startAt = fakeStart): ReadonlyArray<SeenEvent> => {
  const events: Array<SeenEvent> = []
  let seq = 0
  const say = (t: number, seen: object) => events.push({ ...seen, seq: seq++, t: startAt + t } as SeenEvent)
  say(0, { kind: "chart", logic: "breaker", shape: shapeOf(breakerMachine)! })
  say(0, {
    kind: "actor",
    actor: "@breaker/bank",
    id: "@breaker/bank",
    logic: "breaker",
    value: "closed",
    context: { failures: 0 }
  })
  say(0, { kind: "breaker", name: "bank", state: "closed", facts: { failures: 0, period: 1 } })
  say(0, { kind: "breaker", name: "mail", state: "closed", facts: { failures: 1, period: 1 } })
  say(0, {
    kind: "breaker",
    name: "maps",
    state: "forcedOpen",
    facts: { failures: 0, period: 3, why: "forced", holds: 1 }
  })
  for (const [id, load] of [
    ["anna", 2],
    ["ben", 4],
    ["cleo", 0]
  ] as const)
    say(1, { kind: "agent", id, can: ["pricing", ...(id === "cleo" ? ["booking"] : [])], load, capacity: 4 })
  for (let i = 0; i < 40; i++)
    say(400 + i * 60, {
      kind: "agent",
      id: ["anna", "ben", "cleo"][i % 3]!,
      can: ["pricing"],
      load: (i * 7) % 5,
      capacity: 4
    })
  return events
}

/** A row of the list of runs for a stream. */
export const fakeRow = (events: ReadonlyArray<SeenEvent>): RunRow => {
  const begun = events.find((event) => event.kind === "run")!
  const states = new Map<string, TaskStatus>()
  let status: RunStatus = "running"
  let percent = 0
  let error: string | undefined
  for (const event of events) {
    if (event.kind === "task") states.set(event.task, event.status)
    if (event.kind !== "status") continue
    status = event.status
    percent = event.percent
    error = event.error?.message
  }
  const count = (wanted: TaskStatus) => [...states.values()].filter((one) => one === wanted).length
  return {
    run: begun.run,
    workflow: begun.workflow,
    status,
    percent,
    submittedAt: begun.t,
    updatedAt: events.at(-1)!.t,
    tasks: { total: states.size, completed: count("succeeded"), failed: count("failed") },
    ...(error === undefined ? {} : { error })
  }
}

const failure = (code: string, message: string): Failure => ({
  tag: "Error",
  code,
  message,
  retryable: true,
  stack: `Error: ${message}\n    at ask (file:///app/work.ts:41:11)\n    at run (file:///app/main.ts:12:3)`
})

interface Working {
  readonly takesMs: number
  readonly agent?: string
}

/** Says events one after the other; knows what time it is in the story, and what each actor was last. */
const teller = (run: string, startAt: number) => {
  const events: Array<SeenEvent> = []
  const contexts = new Map<string, Record<string, Json>>()
  const states = new Map<string, string>()
  const attempts = new Map<string, number>()
  let t = startAt
  let n = 0
  let cause: number | undefined
  const keyOf = (task: string) => (task === "" ? run : `${run}/${task.replace(/\[/g, "/[").replace(/^\//, "")}`)
  const parentOf = (key: string) => (key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : undefined)
  const say = (seen: object) => {
    events.push({ ...seen, seq: events.length, t, ...(cause === undefined ? {} : { cause }) } as SeenEvent)
  }
  const journal = (message: Message) => {
    cause = undefined
    say({ kind: "journal", run, n: n++, message: { ...message, at: t } })
    cause = events.length - 1
  }
  const chartOf = (key: string) => events.find((event) => event.kind === "actor" && event.actor === key)
  const step = (key: string, event: string, to: string, changes: Record<string, Json> = {}) => {
    const logic = (chartOf(key) as { readonly logic: string }).logic
    const from = states.get(key)!
    const before = contexts.get(key)!
    contexts.set(key, { ...before, ...changes })
    states.set(key, to)
    const patches = Object.entries(changes).map(([at, value]) => ({
      op: at in before ? "replace" : "add",
      path: [at],
      value
    }))
    say({
      kind: "step",
      actor: key,
      event,
      value: to,
      from: `${logic}.${from}`,
      to: `${logic}.${to}`,
      ...(patches.length === 0 ? {} : { patches })
    })
  }
  const spawn = (task: string, logic: string, value: string, context: Record<string, Json>) => {
    const key = keyOf(task)
    const parent = parentOf(key)
    states.set(key, value)
    contexts.set(key, context)
    say({
      kind: "actor",
      actor: key,
      ...(parent === undefined ? {} : { parent }),
      id: parent === undefined ? run : key.slice(parent.length + 1),
      logic,
      ...(task === "" ? {} : { task }),
      run,
      value,
      context
    })
    return key
  }
  const send = (key: string, type: string, data?: Json, from?: string) =>
    say({
      kind: "message",
      actor: key,
      ...(from === undefined ? {} : { from }),
      type,
      ...(data === undefined ? {} : { data })
    })
  const status = (task: string, to: TaskStatus) => say({ kind: "task", run, task, status: to })
  const command = (key: string, type: string, params?: Json) =>
    say({ kind: "command", actor: key, type, ...(params === undefined ? {} : { params }) })

  const start = (task: string, agent?: string) => {
    const key = keyOf(task)
    if (!states.has(key) || states.get(key) === "gone") {
      status(task, "ready")
      t += 6
      spawn(task, "task", "ready", {
        path: task,
        attempt: 0,
        retry: { attempts: 4, backoff: "exponential", baseMs: 500 },
        seed: `${run}:${task}`,
        failure: null,
        outcome: null
      })
    }
    const attempt = (attempts.get(task) ?? 0) + 1
    attempts.set(task, attempt)
    send(key, "start", { at: t }, parentOf(key))
    step(key, "start", "attempting", { attempt })
    command(key, "attempt.start", { attempt, ...(agent === undefined ? {} : { agent }) })
    status(task, "running")
    say({ kind: "attempt", run, task, attempt, ...(agent === undefined ? {} : { agent }) })
    return { key, attempt }
  }
  const gone = (key: string, output?: Json) => {
    say({ kind: "gone", actor: key, how: "done", ...(output === undefined ? {} : { output }) })
    states.set(key, "gone")
  }
  return {
    events,
    status,
    start,
    now: () => t,
    wait: (ms: number) => {
      t += ms
    },
    begin: (ir: WorkflowIR, input: Json) => {
      say({ kind: "definition", hash: "h-1", ir })
      for (const [logic, machine] of [
        ["workflow", workflowMachine],
        ["task", taskMachine],
        ["gate", gateMachine]
      ] as const)
        say({ kind: "chart", logic, shape: shapeOf(machine)! })
      say({ kind: "run", run, workflow: ir.name, hash: "h-1", input })
      journal({ type: "run.submitted", at: t, workflow: ir.name, hash: "h-1", input })
      spawn("", "workflow", "running", {
        task: "",
        onFailure: "stop",
        failure: null,
        isPaused: false,
        isCancelled: false,
        input
      })
      for (const { id } of ir.tasks) status(id, "pending")
      say({
        kind: "status",
        run,
        status: "running",
        percent: 0,
        eta: [t + 4_000, t + 6_500, t + 11_000],
        critical: ir.tasks.map(({ id }) => id).filter((id) => id !== "mail" && id !== "loyalty")
      })
    },
    work: (task: string, { takesMs, agent, value }: Working & { readonly value: Json }) => {
      const { key, attempt } = start(task, agent)
      t += takesMs
      journal({ type: "attempt.succeeded", at: t, task, attempt, value, ...(agent === undefined ? {} : { agent }) })
      send(key, "attempt.succeeded", { attempt, value })
      step(key, "attempt.succeeded", "succeeded", { outcome: { status: "succeeded", value } })
      command(key, "slot.release")
      status(task, "succeeded")
      gone(key, { status: "succeeded", value })
      send(parentOf(key)!, "task.done", { task }, key)
    },
    tryAndFail: (
      task: string,
      { takesMs, agent, failure: why, backoffMs }: Working & { readonly failure: Failure; readonly backoffMs: number }
    ) => {
      const { key, attempt } = start(task, agent)
      t += takesMs
      journal({ type: "attempt.failed", at: t, task, attempt, failure: why, ...(agent === undefined ? {} : { agent }) })
      send(key, "attempt.failed", { attempt, failure: { ...why } })
      step(key, "attempt.failed", "backingOff", { failure: { ...why } })
      command(key, "timer.start", { dueAt: t + backoffMs })
      status(task, "waiting")
      say({ kind: "wait", run, task, dueAt: t + backoffMs, for: "backoff" })
      t += backoffMs
      journal({ type: "timer.fired", at: t, task })
      send(key, "timer.fired", { at: t })
      step(key, "timer.fired", "ready")
      say({ kind: "wait", run, task })
      status(task, "ready")
      t += 4
    },
    failForGood: (task: string, { takesMs, failure: why }: Working & { readonly failure: Failure }) => {
      const { key, attempt } = start(task)
      t += takesMs
      journal({ type: "attempt.failed", at: t, task, attempt, failure: why })
      send(key, "attempt.failed", { attempt, failure: { ...why } })
      step(key, "attempt.failed", "failed", { failure: { ...why }, outcome: { status: "failed", task } })
      status(task, "failed")
      gone(key)
      send(run, "task.failed", { task, failure: { ...why } }, key)
      step(run, "task.failed", "failing", { failure: { task, failure: { ...why } } })
    },
    scope: (task: string) => {
      spawn(task, "workflow", "running", { task, onFailure: "stop", failure: null, isPaused: false })
      status(task, "running")
    },
    finishScope: (task: string, value: Json) => {
      const key = keyOf(task)
      send(key, "settled", { value }, key)
      step(key, "settled", "succeeded", { outcome: { status: "succeeded", value } })
      status(task, "succeeded")
      gone(key, { status: "succeeded", value })
    },
    openGate: (task: string) => {
      const key = spawn(task, "gate", "waiting", {
        path: task,
        dueAt: null,
        otherwise: null,
        outcome: null
      })
      status(task, "waiting")
      say({ kind: "wait", run, task, for: "answer" })
      command(key, "gate.open", { dueAt: null })
    },
    answerGate: (task: string, value: Json, who: string, why: string) => {
      const key = keyOf(task)
      journal({ type: "gate.answered", at: t, task, value, who, why })
      send(key, "gate.answered", { value, who, why })
      step(key, "gate.answered", "answered", { outcome: { status: "succeeded", value } })
      say({ kind: "wait", run, task })
      status(task, "succeeded")
      gone(key, { status: "succeeded", value })
    },
    breaker: (name: string, state: string, facts: Json) => say({ kind: "breaker", name, state, facts }),
    decide: (message: Message, to: RunStatus, percent: number) => {
      journal(message)
      const isPaused = message.type === "run.paused"
      send(run, isPaused ? "pause" : "resume", { who: "Grace" })
      step(run, isPaused ? "pause" : "resume", isPaused ? "paused" : "running", { isPaused })
      say({ kind: "status", run, status: to, percent })
    },
    progress: (to: RunStatus, percent: number, leftMs: number | undefined, critical: ReadonlyArray<string>) =>
      say({
        kind: "status",
        run,
        status: to,
        percent,
        ...(leftMs === undefined ? {} : { eta: [t + leftMs * 0.7, t + leftMs, t + leftMs * 1.8] }),
        critical
      }),
    fault: (text: string) => say({ kind: "fault", run, text }),
    undoing: () => {
      send(run, "idle", { undoes: true }, run)
      step(run, "idle", "undoing")
    },
    end: (to: RunStatus, error: { readonly task: string; readonly code: string; readonly message: string }) => {
      send(run, "settled", {}, run)
      step(run, "settled", "failed", { outcome: { status: "failed", ...error } })
      say({ kind: "status", run, status: to, percent: 100, error })
      gone(run)
    }
  }
}
