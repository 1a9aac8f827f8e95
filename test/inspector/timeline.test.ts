// The timeline: time that is taken out changes no order, words never stand over each other, and everything that happened has a bar.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { generate, type Wanted } from "../../inspector/bench/generate.ts"
import { ticksOf } from "../../inspector/gantt/axis.ts"
import { barsOf, barText, busyOf, profileOf } from "../../inspector/gantt/bars.ts"
import { type Interval, joined, timeMap } from "../../inspector/gantt/compress.ts"
import { rowsOf } from "../../inspector/gantt/rows.ts"
import { criticalOf } from "../../inspector/picture/critical.ts"
import { Structure } from "../../inspector/picture/structure.ts"
import { lengthText, sinceText } from "../../inspector/picture/times.ts"
import { type RunView, View } from "../../src/inspect/view.ts"

const intervals = fc
  .array(fc.tuple(fc.nat({ max: 1_000_000 }), fc.nat({ max: 5_000 })), { maxLength: 30 })
  .map((all) => all.map(([from, length]): Interval => [from, from + length]))

const seen = (wanted: Wanted): { readonly run: RunView; readonly structure: Structure; readonly now: number } => {
  const { events, ir, run: id } = generate(wanted)
  const view = new View()
  for (const event of events) view.apply(event)
  const run = view.runs.get(id)!
  return { run, structure: new Structure(ir, run), now: run.endedAt ?? view.t }
}

describe("time on the timeline", () => {
  test("what came first stays first, and every place is a moment again, with idle time taken out or not", () => {
    fc.assert(
      fc.property(
        intervals,
        fc.boolean(),
        fc.array(fc.nat({ max: 1_100_000 }), { minLength: 2 }),
        (busy, isShort, moments) => {
          const map = timeMap(0, 1_100_000, joined(busy), isShort)
          const places = moments.toSorted((a, b) => a - b).map((t) => map.place(t))
          for (let i = 1; i < places.length; i++) expect(places[i]).toBeGreaterThanOrEqual(places[i - 1]!)
          for (const t of moments) expect(map.moment(map.place(t))).toBeCloseTo(t, 3)
          expect(map.place(1_100_000)).toBeCloseTo(map.length)
        }
      )
    )
  })

  test("a while in which something happens is as long as it was; only breaks are shorter", () => {
    fc.assert(
      fc.property(intervals, (all) => {
        const busy = joined(all)
        const map = timeMap(0, 1_100_000, busy, true)
        for (const [from, to] of busy) expect(map.place(to) - map.place(from)).toBeCloseTo(to - from, 6)
        for (const { from, to, start, end } of map.breaks) {
          expect(end - start).toBeLessThan(to - from)
          for (const [a, b] of busy) expect(b <= from || a >= to).toBe(true)
        }
      })
    )
  })

  test("whiles are joined where they meet, and nowhere else", () => {
    expect(joined([[5, 9], [0, 2], [9, 12], [2, 3], [13, 13]])).toEqual([[0, 3], [5, 12], [13, 13]]) // biome-ignore format: one line
  })

  test("a day of waiting between two seconds of work is a short break", () => {
    const map = timeMap(0, 86_402_000, [[0, 1_000], [86_401_000, 86_402_000]], true) // biome-ignore format: one line
    expect(map.breaks).toHaveLength(1)
    expect(map.length).toBeLessThan(2_100)
    expect(timeMap(0, 86_402_000, [[0, 1_000]], false).breaks).toEqual([])
  })

  test("the words of two ticks never stand over each other, and each tells its own time", () => {
    fc.assert(
      fc.property(intervals, fc.integer({ min: 300, max: 3_000 }), fc.nat({ max: 90 }), (all, width, from) => {
        const map = timeMap(0, 1_100_000, joined(all), true)
        const start = (map.length * from) / 100
        const ticks = ticksOf(map, 0, start, Math.min(map.length, start + map.length / 5), width)
        for (let i = 1; i < ticks.length; i++) {
          expect(ticks[i]!.x - ticks[i - 1]!.x).toBeGreaterThanOrEqual(90)
          expect(ticks[i]!.t).toBeGreaterThan(ticks[i - 1]!.t)
        }
      })
    )
    expect(sinceText(4 * 3_600_000 + 12_000, 2_000)).toBe("+4:00:12")
    expect(lengthText(59_960)).toBe("1 min")
    expect(lengthText(3_599_700)).toBe("1 h")
    expect(lengthText(61_000)).toBe("1 min 1 s")
  })
})

