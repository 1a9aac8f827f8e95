/**
 * Holds what a store promises against what was found after each kill, over all lives of one store (G01, G03, G04, G06, G07, G09,
 * G12, G13, G24, G28). Says what is broken; never why.
 */
import { isDeepStrictEqual } from "node:util"
import type { Message } from "../../src/index.ts"
import { isTerminal } from "../../src/model/messages.ts"
import { isOfUndo } from "../../src/model/saga.ts"
import { type Folded, fold } from "./fold.ts"
import type { Ack, Deed, Line, Steering } from "./log.ts"
import type { Scene, Written } from "./scene.ts"
import { attemptsMax, sampleOf } from "./workload.ts"

/** One broken promise. */
export interface Violation {
  readonly promise: string
  readonly what: string
}

export interface Counts {
  acknowledgements: number
  rows: number
  runs: number
  calls: number
  effects: number
  /** Attempts that were called again in a later life. */
  again: number
  /** Keys with more than one effect. */
  repeated: number
  folds: number
}
export const noCounts = (): Counts => ({
  acknowledgements: 0,
  rows: 0,
  runs: 0,
  calls: 0,
  effects: 0,
  again: 0,
  repeated: 0,
  folds: 0
})

/** What was known of a run when the life before ended. */
interface Known {
  readonly length: number
  readonly chain: unknown
  readonly hasEnded: boolean
  readonly isPaused: boolean
  readonly isCancelled: boolean
  /** Attempts with an outcome, as `task#attempt`. */
  readonly settled: ReadonlySet<string>
}

const nothing: Known = {
  length: 0,
  chain: undefined,
  hasEnded: false,
  isPaused: false,
  isCancelled: false,
  settled: new Set()
}

/** What a program was promised, or shown. */
type Promised = Extract<Ack, { is: "submitted" | "ended" | "seen" | Steering }>

/** How a life ended. */
export interface End {
  readonly life: number
  readonly wasKilled: boolean
  /** Whether the store had been opened. */
  readonly wasOpen: boolean
}

export class Checker {
  readonly counts: Counts = noCounts()
  readonly violations: Array<Violation> = []
  readonly #known = new Map<string, Known>()
  #epoch = 0
  #kills = 0
  /** The last delivery of each attempt that was called. */
  readonly #deliveries = new Map<string, number>()
  /** Effects by key. */
  readonly #effects = new Map<string, number>()
  /** How often a key was owed an effect again: its effect was had, and its end not written, when the program was killed. */
  readonly #owedAgain = new Map<string, number>()

  /** `earlier` is how many lives the store had before anybody looked. */
  constructor(earlier = 0) {
    this.#kills = 0
    this.#epoch = earlier === 0 ? 0 : earlier - 1
  }

