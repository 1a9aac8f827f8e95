// Bulkheads and rates under whatever is asked of them: never more than allowed, nobody starves, nothing is lost, all places come back.
import { fc, test } from "@fast-check/vitest"
import { type Run, task, type, workflow } from "troupe"
import { type Fault, replay } from "troupe/chaos"
import { memoryJournal } from "troupe/storage"
import { describe, expect } from "vitest"
import { bulkheadRule } from "../src/model/bulkhead.ts"
import { Places, type Seat } from "../src/model/places.ts"
import { meterOf, type RatePolicy, rateRule } from "../src/model/rate.ts"
import { Turnstile } from "../src/model/turnstile.ts"
import { type Owner, StandingClock, settle } from "../test/clock.ts"
import { seed } from "./seed.ts"

const lanes = ["x", "y", "z"] as const
const who = fc.record({ lane: fc.constantFrom(...lanes), priority: fc.constantFrom(10, 50, 90) })
type Who = typeof who extends fc.Arbitrary<infer W> ? W : never

/** Somebody who may be held back. */
class Somebody {
  readonly lane: string
  readonly priority: number
  isHeld = false
  constructor({ lane, priority }: Who) {
    this.lane = lane
    this.priority = priority
  }
}

const asks = fc.oneof(
  { weight: 5, arbitrary: fc.record({ does: fc.constant("come"), who }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("leave"), nth: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("leave twice"), nth: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("hold"), nth: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("resume") }) }
) as fc.Arbitrary<{ readonly does: string; readonly who?: Who; readonly nth?: number }>

describe(`bulkheads (seed ${seed})`, () => {
  test.prop(
    [
      fc.record({ concurrent: fc.integer({ min: 1, max: 4 }), queue: fc.nat(12) }),
      fc.option(fc.tuple(fc.nat(3), fc.nat(12)), { nil: undefined }),
      fc.array(asks, { maxLength: 150 })
    ],
    { numRuns: 2_000, seed }
  )(
    "J06 G34 never hold more than allowed, count what is there, and let in whoever can be let in",
    (given, per, steps) => {
      const perKey =
        per === undefined
          ? {}
          : { perKey: { concurrent: Math.min(1 + per[0], given.concurrent), queue: Math.min(per[1], given.queue) } }
      const rule = bulkheadRule({ ...given, ...perKey })
      const places = new Places("bank", rule)
      const seats: Array<{ readonly seat: Seat; readonly somebody: Somebody }> = []
      let refused = 0
      const look = () => {
        const inside = seats.filter(({ seat }) => seat.state === "inside")
        const waiting = seats.filter(({ seat }) => seat.state === "waiting")
        expect(places.metrics).toMatchObject({ running: inside.length, queued: waiting.length, refused })
        expect(inside.length).toBeLessThanOrEqual(rule.concurrent)
        expect(waiting.length).toBeLessThanOrEqual(rule.queue)
        for (const lane of lanes) {
          const running = inside.filter(({ seat }) => seat.lane === lane).length
          expect(running).toBeLessThanOrEqual(rule.perKey.concurrent)
          const couldEnter = inside.length < rule.concurrent && running < rule.perKey.concurrent
          // who was held back asks again when it is told that it may
          if (couldEnter)
            expect(
              waiting.filter(({ seat, somebody }) => seat.lane === lane && !somebody.isHeld && !wasHeld.has(somebody))
            ).toEqual([])
        }
      }
      const wasHeld = new Set<Somebody>()
      for (const { does, who, nth = 0 } of steps) {
        const open = seats.filter(({ seat }) => seat.state !== "gone")
        const one = open[nth % Math.max(1, open.length)]
        if (does === "come") {
          const somebody = new Somebody(who!)
          try {
            seats.push({ seat: places.take(somebody, () => {}), somebody })
          } catch (error) {
            expect(error).toMatchObject({ code: "BULKHEAD_FULL" })
            refused++
          }
        } else if (does === "hold" && one !== undefined) {
          one.somebody.isHeld = true
          wasHeld.add(one.somebody)
        } else if (does === "resume") {
          for (const { somebody } of seats) somebody.isHeld = false
          wasHeld.clear()
          places.resume()
        } else if (one !== undefined && does.startsWith("leave")) {
          one.seat.leave()
          if (does === "leave twice") one.seat.leave()
        }
        look()
      }
      for (const { somebody } of seats) somebody.isHeld = false
      wasHeld.clear()
      places.resume()
      for (const { seat } of seats) seat.leave()
      expect(places.metrics).toMatchObject({ running: 0, queued: 0 })
    }
  )

  test.prop([fc.integer({ min: 1, max: 4 }), fc.array(fc.oneof(who, fc.nat(20)), { maxLength: 200 })], {
    numRuns: 1_000,
    seed
  })(
    "J06 G34 starve nobody: the first of a key lets at most one of each other key go before it",
    (concurrent, steps) => {
      const places = new Places("bank", bulkheadRule({ concurrent }))
      /** Who waits, by key, in the order in which they must come; and whom the first has let go before. */
      const lines = new Map<string, Array<Somebody>>(lanes.map((lane) => [lane, []]))
      const passedBy = new Map<Somebody, Array<string>>()
      const inside: Array<Seat> = []
      const enters = (somebody: Somebody) => {
        const line = lines.get(somebody.lane)!
        if (line.includes(somebody)) {
          expect(line.findIndex(({ priority }) => priority > somebody.priority)).toBe(-1)
          expect(line.filter(({ priority }) => priority === somebody.priority)[0]).toBe(somebody)
          line.splice(line.indexOf(somebody), 1)
        }
        for (const [lane, [first]] of lines) {
          if (lane === somebody.lane || first === undefined) continue
          // whoever is the first of its key by now was not always
          for (const other of lines.get(lane)!) passedBy.set(other, [...(passedBy.get(other) ?? []), somebody.lane])
        }
        for (const other of lines.get(somebody.lane)!) passedBy.set(other, [])
        for (const [lane, line] of lines) {
          if (line.length === 0) continue
          const counted = passedBy.get([...line].sort((a, b) => b.priority - a.priority)[0]!) ?? []
          for (const other of lanes)
            if (other !== lane) expect(counted.filter((one) => one === other).length).toBeLessThanOrEqual(1)
        }
      }
      for (const step of steps) {
        if (typeof step === "number") {
          inside.splice(step % Math.max(1, inside.length), 1)[0]?.leave()
          continue
        }
        const somebody = new Somebody(step)
        const seat: Seat = places.take(somebody, () => {
          inside.push(seat)
          enters(somebody)
        })
        if (seat.isGranted) inside.push(seat)
        else {
          lines.get(somebody.lane)!.push(somebody)
          passedBy.set(somebody, [])
        }
      }
      while (inside.length > 0) inside.shift()!.leave()
      expect([...lines.values()].flat()).toEqual([])
    }
  )
})

