// The same wants as in attacks.test.ts, in the browser that would be used for them.
import { existsSync, mkdtempSync, readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Seen, SeenEvent } from "../../src/inspect/protocol.ts"
import { headOf, untilCaughtUp } from "../../src/inspect/recording.ts"
import { writeReport } from "../../src/inspect/report.ts"
import { pageOfPackage } from "../../src/inspect/server.ts"
import { launch, noBrowser } from "./chromium.ts"
import { fakeSource } from "./source.ts"
import { type Visitor, visitor } from "./visitor.ts"

if (noBrowser !== undefined) console.warn(`skipped: ${noBrowser}`)
const isBuilt = existsSync(join(pageOfPackage(), "index.html"))
if (!isBuilt) console.warn('skipped: the page is not built; "node scripts/build.mjs" builds it')

const hostile = [
  "<img src=x onerror=globalThis.hacked=1>",
  "<svg><script>globalThis.hacked=1</script></svg>",
  "</script><script>globalThis.hacked=1</script>",
  "</title><script>globalThis.hacked=1</script>",
  "\u2028globalThis.hacked=1\u2029",
  "\u202Egnp.exe",
  "javascript:globalThis.hacked=1",
  "{{constructor.constructor('globalThis.hacked=1')()}}",
  "__proto__"
]

