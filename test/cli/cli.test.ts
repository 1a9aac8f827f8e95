// The command line is a contract: names, JSON fields and exit codes. Driven as scripts drive it, against the built package.
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { commands } from "../../src/cli/commands.ts"

const bin = fileURLToPath(new URL("../../bin/troupe.mjs", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "troupe-cli-"))
const file = (name: string, content: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
}
/** Stores have their own tests (store.test.ts); here nothing is written. */
const inMemory = ([command, ...rest]: ReadonlyArray<string>) =>
  command === "run" && !rest.includes("--store") ? [command, "--store", "memory", ...rest] : [command!, ...rest]
const troupe = (
  args: ReadonlyArray<string>,
  { stdin = "", env = {} as Record<string, string>, signalOnce = "" } = {}
): Promise<{ code: number | null; stdout: string; stderr: string; json: () => any }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...(args.length === 0 ? [] : inMemory(args))], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...env }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => (stdout += chunk))
    child.stderr.on("data", (chunk) => (stderr += chunk))
    child.stdin.end(stdin)
    const waiting = setInterval(() => {
      if (signalOnce === "" || !existsSync(signalOnce)) return
      clearInterval(waiting)
      child.kill("SIGINT")
    }, 50)
    child.on("close", (code) => {
      clearInterval(waiting)
      resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) })
    })
  })
const hello = file("hello.json", {
  ir: 1,
  name: "hello",
  input: { type: "object" },
  resources: { cpu: 4, custom: { R1: 10 } },
  tasks: [
    { id: "a", kind: "echo", input: { n: { $: "input.n" } }, estimateMs: 1_000, resources: { cpu: 1 } },
    { id: "b", kind: "noop", after: ["a"], estimateMs: 2_000, resources: { custom: { R1: 3 } } }
  ],
  output: { $: "a.n" }
})
const doc = (tasks: ReadonlyArray<object>, more: object = {}) => ({ ir: 1, name: "w", tasks, ...more })

