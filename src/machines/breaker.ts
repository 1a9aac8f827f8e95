/**
 * The life of a circuit breaker. Closed lets calls pass, open refuses them, halfOpen lets a few trials through. Never reads a clock:
 * times come with the events, and nothing happens by itself: an open breaker whose time is over lets the next call that asks try.
 *
 *     closed ─too many failures, or slow calls──► open ─asked, time is over─► halfOpen
 *       ▲                                          ▲                           │ │
 *       │                                          └──a trial failed, was slow─┘ │
 *       └────────────────────enough trials succeeded─────────────────────────────┘
 *     any ─force.open─► forcedOpen, any ─force.close─► forcedClosed: until released or reset, then closed
 *
 * It need not hear of a success that changes nothing: in closed only of one that ends a run of failures or that trips a rate
 * (`breaker-desk.ts` decides that, with the window beside it).
 */
import { type BreakerRule, isWarmingUp, openMs, type Seen, whyTrips } from "../model/breaker.ts"
import { assign, command, setup } from "./machine.ts"

export type BreakerStatus = "closed" | "open" | "halfOpen" | "forcedOpen" | "forcedClosed"

/** Why a breaker is where it is. */
export type BreakerReason =
  | "made"
  | "failures"
  | "failureRate"
  | "slowRate"
  | "timeIsOver"
  | "trialFailed"
  | "trialWasSlow"
  | "trialsSucceeded"
  | "forced"
  | "released"
  | "reset"

/** All that a breaker knows of itself, as JSON. */
export interface BreakerFacts {
  /** Rises with every change of state: what began in another period does not count in this one. */
  readonly period: number
  /** When this period began. */
  readonly since: number
  readonly why: BreakerReason
  /** Failures one after the other. */
  readonly failures: number
  /** Open periods in a row. */
  readonly opened: number
  /** When an open breaker lets a trial through; null in other states. */
  readonly retryAt: number | null
  /** The trials that have not answered yet, oldest first. */
  readonly trials: ReadonlyArray<Trial>
  /** The number of the last trial. */
  readonly trial: number
  /** Successful trials in this period. */
  readonly successes: number
  /** How often it was forced open and not released. */
  readonly holds: number
}

export interface Trial {
  readonly id: number
  readonly at: number
}

export interface BreakerContext extends BreakerFacts {
  readonly rule: BreakerRule
}

export interface BreakerInput {
  readonly rule: BreakerRule
  readonly at: number
}

/** How a call ended that was let through in `period`; `trial` is 0 for an ordinary call. */
interface Ended {
  readonly at: number
  readonly period: number
  readonly trial: number
  readonly slow: boolean
  /** What is in the window, this call included. */
  readonly seen: Seen
  /** How long it stays open if it opens now, where somebody else than the policy says it. */
  readonly openMs?: number
}

export type BreakerEvent =
  /** A call wants to pass: of interest where not all may. */
  | { readonly type: "call.asked"; readonly at: number }
  | ({ readonly type: "call.succeeded" } & Ended)
  | ({ readonly type: "call.failed" } & Ended)
  /** It counts as nothing. */
  | ({ readonly type: "call.ignored" } & Ended)
  | { readonly type: "force.open"; readonly at: number }
  | { readonly type: "force.close"; readonly at: number }
  /** Takes back one `force.open`, or a `force.close`, of that period. */
  | { readonly type: "release"; readonly at: number; readonly period: number }
  | { readonly type: "reset"; readonly at: number }

type CallEnded = Extract<BreakerEvent, Ended>
type Args = { readonly context: BreakerContext; readonly event: BreakerEvent }

/** Of a call that was let through in another period, nothing is learnt about this one. */
const isOfThisPeriod = ({ context, event }: Args) => (event as CallEnded).period === context.period

const isYoung = ({ context, event }: Args) => isWarmingUp(context.rule, context, event.at)

const tripOf = ({ context, event }: Args) =>
  whyTrips(context.rule, event.type === "call.failed" ? context.failures + 1 : 0, (event as CallEnded).seen)

