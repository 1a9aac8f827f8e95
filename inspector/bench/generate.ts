/**
 * The stream of a run that never was: what the real one would tell of a workflow of so many tasks, with slots, retries, pauses, waits,
 * failures and what is taken back. The same seed gives the same stream.
 */

import { fractions } from "../../src/chaos/dice.ts"
import type { Seen, SeenEvent } from "../../src/inspect/protocol.ts"
import { Heap } from "../../src/model/heap.ts"
import { type Each, kindOf, type TaskIR, type WorkflowIR } from "../../src/model/ir.ts"
import type { Json } from "../../src/model/json.ts"
import { wiresOf } from "../picture/wires.ts"

export interface Wanted {
  readonly seed: number
  /** `layers`: a wide random graph. `fans`: fan-outs one after the other. `order`: a shop, with one of every kind. */
  readonly shape: "layers" | "fans" | "order"
  readonly tasks: number
  /** Attempts at the same time; 64 when absent. */
  readonly slots?: number
  /** Which part of the run has happened, 0 to 1; all of it when absent. */
  readonly part?: number
  /** Whether it fails near its end, and what was done is taken back. */
  readonly fails?: boolean
}

export interface Generated {
  readonly run: string
  readonly ir: WorkflowIR
  readonly events: ReadonlyArray<SeenEvent>
  /** What comes afterwards, where only a part has happened. */
  readonly rest: ReadonlyArray<SeenEvent>
}

const start = Date.UTC(2026, 4, 12, 9, 30, 0)

export const generate = ({ seed, shape, tasks, slots = 64, part = 1, fails = false }: Wanted): Generated => {
  const random = fractions(seed)
  const ir = shape === "layers" ? layersIR(tasks, random) : shape === "fans" ? fansIR(tasks) : orderIR(fails)
  const told = new World(ir, random, slots, fails ? "payment" : undefined).play()
  const until = Math.max(2, Math.ceil(told.length * part))
  const events = told.slice(0, until).map((event, seq) => ({ ...event, seq }))
  if (part < 1) {
    const last = events.at(-1)!.t
    const left = (last - start) * (1 / part - 1)
    const eta = [last + 0.7 * left, last + left, last + 1.6 * left] as const
    const critical = criticalLeft(ir, events)
    events.push({
      kind: "status",
      run,
      status: "running",
      percent: Math.round(part * 100),
      eta,
      critical,
      t: last,
      seq: until
    })
  }
  const rest = told.slice(until).map((event, i) => ({ ...event, seq: events.length + i }))
  return { run, ir, events, rest }
}

const run = "run-1"

/** One way through what is not done, the longest in tasks. */
const criticalLeft = (ir: WorkflowIR, events: ReadonlyArray<SeenEvent>): ReadonlyArray<string> => {
  const done = new Set(
    events.flatMap((event) =>
      event.kind === "task" && (event.status === "succeeded" || event.status === "skipped") ? [event.task] : []
    )
  )
  const { graph } = wiresOf(ir)
  const length = new Int32Array(graph.size)
  const next = new Int32Array(graph.size).fill(-1)
  let first = -1
  for (let i = graph.size - 1; i >= 0; i--) {
    if (done.has(graph.ids[i]!)) continue
    for (let k = graph.successorStart[i]!; k < graph.successorStart[i + 1]!; k++)
      if (next[i] === -1 || length[graph.successors[k]!]! > length[next[i]!]!) next[i] = graph.successors[k]!
    length[i] = 1 + (next[i] === -1 ? 0 : length[next[i]!]!)
    if (first === -1 || length[i]! >= length[first]!) first = i
  }
  const path: Array<string> = []
  for (let i = first; i !== -1; i = next[i]!) path.push(graph.ids[i]!)
  return path
}

const verbs = [
  "fetch",
  "parse",
  "score",
  "rank",
  "train",
  "check",
  "merge",
  "index",
  "enrich",
  "render",
  "notify",
  "archive"
]

/** A graph in layers, each task behind up to three of the last layers: what planners of large graphs make. */
const layersIR = (count: number, random: () => number): WorkflowIR => {
  const width = Math.max(2, Math.round(Math.sqrt(count)))
  const tasks: Array<TaskIR> = []
  for (let i = 0; i < count; i++) {
    const layer = Math.floor(i / width)
    const from = new Set<string>()
    if (layer > 0)
      for (let n = 1 + Math.floor(random() * 2.2); n > 0; n--) {
        const back = random() < 0.12 && layer > 1 ? 2 : 1
        const near = (i % width) + Math.round((random() - 0.5) * 6)
        from.add(tasks[(layer - back) * width + Math.min(width - 1, Math.max(0, near))]!.id)
      }
    const [first, ...after] = [...from]
    tasks.push({
      id: `${verbs[i % verbs.length]}-${i}`,
      task: "work",
      ...(first === undefined ? {} : { input: { value: { $: first } } }),
      ...(after.length === 0 ? {} : { after }),
      ...(random() < 0.06 ? { retry: { attempts: 3 } } : {})
    })
  }
  return { ir: 1, name: "layers", tasks }
}

