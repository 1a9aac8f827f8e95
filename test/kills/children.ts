/** Real processes that stand ready: they have loaded everything and wait for the line that says what to do. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Order } from "./duties/order.ts"

const program = fileURLToPath(new URL("./child.ts", import.meta.url))

/** How a process ended, and what it had to say. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface Child {
  readonly pid: number
  /** Resolves when it has begun its duty, or has ended before it could. */
  readonly started: Promise<void>
  readonly exit: Promise<Exit>
  readonly order: (order: Order) => void
  readonly signal: (signal: NodeJS.Signals) => void
}

const launch = (cache: string): Child => {
  const child: ChildProcess = spawn(process.execPath, ["--no-warnings", program], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: cache }
  })
  let stderr = ""
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  const exit = new Promise<Exit>((resolve) => child.once("close", (code, signal) => resolve({ code, signal, stderr })))
  // it may be gone before it has read what it is told
  child.stdin!.on("error", () => {})
  return {
    pid: child.pid!,
    started: Promise.race([
      new Promise<void>((resolve) => child.stdout!.once("data", () => resolve())),
      exit.then(() => {})
    ]),
    exit,
    order: (order) => void child.stdin!.end(JSON.stringify(order)),
    signal: (signal) => void child.kill(signal)
  }
}

/** Keeps some processes ready, so that the time to load is not waited for. */
export class Children {
  readonly #cache: string
  readonly #ready: Array<Child> = []
  readonly #spare: number
  constructor(cache: string, spare: number) {
    this.#cache = cache
    this.#spare = spare
  }

  /** Compiles everything once, for all who come later. */
  async warm(): Promise<void> {
    const child = launch(this.#cache)
    child.order({ duty: "nothing" })
    await child.exit
    this.#fill()
  }

  start(order: Order): Child {
    const child = this.#ready.shift() ?? launch(this.#cache)
    child.order(order)
    this.#fill()
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#ready) child.signal("SIGKILL")
    await Promise.all(this.#ready.map(({ exit }) => exit))
  }

  #fill(): void {
    while (this.#ready.length < this.#spare) this.#ready.push(launch(this.#cache))
  }
}
