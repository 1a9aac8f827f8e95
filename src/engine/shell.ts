/** Tasks of kind `shell`: a program with arguments, never a line for a shell to parse. */
import { spawn } from "node:child_process"
import { InvalidOption, TroupeError } from "../model/errors.ts"
import type { ShellWork } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { TaskContext } from "../model/task.ts"

/** The program ended with a code other than 0, or by a signal. */
export class ProgramFailed extends TroupeError {
  readonly _tag = "ProgramFailed"
  readonly code = "PROGRAM_FAILED"
  readonly program: string
  readonly exitCode: number | null
  readonly stderr: string
  constructor({
    program,
    exitCode,
    signal,
    stderr
  }: { program: string; exitCode: number | null; signal: string | null; stderr: string }) {
    const last = stderr.trim().split("\n").at(-1) ?? ""
    super(
      `'${program}' ended with ${signal === null ? `code ${exitCode}` : `signal ${signal}`}${last === "" ? "" : `: ${last.slice(0, 500)}`}`
    )
    this.program = program
    this.exitCode = exitCode
    this.stderr = stderr
  }
  get data() {
    return { exitCode: this.exitCode, stderr: this.stderr.slice(-4_000) }
  }
}

export const runShell = (
  { env = [], outputMaxBytes = 65_536 }: ShellWork,
  { argv }: { readonly argv: ReadonlyArray<Json> },
  { signal, key, attempt }: TaskContext
): Promise<Json> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = argv.map((arg) => (typeof arg === "string" ? arg : JSON.stringify(arg)))
    if (program === undefined || program === "" || [program, ...args].some((arg) => arg.includes("\0"))) {
      reject(
        new InvalidOption({
          option: "argv",
          value: argv.join(" "),
          allowed: "a program and its arguments, without NUL characters"
        })
      )
      return
    }
    const passed = Object.fromEntries(
      ["PATH", ...env].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]!]]))
    )
    // its own process group, so that what it started goes with it
    const child = spawn(program, args, {
      env: { ...passed, TROUPE_KEY: key, TROUPE_ATTEMPT: String(attempt) },
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32"
    })
    const stdout = tail(outputMaxBytes)
    const stderr = tail(outputMaxBytes)
    child.stdout.on("data", stdout.add)
    child.stderr.on("data", stderr.add)
    const kill = () => killGroup(child.pid, "SIGTERM")
    signal.addEventListener("abort", kill, { once: true })
    if (signal.aborted) kill()
    child.on("error", (error) =>
      reject(new ProgramFailed({ program, exitCode: null, signal: null, stderr: error.message }))
    )
    child.on("close", (exitCode, by) => {
      signal.removeEventListener("abort", kill)
      if (exitCode === 0) resolve({ code: 0, stdout: stdout.text(), stderr: stderr.text() })
      else reject(new ProgramFailed({ program, exitCode, signal: by, stderr: stderr.text() }))
    })
  })

const killGroup = (pid: number | undefined, signal: NodeJS.Signals) => {
  if (pid === undefined) return
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal)
  } catch {
    // it ended by itself in between
  }
}

/** Keeps the last bytes of an output. */
const tail = (most: number) => {
  let kept: Array<Buffer> = []
  let size = 0
  return {
    add: (chunk: Buffer) => {
      kept.push(chunk)
      size += chunk.length
      if (size > 2 * most) {
        const whole = Buffer.concat(kept).subarray(-most)
        kept = [whole]
        size = whole.length
      }
    },
    text: () => Buffer.concat(kept).subarray(-most).toString("utf8")
  }
}
