// What the command line does with runs that are written: one process after another, and two at a time.
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import { doc, type Place, place, until } from "./troupe.ts"

const index = fileURLToPath(new URL("../../dist/index.js", import.meta.url))

const echo = doc("echo", [{ id: "a", kind: "echo", input: { $: "input" } }], { output: { $: "a" } })
const nap = (durationMs: number) =>
  doc(
    "nap",
    [
      { id: "a", kind: "echo", input: { x: 1 } },
      { id: "z", kind: "sleep", durationMs, after: ["a"] },
      { id: "b", kind: "noop", after: ["z"] }
    ],
    { output: { $: "a.x" } }
  )
const fails = doc("fails", [
  { id: "ok", kind: "noop" },
  { id: "bad", kind: "fail", error: "kaputt", after: ["ok"] },
  { id: "last", kind: "noop", after: ["bad"] }
])

/** Another process has the store and naps. */
const withOwner = async (here: Place, durationMs = 30_000) => {
  const owner = here.go("run", here.file("nap.json", nap(durationMs)), "--id", "n", "--json")
  await until(
    () => here.troupe("show", "n", "--json"),
    ({ code, json }) => code === 0 && json().status === "waiting"
  )
  return owner
}

describe.concurrent("a run in a store", () => {
  test("G02 the same id, workflow and input is the same run; another input is refused and nothing is written", async () => {
    const here = place()
    const file = here.file("echo.json", echo)
    const first = await here.troupe("run", file, "--id", "r", "--input", "5", "--json")
    expect([first.code, first.json().output]).toEqual([0, 5])
    const again = await here.troupe("run", file, "--id", "r", "--input", "5", "--json")
    expect(again.json()).toEqual(first.json())
    const other = await here.troupe("run", file, "--id", "r", "--input", "6", "--json")
    expect([other.code, other.json().error.code]).toEqual([2, "IDEMPOTENCY_MISMATCH"])
    expect((await here.troupe("events", "r", "--jsonl")).lines().length).toBe(2)
    expect((await here.troupe("run", file, "--input", "5", "--json")).json().run).not.toBe("r")
  })

  test("an interrupt keeps the run and says how to go on: exit 130, then resume brings it to its end", async () => {
    const here = place()
    const owner = here.go("run", here.file("nap.json", nap(2_000)), "--id", "n")
    await until(
      () => here.troupe("events", "n", "--jsonl"),
      ({ stdout }) => stdout.includes("attempt.succeeded")
    )
    owner.child.kill("SIGINT")
    const { code, stderr } = await owner.done
    expect(code).toBe(130)
    expect(stderr).toContain('run n is kept; go on with "troupe resume n"')
    const resumed = await here.troupe("resume", "--jsonl")
    expect(resumed.code).toBe(0)
    expect(resumed.lines()).toEqual([
      {
        run: "n",
        workflow: "nap",
        status: "succeeded",
        output: 1,
        error: null,
        durationMs: expect.any(Number),
        tasks: { total: 3, completed: 3, failed: 0, skipped: 0, cancelled: 0, compensated: 0 }
      }
    ])
    // what was done before the interrupt was not done again
    const types = (await here.troupe("events", "n", "--jsonl")).lines().map(({ type }) => type)
    expect(types).toEqual(["run.submitted", "attempt.succeeded", "timer.fired", "attempt.succeeded"])
    expect((await here.troupe("resume")).stdout).toContain("nothing to resume")
  })

  test("start writes a run down without beginning it; resume drives it, and its time counts from then", async () => {
    const here = place()
    const marker = join(here.folder, "ran")
    const file = here.file(
      "touch.json",
      doc("touch", [{ id: "t", kind: "shell", argv: ["touch", marker], timeoutMs: 1_500 }])
    )
    const started = await here.troupe("start", file, "--id", "r", "--json")
    expect([started.code, started.json()]).toEqual([0, { run: "r", owner: null, parked: null }])
    await sleep(1_700)
    expect(readdirSync(here.folder)).not.toContain("ran")
    const refused = await here.troupe("resume", "--json")
    expect([refused.code, refused.json().runs[0].error.code]).toEqual([4, "KIND_NOT_ALLOWED"])
    // neither does running something else
    expect((await here.troupe("run", here.file("echo.json", echo), "--json")).code).toBe(0)
    expect((await here.troupe("show", "r", "--json")).json()).toMatchObject({ status: "running", messages: 1 })
    expect((await here.troupe("resume", "r", "--allow", "shell", "--json")).json()).toMatchObject({ ok: true })
    expect(readdirSync(here.folder)).toContain("ran")
  })

  test("start prints the id alone, so that scripts can keep it", async () => {
    const here = place()
    const { stdout, stderr } = await here.troupe("start", here.file("echo.json", echo), "--input", "1")
    expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/)
    expect(stderr).toContain(`"troupe resume ${stdout.trim()}" drives it`)
    expect(
      (await here.troupe("start", here.file("strict.json", { ...echo, input: { type: "object" } }), "--input", "1"))
        .code
    ).toBe(2)
  })

  test("G22 a run that needs code waits for the file that has it", async () => {
    const here = place()
    const file = here.file(
      "w.mts",
      `import { task, type, workflow } from ${JSON.stringify(index)}\nconst t = task("t", { in: type<number>(), out: type<number>(), run: (n: number) => n * 2 })\nexport default workflow("twice", type<number>()).task("a", t, ($) => $.input).returns(($) => $.a)\n`
    )
    expect((await here.troupe("start", file, "--id", "r", "--input", "4")).stdout).toBe("r\n")
    const without = await here.troupe("resume", "--jsonl")
    expect([without.code, without.lines()[0]]).toMatchObject([
      4,
      { run: "r", status: "parked", error: { code: "VERSION_UNAVAILABLE", message: expect.stringContaining("'t'") } }
    ])
    // nor does anybody need it to write something down
    expect((await here.troupe("pause", "r", "--json")).json()).toMatchObject({ status: "paused" })
    expect((await here.troupe("runs", "--json")).json().runs).toMatchObject([{ run: "r", status: "paused" }])
    const given = await here.troupe("resume", "r", "--workflow", file, "--jsonl")
    expect([given.code, given.lines()[0]]).toMatchObject([0, { status: "succeeded", output: 8 }])
  })

  test("G13 pause, resume and cancel are written down with who and why, also when nobody drives the run", async () => {
    const here = place()
    await here.troupe("start", here.file("nap.json", nap(10)), "--id", "n")
    const paused = await here.troupe("pause", "n", "--who", "ann", "--why", "lunch", "--json")
    expect([paused.code, paused.json()]).toEqual([0, { ok: true, run: "n", status: "paused", owner: null }])
    const left = await here.troupe("resume", "--json")
    expect([left.code, left.json().runs[0].status]).toEqual([4, "paused"])
    expect((await here.troupe("resume", "n", "--jsonl")).lines()[0]).toMatchObject({ status: "succeeded" })
    const events = (await here.troupe("events", "n", "--json")).json().events
    expect(events[1]).toEqual({ seq: 1, at: expect.any(Number), type: "run.paused", who: "ann", why: "lunch" })
    const late = await here.troupe("cancel", "n", "--json")
    expect([late.code, late.json()]).toMatchObject([1, { ok: false, status: "succeeded" }])
    await here.troupe("start", here.file("nap.json", nap(10)), "--id", "m")
    expect((await here.troupe("cancel", "m", "--json")).json()).toMatchObject({ ok: true, status: "cancelled" })
    expect((await here.troupe("runs", "--status", "cancelled", "--json")).json().runs).toMatchObject([{ run: "m" }])
  })

  test("G15 retry and skip mend a failed run; a decision about another state than the present one is refused", async () => {
    const here = place()
    const file = here.file("fails.json", fails)
    expect((await here.troupe("run", file, "--id", "f", "--json")).code).toBe(1)
    const stale = await here.troupe("skip", "f", "bad", '{"n": 1}', "--seen", "1", "--json")
    expect([stale.code, stale.json().error.code]).toEqual([1, "STATE_CHANGED"])
    expect((await here.troupe("skip", "f", "bad", "{n: 1}")).code).toBe(2)
    expect((await here.troupe("skip", "f", "bad", '{"n": 1}', "--json")).json()).toMatchObject({
      ok: true,
      status: "running"
    })
    expect((await here.troupe("resume", "--jsonl")).lines()[0]).toMatchObject({
      status: "succeeded",
      tasks: { completed: 3, failed: 0 }
    })
    expect((await here.troupe("run", file, "--id", "g", "--json")).code).toBe(1)
    expect((await here.troupe("retry", "g", "--json")).json()).toMatchObject({ ok: true })
    expect((await here.troupe("resume", "--jsonl")).lines()[0]).toMatchObject({ run: "g", status: "failed" })
    expect((await here.troupe("rollback", "g")).stderr).toContain("needs '--to'")
    expect((await here.troupe("rollback", "g", "--to", "0", "--json")).json()).toMatchObject({ ok: true })
  })

  test("J09 a gate is answered from the command line: wrong answers are told, the right one brings the run to its end", async () => {
    const here = place()
    const gate = (id: string, more: object = {}) => ({ id, kind: "gate", out: { type: "boolean" }, ...more })
    const tasks = [gate("approved"), gate("paid", { signal: "paid" })]
    const file = here.file("ask.json", doc("ask", tasks))
    await here.troupe("start", file, "--id", "r")
    const code = async (...args: ReadonlyArray<string>) => (await here.troupe(...args, "--json")).json().error?.code
    expect(await code("answer", "r", "aproved", "true")).toBe("GATE_UNKNOWN")
    expect(await code("answer", "r", "approved", '"yes"')).toBe("SCHEMA_MISMATCH")
    expect((await here.troupe("answer", "r", "approved", "true", "--who", "ada", "--json")).json()).toMatchObject({
      run: "r",
      ok: true
    })
    expect(await code("reject", "r", "approved", "too late")).toBe("GATE_CLOSED")
    await here.troupe("signal", "r", "paid", "false")
    expect((await here.troupe("show", "r", "--json")).json()).toMatchObject({
      status: "succeeded",
      output: { approved: true, paid: false }
    })
  })

  test("show says what each task waits for and which way is the longest; --at shows how it was", async () => {
    const here = place()
    await withOwner(here).then(async (owner) => {
      const { json } = await here.troupe("show", "n", "--json")
      expect(json()).toMatchObject({
        run: "n",
        workflow: "nap",
        status: "waiting",
        progress: 33.3,
        tasks: { total: 3, completed: 1 },
        states: { a: "succeeded", z: "waiting", b: "pending" },
        waiting: [
          { task: "z", for: "timer", dueAt: expect.stringMatching(/^\d{4}-/) },
          { task: "b", for: "tasks", tasks: ["z"] }
        ],
        criticalPath: ["z", "b"],
        eta: expect.stringMatching(/^\d{4}-/),
        owner: { pid: owner.child.pid }
      })
      expect((await here.troupe("show", "n", "--at", "0", "--json")).json()).toMatchObject({
        at: 0,
        messages: 2,
        current: ["a"],
        progress: 0
      })
      expect((await here.troupe("show", "n", "--at", "7")).stderr).toContain("its messages are 0 to 1")
      expect((await here.troupe("show", "n")).stdout).toMatch(/z until .*\n.*b for z\n.*longest way.*z → b/)
      owner.child.kill("SIGINT")
      expect((await owner.done).code).toBe(130)
    })
  })

  test("runs lists in pages, by status and workflow", async () => {
    const here = place()
    const file = here.file("echo.json", echo)
    for (const id of ["r1", "r2", "r3"]) await here.troupe("start", file, "--id", id)
    await here.troupe("run", here.file("fails.json", fails), "--id", "f")
    const first = (await here.troupe("runs", "--limit", "2", "--json")).json()
    expect(first.runs).toEqual(
      ["f", "r3"].map((run) => ({
        run,
        workflow: run === "f" ? "fails" : "echo",
        status: run === "f" ? "failed" : "running",
        submittedAt: expect.stringMatching(/Z$/),
        updatedAt: expect.stringMatching(/Z$/),
        progress: run === "f" ? 100 : 0
      }))
    )
    const second = (await here.troupe("runs", "--cursor", first.cursor, "--json")).json()
    expect([second.runs.map(({ run }: any) => run), second.cursor]).toEqual([["r2", "r1"], null])
    expect((await here.troupe("runs", "--workflow", "fails", "--json")).json().runs.length).toBe(1)
    expect((await here.troupe("runs", "--status", "runing")).stderr).toContain("did you mean 'running'?")
    expect((await here.troupe("runs")).stdout).toContain("nobody drives this store at the moment")
  })
})

