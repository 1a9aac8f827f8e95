// Each limit takes what is exactly as much as it allows, and refuses one more: with its name and values, and without a row or a call.
import * as Effect from "effect/Effect"
import {
  fromJson,
  limits,
  load,
  Orchestrator,
  type Run,
  type TaskIR,
  task,
  type,
  type Workflow,
  workflow
} from "troupe"
import { type JournalService, memoryJournal } from "troupe/storage"
import { describe, expect, test } from "vitest"

/** A store that counts what is written, a task that counts its calls, and an orchestrator with small bounds where they can be chosen. */
const scene = async () => {
  const store = memoryJournal({ isDurable: true })
  let rows = 0
  const counted: JournalService = {
    ...store,
    append: (batch, notes, epoch) => {
      rows += batch.length
      return store.append(batch, notes, epoch)
    }
  }
  let calls = 0
  const step = task("step", {
    in: type<any>(),
    out: type<any>(),
    run: (given) => {
      calls++
      return given
    }
  })
  const orchestrator = await Orchestrator.open({ store: counted, runsMax: 3, onDefect: () => {} })
  return { orchestrator, step, rows: () => rows, calls: () => calls }
}
type Scene = Awaited<ReturnType<typeof scene>>

const nested = (levels: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = [value]
  return value
}
const within = (levels: number): unknown => {
  let flow: { readonly [key: string]: unknown } = { ir: 1, name: "w", tasks: [{ id: "t", kind: "noop" }] }
  for (let i = 0; i < levels; i++) flow = { ir: 1, name: "w", tasks: [{ id: "t", kind: "use", workflow: flow }] }
  return flow
}
const one = (given: object): unknown => ({ ir: 1, name: "w", tasks: [{ id: "t", ...given }] })
const tasks = (count: number): ReadonlyArray<TaskIR> =>
  Array.from({ length: count }, (_, i): TaskIR => ({ id: `t${i}`, kind: "noop" }))
const echo = (step: Scene["step"]): Workflow =>
  workflow("echo", type<any>())
    .task("t", step, ($) => $.input)
    .returns(() => null)
const submitted = async ({ orchestrator }: Scene, document: unknown) => orchestrator.submit(await load(document), null)

interface Row {
  readonly code: string
  readonly allowed: number
  /** Asks for so much. */
  readonly ask: (scene: Scene, much: number) => Promise<unknown>
  /** So much takes too long to be tried each time. */
  readonly isLarge?: boolean
  /** What was written and called before. */
  readonly before?: (scene: Scene) => Promise<unknown>
}

/** What is refused before there is a run, or before anything more is written to one. */
const rows: { readonly [limit: string]: Row } = {
  runs: {
    code: "LIMIT_RUNS",
    allowed: 3,
    before: async ({ orchestrator }) => {
      const nap = workflow("nap", type<number>())
        .sleep("z", "1h")
        .returns(($) => $.z)
      for (const n of [1, 2]) await orchestrator.submit(nap, n)
    },
    ask: async ({ orchestrator, step }, much) => {
      for (let i = 2; i < much; i++)
        await orchestrator.submit(
          workflow("late", type<number>())
            .sleep("z", "1h")
            .task("t", step, ($) => $.input, { after: ["z"] })
            .returns(() => 1),
          i
        )
    }
  },
  "bytes of an input": {
    code: "LIMIT_PAYLOAD",
    allowed: limits.payloadBytes,
    ask: ({ orchestrator, step }, much) => orchestrator.submit(echo(step), "x".repeat(much))
  },
  "levels of an input": {
    code: "LIMIT_DEPTH",
    allowed: limits.depth,
    ask: ({ orchestrator, step }, much) => orchestrator.submit(echo(step), nested(much))
  },
  "characters of an id": {
    code: "ID_INVALID",
    allowed: limits.id,
    ask: ({ orchestrator, step }, much) => orchestrator.submit(echo(step), 1, { id: "x".repeat(much) })
  },
  "tasks of a workflow": {
    code: "LIMIT_TASKS",
    allowed: limits.tasks,
    isLarge: true,
    ask: (scene, much) => submitted(scene, { ir: 1, name: "w", tasks: tasks(much) })
  },
  "workflows inside each other": {
    code: "LIMIT_DEPTH",
    allowed: limits.nesting,
    ask: (scene, much) => submitted(scene, within(much))
  },
  "characters of a document": {
    code: "LIMIT_DOCUMENT",
    allowed: limits.documentBytes,
    ask: async (scene, much) => {
      const text = JSON.stringify(one({ kind: "noop" }))
      return scene.orchestrator.submit(await fromJson(text + " ".repeat(much - text.length)), null)
    }
  },
  "rounds of a loop": {
    code: "SHAPE",
    allowed: limits.repeat,
    ask: (scene, max) =>
      submitted(scene, one({ kind: "repeat", workflow: one({ kind: "noop" }), until: { eq: [1, 1] }, max }))
  },
  "attempts of a task": {
    code: "SHAPE",
    allowed: limits.attempts,
    ask: (scene, attempts) => submitted(scene, one({ kind: "noop", retry: { attempts } }))
  },
  "milliseconds of a wait": {
    code: "SHAPE",
    allowed: limits.durationMs,
    ask: (scene, durationMs) => submitted(scene, one({ kind: "sleep", durationMs }))
  },
  "signals that wait": {
    code: "LIMIT_SIGNALS",
    allowed: limits.signals,
    before: async (scene) => {
      const run = await waiting(scene)
      for (let i = 1; i < limits.signals; i++) await run.signal("go", i)
    },
    ask: async ({ orchestrator }, much) => {
      const run = await orchestrator.get("waits")
      for (let i = limits.signals - 1; i < much; i++) await run.signal("go", i)
    }
  },
  "bytes of an answer": {
    code: "LIMIT_PAYLOAD",
    allowed: limits.payloadBytes,
    before: (scene) => waiting(scene),
    ask: async ({ orchestrator }, much) => (await orchestrator.get("waits")).signal("go", "x".repeat(much))
  }
}

