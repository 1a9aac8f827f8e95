// `troupe chaos` looks for a way to break a document, `troupe repro` makes a test of a run that failed.
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Orchestrator, task, type, workflow } from "troupe"
import { simulate } from "troupe/chaos"
import { describe, expect, test } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "troupe-cli-chaos-"))
const file = (name: string, content: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
}
const node = (
  args: ReadonlyArray<string>,
  cwd = folder
): Promise<{ code: number | null; stdout: string; stderr: string; json: () => any }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [...args], { cwd, env: { PATH: process.env.PATH, NO_COLOR: "1" } })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => (stdout += chunk))
    child.stderr.on("data", (chunk) => (stderr += chunk))
    child.on("close", (code) => resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) }))
  })
const troupe = (...args: ReadonlyArray<string>) => node([join(root, "bin/troupe.mjs"), ...args])

/** Everything in it would reach outside. */
const order = file("order.json", {
  ir: 1,
  name: "order",
  input: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
  tasks: [
    { id: "quote", kind: "http", url: "http://127.0.0.1:9/never", retry: { attempts: 3 } },
    {
      id: "ok",
      kind: "gate",
      withinMs: 3_600_000,
      otherwise: "fail",
      after: ["quote"],
      out: { type: "object", properties: { by: { type: "string" } }, required: ["by"] }
    },
    { id: "charge", needs: "bank", input: { price: { $: "quote.body.price" }, by: { $: "ok.by" } } },
    { id: "mark", kind: "shell", argv: ["touch", join(folder, "was-called"), { $: "charge.id" }] },
    { id: "tell", kind: "module", module: "steps.js#tell", after: ["mark"] },
    { id: "book", task: "book", after: ["tell"] }
  ],
  output: { $: "mark.code" }
})
/** Does not like to be called twice. */
const code = file(
  "broken.ts",
  `import { task, type, workflow } from "${join(root, "src/index.ts")}"
const charge = task("charge", {
  in: type<Record<string, unknown>>(), out: type<string>(),
  run: async (_, { delivery }) => { if (delivery > 1) throw new Error("once more?"); return "paid" }
})
export default workflow("broken", type<Record<string, unknown>>())
  .task("paid", charge, ($) => $.input, { retry: { attempts: 1 } })
  .returns(($) => $.paid)
`
)

/** The same between two tasks that have nothing to do with it. */
const longer = file(
  "longer.ts",
  readFileSync(code, "utf8")
    .replaceAll("broken", "longer")
    .replace(".task(", '.task("first", pass, ($) => $.input)\n  .task(')
    .replace("$.input, { retry", "$.first, { retry")
    .replace(".returns", '.task("last", pass, ($) => $.paid as never)\n  .returns')
    .replace(
      "export default",
      "const pass = task('pass', { in: type<any>(), out: type<any>(), run: (input: any) => input })\nexport default"
    )
)