describe.concurrent("a second process while another has the store", () => {
  test("reads its runs and follows one to its end", async () => {
    const here = place()
    const owner = await withOwner(here, 8_000)
    const following = here.go("events", "n", "--follow")
    expect((await here.troupe("runs", "--json")).json().runs).toMatchObject([
      { run: "n", status: "waiting", progress: 33.3 }
    ])
    expect((await here.troupe("doctor", "--json")).json().ok).toBe(true)
    expect((await owner.done).code).toBe(0)
    const events = (await following.done).lines()
    expect(events.map(({ seq, type }) => [seq, type])).toEqual([
      [0, "run.submitted"],
      [1, "attempt.succeeded"],
      [2, "timer.fired"],
      [3, "attempt.succeeded"]
    ])
  })

  test("steers its runs, and hands it new ones", async () => {
    const here = place()
    const owner = await withOwner(here)
    const { pid } = owner.child
    const started = await here.troupe("start", here.file("echo.json", echo), "--input", "7", "--id", "e", "--json")
    expect(started.json()).toEqual({ run: "e", owner: pid, parked: null })
    expect((await here.troupe("start", here.file("echo.json", echo), "--input", "8", "--id", "e")).code).toBe(2)
    expect((await here.troupe("show", "e", "--json")).json()).toMatchObject({ status: "succeeded", output: 7 })
    const unknown = await here.troupe("pause", "nobody", "--json")
    expect([unknown.code, unknown.json().error.code]).toEqual([1, "RUN_NOT_FOUND"])
    const paused = await here.troupe("pause", "n", "--who", "ann", "--json")
    expect(paused.json()).toEqual({ ok: true, run: "n", status: "paused", owner: pid })
    // nothing goes on there any more without somebody, so it ends and says so
    const end = await owner.done
    expect([end.code, end.json().status]).toEqual([4, "paused"])
    expect((await here.troupe("events", "n", "--jsonl")).lines().at(-1)).toMatchObject({
      type: "run.paused",
      who: "ann"
    })
  })

  test("pauses what a resume drives, which then says once how each run stands and ends: exit 4", async () => {
    const here = place()
    await here.troupe("start", here.file("nap.json", nap(30_000)), "--id", "n")
    await here.troupe("start", here.file("echo.json", echo), "--id", "e", "--input", "1")
    const owner = here.go("resume", "--jsonl")
    await until(owner.stdout, (text) => text.includes('"e"'))
    await until(
      () => here.troupe("pause", "n", "--json"),
      ({ code }) => code === 0
    )
    const { code, lines } = await owner.done
    expect([code, lines().map(({ run, status }) => [run, status])]).toEqual([
      4,
      [
        ["e", "succeeded"],
        ["n", "paused"]
      ]
    ])
  })

  test("asks it to cancel, and the run ends there", async () => {
    const here = place()
    const owner = await withOwner(here)
    expect((await here.troupe("cancel", "n", "--why", "enough", "--json")).json()).toMatchObject({ ok: true })
    const end = await owner.done
    expect([end.code, end.json()]).toMatchObject([4, { status: "cancelled", error: { message: "enough" } }])
  })

  test("G22 a run whose code the owner does not have is parked, and the answer says so", async () => {
    const here = place()
    const owner = await withOwner(here)
    const file = here.file(
      "w.mts",
      `import { task, type, workflow } from ${JSON.stringify(index)}\nconst t = task("t", { in: type<number>(), out: type<number>(), run: (n: number) => n * 2 })\nexport default workflow("twice", type<number>()).task("a", t, ($) => $.input).returns(($) => $.a)\n`
    )
    const started = await here.troupe("start", file, "--id", "c", "--input", "4", "--json")
    expect([started.code, started.json()]).toMatchObject([0, { parked: { code: "VERSION_UNAVAILABLE" } }])
    expect((await here.troupe("show", "c", "--json")).json()).toMatchObject({ status: "parked" })
    const shell = here.file("shell.json", doc("shell", [{ id: "s", kind: "shell", argv: ["true"] }]))
    const refused = await here.troupe("start", shell, "--id", "s", "--json")
    expect([refused.code, refused.json().error.code]).toEqual([1, "KIND_NOT_ALLOWED"])
    owner.child.kill("SIGINT")
    await owner.done
    expect((await here.troupe("resume", "c", file, "--jsonl")).lines()[0]).toMatchObject({
      status: "succeeded",
      output: 8
    })
  })

  test("is told who has it, when it wants it for itself: exit 5", async () => {
    const here = place()
    const owner = await withOwner(here)
    const resume = await here.troupe("resume", "--json")
    expect([resume.code, resume.json().error]).toMatchObject([
      5,
      { code: "STORE_IN_USE", message: expect.stringContaining(`process ${owner.child.pid} has the store`) }
    ])
    expect((await here.troupe("resume", "n", "--json")).json()).toEqual({ ok: true, run: "n", owner: owner.child.pid })
    owner.child.kill("SIGKILL")
    await owner.done
    // what a reader sees of a killed owner's store does not harm it
    expect((await here.troupe("runs", "--json")).json().runs.length).toBe(1)
    expect((await here.troupe("pause", "n", "--json")).json()).toMatchObject({
      ok: true,
      status: "paused",
      owner: null
    })
  })

  test("waits a moment for its turn, when it wants to run something of its own", async () => {
    const here = place()
    const owner = await withOwner(here, 3_000)
    const next = await here.troupe("run", here.file("echo.json", echo), "--input", "1", "--json")
    expect([next.code, next.json().output]).toEqual([0, 1])
    expect((await owner.done).code).toBe(0)
  })
})

