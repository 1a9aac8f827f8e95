/**
 * One execution: a program that submits a run and waits for its end, through as many lives as the plan gives it. The engine is
 * the one that programs use, with its clock, its scheduler and its journal taken from the simulated world.
 */

import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Engine } from "../engine/engine.ts"
import { answer, reject } from "../engine/gates.ts"
import { type Opened, openEngine } from "../engine/orchestrator.ts"
import { goesOn } from "../engine/rest.ts"
import type { Agent } from "../engine/router.ts"
import type { LiveRun } from "../engine/run.ts"
import { TroupeError } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import { isTerminal, type Message, type Outcome } from "../model/messages.ts"
import type { ScheduleOptions } from "../model/recurring.ts"
import { isOfUndo, undoing } from "../model/saga.ts"
import type { TaskContext } from "../model/task.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Entry, JournalService, RunRecord } from "../storage/journal.ts"
import { type Caller, callBy, jsonOf, Planned, Reply } from "./bodies.ts"
import { draw, drawAt, fractions } from "./dice.ts"
import { Disk } from "./disk.ts"
import { ChaosMisused } from "./errors.ts"
import { isAssertion, messageOf } from "./given.ts"
import { type Scope, within } from "./globals.ts"
import { inTime, Kernel, Life } from "./kernel.ts"
import type { Bulkheads, Rates } from "./limits.ts"
import { gatesOf, operate } from "./operator.ts"
import type { Crash, Fault, Plan, StorageFault, TaskFault } from "./plan.ts"
import { truthOf, undoes } from "./sagas.ts"
import { makeSchedule } from "./schedules.ts"
import { send, type Telling } from "./signals.ts"
import { type Call, type Line, runId, type Violation } from "./story.ts"
import { Watch } from "./watch.ts"
import { type World, worldOf } from "./world.ts"

/** The world that a workflow is put into. */
export interface Setup {
  /** With code that is called by the execution. */
  readonly workflow: Workflow
  readonly agents: ReadonlyArray<Agent>
  readonly input: Json
  /** What people answer at gates: by path, or for all. */
  readonly answerTo: (gate: string) => Json | undefined
  /** What outside systems tell the run. */
  readonly signals: ReadonlyArray<Telling>
  readonly fetch: ((url: string, init: unknown) => unknown) | undefined
  /** What limits calls, by name. */
  readonly bulkheads: Bulkheads
  readonly rates: Rates
  /** A schedule that fires beside the run; none when undefined. */
  readonly schedule: ScheduleOptions | undefined
  readonly snapshotEvery: number
  readonly keepMessages: number | undefined
  /** What task code asks for. */
  readonly services: Context.Context<never> | undefined
  /** What is written to; the journal in memory when undefined. */
  readonly journal: (() => JournalService) | undefined
  readonly stepsMax: number
  readonly always: ((world: World<any, any>) => unknown) | undefined
  readonly finally: ((world: World<any, any>) => unknown) | undefined
  /** Tasks that are known not to wait for anything real. */
  readonly quiet: Set<string>
  /** Hears where the run is whenever that changes, and what happens to it there; nobody by default. */
  readonly coverage: Observer | undefined
}

/** Looks at executions while they are under way. */
export interface Observer {
  readonly moved: (world: Running) => void
  readonly hurt: (world: Running, on: Fault["on"]) => void
}

/** What came of an execution. */
export interface Execution {
  readonly plan: Plan
  readonly input: Json
  readonly outcome: Outcome | undefined
  readonly violations: ReadonlyArray<Violation>
  readonly calls: ReadonlyArray<Call>
  readonly messages: ReadonlyArray<Message>
  readonly story: ReadonlyArray<Line>
  readonly lives: number
  readonly writes: number
  /** The write in which each message was written. */
  readonly writeOf: ReadonlyArray<number>
  readonly reads: number
  readonly steps: number
  /** Virtual milliseconds from the first life to the end. */
  readonly ms: number
  /** Faults that did happen. */
  readonly hit: number
}

