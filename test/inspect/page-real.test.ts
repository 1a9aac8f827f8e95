// The page before a real orchestrator, through the real server: what is done on the page happens to the run.
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, chromium as launcher, type Page } from "playwright-core"
import { load, Orchestrator } from "troupe"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { protocolVersion } from "../../src/inspect/protocol.ts"
import { redact } from "../../src/inspect/redact.ts"
import { writeReport } from "../../src/inspect/report.ts"
import { serve } from "../../src/inspect/server.ts"
import { orchestratorSource } from "../../src/inspect/sources.ts"
import { chromium } from "./page-server.ts"

const hasBrowser = existsSync(chromium)
if (!hasBrowser) console.warn(`no ${chromium} here: the tests of the page before a real run are skipped`)

let browser: Browser
const closing: Array<() => Promise<unknown>> = []
const wrong: Array<string> = []
const folder = mkdtempSync(join(tmpdir(), "troupe-page-"))

beforeAll(async () => {
  if (hasBrowser)
    browser = await launcher.launch({
      executablePath: chromium,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    })
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  expect(wrong.splice(0), "errors on the page, or things that its policy refused").toEqual([])
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

const order = () =>
  load({
    ir: 1,
    name: "order",
    tasks: [
      { id: "price", kind: "echo", input: { euros: 177 } },
      { id: "again", kind: "fail", times: 1, after: ["price"], retry: { attempts: 3, baseMs: 20 } },
      { id: "items", kind: "map", over: 5, each: { kind: "echo" }, after: ["again"] },
      {
        id: "approved",
        kind: "gate",
        show: { price: { $: "price.euros" }, items: { $: "items" } },
        after: ["items"],
        out: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] }
      },
      { id: "ship", kind: "fail", error: "no ship today", after: ["approved"] },
      { id: "thanks", kind: "noop", after: ["ship"] }
    ]
  })

const opened = async () => {
  const orchestrator = await Orchestrator.open({})
  const source = orchestratorSource(orchestrator, { redact, title: "order" })
  const served = await serve(source, { control: true, who: "ada" })
  closing.push(async () => {
    await served.close()
    await source.close()
    await orchestrator.close()
  })
  const run = await orchestrator.submit(await order(), { sum: 1 }, { id: "order-1" })
  return { orchestrator, source, served, run }
}

const show = async (url: string): Promise<Page> => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  closing.push(() => page.close())
  page.setDefaultTimeout(20_000)
  page.on("pageerror", (error) => wrong.push(String(error)))
  page.on("console", (message) => {
    if (message.type() === "error") wrong.push(message.text())
  })
  await page.goto(url)
  return page
}
const poll: typeof expect.poll = (look, options) => expect.poll(look, { timeout: 20_000, ...options })
const status = (page: Page) => page.locator(".run-head .badge").innerText()
const act = async (page: Page, name: string, fill: () => Promise<unknown> = async () => {}) => {
  await page.locator(".act", { hasText: name }).first().click()
  await fill()
  await page.locator("dialog").getByLabel("Why").fill("because of a test")
  await poll(() => page.locator("dialog .preview").innerText()).not.toContain("Looking")
  await page.locator("dialog button[type=submit]").click()
}
/** What is typed is looked for a moment later. */
const search = async (page: Page, text: string) => {
  await page.locator("#search").fill(text)
  await poll(() => page.locator(".log .pane-head .num").first().innerText()).toMatch(/^\d+ of \d+$/)
}
const done = async (page: Page) => {
  await poll(() => page.locator("dialog [role=status]").innerText()).toContain("Done")
  await page.locator("dialog .dialog-foot").getByRole("button", { name: "Close" }).click()
  // until it has gone, keys are its own
  await poll(() => page.locator("dialog").count()).toBe(0)
}

