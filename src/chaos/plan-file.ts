/** Plans as text: whatever a stranger sends is looked at before anything is done with it. */
import { ChaosMisused } from "./errors.ts"
import { crashMoments, type Fault, operations, type Plan, storageFaults, taskFaults } from "./plan.ts"

/** Most faults of a plan, and most characters of a file. */
const most = { faults: 1_000, characters: 1_000_000, ms: 10 * 365 * 24 * 3_600_000 } as const

type Kind = "text" | "number" | "ms" | ReadonlyArray<string>
const shapes: { readonly [on in Fault["on"]]: { readonly [key: string]: Kind | readonly [Kind, "optional"] } } = {
  task: { task: "text", attempt: "number", how: taskFaults, ms: ["ms", "optional"], times: ["number", "optional"] },
  storage: { write: "number", how: storageFaults, ms: ["ms", "optional"] },
  read: { read: "number" },
  crash: { write: "number", when: crashMoments, tail: [["lost", "kept"], "optional"], downMs: ["ms", "optional"] },
  owners: { write: "number", how: ["freeze", "second"], ms: "ms" },
  clock: { write: "number", ms: "ms" },
  operator: { write: "number", how: operations, ms: ["ms", "optional"] },
  agent: {
    agent: "text",
    how: ["down", "errors", "slow"],
    from: "number",
    to: "number",
    ms: ["ms", "optional"]
  },
  code: { life: "number", ms: "ms" },
  observer: { event: "number" },
  network: { call: "number", how: ["refused", "reset", "slow", "lostReply"], ms: ["ms", "optional"] }
}

/** A plan from a value or its text; throws `ChaosMisused` that says where it is wrong. */
export const planFrom = (given: unknown): Plan => {
  const refuse = (why: string): never => {
    throw new ChaosMisused({ what: "plan", why: `this is no plan: ${why}` })
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
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("it is no object")
  const { v, seed, faults, ...others } = value as Record<string, unknown>
  const stray = Object.keys(others)[0]
  if (stray !== undefined) refuse(`there is no '${stray}'`)
  if (v !== 1) refuse(`v is ${JSON.stringify(v)}, not 1`)
  if (!isWhole(seed)) refuse("seed is no whole number from 0")
  if (!Array.isArray(faults)) return refuse("faults is no list")
  if (faults.length > most.faults) refuse(`it has ${faults.length} faults, ${most.faults} are allowed`)
  faults.forEach((fault, i) => {
    const problem = problemOf(fault)
    if (problem !== undefined) refuse(`faults[${i}] ${problem}`)
  })
  return { v: 1, seed: seed as number, faults: faults as ReadonlyArray<Fault> }
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const problemOf = (fault: unknown): string | undefined => {
  if (typeof fault !== "object" || fault === null) return "is no object"
  const { on, ...rest } = fault as Record<string, unknown>
  const shape = typeof on === "string" && Object.hasOwn(shapes, on) ? shapes[on as Fault["on"]] : undefined
  if (shape === undefined) return `is on ${JSON.stringify(on)}, which is none of ${Object.keys(shapes).join(", ")}`
  for (const key of Object.keys(rest)) if (!Object.hasOwn(shape, key)) return `has no '${key}'`
  for (const [key, given] of Object.entries(shape)) {
    const isOptional = Array.isArray(given) && given[1] === "optional"
    const kind = (isOptional ? given[0] : given) as Kind
    const value = rest[key]
    if (value === undefined) {
      if (isOptional) continue
      return `lacks '${key}'`
    }
    if (kind === "text" ? typeof value !== "string" || value.length > 1_000 : false) return `has no text as '${key}'`
    if (kind === "number" && !isWhole(value)) return `has no whole number from 0 as '${key}'`
    if (kind === "ms" && !(Number.isSafeInteger(value) && Math.abs(value as number) <= most.ms))
      return `has no whole number of milliseconds as '${key}'`
    if (Array.isArray(kind) && !kind.includes(value as string))
      return `has ${JSON.stringify(value)} as '${key}', allowed are ${kind.join(", ")}`
  }
  return undefined
}
