// Schedules on the command line: made, listed, paused and made up for, whoever has the store; and a process that serves them.
import { describe, expect, test } from "vitest"
import { doc, place, until } from "./troupe.ts"

const report = doc("report", [{ id: "say", kind: "echo", input: { $: "input" } }])

describe("troupe schedule", () => {
  test("a schedule is made, listed, paused, resumed, looked ahead and removed, also when nobody has the store", async () => {
    const here = place()
    const file = here.file("report.json", report)
    const made = await here.troupe(
      "schedule",
      "add",
      "nightly",
      file,
      "--cron",
      "30 2 * * *",
      "--zone",
      "Europe/Oslo",
      "--json"
    )
    expect([made.code, made.json()]).toMatchObject([
      0,
      { schedule: "nightly", ok: true, state: "active", revision: 1, owner: null }
    ])
    const again = await here.troupe(
      "schedule",
      "add",
      "nightly",
      file,
      "--cron",
      "30 2 * * *",
      "--zone",
      "Europe/Oslo",
      "--json"
    )
    expect(again.json().revision).toBe(1)
    const paused = await here.troupe("schedule", "pause", "nightly", "--who", "ann", "--why", "audit", "--json")
    expect(paused.json()).toMatchObject({ state: "paused", revision: 2, next: null })
    const [listed] = (await here.troupe("schedules", "--json")).json().schedules
    expect(listed).toMatchObject({
      name: "nightly",
      state: "paused",
      workflow: "report",
      cron: "30 2 * * *",
      zone: "Europe/Oslo",
      overlap: "skip",
      missed: "last",
      paused: { who: "ann", why: "audit" },
      waiting: [],
      active: [],
      recent: [],
      counts: { begun: 0, passed: 0 }
    })
    expect((await here.troupe("schedules")).stdout).toMatch(
      /■ nightly {2}paused {2}report {2}30 2 \* \* \* in Europe\/Oslo.*by ann, audit/
    )
    const late = await here.troupe("schedule", "resume", "nightly", "--revision", "1", "--json")
    expect([late.code, late.json().error.code]).toEqual([1, "SCHEDULE_CHANGED"])
    expect((await here.troupe("schedule", "resume", "nightly", "--json")).json().state).toBe("active")
    const { next } = (await here.troupe("schedule", "next", "nightly", "--limit", "3", "--json")).json()
    expect(next.length).toBe(3)
    expect(next.every((at: string) => /T0[01]:30:00\.000Z$/.test(at))).toBe(true)
    expect((await here.troupe("schedule", "remove", "nightly")).stdout).toBe("✓ schedule nightly is removed\n")
    expect((await here.troupe("schedules")).stdout).toBe("no schedules\n")
  })

  test("G20 a process that serves begins what is due and what is asked for afterwards; the next one goes on with it", async () => {
    const here = place()
    const file = here.file("report.json", report)
    const server = here.go("serve", "--json")
    await until(
      async () => server.stdout(),
      (text) => text.includes("pid")
    )
    const made = await here.troupe(
      "schedule",
      "add",
      "often",
      file,
      "--every",
      "1s",
      "--due-as",
      "due",
      "--overlap",
      "queue",
      "--json"
    )
    expect(made.json()).toMatchObject({ ok: true, owner: server.child.pid })
    const listed = await until(
      async () => (await here.troupe("schedules", "--json")).json().schedules[0],
      ({ counts }) => counts.begun >= 2
    )
    const { run, due } = listed.recent[0]
    expect(run).toBe(`often@${due}`)
    const shown = (await here.troupe("show", run, "--json")).json()
    expect(shown).toMatchObject({ run, status: "succeeded", output: { say: { due } } })
    server.child.kill("SIGKILL")
    await server.done
    await here.troupe("schedule", "pause", "often")
    const first = Date.parse(listed.recent[0].due)
    const filled = await here.troupe(
      "schedule",
      "backfill",
      "often",
      "--from",
      new Date(first - 3_000).toISOString(),
      "--to",
      new Date(first).toISOString(),
      "--json"
    )
    expect(filled.json()).toMatchObject({ ok: true, waiting: 3, owner: null })
    await here.troupe("schedule", "resume", "often")
    const next = here.go("serve", "--json")
    await until(
      () => here.troupe("show", `often@${new Date(first - 3_000).toISOString()}`, "--json"),
      ({ code, json }) => code === 0 && json().status === "succeeded"
    )
    next.child.kill("SIGINT")
    expect((await next.done).code).toBe(0)
    const runs = (await here.troupe("runs", "--limit", "1000", "--json")).json().runs.map((one: any) => one.run)
    expect(new Set(runs).size).toBe(runs.length)
  })

  test("a run is started for a time that is still to come", async () => {
    const here = place()
    const file = here.file("report.json", report)
    const at = new Date(Date.now() + 3_600_000).toISOString()
    expect((await here.troupe("start", file, "--id", "later", "--at", at)).code).toBe(0)
    expect((await here.troupe("show", "later", "--json")).json()).toMatchObject({ status: "waiting", scheduledAt: at })
    expect((await here.troupe("cancel", "later", "--json")).json().ok).toBe(true)
    expect((await here.troupe("start", file, "--at", "soon")).code).toBe(2)
  })

  test("wrong words and times that never come are told what is allowed", async () => {
    const here = place()
    const file = here.file("report.json", report)
    const add = (...more: ReadonlyArray<string>) => here.troupe("schedule", "add", "s", file, ...more, "--json")
    for (const [words, text] of [
      [["--cron", "0 0 30 2 *"], "no month has"],
      [["--cron", "0 0 * * *", "--zone", "Europe/Olso"], "Europe/Oslo"],
      [["--every", "0s"], "at least"],
      [["--every", "1h", "--missed", "some"], "skip, last, all"],
      [[], "exactly one of"]
    ] as const) {
      const refused = await add(...words)
      expect([words, refused.code, refused.json().error.code]).toEqual([words, 2, "OPTION_INVALID"])
      expect(refused.json().error.message).toContain(text)
    }
    expect((await here.troupe("schedule", "add", "s")).code).toBe(2)
    const word = await here.troupe("schedule", "pasue", "s")
    expect([word.code, word.stderr]).toEqual([2, expect.stringContaining("did you mean 'pause'?")])
    await add("--every", "1h")
    const unknown = await here.troupe("schedule", "pause", "x", "--json")
    expect([unknown.code, unknown.json().error.code]).toEqual([1, "SCHEDULE_UNKNOWN"])
    expect((await here.troupe("schedule", "next", "x")).code).toBe(1)
    expect((await here.troupe("schedule", "add", "../x", file, "--every", "1h")).code).toBe(2)
  })
})
