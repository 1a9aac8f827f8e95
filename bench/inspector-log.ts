/** What the page's log costs: a million rows that are scrolled, and ten thousand events a second that come in. Needs `dist`. */
import type { Page } from "playwright-core"
import type { SeenEvent } from "../src/inspect/protocol.ts"
import { servePage } from "../test/inspect/page-server.ts"

export interface LogFigures {
  readonly rows: number
  /** Median gap between frames while the log is scrolled. */
  readonly scrollMs: number
  readonly scrollMostMs: number
  /** Time until all rows were there. */
  readonly filledMs: number
  readonly perSecond: number
  /** Longest gap between frames while events came in. */
  readonly ingestMostMs: number
  readonly ingestMs: number
  /** How many of them the page had taken in when the last was sent. */
  readonly takenIn: number
}

const begin = Date.UTC(2026, 4, 12, 9, 30)

/** Events as a run tells them, from number `from` on. */
const eventsFrom = (from: number, count: number): ReadonlyArray<SeenEvent> =>
  Array.from({ length: count }, (_, i): SeenEvent => {
    const seq = from + i
    const at = { seq, t: begin + seq }
    if (seq === 0) return { kind: "run", run: "run-1", workflow: "many", hash: "h", ...at }
    const task = `items[${Math.floor(seq / 3) % 20_000}]`
    if (seq % 3 === 0) return { kind: "task", run: "run-1", task, status: "running", ...at }
    if (seq % 3 === 1) return { kind: "attempt", run: "run-1", task, attempt: 1, ...at }
    return { kind: "task", run: "run-1", task, status: "succeeded", ...at }
  })

const gaps = (ms: number, act: string) =>
  `(async () => {
    const found = []
    let last = await new Promise(requestAnimationFrame)
    const end = performance.now() + ${ms}
    for (let i = 0; performance.now() < end; i++) {
      ${act}
      const now = await new Promise(requestAnimationFrame)
      found.push(now - last)
      last = now
    }
    found.sort((a, b) => a - b)
    return { median: found[Math.floor(found.length / 2)], most: found.at(-1) }
  })()`

interface Gaps {
  readonly median: number
  readonly most: number
}

/** How many events the page says it has. */
const counted = (page: Page): Promise<number> =>
  page.evaluate("Number(document.querySelector('.log-list')?.getAttribute('aria-rowcount') ?? 0)")

const until = async (page: Page, count: number): Promise<void> => {
  for (let i = 0; i < 600 && (await counted(page)) < count; i++) await page.waitForTimeout(200)
}

export const logFigures = async (
  newPage: () => Promise<Page>,
  rows: number,
  perSecond: number
): Promise<LogFigures> => {
  const server = await servePage({ streams: { "run:run-1": eventsFrom(0, 1_000) }, pieceMost: 5_000 })
  try {
    const page = await newPage()
    await page.goto(server.url)
    await page.locator(".log-list").waitFor()
    await until(page, 1_000)
    let sent = 1_000
    const seconds = 4
    const watching = page.evaluate<Gaps>(gaps(seconds * 1_000, ""))
    const started = performance.now()
    while (performance.now() - started < seconds * 1_000) {
      const due = 1_000 + Math.floor(((performance.now() - started) / 1_000) * perSecond)
      if (due > sent) {
        server.tell("run:run-1", eventsFrom(sent, due - sent))
        sent = due
      }
      await new Promise((done) => setTimeout(done, 20))
    }
    const ingest = await watching
    const takenIn = await counted(page)
    await until(page, sent)
    const filling = performance.now()
    while (sent < rows) {
      const piece = Math.min(20_000, rows - sent)
      server.tell("run:run-1", eventsFrom(sent, piece))
      sent += piece
      // what was sent is taken in before more comes: a server would wait for its socket as well
      await until(page, sent - 60_000)
    }
    await until(page, sent)
    const filledMs = performance.now() - filling
    await page.waitForTimeout(1_000)
    const scroll = await page.evaluate<Gaps>(
      gaps(
        3_000,
        "document.querySelector('.log-list').dispatchEvent(new WheelEvent('wheel', { deltaY: (i % 60 < 30 ? -1 : 1) * (i % 7 === 0 ? 400000 : 240), bubbles: true, cancelable: true }))"
      )
    )
    await page.close()
    return {
      rows: sent,
      scrollMs: scroll.median,
      scrollMostMs: scroll.most,
      filledMs,
      perSecond,
      ingestMostMs: ingest.most,
      ingestMs: ingest.median,
      takenIn
    }
  } finally {
    await server.close()
  }
}
