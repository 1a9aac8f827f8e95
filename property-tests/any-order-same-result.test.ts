import { fc, test } from "@fast-check/vitest"
import { load, Orchestrator } from "troupe"
import { describe, expect } from "vitest"
import { expected, graph, idOf, stage, workflowOf } from "./arbitraries.ts"

const picks = fc.array(fc.nat(100), { minLength: 40, maxLength: 40 })

describe("whatever order tasks end in", () => {
  test.prop([graph(14), picks, fc.integer({ min: 1, max: 5 })], { numRuns: 150 })(
    "the final data are the same; nothing runs twice; nothing starts before its dependencies are final",
    async (deps, order, concurrency) => {
      const { step, waiting, log, settle, endOne } = stage()
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await load(workflowOf(deps, { config: { concurrency } }), { step }), null)
      await settle()
      for (let i = 0; waiting.length > 0; i++) await endOne(order[i % order.length]!)

      expect(await run.result()).toEqual(expected(deps))
      expect(log.filter((entry) => entry.startsWith("+")).length).toBe(deps.length)
      deps.forEach((list, i) => {
        for (const dep of list) expect(log.indexOf(`+${i}`)).toBeGreaterThan(log.indexOf(`-${dep}`))
      })
      let open = 0
      for (const entry of log) {
        open += entry.startsWith("+") ? 1 : -1
        expect(open).toBeLessThanOrEqual(concurrency)
      }
    }
  )

  test.prop([graph(12), picks, fc.nat(11), fc.boolean()], { numRuns: 150 })(
    "F10, B11 one failing task: exactly what waits for it never starts",
    async (deps, order, failing, keepGoing) => {
      const { step, waiting, log, settle, endOne } = stage()
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(
        await load(workflowOf(deps, { config: { onFailure: keepGoing ? "continue" : "stop" } }), { step }),
        null
      )
      await settle()
      const bad = failing % deps.length
      for (let i = 0; waiting.length > 0; i++) {
        const at = waiting.findIndex(({ i: task }) => task === bad)
        if (at === -1) await endOne(order[i % order.length]!)
        else {
          waiting.splice(at, 1)[0]!.fail(new Error("planned"))
          await settle()
          if (!keepGoing) break
        }
      }
      const outcome = await run.outcome()
      const behind = new Set([bad])
      deps.forEach((list, i) => {
        if (list.some((dep) => behind.has(dep))) behind.add(i)
      })
      const states = await run.tasks()

      expect(outcome).toMatchObject({ status: "failed", failedTask: idOf(bad) })
      expect(states[idOf(bad)]).toBe("failed")
      for (const i of behind)
        if (i !== bad) expect([states[idOf(i)], log.includes(`+${i}`)]).toEqual(["skipped", false])
      if (keepGoing)
        deps.forEach((_, i) =>
          expect(states[idOf(i)]).toBe(i === bad ? "failed" : behind.has(i) ? "skipped" : "succeeded")
        )
      const counts = (await run.status()).tasks
      expect(counts.completed + counts.failed + counts.skipped + counts.cancelled).toBe(deps.length)
    }
  )

  test.prop([graph(12), picks, fc.nat(12), fc.nat(12)], { numRuns: 100 })(
    "G13 between pause and resume nothing starts; afterwards the result is the same",
    async (deps, order, pauseAt, hold) => {
      const { step, waiting, log, settle, endOne } = stage()
      await using orchestrator = await Orchestrator.open()
      const run = await orchestrator.submit(await load(workflowOf(deps), { step }), null)
      await settle()
      let paused = false
      for (let i = 0; i < 60 && (waiting.length > 0 || paused); i++) {
        if (i === pauseAt) paused = await run.pause()
        const started = log.filter((entry) => entry.startsWith("+")).length
        if (waiting.length > 0) await endOne(order[i % order.length]!)
        if (paused) expect(log.filter((entry) => entry.startsWith("+")).length).toBe(started)
        if (paused && i >= pauseAt + hold) {
          await run.resume()
          paused = false
          await settle()
        }
      }
      expect(await run.result()).toEqual(expected(deps))
    }
  )
})
