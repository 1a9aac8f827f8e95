/**
 * What is written of a breaker, and what people are shown of it. It is written with each change, and when the orchestrator is
 * closed: what was counted since the last change is lost when the process is killed, and a new one begins to count anew.
 */
import type { BreakerFacts, BreakerReason, BreakerStatus } from "../machines/breaker.ts"
import { type BreakerState, requireState } from "../machines/breaker-desk.ts"
import type { WindowState } from "../model/breaker-window.ts"
import { InvalidOption } from "../model/errors.ts"
import type { Cause } from "../model/messages.ts"
import type { SharedRecord } from "../storage/journal.ts"

/** The kind under which journals keep breakers. */
export const sharedKind = "breaker"

/** A change of a breaker; who asked for it and why, where it was somebody. */
export interface BreakerChange extends Cause {
  readonly at: number
  readonly from: BreakerStatus
  readonly to: BreakerStatus
  readonly reason: BreakerReason
}

/** Changes that are kept of each breaker. */
const changesMost = 20

export const withChange = (
  changes: ReadonlyArray<BreakerChange>,
  change: BreakerChange
): ReadonlyArray<BreakerChange> => [...changes.slice(1 - changesMost), change]

export interface BreakerRecord {
  readonly state: BreakerStatus
  readonly facts: BreakerFacts
  readonly window: WindowState
  /** The last ones, oldest first. */
  readonly changes: ReadonlyArray<BreakerChange>
}

/** How a breaker stands. */
export interface BreakerOverview extends Cause {
  readonly name: string
  readonly state: BreakerStatus
  readonly reason: BreakerReason
  readonly since: Date
  /** When an open breaker lets a trial through. */
  readonly retryAt: Date | null
  readonly counts: {
    readonly failuresInARow: number
    /** Open periods in a row. */
    readonly opened: number
    /** Trials that succeeded in this period, and those that have no answer yet. */
    readonly successes: number
    readonly trialsOut: number
  }
  /** Its last changes, oldest first. */
  readonly changes: ReadonlyArray<BreakerChange>
}

export const textOf = ({ state, facts, window, changes }: BreakerRecord): string =>
  JSON.stringify({ v: 1, state, facts, window, changes })

/** What was written; undefined for what is none of ours, which is then as good as not there. */
export const recordIn = ({ state: text }: SharedRecord): BreakerRecord | undefined => {
  try {
    const { changes, ...given } = JSON.parse(text)
    const { state, facts, window } = requireState(given as BreakerState)
    return { state, facts, window, changes: Array.isArray(changes) ? changes : [] }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof InvalidOption) return undefined
    throw error
  }
}

/** What cannot be in a record of a breaker; undefined for nothing, and for what is of another kind. */
export const breakerFault = (one: SharedRecord): string | undefined => {
  if (one.kind !== sharedKind) return undefined
  const record = recordIn(one)
  if (record === undefined) return "cannot be read as a breaker"
  const { state, facts, window, changes } = record
  for (const name of ["period", "failures", "opened", "trial", "successes", "holds"] as const)
    if (!isCount(facts[name])) return `has ${JSON.stringify(facts[name])} as '${name}', which is a whole number from 0`
  if (!Number.isFinite(facts.since)) return "does not say since when it stands so"
  if (state === "open" ? !Number.isFinite(facts.retryAt) : facts.retryAt !== null)
    return `is ${state} and ${facts.retryAt === null ? "does not say until when" : "says when it is tried again"}`
  if (!Array.isArray(facts.trials) || !facts.trials.every(({ id, at }) => isCount(id) && Number.isFinite(at)))
    return "has trials that are none"
  if (state !== "halfOpen" && facts.trials.length > 0) return `is ${state} and has trials`
  if (!isWindow(window)) return "has a window that is none"
  return changes.every(({ at }) => Number.isFinite(at)) ? undefined : "has changes without a time"
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0
const isWindow = (window: WindowState): boolean =>
  "calls" in window
    ? /^[0-3]*$/.test(String(window.calls))
    : window.ms > 0 &&
      Array.isArray(window.steps) &&
      window.steps.every((step) => step.length === 4 && step.slice(1).every(isCount) && Number.isInteger(step[0]))

export const overviewOf = (name: string, { state, facts, changes }: BreakerRecord): BreakerOverview => {
  const { who, why } = changes.at(-1) ?? {}
  return {
    name,
    state,
    reason: facts.why,
    since: new Date(facts.since),
    retryAt: facts.retryAt === null ? null : new Date(facts.retryAt),
    counts: {
      failuresInARow: facts.failures,
      opened: facts.opened,
      successes: facts.successes,
      trialsOut: facts.trials.length
    },
    ...(who === undefined ? {} : { who }),
    ...(why === undefined ? {} : { why }),
    changes
  }
}
