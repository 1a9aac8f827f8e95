import { spawnSync } from "node:child_process"
import { linkSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { Orchestrator } from "../../src/index.ts"
import { campaign } from "./campaign.ts"
import { Children, type Exit } from "./children.ts"
import { intruder, owners, succession } from "./owners.ts"
import { examine } from "./scene.ts"

const seed = process.env["KILLS_SEED"] ?? String(Date.now() % 1_000_000)

test(`100 processes killed at any moment lose nothing that was acknowledged and repeat nothing that was done (G01 … G13, G24, seed ${seed})`, {
  timeout: 120_000
}, async () => {
  const { violations, cycles, counts, kills } = await campaign({ cycles: 100, seed })

  expect(violations).toEqual([])
  expect(cycles).toBe(100)
  // the kills hit something: work was under way, acknowledged, and called again
  expect(Object.keys(kills).join()).toContain("first boot")
  expect(kills["load"]).toBeGreaterThan(0)
  expect(counts.acknowledgements).toBeGreaterThan(200)
  expect(counts.again).toBeGreaterThan(0)
})

test("a process killed while it takes over 2,000 runs loses none of them", { timeout: 60_000 }, async () => {
  const { violations, cycles, boot } = await campaign({ cycles: 5, seed, only: ["takeover"] })

  expect(violations).toEqual([])
  expect(cycles).toBe(5)
  expect(boot.liveMost).toBeGreaterThanOrEqual(2_000)
})

test(`G14 a process killed while a run goes back undoes nothing twice that was undone, and forgets nothing (seed ${seed})`, {
  timeout: 120_000
}, async () => {
  const { violations, kills, counted } = await campaign({ cycles: 20, seed, only: ["trips"] })

  expect(violations).toEqual([])
  // the kills came while something was being taken back, and some between a deed and its message
  expect(kills["going back, under way"]).toBeGreaterThan(0)
  expect(counted["undone"]).toBeGreaterThan(50)
  expect(counted["again"]).toBeGreaterThan(0)
})

test(`G33 a process killed while a breaker is open, or tries, leaves it so: nobody is called before its time, and one at a time after it (seed ${seed})`, {
  timeout: 120_000
}, async () => {
  const { violations, kills, counted } = await campaign({ cycles: 20, seed, only: ["payments"] })

  expect(violations).toEqual([])
  expect((kills["breaker open"] ?? 0) + (kills["breaker halfOpen"] ?? 0)).toBeGreaterThan(0)
  expect(counted["whileOpen"]).toBe(0)
  expect(counted["refused"]).toBeGreaterThan(0)
  expect(counted["trials"]).toBeGreaterThan(0)
})

test("G30 a process killed while it takes a store to another format leaves it wholly old or wholly new", {
  timeout: 60_000
}, async () => {
  const { violations, cycles } = await campaign({ cycles: 10, seed, only: ["migration"] })

  expect(violations).toEqual([])
  expect(cycles).toBe(10)
})

test(`G24 an owner that was frozen past its lease adds nothing when it wakes up, and its runs go on elsewhere (20 pairs, seed ${seed})`, {
  timeout: 120_000
}, async () => {
  const { violations, pairs, staleRows, toldStale } = await owners({ pairs: 20, seed })

  expect(violations).toEqual([])
  expect({ pairs, staleRows, toldStale }).toEqual({ pairs: 20, staleRows: 0, toldStale: 20 })
})

test("a second process is told who has the store open, and the first goes on", { timeout: 60_000 }, async () => {
  const { code, heard, pid } = await intruder(seed)

  expect(code).toBe(5)
  expect(heard).toContain(`STORE_IN_USE process ${pid} has the store`)
  expect(heard).toContain("close it first")
})

// seed 2026/20 of a thousand kills: the draft of a new file is linked to its name before it is removed
test("a process killed just after it made the file leaves nothing beside it once the next one has opened it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-draft-"))
  const store = join(folder, "store.db")
  await (await Orchestrator.open({ store: `sqlite:${store}` })).close()
  const gone = spawnSync(process.execPath, ["--version"]).pid
  linkSync(store, `${store}.new-${gone}`)
  await (await Orchestrator.open({ store: `sqlite:${store}` })).close()
  const files = readdirSync(folder)
  rmSync(folder, { recursive: true })

  expect(files).toEqual(["store.db"])
})

test("a program that ends without closing leaves a store that the next one opens", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-left-"))
  const store = join(folder, "store.db")
  await using children = new Children(join(folder, "cache"), 0)
  const ends: Array<Exit> = []
  for (const run of ["1-1", "1-2"]) ends.push(await children.start({ duty: "leave", store, run }).exit)
  const runs = await examine(store, (scene) => [...scene.store!.runs.keys()])
  rmSync(folder, { recursive: true })

  expect(ends).toEqual(Array(2).fill({ code: 0, signal: null, stderr: "" }))
  expect(runs).toEqual(["1-1", "1-2"])
})

test("after kill -9 the next owner goes on at once, without waiting for a lease", { timeout: 60_000 }, async () => {
  const { openMs, firstEndMs, live } = await succession(seed)

  expect(live).toBeGreaterThan(0)
  // the lease is 15 s; loading the program is most of this
  expect(openMs).toBeLessThan(5_000)
  expect(firstEndMs).toBeLessThan(7_000)
})