/** Names and contents of all files of a folder. */
const fingerprint = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex")
    ])

describe.concurrent("stores that cannot be used: exit 5, one sentence, not a byte changed", () => {
  const spoil: Record<string, (path: string) => void> = {
    STORE_EMPTY: (path) => writeFileSync(path, ""),
    STORE_FOREIGN: (path) =>
      writeFileSync(
        path,
        "this is a letter, not a store of runs; it is longer than a hundred bytes so that it looks like something at least"
      ),
    STORE_DIRECTORY: (path) => mkdirSync(path)
  }
  test.each(Object.entries(spoil))("%s", async (code, make) => {
    const here = place()
    const folder = join(here.folder, "s")
    mkdirSync(folder)
    const path = join(folder, "x.db")
    make(path)
    const before = code === "STORE_DIRECTORY" ? [] : fingerprint(folder)
    const store = ["--store", `sqlite:${path}`]
    const file = here.file("echo.json", echo)
    for (const command of [
      ["runs"],
      ["show", "r"],
      ["events", "r"],
      ["resume"],
      ["pause", "r"],
      ["start", file],
      ["run", file]
    ]) {
      const { code: exit, json, stderr } = await here.troupe(...command, ...store, "--json")
      expect([command[0], exit, json().error.code, stderr.trim().split("\n").length]).toEqual([command[0], 5, code, 1])
    }
    const doctor = await here.troupe("doctor", ...store, "--json")
    expect([doctor.code, doctor.json().findings.at(-1).code]).toEqual([5, code])
    if (code !== "STORE_DIRECTORY") expect(fingerprint(folder)).toEqual(before)
  })
  test("one that is not there is not made by looking for runs in it", async () => {
    const here = place()
    for (const command of [["runs"], ["resume"], ["cancel", "r"], ["doctor", "--store", "sqlite:none.db"]]) {
      const { code, stdout } = await here.troupe(...command, "--json")
      expect([command, code, stdout.includes("STORE_MISSING")]).toEqual([command, 5, true])
    }
    expect(readdirSync(here.folder)).toEqual([])
  })
  test("stores that there are not, or that have nothing in them: exit 2 and which there are", async () => {
    const here = place()
    const file = here.file("echo.json", echo)
    for (const store of ["postgres://x/y", "mongo:x", "sqlite:"]) {
      const { code, stderr } = await here.troupe("run", file, "--store", store)
      expect([code, stderr.includes("stores: memory, sqlite:PATH")]).toEqual([2, true])
    }
    expect((await here.troupe("runs", "--store", "memory")).code).toBe(2)
    expect((await here.troupe("run", file, "--input", "3", "--store", "memory", "--json")).json().output).toBe(3)
    expect(readdirSync(here.folder)).toEqual(["echo.json"])
  })
})

