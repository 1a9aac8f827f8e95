/** `troupe events ID`: what happened to a run, in order; with `--follow` also what happens from now on, until it ends. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import { RunNotFound } from "../../model/errors.ts"
import { requireId } from "../../model/ids.ts"
import { isTerminal, type Message } from "../../model/messages.ts"
import type { StoreReader } from "../../storage/sqlite/reader.ts"
import type { Command } from "../commands.ts"
import { bold, CommandError, cyan, dim, exitCodes, oneLine, red, tell, tellJson } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

export const events: Command = async (given) => {
  const store = fileStoreOf(given)
  const run = requireId("run", given.positionals[0]!)
  const follows = given.has("follow")
  if (follows && given.has("json"))
    throw new CommandError("'--json' prints one value and '--follow' never has it", "usage", "give --jsonl instead")
  // a stream for programs as soon as no person looks on
  const isForPeople = !given.has("jsonl") && process.stdout.isTTY === true
  const print = (message: Message, seq: number) =>
    isForPeople ? tell(line(message, seq)) : tellJson({ seq, ...message })
  await reading(store, async (reader) => {
    if (given.has("json")) {
      const messages = await from(reader, run, 0)
      await tellJson({ run, events: messages.map(valueOf) })
    } else await stream(reader, run, follows, print)
  })
  return exitCodes.ok
}

const valueOf = ({ at, ...message }: Message, seq: number) => ({ seq, at, ...message })

/** Least pause between two looks, in milliseconds; a long history is looked at less often, so that following costs little. */
const pauseMs = 50

const stream = async (
  reader: StoreReader,
  run: string,
  follows: boolean,
  print: (message: Message, seq: number) => void | Promise<void>
): Promise<void> => {
  let next = 0
  for (let version = -1; ; ) {
    const since = performance.now()
    const found = reader.version()
    if (found !== version) {
      version = found
      // asked first: whoever says that it has ended has written everything before
      const hasEnded = await isOver(reader, run)
      for (const message of await from(reader, run, next)) await print(message, next++)
      if (!follows || hasEnded) return
    }
    await sleep(Math.max(pauseMs, 4 * (performance.now() - since)))
  }
}

const isOver = async (reader: StoreReader, run: string): Promise<boolean> => {
  const record = await Effect.runPromise(reader.find(run))
  if (record === undefined) throw new RunNotFound({ run })
  return isTerminal(record.status)
}

const from = async (reader: StoreReader, run: string, seq: number): Promise<ReadonlyArray<Message>> => {
  const { messages } = await Effect.runPromise(reader.read(run, seq))
  if (messages.length === 0 && seq === 0) throw new RunNotFound({ run })
  return messages
}

/** A message on one line. */
export const line = (message: Message, seq: number): string => {
  const { type, at, ...facts } = message
  const time = new Date(at).toISOString()
  const { task, failure, value, input, ...rest } = facts as Record<string, unknown>
  const shown = value ?? input
  return [
    dim(String(seq).padStart(5)),
    dim(time),
    bold(type),
    typeof task === "string" && task !== "" ? cyan(oneLine(task)) : "",
    failure === undefined ? "" : red(oneLine((failure as { message: string }).message)),
    ...Object.entries(rest).map(([key, fact]) => (key === "hash" ? "" : `${key} ${oneLine(String(fact))}`)),
    shown === undefined ? "" : dim(short(JSON.stringify(shown)))
  ]
    .filter((part) => part !== "")
    .join(" ")
}

const short = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)
