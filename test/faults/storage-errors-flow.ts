/**
 * The flow whose storage fails: many stores in one process, each in a folder of its own whose number is its slot of the shim. Run as
 * a child: it reads cases as JSON from its input, and writes what came of each to its output.
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Orchestrator, type Run } from "../../src/engine/orchestrator.ts"
import { TroupeError } from "../../src/model/errors.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { large, largeOf, started, ten, tenOf } from "./flows.ts"
import { Control, type Plan } from "./shim.ts"

export interface Case {
  readonly slot: number
  /** What fails: from the making of the store on, once runs are at work, or when it is closed. */
  readonly phase: "first" | "work" | "last"
  /** Undefined: nothing, calls are counted. */
  readonly plan?: Plan
  readonly counted: number
}

export interface Came {
  readonly slot: number
  readonly seen: number
  readonly failed: number
  readonly again: number
  /** Promises that were broken. */
  readonly wrong: ReadonlyArray<string>
  /** Errors that callers were given. */
  readonly errors: ReadonlyArray<string>
}

/** From then on nothing fails any more, where it had lasted. */
const healAfterMs = 30
const patienceMs = 15_000
/** Short, so that signs of life are written meanwhile, and fail as well. */
const leaseMs = 60

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

class Flow {
  readonly wrong: Array<string> = []
  readonly errors: Array<string> = []
  readonly #one: Case
  readonly #control: Control
  readonly #path: string
  readonly #acks: number
  readonly #deadline = performance.now() + patienceMs

  constructor(root: string, one: Case, control: Control) {
    this.#one = one
    this.#control = control
    const folder = join(root, String(one.slot))
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    this.#acks = openSync(join(folder, "acks"), "a")
    this.#path = join(folder, "store/runs.db")
  }

  async run(): Promise<Came> {
    const { slot, phase } = this.#one
    try {
      if (phase === "first") this.#arm()
      else await (await this.#open()).close()
      const orchestrator = await this.#until("open", () => this.#open())
      if (phase === "work") this.#arm()
      await this.#work(orchestrator)
      if (phase === "last") this.#arm()
      else this.#control.heal(slot)
      await this.#close(orchestrator)
      const { seen, failed, again } = this.#control.look(slot)
      this.#control.heal(slot)
      await this.#look()
      closeSync(this.#acks)
      return { slot, seen, failed, again, wrong: this.wrong, errors: this.errors }
    } catch (error) {
      const { seen, failed, again } = this.#control.look(slot)
      this.#control.heal(slot)
      return {
        slot,
        seen,
        failed,
        again,
        wrong: [...this.wrong, `stopped: ${(error as Error).stack}`],
        errors: this.errors
      }
    }
  }

  #id(number: number): string {
    return `${this.#one.slot}-r${number}`
  }

  #arm(): void {
    const { slot, plan, counted } = this.#one
    if (plan === undefined) return this.#control.count(slot, counted)
    this.#control.arm(slot, plan)
    if (!plan.isLasting) return
    const watch = setInterval(() => {
      if (this.#control.look(slot).failed === 0) return
      clearInterval(watch)
      setTimeout(() => this.#control.heal(slot), healAfterMs)
    }, 5)
    watch.unref()
  }

  async #open(): Promise<Orchestrator> {
    const journal = await sqliteJournal({ path: this.#path, leaseMs })
    return Orchestrator.open({
      store: journal,
      workflows: [ten, large],
      onDefect: (error) => this.wrong.push(`a defect: ${String(error)}`)
    })
  }

  /** Asks again while it is refused with an error that says so. */
  async #until<T>(what: string, ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await within(ask(), this.#deadline, what)
      } catch (error) {
        const { _tag: tag = "", code = "" } = error as { _tag?: string; code?: string }
        const allowed = what === "open" ? [...refusals, "StoreUnusable"] : refusals
        if (!(error instanceof TroupeError) || !allowed.includes(tag) || performance.now() > this.#deadline) throw error
        this.errors.push(`${what}: ${code}`)
        await later(10)
      }
    }
  }

  async #work(orchestrator: Orchestrator): Promise<void> {
    const runs = await Promise.all([
      this.#submitted(() => orchestrator.submit(ten, 1, { id: this.#id(0) })),
      this.#submitted(() => orchestrator.submit(large, 2, { id: this.#id(1) })),
      this.#steered(orchestrator)
    ])
    await Promise.all(
      runs.map(async (run, i) => {
        const result = await within(run.result(), this.#deadline, `the result of r${i}`)
        if (result !== [tenOf(1), largeOf(2), tenOf(3)][i]) this.wrong.push(`r${i} gave ${JSON.stringify(result)}`)
        this.#isWritten(run)
        await this.#acknowledge(run)
      })
    )
    for (const [call, times] of started) {
      if (call.startsWith(`${this.#one.slot}-`) && times > 1) this.wrong.push(`${call} was called ${times} times`)
    }
  }

  async #steered(orchestrator: Orchestrator): Promise<Run<number>> {
    const run = await this.#submitted(() => orchestrator.submit(ten, 3, { id: this.#id(2) }))
    await this.#until("pause", () => run.pause({ who: "ada" }))
    await this.#acknowledge(run)
    await this.#until("resume", () => run.resume({ who: "ada" }))
    await this.#acknowledge(run)
    return run
  }