/** A run that does not listen yet. */
const waiting = ({ orchestrator, step }: Scene): Promise<Run> =>
  orchestrator.submit(
    workflow("waits", type<null>())
      .sleep("z", "1h")
      .gate("asked", type<any>(), { signal: "go", within: "forever", after: ["z"] })
      .task("t", step, ($) => $.asked)
      .returns(() => null),
    null,
    { id: "waits" }
  )

const codeOf = (error: any): string => error.problems?.[0]?.code ?? error.failure?.code ?? error.code
const telling = ({ message }: Error) => message.replaceAll(",", "")

describe("G23 what a limit allows is taken, and one more is refused before anything is written", () => {
  test.each(Object.entries(rows))(
    "%s",
    async (_, { code, allowed, isLarge, ask, before: prepare = async () => undefined }) => {
      const taken = await scene()
      await prepare(taken)
      await ask(taken, isLarge === true ? 1_000 : allowed)
      expect(taken.rows()).toBeGreaterThan(0)
      await taken.orchestrator.close()

      for (const more of [1, 7]) {
        const refused = await scene()
        await prepare(refused)
        if (code === "LIMIT_RUNS") await ask(refused, allowed)
        const counts = [refused.rows(), refused.calls()]
        const error = await ask(refused, allowed + more).then(
          () => undefined,
          (given) => given
        )
        expect(error).toMatchObject({ message: expect.any(String) })
        expect(codeOf(error)).toBe(code)
        expect(telling(error)).toContain(String(allowed))
        // what came before the one too many was taken
        if (code !== "LIMIT_SIGNALS") expect([refused.rows(), refused.calls()]).toEqual(counts)
        else expect(refused.rows()).toBe(counts[0]! + 1)
        await refused.orchestrator.close()
      }
    }
  )

  test("bytes and levels of a result, items of a fan-out: the task fails with the limit, and nothing of it goes on", async () => {
    const give: { readonly [what: string]: readonly [string, (much: number) => unknown, number] } = {
      bytes: ["LIMIT_PAYLOAD", (much) => "x".repeat(much), limits.payloadBytes],
      levels: ["LIMIT_DEPTH", nested, limits.depth],
      items: ["LIMIT_FANOUT", (much) => much, limits.fanout]
    }
    for (const [what, [code, of, allowed]] of Object.entries(give)) {
      const { orchestrator, step, calls } = await scene()
      const made = task("made", { in: type<null>(), out: type<any>(), run: () => of(allowed + 1) })
      const begun = workflow("gives", type<null>()).task("a", made, () => null)
      const flow =
        what === "items"
          ? begun.map("b", step, ($) => $.a as any).returns(() => null)
          : begun.task("b", step, ($) => $.a).returns(() => null)
      const run = await orchestrator.submit(flow, null)
      const { error, failedTask } = await run.outcome()
      expect([codeOf(error), failedTask, calls()]).toEqual([code, what === "items" ? "b" : "a", 0])
      // what was too much is in no message
      const { length } = JSON.stringify(await run.history())
      expect(length).toBeLessThan(2_000)
      await orchestrator.close()
    }
  })

  test("letters in a mailbox, attempts at a time: as many as allowed, whatever comes at once", async () => {
    let most = 0
    let now = 0
    const out: Array<() => void> = []
    const agent = {
      id: "one",
      can: ["work"],
      capacity: 2,
      run: () =>
        new Promise<number>((resolve) => {
          most = Math.max(most, ++now)
          out.push(() => {
            now--
            resolve(1)
          })
        })
    }
    await using orchestrator = await Orchestrator.open({ agents: [agent], mailboxMax: 5 })
    const flow = await load({ ir: 1, name: "w", tasks: [{ id: "t", needs: "work" }], output: { $: "t" } })
    const runs = await Promise.all(Array.from({ length: 12 }, () => orchestrator.submit(flow, null)))
    const ends = Promise.all(runs.map((run) => run.outcome()))
    for (let i = 0; i < 40; i++) {
      for (const end of out.splice(0)) end()
      await Effect.runPromise(Effect.sleep(1))
    }
    const results = await ends
    expect(most).toBe(2)
    expect(results.filter(({ status }) => status === "succeeded")).toHaveLength(7)
    for (const { error } of results.filter(({ status }) => status === "failed"))
      expect(codeOf(error)).toBe("MAILBOX_FULL")
  })
})
