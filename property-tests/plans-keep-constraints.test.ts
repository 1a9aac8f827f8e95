// What tasks ask of a plan: held against an own reading of it, and against trying everything for workflows of a few tasks.
import { fc, test } from "@fast-check/vitest"
import type { Constraints, ExecutionPlan, TaskIR, WorkflowIR } from "troupe"
import { ConstraintsConflict, plan } from "troupe"
import { describe, expect } from "vitest"
import { graph, idOf } from "./arbitraries.ts"

const workerIds = ["w0", "w1", "w2"]
const maybe = <T>(arbitrary: fc.Arbitrary<T>, weight = 2) =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

/** What one of `size` tasks may ask for; names of others may be any but its own. */
const asked = (size: number, own: number, horizon: number, isTeam: boolean): fc.Arbitrary<Constraints> => {
  const others = fc
    .uniqueArray(fc.integer({ min: 0, max: size - 1 }), { maxLength: 2 })
    .map((list) => list.filter((one) => one !== own).map(idOf))
  const agents = fc.uniqueArray(
    fc.record({ agent: fc.constantFrom(...workerIds), estimateMs: fc.integer({ min: 1, max: 4 }) }),
    { minLength: 1, selector: ({ agent }) => agent }
  )
  return fc
    .record({
      releaseMs: maybe(fc.integer({ min: 0, max: 4 })),
      deadlineMs: maybe(fc.integer({ min: 2, max: horizon })),
      dueMs: maybe(fc.integer({ min: 0, max: horizon }), 5),
      weight: maybe(fc.integer({ min: 0, max: 5 })),
      excludes: maybe(others),
      agents: isTeam ? fc.constant(undefined) : maybe(agents),
      sameAgentAs: isTeam ? fc.constant(undefined) : maybe(others, 6),
      differentAgentFrom: isTeam ? fc.constant(undefined) : maybe(others, 4),
      skills: isTeam
        ? maybe(fc.dictionary(fc.constantFrom("weld", "paint"), fc.constantFrom(1, 2), { minKeys: 1 }), 1)
        : fc.constant(undefined)
    })
    .map((given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)))
}

const workflow = (most: number, horizon: number): fc.Arbitrary<WorkflowIR> =>
  fc.tuple(graph(most), fc.boolean()).chain(([deps, isTeam]) =>
    fc
      .tuple(
        fc.tuple(...deps.map((_, i) => asked(deps.length, i, horizon, isTeam))),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: deps.length, maxLength: deps.length }),
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: deps.length, maxLength: deps.length })
      )
      .map(([constraints, lengths, needs]) => ({
        ir: 1 as const,
        name: "w",
        resources: {
          custom: { R: 2 },
          workers: workerIds.map((id, i) => ({ id, can: i === 0 ? ["weld", "paint"] : [i === 1 ? "weld" : "paint"] }))
        },
        tasks: deps.map(
          (list, i): TaskIR => ({
            id: idOf(i),
            kind: "noop",
            after: list.map(idOf),
            estimateMs: lengths[i]!,
            resources: { custom: { R: needs[i]! } },
            ...constraints[i]
          })
        )
      }))
  )

const by = (ir: WorkflowIR) => new Map(ir.tasks.map((task) => [task.id, task]))