describe.concurrent("troupe chaos", () => {
  test("a document is put to the test without anything of it being called; the fixed fields are there", async () => {
    const { code: exit, json, stderr } = await troupe("chaos", order, "--runs", "300", "--seed", "1", "--json")
    const answer = json()
    expect([exit, stderr]).toEqual([0, ""])
    expect(answer).toMatchObject({ ok: true, runs: 300, seed: 1, counterexample: null })
    expect(answer.executionsPerSecond).toBeGreaterThan(0)
    expect(answer.standIns).toEqual(["quote (http)", "mark (shell)", "tell (module)", "book (code)"])
    expect(answer.coverage.rows.map(({ text }: any) => text)).toContain("quote: waits for its next attempt")
    expect(existsSync(join(folder, "was-called"))).toBe(false)
  })
  test("for people: what was tried, and what never was", async () => {
    const { code: exit, stdout } = await troupe("chaos", order, "--runs", "100", "--seed", "1", "--coverage")
    expect(exit).toBe(0)
    expect(stdout).toMatch(/✓ order: every promise is kept in 100 executions with \d+ faults/)
    expect(stdout).toContain("not really called: quote (http)")
    expect(stdout).toMatch(/failure coverage of order: \d+ of \d+ places × families/)
  })
  test("what breaks is told as its smallest story with how to see it again: exit 1", async () => {
    const corpus = join(folder, "corpus")
    const found = await troupe("chaos", code, "--faults", "crash", "--seed", "1", "--corpus", corpus)
    expect([found.code, found.stderr]).toEqual([1, ""])
    expect(found.stdout).toContain("broken: G16")
    expect(found.stdout).toMatch(/▶ .*FAULT/)
    const again = /^again: troupe (chaos .*)$/m.exec(found.stdout)![1]!.split(" ")
    const second = await troupe(...again, "--json")
    expect(second.code).toBe(1)
    expect(second.json()).toMatchObject({
      ok: false,
      counterexample: { promise: "G16", seed: 1, faults: [{ on: "crash" }], story: expect.any(Array) }
    })
    const [plan] = readdirSync(corpus).sort()
    const kept = await troupe("chaos", code, "--plan", join(corpus, plan!), "--json")
    expect(kept.code).toBe(1)
    expect(kept.json()).toMatchObject({ ok: false, runs: 1, counterexample: { promise: "G16" } })
    expect(kept.json().counterexample.small).toBeNull()
    const bare = file("bare.json", { v: 1, seed: 0, faults: [] })
    expect((await troupe("chaos", code, "--plan", bare)).code).toBe(0)
  })
  test("what is told is about the tasks that it takes; seed, path and plan are for the whole file", async () => {
    const corpus = join(folder, "smaller")
    const args = ["chaos", longer, "--faults", "crash", "--seed", "1"]
    const found = await troupe(...args, "--corpus", corpus)
    expect([found.code, found.stderr]).toEqual([1, ""])
    expect(found.stdout).toContain("taken out of the workflow: 2 of 3 tasks (first, last)")
    const { counterexample } = (await troupe(...args, "--json")).json()
    expect(counterexample.small).toEqual({ without: { first: {}, last: null }, plan: expect.any(Object) })
    expect(counterexample.faults).toEqual(counterexample.plan.faults)
    expect(counterexample.story.some(({ text }: { text: string }) => /first|last/.test(text))).toBe(false)
    const plain = await troupe("chaos", longer, "--plan", file("whole.json", counterexample.plan), "--json")
    expect(plain.json()).toMatchObject({ ok: false, counterexample: { promise: "G16", small: null } })
    const [plan] = readdirSync(corpus).sort()
    const kept = await troupe("chaos", longer, "--plan", join(corpus, plan!), "--json")
    expect(kept.json()).toMatchObject({ ok: false, counterexample: { small: counterexample.small } })
  })
  test.each([
    [["--faults", "crash,storag"], 2, "did you mean 'storage'?"],
    [["--path", "1:2"], 2, "give its '--seed' too"],
    [["--seed", "1", "--path", "a"], 2, "is no path"],
    [["--runs", "0"], 2, "whole number from 1"],
    [["--input", "3"], 2, "give it with --input"],
    [["--plan", "nope.json"], 2, "there is no file nope.json"],
    [["--plan", file("bad.json", { v: 1, seed: 0, faults: [{ on: "moon" }] })], 2, "which is none of task, storage"],
    [["--plan", file("torn.json", '{"v":1,')], 2, "this is no plan"]
  ] as const)("%j is one sentence, exit %i", async (args, exit, sentence) => {
    const { code: found, stderr, stdout } = await troupe("chaos", order, ...args)
    expect([found, stdout]).toEqual([exit, ""])
    expect(stderr).toContain(sentence)
    expect(stderr.trim().split("\n")).toHaveLength(1)
  })
  test("a file that is not there, or is no workflow: exit 3", async () => {
    expect((await troupe("chaos", "nope.json")).code).toBe(3)
    expect((await troupe("chaos", file("no.json", { ir: 1, name: "x", tasks: [{ id: "a" }] }))).code).toBe(3)
  })
})

