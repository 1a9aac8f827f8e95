// The pictures in the docs are of this page: UPDATE_DOCS=1 takes them anew.
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { fakeRun, fakeShared } from "../../inspector/fake.ts"
import { launch, noBrowser } from "./chromium.ts"
import { servePage } from "./page-server.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const pictures = [
  { name: "graph", tab: "Graph", scheme: "light" },
  { name: "timeline", tab: "Timeline", scheme: "dark" },
  { name: "statechart", tab: "Statechart", scheme: "light" },
  { name: "sequence", tab: "Sequence", scheme: "dark" }
] as const

/** Through the tree by keys: what is far down is not there for the mouse. */
const selected = async (page: Page, name: string): Promise<void> => {
  await page.locator(".tree").focus()
  await page.keyboard.press("Home")
  for (let i = 0; i < 60; i++) {
    if ((await page.locator(".actor-row.is-active .actor-id").innerText()) === name) break
    await page.keyboard.press("ArrowDown")
  }
  await page.keyboard.press("Enter")
}

test("the docs show pictures that are there", () => {
  const docs = readFileSync(`${root}docs/INSPECTOR.md`, "utf8")
  const shown = [...docs.matchAll(/\]\((images\/[\w.-]+)\)/g)].map(([, path]) => path!)
  expect(shown.sort()).toEqual(pictures.map(({ name }) => `images/inspector-${name}.png`).sort())
  for (const path of shown) expect(existsSync(`${root}docs/${path}`), path).toBe(true)
})

test.skipIf(process.env["UPDATE_DOCS"] !== "1" || noBrowser !== undefined)("takes them", async () => {
  mkdirSync(`${root}docs/images`, { recursive: true })
  const server = await servePage({ streams: { orchestrator: fakeShared(), "run:trip-1": fakeRun() } })
  const browser = await launch()
  for (const { name, tab, scheme } of pictures) {
    const page = await browser.newPage({
      viewport: { width: 1440, height: 860 },
      colorScheme: scheme,
      reducedMotion: "reduce",
      timezoneId: "UTC"
    })
    await page.goto(server.url)
    await page.locator(".run-row", { hasText: "trip-1" }).click()
    if (name !== "graph") await selected(page, "charge")
    await page.getByRole("tab", { name: tab }).click()
    // the better layout comes from a worker
    await page.waitForTimeout(6_000)
    if (name === "graph") await page.getByRole("button", { name: "Show all" }).click()
    await page.waitForTimeout(1_000)
    await page.screenshot({ path: `${root}docs/images/inspector-${name}.png` })
    await page.close()
  }
  await browser.close()
  await server.close()
})
