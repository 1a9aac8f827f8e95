// Drives the command line as scripts do: real processes of the built package, each in a folder of its own.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"

export const bin = fileURLToPath(new URL("../../bin/troupe.mjs", import.meta.url))

export interface Done {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly json: () => any
  readonly lines: () => ReadonlyArray<any>
}

export interface Going {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly done: Promise<Done>
}

/** A folder with a store of its own, and the command in it. */
export const place = () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-cli-"))
  const go = (...args: ReadonlyArray<string>): Going => {
    const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env: { PATH: process.env.PATH } })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => (stdout += chunk))
    child.stderr.on("data", (chunk) => (stderr += chunk))
    child.stdin.end()
    const done = new Promise<Done>((resolve) => {
      child.on("close", (code) =>
        resolve({
          code,
          stdout,
          stderr,
          json: () => JSON.parse(stdout),
          lines: () =>
            stdout
              .split("\n")
              .filter((line) => line !== "")
              .map((line) => JSON.parse(line))
        })
      )
    })
    return { child, stdout: () => stdout, done }
  }
  return {
    folder,
    store: join(folder, ".troupe", "troupe.db"),
    file: (name: string, content: unknown) => {
      const path = join(folder, name)
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
      return path
    },
    go,
    troupe: (...args: ReadonlyArray<string>) => go(...args).done
  }
}
export type Place = ReturnType<typeof place>

export const doc = (name: string, tasks: ReadonlyArray<object>, more: object = {}) => ({ ir: 1, name, tasks, ...more })

/** Asks again until it is so; says what it saw last if it never is. */
export const until = async <T>(
  ask: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  withinMs = 10_000
): Promise<T> => {
  const since = performance.now()
  for (;;) {
    const seen = await ask()
    if (isSo(seen)) return seen
    if (performance.now() - since > withinMs) throw new TypeError(`not within ${withinMs} ms: ${JSON.stringify(seen)}`)
    await sleep(30)
  }
}
