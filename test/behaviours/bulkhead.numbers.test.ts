// What a bulkhead says of itself. Calls are out until the test ends them.
import { bulkhead } from "troupe/machines"
import { describe, expect, test } from "vitest"
import { settle } from "../clock.ts"

describe("Bulkhead", () => {
  describe("what can be seen", () => {
    test("numbers say how many are inside, wait, and were refused, call by call", async () => {
      const narrow = bulkhead({ name: "bank", concurrent: 2, queue: 2 })
      const ends: Array<() => void> = []
      const call = () => void narrow.execute(() => new Promise<void>((resolve) => ends.push(resolve))).catch(() => {})
      const seen: Array<readonly [running: number, queued: number, refused: number]> = []
      const look = async () => {
        await settle(2)
        const { running, queued, refused } = narrow.metrics()
        seen.push([running, queued, refused])
      }
      await look()
      for (let i = 0; i < 5; i++) {
        call()
        await look()
      }
      for (let i = 0; i < 4; i++) {
        ends[i]!()
        await look()
      }
      expect(seen).toEqual([
        [0, 0, 0],
        [1, 0, 0],
        [2, 0, 0],
        [2, 1, 0],
        [2, 2, 0],
        [2, 2, 1],
        [2, 1, 1],
        [2, 0, 1],
        [1, 0, 1],
        [0, 0, 1]
      ])
      expect(narrow.metrics()).toMatchObject({ name: "bank", concurrent: 2, queue: 2 })
    })
    test("each call is told: done, failed, or refused without being made", async () => {
      const told: Array<unknown> = []
      const narrow = bulkhead({ name: "bank", concurrent: 1, queue: 0, onError: (error) => told.push(error) })
      const seen: Array<readonly [end: string, error: unknown]> = []
      narrow.onCall(() => {
        throw new TypeError("my own")
      })
      const stop = narrow.onCall(({ policy, end, error }) => seen.push([`${policy} ${end}`, error]))
      const error = new Error("no")
      let end!: () => void
      const out = narrow.execute(() => new Promise<void>((resolve) => (end = resolve)))
      await settle(2)
      const refused = await narrow.execute(() => 1).catch((seen) => seen)
      end()
      await out
      await narrow.execute(() => Promise.reject(error)).catch(() => {})
      stop()
      await narrow.execute(() => 1)
      expect(seen).toEqual([
        ["bank refused", refused],
        ["bank succeeded", undefined],
        ["bank failed", error]
      ])
      expect(told.length).toBe(4)
    })
    test("the function is given the signal of its caller", async () => {
      const caller = new AbortController()
      const told = await bulkhead({ concurrent: 1 }).execute(
        ({ signal }) => {
          const before = signal.aborted
          caller.abort("enough")
          return [before, signal.aborted, signal.reason]
        },
        { signal: caller.signal }
      )
      expect(told).toEqual([false, true, "enough"])
    })
  })
})
