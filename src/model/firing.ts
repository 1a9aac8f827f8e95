/**
 * What becomes of the times at which a schedule fires: which of them begin a run, which wait for their turn, and which are passed
 * over, by its policy. Values go in and come out; nobody is asked what time it is, and nothing is begun here.
 */
import { chance } from "./backoff.ts"
import { lastTimesBetween, type Times, timesBetween } from "./timetable.ts"

/** What a schedule does with firings that were due while nobody was there. */
export const missedPolicies = ["skip", "last", "all"] as const
export type MissedPolicy = (typeof missedPolicies)[number]

/** What a schedule does with a firing while runs of earlier ones are under way. */
export const overlapPolicies = ["skip", "queue", "replace", "allow"] as const
export type OverlapPolicy = (typeof overlapPolicies)[number]

export interface FiringPolicy {
  readonly missed: MissedPolicy
  /** A firing that is looked at later than so was missed. */
  readonly lateAfterMs: number
  readonly overlap: OverlapPolicy
  /** Runs of the schedule that are under way at once. */
  readonly maxActive: number
  /** Firings that wait for their turn. */
  readonly waitingMax: number
  readonly jitterMs: number
}

/** A firing that will begin a run. */
export interface Firing {
  /** When it is due: with the name of the schedule that is its identity, and the id of its run. */
  readonly due: number
  /** It was missed, or somebody asked for it afterwards: it waits for its turn whatever is under way. */
  readonly isMadeUp?: true
}

/** What became of a firing. */
export const fates = ["begun", "missed", "overlapped", "replaced", "full", "refused"] as const
export type FateName = (typeof fates)[number]

export interface Fate {
  readonly due: number
  readonly became: FateName
  readonly at: number
  /** Of those that were missed: how many there were up to and with this one, and whether there were more than were counted. */
  readonly count?: number
  readonly isMore?: true
  /** Why it was refused. */
  readonly code?: string
  readonly message?: string
}

/** How far a schedule is. */
export interface Progress {
  /** What is due up to then has been decided about. */
  readonly considered: number
  /** Decided to begin, in the order in which they are due. */
  readonly waiting: ReadonlyArray<Firing>
  /** When those were due whose runs are under way. */
  readonly active: ReadonlyArray<number>
  /** What became of the last ones, oldest first. */
  readonly recent: ReadonlyArray<Fate>
  /** How many have begun, and how many have not and never will. */
  readonly begun: number
  readonly passed: number
}

/** Fates that are kept. */
const recentMost = 50
/** Missed firings that are counted one by one. */
const countedMost = 10_000

export const noProgress = (considered: number): Progress => ({
  considered,
  waiting: [],
  active: [],
  recent: [],
  begun: 0,
  passed: 0
})

/**
 * Decides about all that is due by now. Where the clock was set back, what is due again is looked at again: what has been decided
 * about already keeps its fate.
 */
export const consider = (progress: Progress, policy: FiringPolicy, times: Times, now: number): Progress => {
  const { considered: after } = progress
  const due = lastTimesBetween(times, after, now, policy.waitingMax)
  const isNew = notIn(progress)
  const fresh = due.filter(isNew)
  const from = fresh[0] ?? now
  const later = { ...progress, considered: now }
  // those that are too many to be made up for, all of them before the others
  const dropped = due.length < policy.waitingMax ? [] : timesBetween(times, after, from - 1, countedMost).filter(isNew)
  const late = fresh.filter((at) => now - at > policy.lateAfterMs)
  const made = madeUp(policy.missed, fresh, late)
  const passed = [...dropped, ...late.filter((at) => !made.has(at))]
  const noted = passed.length === 0 ? later : missed(later, passed, now)
  return fresh
    .filter((at) => made.has(at) || !late.includes(at))
    .reduce(
      (known, at) => admitted(known, policy, made.has(at) ? { due: at, isMadeUp: true } : { due: at }, now),
      noted
    )
}

/** Which of those that were missed begin all the same. */
const madeUp = (
  policy: MissedPolicy,
  fresh: ReadonlyArray<number>,
  late: ReadonlyArray<number>
): ReadonlySet<number> => {
  switch (policy) {
    case "skip":
      return new Set()
    case "last":
      // what has come since makes up for it
      return new Set(fresh.length === late.length ? late.slice(-1) : [])
    case "all":
      return new Set(late)
  }
}

