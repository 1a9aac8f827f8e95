// Who is started next: against a model that looks through all that waits, and against the bounds that the docs name.
import { fc, test } from "@fast-check/vitest"
import { plan } from "troupe"
import { describe, expect } from "vitest"
import { type Dispatchable, Dispatcher, dispatchOrders } from "../src/model/dispatch.ts"
import { graph, idOf } from "./arbitraries.ts"

const needs = fc.subarray(["x", "y"])
const task = fc.record({
  lane: fc.constantFrom("a", "b", "c"),
  priority: fc.integer({ min: 0, max: 100 }),
  deadlineMs: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
  pathMs: fc.integer({ min: 0, max: 5 }),
  estimateMs: fc.integer({ min: 0, max: 9 }),
  needs
})
const step = fc.oneof(
  { weight: 4, arbitrary: task.map((given) => ({ verb: "schedule" as const, given })) },
  { weight: 4, arbitrary: needs.map((can) => ({ verb: "next" as const, can })) },
  { weight: 2, arbitrary: fc.nat(20).map((which) => ({ verb: "complete" as const, which })) },
  { weight: 1, arbitrary: fc.nat(20).map((which) => ({ verb: "fail" as const, which })) },
  { weight: 1, arbitrary: fc.nat(20).map((which) => ({ verb: "withdraw" as const, which })) }
)
type Given = Omit<Dispatchable, "id" | "deadlineMs"> & { readonly deadlineMs: number | undefined }
const plain = ({ deadlineMs, ...rest }: Given, id: string): Dispatchable => ({
  id,
  ...rest,
  ...(deadlineMs === undefined ? {} : { deadlineMs })
})

