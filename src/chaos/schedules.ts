/**
 * What must hold of a schedule between what is written of it and the runs that it begins, over all lives: each time that it names
 * begins one run, after that is written, and none is left out. The times are worked out by looking at a wall every minute.
 */
import { kinds, progressIn, scheduleIn } from "../engine/schedule-record.ts"
import { cronRule } from "../model/cron.ts"
import type { WorkflowIR } from "../model/ir.ts"
import { deepFreeze } from "../model/json.ts"
import type { Message } from "../model/messages.ts"
import type { ScheduleOptions } from "../model/recurring.ts"
import { type Timetable, timetableOf } from "../model/timetable.ts"
import { makeWorkflow } from "../model/workflow.ts"
import type { Shared } from "../storage/journal.ts"
import type { Incarnation, Running } from "./execution.ts"

/** The schedule of a world. */
export const scheduleName = "tick"

const tickIR: WorkflowIR = deepFreeze({ ir: 1, name: "tick", tasks: [{ id: "tick", kind: "noop" }] } as WorkflowIR)
const tick = makeWorkflow(tickIR, new Map(), undefined)

/** Nothing is passed over, so that everything that is due has to begin. */
const patient = { missed: "all", overlap: "allow", waitingMax: 1_000 } as const

/** Somebody makes it, unless it is there. */
export const makeSchedule = ({ engine }: Incarnation, schedule: ScheduleOptions | undefined): void => {
  if (schedule === undefined) return
  engine?.schedules?.set(scheduleName, tick, null, { ...schedule, ...patient }, { revision: 0 }).catch(() => {})
}

/** So long after the last trouble everything that was due has begun, in milliseconds. */
const calmMs = 26 * 3_600_000

type Broken = (promise: string, what: string) => void

export class ScheduleAudit {
  readonly #world: Running
  readonly #broken: Broken
  /** When it was made; undefined before that is written. */
  #since: number | undefined = undefined
  #active: ReadonlySet<number> = new Set()
  readonly #begun = new Set<number>()
  readonly #times: ReadonlySet<number>
  /** When the world began. */
  readonly #start: number

  constructor(world: Running, broken: Broken) {
    this.#world = world
    this.#broken = broken
    this.#start = world.kernel.now
    const { schedule } = world.setup
    this.#times = schedule === undefined ? new Set() : timesOf(schedule)
  }

  /** It is on the disk. */
  kept(shared: ReadonlyArray<Shared>, epoch: number): void {
    for (const one of shared) {
      if (one.name !== scheduleName) continue
      if (one.kind === kinds.schedule) this.#since ??= scheduleIn({ ...one, epoch })?.at
      if (one.kind === kinds.progress) this.#active = new Set(progressIn({ ...one, epoch })?.active)
    }
  }

  /** A message of another run than the one that the world is about. */
  wrote(run: string, message: Message): void {
    if (message.type !== "run.submitted") return
    const due = Date.parse(run.slice(scheduleName.length + 1))
    if (!this.#times.has(due)) this.#broken("G20", `'${run}' begins, and the schedule names no such time`)
    if (this.#begun.has(due)) this.#broken("G20", `'${run}' begins a second time`)
    if (!this.#active.has(due)) this.#broken("G20", `'${run}' begins before it is written that it does`)
    if (message.at < due && !this.#world.plan.faults.some(({ on }) => on === "clock"))
      this.#broken("G20", `'${run}' begins ${due - message.at} ms before it is due`)
    this.#begun.add(due)
  }

  /** Where there was time enough, nothing is left out. */
  ended({ now }: Incarnation): void {
    const { story, kernel } = this.#world
    const last = story.findLast(({ what }) => what === "fault" || what === "boots")?.at ?? 0
    if (this.#since === undefined || kernel.now - this.#start - last < calmMs) return
    for (const due of this.#times)
      if (due > this.#since && due < now - calmMs && !this.#begun.has(due))
        this.#broken("G20", `what was due at ${new Date(due).toISOString()} never begins`)
  }
}

/** All times of a schedule, known by looking. */
const timesOf = (schedule: ScheduleOptions): ReadonlySet<number> => {
  const known = seen.get(schedule)
  if (known !== undefined) return known
  const { cron, zone, everyMs = 60_000, from = 0, until = from }: Timetable = timetableOf(schedule)
  const found = new Set<number>()
  if (cron !== undefined) look(cronRule(cron, zone), from, until, found)
  else for (let at = from; at <= until; at += everyMs) found.add(at)
  seen.set(schedule, found)
  return found
}
const seen = new WeakMap<ScheduleOptions, ReadonlySet<number>>()

const minuteMs = 60_000

const look = (
  { zone, minutes, hours, months, isDay, isHourly }: ReturnType<typeof cronRule>,
  from: number,
  until: number,
  found: Set<number>
): void => {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit"
  })
  const wallAt = (at: number): number => {
    const [year = 0, month = 1, day, hour, minute] = (format.format(at).match(/\d+/g) ?? []).map(Number)
    return Date.UTC(year, month - 1, day, hour, minute)
  }
  const names = (wall: number): boolean => {
    const date = new Date(wall)
    return (
      minutes.includes(date.getUTCMinutes()) &&
      hours.includes(date.getUTCHours()) &&
      months.has(date.getUTCMonth() + 1) &&
      isDay(date.getUTCDate(), date.getUTCDay())
    )
  }
  let highest = wallAt(from - minuteMs)
  for (let at = from; at <= until; at += minuteMs) {
    const wall = wallAt(at)
    if (isHourly ? names(wall) : wall > highest && names(wall)) found.add(at)
    // what the wall leaves out
    if (!isHourly) for (let left = highest + minuteMs; left < wall; left += minuteMs) if (names(left)) found.add(at)
    highest = Math.max(highest, wall)
  }
}
