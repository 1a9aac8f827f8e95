/**
 * A report: one HTML file with the page and its events in it, which opens without a server and without a network: its own policy
 * forbids everything but the scripts that are written here. Names and values in it are data, never markup.
 */
import { createHash } from "node:crypto"
import { readFileSync, rmSync } from "node:fs"
import { open } from "node:fs/promises"
import { join } from "node:path"
import { brotliDecompressSync, createGzip } from "node:zlib"
import { RecordingRefused } from "./errors.ts"
import type { RecordingHead } from "./protocol.ts"
import { type Redact, redact } from "./redact.ts"
import { redactEvent } from "./redact-event.ts"
import { pageOfPackage } from "./server.ts"
import type { Batch } from "./source.ts"

/** What a report may hold: a browser reads it in one piece. */
export const reportMost = {
  /** Characters of its events before they are packed. */
  characters: 256 * 1024 * 1024,
  events: 1_000_000
} as const

export interface ReportOptions {
  readonly redact?: Redact
  /** The folder with `report.js.br` and `report.css.br`; by default that of this package. */
  readonly page?: string
  readonly bounds?: { readonly [bound in keyof typeof reportMost]: number }
}

/** Writes a new file; never replaces one. Gives the number of events and of bytes. */
export const writeReport = async (
  path: string,
  head: RecordingHead,
  batches: AsyncIterable<Batch>,
  { redact: hide = redact, page = pageOfReports(), bounds = reportMost }: ReportOptions = {}
): Promise<{ readonly events: number; readonly bytes: number }> => {
  const { script, style } = partsOf(path, page)
  const { packed, events } = await pack(path, head, batches, hide, bounds)
  const html = htmlOf(String(hide(head.title)), script, style, packed)
  await write(path, html)
  return { events, bytes: Buffer.byteLength(html) }
}

/** `dist/inspector-report`, beside the page. */
export const pageOfReports = (): string => join(pageOfPackage(), "..", "inspector-report")

const partsOf = (path: string, page: string) => {
  const read = (name: string, isNeeded: boolean): string => {
    try {
      return brotliDecompressSync(readFileSync(join(page, `${name}.br`))).toString("utf8")
    } catch {
      if (isNeeded) throw new RecordingRefused({ path, reason: "page" })
      return ""
    }
  }
  return { script: read("report.js", true), style: read("report.css", false) }
}

const pack = async (
  path: string,
  head: RecordingHead,
  batches: AsyncIterable<Batch>,
  hide: Redact,
  bounds: NonNullable<ReportOptions["bounds"]>
) => {
  const gzip = createGzip({ level: 9 })
  const chunks: Array<Buffer> = []
  const ended = new Promise<void>((resolve, reject) => {
    gzip.on("data", (chunk: Buffer) => chunks.push(chunk))
    gzip.on("end", resolve)
    gzip.on("error", reject)
  })
  const write = (text: string) =>
    gzip.write(text) ? undefined : new Promise<void>((resolve) => gzip.once("drain", resolve))
  const tooMuch = (detail: string) => new RecordingRefused({ path, reason: "size", detail })
  let events = 0
  let characters = 0
  try {
    await write(`${JSON.stringify({ ...head, title: hide(head.title) })}\n`)
    for await (const batch of batches)
      for (const event of batch.events) {
        const line = `${JSON.stringify(redactEvent(event, hide))}\n`
        events++
        characters += line.length
        if (events > bounds.events) throw tooMuch(`${bounds.events.toLocaleString("en")} events`)
        if (characters > bounds.characters) throw tooMuch(`${bounds.characters.toLocaleString("en")} characters`)
        await write(line)
      }
    gzip.end()
    await ended
  } finally {
    gzip.destroy()
  }
  return { packed: Buffer.concat(chunks).toString("base64"), events }
}

const write = async (path: string, html: string): Promise<void> => {
  const refuse = (error: NodeJS.ErrnoException) =>
    error.code === "EEXIST"
      ? new RecordingRefused({ path, reason: "exists" })
      : new RecordingRefused({ path, reason: "disk", detail: error.message })
  const file = await open(path, "wx").catch((error: NodeJS.ErrnoException) => {
    throw refuse(error)
  })
  try {
    await file.writeFile(html)
    await file.sync()
    await file.close()
  } catch (error) {
    await file.close().catch(() => {})
    rmSync(path, { force: true })
    throw refuse(error as NodeJS.ErrnoException)
  }
}

/** Reads what is in the file, before the page begins. It is text here, because it runs in a browser only. */
const reader = `globalThis.troupeReport = (async () => {
  const text = document.getElementById("troupe-events").textContent
  const bytes = Uint8Array.from(atob(text.trim()), (one) => one.charCodeAt(0))
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))
  const lines = (await new Response(unpacked).text()).split("\\n")
  const head = JSON.parse(lines[0])
  const events = []
  for (let i = 1; i < lines.length; i++) if (lines[i] !== "") events.push(JSON.parse(lines[i]))
  return { head, events }
})()
globalThis.troupeReport.catch(() => {})
`

const htmlOf = (title: string, script: string, style: string, packed: string): string => {
  const [first, second] = [inScript(reader), inScript(script)]
  const sheet = style.replace(/<\/(style)/gi, "<\\/$1")
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(first)} ${hashOf(second)}`,
    `style-src ${hashOf(sheet)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'"
  ].join("; ")
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${sheet}</style>
</head>
<body>
<div id="app"></div>
<script type="application/octet-stream" id="troupe-events">${packed}</script>
<script>${first}</script>
<script>${second}</script>
</body>
</html>
`
}

/** Code that cannot end its element: what could is said otherwise, with the same meaning in texts and patterns. */
const inScript = (code: string): string =>
  code
    .replace(/\r\n?/g, "\n")
    .replace(/<\/(script)/gi, "<\\/$1")
    .replace(/<!--/g, "\\x3C!--")

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

const escaped = (text: string): string => text.replace(/[&<>"'\u2028\u2029]/g, (char) => `&#${char.charCodeAt(0)};`)