describe.concurrent("a damaged run", () => {
  test("G27 is left alone and said, the others go on: exit 5", async () => {
    const here = place()
    const file = here.file("echo.json", echo)
    for (const id of ["r1", "r2", "r3"]) await here.troupe("start", file, "--id", id, "--input", "1")
    const database = new DatabaseSync(here.store)
    database.exec("UPDATE troupe_messages SET body = replace(body, '1', '2') WHERE run = 2")
    database.close()
    const { code, lines, stderr } = await here.troupe("resume", "--jsonl")
    expect([code, lines().map(({ run, status }) => [run, status])]).toEqual([
      5,
      [
        ["r1", "succeeded"],
        ["r3", "succeeded"]
      ]
    ])
    expect(stderr).toContain("message 0 of run 'r2' is not what was written there")
    const runs = (await here.troupe("runs", "--json")).json().runs
    expect(runs.map(({ run, status }: any) => [run, status])).toEqual([
      ["r3", "succeeded"],
      ["r2", "quarantined"],
      ["r1", "succeeded"]
    ])
  })
})

describe.concurrent("doctor", () => {
  const withRuns = async () => {
    const here = place()
    const file = here.file("echo.json", echo)
    const large = JSON.stringify("x".repeat(100_000))
    await here.troupe("run", file, "--id", "r1", "--input", "1")
    await here.troupe("run", file, "--id", "big", "--input", `@${here.file("large.json", large)}`)
    await here.troupe("run", file, "--id", "r2", "--input", "2")
    return here
  }
  const change = (here: Place, sql: string) => {
    const database = new DatabaseSync(here.store)
    database.exec(sql)
    database.close()
  }
  const look = async (here: Place, ...more: ReadonlyArray<string>) => {
    const { code, json } = await here.troupe("doctor", ...more, "--json")
    return { code, bad: json().findings.filter(({ ok }: any) => !ok), all: json().findings }
  }

  test("a store that is whole: exit 0, and every chain was looked at", async () => {
    const { code, all } = await look(await withRuns())
    expect(code).toBe(0)
    expect(all.map(({ check }: any) => check)).toEqual(
      expect.arrayContaining(["permissions", "disk", "owner", "log", "integrity", "definitions", "chains", "blobs"])
    )
    expect(all.find(({ check }: any) => check === "chains").message).toBe("6 messages, every chain unbroken")
    expect(all.find(({ check }: any) => check === "blobs").message).toBe("1 large value, all intact")
  })

  test.each([
    [
      "a changed message",
      "UPDATE troupe_messages SET body = replace(body, '2', '3') WHERE run = 3 AND seq = 1",
      "r2",
      1
    ],
    ["a missing message", "DELETE FROM troupe_messages WHERE run = 1 AND seq = 0", "r1", 0],
    ["a tail that was cut off", "DELETE FROM troupe_messages WHERE run = 1 AND seq = 1", "r1", 1],
    ["all messages of a run gone", "DELETE FROM troupe_messages WHERE run = 3", "r2", 0]
  ])("G27 %s: exit 5, the run and its first wrong message, and nothing is written", async (_, sql, run, seq) => {
    const here = await withRuns()
    change(here, sql)
    const before = fingerprint(join(here.folder, ".troupe"))
    const { code, bad } = await look(here)
    expect([code, bad.length, bad[0]]).toMatchObject([5, 1, { check: "chains", run, seq }])
    expect(fingerprint(join(here.folder, ".troupe"))).toEqual(before)
  })

  test("a large value that was changed or lost is damage; one that nobody names is only said", async () => {
    const here = await withRuns()
    change(here, "INSERT INTO troupe_blobs VALUES ('n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg', 1, 'test')")
    expect(await look(here)).toMatchObject({
      code: 1,
      bad: [{ check: "blobs", message: "1 large value that no message names" }]
    })
    change(here, "UPDATE troupe_blobs SET body = replace(body, 'xx', 'xy') WHERE body != 'test'")
    expect((await look(here)).code).toBe(5)
    change(here, "DELETE FROM troupe_blobs WHERE body != 'test'")
    const lost = await look(here)
    expect([lost.code, lost.bad[0].message]).toEqual([5, "1 large value that messages name and that are not there"])
  })

  test("a definition that was changed is damage", async () => {
    const here = await withRuns()
    change(here, "UPDATE troupe_definitions SET ir = replace(ir, 'echo', 'noop')")
    expect(await look(here)).toMatchObject({ code: 5, bad: [{ check: "definitions" }] })
  })

  test("what a breaker knows is looked at: damage is exit 5, and says which one and what is wrong", async () => {
    const here = place()
    const pay = { id: "pay", kind: "fail", breaker: "bank" }
    const breakers = { bank: { failures: 1, resetMs: 600_000 } }
    await here.troupe("run", here.file("pay.json", doc("pay", [pay], { breakers })))
    const { code, all } = await look(here)
    expect([code, all.find(({ check }: any) => check === "shared").message]).toEqual([
      0,
      "1 shared by all runs, all intact"
    ])
    const known = fingerprint(join(here.folder, ".troupe"))
    change(here, "UPDATE troupe_shared SET state = replace(state, '\"open\"', '\"closed\"')")
    expect(fingerprint(join(here.folder, ".troupe"))).not.toEqual(known)
    const before = fingerprint(join(here.folder, ".troupe"))
    expect(await look(here)).toMatchObject({
      code: 5,
      bad: [{ check: "shared", message: "breaker 'bank' is not what was written there" }]
    })
    expect(fingerprint(join(here.folder, ".troupe"))).toEqual(before)
    // and the next one that opens it takes it for one of which nothing is known
    expect((await here.troupe("breakers", "--json")).json().breakers).toEqual([])
  })

  test("a lost log is said, and opened as it is only when somebody accepts the loss", async () => {
    const here = place()
    const owner = await withOwner(here)
    // `show` was reading until now, and while somebody reads the file itself does not say that it is open
    await sleep(500)
    owner.child.kill("SIGKILL")
    await owner.done
    for (const suffix of ["-wal", "-shm"]) rmSync(here.store + suffix, { force: true })
    const before = fingerprint(join(here.folder, ".troupe"))
    expect(await look(here)).toMatchObject({ code: 5, bad: [{ check: "store", code: "STORE_NO_WAL" }] })
    expect((await here.troupe("runs")).code).toBe(5)
    expect(fingerprint(join(here.folder, ".troupe"))).toEqual(before)
    expect((await look(here, "--accept-loss")).code).toBe(0)
    expect((await here.troupe("runs")).code).toBe(0)
    expect((await look(here, "--accept-loss")).all.at(-1).message).toContain("has not lost")
  })
})
