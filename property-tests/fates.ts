/**
 * Workflows by chance in which things fail and may: triggers, joins, fallbacks, allowed failures, people who are waited for,
 * fan-outs that need only some items. And a model of what each may come to, by plain recursion, which shares nothing with the
 * engine.
 */
import * as fc from "fast-check"
import type { Fallback, Join, OnFailed, TaskIR, Trigger, WorkflowIR } from "../src/model/ir.ts"
import { deepFreeze } from "../src/model/json.ts"

export interface Fate {
  readonly kind: "task" | "map"
  readonly deps: ReadonlyArray<{ readonly on: Trigger; readonly dep: number }>
  readonly need: "all" | "any" | 1 | 2
  readonly cancelRest: boolean
  readonly onFailed: "fail" | "continue" | "wait"
  readonly fallback: "none" | "value" | "work" | "both"
  readonly accept: "all" | "any" | "atLeast" | "settled" | "partial"
  /** Whether it fails, whether what stands in for it does, whether it is skipped by a condition. */
  readonly fails: boolean
  readonly standInFails: boolean
  readonly isSkipped: boolean
  /** Items of a fan-out that fail, of three. */
  readonly badItems: number
  /** What the person does who is waited for. */
  readonly person: "skip" | "fail"
}

export interface Fates {
  readonly onFailure: "stop" | "continue"
  readonly tasks: ReadonlyArray<Fate>
}

const often = <T>(usual: T, ...others: ReadonlyArray<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) })

export const fates = (most: number): fc.Arbitrary<Fates> =>
  fc.record({
    onFailure: fc.constantFrom("stop" as const, "continue" as const),
    tasks: fc.integer({ min: 1, max: most }).chain((size) =>
      fc.tuple(
        ...Array.from({ length: size }, (_, i) =>
          fc.record({
            kind: often<Fate["kind"]>("task", "map"),
            deps:
              i === 0
                ? fc.constant([])
                : fc.uniqueArray(
                    fc.record({
                      dep: fc.integer({ min: 0, max: i - 1 }),
                      on: often<Trigger>("notFailed", "succeeded", "failed", "done")
                    }),
                    { maxLength: 3, selector: ({ dep }) => dep }
                  ),
            need: often<Fate["need"]>("all", "any", 1, 2),
            cancelRest: often(false, true),
            onFailed: fc.constantFrom("fail" as const, "continue" as const, "wait" as const),
            fallback: often<Fate["fallback"]>("none", "value", "work", "both"),
            accept: fc.constantFrom<Fate["accept"]>("all", "any", "atLeast", "settled", "partial"),
            fails: fc.boolean(),
            standInFails: fc.boolean(),
            isSkipped: often(false, false, false, true),
            badItems: fc.integer({ min: 0, max: 3 }),
            person: fc.constantFrom("skip" as const, "fail" as const)
          })
        )
      )
    )
  })

const idOf = (i: number) => `t${i}`

/** How many of its dependencies a task needs. */
const neededOf = ({ deps, need }: Fate): number =>
  need === "all" || deps.length === 0 ? deps.length : need === "any" ? 1 : Math.min(need, deps.length)

/** With nobody there, who is waited for comes too late: then what follows is what the person would have wanted, more or less. */
export const flowOfFates = ({ onFailure, tasks }: Fates, isSomebodyThere = true): WorkflowIR =>
  deepFreeze({
    ir: 1,
    name: "fates",
    config: { onFailure, missing: "omit" },
    tasks: tasks.map((fate, i): TaskIR => {
      const { kind, deps, need, cancelRest, onFailed, fallback, accept, isSkipped, person } = fate
      const join: Join = need === "all" ? "all" : need === "any" ? "any" : { atLeast: neededOf(fate) }
      const isJoined = deps.length > 0 && need !== "all"
      const other: Fallback = { task: "step", input: { instead: i } }
      const value: Fallback = { value: { instead: i } }
      const all = { none: [], value: [value], work: [other], both: [other, value] }[fallback]
      const common = {
        id: idOf(i),
        ...(deps.length === 0 ? {} : { after: deps.map(({ dep, on }) => ({ task: idOf(dep), on })) }),
        ...(isJoined ? { join, ...(cancelRest ? { cancelRest } : {}) } : {}),
        ...(isSkipped ? { when: false } : {}),
        ...(all.length === 0 ? {} : { fallback: all }),
        onFailed:
          onFailed === "wait" && !isSomebodyThere
            ? ({
                wait: { withinMs: 700 * (i + 1), otherwise: person === "skip" ? "continue" : "fail" }
              } satisfies OnFailed)
            : onFailed
      }
      if (kind === "task") return { ...common, task: "step", input: { i } }
      const items =
        accept === "partial" ? { partial: true } : { accept: accept === "atLeast" ? { atLeast: 2 } : accept }
      return { ...common, kind: "map", over: 3, each: { task: "step", input: { $: "index" } }, ...items } as TaskIR
    })
  })