describe("troupe repro", () => {
  let isDown = true
  const work = (name: string, run: (attempt: number) => Promise<string>) =>
    task(name, {
      in: type<string>(),
      out: type<string>(),
      retry: { attempts: 3, base: 20, jitter: false },
      run: (_, { attempt }) => run(attempt)
    })
  const declined = Object.assign(new Error("card declined"), { code: "CARD_DECLINED", retryable: false })
  const flow = workflow("shop", type<string>())
    .task(
      "reserved",
      work("reserve", async () => "reserved"),
      ($) => $.input
    )
    .gate("approved", type<boolean>(), { within: "forever", after: ["reserved"] })
    .task(
      "paid",
      work("charge", async (attempt) => {
        if (attempt === 1) throw new Error("bank is down")
        // the process ends while this one is out
        if (isDown) return new Promise(() => {})
        throw declined
      }),
      ($) => $.reserved,
      { after: ["approved"] }
    )
    .returns(($) => $.paid)

  const until = async (is: () => Promise<boolean>) => {
    while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  test("a run that failed after a restart becomes a test that fails, until it is mended", async () => {
    const store = `sqlite:${join(folder, "shop.db")}` as const
    {
      await using first = await Orchestrator.open({ store, graceMs: 0 })
      const run = await first.submit(flow, "books", { id: "r-1" })
      await until(async () => (await run.status()).status === "waiting")
      await run.answer("approved", true)
      await until(async () => (await run.status()).messages === 5)
    }
    isDown = false
    {
      await using second = await Orchestrator.open({ store, workflows: [flow] })
      expect(await (await second.get("r-1"))!.outcome()).toMatchObject({ status: "failed" })
    }
    // inside the project, so that vitest finds it
    const place = join(root, "test", `.repro-${process.pid}`)
    mkdirSync(place)
    try {
      const out = join(place, "r-1.repro.test.ts")
      const { code: exit, json, stderr } = await troupe("repro", "r-1", "--store", store, "--out", out, "--json")
      expect([exit, stderr]).toEqual([0, ""])
      expect(json()).toMatchObject({
        run: "r-1",
        workflow: "shop",
        status: "failed",
        isSame: true,
        outcome: "failed",
        faults: [{ on: "crash", when: "acked" }],
        leftOut: []
      })
      const text = readFileSync(out, "utf8")
      expect(text).toContain("CARD_DECLINED: card declined")
      const vitest = () =>
        node([join(root, "node_modules/vitest/vitest.mjs"), "run", "--reporter", "dot", "--root", root, out], root)
      const now = await vitest()
      expect(now.code).toBe(1)
      expect(now.stdout + now.stderr).toContain("CARD_DECLINED")
      // what was mended: the second attempt is accepted
      const mended = text.replace(
        /\{"task":"paid","attempt":2,.*\}/,
        '{"task":"paid","attempt":2,"ms":500,"value":"paid"}'
      )
      expect(mended).not.toBe(text)
      writeFileSync(out, mended)
      const then = await vitest()
      expect(`${then.code} ${then.stderr}`).toBe("0 ")

      const twice = await troupe("repro", "r-1", "--store", store, "--out", out)
      expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("exists already")])
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
    const missing = await troupe("repro", "r-2", "--store", store, "--out", "-")
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("r-2")])
    expect((await troupe("repro", "r-1", "--store", `sqlite:${join(folder, "no.db")}`)).code).toBe(5)
  }, 120_000)

  test("hostile names and values stay data", async () => {
    const { reproOf } = await import("../../src/chaos/repro.ts")
    const { outcome, messages } = await simulate(
      workflow("odd", type<any>())
        .task("echoed", task("echo", { in: type<any>(), out: type<any>(), run: (value) => value }), ($) => $.input)
        .returns(($) => $.echoed),
      { input: 1 }
    )
    expect(outcome?.status).toBe("succeeded")
    const hostile = "*/ } process.exit(7) //\n\u2028`${1}`"
    const changed = messages.map((message) =>
      message.type === "run.submitted"
        ? { ...message, input: hostile }
        : message.type === "attempt.succeeded"
          ? { ...message, value: JSON.parse(`{"__proto__": {"a": 1}, "b": ${JSON.stringify(hostile)}}`) }
          : message
    )
    const { text, isSame } = await reproOf({
      kind: "troupe-run",
      format: 1,
      run: "r",
      hash: "0".repeat(64),
      definition: { ir: 1, name: "odd", tasks: [{ id: "echoed", task: "echo", input: { $: "input" } }], output: 1 },
      status: "succeeded",
      epoch: 1,
      messages: changed,
      epochs: messages.map(() => 1),
      checksum: ""
    })
    expect(isSame).toBe(true)
    const { stripTypeScriptTypes } = await import("node:module")
    const source = stripTypeScriptTypes(text).replace(/^import .*$/gm, "")
    const values = new Function("test", `${source}\nreturn { input, ends }`)(() => {})
    expect(values.input).toBe(hostile)
    expect(Object.keys(values.ends[0].value)).toEqual(["__proto__", "b"])
  })
})