  /** Looks at what one life has left behind. */
  look(scene: Scene, lines: ReadonlyArray<Line>, end: End): void {
    if (end.wasKilled) this.#kills++
    this.#files(scene.files, end)
    const { store } = scene
    if (store === undefined) {
      if (end.wasOpen || this.#known.size > 0) this.#broken("G01", "the store is gone")
      return
    }
    if (store.integrity !== "ok") this.#broken("integrity_check", store.integrity)
    for (const text of store.unreadable) this.#broken("G27 chain", text)
    for (const run of this.#known.keys()) if (!store.runs.has(run)) this.#broken("G01", `run '${run}' is gone`)
    if (store.epoch > this.#epoch + 1)
      this.#broken("G24", `epoch ${store.epoch} after ${this.#epoch}, with one owner in between`)
    const before = this.#epoch
    this.#epoch = store.epoch
    const folded = this.#runs(store.runs, store.chainAt, before)
    this.#acknowledged(lines, store.runs, folded)
    this.#deeds(lines, store.runs, folded)
    for (const [run, written] of store.runs) this.#remember(run, written, store.chainAt)
    if (end.wasKilled) this.#owe(lines)
  }

  /** What had its effect in the life that was killed, and is not written, will have it again. */
  #owe(lines: ReadonlyArray<Line>): void {
    for (const line of lines)
      if (line.is === "done" && !this.#known.get(line.run)?.settled.has(`${line.task}#${line.attempt}`))
        this.#owedAgain.set(line.key, (this.#owedAgain.get(line.key) ?? 0) + 1)
  }

  /** Where one task is under way at a time, a kill repeats one effect at most. */
  oneRepeatedPerKill(): void {
    const { repeated } = this.counts
    if (repeated > this.#kills)
      this.#broken("G05", `${repeated} keys had more than one effect over ${this.#kills} kills`)
  }

  /** Once everything has come to its end. `isClosed`: and everybody has closed the store. */
  finish(scene: Scene, isClosed = true): void {
    for (const [run, { messages, record }] of scene.store?.runs ?? []) {
      const folded = fold(run, messages)
      if (folded === undefined || !isTerminal(folded.state.status))
        this.#broken("G01 end", `run '${run}' has not ended`)
      else if (record.status !== folded.state.status)
        this.#broken("G37", `run '${run}' is listed as ${record.status} and is ${folded.state.status}`)
    }
    for (const file of scene.files)
      if (isClosed && (file.endsWith("-wal") || file.endsWith("-shm")))
        this.#broken("files", `${file} is left after closing in order`)
    this.counts.runs = scene.store?.runs.size ?? 0
    this.counts.rows = [...(scene.store?.runs.values() ?? [])].reduce((sum, { messages }) => sum + messages.length, 0)
    this.counts.repeated = [...this.#effects.values()].filter((count) => count > 1).length
  }

  #broken(promise: string, what: string): void {
    this.violations.push({ promise, what })
  }

  /** Beside the store there is only its log and the index of that; drafts of a first boot go with the next opening. */
  #files(files: ReadonlyArray<string>, { wasOpen }: End): void {
    for (const file of files) {
      if (/^store\.db(-wal|-shm)?$/.test(file)) continue
      if (!wasOpen && /^store\.db\.new-\d+(-wal|-shm|-journal)?$/.test(file)) continue
      this.#broken("files", `${file} is left beside the store`)
    }
  }

  #runs(
    runs: ReadonlyMap<string, Written>,
    chainAt: NonNullable<Scene["store"]>["chainAt"],
    before: number
  ): ReadonlyMap<string, Folded> {
    const folded = new Map<string, Folded>()
    for (const [run, { messages, epochs, record }] of runs) {
      const known = this.#known.get(run) ?? nothing
      if (known.length > 0 && (messages.length < known.length || chainAt(run, known.length - 1) !== known.chain))
        this.#broken("G28", `message ${known.length - 1} of run '${run}' is not what it was`)
      for (let seq = 0; seq < epochs.length; seq++) {
        if (seq > 0 && epochs[seq]! < epochs[seq - 1]!)
          this.#broken("G24", `message ${seq} of run '${run}' is of epoch ${epochs[seq]}, after ${epochs[seq - 1]}`)
        if (seq >= known.length && !(epochs[seq]! > before && epochs[seq]! <= this.#epoch))
          this.#broken(
            "G24",
            `message ${seq} of run '${run}' is of epoch ${epochs[seq]}, written by the owner of ${this.#epoch}`
          )
      }
      if (messages.length === known.length) continue
      this.counts.folds++
      const now = fold(run, messages)
      if (now === undefined) {
        this.#broken("G07", `run '${run}' does not begin with its submission`)
        continue
      }
      folded.set(run, now)
      if (now.parked !== undefined) this.#broken("G07", now.parked)
      if (record.status === "parked" || record.status === "quarantined")
        this.#broken("G22", `run '${run}' is ${record.status}: ${record.error?.message}`)
      if (isTerminal(record.status) && record.status !== now.state.status)
        this.#broken("G37", `run '${run}' is listed as ${record.status} and is ${now.state.status}`)
      this.#history(run, messages, now)
    }
    return folded
  }

  /** What the messages of a run say by themselves. */
  #history(run: string, messages: ReadonlyArray<Message>, { state }: Folded): void {
    const { workflow, input, expected } = sampleOf(run)
    const first = messages[0] as Extract<Message, { type: "run.submitted" }>
    if (first.workflow !== workflow || !isDeepStrictEqual(first.input, input))
      this.#broken("G01", `run '${run}' was submitted as something else`)
    const seen = new Map<string, number>()
    let nap = Number.NEGATIVE_INFINITY
    for (const [seq, message] of messages.entries()) {
      if (message.type === "run.submitted" && seq > 0)
        this.#broken("G02", `run '${run}' is submitted again by message ${seq}`)
      if ("attempt" in message) {
        const what =
          message.type === "attempt.succeeded" ? `${message.task} succeeded` : `${message.task} ${message.attempt}`
        if (seen.has(what))
          this.#broken("G04", `message ${seq} of run '${run}' ends '${what}' again, after message ${seen.get(what)}`)
        seen.set(what, seq)
        if (message.attempt > attemptsMax)
          this.#broken("G09", `run '${run}' has attempt ${message.attempt} of '${message.task}'`)
      }
      if (message.type === "attempt.succeeded" && message.task === "before") nap = message.at
      if (
        message.type === "timer.fired" &&
        message.task === "nap" &&
        message.at < nap + (input as { napMs: number }).napMs
      )
        this.#broken("G11", `the wait of run '${run}' ended after ${message.at - nap} ms`)
    }
    if (!isTerminal(state.status)) return
    const wasCancelled = messages.some(({ type }) => type === "run.cancelled")
    if (state.status === "cancelled" && wasCancelled) return
    if (state.status === "failed" && expected.orFailure?.has(state.error?.failure.code ?? "") === true) return
    if (expected.orTimeout === true && state.status === "failed" && state.error?.failure.code === "TIMEOUT") return
    if (
      state.status !== expected.status ||
      (expected.status === "succeeded" && !isDeepStrictEqual(state.output, expected.output))
    )
      this.#broken(
        "G16 outcome",
        `run '${run}' (${workflow}) is ${state.status} with ${JSON.stringify(state.output ?? state.error)}, not ${JSON.stringify(expected)}`
      )
  }

  /** What was promised is there. */
  acknowledged(lines: ReadonlyArray<Line>, runs: ReadonlyMap<string, Written>): void {
    this.#acknowledged(lines, runs, new Map())
  }

  #acknowledged(
    lines: ReadonlyArray<Line>,
    runs: ReadonlyMap<string, Written>,
    folded: ReadonlyMap<string, Folded>
  ): void {
    for (const line of lines) {
      if (
        "key" in line ||
        line.is === "opening" ||
        line.is === "breaker" ||
        line.is === "resume?" ||
        line.is === "cancel?"
      )
        continue
      if (line.is === "wrong") {
        this.#broken("asked", `${line.run === "" ? "" : `run '${line.run}': `}${line.what}`)
        continue
      }
      if (line.is === "opened" || line.is === "finished") continue
      this.counts.acknowledgements++
      const written = runs.get(line.run)
      if (written === undefined)
        this.#broken("G01", `'${line.is}' of run '${line.run}' was acknowledged, the run is not there`)
      else this.#acknowledgedOf(line, written, folded.get(line.run))
    }
  }