/** Everything that a schedule breaks, in words. */
const broken = (ir: WorkflowIR, made: ExecutionPlan): ReadonlyArray<string> => {
  const found: Array<string> = []
  const at = new Map(made.schedule.map((row) => [row.task, row]))
  const tasks = by(ir)
  const wrong = (is: boolean, what: string) => void (is && found.push(what))
  for (const row of made.schedule) {
    const task = tasks.get(row.task)!
    const named = task.agents?.map((one) =>
      typeof one === "string" ? { agent: one, estimateMs: task.estimateMs! } : one
    )
    const own = named?.find(({ agent }) => agent === row.worker)
    wrong(named !== undefined && own === undefined, `${row.task} is done by ${row.worker}`)
    wrong(row.endMs - row.startMs !== (own?.estimateMs ?? task.estimateMs), `${row.task} is as long as it is not`)
    wrong(row.startMs < (task.releaseMs ?? 0), `${row.task} starts before its release`)
    wrong(row.endMs > (task.deadlineMs ?? 1e9), `${row.task} misses its deadline`)
    for (const dep of task.after ?? []) wrong(row.startMs < at.get(dep as string)!.endMs, `${row.task} before ${dep}`)
    for (const other of task.sameAgentAs ?? [])
      wrong(row.worker !== at.get(other)!.worker, `${row.task} not by the same as ${other}`)
    for (const other of task.differentAgentFrom ?? [])
      wrong(row.worker === at.get(other)!.worker, `${row.task} by the same as ${other}`)
    for (const other of task.excludes ?? [])
      wrong(
        row.startMs < at.get(other)!.endMs && at.get(other)!.startMs < row.endMs,
        `${row.task} at the same time as ${other}`
      )
    if (task.skills !== undefined) {
      for (const [skill, count] of Object.entries(task.skills))
        wrong(row.team!.filter((one) => one.skill === skill).length !== count, `${row.task} lacks ${skill}`)
      for (const { worker, skill } of row.team!)
        wrong(
          !ir.resources!.workers!.find(({ id }) => id === worker)!.can!.includes(skill),
          `${worker} cannot ${skill}`
        )
    }
    const running = made.schedule.filter((one) => one.startMs <= row.startMs && row.startMs < one.endMs)
    const used = running.reduce((sum, one) => sum + (tasks.get(one.task)!.resources!.custom!["R"] ?? 0), 0)
    wrong(used > 2, `${used} of R at ${row.startMs}`)
    const busy = running.flatMap(({ worker, team }) => team?.map((one) => one.worker) ?? [worker])
    wrong(
      ir.resources!.workers !== undefined && new Set(busy).size !== busy.length,
      `somebody does two things at ${row.startMs}`
    )
  }
  wrong(made.schedule.length !== ir.tasks.length, "tasks are missing")
  return found
}

/** The workflow with only those constraints of it that are listed. */
const onlyWith = (ir: WorkflowIR, kept: ConstraintsConflict["conflict"]): WorkflowIR => ({
  ...ir,
  tasks: ir.tasks.map((task) => {
    const { releaseMs, deadlineMs, dueMs, agents, skills, sameAgentAs, differentAgentFrom, excludes, ...plain } = task
    const own = kept.filter((one) => one.task === task.id)
    const has = (name: string) => own.some(({ constraint }) => constraint === name)
    const others = (name: string) => own.filter(({ constraint }) => constraint === name).map(({ other }) => other!)
    return {
      ...plain,
      ...(has("releaseMs") ? { releaseMs: releaseMs! } : {}),
      ...(has("deadlineMs") ? { deadlineMs: deadlineMs! } : {}),
      ...(has("skills") ? { skills: skills! } : {}),
      // whoever is not named may do it in its own time, and those that are in theirs: all of them are listed where it is left out
      ...(agents === undefined
        ? {}
        : has("agents")
          ? { agents }
          : {
              agents: [
                ...agents,
                ...workerIds.filter((id) => !agents.some((one) => typeof one !== "string" && one.agent === id))
              ]
            }),
      sameAgentAs: others("sameAgentAs"),
      differentAgentFrom: others("differentAgentFrom"),
      excludes: others("excludes")
    } as TaskIR
  })
})

