/** Where output goes: answers to stdout, everything else to stderr; and the exit codes, which scripts rely on. */
import { describe, InvalidWorkflow } from "../model/errors.ts"

/** The contract of exit codes. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, invalid: 3, stopped: 4, store: 5, interrupted: 130 } as const
export type ExitKind = keyof typeof exitCodes

/** What ends a command: one sentence, what to do about it, and the kind of its exit code. */
export class CommandError extends Error {
  readonly kind: ExitKind
  readonly hint: string
  readonly reason: unknown
  constructor(message: string, kind: ExitKind, hint = "", reason?: unknown) {
    super(message)
    this.kind = kind
    this.hint = hint
    this.reason = reason
  }
  toJSON() {
    const code = (this.reason as { code?: unknown } | undefined)?.code ?? this.kind.toUpperCase()
    return {
      code,
      message: this.message,
      ...(this.hint === "" ? {} : { hint: this.hint }),
      ...(this.reason instanceof InvalidWorkflow ? { problems: this.reason.problems } : {})
    }
  }
}

/** A line for people on stderr. */
export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** A line of the answer on stdout. */
export const tell = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** The whole answer as one JSON value; resolves once it is written. */
export const tellJson = (value: unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(`${JSON.stringify(value)}\n`, (error) =>
      error === undefined || error === null ? resolve() : reject(error)
    )
  })

const isColoured = (stream: NodeJS.WriteStream) =>
  stream.isTTY === true &&
  (process.env.NO_COLOR === undefined || process.env.NO_COLOR === "") &&
  process.env.TERM !== "dumb"
const paint =
  (code: number) =>
  (text: string, stream: NodeJS.WriteStream = process.stdout): string =>
    isColoured(stream) ? `\u001b[${code}m${text}\u001b[0m` : text
export const bold = paint(1)
export const dim = paint(2)
export const red = paint(31)
export const green = paint(32)
export const yellow = paint(33)
export const cyan = paint(36)

/** Text of strangers on one line, without control characters. */
export const oneLine = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** A length of time as people say it. */
export const duration = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
  if (ms >= 172_800_000) return `${Math.floor(ms / 86_400_000)} d ${Math.floor((ms % 86_400_000) / 3_600_000)} h`
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`
}

export { describe }