  async #submitted(submit: () => Promise<Run<number>>): Promise<Run<number>> {
    const run = await this.#until("submit", submit)
    writeSync(this.#acks, `${JSON.stringify([run.id, 1])}\n`)
    return run
  }

  /** Written down for whoever looks what a power cut would have left. */
  async #acknowledge(run: Run): Promise<void> {
    const { length } = await this.#until("history", () => run.history())
    writeSync(this.#acks, `${JSON.stringify([run.id, length])}\n`)
  }

  /** It lets go of the store, even if the store cannot be told. */
  async #close(orchestrator: Orchestrator): Promise<void> {
    try {
      await within(orchestrator.close(), this.#deadline, "close")
    } catch (error) {
      if (!(error instanceof TroupeError)) throw error
      this.errors.push(`close: ${(error as { code?: string }).code}`)
    }
  }

  /** What was reported as done stands in the file, for somebody else too. */
  #isWritten({ id }: Run): void {
    // whoever looks from beside must not be the one whose call fails
    const { slot } = this.#one
    this.#control.pause(slot)
    const other = new DatabaseSync(this.#path, { readOnly: true })
    try {
      const row = other
        .prepare("SELECT count(*) AS n FROM troupe_messages m JOIN troupe_runs r ON r.id = m.run WHERE r.name = ?")
        .get(id)
      if (Number(row?.["n"]) < (id === this.#id(1) ? 3 : 13))
        this.wrong.push(`${id} was reported done before it was written`)
    } finally {
      other.close()
      this.#control.unpause(slot)
    }
  }

  /** After everything: one outcome of each attempt, all in order, and lists that say so. */
  async #look(): Promise<void> {
    const orchestrator = await this.#open()
    for (const id of [0, 1, 2].map((i) => this.#id(i))) {
      const run = await orchestrator.get(id)
      const { status } = await run.outcome()
      if (status !== "succeeded") this.wrong.push(`${id} ${status} after a restart`)
      const outcomes = (await run.history()).filter(({ type }) => type.startsWith("attempt."))
      const names = outcomes.map((one) => ("attempt" in one ? `${one.task}#${one.attempt}` : ""))
      if (new Set(names).size !== names.length) this.wrong.push(`${id} has two outcomes of one attempt`)
    }
    const listed = (await orchestrator.list()).runs.map(({ status }) => status)
    if (listed.join() !== "succeeded,succeeded,succeeded") this.wrong.push(`the list says ${listed.join()}`)
    await orchestrator.close()
  }
}

/** What a caller may be told. */
const refusals = ["JournalFull", "JournalBroken", "JournalBusy"]

const within = <T>(promise: Promise<T>, deadline: number, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError(`no answer to ${what}`)), Math.max(1, deadline - performance.now()))
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const [root = "", controlPath = ""] = process.argv.slice(2)
const control = Control.at(controlPath)
const cases = JSON.parse(readFileSync(0, "utf8")) as ReadonlyArray<Case>
const came: Array<Came> = []
const atOnce = 24
let next = 0
process.on("unhandledRejection", (error) => {
  came.push({ slot: -1, seen: 0, failed: 0, again: 0, errors: [], wrong: [`unhandled: ${(error as Error).stack}`] })
})
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    for (let one = cases[next++]; one !== undefined; one = cases[next++])
      came.push(await new Flow(root, one, control).run())
  })
)
writeFileSync(join(root, "came.json"), JSON.stringify(came))
// what was stopped on the way must not keep the process
process.exit(0)
