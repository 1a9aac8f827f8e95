// The pictures in a browser: they are painted in both themes and all sizes, obey the keys and the pointer, and break no rule of the page.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type BenchPage, benchPage, hasBrowser } from "../../bench/inspector-page.ts"

const shots = fileURLToPath(new URL("../../test-results/pictures/", import.meta.url))
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

describe.skipIf(!hasBrowser())("the pictures in a browser", () => {
  let bench: BenchPage
  let page: Page
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "troupe-pictures-"))
    mkdirSync(shots, { recursive: true })
    bench = await benchPage(folder)
  })
  afterAll(async () => {
    await bench?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    page = await bench.newPage()
  })
  afterEach(async () => {
    await page.close()
    // nothing inline, nothing from elsewhere, no broken shape: the browser would have said so
    expect(bench.complaints).toEqual([])
  })

  const rest = () => page.evaluate("bench.rested()")
  const texts = () => page.locator(".picture text").allTextContents()
  const selected = () => page.evaluate<string | undefined>("bench.selectedNow()")
  const transform = () => page.locator(".dag-near > g").getAttribute("transform")
  /** ELK has answered when nothing moves any more. */
  const laidOut = async () => {
    for (let before = ""; ; ) {
      const now = await page.locator(".dag-near").innerHTML()
      if (now === before) return
      before = now
      await page.waitForTimeout(700)
    }
  }

  for (const [tasks, shape] of [
    [30, "order"],
    [300, "layers"],
    [10_000, "layers"]
  ] as const)
    for (const theme of ["light", "dark"] as const)
      for (const picture of ["dag", "gantt"] as const)
        test(`a ${picture === "dag" ? "graph" : "timeline"} of ${tasks} tasks is painted in the ${theme} theme, with no word over another`, async () => {
          await bench.open(page, `picture=${picture}&shape=${shape}&tasks=${tasks}&part=0.7&theme=${theme}`)
          await (picture === "dag" && tasks <= 300 ? laidOut() : page.waitForTimeout(400))
          expect(await page.evaluate("bench.overlaps()")).toEqual([])
          await page.screenshot({ path: join(shots, `${picture}-${tasks}-${theme}.png`) })
          if (picture === "dag" && tasks > 300) expect(await page.locator(".dag-node").count()).toBe(0)
          else expect(await page.locator(picture === "dag" ? ".dag-node" : ".gantt-row").count()).toBeGreaterThan(20)
        })

  test("the graph tells each status by a word and an icon, and opens what is inside", async () => {
    await bench.open(page, "picture=dag&shape=order&part=0.7")
    await laidOut()
    const stage = page.locator(".picture")
    await stage.focus()
    for (let i = 0; i < 6; i++) await page.keyboard.press("+")
    await rest()
    expect(await page.locator(".dag-node.is-succeeded .dag-word").first().textContent()).toBe("succeeded")
    expect(await page.locator(".dag-node.is-succeeded .status-glyph").count()).toBeGreaterThan(0)
    const label = await page.locator(".dag-node[aria-label^='suppliers']").getAttribute("aria-label")
    expect(label).toMatch(/^suppliers, fan-out, running: \d+ succeeded, \d+ running/)
    const before = await page.locator(".dag-node").count()
    await page.evaluate("bench.select('suppliers')")
    await page.keyboard.press("Enter")
    await page.keyboard.press("0")
    await rest()
    await laidOut()
    expect(await page.locator(".dag-node").count()).toBeGreaterThan(before + 30)
    await page.keyboard.press("Enter")
    await page.keyboard.press("0")
    await rest()
    expect(await page.locator(".dag-node.is-open").count()).toBe(0)
  })

  test("arrow keys go along the edges, the pointer selects, and the graph moves under wheel, hand and keys", async () => {
    await bench.open(page, "picture=dag&shape=order")
    await laidOut()
    await page.locator(".picture").focus()
    await page.evaluate("bench.select('receive')")
    await page.keyboard.press("ArrowRight")
    expect(["customer", "stock"]).toContain(await selected())
    await page.keyboard.press("ArrowLeft")
    expect(await selected()).toBe("receive")
    const box = (await page.locator(".dag-node[aria-label^='payment']").boundingBox())!
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
    expect(await selected()).toBe("payment")
    const places: Array<string | null> = [await transform()]
    const moves = [
      () => page.mouse.wheel(0, -300),
      async () => {
        await page.mouse.move(600, 600)
        await page.mouse.down()
        await page.mouse.move(500, 560, { steps: 4 })
        await page.mouse.up()
      },
      () => page.keyboard.press("d"),
      () => page.keyboard.press("w"),
      () => page.keyboard.press("-")
    ]
    for (const move of moves) {
      await move()
      await page.waitForTimeout(60)
      const now = await transform()
      expect(places).not.toContain(now)
      places.push(now)
    }
    await page.keyboard.press("0")
    await page.waitForTimeout(400)
    expect(await transform()).toBe(places[0])
  })

  test("keys that belong to the page leave a picture where it is", async () => {
    await bench.open(page, "picture=dag&shape=order&selected=payment")
    await laidOut()
    await page.locator(".picture").focus()
    const before = await transform()
    for (const keys of [["g", "d"], ["g", "a"], ["Shift+ArrowLeft"], ["Control+ArrowRight"]]) {
      for (const key of keys) await page.keyboard.press(key)
      await page.waitForTimeout(60)
      expect(await transform(), keys.join()).toBe(before)
    }
    expect(await selected()).toBe("payment")
    await page.keyboard.press("d")
    await page.waitForTimeout(60)
    expect(await transform()).not.toBe(before)
  })

  test("the graph of ten thousand tasks shows names as soon as one comes near, and all of it in a corner", async () => {
    await bench.open(page, "picture=dag&shape=layers&tasks=10000&part=0.6")
    expect(await page.locator(".dag-minimap").count()).toBe(0)
    await page.mouse.move(640, 380)
    for (let i = 0; i < 30; i++) await page.mouse.wheel(0, -150)
    await page.waitForTimeout(400)
    expect(await page.locator(".dag-node .dag-name").count()).toBeGreaterThan(3)
    expect(await page.locator(".dag-node").count()).toBeLessThan(450)
    expect(await page.locator(".dag-minimap-view").count()).toBe(1)
    const before = await transform()
    await page.locator(".dag-minimap").click({ position: { x: 20, y: 58 } })
    await page.waitForTimeout(100)
    expect(await transform()).not.toBe(before)
  })

  test("the timeline shows a range that was drawn on its axis, and all of it again", async () => {
    await bench.open(page, "picture=gantt&shape=order")
    const ticks = async () => (await page.locator(".gantt-since").allTextContents()).join()
    const all = await ticks()
    await page.mouse.move(500, 52)
    await page.mouse.down()
    await page.mouse.move(640, 52, { steps: 5 })
    expect(await page.locator(".gantt-range").count()).toBe(1)
    await page.mouse.up()
    await rest()
    expect(await page.locator(".gantt-overview-window").count()).toBe(1)
    expect(await ticks()).not.toBe(all)
    await page.locator(".gantt-scroll").focus()
    await page.keyboard.press("0")
    await rest()
    expect(await ticks()).toBe(all)
    expect(await page.locator(".gantt-break").count()).toBeGreaterThan(0)
    await page.getByRole("button", { name: "Show long idle times as short breaks" }).click()
    await rest()
    expect(await page.locator(".gantt-break").count()).toBe(0)
  })

  test("rows of the timeline are reached by keys and pointer, and groups close and open", async () => {
    await bench.open(page, "picture=gantt&shape=order&fails")
    await page.locator(".gantt-scroll").focus()
    await page.keyboard.press("Home")
    expect(await selected()).toBe("receive")
    await page.keyboard.press("ArrowDown")
    expect(await selected()).toBe("customer")
    await page.evaluate("bench.select('region')")
    await page.keyboard.press("ArrowLeft")
    await rest()
    expect((await texts()).includes("vat")).toBe(false)
    await page.keyboard.press("ArrowRight")
    await rest()
    expect((await texts()).includes("vat")).toBe(true)
    await page.keyboard.press("End")
    await rest()
    const last = await selected()
    expect(await page.locator(`.gantt-row.is-selected`).count(), `${last} is in sight`).toBe(1)
  })

  test("what takes an effect back stands in the row of its task, and failed attempts have their own pattern", async () => {
    await bench.open(page, "picture=gantt&shape=order&fails")
    const row = page.locator(".gantt-row[aria-label^='reserve']")
    expect(await row.getAttribute("aria-label")).toContain("taking it back 1, succeeded")
    expect(await row.locator(".gantt-bar.is-undo rect").getAttribute("fill")).toBe("url(#p-undo)")
    const stock = page.locator(".gantt-row[aria-label^='stock']")
    expect(await stock.locator(".gantt-bar.is-failed rect").first().getAttribute("fill")).toBe("url(#p-failed)")
    expect(await stock.locator(".gantt-wait.is-backoff").count()).toBe(3)
    expect(await page.locator(".gantt-slack").count()).toBeGreaterThan(0)
  })

  test("what a simulation has done is marked on the timeline, and where a promise was broken", async () => {
    await bench.open(page, "picture=gantt&shape=order&part=0.7&faults")
    expect(await page.locator(".gantt-fault").count()).toBe(2)
    expect(await page.locator(".gantt-fault.is-broken title").textContent()).toBe(
      "the process was killed: nothing is lost"
    )
    expect(await page.locator(".gantt-fault-line").count()).toBe(2)
    expect(await page.locator(".gantt-now").count()).toBe(1)
    expect(await page.locator(".gantt-eta rect").count()).toBe(1)
    await page.screenshot({ path: join(shots, "gantt-faults.png") })
  })

  test("names that want to break the page are shown as they are", async () => {
    for (const picture of ["dag", "gantt", "dag-table", "gantt-table"]) {
      await bench.open(page, `picture=${picture}&shape=order&hostile`)
      await page.waitForTimeout(200)
      expect(await page.evaluate("globalThis.broken")).toBeUndefined()
      expect(await page.locator("#app img, #app script").count()).toBe(0)
      expect(await page.locator("#app").innerHTML()).toContain("&lt;img")
    }
  })

  test("the tables tell the same, by keys alone, also of ten thousand tasks", async () => {
    await bench.open(page, "picture=dag-table&shape=order")
    const grid = page.getByRole("treegrid")
    await grid.focus()
    await page.evaluate("bench.select('ship')")
    const count = Number(await grid.getAttribute("aria-rowcount"))
    await page.keyboard.press("ArrowRight")
    await rest()
    expect(Number(await grid.getAttribute("aria-rowcount"))).toBe(count + 4)
    await page.keyboard.press("ArrowRight")
    expect(await selected()).toBe("ship/pick")
    await page.keyboard.press("ArrowLeft")
    expect(await selected()).toBe("ship")
    expect(await page.getByRole("row", { selected: true }).textContent()).toContain("workflowSucceeded4 succeeded")
    await bench.open(page, "picture=gantt-table&shape=layers&tasks=10000")
    expect(await page.getByRole("row").count()).toBeLessThan(100)
    await page.getByRole("treegrid").focus()
    await page.keyboard.press("Home")
    await page.keyboard.press("End")
    await page.waitForTimeout(150)
    expect(await page.getByRole("row", { selected: true }).getAttribute("aria-rowindex")).toBe("10001")
  })

  test.each(["dag", "gantt", "dag-table", "gantt-table"])(
    "%s has nothing that axe finds wrong, in both themes",
    async (picture) => {
      for (const theme of ["light", "dark"]) {
        await bench.open(page, `picture=${picture}&shape=order&part=0.7&theme=${theme}&selected=payment`)
        await page.waitForTimeout(300)
        await page.evaluate(axe)
        const violations = await page.evaluate(
          "axe.run('main', { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).slice(0, 3).join(' / ')}`))"
        )
        expect(violations, theme).toEqual([])
      }
    }
  )
})
