// Answers that are given again, without an orchestrator, as docs/RESILIENCE.md tells it.
import { type CachedSettings, type CacheStore, cached, type KeptAnswer } from "troupe/machines"
import { describe, expect, test } from "vitest"
import { settle } from "../clock.ts"

/** A cache whose time stands still, and a function that answers with the number of its call. */
const world = (settings: CachedSettings = { ttl: "10s" }) => {
  let now = 1_000
  let calls = 0
  const made = cached({ now: () => now, ...settings })
  const ends: Array<(error?: unknown) => void> = []
  const signals: Array<AbortSignal> = []
  return {
    cached: made,
    tick: (ms: number) => {
      now += ms
    },
    calls: () => calls,
    ask: (key = "a") => made.execute(async () => ++calls, { key }),
    /** A call that is out until it is told how to end. */
    out: (options: { readonly key?: string; readonly signal?: AbortSignal } = {}) =>
      made
        .execute(
          ({ signal }) =>
            new Promise<number>((resolve, reject) => {
              const mine = ++calls
              signals.push(signal)
              ends.push((error) => (error === undefined ? resolve(mine) : reject(error)))
            }),
          { key: "a", ...options }
        )
        .catch((error) => error),
    end: (which: number, error?: unknown) => ends[which]!(error),
    signals,
    counts: () => {
      const { hits, misses, shared } = made.metrics()
      return [hits, misses, shared]
    }
  }
}