/** Tries every start and every worker on a grid of whole milliseconds: whether anything keeps all there is to keep. Small only. */
const canBe = (ir: WorkflowIR, horizon: number): boolean => {
  const tasks = ir.tasks
  const rows: Array<{ task: string; startMs: number; endMs: number; worker: string }> = []
  const fits = () => {
    const row = rows.at(-1)!
    const task = tasks[rows.length - 1]!
    if (row.endMs > (task.deadlineMs ?? horizon) || row.startMs < (task.releaseMs ?? 0)) return false
    return rows.slice(0, -1).every((other, i) => {
      const isBeside = row.startMs < other.endMs && other.startMs < row.endMs
      const against = tasks[i]!
      const names = (field: "sameAgentAs" | "differentAgentFrom" | "excludes") =>
        task[field]?.includes(against.id) || against[field]?.includes(task.id)
      if (task.after?.includes(against.id) && row.startMs < other.endMs) return false
      if (isBeside && (row.worker === other.worker || names("excludes"))) return false
      if (names("sameAgentAs") && row.worker !== other.worker) return false
      return !(names("differentAgentFrom") && row.worker === other.worker)
    })
  }
  const enough = () =>
    rows.every(({ startMs }) => {
      const running = rows.filter((one) => one.startMs <= startMs && startMs < one.endMs)
      return running.reduce((sum, one) => sum + (tasks[rows.indexOf(one)]!.resources!.custom!.R ?? 0), 0) <= 2
    })
  const place = (): boolean => {
    if (rows.length === tasks.length) return true
    const task = tasks[rows.length]!
    const named = task.agents?.map((one) =>
      typeof one === "string" ? { agent: one, estimateMs: task.estimateMs! } : one
    )
    for (const { agent, estimateMs } of named ?? workerIds.map((id) => ({ agent: id, estimateMs: task.estimateMs! })))
      for (let startMs = 0; startMs + estimateMs <= horizon; startMs++) {
        rows.push({ task: task.id, startMs, endMs: startMs + estimateMs, worker: agent })
        if (fits() && enough() && place()) return true
        rows.pop()
      }
    return false
  }
  return place()
}