describe.skipIf(!hasBrowser)("the page before a real run", () => {
  test("a run is watched, its gate is answered, its failure retried and then given a result, and all of it is in its history", async () => {
    const { served, run } = await opened()
    const page = await show(served.url)
    await poll(() => status(page)).toBe("Waiting")
    await page.locator(".actor-row", { hasText: "approved" }).click()
    await act(page, "Answer", async () => {
      expect(await page.locator("dialog .shown").first().innerText()).toContain("177")
      await page.locator("dialog").getByLabel("ok").check()
    })
    await done(page)
    await poll(() => status(page)).toBe("Failed")
    await page.locator(".actor-row", { hasText: "ship" }).click()
    await poll(() => page.locator(".failure").first().innerText()).toContain("no ship today")
    const before = await page.locator("#slider").getAttribute("aria-valuemax")
    await act(page, "Retry this", async () => {
      await poll(() => page.locator("dialog .preview").innerText()).toContain(
        "ship begins anew, and 1 task after it can start"
      )
    })
    await done(page)
    await poll(async () => Number(await page.locator("#slider").getAttribute("aria-valuemax"))).toBeGreaterThan(
      Number(before)
    )
    await poll(() => status(page)).toBe("Failed")
    await act(page, "Complete with a value", () => page.locator("dialog textarea").fill('{"by":"hand"}'))
    await done(page)
    await poll(() => status(page)).toBe("Succeeded")
    const history = await run.history()
    expect(
      history
        .filter((message) => "why" in message)
        .map((message) => ({
          type: message.type,
          who: (message as { who?: string }).who,
          why: (message as { why?: string }).why
        }))
    ).toEqual(
      ["gate.answered", "run.amended", "run.amended"].map((type) => ({
        type,
        who: "inspector (ada)",
        why: "because of a test"
      }))
    )
    // the past is as it was: it had failed
    await search(page, "kind:status failed")
    await page.locator(".log-row").first().click()
    await poll(() => status(page)).toBe("Failed")
    await page.keyboard.press("End")
    await poll(() => status(page)).toBe("Succeeded")
  })

  test("a run is paused and resumed, and goes back to an earlier message", async () => {
    const { served, run } = await opened()
    const page = await show(served.url)
    await poll(() => status(page)).toBe("Waiting")
    await act(page, "Pause")
    await done(page)
    await poll(() => status(page)).toBe("Paused")
    await act(page, "Resume")
    await done(page)
    await poll(() => status(page)).toBe("Waiting")
    await search(page, "kind:journal again attempt.failed")
    await page.locator(".log-row").first().click()
    await page.keyboard.press("Escape")
    await page.locator(".run-name").click()
    await act(page, "Roll back to #2")
    await done(page)
    await poll(async () => (await run.history()).some(({ type }) => type === "run.rolledBack")).toBe(true)
    await page.keyboard.press("End")
    await poll(() => status(page)).toBe("Waiting")
  })

  test("the report of a run opens from a file, with the network blocked by its own policy", async () => {
    const { source, run } = await opened()
    await poll(async () => (await run.status()).gates.length).toBe(1)
    await run.answer("approved", { ok: true } as never)
    await run.outcome()
    const path = join(folder, "report.html")
    const stop = new AbortController()
    const batches = (async function* () {
      for await (const batch of source.follow("run:order-1", 0, stop.signal)) {
        yield batch
        if (batch.isCaughtUp) return
      }
    })()
    const { events } = await writeReport(
      path,
      {
        kind: "troupe-recording-of-events",
        protocol: protocolVersion,
        version: "0",
        title: "An order",
        stream: "run:order-1",
        recordedAt: Date.now()
      },
      batches
    )
    stop.abort()
    const page = await show(pathToFileURL(path).href)
    await poll(async () => Number(await page.locator("#slider").getAttribute("aria-valuemax"))).toBe(events)
    await poll(() => status(page)).toBe("Failed")
    await page.keyboard.press("3")
    await poll(() => page.locator(".state.is-active").count()).toBeGreaterThan(0)
    expect(await page.locator(".act").count()).toBe(0)
  })
})
