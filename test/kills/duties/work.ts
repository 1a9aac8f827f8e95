/**
 * A program like those that users write: it submits runs, waits for their results, pauses, resumes and cancels them. Each promise
 * that resolves is written down at once, in a file of its own.
 */
import { readFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import {
  Orchestrator,
  type OrchestratorOptions,
  type Run,
  type RunState,
  type TaskContext,
  TroupeError
} from "../../../src/index.ts"
import { sqliteJournal } from "../../../src/storage/index.ts"
import { dice } from "../chance.ts"
import { type Deed, type Log, openLog } from "../log.ts"
import { bank, policy, watching } from "../payments.ts"
import { noAgency, openAgency } from "../trips.ts"
import { endless, inSequence, sampleOf, workflows } from "../workload.ts"
import type { Work } from "./order.ts"

/** Runs of this program that are out at the same time. */
const outMost = 24
/** Runs that came back and are looked at before anything else. */
const seenMost = 25

export const work = async (order: Work, started: () => void): Promise<void> => {
  const log = openLog(order.log, order.life)
  let breaker = "closed"
  const flows = workflows({
    called: (context, isGuarded) =>
      log.deed({ ...deed("called", context), ...(isGuarded === true ? { at: Date.now(), breaker } : {}) }),
    done: (context) => log.deed(deed("done", context)),
    over: (context) => log.deed(deed("over", context)),
    agency: order.agency === undefined ? noAgency : openAgency(order.agency, order.life)
  })
  log.ack({ is: "opening" })
  started()
  const since = now()
  const orchestrator = await open(order, log, {
    workflows: Object.values(flows),
    graceMs: 20,
    breakers: { [bank]: policy },
    ...(order.guarded === true
      ? {
          inspect: watching((standing) => {
            breaker = standing.state
            log.ack({ is: "breaker", ...standing })
          })
        }
      : {}),
    // most lives bring runs back from snapshots, some from all their messages
    snapshotEvery: dice(`${order.seed}.snapshots`).pick([1, 3, 1_000]),
    onDefect: (error) => {
      log.ack({ is: "wrong", run: "", what: textOf(error) })
      // its runs go on where the store is now
      if (codeOf(error) === "STALE_OWNER") setTimeout(() => process.exit(3), 50)
    }
  })
  const program = new Program(order, log, orchestrator, flows)
  const until = now()
  log.ack({
    is: "opened",
    ms: until.ms - since.ms,
    cpuMs: until.cpuMs - since.cpuMs,
    queuedMs: until.queuedMs - since.queuedMs,
    live: orchestrator.live,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    servers: process.getActiveResourcesInfo().filter((name) => /server/i.test(name)).length
  })
  await program.run()
}

const now = () => {
  const { user, system } = process.cpuUsage()
  let queued = "0"
  try {
    queued = readFileSync("/proc/self/schedstat", "utf8").split(" ")[1]!
  } catch {
    // not Linux
  }
  return { ms: performance.now(), cpuMs: (user + system) / 1_000, queuedMs: Number(queued) / 1e6 }
}

const open = async ({ store, leaseMs, insist = false }: Work, log: Log, options: OrchestratorOptions) => {
  for (let last = ""; ; await wait(15)) {
    const journal = leaseMs === undefined ? undefined : await sqliteJournal({ path: store, leaseMs })
    try {
      return await Orchestrator.open({ ...options, store: journal ?? `sqlite:${store}` })
    } catch (error) {
      if (journal !== undefined) Effect.runSync(journal.close(0))
      const text = textOf(error)
      // how long it must wait changes with every try
      if (codeOf(error) !== last) log.ack({ is: "wrong", run: "@open", what: text })
      last = codeOf(error)
      if (!insist) process.exit(5)
    }
  }
}

const deed = (is: Deed["is"], { run, task, key, attempt, delivery, fencingToken }: TaskContext): Deed => ({
  is,
  run,
  task,
  key,
  attempt,
  delivery,
  token: fencingToken
})

const codeOf = (error: unknown) => (error instanceof TroupeError ? error.code : "")
const textOf = (error: unknown) =>
  `${codeOf(error)} ${error instanceof Error ? `${error.message} ${error instanceof TroupeError ? "" : error.stack}` : String(error)}`

/** What of a state follows from the messages alone. */
export const lasting = ({
  status,
  percent,
  tasks,
  current,
  waiting,
  attempts,
  output,
  error,
  reason
}: Omit<RunState, "eta">) => ({
  status,
  percent,
  tasks,
  current,
  waiting,
  attempts,
  output,
  error,
  reason
})

class Program {
  readonly #order: Work
  readonly #log: Log
  readonly #orchestrator: Orchestrator
  readonly #flows: ReturnType<typeof workflows>
  readonly #dice
  /** Runs that may still be steered, and whether somebody is at it. */
  readonly #open = new Map<string, boolean>()
  #nth = 0
  #out = 0
  #steered = 0

  constructor(order: Work, log: Log, orchestrator: Orchestrator, flows: ReturnType<typeof workflows>) {
    this.#order = order
    this.#log = log
    this.#orchestrator = orchestrator
    this.#flows = flows
    this.#dice = dice(order.seed)
  }

  async run(): Promise<void> {
    const { mode } = this.#order
    const before = await this.#unfinished()
    await Promise.all(before.slice(0, seenMost).map((id) => this.#look(id)))
    const ends = before.map((id) => this.#follow(id))
    if (mode === "single") await Promise.all(ends)
    if (mode === "finish") {
      for (const id of before) {
        if (endless.has(id.slice(0, id.indexOf("-")))) void this.#cancel(id)
        else if ((await this.#orchestrator.status(id)).status === "paused") await this.#resume(id)
      }
      await Promise.all(ends)
      await this.#orchestrator.close()
      return this.#log.ack({ is: "finished" })
    }
    if (mode === "load" || mode === "trips" || mode === "payments") {
      void this.#again()
      void this.#steer()
    }
    while (this.#nth < this.#order.runs) {
      while (this.#nth < this.#order.runs && (mode === "hold" || this.#out < (mode === "single" ? 1 : outMost)))
        void this.#submit()
      await wait(1)
    }
    for (;;) await wait(1_000)
  }

  /** Ids of all that has not ended. */
  async #unfinished(): Promise<ReadonlyArray<string>> {
    const ids: Array<string> = []
    let cursor: string | undefined
    do {
      const page = await this.#orchestrator.list({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) })
      for (const { run, status } of page.runs) {
        if (status === "parked" || status === "quarantined") this.#wrong(run, `is ${status} after a restart`)
        if (["running", "paused", "waiting"].includes(status)) ids.push(run)
      }
      cursor = page.cursor
    } while (cursor !== undefined)
    return ids
  }

  async #submit(): Promise<void> {
    const { mode, life } = this.#order
    const nth = this.#nth++
    const id =
      mode === "hold"
        ? `${nth % 2 === 0 ? "busy" : "asleep"}-${nth}`
        : mode === "single"
          ? `${this.#dice.pick(inSequence)}-${life}-${nth}`
          : this.#idOf(life, nth)
    this.#out++
    await this.#try(id, async () => {
      const { workflow, input } = sampleOf(id)
      const run = await this.#orchestrator.submit(this.#flows[workflow]!, input, { id })
      this.#log.ack({ is: "submitted", run: id })
      await this.#ended(run)
    })
    this.#out--
  }

  #idOf(life: number, nth: number): string {
    const { mode } = this.#order
    const kind = mode === "trips" ? "trip-" : mode === "payments" ? "payment-" : ""
    return `${kind}${life}-${nth}`
  }

  /** What was submitted in an earlier life is submitted again: the same is the same run, something else under its id is refused. */
  async #again(): Promise<void> {
    const { life } = this.#order
    for (let nth = 0; nth < 6; nth++) {
      await wait(this.#dice.whole(0, 4))
      if (life === 1) return
      const id = this.#idOf(life - 1, nth)
      await this.#try(id, async () => {
        const { workflow, input } = sampleOf(id)
        const run = await this.#orchestrator.submit(this.#flows[workflow]!, input, { id })
        this.#log.ack({ is: "submitted", run: id })
        const other = workflow === "chain" ? "nested" : "chain"
        const code = await this.#orchestrator
          .submit(this.#flows[other]!, { value: 1, ms: 0 }, { id })
          .then(() => "a second run", codeOf)
        if (code !== "IDEMPOTENCY_MISMATCH") this.#wrong(id, `another payload under its id gave ${code}`)
        await this.#ended(run)
      })
    }
  }

  /** Waits for a run that came back. */
  #follow(id: string): Promise<void> {
    return this.#try(id, async () => this.#ended(await this.#orchestrator.get(id)))
  }

  async #ended(run: Run): Promise<void> {
    const { id } = run
    if (!this.#open.has(id)) this.#open.set(id, false)
    const { status, output } = await run.outcome()
    this.#open.delete(id)
    this.#log.ack({ is: "ended", run: id, status, output })
    if (status !== "succeeded") return
    const result = await run.result()
    if (!isDeepStrictEqual(result, output)) this.#wrong(id, "its result is not its output")
  }

  /** Somebody who pauses, resumes, cancels and looks, at random. */
  async #steer(): Promise<void> {
    // trips are there to be taken back
    const pausesBelow = this.#order.mode === "trips" ? 0.6 : 0.85
    for (;;) {
      await wait(this.#dice.whole(0, 2))
      const free = [...this.#open].filter(([, isBusy]) => !isBusy).map(([id]) => id)
      if (free.length === 0) continue
      const id = this.#dice.pick(free)
      const chance = this.#dice.next()
      if (chance < 0.35) void this.#look(id)
      else void this.#alone(id, () => (chance < pausesBelow ? this.#pause(id) : this.#cancel(id)))
    }
  }

  async #alone(id: string, act: () => Promise<void>): Promise<void> {
    this.#open.set(id, true)
    await act()
    if (this.#open.has(id)) this.#open.set(id, false)
  }

  #pause(id: string): Promise<void> {
    return this.#try(id, async () => {
      const why = this.#why()
      if (await this.#orchestrator.pause(id, { who: "kills", why })) this.#log.ack({ is: "paused", run: id, why })
      await wait(this.#dice.whole(0, 60))
      await this.#resume(id)
    })
  }

  #resume(id: string): Promise<void> {
    return this.#try(id, async () => {
      const why = this.#why()
      this.#log.ack({ is: "resume?", run: id })
      if (await this.#orchestrator.resume(id, { who: "kills", why })) this.#log.ack({ is: "resumed", run: id, why })
    })
  }

  #cancel(id: string): Promise<void> {
    return this.#try(id, async () => {
      const why = this.#why()
      // a cancel by force forgoes what is still to be undone: of trips there should be some left
      const force = this.#dice.next() < (this.#order.mode === "trips" ? 0.05 : 0.3)
      this.#log.ack({ is: "cancel?", run: id })
      if (await this.#orchestrator.cancel(id, { who: "kills", why, force }))
        this.#log.ack({ is: "cancelled", run: id, why })
    })
  }

  #why = () => `${this.#order.life}.${this.#steered++}`

  #look(id: string): Promise<void> {
    return this.#try(id, async () => {
      const state = await this.#orchestrator.status(id)
      this.#log.ack({ is: "seen", run: id, messages: state.messages, state: lasting(state) })
    })
  }

  /** Nothing that this program asks for may be refused, unless it has lost the store. */
  async #try(run: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#wrong(run, textOf(error))
    }
  }

  #wrong(run: string, what: string): void {
    this.#log.ack({ is: "wrong", run, what })
  }
}
