/**
 * Plans by chance. What fast-check draws and shrinks are plain numbers; what they mean is looked up in an execution in which
 * nothing goes wrong: its tasks, its writes, its agents. Zero always stands for the mildest there is.
 */
import * as fc from "fast-check"
import type { CompiledWorkflow } from "../model/compile.ts"
import { standIn } from "../model/failing.ts"
import type { Execution } from "./execution.ts"
import { isForgiving, spotOf } from "./model.ts"
import { crashMoments, type Family, type Fault, operations, type Plan, storageFaults, taskFaults } from "./plan.ts"

/** What there is that can go wrong. */
export interface Survey {
  readonly attempts: ReadonlyArray<{ readonly task: string; readonly attempt: number }>
  readonly writes: number
  readonly reads: number
  readonly agents: ReadonlyArray<string>
  readonly hasGates: boolean
}

/** What can go wrong in an execution like this one. */
export const survey = ({ calls, messages, writes, reads }: Execution, compiled?: CompiledWorkflow): Survey => {
  const seen = [...new Set(calls.map(({ task }) => task))]
  const tasks = compiled === undefined ? seen : withUnseen(compiled, seen)
  return {
    attempts: [1, 2, 3].flatMap((attempt) => tasks.map((task) => ({ task, attempt }))),
    writes,
    reads,
    agents: [...new Set(calls.flatMap(({ agent }) => (agent === undefined ? [] : [agent])))],
    hasGates: messages.some(({ type }) => type.startsWith("gate."))
  }
}

/** Where nothing goes wrong, nobody sees what only starts because something has: tasks, and what stands in for others. */
const withUnseen = (compiled: CompiledWorkflow, seen: ReadonlyArray<string>): ReadonlyArray<string> => {
  const tasks = isForgiving(compiled)
    ? compiled.tasks.flatMap(({ id, structure }) => (structure.kind === "leaf" && !seen.includes(id) ? [id] : []))
    : []
  return [...seen, ...tasks].flatMap((path) => [path, ...standIns(compiled, path)])
}

const standIns = (compiled: CompiledWorkflow, path: string): ReadonlyArray<string> => {
  const spot = spotOf(compiled, path)
  if (spot === undefined) return []
  const all = spot.isPart ? spot.task.itemFallbacks : spot.task.fallbacks
  return all.flatMap(({ kind }, i) => (kind === "value" ? [] : [standIn(path, i + 1)]))
}

/** A fault as numbers: which family, where, how, two lengths, and whether it happens beside the one before. */
export type Raw = readonly [family: number, where: number, how: number, long: number, more: number, near: number]

export interface RawPlan {
  readonly seed: number
  readonly faults: ReadonlyArray<Raw>
}

const byte = fc.nat(255)
const raw: fc.Arbitrary<Raw> = fc.tuple(byte, fc.nat(4_095), byte, fc.nat(9), fc.nat(9), fc.nat(3))

export const rawPlan = (faultsMost: number): fc.Arbitrary<RawPlan> =>
  fc.record({ seed: fc.nat(65_535), faults: fc.array(raw, { maxLength: faultsMost, size: "max" }) })

const ungated = operations.filter((how) => how !== "answer" && how !== "signal")
const lengths = [0, 1, 2, 5, 10, 50, 100, 1_000, 10_000, 3_600_000] as const
const pick = <T>(list: ReadonlyArray<T>, at: number): T => list[at % list.length]!

/** What the numbers stand for. Faults that mean nothing here are left out, as are two for the same attempt. */
export const planOf = ({ seed, faults }: RawPlan, there: Survey, families: ReadonlyArray<Family>): Plan => {
  const found: Array<Fault> = []
  const taken = new Set<string>()
  let last = 0
  for (const numbers of faults) {
    const fault = faultOf(numbers, there, families, last)
    if (fault === undefined) continue
    if ("write" in fault) last = fault.write
    const place =
      fault.on === "task" ? `${fault.task}#${fault.attempt}` : fault.on === "crash" ? `crash ${fault.write}` : ""
    if (place !== "" && taken.has(place)) continue
    taken.add(place)
    found.push(fault)
  }
  return { v: 1, seed, faults: found }
}

const faultOf = (
  [family, where, how, long, more, near]: Raw,
  { attempts, writes, reads, agents, hasGates }: Survey,
  families: ReadonlyArray<Family>,
  last: number
): Fault | undefined => {
  // lives to come write as well; and what is rare takes two things that happen at the same time
  const write = near < 2 ? where % (writes + 4) : last + near - 2
  const ms = lengths[long]!
  switch (pick(families, family)) {
    case "task": {
      if (attempts.length === 0) return undefined
      const { task, attempt } = pick(attempts, where)
      const kind = pick(taskFaults, how)
      return {
        on: "task",
        task,
        attempt,
        how: kind,
        ...(kind === "slow" || kind === "later" ? { ms: ms + 1 } : {}),
        ...(kind === "exit" && more > 2 ? { times: more } : {})
      }
    }
    case "storage": {
      if (more === 9) return { on: "read", read: where % (reads + 4) }
      const kind = pick(storageFaults, how)
      return { on: "storage", write, how: kind, ...(kind === "unsure" ? {} : { ms: Math.min(ms, 10_000) }) }
    }
    case "crash": {
      const when = pick(crashMoments, how)
      return {
        on: "crash",
        write,
        when,
        ...(when === "written" ? { tail: more % 2 === 0 ? "lost" : "kept" } : {}),
        downMs: Math.min(ms, 1_000)
      } as Fault
    }
    case "owners":
      return { on: "owners", write, how: how % 2 === 0 ? "freeze" : "second", ms: 2 + Math.min(ms, 10_000) }
    case "clock":
      return { on: "clock", write, ms: more % 2 === 0 ? ms : -ms }
    case "operator":
      return { on: "operator", write, how: pick(hasGates ? operations : ungated, how), ms: Math.min(ms, 100) }
    case "agent":
      return agents.length === 0
        ? undefined
        : {
            on: "agent",
            agent: pick(agents, where),
            how: pick(["errors", "slow", "down"] as const, how),
            from: more,
            to: more + 1 + (long % 3),
            ms
          }
    case "code":
      return { on: "code", life: 2 + (where % 2), ms }
    case "observer":
      return { on: "observer", event: where % 200 }
    case "network":
      return { on: "network", call: where % 8, how: pick(["refused", "reset", "slow", "lostReply"] as const, how), ms }
  }
}