/** Whether the work at a path fails: each time that it is tried. */
export const failsAt = ({ tasks }: Fates, path: string): boolean => {
  const [, i, item, step] = /^t(\d+)(?:\[(\d)\])?(?:~(\d))?$/.exec(path)!
  const fate = tasks[Number(i)]!
  if (step !== undefined) return fate.standInFails
  return item === undefined ? fate.fails : Number(item) < fate.badItems
}

// ── the model ────────────────────────────────────────────────────────────────────────────────────────

type End = "succeeded" | "skipped" | "allowed" | "failed" | "unreached"

const starts: Record<Trigger, ReadonlyArray<End>> = {
  notFailed: ["succeeded", "skipped", "allowed"],
  succeeded: ["succeeded"],
  failed: ["allowed", "failed", "unreached"],
  done: ["succeeded", "skipped", "allowed", "failed", "unreached"]
}

export interface Allowed {
  /** How the run may end. */
  readonly statuses: ReadonlyArray<"succeeded" | "failed">
  /** What its tasks come to, and which are listed as degraded, where the order of events does not matter to that. */
  readonly exactly:
    | { readonly states: { readonly [task: string]: string }; readonly degraded: ReadonlyArray<string> }
    | undefined
}

/** The end of one task that has started, without looking at others; and what is listed. */
const endOf = (fate: Fate, path: string, degraded: Array<string>): End => {
  const bad = fate.kind === "map" ? mapFails(fate, path, degraded) : fate.fails
  if (!bad) return "succeeded"
  if (fate.fallback === "value" || fate.fallback === "both" || (fate.fallback === "work" && !fate.standInFails)) {
    degraded.push(path)
    return "succeeded"
  }
  if (fate.onFailed === "continue") {
    degraded.push(path)
    return "allowed"
  }
  return fate.onFailed === "wait" && fate.person === "skip" ? "succeeded" : "failed"
}

/** Which of its items are listed depends on who is first, except where all are waited for. */
const mapFails = ({ accept, badItems }: Fate, path: string, degraded: Array<string>): boolean => {
  if (accept === "settled" || accept === "partial")
    for (let item = 0; item < badItems; item++) degraded.push(`${path}[${item}]`)
  const needed = { all: 3, any: 1, atLeast: 2, settled: 0, partial: 0 }[accept]
  return 3 - badItems < needed
}

/** What the run may come to. */
export const allowedFor = (given: Fates): Allowed => {
  const { tasks, onFailure } = given
  const ends: Array<End> = []
  const degraded: Array<string> = []
  let isOpen = false
  tasks.forEach((fate, i) => {
    const met = fate.deps.filter(({ dep, on }) => starts[on].includes(ends[dep]!))
    const isSpoiled = fate.deps.some(
      ({ dep, on }) => ["failed", "unreached"].includes(ends[dep]!) && !starts[on].includes(ends[dep]!)
    )
    if (met.length >= neededOf(fate)) ends.push(fate.isSkipped ? "skipped" : endOf(fate, idOf(i), degraded))
    else ends.push(isSpoiled ? "unreached" : "skipped")
    // items of which only some are needed, and tasks that others may no longer need, end as time has it
    if (fate.kind === "map" && ["any", "atLeast"].includes(fate.accept)) isOpen ||= fate.badItems > 0
  })
  const maybeStopped = tasks.map((_, i) => {
    const behind = tasks.filter(({ deps }) => deps.some(({ dep }) => dep === i))
    return behind.length === 1 && behind[0]!.cancelRest && behind[0]!.need !== "all"
  })
  const failed = ends.flatMap((end, i) => (end === "failed" ? [i] : []))
  const surely = failed.filter((i) => !maybeStopped[i])
  const statuses: Allowed["statuses"] =
    surely.length > 0 ? ["failed"] : failed.length > 0 ? ["failed", "succeeded"] : ["succeeded"]
  const isExact = !isOpen && !maybeStopped.some(Boolean) && (onFailure === "continue" || failed.length === 0)
  const shown: Record<End, string> = {
    succeeded: "succeeded",
    skipped: "skipped",
    allowed: "failed",
    failed: "failed",
    unreached: "skipped"
  }
  return {
    statuses,
    exactly: isExact
      ? { states: Object.fromEntries(ends.map((end, i) => [idOf(i), shown[end]])), degraded: [...degraded].sort() }
      : undefined
  }
}
