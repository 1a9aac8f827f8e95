/**
 * Asks for something to be done with a run. Where a live process owns the store it is asked; otherwise the store is taken for
 * a moment, what is asked for is written down, and nothing is performed.
 */
import type { Fields, Request, VerbName } from "../engine/steering.ts"
import { performer } from "../engine/steering.ts"
import { isPlainRecord, type Json } from "../model/json.ts"
import type { Cause } from "../model/messages.ts"
import { OwnerGone, RequestRefused, StoreInUse } from "../storage/errors.ts"
import { type FileStore, openSession, openStoreReader } from "./store.ts"

export type Answer = { readonly [key: string]: Json }

/** A request as it is put to the owner. */
export type Wire = { readonly verb: string; readonly [key: string]: Json }

/** Asks the owner; undefined when there is none any more. */
export const askOwner = async (store: FileStore, wire: Wire): Promise<Answer | undefined> => {
  const reader = await openStoreReader(store)
  try {
    if (!reader.owner().isAlive) return undefined
    return read(await reader.ask(wire))
  } catch (error) {
    if (!(error instanceof OwnerGone)) throw error
    // whoever owns the store next finds the request: that shall be us, so that it is done once
    return takeOver(store, async () => {
      const answer = reader.answerOf(error.request)
      return answer === undefined ? undefined : read(answer)
    })
  } finally {
    reader.close()
  }
}

/** The answer of the owner; throws what it refused. */
const read = (answer: Json): Answer => {
  if (!isPlainRecord(answer))
    throw new RequestRefused({ code: "ANSWER_INVALID", message: "the owner's answer is none" })
  const { error } = answer
  if (isPlainRecord(error)) throw new RequestRefused({ code: String(error.code), message: String(error.message) })
  return answer as Answer
}

const takeOver = async (store: FileStore, answer: () => Promise<Answer | undefined>): Promise<Answer | undefined> => {
  const session = await openSession(store, { drives: "nothing", mustExist: true })
  try {
    await session.inbox?.look()
    return await answer()
  } finally {
    await session.close()
  }
}

export interface Asking {
  readonly request: Request
  readonly wire: Wire
  /** Refuse to make a new store. */
  readonly mustExist: boolean
}

/** Has a request done, by whoever can; says by whom. */
export const perform = async (
  store: FileStore,
  { request, wire, mustExist }: Asking
): Promise<{ readonly answer: Answer; readonly owner: number | undefined }> => {
  for (let tries = 1; ; tries++) {
    try {
      return { answer: await alone(store, request, mustExist), owner: undefined }
    } catch (error) {
      if (!(error instanceof StoreInUse)) throw error
      const answer = await askOwner(store, wire)
      if (answer !== undefined) return { answer, owner: error.pid }
      // it has ended in between, and perhaps somebody else came
      if (tries === triesMost) throw error
    }
  }
}
const triesMost = 5

/** Takes the store for a moment. */
const alone = async (store: FileStore, request: Request, mustExist: boolean): Promise<Answer> => {
  const session = await openSession(store, { drives: "nothing", mustExist })
  try {
    const { orchestrator, engine, recovery } = session
    return (await performer(orchestrator, engine, recovery)(request)) as Answer
  } finally {
    await session.close()
  }
}

export const asking = (verb: VerbName, run: string, fields: Fields, cause: Cause): Asking => ({
  request: { verb, run, fields, cause },
  wire: { verb, run, ...fields, ...cause },
  mustExist: true
})
