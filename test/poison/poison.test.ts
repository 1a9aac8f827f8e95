// Real processes that end themselves, one after the other over one store, as somebody would restart them.
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Orchestrator } from "troupe"
import { afterAll, describe, expect, test } from "vitest"
import type { Plan } from "./life.ts"

const script = fileURLToPath(new URL("./life.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "troupe-poison-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const planOf = (name: string, more: Partial<Plan>): Plan => ({
  path: join(folder, `${name}.db`),
  log: join(folder, `${name}.log`),
  innocents: 50,
  stepMs: 60,
  culprits: 1,
  how: "kill",
  afterMs: 0,
  ...more
})

/** One life; true if it came to its end by itself. */
const live = (plan: Plan, killAfterMs?: number): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [script, JSON.stringify(plan)], { stdio: "ignore" })
    const killer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs)
    child.on("close", (code) => {
      clearTimeout(killer)
      resolve(code === 0)
    })
  })

const linesOf = ({ log }: Plan) => readFileSync(log, "utf8").trim().split("\n")
const count = (plan: Plan, line: RegExp) => new Set(linesOf(plan).filter((one) => line.test(one))).size

/** Restarts it until it ends by itself, as a supervisor of processes would. */
const restartUntilItEnds = async (plan: Plan, most: number): Promise<number> => {
  for (let boots = 1; boots <= most; boots++) if (await live(plan)) return boots
  return Number.POSITIVE_INFINITY
}

describe.concurrent("G21 a task that ends the process", () => {
  test.each([
    ["exits it", { how: "exit" }],
    ["kills it", { how: "kill" }],
    ["throws where nobody catches, a moment later", { how: "throw", afterMs: 50 }]
  ] as const)(
    "and %s is left alone at the fourth boot; 50 other runs come to their end",
    async (_, more) => {
      const plan = planOf(more.how, more)
      expect(await restartUntilItEnds(plan, 6)).toBeLessThanOrEqual(4)
      expect(count(plan, /^i\d+ succeeded/)).toBe(50)
      expect(linesOf(plan).filter((line) => line === "strike")).toHaveLength(3)
      expect(linesOf(plan)).toContain("c0 POISON boom")

      await using orchestrator = await Orchestrator.open({ store: `sqlite:${plan.path}` })
      const { runs } = await orchestrator.list({ status: "quarantined" })
      expect(runs.map(({ run, error }) => [run, error?.task, error?.failure.code])).toEqual([["c0", "boom", "POISON"]])
      expect(runs[0]!.error!.failure.message).toMatch(/mend the task, then let it try again with run\.resume/)
      expect(orchestrator.live).toBe(0)
    },
    90_000
  )

  test("that was mended goes on when somebody lets it, who is kept in its history; one that was not is left alone again", async () => {
    const plan = planOf("release", { innocents: 3 })
    expect(await restartUntilItEnds(plan, 6)).toBeLessThanOrEqual(4)
    // let go without having been mended: it gets its three tries again
    expect(await live({ ...plan, release: ["c0"] })).toBe(false)
    expect(await restartUntilItEnds(plan, 4)).toBeLessThanOrEqual(3)
    expect(linesOf(plan).filter((line) => line === "strike")).toHaveLength(6)

    expect(await live({ ...plan, release: ["c0"], isMended: true })).toBe(true)
    expect(linesOf(plan)).toContain('c0 succeeded "mended"')
    await using orchestrator = await Orchestrator.open({ store: `sqlite:${plan.path}` })
    const history = await (await orchestrator.get("c0")).history()
    expect(history.filter(({ type }) => type === "run.resumed")).toMatchObject([
      { who: "ann", why: "it is mended" },
      { who: "ann", why: "it is mended" }
    ])
  }, 90_000)
})

test("G21 a process that is killed from outside again and again under load leaves nobody alone", async () => {
  const plan = planOf("storm", { innocents: 200, culprits: 0, stepMs: 400 })
  for (let i = 0; i < 10; i++) {
    await live(plan, 250 + 90 * i)
    await sleep(20)
  }
  expect(await live(plan)).toBe(true)
  expect(count(plan, /^i\d+ succeeded/)).toBe(200)
}, 90_000)
