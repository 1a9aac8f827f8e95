import { describe, expect, test } from "vitest"
import { chance, pauseAfter, retryOf } from "../../src/model/backoff.ts"
import { milliseconds } from "../../src/model/duration.ts"
import { didYouMean, isId, pathOf, requireId, segments } from "../../src/model/ids.ts"

describe("ids", () => {
  test.each(["a", "a-b_c.d+e", "libc6.1", "0", "x".repeat(128), "constructor"])("%s is one", (id) => {
    expect(isId(id)).toBe(true)
  })
  test.each([
    "",
    "__proto__",
    ".a",
    "-a",
    "a b",
    "a/b",
    "../../etc/passwd",
    "a..b",
    "é",
    "a\nb",
    "\u001b[31m",
    "x".repeat(129),
    "a:b",
    "a[0]"
  ])("%j is none", (id) => {
    expect(isId(id)).toBe(false)
    expect(() => requireId("run", id)).toThrow(expect.objectContaining({ _tag: "InvalidId", code: "ID_INVALID" }))
  })
  test("paths are dotted where that is unambiguous", () => {
    expect(pathOf(["a", "b"])).toBe("a.b")
    expect(pathOf(["libc6.1", "b"])).toEqual(["libc6.1", "b"])
    expect(segments("a.b")).toEqual(["a", "b"])
  })
  test("did you mean: near names only, swaps count once", () => {
    expect(didYouMean("esitmateMs", ["estimateMs", "id"])).toBe("estimateMs")
    expect(didYouMean("zzz", ["estimateMs", "id"])).toBeUndefined()
  })
})

describe("durations", () => {
  test.each([
    ["5s", 5_000],
    ["250ms", 250],
    ["1.5m", 90_000],
    ["24h", 86_400_000],
    ["25d", 2_160_000_000],
    [0, 0]
  ] as const)("%s is %d ms", (text, ms) => {
    expect(milliseconds(text, "x")).toBe(ms)
  })
  test.each(["5", "s", "-1s", "1 s", "1y", "11000d", Number.NaN, -1, Number.POSITIVE_INFINITY])(
    "%s is refused, naming the option",
    (text) => {
      expect(() => milliseconds(text as never, "timeout of task 'x'")).toThrow(
        /timeout of task 'x' cannot be .*give a duration/
      )
    }
  )
})

describe("pauses between attempts", () => {
  const policy = { attempts: 5, backoff: "exponential" as const, baseMs: 100, capMs: 1_000, jitter: 0.5 }
  test("stay within ± jitter and under the cap, and are the same again for the same key", () => {
    for (let attempt = 1; attempt < 80; attempt++) {
      const middle = Math.min(1_000, 100 * 2 ** (attempt - 1))
      const pause = pauseAfter(policy, attempt, "run/task")
      expect(pause).toBeGreaterThanOrEqual(Math.floor(middle * 0.5))
      expect(pause).toBeLessThanOrEqual(Math.min(1_000, Math.ceil(middle * 1.5)))
      expect(pauseAfter(policy, attempt, "run/task")).toBe(pause)
    }
  })
  test("spread evenly over keys", () => {
    const draws = Array.from({ length: 10_000 }, (_, i) => chance(`key-${i}`))
    const buckets = Array.from({ length: 10 }, (_, b) => draws.filter((x) => Math.floor(x * 10) === b).length)
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })
  test("without a policy there is one attempt", () => {
    expect(retryOf(undefined).attempts).toBe(1)
  })
})