describe.concurrent("troupe run", () => {
  test("prints exactly one JSON value with the fixed fields", async () => {
    const { code, json, stderr } = await troupe(["run", hello, "--input", '{"n": 3}', "--id", "r-1", "--json"])
    const answer = json()
    expect([code, stderr]).toEqual([0, ""])
    expect(answer).toEqual({
      run: "r-1",
      workflow: "hello",
      status: "succeeded",
      output: 3,
      error: null,
      durationMs: expect.any(Number),
      tasks: { total: 2, completed: 2, failed: 0, skipped: 0, cancelled: 0, compensated: 0 }
    })
  })
  test("input comes from the line, a file, or standard input", async () => {
    const input = file("input.json", { n: "from a file" })
    expect((await troupe(["run", hello, "--input", `@${input}`, "--json"])).json().output).toBe("from a file")
    expect(
      (await troupe(["run", hello, "--input", "-", "--json"], { stdin: '{"n": "from stdin"}' })).json().output
    ).toBe("from stdin")
  })
  test("a failed run: exit 1, the task and its error", async () => {
    const path = file(
      "fails.json",
      doc([
        { id: "ok", kind: "noop" },
        { id: "bad", kind: "fail", error: "kaputt", after: ["ok"] },
        { id: "never", kind: "noop", after: ["bad"] }
      ])
    )
    const { code, json } = await troupe(["run", path, "--json"])
    expect(code).toBe(1)
    expect(json()).toMatchObject({
      status: "failed",
      output: null,
      error: { task: "bad", code: "FAILED", message: "kaputt" },
      tasks: { total: 3, completed: 1, failed: 1, skipped: 1 }
    })
    const people = await troupe(["run", path])
    expect(people.code).toBe(1)
    expect(people.stdout).toMatch(/✗ w failed in .*: 1 of 3 tasks, 1 failed, 1 skipped/)
    expect(people.stdout).toContain("bad: kaputt")
  })
  test("fail with times, and sleep scaled by --var-scale", async () => {
    const path = file(
      "scale.json",
      doc(
        [
          { id: "nap", kind: "sleep", durationMs: 5_000 },
          { id: "f", kind: "fail", times: 1, retry: { attempts: 2, baseMs: 1 }, input: "fine", after: ["nap"] }
        ],
        { output: { $: "f" } }
      )
    )
    const { code, json } = await troupe(["run", path, "--var-scale", "100", "--json"])
    expect([code, json().output]).toEqual([0, "fine"])
    expect(json().durationMs).toBeGreaterThanOrEqual(49)
    expect(json().durationMs).toBeLessThan(3_000)
  })
  test("an invalid document: exit 3, every problem, nothing on stdout but JSON", async () => {
    const path = file(
      "bad.json",
      doc([
        { id: "a", kind: "noop", after: ["b"] },
        { id: "a", kind: "noop" }
      ])
    )
    const { code, json, stderr } = await troupe(["run", path, "--json"])
    expect(code).toBe(3)
    expect(json().error.problems.map((problem: any) => problem.code)).toEqual(["ID_DUPLICATE", "DEP_UNKNOWN"])
    expect(stderr).toContain("there is no task 'b'")
  })
  test("input that does not match: exit 2 and one sentence", async () => {
    const { code, stderr } = await troupe(["run", hello, "--input", "[]"])
    expect(code).toBe(2)
    expect(stderr.trim().split("\n").length).toBe(1)
    expect(stderr).toContain("the input of workflow 'hello' does not match its schema")
  })
  test("an interrupt ends the run: exit 130 and how things stand", async () => {
    const marker = join(folder, "begun")
    const path = file(
      "long.json",
      doc([
        { id: "begin", kind: "shell", argv: ["touch", marker] },
        { id: "nap", kind: "sleep", durationMs: 60_000, after: ["begin"] }
      ])
    )
    const { code, stderr } = await troupe(["run", path, "--allow", "shell"], { signalOnce: marker })
    expect(code).toBe(130)
    expect(stderr).toContain("interrupted")
  })
  test("YAML, with comments", async () => {
    const path = file(
      "w.yaml",
      "ir: 1\nname: y # a comment\ntasks:\n  - { id: a, kind: echo, input: { x: 1 } }\noutput: { $: a.x }\n"
    )
    expect((await troupe(["run", path, "--json"])).json().output).toBe(1)
  })
  test("code: default export, named export, and what there is when the name is wrong", async () => {
    const index = fileURLToPath(new URL("../../dist/index.js", import.meta.url))
    const path = file(
      "w.mts",
      `import { task, type, workflow } from ${JSON.stringify(index)}\nconst t = task("t", { in: type<number>(), out: type<number>(), run: (n: number) => n * 2 })\nexport const twice = workflow("twice", type<number>()).task("a", t, ($) => $.input).returns(($) => $.a)\nexport default twice\n`
    )
    expect((await troupe(["run", path, "--input", "4", "--json"])).json().output).toBe(8)
    expect((await troupe(["run", path, "--export", "twice", "--input", "5", "--json"])).json().output).toBe(10)
    const wrong = await troupe(["run", path, "--export", "twise"])
    expect([wrong.code, wrong.stderr.includes("did you mean 'twice'")]).toEqual([3, true])
  })
  test("agents of the document work; a need that nobody meets is known before anything starts", async () => {
    const agents = [{ id: "e", can: ["echo"], does: { kind: "echo" } }]
    expect(
      (
        await troupe([
          "run",
          file("ag.json", doc([{ id: "a", needs: "echo", input: 7 }], { agents, output: { $: "a" } })),
          "--json"
        ])
      ).json().output
    ).toBe(7)
    const { code, json } = await troupe([
      "run",
      file("ag2.json", doc([{ id: "a", needs: "ecko", input: 7 }], { agents })),
      "--json"
    ])
    expect(code).toBe(3)
    expect(json().error.problems).toMatchObject([{ code: "NO_AGENT", hint: "did you mean 'echo'?" }])
  })
})

