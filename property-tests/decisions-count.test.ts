import { fc, test } from "@fast-check/vitest"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { flowOf, outputOf, shapes } from "./shapes.ts"
import { type World, world } from "./world.ts"

/** Lets the run go on until it has ended, or until something in it has failed. */
const drive = async (there: World, id: string, untilFailure = false, preferred?: (path: string) => boolean) => {
  await there.settle()
  for (let i = 0; i < 400; i++) {
    const { endedAt, tasks } = await (await there.orchestrator.get(id)).status()
    if (endedAt !== undefined || (untilFailure && tasks.failed > 0)) return
    // pauses between attempts pass while others are still at work
    if (there.out > 0 && i % 2 === 0) await there.endOne(i * 7, preferred)
    else await there.tick(there.out > 0 && i < 30 ? 2_100 : 60_000)
  }
}

const history = async (there: World) => (await Effect.runPromise(there.journal.read("r"))).messages

const setting = fc.record({
  shape: shapes(9, 3),
  picks: fc.array(fc.nat(20), { maxLength: 8 }),
  bad: fc.nat(6),
  mode: fc.constantFrom("stop" as const, "continue" as const),
  concurrency: fc.integer({ min: 1, max: 6 }),
  listens: fc.boolean(),
  early: fc.boolean(),
  snapshotEvery: fc.constantFrom(1, 3, 1_000),
  crashes: fc.record({ before: fc.boolean(), after: fc.boolean(), later: fc.boolean() })
})

describe("decisions of people", () => {
  test.prop([setting], { numRuns: 250 })(
    "G15, G05 what failed is retried: the same result as if it had never failed, what was done is not done again, and the new try has a new key",
    async ({ shape, picks, bad, mode, concurrency, listens, early, crashes, snapshotEvery }) => {
      let isBroken = true
      const target = `t${bad % shape.length}`
      const isBad = (path: string) =>
        path === target || [`${target}[1]`, `${target}/`, `${target}@`].some((one) => path.startsWith(one))
      const there = await world(
        flowOf(shape, { config: { onFailure: mode, concurrency } }),
        (path) => (isBroken && isBad(path) ? 99 : 0),
        { listens, snapshotEvery }
      )
      await there.orchestrator.submit(there.flow, null, { id: "r" })
      await there.settle()
      for (const pick of picks.slice(0, 3)) if (there.out > 0) await there.endOne(pick)
      await drive(there, "r", early, isBad)
      const { status, tasks } = await (await there.orchestrator.get("r")).status()
      isBroken = false
      if (status === "failed" || tasks.failed > 0) {
        const before = await history(there)
        if (crashes.before) await there.crash()
        const run = await there.orchestrator.get("r")
        const { messages } = await run.status()
        await expect(run.retry(undefined, { seen: messages - 1 })).rejects.toMatchObject({ code: "STATE_CHANGED" })
        const begun = there.starts.length
        const done = new Set(before.flatMap((one) => (one.type === "attempt.succeeded" ? [one.task] : [])))
        const isOver = (await run.status()).endedAt !== undefined
        const retried = run.retry(undefined, { ...(isOver ? { seen: messages } : {}), who: "ann", why: "fixed" })
        await there.settle()
        // while it is stopping, what was told to stop has its grace period
        if (!isOver) await there.tick(5_000)
        await retried
        await there.settle()
        if (crashes.after) await there.crash()
        for (const pick of picks.slice(0, 3)) if (there.out > 0) await there.endOne(pick)
        if (crashes.later) await there.crash()
        await drive(there, "r")

        const again = there.starts.slice(begun)
        for (const { key } of again) expect(done).not.toContain(key.slice(2).replace(/@\d+$/, ""))
        const old = new Set(there.starts.slice(0, begun).map(({ key, attempt }) => `${key}:${attempt}`))
        for (const { key, attempt, delivery } of again)
          if (old.has(`${key}:${attempt}`)) expect(delivery).toBeGreaterThan(1)
        // the past stays as it was written
        expect((await history(there)).slice(0, before.length)).toEqual(before)
        expect(await history(there)).toContainEqual(expect.objectContaining({ type: "run.amended", who: "ann" }))
      }
      const end = await there.orchestrator.get("r")
      expect(await end.status()).toMatchObject({ status: "succeeded" })
      const outcome = await end.outcome()
      expect(outcome.output).toEqual(outputOf(shape))
      expect(there.defects).toEqual([])
      await there.close()
    }
  )

  test.prop([setting, fc.nat(100)], { numRuns: 250 })(
    "G17 a rollback to any message: what was written stays, the result is the same, everything after it has a new key",
    async ({ shape, picks, concurrency, crashes, snapshotEvery }, where) => {
      const there = await world(flowOf(shape, { config: { concurrency } }), () => 0, { snapshotEvery })
      await there.orchestrator.submit(there.flow, null, { id: "r" })
      await there.settle()
      for (const pick of picks) if (there.out > 0) await there.endOne(pick)
      if (where % 2 === 0) await drive(there, "r")
      if (crashes.before) await there.crash()
      const before = await history(there)
      const to = where % before.length
      const begun = there.starts.length
      const run = await there.orchestrator.get("r")
      await run.rollback(to)
      await there.settle()
      if (crashes.after) await there.crash()
      await drive(there, "r")

      expect(await (await there.orchestrator.get("r")).status()).toMatchObject({ status: "succeeded" })
      expect((await (await there.orchestrator.get("r")).outcome()).output).toEqual(outputOf(shape))
      expect((await history(there)).slice(0, before.length)).toEqual(before)
      for (const { key } of there.starts.slice(begun)) expect(key).toMatch(new RegExp(`@${before.length}$`))
      await expect(run.rollback(to + 1_000)).rejects.toMatchObject({ code: "AMENDMENT_REFUSED" })
      if (to + 1 < before.length)
        await expect(run.rollback(to + 1)).rejects.toMatchObject({ code: "AMENDMENT_REFUSED" })
      expect(there.defects).toEqual([])
      await there.close()
    }
  )
})
