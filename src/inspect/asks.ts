/** What somebody asks to be done: checked word by word, then passed on. The verbs are those of the command line. */
import { type Request, readRequest } from "../engine/steering.ts"
import { isPlainRecord, type Json } from "../model/json.ts"
import { RequestRefused } from "../storage/errors.ts"
import { AskRefused } from "./errors.ts"
import type { Ask, Preview } from "./protocol.ts"
import type { Source } from "./source.ts"

export interface Performed {
  readonly value?: Json
  readonly preview?: Preview
}

export interface AskOptions {
  readonly mayControl: boolean
  /** Who looks, where the server was told. */
  readonly who: string | undefined
}

/** Does what was asked, or says what would come of it. Rejects with what was wrong; then nothing was done. */
export const performAsk = async (
  source: Source,
  { mayControl, who }: AskOptions,
  given: unknown,
  isDryRun: boolean
): Promise<Performed> => {
  const by = who === undefined ? "inspector" : `inspector (${who})`
  const ask = readAsk(given, by, source.offers)
  if (source.perform === undefined)
    throw refuse("NOT_POSSIBLE", "nothing can be asked here: what is shown is over, or is no run of Troupe")
  if (!mayControl)
    throw refuse(
      "READ_ONLY",
      "this inspector only shows: start it with --control, or { control: true }, to act on runs"
    )
  if (isDryRun) {
    if (source.preview === undefined) throw refuse("NOT_POSSIBLE", "what would come of it cannot be said here")
    return { preview: await source.preview(ask) }
  }
  return { value: await source.perform(ask, by) }
}

const fieldsOfAsk: ReadonlySet<string> = new Set(["verb", "run", "fields", "why"])
/** Who and why, and what a request is made of, are not for the fields of a verb. */
const reserved = ["verb", "run", "who", "why", "patienceMs"]

/** Reads what a stranger sent as an ask; throws `AskRefused` for anything else. */
export const readAsk = (given: unknown, by = "inspector", offers: ReadonlyArray<string> = []): Ask => {
  if (!isPlainRecord(given)) throw refuse("ASK_INVALID", "an ask is an object with a verb: nothing was done")
  const { verb, run, fields, why } = given
  for (const name of Object.keys(given))
    if (!fieldsOfAsk.has(name)) throw refuse("ASK_INVALID", `an ask has no field ${show(name)}: nothing was done`)
  if (typeof verb !== "string") throw refuse("ASK_INVALID", "an ask needs a verb: nothing was done")
  if (run !== undefined && typeof run !== "string")
    throw refuse("ASK_INVALID", "a run is named by a text: nothing was done")
  if (why !== undefined && typeof why !== "string") throw refuse("ASK_INVALID", "'why' is a text: nothing was done")
  if (fields !== undefined && !isPlainRecord(fields))
    throw refuse("ASK_INVALID", "the fields of an ask are an object: nothing was done")
  const ask = {
    verb,
    ...(run === undefined ? {} : { run }),
    ...(fields === undefined ? {} : { fields: fields as NonNullable<Ask["fields"]> }),
    ...(why === undefined ? {} : { why })
  }
  // what is no request to an orchestrator is read by the source that offers it
  if (!isOwnVerb(verb) || !offers.includes(verb)) requestOf(ask, by)
  return ask
}

/** Verbs that only sources know. */
const isOwnVerb = (verb: string): boolean => verb === "send"

/** The ask as a request to the owner of the runs. Throws `AskRefused` for verbs and fields that are not known. */
export const requestOf = ({ verb, run, fields = {}, why }: Ask, who: string): Request => {
  // starting something that a page brings along is no act on a run
  if (verb === "start") throw refuse("VERB_UNKNOWN", "runs are not started from here: nothing was done")
  for (const name of reserved)
    if (Object.hasOwn(fields, name)) throw refuse("ASK_INVALID", `'${verb}' takes no field '${name}': nothing was done`)
  const wire = { ...fields, verb, ...(run === undefined ? {} : { run }), who, ...(why === undefined ? {} : { why }) }
  try {
    return readRequest(JSON.stringify({ ...wire, patienceMs: 1 }), 0)
  } catch (error) {
    if (error instanceof RequestRefused) throw refuse(error.code, error.message)
    throw error
  }
}

const show = (text: string): string => JSON.stringify(text.slice(0, 60))
const refuse = (code: string, message: string) => new AskRefused({ code, message })
