/** Bulkheads and rates on the command line: sized by the document, looked at in whoever has the store. */
import { describe, expect, test } from "vitest"
import { doc, place, until } from "./troupe.ts"

const module = `import { setTimeout as sleep } from "node:timers/promises"
let out = 0, most = 0
export const call = async (ms) => { most = Math.max(most, ++out); await sleep(ms); out--; return most }
`
const calls = (over: number, ms: number, work: object, more: object) =>
  doc(
    "calls",
    [{ id: "all", kind: "map", over, each: { kind: "module", module: "calls.mjs#call", input: ms, ...work } }],
    more
  )

describe.concurrent("bulkheads and rates of a document", () => {
  test("G34 troupe run keeps the size that the document gives to a bulkhead", async () => {
    const here = place()
    here.file("calls.mjs", module)
    const file = here.file(
      "calls.yaml",
      `ir: 1
name: calls
bulkheads: { bank: { concurrent: 2, queue: 100 } }
tasks:
  - { id: all, kind: map, over: 6, each: { kind: module, module: "calls.mjs#call", input: 20, bulkhead: bank } }
`
    )
    const { code, json, stderr } = await here.troupe("run", file, "--allow", "module", "--json")
    expect([code, stderr]).toEqual([0, ""])
    expect(Math.max(...json().output.all)).toBe(2)
  })

  test("G34 and that of a rate: what comes too fast is refused where it may not wait", async () => {
    const here = place()
    here.file("calls.mjs", module)
    const rates = { bank: { limit: 2, windowMs: 3_600_000, queue: 0 } }
    const file = here.file("calls.json", calls(3, 0, { rate: "bank" }, { rates }))
    const { code, json } = await here.troupe("run", file, "--allow", "module", "--json")
    expect([code, json().error.code]).toEqual([1, "RATE_LIMITED"])
  })

  test("sizes that cannot be are refused before anything runs, with the place and the range", async () => {
    const here = place()
    const file = here.file("bad.json", calls(1, 0, {}, { bulkheads: { bank: { concurrent: 0 } } }))
    const { code, json } = await here.troupe("check", file, "--allow", "module", "--json")
    expect(code).toBe(1)
    expect(JSON.stringify(json())).toMatch(/\/bulkheads\/bank.*1/)
  })

  test("who has the store says how full they are; when nobody has it, no calls are made", async () => {
    const here = place()
    expect((await here.troupe("bulkheads", "--json")).code).toBe(5)
    here.file("calls.mjs", module)
    const limits = { bulkheads: { bank: { concurrent: 1, queue: 5 } }, rates: { bank: { perSecond: 100 } } }
    const file = here.file("calls.json", calls(3, 60_000, { bulkhead: "bank", rate: "bank" }, limits))
    const owner = here.go("run", file, "--allow", "module", "--json")
    const { json } = await until(
      () => here.troupe("bulkheads", "--json"),
      ({ code, json }) => code === 0 && json().bulkheads.length === 1
    )
    expect(json()).toEqual({
      bulkheads: [{ name: "bank", running: 1, queued: 2, refused: 0, concurrent: 1, queue: 5 }],
      owner: owner.child.pid
    })
    expect((await here.troupe("bulkheads")).stdout).toBe("■ bank  1 of 1  2 wait, 0 refused\n")
    expect((await here.troupe("rates", "--json")).json()).toEqual({
      rates: [{ name: "bank", passed: 1, queued: 0, refused: 0 }],
      owner: owner.child.pid
    })
    expect((await here.troupe("rates")).stdout).toBe("✓ bank  1 passed  0 wait, 0 refused\n")
    owner.child.kill("SIGKILL")
    await owner.done
    expect((await here.troupe("bulkheads", "--json")).json()).toEqual({ bulkheads: [], owner: null })
    expect((await here.troupe("rates")).stdout).toBe("no rates: nobody has the store, so no calls are made\n")
    expect((await here.troupe("rates", "bank")).code).toBe(2)
  })
})