describe("the queue of the dispatcher", () => {
  test.prop([fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 20 })], { numRuns: 500 })(
    "C10 C11 whoever can do a task that waits gets one, the most urgent of a lane that has had least, and everything is counted",
    (steps, agingMs) => {
      const queue = new Dispatcher({ agingMs, halfLifeMs: Number.POSITIVE_INFINITY })
      const waiting: Array<Dispatchable & { readonly at: number; readonly number: number }> = []
      const running: Array<{ readonly task: Dispatchable; readonly at: number }> = []
      const used = new Map<string, number>()
      let level = 0
      let count = 0
      const use = (lane: string) => used.get(lane) ?? 0
      const add = (given: Dispatchable, at: number) => {
        const lane = given.lane!
        const isAway = ![...waiting, ...running.map((one) => one.task)].some((one) => one.lane === lane)
        if (isAway) used.set(lane, Math.max(use(lane), level))
        waiting.push({ ...given, at, number: count++ })
        expect(queue.schedule(given, at)).toBe(true)
      }
      const urgency = ({ at, priority, deadlineMs, pathMs, number }: (typeof waiting)[number]) => [
        Math.floor(at / agingMs) - priority!,
        deadlineMs ?? Number.POSITIVE_INFINITY,
        -pathMs!,
        number
      ]
      const end = (which: number, now: number) => {
        const [over] = running.splice(which % running.length, 1)
        const lane = over!.task.lane!
        used.set(lane, Math.max(0, use(lane) + (now - over!.at) - over!.task.estimateMs!))
        return over!.task
      }
      steps.forEach((one, now) => {
        switch (one.verb) {
          case "schedule":
            add(plain(one.given, `t${now}`), now)
            break
          case "next": {
            const able = waiting.filter((task) => task.needs!.every((need) => one.can.includes(need)))
            const got = queue.next(one.can, now)
            expect(got === undefined).toBe(able.length === 0)
            if (got === undefined) break
            const least = Math.min(...able.map(({ lane }) => use(lane!)))
            expect(use(got.lane!)).toBeCloseTo(least, 6)
            const first = able
              .filter(({ lane }) => lane === got.lane)
              .map((task) => ({ task, keys: urgency(task) }))
              .sort((a, b) => {
                const at = a.keys.findIndex((key, i) => key !== b.keys[i])
                return a.keys[at]! - b.keys[at]!
              })[0]!.task
            expect(got.id).toBe(first.id)
            waiting.splice(waiting.indexOf(first), 1)
            level = use(got.lane!)
            used.set(got.lane!, use(got.lane!) + got.estimateMs!)
            running.push({ task: got, at: now })
            break
          }
          case "complete":
            if (running.length > 0) expect(queue.complete(end(one.which, now).id, now)).toBe(true)
            else expect(queue.complete("nobody", now)).toBe(false)
            break
          case "fail":
            if (running.length > 0) {
              const task = end(one.which, now)
              const isAway = ![...waiting, ...running.map((other) => other.task)].some(({ lane }) => lane === task.lane)
              if (isAway) used.set(task.lane!, Math.max(use(task.lane!), level))
              waiting.push({ ...task, at: now, number: count++ })
              expect(queue.fail(task.id, now, true)).toBe(true)
            }
            break
          case "withdraw":
            if (waiting.length > 0) {
              const [gone] = waiting.splice(one.which % waiting.length, 1)
              expect(queue.withdraw(gone!.id)).toBe(true)
              expect(queue.withdraw(gone!.id)).toBe(false)
            }
        }
        expect([queue.ready, queue.running]).toEqual([waiting.length, running.length])
        const { lanes, ready } = queue.analyse(now)
        expect(lanes.reduce((sum, lane) => sum + lane.ready, 0)).toBe(ready)
        for (const { lane, used: counted } of lanes) expect(counted).toBeCloseTo(use(lane), 4)
      })
    }
  )

  test.prop(
    [
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 5 }),
      fc.array(fc.integer({ min: 5, max: 50 }), { minLength: 10, maxLength: 10 }),
      fc.option(fc.integer({ min: 10_000, max: 1_000_000 }), { nil: Number.POSITIVE_INFINITY })
    ],
    { numRuns: 40 }
  )(
    "C03 lanes that always have work get what their weights say, within 5 %, though their tasks take longer than was thought",
    (weights, lengths, halfLifeMs) => {
      const lanes = weights.map((weight, i) => [`lane${i}`, weight] as const)
      const queue = new Dispatcher({ weights: Object.fromEntries(lanes), halfLifeMs })
      const had = new Map<string, number>()
      let number = 0
      const refill = (lane: string, now: number) => queue.schedule({ id: `${number++}`, lane, estimateMs: 10 }, now)
      for (const [lane] of lanes) for (let i = 0; i < 3; i++) refill(lane, 0)
      let now = 0
      // long enough that one task more or less is no part of it
      while (now < 40_000) {
        const { id, lane } = queue.next([], now)!
        // each lane has a length of its own
        const length = lengths[(Number(lane!.slice(4)) * 3) % 10]!
        now += length
        queue.complete(id, now)
        had.set(lane!, (had.get(lane!) ?? 0) + length)
        refill(lane!, now)
      }
      const all = weights.reduce((sum, weight) => sum + weight, 0)
      for (const [lane, weight] of lanes) {
        const share = had.get(lane)! / now
        expect(Math.abs(share / (weight / all) - 1), lane).toBeLessThan(0.05)
      }
    }
  )

  test.prop([fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 50 }), fc.boolean()], { numRuns: 100 })(
    "C02 a task of priority p is overtaken by nobody who comes (101 - p) agings later, however much of priority 100 keeps coming",
    (priority, agingMs, isDense) => {
      const queue = new Dispatcher({ agingMs })
      queue.schedule({ id: "patient", priority }, 0)
      const step = isDense ? 1 : Math.max(1, Math.floor(agingMs / 2))
      let startedAt: number | undefined
      const most = (101 - priority) * agingMs
      for (let now = 0; startedAt === undefined; now += step) {
        // one comes and one is started, so the flood never lets up
        queue.schedule({ id: `flood${now}`, priority: 100 }, now)
        const next = queue.next([], now)!
        if (next.id === "patient") startedAt = now
        else queue.complete(next.id, now)
        expect(now).toBeLessThanOrEqual(most + step)
      }
      expect(startedAt).toBeLessThanOrEqual(most + step)
    }
  )

  test.prop(
    [
      fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 15 })), {
        minLength: 1,
        maxLength: 30
      }),
      fc.infiniteStream(fc.integer({ min: 0, max: 1_000_000 }))
    ],
    { numRuns: 300 }
  )("C05 earliest deadline first keeps every set of deadlines that one worker can keep", (given, order) => {
    // deadlines that can be kept: in some order, each task has as long as all before it, and a little more
    let end = 0
    const tasks = given.map(([length, spare], i) => {
      end += length
      return { id: `t${i}`, estimateMs: length, deadlineMs: end + spare, priority: 50 }
    })
    const queue = new Dispatcher({ order: ["deadline"] })
    const shuffled = tasks.map((one) => ({ one, at: order.next().value! })).sort((a, b) => a.at - b.at)
    for (const { one } of shuffled) queue.schedule(one, 0)
    let now = 0
    for (let next = queue.next([], now); next !== undefined; next = queue.next([], now)) {
      now += next.estimateMs!
      queue.complete(next.id, now)
      expect(now).toBeLessThanOrEqual(next.deadlineMs!)
    }
    expect(now).toBe(end)
  })

  test.prop([fc.array(task, { maxLength: 60 }), fc.shuffledSubarray([...dispatchOrders])], { numRuns: 100 })(
    "the same calls have the same answers, and nothing is forgotten",
    (tasks, order) => {
      const run = () => {
        const queue = new Dispatcher({ order })
        tasks.forEach((one, i) => queue.schedule(plain(one, `t${i}`), i))
        const started: Array<string> = []
        for (let next = queue.next(["x", "y"], 99); next !== undefined; next = queue.next(["x", "y"], 99)) {
          started.push(next.id)
          queue.complete(next.id, 100)
        }
        return started
      }
      const started = run()
      expect(run()).toEqual(started)
      expect([...started].sort()).toEqual(tasks.map((_, i) => `t${i}`).sort())
    }
  )

  test.prop(
    [
      graph(25),
      fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 25, maxLength: 25 }),
      fc.integer({ min: 1, max: 5 })
    ],
    { numRuns: 200 }
  )(
    "C04 B14 where tasks take as long as was thought, dispatch by critical path does what the plan says",
    (deps, lengths, workers) => {
      const made = plan(
        {
          ir: 1,
          name: "w",
          tasks: deps.map((list, i) => ({ id: idOf(i), kind: "noop", after: list.map(idOf), estimateMs: lengths[i]! }))
        },
        {
          policy: "critical-path",
          resources: { workers: Array.from({ length: workers }, (_, i) => ({ id: `w${i}` })) }
        }
      )
      const behind = lengths.slice(0, deps.length)
      for (let i = deps.length - 1; i >= 0; i--) {
        const next = deps.flatMap((list, j) => (list.includes(i) ? [behind[j]!] : []))
        behind[i] = lengths[i]! + Math.max(0, ...next)
      }
      fc.pre(new Set(behind).size === behind.length)
      const queue = new Dispatcher({ order: ["critical-path"] })
      const missing = deps.map((list) => list.length)
      const running: Array<{ readonly id: string; readonly end: number }> = []
      const starts = new Map<string, number>()
      let now = 0
      const arrive = (i: number) =>
        missing[i] === 0 && queue.schedule({ id: idOf(i), pathMs: behind[i]!, estimateMs: lengths[i]! }, now)
      for (const i of deps.keys()) arrive(i)
      for (;;) {
        while (running.length < workers) {
          const next = queue.next([], now)
          if (next === undefined) break
          starts.set(next.id, now)
          running.push({ id: next.id, end: now + next.estimateMs! })
        }
        if (running.length === 0) break
        now = Math.min(...running.map(({ end }) => end))
        for (const over of running.filter(({ end }) => end === now)) {
          running.splice(running.indexOf(over), 1)
          queue.complete(over.id, now)
          deps.forEach((list, i) => {
            if (!list.some((dep) => idOf(dep) === over.id)) return
            missing[i]!--
            arrive(i)
          })
        }
      }
      for (const { task, startMs } of made.schedule) expect(starts.get(task)).toBeCloseTo(startMs, 6)
    }
  )
})