/** Midnight, a Tuesday in winter. */
const start = Date.UTC(2030, 0, 1)
/** When every world begins. */
export const startedAt = start
const years = 365 * 24 * 3_600_000
const downDefaultMs = 5
/** Nobody lets an undo try again for ever. */
const retriesMost = 5

export const execute = async (setup: Setup, plan: Plan): Promise<Execution> => {
  const execution = new Running(setup, plan)
  callBy(execution)
  try {
    return await execution.run()
  } finally {
    callBy(undefined)
  }
}

/** A life with what was opened in it. */
export class Incarnation extends Life {
  opened: Opened | undefined = undefined
  /** Its clock of the journal's owners: fences what it does. */
  epoch = 0
  /** Whether its run is being waited for. */
  isWatching = false
  /** Another one has taken the journal over. */
  isStale = false
  /** What was asked of it and not answered yet. */
  asks = 0
  get engine(): Engine | undefined {
    return this.opened?.engine
  }
}

export class Running implements Caller {
  readonly setup: Setup
  readonly plan: Plan
  readonly kernel: Kernel
  readonly disk: Disk
  readonly watch: Watch
  readonly lives: Array<Incarnation> = []
  readonly calls: Array<Call> = []
  readonly story: Array<Line> = []
  /** The life that programs talk to. */
  life: Incarnation
  outcome: Outcome | undefined = undefined
  /** What was given to the kit does not work. */
  misuse: ChaosMisused | undefined = undefined
  hit = 0
  reads = 0
  /** Whether the run is known to be written. */
  isAcked = false
  #isAsking = false
  /** How often somebody let an undo try again that had failed for good. */
  #retries = 0
  readonly #isAskedFor: boolean
  readonly #hasGates: boolean
  #answered = new Set<string>()
  #fetches = 0
  #events = 0
  readonly #world: World<any, any>
  readonly #agentCalls = new Map<string, number>()
  readonly #writeOf: Array<number> = []
  readonly #byWrite = new Map<number, Array<Fault>>()
  readonly #byAttempt = new Map<string, TaskFault>()

