// Tasks, observers and whoever is told of defects may throw whatever they like, whenever they like: other runs do not notice.
import { fc, test } from "@fast-check/vitest"
import { Orchestrator, task, type, workflow } from "troupe"
import { memoryJournal } from "troupe/storage"
import { afterAll, beforeAll, describe, expect, vi } from "vitest"
import type { InspectionEvent } from "xstate"
import { seed } from "./seed.ts"

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error("get")
    },
    ownKeys: () => {
      throw new Error("ownKeys")
    },
    getPrototypeOf: () => {
      throw new Error("getPrototypeOf")
    }
  }
)
const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

/** What a body may do. */
const deeds: { readonly [name: string]: () => unknown } = {
  error: () => {
    throw new Error("bad")
  },
  nothing: () => {
    throw undefined
  },
  symbol: () => {
    throw Symbol("bad")
  },
  proxy: () => {
    throw hostile
  },
  rejects: () => Promise.reject(hostile),
  frozen: () => {
    throw Object.freeze(Object.assign(new Error("frozen"), { cause: cyclic }))
  },
  cyclic: () => cyclic,
  bigint: () => 1n,
  hostile: () => hostile,
  getter: () => ({
    get x() {
      throw new Error("getter")
    }
  }),
  toJson: () => ({
    toJSON: () => {
      throw new Error("toJSON")
    }
  }),
  thenable: () => ({
    then: () => {
      throw new Error("then")
    }
  }),
  both: () => ({
    then: (given: (value: number) => void, failed: (error: unknown) => void) => {
      given(1)
      failed(new Error("too"))
      given(2)
    }
  }),
  hangs: () => new Promise(() => {})
}

type Watcher = "none" | "throws" | "rejects" | "object" | "quiet"
const watched = (how: Watcher, nth: number) => {
  let seen = 0
  const isBad = () => ++seen % nth === 0
  const bad = (_: InspectionEvent) => {
    if (isBad()) throw new Error("observer")
  }
  const late = async (event: InspectionEvent) => bad(event)
  switch (how) {
    case "throws":
      return bad
    case "rejects":
      return late as (event: InspectionEvent) => void
    case "object":
      return { next: bad, error: bad as never, complete: bad as never }
    case "quiet":
      return () => {}
    default:
      return undefined
  }
}

const setting = fc.record({
  bad: fc.array(fc.constantFrom(...Object.keys(deeds)), { minLength: 1, maxLength: 4 }),
  watcher: fc.constantFrom<Watcher>("none", "throws", "rejects", "object", "quiet"),
  nth: fc.integer({ min: 1, max: 9 }),
  isTold: fc.constantFrom("quiet", "throws", "rejects"),
  isDurable: fc.boolean()
})

// who is told of defects and throws is told of on the console
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}))
afterAll(() => void vi.restoreAllMocks())

describe("G36 whatever a task, an observer or a listener throws", () => {
  test.prop([setting], { numRuns: 150, seed })(
    "no other run notices: each good one ends as it would alone, each bad one fails by itself",
    async ({ bad, watcher, nth, isTold, isDurable }) => {
      const inspect = watched(watcher, nth)
      let defects = 0
      const onDefect = () => {
        defects++
        if (isTold === "throws") throw new Error("listener")
        if (isTold === "rejects") return Promise.reject(new Error("listener"))
        return undefined
      }
      await using orchestrator = await Orchestrator.open({
        store: memoryJournal({ isDurable }),
        graceMs: 5,
        onDefect,
        ...(inspect === undefined ? {} : { inspect })
      })
      const good = task("good", { in: type<number>(), out: type<number>(), run: async (n) => n + 1 })
      const flow = workflow("good", type<number>())
        .task("a", good, ($) => $.input)
        .task("b", good, ($) => $.a)
        .map("m", good, ($) => [$.a, $.b])
        .returns(($) => $.m)
      const evil = task("evil", {
        in: type<string>(),
        out: type<any>(),
        timeout: "20ms",
        run: (how) => deeds[how]!()
      })
      const wrong = workflow("evil", type<string>())
        .task("x", evil, ($) => $.input)
        .task("y", evil, ($) => $.input)
        .returns(($) => [$.x, $.y])
      const runs = await Promise.all(
        [...bad, ...bad].flatMap((how, i) => [
          orchestrator.submit(flow, i).then((run) => run.result()),
          orchestrator.submit(wrong, how).then((run) => run.outcome())
        ])
      )
      for (const [i, how] of [...bad, ...bad].entries()) {
        expect(runs[2 * i]).toEqual([i + 2, i + 3])
        expect(runs[2 * i + 1]).toMatchObject({ status: how === "both" ? "succeeded" : "failed" })
      }
      expect(orchestrator.live).toBe(0)
      if (watcher === "throws" || watcher === "object") expect(defects).toBeGreaterThan(0)
    }
  )
})
