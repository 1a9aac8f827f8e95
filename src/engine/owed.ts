/**
 * What a run has asked for and nobody has done yet: attempts and timers. Collected while messages are folded again, and while
 * a run may not go on; then it is performed, or thrown away with the run.
 */
import type { Command, Place } from "../actors/room.ts"
import { JournalDiverged } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"

export interface OwedAttempt {
  readonly place: Place
  readonly attempt: number
  /** When the message was written that asked for it, and in which epoch; negative where it was only written down. */
  askedAt: number
  epoch: number
  /** Deliveries that it had in another store. */
  earlier: number
  isAborting: boolean
  /** Where it is still under way it is not cut off. */
  mayFinish: boolean
  /** That it was stopped is on its way to the journal. */
  isAnswered: boolean
}

export interface OwedTimer {
  readonly place: Place
  readonly dueAt: number
}

export class Owed {
  readonly attempts = new Map<string, OwedAttempt>()
  readonly timers = new Map<string, OwedTimer>()
  /** Timers that were stopped: one that had fired by then may have been written after what stopped it. */
  readonly #stopped = new Map<string, OwedTimer>()

  /** A command that is not performed for now. */
  take(command: Command, askedAt: number, epoch: number): void {
    const { place } = command
    const { path } = place
    switch (command.type) {
      case "attempt.start":
        this.attempts.set(path, {
          place,
          attempt: command.attempt,
          askedAt,
          epoch,
          earlier: 0,
          isAborting: false,
          mayFinish: false,
          isAnswered: false
        })
        return
      case "attempt.abort":
      case "attempt.finish": {
        const attempt = this.attempts.get(path)
        if (attempt === undefined) return
        // of an earlier life: nobody starts it again to learn what came of it
        attempt.isAborting = true
        attempt.mayFinish = command.type === "attempt.finish"
        return
      }
      case "timer.start":
        this.timers.set(path, { place, dueAt: command.dueAt })
        return
      case "timer.stop": {
        const timer = this.timers.get(path)
        if (timer !== undefined) this.#stopped.set(path, timer)
        this.timers.delete(path)
      }
    }
  }

  /** The time of attempts that were only written down begins now: nobody has called them yet. */
  begin(now: number): void {
    for (const attempt of this.attempts.values()) {
      if (attempt.epoch >= 0) continue
      attempt.epoch = -attempt.epoch
      attempt.askedAt = now
    }
  }

  /** All attempts are asked for anew. */
  renew(at: number, epoch: number): void {
    for (const attempt of this.attempts.values()) {
      attempt.askedAt = at
      attempt.epoch = epoch
      attempt.earlier = 0
    }
  }

  /** What is at work at a place is nobody's any more: the task begins anew. */
  forget(path: string): void {
    this.attempts.delete(path)
  }

  /** The run came from another store, where these were delivered so often already. */
  arrive(deliveries: { readonly [task: string]: number }): void {
    for (const [path, count] of Object.entries(deliveries)) {
      const attempt = this.attempts.get(path)
      if (attempt !== undefined) attempt.earlier = count
    }
  }

  /** Who waits under a path: a task at work, or one between two attempts. */
  find(path: string): Place | undefined {
    return (this.attempts.get(path) ?? this.timers.get(path))?.place
  }

  /** Whether somebody waits for a message that only makes sense to whoever does. */
  isExpected(message: Message): boolean {
    switch (message.type) {
      case "attempt.succeeded":
      case "attempt.failed":
      case "attempt.aborted":
        return this.attempts.get(message.task)?.attempt === message.attempt
      case "timer.fired":
        return this.timers.has(message.task) || this.#stopped.has(message.task)
      default:
        return true
    }
  }

  /** Where a message of the past went: to whoever waited for it then. Throws `JournalDiverged` when nobody did. */
  placeOf(message: Message, run: string, seq: number): Place | undefined {
    switch (message.type) {
      case "attempt.succeeded":
      case "attempt.failed":
      case "attempt.aborted": {
        const attempt = this.attempts.get(message.task)
        if (attempt === undefined || attempt.attempt !== message.attempt)
          throw new JournalDiverged({ run, seq, found: message.type, task: message.task })
        this.attempts.delete(message.task)
        return attempt.place
      }
      case "attempt.late": {
        const attempt = this.attempts.get(message.task)
        if (attempt?.attempt === message.attempt && attempt.place.actor?.getSnapshot().status !== "active")
          this.attempts.delete(message.task)
        return undefined
      }
      case "timer.fired": {
        const timer = this.timers.get(message.task) ?? this.#stopped.get(message.task)
        if (timer === undefined) throw new JournalDiverged({ run, seq, found: message.type, task: message.task })
        this.timers.delete(message.task)
        return timer.place
      }
      default:
        return undefined
    }
  }
}