  constructor(setup: Setup, plan: Plan) {
    this.setup = setup
    this.plan = plan
    this.kernel = new Kernel({ seed: plan.seed, start, stepsMax: setup.stepsMax })
    this.watch = new Watch(this)
    this.#isAskedFor = plan.seed % 2 === 0
    this.#hasGates = gatesOf(setup.workflow).length > 0 || undoes(setup.workflow)
    this.#world = worldOf(() => ({
      input: setup.input,
      outcome: this.outcome,
      calls: this.calls,
      lives: this.lives.length,
      messages: this.watch.audit.messages
    }))
    for (const fault of plan.faults) {
      if ("write" in fault) this.#byWrite.set(fault.write, [...(this.#byWrite.get(fault.write) ?? []), fault])
      else if (fault.on === "task") this.#byAttempt.set(`${fault.task}#${fault.attempt}`, fault)
    }
    const brokenReads = new Set(plan.faults.flatMap((fault) => (fault.on === "read" ? [fault.read] : [])))
    this.disk = new Disk(
      {
        faultsAt: (write) => (this.#byWrite.get(write) ?? none).filter(isOfDisk),
        isReadBroken: (read) => {
          this.reads = read + 1
          return brokenReads.has(read)
        },
        // most disks answer within the call, as a file does; some seeds have one that takes its time
        tookMs: (write) => (plan.seed % 3 === 0 ? drawAt(plan.seed ^ 0x5bd1e995, write) % 4 : 0),
        claimed: (life, epoch) => this.#claimed(life as Incarnation, epoch),
        writing: (write, life) => this.#writing(write, life as Incarnation),
        written: (write, entries, epoch, life) => this.#written(write, entries, epoch, life as Incarnation),
        keeping: (shared, life) => this.watch.breakers.keeping(shared, (life as Incarnation).epoch),
        kept: (shared, epoch, life) => {
          for (const { kind, name } of shared) this.tell(life, "wrote", `${kind} ${name}`)
          this.watch.breakers.kept(shared, epoch)
          this.watch.schedules.kept(shared, epoch)
        },
        crash: (life, fault) => {
          this.watch.audit.forgiven()
          this.crash(life as Incarnation, fault.downMs)
        },
        hurt: (what) => this.hurt("storage", what)
      },
      setup.journal?.()
    )
    this.life = this.#begin()
    for (const telling of setup.signals) this.kernel.after(telling.ms, undefined, () => send(this, telling))
  }

  async run(): Promise<Execution> {
    const stop = await this.kernel.run(
      () => (this.outcome !== undefined && this.life.asks === 0) || this.misuse !== undefined,
      (next) => this.#idle(next),
      start + 50 * years
    )
    if (this.misuse === undefined) {
      if (this.outcome === undefined) this.watch.stuck(stop)
      else {
        // what agents have just answered is on its way through promises
        if ((this.life.engine?.bulkheads.names.length ?? 0) > 0) await turns()
        this.watch.ended()
        this.#holds("finally", this.setup.finally)
      }
    }
    // nothing of it goes on, whatever comes of it: other executions may follow
    for (const life of this.lives) life.isDead = true
    if (this.misuse !== undefined) throw this.misuse
    return {
      plan: this.plan,
      input: this.setup.input,
      outcome: this.outcome,
      violations: this.watch.violations,
      calls: this.calls,
      messages: this.watch.audit.messages,
      story: this.story,
      lives: this.lives.length,
      writes: this.disk.writes,
      writeOf: this.#writeOf,
      reads: this.reads,
      steps: this.kernel.steps,
      ms: this.kernel.now - start,
      hit: this.hit
    }
  }

  tell(life: Life | undefined, what: Line["what"], text: string): void {
    this.story.push({ at: this.kernel.now - start, life: life?.number ?? 0, what, text })
  }

  /** A fault has happened. */
  hurt(on: Fault["on"], text: string): void {
    this.hit++
    this.setup.coverage?.hurt(this, on)
    this.tell(undefined, "fault", text)
  }

  /** Something has happened that invariants of the user may have something to say about. */
  changed(): void {
    this.setup.coverage?.moved(this)
    if (this.setup.always !== undefined) this.#holds("always", this.setup.always)
  }

  #holds(when: "always" | "finally", invariant: Setup["always"]): void {
    if (invariant === undefined) return
    try {
      if (invariant(this.#world) === false) this.watch.broken(when, "it gives false")
    } catch (error) {
      // an assertion that throws is how most people say that something does not hold
      if (isAssertion(error)) this.watch.broken(when, messageOf(error))
      else
        this.misuse ??= new ChaosMisused({
          what: "invariant",
          why: `the invariant '${when}' does not work: it throws ${messageOf(error)}`,
          cause: error
        })
    }
  }

  // ── lives ────────────────────────────────────────────────────────────────────────────────────────

  #begin(): Incarnation {
    const life = new Incarnation(this.lives.length + 1, this.kernel, this.setup.services)
    this.lives.push(life)
    this.life = life
    this.kernel.soon(life, () => this.#boot(life))
    return life
  }

  #boot(life: Incarnation): void {
    this.tell(life, "boots", "")
    const code = this.plan.faults.find((fault) => fault.on === "code" && fault.life === life.number) as
      | { ms: number }
      | undefined
    const { workflow, agents, bulkheads, rates, snapshotEvery, keepMessages } = this.setup
    const opening = openEngine(
      {
        store: this.disk.face(life),
        workflows: code === undefined ? [workflow] : [],
        agents,
        bulkheads,
        rates,
        snapshotEvery,
        ...(keepMessages === undefined ? {} : { keepMessages }),
        retention: { olderThan: "3650d" },
        graceMs: 50,
        onDefect: (error) => this.watch.defect(life, error),
        ...(this.plan.faults.some(({ on }) => on === "observer") ? { inspect: this.#observer } : {})
      },
      life.context
    )
    if (code !== undefined) {
      this.hurt("code", `life ${life.number} begins without the code of the workflow`)
      this.watch.audit.forgiven()
      this.kernel.after(code.ms, life, () => life.engine?.register(workflow))
    }
    Effect.runForkWith(life.context)(opening).addObserver((exit) => {
      if (life.isDead) return
      if (Exit.isFailure(exit)) {
        this.tell(life, "refused", "the journal could not be opened")
        // whoever starts programs starts it again
        this.crash(life, 100)
        return
      }
      life.opened = exit.value
      this.tell(life, "opened", `epoch ${life.epoch}`)
      const record = this.disk.store.find(runId) as Exit.Exit<RunRecord | undefined>
      const isLeftAlone = Exit.isSuccess(record) && record.value?.status === "quarantined"
      this.watch.audit.opened(life.epoch, life.now, isLeftAlone)
      makeSchedule(life, this.setup.schedule)
      this.#attach(life)
    })
  }

  /** Whoever wants the result asks the life that is there. */
  #attach(life: Incarnation): void {
    const engine = life.engine!
    const { store } = this.disk
    const record = store.find(runId) as Exit.Exit<unknown>
    if (Exit.isSuccess(record) && record.value !== undefined) {
      this.isAcked = true
      // most programs ask for their run; in some worlds nobody does, and it has to come back by itself
      if (this.#isAskedFor || isTerminal((record.value as RunRecord).status))
        this.withRun(life, (run) => this.await(life, run))
      return
    }
    if (this.isAcked) this.watch.broken("G01", "the run was acknowledged and is gone")
    const run = engine.submit(this.setup.workflow, runId, this.setup.input)
    run.whenWritten((error) => {
      if (life.isDead) return
      if (error !== undefined) {
        this.tell(life, "refused", `the run: ${error.code}`)
        // whoever has taken the journal over submits it again
        if (!life.isStale) this.kernel.after(50, life, () => !life.isStale && this.#attach(life))
        return
      }
      this.isAcked = true
      this.tell(life, "acked", "submit")
      this.await(life, run)
    })
  }

  /** Waits for the end of the run; once more after it was left alone. */
  await(life: Incarnation, run: LiveRun): void {
    if (life.isWatching) return
    life.isWatching = true
    const told = (end: Outcome | TroupeError) => {
      if (life.isDead || life.isStale) return
      if ("status" in end) {
        this.tell(life, "ended", end.status)
        this.watch.told(end, life.engine?.runs.get(runId)?.room.degraded)
        this.outcome = end
      } else life.isWatching = false
    }
    // it may have left memory in the turn in which it was written
    const dormant = run.isGone ? life.engine!.dormant.get(runId) : undefined
    if (dormant !== undefined) dormant.waiting.push(told)
    else if (run.isGone) this.withRun(life, (now) => now.whenEnded(told))
    else run.whenEnded(told)
  }

  /** The run in memory, whatever it takes to bring it there. */
  withRun(life: Incarnation, use: (run: LiveRun) => void, tries = 0): void {
    if (life.isDead) return
    Effect.runForkWith(life.context)(life.opened!.recovery.load(runId)).addObserver((exit) => {
      if (life.isDead) return
      if (Exit.isSuccess(exit)) use(exit.value)
      else if (tries < 50) this.kernel.after(100, life, () => this.withRun(life, use, tries + 1))
    })
  }

  crash(life: Incarnation, downMs = downDefaultMs): void {
    if (life.isDead) return
    life.isDead = true
    this.kernel.open -= life.asks
    this.tell(life, "dies", "")
    if (life !== this.life) return
    this.kernel.after(downMs, undefined, () => this.#begin())
  }

  freeze(life: Incarnation, ms: number, second: boolean): void {
    if (life.isDead || life.isFrozen) return
    life.isFrozen = true
    this.tell(life, "freezes", "")
    if (second) this.watch.audit.forgiven()
    if (second)
      this.kernel.after(Math.ceil(ms / 2), undefined, () => !life.isDead && life === this.life && this.#begin())
    this.kernel.after(ms, undefined, () => {
      if (life.isDead) return
      this.tell(life, "wakes", "")
      life.thaw()
    })
  }

  // ── the disk ─────────────────────────────────────────────────────────────────────────────────────

  #claimed(life: Incarnation, epoch: number): void {
    life.epoch = epoch
    for (const other of this.lives) if (other !== life) other.isStale = true
  }

  #writing(write: number, life: Incarnation): void {
    for (const fault of this.#byWrite.get(write) ?? none) {
      if (fault.on === "crash") this.hurt("crash", `write ${write}: the process dies, ${textOf(fault)}`)
      else if (fault.on === "owners") {
        this.hurt(
          "owners",
          `write ${write}: the process stands still for ${fault.ms} ms${fault.how === "second" ? ", another takes over" : ""}`
        )
        this.kernel.soon(undefined, () => this.freeze(life, fault.ms, fault.how === "second"))
      } else if (fault.on === "clock") {
        this.hurt("clock", `write ${write}: the clock jumps by ${fault.ms} ms`)
        life.offset += fault.ms
      } else if (fault.on === "operator") {
        const { how, ms = 0 } = fault
        this.hurt("operator", `${how} is asked for`)
        this.kernel.after(ms, undefined, () => operate(this, how))
      }
    }
  }

  #written(write: number, entries: ReadonlyArray<Entry>, epoch: number, life: Incarnation): void {
    for (const { run, message } of entries) {
      if (run !== runId) {
        this.tell(life, "wrote", `${run} ${message.type}`)
        this.watch.schedules.wrote(run, message)
        continue
      }
      this.tell(life, "wrote", lineOf(message))
      this.#writeOf.push(write)
      this.watch.wrote(message, epoch)
      if (message.type !== "run.amended" && message.type !== "run.rolledBack") continue
      // what it was told to be, it is no more
      this.outcome = undefined
      life.isWatching = false
    }
    if (entries.length > 0) this.changed()
  }

  // ── what only waits ──────────────────────────────────────────────────────────────────────────────

  /** Time is about to move; false when something was set going that comes first. */
  #idle(next: number): boolean | Promise<boolean> {
    const { life } = this
    const { engine } = life
    if (engine === undefined || life.isFrozen || life.isDead || !this.isAcked) return this.watch.idle()
    const run = engine.runs.get(runId)
    if (run !== undefined && !life.isWatching) {
      this.await(life, run)
      if (this.outcome !== undefined) return false
    }
    // of a run that has left memory only a gate is to be seen
    const isDormant = run === undefined && engine.dormant.has(runId) && this.#hasGates
    if (run?.room.hasOpenGates === true || isDormant) if (this.#askPeople(life, run)) return false
    if (this.#isStill(next) && !goesOn(engine, runId) && this.#nudge(life)) return false
    return this.watch.idle()
  }

  /** Nothing has happened, or will happen, for a while; what lives do in the background is nothing. */
  #isStill(next: number): boolean {
    return Math.max(next - this.kernel.now, this.kernel.now - start - (this.story.at(-1)?.at ?? 0)) > 60_000
  }

  /** Somebody looks at the gates that are open and answers them, each in its time. */
  #askPeople(life: Incarnation, run: LiveRun | undefined): boolean {
    if (run === undefined) {
      const mark = `life ${life.number} message ${this.watch.audit.messages.length}`
      if (this.#answered.has(mark)) return false
      this.#answered.add(mark)
      this.withRun(life, () => {})
      return true
    }
    let isNew = false
    for (const [path, { show }] of run.room.gates.open) {
      this.watch.audit.sees(path)
      const mark = `${life.number} ${path} ${run.length}`
      if (this.#answered.has(mark)) continue
      this.#answered.add(mark)
      const value = isOfUndo(path)
        ? truthOf(this.calls, (show as { readonly key: Json }).key)
        : this.setup.answerTo(path)
      if (value === undefined) continue
      isNew = true
      const ms = draw(this.plan.seed, path) % 50
      this.kernel.after(ms, undefined, () => this.#answer(path, [value]))
    }
    return isNew
  }

  #answer(gate: string, values: ReadonlyArray<Json>): void {
    const { life } = this
    const { engine } = life
    if (engine === undefined || life.isDead)
      return void this.kernel.after(20, undefined, () => this.#answer(gate, values))
    const present = () =>
      new Promise<LiveRun>((resolve) => {
        this.withRun(life, resolve)
      })
    this.asking(
      life,
      `answer ${gate}`,
      values.length === 0
        ? reject(engine, present, gate, "nobody knows", {})
        : answer(engine, present, gate, values[0], {}),
      () => this.watch.audit.answered(gate),
      // what could not be written is said again: a person would
      ({ code }) => code.startsWith("STORAGE") && this.kernel.after(100, undefined, () => this.#answer(gate, values))
    )
  }

  /** Real promises are waited for turn by turn. */
  asking(
    life: Incarnation,
    what: string,
    asked: Promise<unknown>,
    acked?: () => void,
    refused?: (error: TroupeError) => void
  ): void {
    this.tell(life, "asks", what)
    this.kernel.open++
    life.asks++
    asked
      .then(
        () => {
          if (life.isDead) return
          this.tell(life, "acked", what)
          acked?.()
        },
        (error) => {
          this.tell(life, "refused", `${what}: ${error instanceof TroupeError ? error.code : String(error)}`)
          if (!(error instanceof TroupeError)) this.watch.defect(life, error)
          else if (!life.isDead) refused?.(error)
        }
      )
      .finally(() => {
        if (life.isDead) return
        this.kernel.open--
        life.asks--
      })
  }

  /** Nothing goes on by itself: somebody looks after it. */
  #nudge(life: Incarnation): boolean {
    if (this.#isAsking) return false
    const run = life.engine?.runs.get(runId)
    const isPaused = run === undefined ? life.engine?.dormant.get(runId)?.isPaused === true : run.room.isHeld
    const isPoisoned = run?.parked?._tag === "RunPoisoned"
    const isStuck = run?.stuck !== undefined && this.#retries < retriesMost
    if (!isPaused && !isPoisoned && !isStuck) return false
    this.#isAsking = true
    // whoever is refused by a disk asks again a little later
    const ms = isStuck ? 1_000 * 2 ** this.#retries++ : 0
    this.kernel.after(ms, undefined, () => {
      this.#isAsking = false
      operate(this, isStuck ? "retry" : "resume")
    })
    return true
  }

  // ── bodies ───────────────────────────────────────────────────────────────────────────────────────

  call(name: string, agent: string | undefined, body: () => unknown, input: unknown, context: TaskContext): unknown {
    const life = this.lives.find(({ epoch }) => epoch === context.fencingToken) ?? this.life
    const reply = new Reply()
    if (life.isDead) return reply
    const { task, attempt, delivery, key } = context
    const call: Call = {
      task,
      name,
      agent,
      attempt,
      delivery,
      key,
      life: life.number,
      at: this.kernel.now - start,
      input,
      isDone: false,
      value: undefined
    }
    this.calls.push(call)
    this.tell(life, "calls", `${task}#${attempt}${delivery > 1 ? ` (delivery ${delivery})` : ""}`)
    const ended = this.watch.called(call, life)
    reply.then(ended, ended)
    this.changed()
    // an answer takes its time, whatever the code is: that is what makes orders
    const tookMs = draw(this.plan.seed, key) % 8
    // whoever lets an undo try again has mended what was wrong
    const isMended = isOfUndo(task) && key.includes("@")
    const fault = isMended ? undefined : this.#byAttempt.get(`${task}#${attempt}`)
    const agentFault = agent === undefined ? undefined : this.#agentFault(agent)
    if (fault !== undefined) this.hurt("task", `${task}#${attempt}: ${fault.how}`)
    // what an undo answers does not matter
    const how = task.endsWith(undoing) && (fault?.how === "garbage" || fault?.how === "cyclic") ? undefined : fault?.how
    const ms =
      tookMs + (how === "later" ? 0 : (fault?.ms ?? 0)) + (agentFault?.how === "slow" ? (agentFault.ms ?? 1_000) : 0)
    if (how === "throw" || agentFault?.how === "errors")
      this.#later(life, agent, ms, () => reply.fail(new Planned(true)))
    else if (how === "later") this.#later(life, agent, ms, () => reply.fail(new Planned(true, fault?.ms ?? 1_000)))
    else if (how === "permanent") this.#later(life, agent, ms, () => reply.fail(new Planned(false)))
    else if (how === "notAnError") this.#later(life, agent, ms, () => reply.fail("no error at all"))
    else if (how === "garbage") this.#later(life, agent, ms, () => reply.give({ not: 10n }))
    else if (how === "cyclic") this.#later(life, agent, ms, () => reply.give(cyclic()))
    else if (how === "exit" && delivery <= (fault?.times ?? 1))
      this.#later(life, agent, ms, () => {
        this.watch.audit.killed(`${task}#${attempt}`)
        this.crash(life)
      })
    else if (how !== "hang" && agentFault?.how !== "down") {
      const lateMs = how === "late" ? context.deadlineAt - life.now + 10 : ms
      this.#do(life, call, body, context, (settle) => {
        if (how !== "lost") this.#later(life, agent, lateMs, () => settle(reply))
      })
    }
    return reply
  }

  #agentFault(agent: string) {
    const nth = this.#agentCalls.get(agent) ?? 0
    this.#agentCalls.set(agent, nth + 1)
    for (const fault of this.plan.faults)
      if (fault.on === "agent" && fault.agent === agent && nth >= fault.from && nth < fault.to) {
        this.hurt("agent", `agent ${agent}: ${fault.how}`)
        return fault
      }
    return undefined
  }

  #later(life: Life, agent: string | undefined, ms: number, then: () => void): void {
    this.kernel.after(ms, life, () => {
      // mailboxes of agents are made of promises
      if (agent !== undefined) this.kernel.stir()
      then()
    })
  }

  /** Calls the code; `did` hears of its end, with how to answer. */
  #do(
    life: Incarnation,
    call: Call,
    body: () => unknown,
    context: TaskContext,
    did: (settle: (reply: Reply) => void) => void
  ): void {
    const { key, attempt, task } = call
    const scope: Scope = {
      life,
      name: task,
      pending: 0,
      isOver: false,
      // the same for every delivery of an attempt: what it answers is a function of its name
      chance: fractions(draw(this.plan.seed, `${key}#${attempt}`)),
      fetch: (input, init) => this.#fetch(life, scope, input, init),
      exit: () => {
        this.crash(life)
        throw new Planned(false)
      }
    }
    const failed = (error: unknown) => {
      scope.isOver = true
      if (!life.isDead) did((reply) => reply.fail(error))
    }
    const given = (value: unknown) => {
      scope.isOver = true
      if (life.isDead) return
      call.isDone = true
      call.value = jsonOf(value)
      this.tell(life, "did", `${task}#${attempt}`)
      this.changed()
      did((reply) => reply.give(value))
    }
    let result: unknown
    try {
      result = within(scope, body)
    } catch (error) {
      failed(error)
      return
    }
    if (Effect.isEffect(result)) {
      const fiber = within(scope, () =>
        Effect.runForkWith(servicesOf(life, scope))(result as Effect.Effect<unknown, unknown>)
      )
      // the engine stops an Effect by interrupting it
      context.signal.addEventListener("abort", () => fiber.interruptUnsafe())
      this.watch.waits(scope)
      fiber.addObserver((exit) => (Exit.isSuccess(exit) ? given(exit.value) : failed(Cause.squash(exit.cause))))
    } else if (result instanceof Object && typeof (result as PromiseLike<unknown>).then === "function") {
      this.kernel.stir()
      this.watch.waits(scope)
      ;(result as PromiseLike<unknown>).then(given, failed)
    } else given(result)
  }

  async #fetch(life: Incarnation, scope: Scope, input: unknown, init: unknown): Promise<unknown> {
    const nth = this.#fetches++
    const fault = this.plan.faults.find((one) => one.on === "network" && one.call === nth) as
      | Extract<Fault, { on: "network" }>
      | undefined
    const { fetch } = this.setup
    if (fault !== undefined) this.hurt("network", `fetch ${nth}: ${fault.how}`)
    if (fetch === undefined) throw new TypeError(`task '${scope.name}' calls fetch: give chaos a 'fetch' that answers`)
    const wait = (ms: number) =>
      new Promise<void>((resolve) => {
        scope.pending++
        this.kernel.after(ms, life, () => {
          scope.pending--
          this.kernel.stir()
          resolve()
        })
      })
    await wait(1 + (draw(this.plan.seed, `fetch ${nth}`) % 10))
    if (fault?.how === "refused") throw new TypeError("fetch failed")
    const answered = await fetch(String(input instanceof Request ? input.url : input), init)
    if (fault?.how === "slow") await wait(fault.ms ?? 1_000)
    if (fault?.how === "reset") throw new TypeError("terminated")
    if (fault?.how === "lostReply") await new Promise(() => {})
    return answered
  }

  readonly #observer = {
    next: () => {
      const nth = this.#events++
      for (const fault of this.plan.faults)
        if (fault.on === "observer" && fault.event === nth) {
          this.hurt("observer", `observer throws at event ${nth}`)
          throw new Planned(false)
        }
    }
  }
}