/** Where slow calls open a breaker, a slow trial is no success. */
const isTooSlow = ({ context, event }: Args) => context.rule.slowRate !== null && (event as CallEnded).slow

/** The trials that have a place: one that has waited for its answer for too long gives it to the next that asks. */
const placed = ({ context, event }: Args): ReadonlyArray<Trial> => {
  const { trials, rule } = context
  const oldest = trials[0]
  const isFull = trials.length >= rule.trials
  return isFull && Math.abs(event.at - oldest!.at) >= rule.trialWaitMs ? trials.slice(1) : trials
}

const isTimeOver = ({ context, event }: Args) => Math.abs(event.at - context.since) >= context.retryAt! - context.since
const hasPlace = (args: Args) => placed(args).length < args.context.rule.trials

/** Whether a call that asks now is refused; asking this changes nothing. */
export const refusesNow = (status: BreakerStatus, context: BreakerContext, at: number): boolean => {
  const args: Args = { context, event: { type: "call.asked", at } }
  switch (status) {
    case "closed":
    case "forcedClosed":
      return false
    case "open":
      return !isTimeOver(args)
    case "halfOpen":
      return !hasPlace(args)
    case "forcedOpen":
      return true
  }
}

const withTrial = (args: Args) => {
  const { trial } = args.context
  return { trials: [...placed(args), { id: trial + 1, at: args.event.at }], trial: trial + 1 }
}
const without = (trials: ReadonlyArray<Trial>, { trial }: CallEnded) => trials.filter(({ id }) => id !== trial)

/** A new period: nothing of the last one counts any more. */
const period = ({ context, event }: Args, why: BreakerReason) => ({
  period: context.period + 1,
  since: event.at,
  why,
  failures: 0,
  retryAt: null,
  trials: [],
  successes: 0,
  holds: 0
})
const openPeriod = (args: Args, why: BreakerReason) => ({
  ...period(args, why),
  opened: args.context.opened + 1,
  retryAt: args.event.at + ((args.event as CallEnded).openMs ?? openMs(args.context.rule, args.context.opened + 1))
})