const rates: fc.Arbitrary<RatePolicy> = fc.oneof(
  fc.record({ perSecond: fc.double({ min: 0.1, max: 500, noNaN: true }), burst: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ limit: fc.integer({ min: 1, max: 20 }), windowMs: fc.integer({ min: 1, max: 5_000 }) })
)

describe(`rates (seed ${seed})`, () => {
  test.prop(
    [
      rates,
      fc.boolean(),
      fc.nat(10_000),
      fc.array(fc.oneof(who, fc.record({ leaves: fc.nat(50) }), fc.record({ ms: fc.nat(700) })), { maxLength: 200 })
    ],
    { numRuns: 2_000, seed }
  )(
    "J06 G34 let through no more than allowed in any time of the trace, and everybody in the end",
    (policy, isEmpty, origin, steps) => {
      const rule = rateRule(policy)
      let now = 20_000
      const turnstile = new Turnstile("bank", rule, meterOf(rule, { at: now, origin, isEmpty }))
      const begun: Array<number> = []
      const waiting: Array<{ readonly leave: () => void }> = []
      const pass = () => begun.push(now)
      /** Time goes by, with a look whenever somebody may pass. */
      const move = (ms: number) => {
        const until = now + ms
        for (
          let next = turnstile.nextMs(now);
          next !== undefined && now + next <= until;
          next = turnstile.nextMs(now)
        ) {
          now += next
          turnstile.grant(now)
        }
        now = Math.max(now, until)
      }
      for (const step of steps) {
        if ("ms" in step) move(step.ms)
        else if ("leaves" in step) waiting.splice(step.leaves % Math.max(1, waiting.length), 1)[0]?.leave()
        else {
          const turn = turnstile.take(new Somebody(step), now, pass)
          if (turn.isGranted) pass()
          else waiting.push(turn)
        }
      }
      const since = now
      const { queued } = turnstile.metrics
      const left = turnstile.metrics.passed
      const longest =
        "limit" in rule.of
          ? (Math.ceil(queued / rule.of.limit) + 1) * rule.of.windowMs
          : (queued + 1) * rule.of.intervalMs
      move(longest + 1)
      expect(now - since).toBeLessThanOrEqual(longest + 2)
      expect(turnstile.metrics).toMatchObject({ queued: 0, passed: left + queued, refused: 0 })
      expect(begun.length).toBe(turnstile.metrics.passed)
      if ("limit" in rule.of) {
        const { limit, windowMs } = rule.of
        const counts = new Map<number, number>()
        for (const at of begun) {
          const window = Math.floor((at - origin) / windowMs)
          counts.set(window, (counts.get(window) ?? 0) + 1)
        }
        expect(Math.max(0, ...counts.values())).toBeLessThanOrEqual(limit)
        if (isEmpty) expect(counts.get(Math.floor((20_000 - origin) / windowMs)) ?? 0).toBe(0)
        return
      }
      const { burst, intervalMs } = rule.of
      for (let from = 0; from < begun.length; from++)
        for (let to = from; to < begun.length; to++)
          expect(to - from + 1).toBeLessThanOrEqual(burst + (begun[to]! - begun[from]! + 0.002) / intervalMs)
      if (isEmpty)
        for (const [nth, at] of begun.entries()) expect(nth + 1).toBeLessThanOrEqual((at - 20_000 + 0.002) / intervalMs)
    }
  )
})

