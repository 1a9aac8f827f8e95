/** The files of the page: listed once, served by exact name. A name that was not listed does not exist, so none leads out of the folder. */
import { readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { extname, join, relative, sep } from "node:path"

export interface PageFile {
  readonly type: string
  readonly read: () => Promise<Buffer>
}

/** The files by the path under which they are asked for. */
export type PageFiles = ReadonlyMap<string, PageFile>

const types: { readonly [ending: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm"
}

/** Most files of a page. */
const filesMost = 500

/** Only plain files of known kinds; links are not followed. */
export const filesOf = (folder: string): PageFiles => {
  const files = new Map<string, PageFile>()
  for (const entry of entriesOf(folder)) {
    const type = types[extname(entry.name).toLowerCase()]
    if (!entry.isFile() || type === undefined || files.size >= filesMost) continue
    const path = join(entry.parentPath, entry.name)
    files.set(`/${relative(folder, path).split(sep).join("/")}`, { type, read: () => readFile(path) })
  }
  const index = files.get("/index.html")
  if (index !== undefined) files.set("/", index)
  return files
}

const entriesOf = (folder: string) => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch {
    return []
  }
}