describe("Policies alone", () => {
  describe("cached answers", () => {
    test("what is known is given again, and nothing is called", async () => {
      const { ask, counts } = world()
      expect([await ask(), await ask(), await ask("b")]).toEqual([1, 1, 2])
      expect(counts()).toEqual([1, 2, 0])
    })
    test("for as long as it is good, and not a millisecond longer", async () => {
      const { ask, tick } = world()
      await ask()
      tick(9_999)
      expect(await ask()).toBe(1)
      tick(1)
      expect(await ask()).toBe(2)
    })
    test("nothing is an answer too", async () => {
      const { cached } = world()
      let calls = 0
      const nothing = () => cached.execute(() => void calls++, { key: "a" })
      expect([await nothing(), await nothing(), calls]).toEqual([undefined, undefined, 1])
    })
    test("a failure is never kept", async () => {
      const { cached, ask } = world()
      await cached.execute(() => Promise.reject(new Error("no")), { key: "a" }).catch(() => {})
      expect(await ask()).toBe(1)
    })
    test("the oldest go first when there are too many, and one that was renewed is not old", async () => {
      const { ask, tick, calls } = world({ ttl: "10s", most: 2 })
      await ask("a")
      tick(5_000)
      await ask("b")
      tick(5_000)
      await ask("a")
      await ask("c")
      expect(calls()).toBe(4)
      await ask("a")
      await ask("c")
      expect(calls()).toBe(4)
      await ask("b")
      expect(calls()).toBe(5)
    })
    test("one may be forgotten, or all", async () => {
      const { cached, ask } = world()
      await Promise.all([ask("a"), ask("b")])
      await cached.forget("a")
      expect([await ask("a"), await ask("b")]).toEqual([3, 2])
      await cached.forget()
      expect([await ask("a"), await ask("b")]).toEqual([4, 5])
    })
    test("a function behind it is asked once for the same arguments, or for the same key of its own", async () => {
      const { cached } = world()
      const seen: Array<string> = []
      const fetch = async (id: string, _etag: number) => seen.push(id)
      const [byAll, byId] = [cached.wrap(fetch), cached.wrap(fetch, (id) => `id:${id}`)]
      await byAll("x", 1)
      await byAll("x", 1)
      await byAll("x", 2)
      expect(seen).toEqual(["x", "x"])
      await byId("x", 3)
      await byId("x", 4)
      expect(seen).toEqual(["x", "x", "x"])
    })
    test("a call without a key is just made", async () => {
      const { cached, counts } = world()
      let calls = 0
      await cached.execute(() => calls++)
      await cached.execute(() => calls++)
      expect([calls, counts()]).toEqual([2, [0, 2, 0]])
    })
    test("answers may be kept in a store of your own, that answers at once or later", async () => {
      const kept = new Map<string, KeptAnswer>()
      const store: CacheStore = {
        get: async (key) => kept.get(key),
        set: async (key, answer) => kept.set(key, answer),
        delete: (key) => kept.delete(key),
        clear: () => kept.clear()
      }
      const { cached, ask } = world({ ttl: "10s", store })
      expect([await ask(), await ask(), kept.get("a")]).toEqual([1, 1, { value: 1, until: 11_000 }])
      await cached.forget()
      expect([kept.size, await ask()]).toEqual([0, 2])
    })
    test("a store that fails is as good as empty, and whoever wants to is told", async () => {
      const told: Array<unknown> = []
      const broken = () => {
        throw new Error("no disk")
      }
      const store: CacheStore = { get: broken, set: async () => broken(), delete: broken, clear: broken }
      const { cached, ask } = world({ ttl: "10s", store, onError: (error) => told.push(error) })
      expect([await ask(), await ask(), told.length]).toEqual([1, 2, 4])
      await cached.forget()
      expect(told.length).toBe(5)
    })
  })

  describe("shared answers", () => {
    test("who asks for the same while a call is out shares its answer", async () => {
      const { out, end, calls, counts } = world()
      const all = [out(), out(), out(), out({ key: "b" })]
      await settle(2)
      expect(calls()).toBe(2)
      end(0)
      end(1)
      expect(await Promise.all(all)).toEqual([1, 1, 1, 2])
      expect(counts()).toEqual([0, 2, 2])
    })
    test("what was shared and kept is a hit from then on", async () => {
      const { out, ask, end, counts } = world()
      const both = [out(), out()]
      await settle(2)
      end(0)
      await Promise.all(both)
      expect([await ask(), counts()]).toEqual([1, [1, 1, 1]])
    })
    test("a failure is shared by those who wait, and by nobody after them", async () => {
      const { out, ask, end } = world()
      const both = [out(), out()]
      await settle(2)
      end(0, "down")
      expect([await Promise.all(both), await ask()]).toEqual([["down", "down"], 2])
    })
    test("without a time to live only calls that are out are shared", async () => {
      const { out, ask, end, calls } = world({})
      const both = [out(), out()]
      await settle(2)
      end(0)
      expect([await Promise.all(both), await ask(), calls()]).toEqual([[1, 1], 2, 2])
    })
    test("where nothing is shared each is called", async () => {
      const { out, end } = world({ ttl: "10s", share: false })
      const both = [out(), out()]
      await settle(2)
      end(0)
      end(1)
      expect(await Promise.all(both)).toEqual([1, 2])
    })
    test("who gives up leaves the call to the others; when nobody waits any more it is told, and not shared", async () => {
      const { out, end, signals, calls } = world()
      const [first, second] = [new AbortController(), new AbortController()]
      const [a, b] = [out({ signal: first.signal }), out({ signal: second.signal })]
      await settle(2)
      first.abort("enough")
      expect([await a, signals[0]!.aborted, calls()]).toEqual(["enough", false, 1])
      second.abort("me too")
      expect([await b, signals[0]!.aborted, signals[0]!.reason]).toEqual(["me too", true, "me too"])
      const c = out()
      await settle(2)
      end(1)
      expect([await c, calls()]).toEqual([2, 2])
    })
    test("what is forgotten while its call is out is not kept", async () => {
      const { cached, out, ask, end } = world()
      const one = out()
      await settle(2)
      await cached.forget("a")
      end(0)
      expect([await one, await ask()]).toEqual([1, 2])
      const two = out({ key: "b" })
      await settle(2)
      await cached.forget()
      end(1)
      expect([await two, await ask("b")]).toEqual([3, 4])
    })
    test("impossible settings of a cache are refused when it is made", () => {
      const refusals: ReadonlyArray<readonly [settings: object, says: RegExp]> = [
        [{ ttl: 0 }, /^ttl of cached 'prices' cannot be 0: give at least 1 ms/],
        [{ ttl: Number.NaN }, /^ttl of/],
        [{ ttl: Number.POSITIVE_INFINITY }, /^ttl of/],
        [{ most: 0 }, /^most of cached 'prices' cannot be 0: give a whole number from 1/],
        [{ most: Number.POSITIVE_INFINITY }, /^most of/],
        [{ share: false }, /^share of cached 'prices' .*nothing is given again/],
        [{ share: "yes" }, /^share of/],
        [{ size: 5 }, /^the setting 'size' of cached 'prices'/]
      ]
      for (const [settings, says] of refusals)
        expect(() => cached({ name: "prices", ...settings } as never), JSON.stringify(settings)).toThrow(says)
    })
  })
})
