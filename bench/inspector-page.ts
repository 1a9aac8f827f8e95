/** The bench page of the inspector's pictures: built, served as the inspector serves its own, and opened in Chromium. */
import { existsSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { build } from "vite"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Where the browser is; without one there is nothing to open. */
export const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium"
export const hasBrowser = (): boolean => existsSync(browserPath)

export interface BenchPage {
  readonly browser: Browser
  /** Opens a page with these settings, after it has painted; gives how long that took. */
  readonly open: (page: Page, settings: string) => Promise<number>
  /** Everything that the page complained about. */
  readonly complaints: ReadonlyArray<string>
  readonly newPage: () => Promise<Page>
  readonly close: () => Promise<void>
}

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" }
/** What the inspector's own server says: nothing from elsewhere, nothing inline. */
const policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"

export const benchPage = async (outDir: string): Promise<BenchPage> => {
  await build({
    configFile: here("../inspector/vite.config.ts"),
    root: here("../inspector/bench"),
    logLevel: "warn",
    build: { outDir, emptyOutDir: true }
  })
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost")
    const file = join(outDir, pathname === "/" ? "index.html" : pathname)
    if (!existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      "content-type": types[extname(file)] ?? "application/octet-stream",
      "content-security-policy": policy
    })
    response.end(readFileSync(file))
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as AddressInfo
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
  })
  const complaints: Array<string> = []
  return {
    browser,
    complaints,
    newPage: async () => {
      const page = await browser.newPage({ viewport: { width: 1280, height: 760 } })
      page.on("pageerror", ({ message }) => complaints.push(message))
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text())
      })
      return page
    },
    open: async (page, settings) => {
      await page.goto(`http://127.0.0.1:${port}/?${settings}`)
      return page.evaluate<number>("bench.painted")
    },
    close: async () => {
      await browser.close()
      await new Promise((done) => server.close(done))
    }
  }
}