describe("what happened to a task", () => {
  test("every attempt, wait and undo of a run has a bar, in order and inside the run", () => {
    const { run, structure, now } = seen({ seed: 4, shape: "order", tasks: 30, fails: true })
    const turned = new Set(["suppliers"])
    const rows = rowsOf(structure, run, turned, "structure", now)
    const bars = new Map(rows.map((row) => [row.path, barsOf(run, row, now)]))
    const attempts = [...bars.values()].flat().filter(({ kind }) => kind === "attempt")
    expect(attempts).toHaveLength([...run.tasks.values()].reduce((sum, task) => sum + task.attempts.length, 0))
    expect(attempts.filter(({ isUndo }) => isUndo).length).toBeGreaterThan(0)
    expect(bars.get("stock")!.map(({ kind }) => kind)).toEqual([
      "attempt",
      "backoff",
      "attempt",
      "backoff",
      "attempt",
      "backoff",
      "attempt"
    ])
    expect(
      bars
        .get("stock")!
        .map(({ outcome }) => outcome)
        .filter((one) => one !== undefined)
    ).toEqual(["failed", "failed", "failed", "succeeded"])
    expect(barText(bars.get("stock")![0]!, "2 s")).toBe("attempt 1, failed, 2 s, UNREACHABLE")
    expect(bars.get("approval")![0]).toMatchObject({ kind: "answer", isLive: false })
    expect(bars.get("reserve")!.at(-1)).toMatchObject({ kind: "attempt", isUndo: true })
    for (const all of bars.values())
      for (const [i, { from, to }] of all.entries()) {
        expect(to).toBeGreaterThanOrEqual(from)
        expect(from).toBeGreaterThanOrEqual(run.submittedAt)
        expect(to).toBeLessThanOrEqual(run.endedAt!)
        if (i > 0) expect(from).toBeGreaterThanOrEqual(all[i - 1]!.from)
      }
  })

  test("what is at work grows with the moment that is looked at", () => {
    const { run, structure, now } = seen({ seed: 4, shape: "order", tasks: 30, part: 0.7 })
    const row = rowsOf(structure, run, new Set(["suppliers"]), "start", now).find(({ path }) =>
      run.tasks.get(path)?.attempts.some(({ endedAt }) => endedAt === undefined)
    )!
    expect(barsOf(run, row, now).at(-1)).toMatchObject({ isLive: true, to: now })
    expect(barsOf(run, row, now + 500).at(-1)).toMatchObject({ isLive: true, to: now + 500 })
  })

  test("rows come in the order that was asked for, each scope's below its own", () => {
    const { run, structure, now } = seen({ seed: 4, shape: "order", tasks: 30 })
    const order = (sort: "start" | "structure" | "duration") =>
      rowsOf(structure, run, new Set(), sort, now).filter(({ depth }) => depth === 0)
    const begin = (path: string) => run.tasks.get(path)?.since ?? Number.MAX_SAFE_INTEGER
    const starts = order("start").map(({ path }) => begin(path))
    expect(starts).toEqual(starts.toSorted((a, b) => a - b))
    expect(order("structure").map(({ path }) => path)).toEqual(structure.parts("").parts.map(({ path }) => path))
    expect(order("duration")[0]!.path).toBe("cool-down")
    const paths = rowsOf(structure, run, new Set(), "start", now).map(({ path }) => path)
    const ship = paths.indexOf("ship")
    expect(paths.slice(ship + 1, ship + 5).toSorted()).toEqual([
      "ship/hand-over",
      "ship/label",
      "ship/pack",
      "ship/pick"
    ])
  })

  test("the critical path of a run that is over leads from its first task to its end, and slack never reaches beyond that", () => {
    const { run, structure, now } = seen({ seed: 4, shape: "order", tasks: 30 })
    const { path, couldEnd } = criticalOf(structure, run, now)
    expect(path[0]).toBe("receive")
    expect(path).toContain("cool-down")
    expect(run.tasks.get(path.at(-1)!)!.endedAt).toBe(run.endedAt)
    for (const [task, latest] of couldEnd) {
      expect(path).not.toContain(task)
      expect(latest).toBeGreaterThan(run.tasks.get(task)!.endedAt!)
      expect(latest).toBeLessThanOrEqual(run.endedAt!)
    }
  })

  test("the profile counts as much work as there was", () => {
    const { run, now } = seen({ seed: 5, shape: "layers", tasks: 300 })
    const parts = 120
    const length = now - run.submittedAt
    const profile = profileOf(run.tasks.values(), now, parts, (t) => ((t - run.submittedAt) / length) * parts)
    let work = 0
    for (const { attempts } of run.tasks.values())
      for (const { startedAt, endedAt } of attempts) work += (endedAt ?? now) - startedAt
    expect((profile.reduce((sum, count) => sum + count, 0) * length) / parts).toBeCloseTo(work, 3)
    expect(busyOf(run, now, 1)[0]![0]).toBe(run.submittedAt)
  })
})