const happens = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("submit"), tenant: fc.constantFrom(...lanes) }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constantFrom("end", "fail"), nth: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("wait"), nth: fc.nat(3_000) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom("cancel", "force", "pause", "resume"), nth: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("kill") }) }
) as fc.Arbitrary<{ readonly does: string; readonly nth?: number; readonly tenant?: string }>

describe(`an orchestrator with limits (seed ${seed})`, () => {
  test.prop(
    [
      fc.record({ concurrent: fc.integer({ min: 1, max: 3 }), queue: fc.integer({ min: 1, max: 6 }) }),
      fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      fc.array(happens, { maxLength: 40 })
    ],
    { numRuns: 100, seed }
  )(
    "J06 G12 G13 G34 whatever is asked for, ends or dies: never more than allowed, and all places come back",
    async (bank, perSecond, steps) => {
      const clock = new StandingClock()
      const store = memoryJournal({ isDurable: true })
      let life = 0
      /** Bodies that are at work, whoever waits for them. */
      let out: Array<{ readonly life: number; readonly run: string; readonly end: (isFine: boolean) => void }> = []
      const begun: Array<number> = []
      const stopped = new Set<string>()
      const held = new Set<string>()
      const work = task("work", {
        in: type<string>(),
        out: type<string>(),
        timeout: "2s",
        retry: { attempts: 2, base: "500ms", jitter: 0 },
        run: (tenant, { run }) =>
          new Promise<string>((resolve, reject) => {
            expect(stopped.has(run), `${run} begins after its end was asked for`).toBe(false)
            expect(held.has(run), `${run} begins while it is paused`).toBe(false)
            const one = {
              life,
              run,
              end: (isFine: boolean) => {
                out = out.filter((other) => other !== one)
                if (isFine) resolve(tenant)
                else reject(new RangeError("no"))
              }
            }
            out.push(one)
            begun.push(clock.now)
            // in one life: what a process that died has left behind is not its
            expect(out.filter((other) => other.life === life).length).toBeLessThanOrEqual(bank.concurrent)
          })
      })
      const flow = workflow("flow", type<string>())
        .task("t", work, ($) => $.input, {
          bulkhead: "bank",
          bulkheadKey: ($) => $.input,
          ...(perSecond === undefined ? {} : { rate: "often" })
        })
        .returns(($) => $.t)
      const options = {
        store,
        workflows: [flow],
        graceMs: 100,
        bulkheads: { bank },
        rates: perSecond === undefined ? {} : { often: { perSecond, burst: 2 } }
      }
      let owner: Owner = await clock.open(options)
      const ids: Array<string> = []
      const runOf = (nth: number): Promise<Run> | undefined =>
        ids.length === 0 ? undefined : owner.orchestrator.get(ids[nth % ids.length]!)
      for (const { does, nth = 0, tenant = "" } of steps) {
        const run = await runOf(nth)
        if (does === "submit") {
          const id = `r${ids.length}`
          ids.push(id)
          await owner.orchestrator.submit(flow, tenant, { id })
        } else if (does === "wait") await clock.advance(nth)
        else if (does === "end" || does === "fail") out[nth % Math.max(1, out.length)]?.end(does === "end")
        else if (does === "kill") {
          await owner.kill()
          life++
          owner = await clock.open(options)
        } else if (run !== undefined && (does === "cancel" || does === "force")) {
          await run.cancel({ force: does === "force" })
          stopped.add(run.id)
        } else if (run !== undefined && does === "pause") {
          if (await run.pause()) held.add(run.id)
        } else if (run !== undefined && does === "resume") {
          held.delete(run.id)
          await run.resume()
        }
        await settle(2)
        const { running, queued } = owner.orchestrator.bulkheads()[0]!
        expect(running).toBeLessThanOrEqual(bank.concurrent)
        expect(queued).toBeLessThanOrEqual(bank.queue)
      }
      held.clear()
      for (const id of ids) await (await owner.orchestrator.get(id)).resume()
      // everybody goes on, and every body comes to its end
      for (let round = 0; round < 60 && (out.length > 0 || owner.orchestrator.live > 0); round++) {
        for (const one of [...out]) one.end(true)
        await clock.advance(1_000)
      }
      expect(owner.orchestrator.live).toBe(0)
      expect(owner.orchestrator.bulkheads()[0]).toMatchObject({ running: 0, queued: 0 })
      for (const rate of owner.orchestrator.rates()) expect(rate.queued).toBe(0)
      // tokens are counted over all lives: a new one begins with none
      if (perSecond !== undefined)
        for (let from = 0; from < begun.length; from++)
          for (let to = from; to < begun.length; to++)
            expect(to - from + 1).toBeLessThanOrEqual(2 + ((begun[to]! - begun[from]! + 1) * perSecond) / 1_000)
      await owner.orchestrator.close()
    }
  )
})

