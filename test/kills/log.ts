/**
 * What a program that is going to be killed leaves behind beside its store: acknowledgements in one file, calls and effects of
 * task bodies in another. Every line is written before anything else happens, and numbered over both files.
 */
import { openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"

import type { Standing } from "./payments.ts"

/** What the program was promised, or saw; what it only asked for ends in `?`. */
export type Ack =
  | { readonly is: "opening" }
  | ({ readonly is: "opened" } & Boot)
  | { readonly is: "submitted"; readonly run: string }
  | { readonly is: "ended"; readonly run: string; readonly status: string; readonly output: unknown }
  | { readonly is: "resume?"; readonly run: string }
  | { readonly is: "cancel?"; readonly run: string }
  /** The breaker stands like this from now on. */
  | ({ readonly is: "breaker" } & Standing)
  | { readonly is: Steering; readonly run: string; readonly why: string }
  | { readonly is: "seen"; readonly run: string; readonly messages: number; readonly state: object }
  | { readonly is: "finished" }
  /** Something that must not happen. */
  | { readonly is: "wrong"; readonly run: string; readonly what: string }
export type Steering = "paused" | "resumed" | "cancelled"

/**
 * How opening went. `cpuMs` is the processor's time for it, `queuedMs` how long it waited for a processor (Linux), `servers` how
 * many ports and pipes the program listens on.
 */
export interface Boot {
  readonly ms: number
  readonly cpuMs: number
  readonly queuedMs: number
  readonly live: number
  readonly rssMb: number
  readonly servers: number
}

/** A call of a task body, the effect that it has at its end, and the end itself where a breaker stands before it. */
export interface Deed {
  readonly is: "called" | "done" | "over"
  readonly run: string
  readonly task: string
  readonly key: string
  readonly attempt: number
  readonly delivery: number
  readonly token: number
  /** Of a call through the breaker: when it was made, and how the breaker stood. */
  readonly at?: number
  readonly breaker?: string
}

/** The order of a line: the life of the program that wrote it, and its number in that life. */
interface Order {
  readonly life: number
  readonly nth: number
}
export type Line = (Ack | Deed) & Order

const files = { acks: "acks.log", deeds: "deeds.log" } as const

export interface Log {
  readonly ack: (ack: Ack) => void
  readonly deed: (deed: Deed) => void
}

export const openLog = (folder: string, life: number): Log => {
  let nth = 0
  const writer = (name: string) => {
    const file = openSync(join(folder, name), "a")
    // a line that was cut off by a kill ends here
    writeSync(file, "\n")
    return (line: object) => void writeSync(file, `${JSON.stringify({ ...line, life, nth: nth++ })}\n`)
  }
  return { ack: writer(files.acks), deed: writer(files.deeds) }
}

/** All lines in the order in which they were written. A line that was cut off does not count: nobody was told. */
export const readLog = (folder: string, since: { acks: number; deeds: number }): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  for (const which of ["acks", "deeds"] as const) {
    let text: Buffer
    try {
      text = readFileSync(join(folder, files[which]))
    } catch {
      continue
    }
    for (const line of text.toString("utf8", since[which]).split("\n")) {
      if (line === "") continue
      try {
        lines.push(JSON.parse(line))
      } catch {
        // cut off
      }
    }
    since[which] = text.length
  }
  return lines.sort((a, b) => a.life - b.life || a.nth - b.nth)
}