const missed = (progress: Progress, passed: ReadonlyArray<number>, at: number): Progress => ({
  ...withFate(progress, {
    due: passed.at(-1)!,
    became: "missed",
    at,
    count: passed.length,
    ...(passed.length >= countedMost ? { isMore: true as const } : {})
  }),
  passed: progress.passed + passed.length
})

/** A firing takes its place among those that wait, if there is one. */
const admitted = (progress: Progress, policy: FiringPolicy, firing: Firing, at: number): Progress =>
  progress.waiting.length >= policy.waitingMax
    ? passedOver(progress, firing.due, "full", at)
    : { ...progress, waiting: [...progress.waiting, firing].sort((a, b) => a.due - b.due) }

/** Firings that somebody asks for afterwards, as far as they have not begun: they wait for their turn. */
export const backfilled = (progress: Progress, due: ReadonlyArray<number>): Progress => {
  const waits = new Set(progress.waiting.map((one) => one.due))
  const has = new Set([
    ...progress.active,
    ...progress.recent.flatMap(({ became, due }) => (became === "begun" ? [due] : []))
  ])
  const fresh = due.filter((at) => !waits.has(at) && !has.has(at)).map((at): Firing => ({ due: at, isMadeUp: true }))
  return { ...progress, waiting: [...progress.waiting, ...fresh].sort((a, b) => a.due - b.due) }
}

/** When a firing is to begin: spread by a chance that depends on nothing but the schedule and the time. */
export const beginsAt = (name: string, { jitterMs }: FiringPolicy, due: number): number =>
  jitterMs === 0 ? due : due + Math.floor(chance(`${name}@${due}`) * jitterMs)

/** What is to be done now about firings that wait. */
export interface Turn {
  readonly progress: Progress
  /** The one that is next, if it may begin. */
  readonly next: number | undefined
  /** The run that is in its way is to be cancelled. */
  readonly cancel: number | undefined
}

/** Whose turn it is, once those are passed over that may not wait. */
export const turn = (name: string, progress: Progress, policy: FiringPolicy, now: number): Turn => {
  const isReady = ({ due }: Firing) => beginsAt(name, policy, due) <= now
  const isBusy = progress.active.length >= policy.maxActive
  const pressing = progress.waiting.filter((one) => isReady(one) && one.isMadeUp === undefined)
  const last = pressing.at(-1)
  const left =
    policy.overlap === "skip" && isBusy
      ? pressing.reduce((known, { due }) => passedOver(known, due, "overlapped", now), progress)
      : policy.overlap === "replace"
        ? pressing.slice(0, -1).reduce((known, { due }) => passedOver(known, due, "replaced", now), progress)
        : progress
  const cancel = policy.overlap === "replace" && isBusy && last !== undefined ? progress.active[0] : undefined
  return { progress: left, next: isBusy ? undefined : left.waiting.find(isReady)?.due, cancel }
}

/** Its run is to begin. */
export const begun = (progress: Progress, due: number, at: number): Progress => ({
  ...withFate(progress, { due, became: "begun", at }),
  waiting: progress.waiting.filter((one) => one.due !== due),
  active: [...progress.active, due],
  begun: progress.begun + 1
})

/** Its run has ended. */
export const ended = (progress: Progress, due: number): Progress => ({
  ...progress,
  active: progress.active.filter((one) => one !== due)
})

/** Its run cannot begin, now or ever. */
export const refused = (
  progress: Progress,
  due: number,
  at: number,
  why: Pick<Fate, "code" | "message">
): Progress => ({
  ...withFate(
    { ...progress, recent: progress.recent.filter((one) => one.due !== due) },
    {
      due,
      became: "refused",
      at,
      ...why
    }
  ),
  active: progress.active.filter((one) => one !== due),
  begun: progress.begun - 1,
  passed: progress.passed + 1
})

const passedOver = (progress: Progress, due: number, became: FateName, at: number): Progress => ({
  ...withFate(progress, { due, became, at }),
  waiting: progress.waiting.filter((one) => one.due !== due),
  passed: progress.passed + 1
})

const withFate = (progress: Progress, fate: Fate): Progress => ({
  ...progress,
  recent: [...progress.recent, fate].slice(-recentMost)
})

/** Whether nothing has been decided about a firing, as far as it is remembered. */
const notIn = ({ waiting, active, recent }: Progress): ((due: number) => boolean) => {
  const known = new Set([...waiting.map(({ due }) => due), ...active, ...recent.map(({ due }) => due)])
  return (due) => !known.has(due)
}
