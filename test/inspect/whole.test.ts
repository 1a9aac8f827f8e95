// The whole way, in a real browser: a run of a real orchestrator is watched from its beginning, gone through, recorded and opened again.
import { existsSync, mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { load, Orchestrator } from "troupe"
import { headOf, inspector, openRecording, serve, untilCaughtUp, writeRecording } from "troupe/inspect"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { launch, noBrowser } from "./chromium.ts"
import { screenshots } from "./page-server.ts"

if (noBrowser !== undefined) console.warn(noBrowser)
const isBuilt = existsSync(fileURLToPath(new URL("../../dist/inspector/index.html", import.meta.url)))

let browser: Browser
beforeAll(async () => {
  if (noBrowser !== undefined) return
  expect(isBuilt, "the page is not built: run node scripts/build.mjs first").toBe(true)
  mkdirSync(dirname(screenshots("x")), { recursive: true })
  browser = await launch()
})
afterAll(() => browser?.close())

const order = () =>
  load({
    ir: 1,
    name: "order",
    tasks: [
      { id: "reserve", kind: "noop", undo: { kind: "noop" } },
      { id: "parcels", kind: "map", over: 6, each: { kind: "echo" }, after: ["reserve"] },
      { id: "approve", name: "Approve shipping", kind: "gate", after: ["parcels"] },
      {
        id: "charge",
        kind: "fail",
        times: 2,
        after: ["approve"],
        retry: { attempts: 2, baseMs: 60, jitter: "none" },
        onFailed: "wait"
      },
      { id: "ship", kind: "noop", after: ["charge"] }
    ]
  })

const poll: typeof expect.poll = (look, options) => expect.poll(look, { timeout: 20_000, ...options })
const showing = async (url: string): Promise<{ readonly page: Page; readonly wrong: ReadonlyArray<string> }> => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" })
  page.setDefaultTimeout(20_000)
  const wrong: Array<string> = []
  page.on("pageerror", (error) => wrong.push(String(error)))
  page.on("console", (message) => void (message.type() === "error" && wrong.push(message.text())))
  await page.goto(url)
  return { page, wrong }
}
const actor = (page: Page, name: string) =>
  page.locator(".actor-row").filter({ has: page.locator(".actor-id", { hasText: new RegExp(`^${name}$`) }) })
const stateOf = (page: Page, name: string) => actor(page, name).first().innerText()
const slider = (page: Page) => page.locator("#slider")
const moment = async (page: Page) => Number(await slider(page).getAttribute("aria-valuenow"))

describe.skipIf(noBrowser !== undefined)("from a run to its recording", () => {
  test("a run that begins while somebody looks is shown; going back shows what was; as a file it is the same", {
    timeout: 180_000
  }, async () => {
    await using seen = await inspector({ control: true, who: "ada", onOpen: () => {} })
    await using orchestrator = await Orchestrator.open({ inspect: seen })
    const { page, wrong } = await showing(seen.url)
    const run = await orchestrator.submit(await order(), {}, { id: "order-1" })
    await poll(() => stateOf(page, "approve")).toContain("waiting")
    await page.screenshot({ path: screenshots("whole-gate") })
    await run.answer("approve" as never, true as never, { who: "ada" })
    // both attempts fail, and the run waits for a person
    await poll(async () => (await run.tasks())["charge"]).toBe("waiting")
    await poll(() => stateOf(page, "charge")).toContain("failed")
    await page.screenshot({ path: screenshots("whole-failed") })
    await run.skip("charge", 12)
    expect((await run.outcome()).status).toBe("succeeded")
    await poll(() => page.locator(".run-head .badge").innerText()).toBe("Succeeded")

    // what had not happened yet is not there
    await slider(page).focus()
    await page.keyboard.press("Home")
    await poll(() => moment(page)).toBeLessThan(2)
    for (let i = 0; i < 2; i++) await page.keyboard.press("Shift+ArrowRight")
    expect(await moment(page)).toBeGreaterThan(1)
    expect(await actor(page, "ship").count()).toBe(0)
    await page.keyboard.press("End")
    await poll(() => actor(page, "ship").count()).toBe(1)
    expect(wrong).toEqual([])
    await page.close()

    const path = join(mkdtempSync(join(tmpdir(), "troupe-whole-")), "order.troupe.jsonl.zst")
    const head = headOf(seen.source, "run:order-1", "0.1.0", Date.now())
    await writeRecording(path, head, untilCaughtUp(seen.source.follow("run:order-1", 0)))
    const served = await serve(await openRecording(path))
    const again = await showing(served.url)
    await poll(() => actor(again.page, "ship").count()).toBe(1)
    await again.page.getByRole("tab", { name: "Timeline" }).click()
    await poll(() => again.page.locator("body").innerText()).toContain("parcels")
    await again.page.screenshot({ path: screenshots("whole-recording") })
    expect(again.wrong).toEqual([])
    await again.page.close()
    await served.close()
  })
})