/** What an Effect asks for: its services, and time and chance of the body that it is. */
const servicesOf = (life: Incarnation, scope: Scope): Context.Context<never> => {
  const random = {
    nextDoubleUnsafe: scope.chance,
    nextIntUnsafe: () =>
      Math.floor(scope.chance() * (Number.MAX_SAFE_INTEGER - Number.MIN_SAFE_INTEGER + 1)) + Number.MIN_SAFE_INTEGER
  }
  return Context.add(
    inTime(life.context, life, (step) => within(scope, step)),
    Random.Random,
    random
  ) as Context.Context<never>
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const none: ReadonlyArray<Fault> = []
const isOfDisk = (fault: Fault): fault is StorageFault | Crash => fault.on === "storage" || fault.on === "crash"

const cyclic = (): unknown => {
  const one: Record<string, unknown> = {}
  one["self"] = one
  return one
}

const textOf = ({ when, tail }: Crash): string =>
  when === "before"
    ? "nothing of it is written"
    : when === "written"
      ? `written and not synced, the tail is ${tail ?? "lost"}`
      : when === "synced"
        ? "it is synced and nobody has heard"
        : "just after everybody has heard"

const lineOf = (message: Message): string => {
  const { type } = message
  const task = "task" in message ? ` ${message.task}` : ""
  return `${type}${task}${"attempt" in message && message.attempt > 1 ? `#${message.attempt}` : ""}`
}