describe(`agents (seed ${seed})`, () => {
  const ask = (policy: object) =>
    workflow("ask", type<number>())
      .task(
        "a",
        task("a", { in: type<number>(), out: type<number>(), needs: "read", timeout: "100ms", ...policy }),
        ($) => $.input
      )
      .returns(($) => $.a)
  const agents = ["anna", "bert", "carl"].map((id) => ({ id, can: ["read"], run: (n: number) => n + 1 }))
  const policy = fc.record({
    retry: fc.record({ attempts: fc.integer({ min: 2, max: 5 }), base: fc.constant(20), jitter: fc.constant(0) }),
    hedge: fc.option(fc.record({ after: fc.integer({ min: 1, max: 20 }), most: fc.integer({ min: 2, max: 3 }) }), {
      nil: undefined
    })
  })
  const faults: fc.Arbitrary<ReadonlyArray<Fault>> = fc.array(
    fc.oneof(
      fc.record({
        on: fc.constant("task"),
        task: fc.constant("a"),
        attempt: fc.integer({ min: 1, max: 3 }),
        how: fc.constantFrom("throw", "hang", "slow", "late", "exit")
      }),
      fc.record({
        on: fc.constant("agent"),
        agent: fc.constantFrom("anna", "bert", "carl"),
        how: fc.constantFrom("errors", "slow", "down"),
        from: fc.nat(2),
        to: fc.integer({ min: 2, max: 5 }),
        ms: fc.nat(50)
      }),
      fc.record({
        on: fc.constant("crash"),
        write: fc.nat(10),
        when: fc.constantFrom("before", "synced", "written"),
        downMs: fc.nat(50)
      })
    ) as fc.Arbitrary<Fault>,
    { maxLength: 4 }
  )
  // what is broken is told by the kit, which holds calls against messages
  test.prop([policy, faults, fc.nat(1_000), fc.constantFrom(1, 1_000)], { numRuns: 300, seed })(
    "G33 G34 the next agent, and the second one, are others, whoever fails or dies",
    async ({ retry, hedge }, planned, chance, snapshotEvery) => {
      const { violations } = await replay(
        ask({ retry, ...(hedge === undefined ? {} : { hedge }) }),
        { v: 1, seed: chance, faults: planned },
        { input: 1, agents, snapshotEvery, bulkheads: { "needs:read": { concurrent: 2 } } }
      )
      expect(violations).toEqual([])
    }
  )
})
