/**
 * The gates of one run: which are open, how the others ended, and what was said before anybody waited for it.
 * All of it follows from the messages of the run, so folding them again gives the same.
 */
import type { AnyActorRef } from "xstate"
import type { CompiledTask } from "../model/compile.ts"
import type { GateEnd } from "../model/errors.ts"
import { deepFreeze, type Json } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import type { GateAnswered, GateRejected, SignalReceived } from "../model/messages.ts"
import type { Check } from "../model/schemas.ts"

/** What an open gate shows to the one who answers, and to signals. */
export interface OpenGate {
  readonly path: string
  readonly task: CompiledTask
  /** What the person should see. */
  readonly show: Json | undefined
  /** When it waits no longer; 0 when it waits for ever. */
  readonly dueAt: number
  readonly signal: string | undefined
  readonly checkOut: Check | undefined
  readonly actor: AnyActorRef | undefined
}

type Answer = GateAnswered | GateRejected

/** The gates of a run as data. */
export interface FrozenGates {
  readonly open: ReadonlyArray<string>
  readonly ended: ReadonlyArray<readonly [path: string, became: GateEnd]>
  readonly answers: ReadonlyArray<Answer>
  readonly signals: ReadonlyArray<SignalReceived>
}

export class Gates {
  readonly #open = new Map<string, OpenGate>()
  readonly #listening = new Map<string, Set<OpenGate>>()
  readonly #ended = new Map<string, GateEnd>()
  readonly #answers = new Map<string, Answer>()
  readonly #signals = new Map<string, Array<SignalReceived>>()
  #kept = 0
  /** Places that messages which are being written may need. */
  reserved = 0

  /** The open gates by path, the longest open first. */
  get open(): ReadonlyMap<string, OpenGate> {
    return this.#open
  }

  /** How a gate ended; for one that has its answer before it is open, how it will. */
  endOf(path: string): GateEnd | undefined {
    const early = this.#answers.get(path)
    return early === undefined ? this.#ended.get(path) : endBy(early)
  }

  /** Whether nothing more can be kept. */
  get isFull(): boolean {
    return this.#kept >= limits.signals
  }

  /** Whether an answer, or a signal, that nobody waits for yet could still be kept. */
  get hasRoom(): boolean {
    return this.#kept + this.reserved < limits.signals
  }

  /** Open gates that listen to a signal. */
  listeningTo(signal: string): ReadonlyArray<OpenGate> {
    return [...(this.#listening.get(signal) ?? [])]
  }

  opened(gate: OpenGate): void {
    this.#open.set(gate.path, gate)
    this.#ended.delete(gate.path)
    if (gate.signal === undefined) return
    const listening = this.#listening.get(gate.signal)
    if (listening === undefined) this.#listening.set(gate.signal, new Set([gate]))
    else listening.add(gate)
  }

  closed(path: string, became: GateEnd): void {
    const gate = this.#open.get(path)
    this.#open.delete(path)
    this.#ended.set(path, became)
    if (gate?.signal === undefined) return
    const listening = this.#listening.get(gate.signal)
    listening?.delete(gate)
    if (listening?.size === 0) this.#listening.delete(gate.signal)
  }

  /** An answer goes to its gate, or waits until that opens. */
  answer(answer: Answer): void {
    const gate = this.#open.get(answer.task)
    if (gate !== undefined) {
      gate.actor?.send(answer)
      return
    }
    this.#answers.set(answer.task, answer)
    this.#kept++
  }

  /** A signal goes to every open gate that listens to it; when there is none, it waits for the next. */
  signal(signal: SignalReceived): void {
    let isHeard = false
    for (const gate of this.listeningTo(signal.name)) {
      // one that was answered may have ended what the others stand in
      if (!this.#open.has(gate.path) || !fits(gate, signal.value)) continue
      isHeard = true
      gate.actor?.send(signal)
    }
    if (isHeard) return
    this.#keep(signal)
    this.#kept++
  }

  /** What was said to a gate before it opened: its own answer first, then the oldest signal that it takes. It is used up. */
  take(gate: OpenGate): Answer | SignalReceived | undefined {
    const answer = this.#answers.get(gate.path)
    if (answer !== undefined) {
      this.#answers.delete(gate.path)
      this.#kept--
      if (answer.type === "gate.rejected" || fits(gate, answer.value)) return answer
    }
    const waiting = gate.signal === undefined ? undefined : this.#signals.get(gate.signal)
    const at = waiting?.findIndex(({ value }) => fits(gate, value)) ?? -1
    if (at === -1) return undefined
    const [signal] = waiting!.splice(at, 1)
    if (waiting!.length === 0) this.#signals.delete(gate.signal!)
    this.#kept--
    return signal
  }

  /** What is said and not heard yet, which gates are open in which order, and how the others ended, as data. */
  freeze(): FrozenGates {
    return {
      open: [...this.#open.keys()],
      ended: [...this.#ended],
      answers: [...this.#answers.values()],
      signals: [...this.#signals.values()].flat()
    }
  }

  /** Goes on from there; the gates that are open stand in these places. */
  thaw({ open, ended, answers, signals }: FrozenGates, placeAt: (path: string) => OpenGate): void {
    for (const path of open) this.opened(placeAt(path))
    for (const [path, became] of ended) this.#ended.set(path, became)
    for (const answer of answers) this.#answers.set(answer.task, deepFreeze(answer))
    for (const signal of signals) this.#keep(deepFreeze(signal))
    this.#kept = answers.length + signals.length
  }

  #keep(signal: SignalReceived): void {
    const waiting = this.#signals.get(signal.name)
    if (waiting === undefined) this.#signals.set(signal.name, [signal])
    else waiting.push(signal)
  }

  /** The run is over: only how its gates ended is still worth knowing. */
  close(): void {
    this.#open.clear()
    this.#listening.clear()
    this.#answers.clear()
    this.#signals.clear()
    this.#kept = 0
  }
}

const endBy = ({ type }: Answer): GateEnd => (type === "gate.answered" ? "answered" : "rejected")

/** What was said to a gate that nobody knew yet is held against its schema when it opens. */
const fits = ({ checkOut }: OpenGate, value: Json): boolean => {
  if (checkOut === undefined) return true
  try {
    checkOut(value)
    return true
  } catch {
    return false
  }
}