/** Fan-outs of 100 items, one after the other, each gathered by a task. */
const fansIR = (count: number): WorkflowIR => {
  const items = Math.min(100, Math.max(4, Math.round(count / 6)))
  const tasks: Array<TaskIR> = [{ id: "plan", task: "plan" }]
  let last = "plan"
  for (let made = 1, n = 1; made < count; n++) {
    const many = Math.min(items, count - made)
    tasks.push({ id: `map-${n}`, kind: "map", over: many, each: { task: "work" }, after: [last], concurrency: 50 })
    tasks.push({ id: `gather-${n}`, task: "gather", input: { all: { $: `map-${n}` } } })
    made += many + 1
    last = `gather-${n}`
  }
  return { ir: 1, name: "fans", tasks }
}

/** A shop takes an order: data and order, a gate, a sleep, a fan-out, a workflow inside, a loop, a planner, a case, what may be undone. */
const orderIR = (fails: boolean): WorkflowIR => ({
  ir: 1,
  name: "order",
  config: { onFailure: "stop" },
  tasks: [
    { id: "receive", task: "receive" },
    { id: "customer", task: "customer", input: { id: { $: "receive" } } },
    { id: "stock", task: "stock", input: { items: { $: "receive" } }, retry: { attempts: 4 } },
    { id: "fraud-check", needs: "fraud", input: { who: { $: "customer" } } },
    {
      id: "prices",
      kind: "map",
      over: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
      each: { task: "price" },
      input: { s: { $: "stock" } }
    },
    { id: "discounts", task: "discounts", input: { who: { $: "customer" }, all: { $: "prices" } } },
    {
      id: "approval",
      name: "approval over 1,000 €",
      kind: "gate",
      show: { $: "discounts" },
      when: { gt: [{ $: "discounts.total" }, 1000] }
    },
    {
      id: "reserve",
      task: "reserve",
      input: { items: { $: "stock" } },
      after: ["fraud-check"],
      undo: { task: "release" }
    },
    {
      id: "payment",
      task: "payment",
      input: { sum: { $: "discounts" } },
      after: ["approval", "reserve"],
      retry: { attempts: 3 },
      undo: { task: "refund" }
    },
    { id: "invoice", task: "invoice", input: { payment: { $: "payment" } } },
    {
      id: "ship",
      kind: "use",
      after: ["payment"],
      workflow: {
        ir: 1,
        name: "ship",
        tasks: [
          { id: "pick", task: "pick" },
          { id: "pack", task: "pack", after: ["pick"] },
          { id: "label", task: "label", after: ["pick"], undo: { task: "void-label" } },
          { id: "hand-over", task: "hand-over", after: ["pack", "label"] }
        ]
      }
    },
    { id: "cool-down", kind: "sleep", durationMs: 86_400_000, after: ["ship"] },
    { id: "follow-up", needs: "writing", expand: true, after: ["cool-down"] },
    {
      id: "improve",
      name: "improve the mail",
      kind: "repeat",
      max: 5,
      until: { gt: [{ $: "output.score" }, 0.9] },
      input: { text: { $: "follow-up" } },
      workflow: {
        ir: 1,
        name: "round",
        tasks: [
          { id: "write", needs: "writing" },
          { id: "judge", needs: "judging", after: ["write"] }
        ]
      }
    },
    {
      id: "region",
      kind: "branch",
      on: { $: "customer.region" },
      cases: {
        eu: {
          ir: 1,
          name: "eu",
          tasks: [
            { id: "vat", task: "vat" },
            { id: "report-eu", task: "report", after: ["vat"] }
          ]
        },
        us: { ir: 1, name: "us", tasks: [{ id: "sales-tax", task: "tax" }] }
      }
    },
    { id: "books", task: "books", input: { i: { $: "invoice" }, r: { $: "region" } } },
    { id: "alarm", task: "alarm", after: [{ task: "payment", on: "failed" }] },
    { id: "gift", task: "gift", after: ["payment"], when: { eq: [{ $: "customer.isNew" }, true] } },
    { id: "survey", task: "survey", after: ["improve", "gift"] },
    { id: "warehouse", task: "warehouse", input: { left: { $: "reserve" } } },
    { id: "reorder", task: "reorder", after: ["warehouse"] },
    { id: "suppliers", kind: "map", over: 40, each: { task: "ask" }, after: ["reorder"] },
    { id: "choose", needs: "buying", input: { offers: { $: "suppliers" } } },
    { id: "metrics", task: "metrics", after: ["books", "choose"] },
    ...(fails ? [] : [{ id: "archive", task: "archive", after: ["metrics", "survey"] } as const])
  ]
})