export const breakerMachine = setup({
  types: { context: {} as BreakerContext, events: {} as BreakerEvent, input: {} as BreakerInput },
  guards: {
    isOfThisPeriod,
    isLastStraw: (args) => isOfThisPeriod(args) && tripOf(args) !== undefined && !isYoung(args),
    // both ways: a clock that was set back must not keep it open much longer than it was meant to be
    isTimeOver,
    hasPlace,
    wasTooSlow: (args) => isOfThisPeriod(args) && isTooSlow(args),
    isLastSuccess: (args) => isOfThisPeriod(args) && args.context.successes + 1 >= args.context.rule.successes,
    isLastHold: (args) => isOfThisPeriod(args) && args.context.holds <= 1
  },
  actions: {
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    endRun: assign({ failures: 0 }),
    trip: assign((args) => openPeriod(args, tripOf(args)!)),
    openAgain: assign((args, { why }: { why: BreakerReason }) => openPeriod(args, why)),
    tryOut: assign((args) => {
      const begun = { ...args.context, ...period(args, "timeIsOver") }
      return { ...begun, ...withTrial({ context: begun, event: args.event }) }
    }),
    takePlace: assign(withTrial),
    leavePlace: assign({ trials: ({ context, event }) => without(context.trials, event as CallEnded) }),
    countSuccess: assign({ successes: ({ context }) => context.successes + 1 }),
    close: assign((args, { why }: { why: BreakerReason }) => ({ ...period(args, why), opened: 0 })),
    force: assign((args) => ({ ...period(args, "forced"), opened: 0 })),
    hold: assign({ holds: ({ context }) => context.holds + 1 }),
    letGo: assign({ holds: ({ context }) => context.holds - 1 }),
    "call.admit": command<{ trial: number }>(),
    "call.refuse": command<{ retryAt: number | null }>(),
    "breaker.changed": command<{ to: BreakerStatus }>()
  }
}).createMachine({
  id: "breaker",
  context: ({ input }) => ({
    rule: input.rule,
    period: 1,
    since: input.at,
    why: "made",
    failures: 0,
    opened: 0,
    retryAt: null,
    trials: [],
    trial: 0,
    successes: 0,
    holds: 0
  }),
  initial: "closed",
  states: {
    closed: {
      entry: { type: "breaker.changed", params: { to: "closed" } },
      on: {
        "call.succeeded": [
          { guard: "isLastStraw", target: "open", actions: "trip" },
          { guard: "isOfThisPeriod", actions: "endRun" }
        ],
        "call.failed": [
          { guard: "isLastStraw", target: "open", actions: "trip" },
          { guard: "isOfThisPeriod", actions: "countFailure" }
        ],
        "force.open": { target: "forcedOpen", actions: ["force", "hold"] },
        "force.close": { target: "forcedClosed", actions: "force" },
        reset: { actions: { type: "close", params: { why: "reset" } } }
      }
    },
    open: {
      entry: { type: "breaker.changed", params: { to: "open" } },
      on: {
        "call.asked": [
          {
            guard: "isTimeOver",
            target: "halfOpen",
            actions: ["tryOut", { type: "call.admit", params: ({ context }) => ({ trial: context.trial }) }]
          },
          { actions: { type: "call.refuse", params: ({ context }) => ({ retryAt: context.retryAt }) } }
        ],
        "force.open": { target: "forcedOpen", actions: ["force", "hold"] },
        "force.close": { target: "forcedClosed", actions: "force" },
        reset: { target: "closed", actions: { type: "close", params: { why: "reset" } } }
      }
    },
    halfOpen: {
      entry: { type: "breaker.changed", params: { to: "halfOpen" } },
      on: {
        "call.asked": [
          {
            guard: "hasPlace",
            actions: ["takePlace", { type: "call.admit", params: ({ context }) => ({ trial: context.trial }) }]
          },
          { actions: { type: "call.refuse", params: { retryAt: null } } }
        ],
        "call.succeeded": [
          { guard: "wasTooSlow", target: "open", actions: { type: "openAgain", params: { why: "trialWasSlow" } } },
          {
            guard: "isLastSuccess",
            target: "closed",
            actions: { type: "close", params: { why: "trialsSucceeded" } }
          },
          { guard: "isOfThisPeriod", actions: ["leavePlace", "countSuccess"] }
        ],
        "call.failed": {
          guard: "isOfThisPeriod",
          target: "open",
          actions: { type: "openAgain", params: { why: "trialFailed" } }
        },
        "call.ignored": { guard: "isOfThisPeriod", actions: "leavePlace" },
        "force.open": { target: "forcedOpen", actions: ["force", "hold"] },
        "force.close": { target: "forcedClosed", actions: "force" },
        reset: { target: "closed", actions: { type: "close", params: { why: "reset" } } }
      }
    },
    forcedOpen: {
      entry: { type: "breaker.changed", params: { to: "forcedOpen" } },
      on: {
        "call.asked": { actions: { type: "call.refuse", params: { retryAt: null } } },
        "force.open": { actions: "hold" },
        "force.close": { target: "forcedClosed", actions: "force" },
        release: [
          { guard: "isLastHold", target: "closed", actions: { type: "close", params: { why: "released" } } },
          { guard: "isOfThisPeriod", actions: "letGo" }
        ],
        reset: { target: "closed", actions: { type: "close", params: { why: "reset" } } }
      }
    },
    forcedClosed: {
      entry: { type: "breaker.changed", params: { to: "forcedClosed" } },
      on: {
        "force.open": { target: "forcedOpen", actions: ["force", "hold"] },
        release: { guard: "isOfThisPeriod", target: "closed", actions: { type: "close", params: { why: "released" } } },
        reset: { target: "closed", actions: { type: "close", params: { why: "reset" } } }
      }
    }
  }
})