describe.skipIf(noBrowser !== undefined)("in a real browser", () => {
  const fake = fakeSource({ title: hostile[3]! })
  fake.push("run:h", hostileRun())
  let at: Visitor
  let browser: Browser
  let evil: Server
  let evilPort: number

  beforeAll(async () => {
    at = await visitor(fake.source, { control: true })
    evil = createServer((_, response) => {
      // it lets everybody in: what is refused is refused by us
      response
        .setHeader("content-type", "text/html")
        .setHeader("access-control-allow-origin", "*")
        .end("<!doctype html><title>evil</title>")
    })
    await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve))
    evilPort = (evil.address() as { port: number }).port
    browser = await launch("--host-resolver-rules=MAP evil.example 127.0.0.1")
  })
  afterAll(async () => {
    await browser?.close()
    await at?.close()
    evil?.close()
  })

  const on = async <T>(url: string, work: (page: Page) => Promise<T>): Promise<T> => {
    const page = await browser.newPage()
    try {
      await page.goto(url)
      return await work(page)
    } finally {
      await page.close()
    }
  }
  /** What a page gets that knows the address and even the token. */
  const attempts = (page: Page | { evaluate: Page["evaluate"] }) =>
    page.evaluate(
      async ({ origin, token, port }) => {
        const read = async (init: RequestInit) => {
          try {
            const response = await fetch(`${origin}/api/runs`, init)
            return response.type === "opaque" ? "opaque" : `${response.status} ${await response.text()}`
          } catch {
            return "refused"
          }
        }
        const act = async (init: RequestInit) => {
          try {
            return String(
              (
                await fetch(`${origin}/api/ask`, {
                  method: "POST",
                  body: '{"ask":{"verb":"pause","run":"r1"}}',
                  ...init
                })
              ).type
            )
          } catch {
            return "refused"
          }
        }
        const socket = await new Promise<string>((resolve) => {
          const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`, ["troupe.v1", `token.${token}`])
          ws.onopen = () => resolve("open")
          ws.onmessage = () => resolve("told")
          ws.onerror = () => resolve("refused")
        })
        const authorization = `Bearer ${token}`
        return {
          plain: await read({}),
          withToken: await read({ headers: { authorization } }),
          blind: await read({ mode: "no-cors" }),
          form: await act({ mode: "no-cors", headers: { "content-type": "text/plain" } }),
          json: await act({ headers: { authorization, "content-type": "application/json" } }),
          socket
        }
      },
      { origin: `http://${at.host}`, token: at.token, port: at.server.port }
    )
  const nothing = { plain: "refused", withToken: "refused", json: "refused", socket: "refused" }

  test("a page of another origin reads nothing, does nothing, and follows nothing, even with the token", async () => {
    for (const url of [`http://127.0.0.1:${evilPort}/`, `http://evil.example:${evilPort}/`]) {
      const seen = await on(url, attempts)
      expect(seen).toMatchObject(nothing)
      expect(seen.blind).not.toContain("r1")
    }
    expect(fake.performed).toEqual([])
  })

  test("a sandboxed frame, whose origin is 'null', gets nothing either", async () => {
    const seen = await on(`http://evil.example:${evilPort}/`, async (page) => {
      await page.evaluate(() => {
        const { document } = globalThis as any
        const frame = document.createElement("iframe")
        frame.setAttribute("sandbox", "allow-scripts")
        frame.srcdoc = "<!doctype html><title>inside</title>"
        document.body.append(frame)
      })
      await expect.poll(() => page.frames().length).toBe(2)
      const frame = page.frames()[1]!
      await frame.waitForLoadState()
      expect(await frame.evaluate("origin")).toBe("null")
      return attempts(frame as never)
    })
    expect(seen).toMatchObject(nothing)
    expect(fake.performed).toEqual([])
  })

  test("a name that was made to lead here (DNS rebinding) gets no page and no data", async () => {
    const page = await browser.newPage()
    const answer = await page.goto(`http://evil.example:${at.server.port}/`)
    expect(answer!.status()).toBe(421)
    const seen = await page.evaluate(async (token) => {
      const { location } = globalThis as any
      const { status } = await fetch("/api/runs", { headers: { authorization: `Bearer ${token}` } })
      const socket = await new Promise<string>((resolve) => {
        const ws = new WebSocket(`ws://${location.host}/ws`, ["troupe.v1", `token.${token}`])
        ws.onopen = () => resolve("open")
        ws.onerror = () => resolve("refused")
      })
      return { status, socket }
    }, at.token)

    expect(seen).toEqual({ status: 421, socket: "refused" })
    await page.close()
  })

  test("another page cannot put the inspector into a frame of its own", async () => {
    await on(`http://evil.example:${evilPort}/`, async (page) => {
      await page.evaluate((url) => {
        const { document } = globalThis as any
        const frame = document.createElement("iframe")
        frame.src = url
        document.body.append(frame)
      }, at.server.url)
      await expect.poll(() => page.frames().length).toBe(2)
      await expect.poll(() => page.frames()[1]!.url()).toMatch(/^chrome-error:/)
    })
  })

  test.skipIf(!isBuilt)(
    "the page opens with its own policy: nothing in it is forbidden, nothing comes from elsewhere",
    async () => {
      const page = await browser.newPage()
      const seen = watch(page)
      await page.goto(at.server.url)
      await page.waitForSelector("#app > *", { state: "attached" })
      await page.waitForTimeout(500)
      expect(seen.complaints).toEqual([])
      expect(seen.hosts()).toEqual([at.host])
      await page.close()
    }
  )

  test.skipIf(!isBuilt)("V-36: names with markup in them are shown as text, and nothing in them runs", async () => {
    const page = await browser.newPage()
    const seen = watch(page)
    await page.goto(at.server.url)
    await page.waitForSelector("#app > *", { state: "attached" })
    await page.waitForTimeout(1_000)
    expect(await page.evaluate(() => (globalThis as { hacked?: unknown }).hacked)).toBeUndefined()
    expect(await page.locator("img, iframe, object, embed, script:not([src])").count()).toBe(0)
    expect(await page.locator("[onerror], [onload], [onclick]").count()).toBe(0)
    expect(seen.hosts()).toEqual([at.host])
    await page.close()
  })

  describe.skipIf(!isBuilt)("a report", () => {
    const path = join(mkdtempSync(join(tmpdir(), "troupe-report-")), "run.html")
    beforeAll(async () => {
      const head = { ...headOf({ title: hostile[3]! }, "run:h", "0", 1) }
      await writeReport(path, head, untilCaughtUp(fake.source.follow("run:h", 0)))
    })

    test("opens from a file, has all its events, and asks nothing of the network", async () => {
      const context = await browser.newContext({ offline: true })
      const page = await context.newPage()
      const seen = watch(page)
      await page.goto(pathToFileURL(path).href)
      await page.waitForSelector("#app > *", { state: "attached" })
      // as text: what the browser hands over otherwise leaves out fields with hostile names
      const { head, events } = JSON.parse(await page.evaluate("troupeReport.then((report) => JSON.stringify(report))"))
      const told: Array<SeenEvent> = []
      for await (const batch of untilCaughtUp(fake.source.follow("run:h", 0))) told.push(...batch.events)
      expect(JSON.stringify(events)).toBe(JSON.stringify(told))
      expect(head).toMatchObject({ stream: "run:h", title: hostile[3] })
      expect(await page.title()).not.toBe("")
      await page.waitForTimeout(500)
      expect(await page.evaluate(() => (globalThis as { hacked?: unknown }).hacked)).toBeUndefined()
      expect(seen.hosts()).toEqual([""])
      expect(seen.complaints).toEqual([])
      await context.close()
    })

    test("cannot reach the network even if something in it wanted to, and runs no script but its own", async () => {
      const page = await browser.newPage()
      await page.goto(pathToFileURL(path).href)
      const tried = await page.evaluate(async (origin) => {
        const { document, Image } = globalThis as any
        const fetched = await fetch(`${origin}/`).then(
          () => "reached",
          () => "refused"
        )
        const image = await new Promise<string>((resolve) => {
          const one = new Image()
          one.onload = () => resolve("reached")
          one.onerror = () => resolve("refused")
          one.src = `${origin}/x.png`
        })
        const script = document.createElement("script")
        script.textContent = "globalThis.hacked = 2"
        document.body.append(script)
        return { fetched, image, hacked: (globalThis as { hacked?: unknown }).hacked ?? null }
      }, `http://evil.example:${evilPort}`)
      expect(tried).toEqual({ fetched: "refused", image: "refused", hacked: null })
      await page.close()
    })

    test("holds its data as text that no markup in it can end", () => {
      const html = readFileSync(path, "utf8")
      expect(html.match(/<script/g)!.length).toBe(html.match(/<\/script>/g)!.length)
      expect(html.match(/<\/script>/g)!.length).toBe(3)
      expect(html).not.toContain("<script>globalThis.hacked")
      expect(html).not.toContain("\u2028")
    })
  })
})

/** What a page complains of and where it asks. */
const watch = (page: Page) => {
  const complaints: Array<string> = []
  const urls: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  page.on("request", (request) => urls.push(request.url()))
  return {
    complaints,
    hosts: () => [...new Set(urls.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).host))]
  }
}