type Told = Seen & { readonly t: number; readonly cause?: number }
type Status = "succeeded" | "failed" | "skipped" | "cancelled"

/** Plays a workflow on virtual time. */
class World {
  readonly #ir: WorkflowIR
  readonly #random: () => number
  readonly #heap = new Heap<{ readonly at: number; readonly n: number; readonly what: () => void }>(
    (a, b) => a.at < b.at || (a.at === b.at && a.n < b.n)
  )
  readonly #told: Array<Told> = []
  readonly #line: Array<() => void> = []
  readonly #failing: string | undefined
  readonly #doneWithUndo: Array<string> = []
  #free: number
  #t = start
  #n = 0
  #messages = 0
  #isOver = false

  constructor(ir: WorkflowIR, random: () => number, slots: number, failing: string | undefined) {
    this.#ir = ir
    this.#random = random
    this.#free = slots
    this.#failing = failing
  }

  play(): ReadonlyArray<Told> {
    this.#tell({ kind: "definition", hash: "hash-1", ir: this.#ir })
    this.#tell({ kind: "run", run, workflow: this.#ir.name, hash: "hash-1", input: null })
    this.#workflow("", this.#ir, (status) => this.#end(status))
    for (let next = this.#heap.pop(); next !== undefined; next = this.#heap.pop()) {
      this.#t = next.at
      next.what()
    }
    return this.#told
  }

  #tell(event: Seen): void {
    this.#told.push({ ...event, t: Math.round(this.#t) })
  }
  #status(task: string, status: Status | "ready" | "running" | "waiting"): void {
    this.#tell({ kind: "task", run, task, status })
  }
  #journal(message: object): void {
    this.#tell({ kind: "journal", run, n: this.#messages++, message: { at: this.#t, ...message } as never })
  }
  #after(ms: number, what: () => void): void {
    this.#heap.push({ at: this.#t + ms, n: this.#n++, what })
  }

  #end(status: Status): void {
    if (this.#isOver) return
    this.#isOver = true
    if (status === "failed") {
      const back = [...this.#doneWithUndo].reverse()
      const next = (i: number): void => {
        const path = back[i]
        if (path === undefined) return this.#over("failed")
        const undo = `${path}~undo`
        this.#status(undo, "running")
        this.#tell({ kind: "attempt", run, task: undo, attempt: 1 })
        this.#after(300 + 900 * this.#random(), () => {
          this.#journal({ type: "attempt.succeeded", task: undo, attempt: 1, value: null })
          this.#status(undo, "succeeded")
          next(i + 1)
        })
      }
      return next(0)
    }
    this.#over("succeeded")
  }
  #over(status: "succeeded" | "failed"): void {
    const error = { task: this.#failing ?? "", code: "DECLINED", message: "the card was declined" }
    this.#tell({ kind: "status", run, status, percent: 100, ...(status === "failed" ? { error } : {}) })
  }

  #workflow(scope: string, ir: WorkflowIR, done: (status: Status) => void): void {
    const { graph } = wiresOf(ir)
    const open = new Int32Array(graph.size)
    const failedOnly = ir.tasks.map(
      (task) => task.after?.some((one) => typeof one !== "string" && one.on === "failed") === true
    )
    let left = graph.size
    let isStopped = false
    const settle = (i: number, status: Status) => {
      left--
      if (status === "failed" && !isStopped) {
        isStopped = true
        return done("failed")
      }
      for (let k = graph.successorStart[i]!; k < graph.successorStart[i + 1]!; k++) {
        const to = graph.successors[k]!
        if (--open[to]! === 0) begin(to)
      }
      if (left === 0 && !isStopped) done("succeeded")
    }
    const begin = (i: number) => {
      const task = ir.tasks[i]!
      const path = scope === "" ? task.id : `${scope}/${task.id}`
      if (isStopped) return
      if (failedOnly[i] || (task.when !== undefined && task.id === "gift")) {
        this.#status(path, "skipped")
        return settle(i, "skipped")
      }
      this.#task(path, task, (status) => settle(i, status))
    }
    for (let i = 0; i < graph.size; i++) open[i] = graph.predecessorStart[i + 1]! - graph.predecessorStart[i]!
    const first = [...open.keys()].filter((i) => open[i] === 0)
    for (const i of first) begin(i)
    if (graph.size === 0) done("succeeded")
  }

  #task(path: string, task: TaskIR, done: (status: Status) => void): void {
    const end = (status: Status) => {
      this.#status(path, status)
      done(status)
    }
    switch (kindOf(task)) {
      case "gate":
        this.#status(path, "waiting")
        this.#tell({ kind: "wait", run, task: path, for: "answer" })
        return this.#after(4 * 3_600_000, () => {
          this.#journal({ type: "gate.answered", task: path, value: true, who: "ada" })
          this.#tell({ kind: "wait", run, task: path })
          end("succeeded")
        })
      case "sleep": {
        const ms = (task as { durationMs: number }).durationMs
        this.#status(path, "waiting")
        this.#tell({ kind: "wait", run, task: path, for: "timer", dueAt: this.#t + ms })
        return this.#after(ms, () => {
          this.#journal({ type: "timer.fired", task: path })
          end("succeeded")
        })
      }
      case "map": {
        const {
          over,
          each,
          concurrency = 1_000
        } = task as { over: number | ReadonlyArray<Json>; each: Each; concurrency?: number }
        const total = typeof over === "number" ? over : over.length
        let [next, settled] = [0, 0]
        this.#status(path, "running")
        const one = () => {
          if (next === total) return
          const item = `${path}[${next++}]`
          this.#work(item, each as TaskIR, 1, 1, () => {
            if (++settled === total) end("succeeded")
            else one()
          })
        }
        for (let i = 0; i < Math.min(concurrency, total); i++) one()
        return
      }
      case "use":
        this.#status(path, "running")
        return this.#workflow(path, (task as { workflow: WorkflowIR }).workflow, end)
      case "branch":
        this.#status(path, "running")
        return this.#workflow(path, (task as unknown as { cases: { eu: WorkflowIR } }).cases.eu, end)
      case "repeat": {
        this.#status(path, "running")
        const round = (n: number): void => {
          const scope = `${path}#${n}`
          this.#status(scope, "running")
          this.#workflow(scope, (task as { workflow: WorkflowIR }).workflow, () => {
            this.#status(scope, "succeeded")
            if (n === 3) end("succeeded")
            else round(n + 1)
          })
        }
        return round(1)
      }
      case "expand": {
        this.#status(path, "running")
        const tasks = [
          { id: "thanks", task: "mail" },
          { id: "tips", task: "mail" },
          { id: "send", task: "send", after: ["thanks", "tips"] }
        ]
        return this.#work(
          `${path}@plan`,
          task,
          1,
          1,
          () => {
            this.#status(`${path}@tasks`, "running")
            this.#workflow(`${path}@tasks`, { ir: 1, name: "plan", tasks }, () => {
              this.#status(`${path}@tasks`, "succeeded")
              end("succeeded")
            })
          },
          { tasks }
        )
      }
      default: {
        const isPoor = path === "stock" || path === this.#failing || this.#random() < 0.03
        const attempts = (task as { retry?: { attempts: number } }).retry?.attempts ?? 1
        return this.#work(path, task, 1, isPoor ? attempts : 1, (status) => {
          if (status === "succeeded" && "undo" in task) this.#doneWithUndo.push(path)
          done(status)
        })
      }
    }
  }

  /** Attempts until one is good; the last one of those that are poor fails only where the task is meant to. */
  #work(
    path: string,
    task: TaskIR,
    attempt: number,
    most: number,
    done: (status: Status) => void,
    value: Json = null
  ): void {
    const begin = () => {
      this.#free--
      this.#status(path, "running")
      const agent = "needs" in task ? `${task.needs}-agent-${1 + Math.floor(this.#random() * 3)}` : undefined
      this.#tell({ kind: "attempt", run, task: path, attempt, ...(agent === undefined ? {} : { agent }) })
      const ms = 40 + 2_600 * this.#random() ** 3
      this.#after(ms, () => {
        this.#free++
        const isBad = attempt < most || (path === this.#failing && attempt === most)
        if (!isBad) {
          this.#journal({
            type: "attempt.succeeded",
            task: path,
            attempt,
            value,
            ...(agent === undefined ? {} : { agent })
          })
          this.#status(path, "succeeded")
          done("succeeded")
        } else {
          const failure = {
            tag: "Error",
            code: "UNREACHABLE",
            message: "the other side did not answer",
            retryable: true
          }
          this.#journal({ type: "attempt.failed", task: path, attempt, failure })
          if (attempt < most) {
            const pause = 500 * 2 ** attempt * (0.5 + this.#random())
            this.#status(path, "waiting")
            this.#tell({ kind: "wait", run, task: path, for: "backoff", dueAt: this.#t + pause })
            this.#after(pause, () => {
              this.#journal({ type: "timer.fired", task: path })
              this.#work(path, task, attempt + 1, most, done, value)
            })
          } else {
            this.#status(path, "failed")
            done("failed")
          }
        }
        while (this.#free > 0 && this.#line.length > 0) this.#line.shift()!()
      })
    }
    this.#status(path, "ready")
    if (this.#free > 0 && this.#line.length === 0) begin()
    else this.#line.push(begin)
  }
}