  #acknowledgedOf(line: Promised, { messages }: Written, folded: Folded | undefined): void {
    switch (line.is) {
      case "submitted":
        return
      case "ended": {
        const { state } = folded ?? fold(line.run, messages)!
        if (state.status !== line.status || !isDeepStrictEqual(state.output, line.output))
          this.#broken(
            "G04",
            `run '${line.run}' was told to be ${line.status} with ${JSON.stringify(line.output)}, and is ${state.status} with ${JSON.stringify(state.output)}`
          )
        return
      }
      case "paused":
      case "resumed":
      case "cancelled":
        if (
          !messages.some((message) => message.type === `run.${line.is}` && "why" in message && message.why === line.why)
        )
          this.#broken(
            line.is === "cancelled" ? "G12" : "G13",
            `'${line.is}' of run '${line.run}' was acknowledged and is not there`
          )
        return
      case "seen": {
        const then = plain(fold(line.run, messages.slice(0, line.messages))?.state)
        if (line.messages > messages.length)
          this.#broken("G37", `run '${line.run}' was seen at message ${line.messages}, of ${messages.length}`)
        else if (!isDeepStrictEqual(line.state, then))
          this.#broken(
            "G07",
            `run '${line.run}' was seen as ${JSON.stringify(line.state)}, its ${line.messages} messages say ${JSON.stringify(then)}`
          )
      }
    }
  }

  /** Which bodies were called, in the order in which they were, between what was promised. */
  #deeds(lines: ReadonlyArray<Line>, runs: ReadonlyMap<string, Written>, folded: ReadonlyMap<string, Folded>): void {
    const called = new Map<string, Deed>()
    const held = new Set<string>()
    const asked = new Set<string>()
    const cancelled = new Set<string>()
    const over = new Set<string>()
    for (const [run, { isPaused, isCancelled, hasEnded }] of this.#known) {
      if (isPaused) held.add(run)
      if (isCancelled) cancelled.add(run)
      if (hasEnded) over.add(run)
    }
    for (const line of lines) {
      if (line.is === "paused") held.add(line.run)
      else if (line.is === "resume?") held.delete(line.run)
      else if (line.is === "cancelled") cancelled.add(line.run)
      else if (line.is === "ended") over.add(line.run)
      // what is taken back because of it is not held by a pause
      else if (line.is === "cancel?") asked.add(line.run)
      else if (line.is === "done") {
        this.counts.effects++
        this.#effects.set(line.key, (this.#effects.get(line.key) ?? 0) + 1)
      } else if (line.is === "called") {
        this.counts.calls++
        if (line.delivery > 1) this.counts.again++
        const name = `attempt ${line.attempt} of '${line.key}' (delivery ${line.delivery})`
        const isUndone = isOfUndo(line.task)
        if (held.has(line.run) && !(isUndone && asked.has(line.run)))
          this.#broken("G13", `${name} began while its run was paused`)
        if (over.has(line.run) || (cancelled.has(line.run) && !isUndone))
          this.#broken("G12", `${name} began after its run was cancelled, or over`)
        const id = `${line.key}#${line.attempt}`
        if (called.has(id)) this.#broken("G03", `${name} was called twice in one life`)
        called.set(id, line)
        this.#called(line, name, runs.get(line.run), folded.get(line.run))
      }
    }
    for (const [key, count] of this.#effects) {
      const most = 1 + (this.#owedAgain.get(key) ?? 0)
      if (count > most) this.#broken("G05", `'${key}' had ${count} effects, ${most} at most were owed`)
    }
  }

  #called(line: Deed, name: string, written: Written | undefined, folded: Folded | undefined): void {
    const { run, task, attempt, delivery, token } = line
    if (written === undefined) return this.#broken("G06", `${name} began, and its run is not written`)
    const id = `${task}#${attempt}`
    const known = this.#known.get(run) ?? nothing
    if (known.settled.has(id)) this.#broken("G04", `${name} began again after its end had been written`)
    if (delivery > 1 + this.#kills) this.#broken("G03", `${name} after ${this.#kills} kills`)
    if (delivery > 1 && known.length === 0) this.#broken("G03", `${name} in the first life of its run`)
    const before = this.#deliveries.get(`${line.key}#${attempt}`) ?? 0
    if (delivery <= before) this.#broken("G03", `${name} after delivery ${before}`)
    this.#deliveries.set(`${line.key}#${attempt}`, delivery)
    if (token !== this.#epoch) this.#broken("G24", `${name} carries token ${token} in epoch ${this.#epoch}`)
    const now = folded ?? fold(run, written.messages)!
    const isAsked = now.owed.has(id) || settledOf(written.messages).has(id)
    if (!isAsked && !isTerminal(now.state.status))
      this.#broken("G06", `${name} began, and nothing that is written asked for it`)
  }

  #remember(run: string, { messages }: Written, chainAt: (run: string, seq: number) => unknown): void {
    const known = this.#known.get(run)
    if (known?.length === messages.length) return
    const { state } = fold(run, messages) ?? { state: { status: "running" as const } }
    this.#known.set(run, {
      length: messages.length,
      chain: chainAt(run, messages.length - 1),
      hasEnded: isTerminal(state.status),
      // a cancel ends a pause, and a pause after it holds what is taken back
      isPaused: messages.findLast(({ type }) => pauses.has(type))?.type === "run.paused",
      isCancelled: messages.some(({ type }) => type === "run.cancelled"),
      settled: settledOf(messages)
    })
  }
}

const pauses: ReadonlySet<Message["type"]> = new Set(["run.paused", "run.resumed", "run.cancelled"])

const settledOf = (messages: ReadonlyArray<Message>): ReadonlySet<string> =>
  new Set(messages.flatMap((message) => ("attempt" in message ? [`${message.task}#${message.attempt}`] : [])))

const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))