describe.concurrent("kinds that reach outside run only when allowed", () => {
  const shell = file(
    "shell.json",
    doc([{ id: "a", kind: "shell", argv: ["printf", "%s", { $: "input.x" }] }], { output: { $: "a.stdout" } })
  )
  test("shell: arguments are never parsed by a shell", async () => {
    for (const command of ["run", "check"]) {
      const refused = await troupe([command, shell, "--json"])
      expect(refused.code).toBe(3)
      expect(refused.stdout).toContain("KIND_NOT_ALLOWED")
    }
    const { json } = await troupe([
      "run",
      shell,
      "--allow",
      "shell",
      "--input",
      JSON.stringify({ x: "$(touch pwned); `id` && rm -rf /tmp/nothing" }),
      "--json"
    ])
    expect(json().output).toBe("$(touch pwned); `id` && rm -rf /tmp/nothing")
    expect((await troupe(["check", shell, "--allow", "shell"])).code).toBe(0)
  })
  test("shell: a program that fails is a failed attempt with its last words; the environment is not passed on", async () => {
    const bad = file("shell-bad.json", doc([{ id: "a", kind: "shell", argv: ["sh", "-c", "echo oh no >&2; exit 3"] }]))
    expect((await troupe(["run", bad, "--allow", "shell", "--json"])).json().error).toMatchObject({
      code: "PROGRAM_FAILED",
      message: expect.stringContaining("code 3: oh no")
    })
    const env = file(
      "shell-env.json",
      doc([{ id: "a", kind: "shell", argv: ["sh", "-c", "echo $SECRET-$SHOWN"], env: ["SHOWN"] }], {
        output: { $: "a.stdout" }
      })
    )
    expect(
      (await troupe(["run", env, "--allow", "shell", "--json"], { env: { SECRET: "s", SHOWN: "yes" } })).json().output
    ).toBe("-yes\n")
    const missing = file("shell-missing.json", doc([{ id: "a", kind: "shell", argv: ["no-such-program"] }]))
    expect((await troupe(["run", missing, "--allow", "shell", "--json"])).json().error.code).toBe("PROGRAM_FAILED")
  })
  test("http: only listed hosts, no redirects followed, no credentials, private addresses closed", async () => {
    const seen: Array<string> = []
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["idempotency-key"] ?? ""}`)
      if (request.url === "/redirect") response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()
      else if (request.url === "/bad")
        response.writeHead(503, { "content-type": "application/json" }).end('{"why":"busy"}')
      else response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}')
    }).listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const call = (name: string, url: string, allow: string, more: object = {}) =>
      troupe([
        "run",
        file(`http-${name}.json`, doc([{ id: "a", kind: "http", url, ...more }], { output: { $: "a" } })),
        "--allow",
        allow,
        "--id",
        `h-${name}`,
        "--json"
      ])
    expect(
      (await call("ok", `http://${host}/x`, `http:${host}`, { method: "POST", body: { a: 1 } })).json().output
    ).toMatchObject({ status: 200, body: { ok: true } })
    expect(seen).toEqual(["POST /x h-ok/a"])
    expect((await call("redirect", `http://${host}/redirect`, "http")).json().output).toMatchObject({ status: 302 })
    expect((await call("bad", `http://${host}/bad`, "http")).json().error).toMatchObject({
      code: "HTTP_FAILED",
      message: expect.stringContaining("status 503")
    })
    const count = seen.length
    expect((await call("other", `http://${host}/x`, "http:example.com")).json().error.code).toBe("EGRESS_DENIED")
    expect((await call("creds", `http://user:pass@${host}/x`, "http")).json().error.code).toBe("URL_CREDENTIALS")
    for (const [i, url] of [
      "http://169.254.169.254/latest/meta-data/",
      "http://10.0.0.1/",
      "http://[::ffff:10.0.0.1]/",
      "http://192.168.1.1/",
      "http://0xa000001/",
      "ftp://example.com/",
      "nonsense"
    ].entries()) {
      expect((await call(`closed${i}`, url, "http")).json().error.code, url).toBe("EGRESS_DENIED")
    }
    expect(seen.length).toBe(count)
    server.close()
  })
  test("V-39 http: an answer above the limit is cut off and is a failed attempt", async () => {
    const server = createServer((_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 120)
      let sent = 0
      const more = () => {
        if (++sent > 64) return response.end()
        response.write(chunk, more)
      }
      more()
      response.on("error", () => {})
    }).listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const path = file(
      "http-big.json",
      doc([{ id: "a", kind: "http", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }])
    )
    expect((await troupe(["run", path, "--allow", "http", "--json"])).json().error.code).toBe("LIMIT_PAYLOAD")
    server.close()
    server.closeAllConnections()
  })
  test("module: a function beside the document, and none outside its folder", async () => {
    mkdirSync(join(folder, "inside"), { recursive: true })
    file("inside/steps.mjs", "export const twice = (n) => n * 2\nexport const notAFunction = 1\n")
    file("outside.mjs", "export const twice = () => 'outside'\n")
    symlinkSync(join(folder, "outside.mjs"), join(folder, "inside/link.mjs"))
    const call = async (module: string) =>
      (
        await troupe([
          "run",
          file("inside/m.json", doc([{ id: "a", kind: "module", module, input: 21 }], { output: { $: "a" } })),
          "--allow",
          "module",
          "--json"
        ])
      ).json()
    expect((await call("steps.mjs#twice")).output).toBe(42)
    for (const module of [
      "../outside.mjs#twice",
      "link.mjs#twice",
      "/etc/passwd#x",
      "steps.mjs#nope",
      "steps.mjs#notAFunction",
      "steps.mjs#toString",
      "nope.mjs#x"
    ])
      expect((await call(module)).error, module).toMatchObject({ code: "OPTION_INVALID" })
  })
})

