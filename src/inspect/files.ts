/** The files of the page: listed once, served by exact name. A name that was not listed does not exist, so none leads out of the folder. */
import { readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { extname, join, relative, sep } from "node:path"
import { promisify } from "node:util"
import { brotliDecompress } from "node:zlib"

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
    // large ones are packed in the package, and unpacked for whoever asks for them
    const isPacked = entry.name.endsWith(".br")
    const name = isPacked ? entry.name.slice(0, -".br".length) : entry.name
    const type = types[extname(name).toLowerCase()]
    if (!entry.isFile() || type === undefined || files.size >= filesMost) continue
    const path = join(entry.parentPath, entry.name)
    const address = `/${relative(folder, join(entry.parentPath, name)).split(sep).join("/")}`
    files.set(address, { type, read: isPacked ? () => unpacked(path) : () => readFile(path) })
  }
  const index = files.get("/index.html")
  if (index !== undefined) files.set("/", index)
  return files
}

const unpack = promisify(brotliDecompress)
const unpacked = async (path: string): Promise<Buffer> =>
  unpack(await readFile(path), { maxOutputLength: unpackedMost })
/** Most bytes of one file of the page. */
const unpackedMost = 16 * 1024 * 1024

const entriesOf = (folder: string) => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch {
    return []
  }
}
