// The page in a real browser: what it shows, how it is gone through, and that nothing of what it shows is ever more than text.
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, type BrowserContextOptions, chromium as launcher, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { fakeRun, fakeShared } from "../../inspector/fake.ts"
import type { SeenEvent } from "../../src/inspect/protocol.ts"
import { chromium, type PageServer, type PageServerOptions, screenshots, servePage } from "./page-server.ts"

const hasBrowser = existsSync(chromium)
if (!hasBrowser) console.warn(`no ${chromium} here: the tests of the page in a browser are skipped`)
const isBuilt = existsSync(fileURLToPath(new URL("../../dist/inspector/index.html", import.meta.url)))
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

let browser: Browser
const closing: Array<() => Promise<unknown>> = []
/** What went wrong on a page without anybody saying so. */
const wrong: Array<string> = []

beforeAll(async () => {
  if (!hasBrowser) return
  expect(isBuilt, "the page is not built: run node scripts/build.mjs first").toBe(true)
  mkdirSync(dirname(screenshots("x")), { recursive: true })
  browser = await launcher.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
  })
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  expect(wrong.splice(0), "errors on the page, or things that its policy refused").toEqual([])
})
afterAll(() => browser?.close())

const everything: PageServerOptions["streams"] = {
  orchestrator: fakeShared(),
  "run:trip-1": fakeRun(),
  "run:trip-2": fakeRun({ run: "trip-2", until: "gate" }),
  "run:trip-3": fakeRun({ run: "trip-3", until: "fan-out" })
}

const serve = async (options: Partial<PageServerOptions> = {}): Promise<PageServer> => {
  const server = await servePage({ streams: everything, ...options })
  closing.push(server.close)
  return server
}

const show = async (
  url: string,
  options: BrowserContextOptions = {},
  before?: (page: Page) => Promise<unknown>
): Promise<Page> => {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
    ...options
  })
  closing.push(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on("pageerror", (error) => wrong.push(String(error)))
  page.on("console", (message) => {
    // a socket that is refused on purpose is told by the browser as an error
    if (message.type() === "error" && !message.text().includes("WebSocket connection")) wrong.push(message.text())
  })
  await before?.(page)
  await page.goto(url)
  return page
}

/** A machine that does other things as well may be slow. */
const poll: typeof expect.poll = (look, options) => expect.poll(look, { timeout: 15_000, ...options })
const text = (page: Page, selector: string) => page.locator(selector).first().innerText()
/** The page is somewhere when its slider is: all else follows in the same frame. */
const moment = async (page: Page): Promise<number> =>
  Number(await page.locator("#slider").getAttribute("aria-valuenow"))
const at = (page: Page, seq: number) => poll(() => moment(page)).toBe(seq)
const openRun = async (page: Page, run: string) => {
  await page.locator(".run-row", { hasText: run }).click()
  await poll(() => text(page, ".run-name")).toContain(run)
}
/** Through the tree by keys: what is far down is not there for the mouse. */
const selectActor = async (page: Page, name: string) => {
  await page.locator(".tree").focus()
  await page.keyboard.press("Home")
  for (let i = 0; i < 60; i++) {
    const active = await page.locator(".actor-row.is-active .actor-id").innerText()
    if (active === name) break
    await page.keyboard.press("ArrowDown")
  }
  await page.keyboard.press("Enter")
  await poll(() => text(page, ".details-head h2")).toBe(name)
}
const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(`${axe}\n;undefined`)
  return page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as { readonly axe: { run: (what: unknown, options: unknown) => Promise<any> } }
    ).axe.run(document, {
      resultTypes: ["violations"]
    })
    return violations.flatMap(({ id, nodes }: any) =>
      nodes.slice(0, 3).map((node: any) => `${id}: ${node.target} ${node.failureSummary}`)
    )
  })
}

