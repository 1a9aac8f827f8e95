import { InvalidOption } from "troupe"
import { describe, expect, test } from "vitest"
import { Dispatcher } from "../../src/model/dispatch.ts"

describe("a queue of ready tasks", () => {
  test("C02 C05 C09 priority first, then deadline, then what stands behind a task, then who came first", () => {
    const queue = new Dispatcher()
    queue.schedule({ id: "first" }, 0)
    queue.schedule({ id: "second" }, 1)
    queue.schedule({ id: "long behind", pathMs: 10 }, 2)
    queue.schedule({ id: "due", deadlineMs: 9_000 }, 3)
    queue.schedule({ id: "urgent", priority: 51 }, 4)

    expect(Array.from({ length: 6 }, () => queue.next([], 5)?.id)).toEqual([
      "urgent",
      "due",
      "long behind",
      "first",
      "second",
      undefined
    ])
  })

  test("C10 nobody gets a task that needs what he cannot do, and what he can do does not wait behind it", () => {
    const queue = new Dispatcher()
    queue.schedule({ id: "gpu", needs: ["gpu"], priority: 100 }, 0)
    queue.schedule({ id: "plain" }, 0)
    expect(queue.next(["cpu"], 0)?.id).toBe("plain")
    expect(queue.next(["cpu"], 0)).toBeUndefined()
    expect(queue.next(["cpu", "gpu"], 0)?.id).toBe("gpu")
  })

  test("C11 what failed waits again, or not; what is over can come again", () => {
    const queue = new Dispatcher()
    queue.schedule({ id: "a" }, 0)
    expect(queue.fail("a", 0)).toBe(false)
    expect(queue.next([], 1)?.id).toBe("a")
    expect(queue.fail("a", 2, true)).toBe(true)
    expect([queue.ready, queue.running]).toEqual([1, 0])
    expect(queue.next([], 3)?.id).toBe("a")
    expect(queue.fail("a", 4)).toBe(true)
    expect([queue.ready, queue.running]).toEqual([0, 0])
    expect(queue.schedule({ id: "a" }, 5)).toBe(true)
  })

  test("C03 one who asks for much waits for himself: a lane that comes late has its turn at once, and no more than its turn", () => {
    const queue = new Dispatcher()
    for (let i = 0; i < 100; i++) queue.schedule({ id: `greedy${i}`, lane: "greedy" }, 0)
    for (let i = 0; i < 50; i++) queue.complete(queue.next([], i)!.id, i + 1)
    for (let i = 0; i < 50; i++) queue.schedule({ id: `late${i}`, lane: "late" }, 50)
    const started = Array.from({ length: 10 }, (_, i) => {
      const { id, lane } = queue.next([], 50 + i)!
      queue.complete(id, 51 + i)
      return lane
    })
    expect(started.filter((lane) => lane === "late")).toHaveLength(5)
  })

  test("the wait of the oldest, and what each lane has had, are told", () => {
    const queue = new Dispatcher({ weights: { b: 2 }, halfLifeMs: 1_000 })
    queue.schedule({ id: "a", lane: "a", estimateMs: 100 }, 0)
    queue.schedule({ id: "b", lane: "b" }, 10)
    expect(queue.next([], 20)?.id).toBe("a")
    expect(queue.analyse(1_020)).toMatchObject({
      ready: 1,
      running: 1,
      oldestMs: 1_010,
      lanes: [
        { lane: "a", ready: 0, running: 1, used: expect.closeTo(50), weight: 1 },
        { lane: "b", ready: 1, running: 0, used: 0, weight: 2 }
      ]
    })
  })

  test("a queue that is full says so, and lanes and needs that nobody uses are not kept", () => {
    const small = new Dispatcher({ waitingMost: 1 })
    expect([small.schedule({ id: "a" }, 0), small.schedule({ id: "b" }, 0)]).toEqual([true, false])
    expect(small.withdraw("a")).toBe(true)
    expect(small.schedule({ id: "b" }, 0)).toBe(true)

    const queue = new Dispatcher()
    for (let i = 0; i < 20_000; i++) {
      queue.schedule({ id: `${i}`, lane: `lane${i}`, needs: [`can${i}`] }, i)
      queue.complete(queue.next([`can${i}`], i)!.id, i + 1)
    }
    expect(queue.analyse(20_000).lanes.length).toBeLessThan(5_000)
  })

  test("what makes no sense is refused with what could be", () => {
    const queue = new Dispatcher()
    queue.schedule({ id: "a" }, 0)
    expect(() => queue.schedule({ id: "a" }, 0)).toThrow(InvalidOption)
    expect(() => queue.schedule({ id: "b", priority: 101 }, 0)).toThrow(InvalidOption)
    expect(() => queue.schedule({ id: "b", priority: Number.NaN }, 0)).toThrow(InvalidOption)
    expect(() => queue.schedule({ id: "b", estimateMs: -1 }, 0)).toThrow(InvalidOption)
    expect(() => queue.schedule({ id: "b", deadlineMs: Number.NaN }, 0)).toThrow(InvalidOption)
    expect(() => new Dispatcher({ agingMs: 0 })).toThrow(InvalidOption)
    expect(() => new Dispatcher({ weights: { a: -1 } })).toThrow(InvalidOption)
    expect(() => new Dispatcher({ order: ["magic" as "priority"] })).toThrow("critical-path")
    expect(queue.ready).toBe(1)
  })
})