describe.concurrent("troupe check, plan, schema, doctor", () => {
  test("check lists all problems, with severity, place and hint; warnings alone are fine", async () => {
    const bad = await troupe([
      "check",
      file(
        "c1.json",
        doc([
          { id: "a", kind: "nop" },
          { id: "b", kind: "noop", aftr: [] }
        ])
      ),
      "--json"
    ])
    expect(bad.code).toBe(1)
    expect(bad.json()).toMatchObject({
      ok: false,
      problems: [
        { code: "SHAPE", path: "/tasks/0/kind", hint: "did you mean 'noop'?" },
        { code: "KEY_UNKNOWN", path: "/tasks/1/aftr", severity: "error", hint: "did you mean 'after'?" }
      ]
    })
    expect((await troupe(["check", hello, "--json"])).json()).toEqual({ ok: true, problems: [] })
    const empty = await troupe(["check", file("c2.json", doc([])), "--json"])
    expect([empty.code, empty.json().ok, empty.json().problems[0].severity]).toEqual([0, true, "warning"])
    const broken = await troupe(["check", file("c3.json", '{"ir": 1,'), "--json"])
    expect([broken.code, broken.json().problems[0].code]).toEqual([1, "JSON_SYNTAX"])
    const people = await troupe(["check", file("c4.json", doc([{ id: "a\n\u001b[31m", kind: "noop" }]))])
    expect(people.stdout).not.toContain("\u001b[31m")
  })
  test("plan has the fixed fields, and holds requirements against what is given", async () => {
    const { code, json } = await troupe(["plan", hello, "--json"])
    expect(code).toBe(0)
    expect(Object.keys(json())).toEqual([
      "workflow",
      "tasks",
      "stages",
      "criticalPath",
      "criticalPathMs",
      "estimatedMs",
      "parallelism",
      "resources",
      "schedule",
      "makespanMs",
      "lowerBoundMs",
      "problems"
    ])
    expect(json()).toMatchObject({
      tasks: 2,
      criticalPath: ["a", "b"],
      makespanMs: 3_000,
      schedule: [
        { task: "a", startMs: 0, endMs: 1_000, allocation: { cpu: 1 } },
        { task: "b", startMs: 1_000, endMs: 3_000, allocation: { R1: 3 } }
      ]
    })
    const short = await troupe(["plan", hello, "--json", "--resources", '{"cpu": 1, "custom": {"R1": 2}}'])
    expect([short.code, short.json().problems[0].code]).toEqual([1, "RESOURCE_INFEASIBLE"])
    expect((await troupe(["plan", hello, "--resources", '{"workers": []}'])).code).toBe(2)
    expect((await troupe(["plan", hello, "--resources", '{"cpu": -1}'])).code).toBe(2)
    expect((await troupe(["plan", hello, "--policy", "magic"])).stderr).toContain("critical-path")
  })
  test("graph writes the workflow for Mermaid and for Graphviz", async () => {
    expect((await troupe(["graph", hello])).stdout).toContain('flowchart LR\n  t0["a"]\n  t1["b"]\n  t0 --> t1')
    expect((await troupe(["graph", hello, "--to", "dot"])).stdout).toContain("t0 -> t1;")
    expect((await troupe(["graph", hello, "--json"])).json()).toMatchObject({ workflow: "hello", to: "mermaid" })
    const { code, stderr } = await troupe(["graph", hello, "--to", "png"])
    expect([code, stderr]).toEqual([2, expect.stringContaining("mermaid, dot")])
  })

  test("plan shows the policies of each task in the order in which they apply, and check says which make no sense", async () => {
    const undo = { kind: "noop" }
    const guarded = file("guarded.json", {
      ir: 1,
      name: "guarded",
      tasks: [
        { id: "a", kind: "fail", undo, retry: { attempts: 3 }, timeoutMs: 50, bulkhead: "bank" },
        { id: "b", kind: "http", method: "POST", url: "https://bank.example", after: ["a"] },
        { id: "c", kind: "fail", after: ["b"] }
      ]
    })
    const { code, stdout } = await troupe(["plan", guarded])
    expect(code).toBe(0)
    expect(stdout).toContain("policies, in the order in which they apply:\n  a: bulkhead → timeout → retry → undo\n")
    const { schedule } = (await troupe(["plan", guarded, "--json"])).json()
    expect(schedule.map(({ policies }: any) => policies)).toEqual([
      ["bulkhead", "timeout", "retry", "undo"],
      undefined,
      undefined
    ])
    const checked = await troupe(["check", guarded, "--json", "--allow", "http:bank.example"])
    expect([checked.code, checked.json().problems.map(({ code, path }: any) => `${code} ${path}`)]).toEqual([
      0,
      ["UNDO_MISSING /tasks/1"]
    ])
  })
  test("schema is a JSON Schema that the smallest file keeps", async () => {
    const { json } = await troupe(["schema"])
    const { Validator } = await import("@cfworker/json-schema")
    const { readFileSync } = await import("node:fs")
    const validator = new Validator(json(), "2020-12", false)
    expect(json().$schema).toBe("https://json-schema.org/draft/2020-12/schema")
    expect(validator.validate(JSON.parse(readFileSync(hello, "utf8"))).valid).toBe(true)
    expect(validator.validate({ ir: 1, name: "x", tasks: [{ id: "a", kind: "noop", aftr: [] }] }).valid).toBe(false)
  })
  test("doctor finds a working installation", async () => {
    const { code, json } = await troupe(["doctor", "--json"])
    expect([code, json().ok]).toEqual([0, true])
    expect(json().findings.map(({ check }: any) => check)).toContain("a workflow")
  })
})

