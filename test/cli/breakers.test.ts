/** The circuit breakers of a store on the command line, whoever has the store. */
import { describe, expect, test } from "vitest"
import { doc, place, until } from "./troupe.ts"

const policy = { bank: { failures: 2, resetMs: 600_000 } }
const down = (more: object = {}) =>
  doc("down", [{ id: "pay", kind: "fail", error: "the bank is down", breaker: "bank", ...more }], { breakers: policy })

describe.concurrent("troupe breakers", () => {
  test("G33 what one process has found out, the next one knows, and the list shows", async () => {
    const here = place()
    const file = here.file("down.json", down())
    expect((await here.troupe("breakers", "--json")).code).toBe(5)
    for (let i = 0; i < 2; i++) expect((await here.troupe("run", file)).code).toBe(1)
    const listed = (await here.troupe("breakers", "--json")).json().breakers
    expect(listed).toMatchObject([
      {
        name: "bank",
        state: "open",
        reason: "failures",
        counts: { opened: 1 },
        changes: [{ from: "closed", to: "open" }]
      }
    ])
    expect(Date.parse(listed[0].retryAt) - Date.parse(listed[0].since)).toBe(600_000)
    const refused = await here.troupe("run", file, "--json")
    expect([refused.code, refused.json().error.code]).toEqual([1, "CIRCUIT_OPEN"])
    expect((await here.troupe("breakers")).stdout).toMatch(/✗ bank {2}open {2}for .*tries again in/)
  })

  test("a breaker is kept open and reset by hand, with who and why, also when nobody has the store", async () => {
    const here = place()
    const file = here.file("down.json", down())
    await here.troupe("run", file)
    const opened = await here.troupe("breaker", "bank", "open", "--who", "ann", "--why", "maintenance", "--json")
    expect([opened.code, opened.json()]).toEqual([0, { ok: true, breaker: "bank", state: "forcedOpen", owner: null }])
    expect((await here.troupe("run", file, "--json")).json().error.code).toBe("CIRCUIT_OPEN")
    expect((await here.troupe("breakers")).stdout).toContain("by ann, maintenance")
    expect((await here.troupe("breaker", "bank", "reset")).stdout).toBe("✓ breaker bank is closed\n")
    expect((await here.troupe("run", file, "--json")).json().error.code).not.toBe("CIRCUIT_OPEN")
    expect((await here.troupe("breaker", "bank", "close", "--json")).json().state).toBe("forcedClosed")
  })

  test("whoever has the store does it", async () => {
    const here = place()
    const file = here.file(
      "slow.json",
      doc("slow", [
        {
          id: "first",
          kind: "fail",
          error: "down",
          breaker: "bank",
          retry: { attempts: 50, baseMs: 200, backoff: "fixed" }
        }
      ])
    )
    const owner = here.go("run", file, "--id", "r", "--json")
    await until(
      () => here.troupe("breakers", "--json"),
      ({ code, json }) => code === 0 && json().breakers.length === 1
    )
    const opened = await here.troupe("breaker", "bank", "open", "--json")
    expect(opened.json()).toEqual({ ok: true, breaker: "bank", state: "forcedOpen", owner: owner.child.pid })
    owner.child.kill("SIGKILL")
    await owner.done
    expect((await here.troupe("breakers", "--json")).json().breakers).toMatchObject([{ state: "forcedOpen" }])
  })

  test("wrong names and wrong words are told what there is", async () => {
    const here = place()
    await here.troupe("run", here.file("down.json", down()))
    const unknown = await here.troupe("breaker", "bnak", "open", "--json")
    expect([unknown.code, unknown.json().error.code]).toEqual([1, "POLICY_UNKNOWN"])
    expect(unknown.json().error.message).toContain("bank")
    const word = await here.troupe("breaker", "bank", "opne")
    expect([word.code, word.stderr]).toEqual([2, expect.stringContaining("open")])
    expect((await here.troupe("breaker", "../x", "open")).code).toBe(2)
  })
})