describe("constraints of tasks", () => {
  test.prop([workflow(12, 40), fc.constantFrom(0, 60), fc.integer({ min: 0, max: 100 })], { numRuns: 250 })(
    "B13 C05 a plan keeps all of them, or says which cannot hold together; with each one of those left out, the others can",
    (ir, effort, seed) => {
      const made = plan(ir, { effort, seed })
      if (made.problems.length === 0) {
        expect(broken(ir, made)).toEqual([])
        expect(made.conflict).toBeUndefined()
        expect(made.makespanMs).toBeGreaterThanOrEqual(made.lowerBoundMs)
        return
      }
      expect(made.schedule).toEqual([])
      if (made.conflict === undefined) {
        // nobody has the skill at all, or a task that names others twice
        expect(made.problems[0]!.code).not.toBe("CONSTRAINTS_CONFLICT")
        return
      }
      const { conflict, isProven } = made.conflict
      expect(made.conflict).toBeInstanceOf(ConstraintsConflict)
      expect(conflict.length).toBeGreaterThan(0)
      if (!isProven) return
      expect(plan(onlyWith(ir, conflict)).conflict?.isProven).toBe(true)
      for (const one of conflict) {
        const rest = onlyWith(
          ir,
          conflict.filter((other) => other !== one)
        )
        expect(plan(rest).conflict?.isProven ?? false, `${one.task} ${one.constraint}`).toBe(false)
      }
    }
  )

  test.prop([workflow(4, 9)], { numRuns: 250 })(
    "B13 of a few tasks: there is a plan exactly where trying everything finds one",
    (ir) => {
      fc.pre(ir.tasks.every(({ skills }) => skills === undefined))
      const made = plan(ir)
      const horizon = 28
      expect(made.conflict === undefined, made.problems[0]?.message).toBe(canBe(ir, horizon))
      if (made.conflict !== undefined) expect(made.conflict.isProven).toBe(true)
      else expect(broken(ir, made)).toEqual([])
    }
  )

  test.prop([workflow(10, 40), fc.integer({ min: 0, max: 100 })], { numRuns: 60 })(
    "C07 effort never makes a plan worse, and the same seed finds the same one",
    (ir, seed) => {
      const cost = (made: ExecutionPlan) => made.latenessMs ?? made.makespanMs
      const quick = plan(ir)
      const spent = plan(ir, { effort: 100, seed })
      expect(plan(structuredClone(ir), { effort: 100, seed })).toEqual(spent)
      if (quick.problems.length > 0) return
      expect(spent.problems).toEqual([])
      expect(cost(spent)).toBeLessThanOrEqual(cost(quick))
      expect(spent.lowerBoundMs).toBeLessThanOrEqual(spent.makespanMs)
    }
  )

  test.prop([graph(25), fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 25, maxLength: 25 })], { numRuns: 200 })(
    "C04 B14 a plan without a policy is never longer than first come, first served, and never shorter than its bound",
    (deps, lengths) => {
      const ir: WorkflowIR = {
        ir: 1,
        name: "w",
        resources: { cpu: 4, custom: { R: 3 } },
        tasks: deps.map((list, i) => ({
          id: idOf(i),
          kind: "noop",
          after: list.map(idOf),
          estimateMs: lengths[i]!,
          resources: { cpu: 1 + (lengths[i]! % 3), custom: { R: lengths[(i + 1) % 25]! % 4 } }
        }))
      }
      const best = plan(ir).makespanMs
      expect(best).toBeLessThanOrEqual(plan(ir, { policy: "fifo" }).makespanMs)
      expect(best).toBeGreaterThanOrEqual(plan(ir).lowerBoundMs)
      expect(plan(ir, { effort: 50 }).makespanMs).toBeLessThanOrEqual(best)
    }
  )

  test.prop([workflow(4, 9)], { numRuns: 150 })("no plan can be shorter than its bound says", (ir) => {
    const free: WorkflowIR = {
      ...ir,
      tasks: ir.tasks.map(({ deadlineMs: _, dueMs: __, skills: ___, ...task }) => task as TaskIR)
    }
    const made = plan(free)
    fc.pre(made.conflict === undefined)
    expect(canBe(free, made.lowerBoundMs - 1)).toBe(false)
    expect(made.lowerBoundMs).toBeGreaterThan(0)
  })

  test.prop(
    [
      graph(14),
      fc.array(
        fc.uniqueArray(
          fc.record({ agent: fc.constantFrom(...workerIds), estimateMs: fc.integer({ min: 0, max: 9 }) }),
          { minLength: 1, selector: ({ agent }) => agent }
        ),
        { minLength: 14, maxLength: 14 }
      ),
      fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 14, maxLength: 14 }),
      fc.nat(100)
    ],
    { numRuns: 150 }
  )(
    "tasks that choose among workers with times of their own, moved about with effort, stay in order and apart",
    (deps, agents, releases, seed) => {
      const ir: WorkflowIR = {
        ir: 1,
        name: "w",
        resources: { workers: workerIds.map((id) => ({ id })) },
        tasks: deps.map((list, i) => ({
          id: idOf(i),
          kind: "noop",
          after: list.map(idOf),
          agents: agents[i]!,
          releaseMs: releases[i]!,
          resources: { custom: {} }
        }))
      }
      const quick = plan(ir)
      const made = plan(ir, { effort: 80, seed })
      expect(made.problems).toEqual([])
      expect(broken(ir, made)).toEqual([])
      expect(made.makespanMs).toBe(Math.max(...made.schedule.map(({ endMs }) => endMs)))
      expect(made.makespanMs).toBeLessThanOrEqual(quick.makespanMs)
    }
  )

  test.prop(
    [
      fc.array(
        fc.record({
          estimateMs: fc.integer({ min: 1, max: 9 }),
          dueMs: fc.integer({ min: 0, max: 30 }),
          weight: fc.integer({ min: 0, max: 5 })
        }),
        { minLength: 1, maxLength: 6 }
      )
    ],
    { numRuns: 150 }
  )("one after the other, with effort: the order with the least weighted lateness of all orders", (given) => {
    const ir: WorkflowIR = {
      ir: 1,
      name: "w",
      resources: { custom: { line: 1 } },
      tasks: given.map((one, i) => ({ id: idOf(i), kind: "noop", resources: { custom: { line: 1 } }, ...one }))
    }
    const made = plan(ir, { effort: 300 })
    expect(broken(ir, made)).toEqual([])
    expect(made.latenessMs).toBe(
      made.schedule.reduce((sum, { endMs }, i) => sum + given[i]!.weight * Math.max(0, endMs - given[i]!.dueMs), 0)
    )
    const least = (left: ReadonlyArray<number>, now: number): number =>
      left.length === 0
        ? 0
        : Math.min(
            ...left.map((i) => {
              const end = now + given[i]!.estimateMs
              const rest = left.filter((other) => other !== i)
              return given[i]!.weight * Math.max(0, end - given[i]!.dueMs) + least(rest, end)
            })
          )
    expect(made.latenessMs).toBe(
      least(
        given.map((_, i) => i),
        0
      )
    )
  })
})