/** A run in which every name and value is hostile. */
function hostileRun(): ReadonlyArray<Seen> {
  return [
    {
      kind: "definition",
      hash: "h",
      ir: { ir: 1, name: hostile[0]!, tasks: hostile.map((id) => ({ id, kind: "noop", name: id })) }
    },
    { kind: "run", run: "h", workflow: hostile[0]!, hash: "h", input: { [hostile[1]!]: hostile } },
    { kind: "actor", actor: "h", id: "h", logic: "workflow", run: "h", value: "running" },
    ...hostile.flatMap(
      (name): ReadonlyArray<Seen> => [
        {
          kind: "actor",
          actor: `h/${name}`,
          parent: "h",
          id: name,
          logic: name,
          run: "h",
          task: name,
          value: name,
          context: { [name]: name }
        },
        { kind: "task", run: "h", task: name, status: "running" },
        { kind: "attempt", run: "h", task: name, attempt: 1, agent: name },
        { kind: "message", actor: `h/${name}`, from: "h", type: name, data: name },
        { kind: "task", run: "h", task: name, status: "failed" }
      ]
    ),
    {
      kind: "status",
      run: "h",
      status: "failed",
      percent: 1,
      error: { task: hostile[0]!, code: hostile[1]!, message: hostile[2]! }
    }
  ]
}