describe.concurrent("wrong usage is one sentence with a way out, exit 2", () => {
  test.each([
    [["chek", "x.json"], "did you mean 'check'?"],
    [["run"], "needs FILE"],
    [["run", hello, "--inputt", "1"], "did you mean '--input'?"],
    [["run", hello, "--input"], "'--input' needs a value"],
    [["run", hello, "--input", "{n: 1}"], "is not JSON"],
    [["run", hello, "--input", "@nope.json"], "cannot read nope.json"],
    [["run", hello, "extra"], "does not know what to do with 'extra'"],
    [["run", hello, "--var-scale", "0"], "above 0"],
    [["run", hello, "--var-scale", "x"], "needs a number"],
    [["run", hello, "--store", "mongo:x"], "(stores: memory, sqlite:PATH)"],
    [["run", hello, "--store", "mongodb://host/x"], "(stores: memory, sqlite:PATH)"],
    [["runs", "--store", "/path/zero.db"], "(did you mean 'sqlite:/path/zero.db'?)"],
    [["runs", "--store", "zero.sqlite"], "(did you mean 'sqlite:zero.sqlite'?)"],
    [["run", hello, "--allow", "shel"], "did you mean 'shell'?"],
    [["run", hello, "--id", "../../x"], "is not allowed"]
  ])("%j", async (args, sentence) => {
    const { code, stderr, stdout } = await troupe(args)
    expect(code).toBe(2)
    expect(stdout).toBe("")
    expect(stderr).toContain(sentence)
    expect(stderr.trim().split("\n").length).toBe(1)
  })
  test.each([
    [["run", "nope.json"], "there is no file nope.json"],
    [["run", "."], "says nothing"],
    [["check", "x.txt"], "workflow files end in"]
  ])("%j is about the file: exit 3", async (args, sentence) => {
    const { code, stderr } = await troupe(args)
    expect([code, stderr.includes(sentence)]).toEqual([3, true])
  })
  test("help and version are for everybody; every command shows an example", async () => {
    expect((await troupe(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    const { stdout } = await troupe(["--help"])
    for (const command of Object.keys(commands)) {
      expect(stdout).toContain(`  ${command}`)
      const help = await troupe([command, "--help"])
      expect([help.code, help.stdout.includes("example: troupe")]).toEqual([0, true])
    }
    expect((await troupe([])).code).toBe(0)
  })
  test("a pipe that closes early is no error", async () => {
    const { spawnSync } = await import("node:child_process")
    const { stderr } = spawnSync("sh", ["-c", `"${process.execPath}" "${bin}" schema | head -1`], { encoding: "utf8" })
    expect(stderr).toBe("")
  })
})

describe.concurrent("troupe prove", () => {
  const order = file(
    "order.json",
    doc([
      { id: "quotes", kind: "map", over: [1, 2, 3], each: { kind: "http", url: "http://prices.example/" } },
      { id: "pay", kind: "shell", argv: ["pay", { $: "quotes" }] },
      { id: "ship", needs: "shipping", after: ["pay"] }
    ])
  )
  test("a document is proved without anything of it being done", async () => {
    const { code, json, stderr } = await troupe(["prove", order, "--faults", "2", "--json"])
    expect(json()).toMatchObject({ ok: true, complete: true, faults: 2, counterexample: null })
    expect(json().states).toBeGreaterThan(100)
    expect([code, json().ends, stderr]).toEqual([0, ["PLANNED", "TIMEOUT", "succeeded"], ""])
    const people = await troupe(["prove", order, "--faults", "1"])
    expect(people.stdout).toMatch(/w: proved for k = 1: \d+ states/)
    expect(people.stderr).toContain("not called: quotes (http), pay (shell)")
  })
  test("a budget that is used up is no proof", async () => {
    const { code, json } = await troupe(["prove", order, "--faults", "2", "--budget", "20", "--json"])
    expect(json()).toMatchObject({ ok: true, complete: false, sampled: 200 })
    expect([code, json().summary.startsWith("explored ")]).toEqual([0, true])
  })
  test("a code file brings its world along: exit 1 and the shortest story of what breaks it", async () => {
    const index = fileURLToPath(new URL("../../dist/index.js", import.meta.url))
    const path = file(
      "charge.mts",
      `import { task, type, workflow } from ${JSON.stringify(index)}
let charges = 0
const charge = task("charge", { in: type<null>(), out: type<number>(), run: () => ++charges })
export const reset = () => { charges = 0 }
export const always = () => charges <= 1
export default workflow("order", type<null>()).task("paid", charge, () => null).returns(($) => $.paid)
`
    )
    const { code, json } = await troupe(["prove", path, "--faults", "1", "--json"])
    expect(code).toBe(1)
    expect(json()).toMatchObject({ ok: false, complete: false, depth: 3 })
    expect(json().counterexample).toMatchObject({ violations: [{ promise: "always" }], faults: 1, isShortest: true })
    expect(json().counterexample.schedule).toHaveLength(3)
    const people = await troupe(["prove", path])
    expect([people.code, people.stdout.includes("FAULT the process dies and begins anew")]).toEqual([1, true])
  })
  test("wrong use: exit 2; a file that is no workflow: exit 3", async () => {
    for (const wrong of [
      ["--faults", "x"],
      ["--faults", "99"],
      ["--budget", "0"],
      ["--fault", "1"],
      ["--input", "{"]
    ])
      expect((await troupe(["prove", order, ...wrong])).code).toBe(2)
    const strict = file("strict.json", { ...doc([{ id: "a", kind: "noop" }]), input: { type: "number" } })
    expect((await troupe(["prove", strict, "--input", '"text"'])).code).toBe(2)
    expect((await troupe(["prove", strict])).code).toBe(0)
    expect((await troupe(["prove", "nope.json"])).code).toBe(3)
    expect((await troupe(["prove", file("cycle.json", doc([{ id: "a", kind: "noop", after: ["a"] }]))])).code).toBe(3)
  })
})