describe.skipIf(!hasBrowser)("the page", () => {
  test("the token leaves the address bar, and is sent to nobody but the socket", async () => {
    const server = await serve()
    const asked: Array<string> = []
    const page = await show(server.url, {}, async (one) =>
      one.on("request", (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())}`))
    )
    await page.locator(".run-row").first().waitFor()
    expect(page.url()).toBe(`${server.origin}/`)
    expect(asked.join("\n")).not.toContain("t0ken")
    await page.reload()
    await page.locator(".run-row").first().waitFor()
  })

  test("without the token it says what to do", async () => {
    const server = await serve()
    const page = await show(`${server.origin}/`)
    await poll(() => text(page, ".nothing")).toContain("with its token")
  })

  test("a run is followed as it happens", async () => {
    const whole = fakeRun()
    const server = await serve({ streams: { "run:trip-1": whole.slice(0, 120) } })
    const page = await show(server.url)
    await at(page, 120)
    server.tell("run:trip-1", whole.slice(120, 400))
    await at(page, 400)
    server.tell("run:trip-1", whole.slice(400))
    await at(page, whole.length)
    await poll(() => text(page, ".run-head .badge")).toBe("Failed")
    await poll(() => page.locator("[role=status]").first().innerText()).toContain("The run is failed")
    await poll(() => text(page, ".failure")).toContain("no space left")
  })

  test("one moment is everywhere: tree, details, top, log and slider", async () => {
    const server = await serve()
    const page = await show(server.url)
    await openRun(page, "trip-1")
    await at(page, fakeRun().length)
    const wanted =
      fakeRun().findIndex(
        (event) => event.kind === "step" && event.actor === "trip-1/charge" && event.to === "task.backingOff"
      ) + 1
    await page.locator("#slider").focus()
    await page.locator("#search").fill("kind:step task.backingOff trip-1/charge")
    await page.locator("#search").fill("kind:step actor:trip-1/charge backingoff")
    await poll(() => page.locator(".log-row").count()).toBe(3 * 2)
    await page.locator(".log-row").first().click()
    await at(page, wanted)
    await poll(() => text(page, ".details-head h2")).toBe("charge")
    await poll(() => page.locator(".actor-row", { hasText: "charge" }).first().innerText()).toContain("backingOff")
    await poll(() => text(page, ".run-head .badge")).toBe("Running")
    await poll(() => page.locator(".log-row.is-at").count()).toBe(1)
    await poll(() => page.locator(".details .small-table").first().locator("tbody tr").count()).toBe(1)
    await poll(() => text(page, ".json-diff")).toContain("failure")
    await page.locator("#search").fill("")
    await page.keyboard.press("Escape")
    await page.keyboard.press("3")
    await poll(() => page.locator(".state.is-active .state-name").first().textContent()).toBe("backingOff")
    await poll(() => page.locator(".wire.is-taken").count()).toBe(1)
    await page.keyboard.press("End")
    await at(page, fakeRun().length)
    await poll(() => page.locator(".state.is-active .state-name").first().textContent()).toBe("succeeded")
  })

  test("dragging the slider goes through the run, and idle hours are short", async () => {
    const server = await serve()
    const page = await show(server.url)
    await openRun(page, "trip-1")
    const box = (await page.locator("#slider").boundingBox())!
    const across = async (share: number) => {
      await page.mouse.move(box.x + 8 + share * (box.width - 16), box.y + 20)
      return moment(page)
    }
    await page.mouse.move(box.x + box.width - 20, box.y + 20)
    await page.mouse.down()
    const seen: Array<number> = []
    for (const share of [0.95, 0.8, 0.6, 0.4, 0.2, 0]) seen.push(await across(share))
    await page.mouse.up()
    expect(seen).toEqual([...seen].sort((a, b) => b - a))
    expect(seen.at(-1)).toBe(0)
    // four hours of waiting for an answer lie in the middle, and what happened before them has half of the room
    const gate = fakeRun().findIndex((event) => event.kind === "journal" && event.message.type === "gate.answered")
    await page.mouse.click(box.x + 8 + 0.2 * (box.width - 16), box.y + 20)
    expect(await moment(page)).toBeLessThan(gate)
    expect(await moment(page)).toBeGreaterThan(100)
    await poll(() => page.locator(".strip-gap").count()).toBe(2)
  })

  test("everything is reached by keys alone", async () => {
    const server = await serve()
    const page = await show(server.url)
    const press = async (...keys: ReadonlyArray<string>) => {
      for (const key of keys) await page.keyboard.press(key)
    }
    await page.locator(".run-row").first().waitFor()
    await press("g", "r", "Home", "Enter")
    await poll(() => text(page, ".run-name")).toContain("trip-1")
    await at(page, fakeRun().length)
    // the tree: down to the first task, which is then selected
    await press("g", "a", "Home", "ArrowDown", "Enter")
    await poll(() => text(page, ".details-head h2")).toBe("market")
    // through its own events only
    await press("g", "m", "Home")
    await at(page, 0)
    await press("j")
    const end = fakeRun().length
    await press("End")
    await at(page, end)
    await press("ArrowLeft", "ArrowLeft")
    await at(page, end - 2)
    await press("Shift+ArrowLeft")
    expect(fakeRun()[(await moment(page)) - 1]!.kind).toBe("journal")
    await press(" ")
    await poll(() => page.locator(".live").getAttribute("aria-pressed")).toBe("true")
    await press(" ")
    await poll(() => page.locator(".live").getAttribute("aria-pressed")).toBe("false")
    for (const [key, tab] of [
      ["2", "timeline"],
      ["3", "chart"],
      ["4", "sequence"],
      ["5", "shared"],
      ["1", "graph"]
    ] as const) {
      await press(key)
      await poll(() => page.locator(`#tab-${tab}`).getAttribute("aria-selected")).toBe("true")
    }
    await press("3", "t")
    await poll(() => page.locator(".big-table tbody tr").count()).toBeGreaterThan(10)
    // a picture is moved and sized
    await press("t")
    await page.locator("svg.chart").focus()
    const place = () => page.locator("svg.chart > g").getAttribute("transform")
    await press("0")
    const whole = await place()
    await press("d", "+")
    expect(await place()).not.toBe(whole)
    await press("0")
    expect(await place()).toBe(whole)
    await press("/")
    await poll(() => page.evaluate(() => document.activeElement?.id)).toBe("search")
    await press("Escape", "?")
    await poll(() => page.locator("dialog h2").innerText()).toBe("Keys and signs")
    await press("Escape")
    await poll(() => page.locator("dialog").count()).toBe(0)
    // Tab goes through everything, and what has the focus is seen
    await page.locator("#search").focus()
    for (let i = 0; i < 12; i++) {
      await press("Tab")
      const ring = await page.evaluate(() => {
        const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement!)
        return document.activeElement === document.body || outlineStyle !== "none" || boxShadow !== "none"
      })
      expect(ring).toBe(true)
    }
  })

  test("J and K go through the events of what is selected", async () => {
    const server = await serve()
    const page = await show(server.url)
    await openRun(page, "trip-1")
    await selectActor(page, "market")
    await page.locator("#slider").focus()
    await page.keyboard.press("Home")
    await at(page, 0)
    const own = fakeRun().filter(
      (event) =>
        JSON.stringify(event).includes("market") &&
        (("task" in event && event.task === "market") || ("actor" in event && event.actor === "trip-1/market"))
    )
    await page.keyboard.press("j")
    await at(page, own[0]!.seq + 1)
    await page.keyboard.press("j")
    await at(page, own[1]!.seq + 1)
    await page.keyboard.press("k")
    await at(page, own[0]!.seq + 1)
  })

  test("playing goes on by itself, faster than it was, and stops at the end", async () => {
    const server = await serve()
    const page = await show(server.url)
    await openRun(page, "trip-1")
    await page.getByRole("radio", { name: "100×" }).click()
    await page.keyboard.press("Home")
    await at(page, 0)
    await page.keyboard.press("p")
    await poll(() => moment(page)).toBeGreaterThan(20)
    await poll(() => moment(page), { timeout: 20_000 }).toBe(fakeRun().length)
    await poll(() => page.locator(".live").getAttribute("aria-pressed")).toBe("true")
  })

  test("the log is narrowed down by words, kinds and the selection", async () => {
    const server = await serve()
    const page = await show(server.url)
    await openRun(page, "trip-1")
    await page.keyboard.press("/")
    await page.keyboard.type("enospc")
    await poll(() => text(page, ".log .pane-head .faint")).toMatch(/^\d+ of 584/)
    await page.keyboard.press("Escape")
    await page.locator(".menu summary").click()
    await page.locator(".menu-box").getByLabel("fault", { exact: true }).check()
    await poll(() => page.locator(".log-row").count()).toBe(1)
    await page.locator(".log-row").click()
    await page.locator(".menu summary").click()
    await page.getByRole("button", { name: "All kinds" }).click()
    await page.keyboard.press("Escape")
    await page.locator(".actor-row", { hasText: "market" }).click()
    await page.keyboard.press("f")
    await poll(() => page.locator(".log-row").count()).toBeLessThan(25)
    await page.locator("#search").fill("nothing is like this")
    await poll(() => text(page, ".log")).toContain("No event is like that")
  })

  test("a gate is answered: its form, what it shows, what would come of it, why, and what came of it", async () => {
    const server = await serve({
      answer: (ask, isDryRun) =>
        isDryRun
          ? {
              ok: true,
              preview: {
                text: "approved has its answer, and 6 tasks after it can start.",
                tasks: ["approved", "charge"]
              }
            }
          : ask.fields?.["value"] !== undefined
            ? { ok: true, value: { run: "trip-2", ok: true } }
            : { ok: false, error: { code: "SCHEMA_MISMATCH", message: "no" } }
    })
    const page = await show(server.url)
    await openRun(page, "trip-2")
    await selectActor(page, "approved")
    await page.getByRole("button", { name: "Answer" }).click()
    const dialog = page.locator("dialog")
    await poll(() => dialog.locator(".shown").first().innerText()).toContain("Hotel 10")
    await dialog.getByRole("button", { name: "Answer" }).click()
    await poll(() => dialog.locator("[role=status]").innerText()).toContain("Class is needed")
    await dialog.getByLabel("Approved").check()
    await dialog.getByLabel("Budget").fill("350")
    await dialog.getByLabel("Class").selectOption({ label: "business" })
    await dialog.getByLabel("Why").fill("it is a long trip")
    await poll(() => dialog.locator(".preview").innerText()).toContain("6 tasks after it can start")
    await page.screenshot({ path: screenshots("answer-light") })
    expect(await violations(page)).toEqual([])
    await dialog.getByRole("button", { name: "Answer" }).click()
    await poll(() => dialog.locator("[role=status]").innerText()).toContain("Done")
    expect(server.asked.filter(({ isDryRun }) => !isDryRun).map(({ ask }) => ask)).toEqual([
      {
        verb: "answer",
        run: "trip-2",
        fields: { gate: "approved", value: { ok: true, budget: 350, class: "business" } },
        why: "it is a long trip"
      }
    ])
    await page.keyboard.press("Escape")
    await poll(() => page.locator("dialog").count()).toBe(0)
  })

  test("what was refused says why, and a breaker is held open", async () => {
    const server = await serve({
      answer: (_, isDryRun) =>
        isDryRun
          ? { ok: true, preview: { text: "It is written with who asked and why.", tasks: [] } }
          : { ok: false, error: { code: "AMENDMENT_REFUSED", message: "somebody was quicker" } }
    })
    const page = await show(server.url)
    await openRun(page, "trip-1")
    await page.keyboard.press("5")
    await page.getByLabel("Breaker mail").getByRole("button", { name: "Hold open" }).click()
    await page.locator("dialog").getByRole("button", { name: "Hold open" }).click()
    await poll(() => page.locator("dialog [role=status]").innerText()).toContain("somebody was quicker")
    expect(server.asked.at(-1)?.ask).toEqual({ verb: "breaker", fields: { breaker: "mail", set: "open" } })
  })

  test("who may only look sees what could be done, and why it cannot", async () => {
    const server = await serve({ hello: { mayControl: false } })
    const page = await show(server.url)
    await openRun(page, "trip-2")
    const pause = page.locator(".act").first()
    expect(await pause.getAttribute("aria-disabled")).toBe("true")
    expect(await pause.innerText()).toContain("--control")
    await pause.click({ force: true })
    await poll(() => page.locator("dialog").count()).toBe(0)
    expect(server.asked).toEqual([])
  })

  test("a lost connection comes back by itself and goes on after the last event", async () => {
    const whole = fakeRun()
    const server = await serve({ streams: { "run:trip-1": whole.slice(0, 200) } })
    const page = await show(server.url)
    await at(page, 200)
    server.down()
    await poll(() => text(page, ".notice")).toContain("The connection is lost")
    expect(await violations(page)).toEqual([])
    await page.screenshot({ path: screenshots("lost-light") })
    server.tell("run:trip-1", whole.slice(200))
    server.up()
    await at(page, whole.length)
    await poll(() => page.locator(".notice").count()).toBe(0)
    expect(server.followed.filter(({ stream }) => stream === "run:trip-1").map(({ from }) => from)).toEqual([0, 200])
  })

  test("when another process answers, all is shown anew", async () => {
    const server = await serve({ streams: { "run:trip-1": fakeRun().slice(0, 200) } })
    const page = await show(server.url)
    await at(page, 200)
    server.down()
    await poll(() => page.locator(".notice").count()).toBe(1)
    server.up("boot-2")
    await poll(() => server.followed.filter(({ stream }) => stream === "run:trip-1").map(({ from }) => from)).toEqual([
      0, 0
    ])
    await at(page, 200)
  })

  test("a file that brings its events along needs nobody, and offers nothing to do", async () => {
    const server = await serve()
    const page = await show(`${server.origin}/`, {}, (one) =>
      one.addInitScript(
        (events) => {
          globalThis.troupeReport = Promise.resolve({
            head: {
              kind: "troupe-recording-of-events",
              protocol: 1,
              version: "0.1.0",
              title: "A night in Lisbon",
              stream: "run:trip-1",
              recordedAt: 0,
              opensAt: 300
            },
            events: events as never
          })
        },
        fakeRun() as unknown as Array<object>
      )
    )
    await at(page, 300)
    expect(await text(page, "h1")).toBe("A night in Lisbon")
    expect(await page.locator(".act").count()).toBe(0)
    expect(await page.locator(".runs").count()).toBe(0)
  })

  test("a recording that is broken says so", async () => {
    const server = await serve()
    const page = await show(`${server.origin}/`, {}, (one) =>
      one.addInitScript(() => {
        globalThis.troupeReport = Promise.reject(new SyntaxError("line 7 is not JSON"))
        globalThis.troupeReport.catch(() => {})
      })
    )
    await poll(() => text(page, ".nothing")).toContain("line 7 is not JSON")
    await page.screenshot({ path: screenshots("broken-light") })
  })

  test("before the first run it says that it waits for one", async () => {
    const server = await serve({ streams: {} })
    const page = await show(server.url)
    await poll(() => text(page, ".nothing")).toContain("Nothing to see yet")
    expect(await violations(page)).toEqual([])
  })

  test.each([
    ["markup", `<img src=x onerror="globalThis.pwned=1">`],
    ["a picture with a script", `<svg onload="globalThis.pwned=1"><script>globalThis.pwned=1</script></svg>`],
    ["the end of a script", `</script><script>globalThis.pwned=1</script>`],
    ["line separators", "a\u2028globalThis.pwned=1\u2029b"],
    ["a turned direction", "txt.\u202Eexe.tnemucod\u2066"],
    ["an address", "javascript:globalThis.pwned=1"]
  ])("names are text, whatever is in them: %s", async (_, name) => {
    const events = fakeRun({ run: "trip-1", names: { workflow: name, agent: name, error: name, city: name } })
    const hostile: ReadonlyArray<SeenEvent> = [
      ...events,
      {
        kind: "actor",
        actor: `trip-1/${name}`,
        parent: "trip-1",
        id: name,
        logic: name,
        value: { [name]: name },
        context: { [name]: name },
        seq: events.length,
        t: events.at(-1)!.t
      },
      { kind: "breaker", name, state: name, facts: { why: name }, seq: events.length + 1, t: events.at(-1)!.t },
      { kind: "agent", id: name, can: [name], load: 1, capacity: 2, seq: events.length + 2, t: events.at(-1)!.t },
      { kind: "fault", run: "trip-1", text: name, broken: name, seq: events.length + 3, t: events.at(-1)!.t },
      {
        kind: "message",
        actor: `trip-1/${name}`,
        from: name,
        type: name,
        data: { [name]: name },
        seq: events.length + 4,
        t: events.at(-1)!.t
      }
    ]
    const server = await serve({ streams: { "run:trip-1": hostile }, hello: { title: name } })
    const page = await show(server.url)
    await at(page, hostile.length)
    for (const key of ["1", "2", "3", "4", "5", "t", "4", "3", "t"]) {
      await page.keyboard.press(key)
      await page.waitForTimeout(30)
    }
    await page.locator(".actor-row").last().click()
    await page.locator(".log-row").last().click()
    await page.waitForTimeout(100)
    expect(await page.evaluate(() => (globalThis as { pwned?: number }).pwned)).toBeUndefined()
    expect(await page.locator("img, iframe, object, embed, .details script, [onerror], [onload]").count()).toBe(0)
    expect(await page.evaluate(() => document.querySelectorAll("script").length)).toBe(1)
    const all = await page.evaluate(() => document.body.innerText)
    expect(all).not.toMatch(/[\u2028\u2029\u202e\u2066]/)
    expect(all).toContain(name.slice(0, 1))
  })

  test.each([
    ["light", 1440, 900],
    ["dark", 1440, 900],
    ["light", 1024, 700],
    ["dark", 1024, 700]
  ] as const)("nobody is shut out: no violation that axe knows of, %s at %d by %d", async (theme, width, height) => {
    const server = await serve()
    const page = await show(server.url, { colorScheme: theme, viewport: { width, height } })
    const name = (view: string) => screenshots(`${view}-${theme}-${width}`)
    await openRun(page, "trip-1")
    expect(await violations(page)).toEqual([])
    await page.screenshot({ path: name("run") })
    const charge = fakeRun().findIndex(
      (event) => event.kind === "attempt" && event.task === "charge" && event.attempt === 3
    )
    await page.locator("#search").fill("task:charge kind:attempt")
    await poll(() => page.locator(".log-row").count()).toBe(5)
    await page.locator(".log-row").nth(2).click()
    await at(page, charge + 1)
    await page.locator("#search").fill("")
    await page.locator("#search").press("Escape")
    for (const [key, view] of [
      ["1", "graph"],
      ["2", "timeline"],
      ["3", "chart"],
      ["4", "sequence"],
      ["5", "shared"]
    ] as const) {
      await page.keyboard.press(key)
      await page.waitForTimeout(view === "chart" || view === "graph" ? 1_500 : 200)
      expect(await violations(page), view).toEqual([])
      await page.screenshot({ path: name(view) })
      await page.keyboard.press("t")
      await page.waitForTimeout(100)
      expect(await violations(page), `${view} as a table`).toEqual([])
      await page.keyboard.press("t")
    }
    await page.keyboard.press("?")
    await page.locator("dialog .keys").first().waitFor()
    expect(await violations(page), "help").toEqual([])
    await page.screenshot({ path: name("help") })
  })
})
