/** Names: one grammar for every id, and paths of own keys that can never reach a prototype. */
import { InvalidId } from "./errors.ts"
import { limits } from "./limits.ts"

const grammar = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/

/**
 * Whether `id` may name a workflow, task, run or agent: a letter or digit, then letters, digits, `.`, `_`, `+`, `-`;
 * at most 128 characters and no `..`, so that an id is never a path.
 *
 * ```ts check
 * isId("trading_pipeline-v1.2") // => true
 * isId("__proto__") // => false
 * isId("../../etc/passwd") // => false
 * ```
 */
export const isId = (id: string): boolean => grammar.test(id) && !id.includes("..")

/** `id` itself, or an `InvalidId` error that says what is allowed. */
export const requireId = (what: string, id: string): string => {
  if (typeof id !== "string" || !(isId(id) || (what === "run" && isFiring(id))))
    throw new InvalidId({ what, id: String(id) })
  return id
}

const firing = /^(.+)@\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
/** Characters that the time takes of the id of a firing. */
const timeLength = 25

/** Whether an id is that of a run that a schedule begins: the name of the schedule, `@`, and when it is due. */
const isFiring = (id: string): boolean => id.length <= limits.id && isId(firing.exec(id)?.[1] ?? "")

/** The id of the run that a schedule begins at a time: the same firing is the same run, however often it is submitted. */
export const firingId = (schedule: string, due: number): string => `${schedule}@${new Date(due).toISOString()}`

/** The name of a schedule: an id that leaves room for the time. */
export const requireScheduleName = (name: string): string => {
  requireId("schedule", name)
  if (name.length > limits.id - timeLength) throw new InvalidId({ what: "schedule", id: name })
  return name
}

/** Keys that a path may never name: they lead from data to prototypes. */
export const reservedSegments: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"])

/**
 * The segments of a dotted path. Ids may contain dots; such paths are written as arrays.
 *
 * ```ts check
 * segments("a.result.price") // => ["a", "result", "price"]
 * segments(["libc6.1", "size"]) // => ["libc6.1", "size"]
 * ```
 */
export const segments = (path: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof path !== "string" ? path : path.includes(".") ? path.split(".") : [path]

/** A path as it is written in documents: dotted where that is unambiguous, else an array. */
export const pathOf = (parts: ReadonlyArray<string>): string | ReadonlyArray<string> => {
  for (let i = 0; i < parts.length; i++) if (parts[i] === "" || parts[i]!.includes(".")) return parts
  return parts.length === 1 ? parts[0]! : parts.join(".")
}

/** The name nearest to `wrong`, if one is near enough to be meant. */
export const didYouMean = (wrong: string, known: Iterable<string>): string | undefined => {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wrong.length / 3)) + 1
  let looked = 0
  for (const name of known) {
    if (++looked > 10_000) break
    if (Math.abs(name.length - wrong.length) >= bestDistance) continue
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** "did you mean 'x'?", or "" when nothing is near. */
export const suggest = (wrong: string, known: Iterable<string>): string => {
  const near = didYouMean(wrong, known)
  return near === undefined ? "" : `did you mean '${near}'?`
}

/** Edits between two words (insert, delete, replace, swap of neighbours), given up at `bound`. */
const editDistance = (a: string, b: string, bound: number): number => {
  let before: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      least = Math.min(least, cost)
    }
    if (least >= bound) return bound
    before = previous
    previous = row
  }
  return previous[b.length]!
}
