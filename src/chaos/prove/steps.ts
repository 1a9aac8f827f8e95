/** What can happen next, one thing at a time, as data: a schedule is a list of these, and can be followed again. */
import { ChaosMisused } from "../errors.ts"

/** What happens by itself. */
const calm = [
  /** The body of an attempt runs, and its end is written. */
  "ends",
  /** An attempt that was told to stop does so. */
  "stops",
  /** A wait, or a pause between attempts, is over; nobody has answered a gate in time. */
  "fires",
  /** Somebody answers a gate. */
  "answers"
] as const

/** What goes wrong. */
export const proveFaults = [
  /** An attempt fails before it did anything, and may be tried again. */
  "throw",
  /** The same, and it must not be tried again. */
  "permanent",
  /** An attempt does its work, and its answer comes after its time is over. */
  "late",
  /** The process dies and begins anew; of any attempts that are out, the work may be done by then and not be written. */
  "crash",
  /** The time of a whole workflow is over. */
  "deadline"
] as const
export type ProveFault = (typeof proveFaults)[number]

const kinds = [
  ...calm,
  ...proveFaults,
  /** An attempt does its work, and the process will die before its end is written. */
  "acts"
] as const

export interface Step {
  readonly step: (typeof kinds)[number]
  /** Path of the task, the gate or the wait; "" for the run. */
  readonly task?: string
  readonly attempt?: number
}
export type Schedule = ReadonlyArray<Step>

/** Whether a step is something that goes wrong. */
export const isFault = ({ step }: Step): boolean => !(calm as ReadonlyArray<string>).includes(step)

export const isSameStep = (one: Step, other: Step): boolean =>
  one.step === other.step && one.task === other.task && one.attempt === other.attempt

const most = { steps: 100_000, characters: 10_000_000 } as const

/** A schedule from a value or its text; throws `ChaosMisused` that says where it is wrong. */
export const scheduleFrom = (given: unknown): Schedule => {
  const refuse = (why: string): never => {
    throw new ChaosMisused({ what: "plan", why: `this is no schedule: ${why}` })
  }
  let value = given
  if (typeof given === "string") {
    if (given.length > most.characters) refuse(`it has ${given.length} characters, ${most.characters} are allowed`)
    try {
      value = JSON.parse(given)
    } catch (error) {
      refuse((error as Error).message)
    }
  }
  if (!Array.isArray(value)) return refuse("it is no list")
  if (value.length > most.steps) refuse(`it has ${value.length} steps, ${most.steps} are allowed`)
  return value.map((one: unknown, i): Step => {
    const { step, task, attempt, ...others } = (typeof one === "object" && one !== null ? one : {}) as Partial<Step>
    const stray = Object.keys(others)[0]
    if (stray !== undefined) refuse(`step ${i} has no '${stray}'`)
    if (!(kinds as ReadonlyArray<unknown>).includes(step))
      refuse(`step ${i} is ${JSON.stringify(step)}, which is none of ${kinds.join(", ")}`)
    if (task !== undefined && typeof task !== "string") refuse(`step ${i} has no text as 'task'`)
    if (attempt !== undefined && !(Number.isSafeInteger(attempt) && attempt >= 1))
      refuse(`step ${i} has no whole number from 1 as 'attempt'`)
    return {
      step: step!,
      ...(task === undefined ? {} : { task }),
      ...(attempt === undefined ? {} : { attempt })
    }
  })
}

/** A step in words. */
export const stepText = ({ step, task = "", attempt = 1 }: Step): string => {
  const one = attempt > 1 ? `${task} (attempt ${attempt})` : task
  switch (step) {
    case "ends":
      return `${one} does its work, and its end is written`
    case "stops":
      return `${one} was told to stop and does`
    case "fires":
      return `the time that ${task} waits for has come`
    case "answers":
      return `somebody answers ${task}`
    case "throw":
      return `${one} fails before it did anything`
    case "permanent":
      return `${one} fails for good before it did anything`
    case "late":
      return `${one} does its work, and its answer comes too late`
    case "crash":
      return "the process dies and begins anew"
    case "deadline":
      return `the time of ${task === "" ? "the run" : task} is over`
    case "acts":
      return `${one} does its work, and its end will not be written any more`
  }
}
