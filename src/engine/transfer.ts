/**
 * A run leaves as one value and comes in as one. What comes in is folded once without touching anything; only what folds is
 * written, in one piece. An unfinished run goes on from there: what was at work comes again, as a later delivery of its attempt.
 */
import * as Effect from "effect/Effect"
import { ImportRefused, InvalidId, LimitExceeded, RunCompacted, RunNotFound, TroupeError } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import type { WorkflowIR } from "../model/ir.ts"
import { type Cause, type Message, type RunImported, said } from "../model/messages.ts"
import { type RunExport, readExport, sealed } from "../model/run-export.ts"
import { hashOf, makeWorkflow } from "../model/workflow.ts"
import { JournalCorrupt, type JournalError } from "../storage/errors.ts"
import type { Entry, JournalService, RunNote } from "../storage/journal.ts"
import type { Engine } from "./engine.ts"
import type { Past, Rehearsal } from "./past.ts"
import { noteOf } from "./progress.ts"

export interface ExportOptions {
  /** Where the journal of the run is damaged, take what comes before; refused with `JournalCorrupt` otherwise. */
  readonly goodPart?: boolean
}

/** A run as one value, out of a journal that somebody else may own. */
export const exportRun = (
  journal: Pick<JournalService, "find" | "read" | "definition" | "epoch">,
  run: string,
  { goodPart = false }: ExportOptions = {}
): Effect.Effect<RunExport, RunNotFound | RunCompacted | LimitExceeded | JournalError> =>
  Effect.gen(function* () {
    const record = yield* journal.find(run)
    if (record === undefined) return yield* Effect.fail(new RunNotFound({ run }))
    const { hash = "", status, error } = record
    const epoch = yield* journal.epoch()
    let isPartial = false
    const history = yield* Effect.catchTag(journal.read(run), "JournalCorrupt", (damage) => {
      if (!goodPart || damage.seq === 0) return Effect.fail(damage)
      isPartial = true
      return journal.read(run, 0, damage.seq)
    })
    const definition = yield* journal.definition(hash)
    if (definition === undefined) return yield* Effect.fail(new JournalCorrupt({ run, seq: 0, kind: "shape" }))
    const { messages, first } = history
    if (first > 0) return yield* Effect.fail(new RunCompacted({ run, first }))
    return yield* Effect.try({
      try: () =>
        sealed({
          kind: "troupe-run",
          format: 1,
          run,
          hash,
          definition,
          status,
          ...(error === undefined ? {} : { error }),
          ...(isPartial ? { isPartial } : {}),
          epoch,
          messages,
          epochs: messages.map((_, i) => history.epochs[i] ?? epoch)
        }),
      catch: (refused) => refused as LimitExceeded
    })
  })

/** Writes a run that comes from somewhere else; gives its id. Nothing is written unless all of it is sound. */
export const importRun = async (engine: Engine, given: unknown, cause: Cause = {}): Promise<string> => {
  const content = readExport(given)
  const { run, messages } = content
  const workflow = makeWorkflow(await definitionOf(content), new Map(), undefined)
  const refused = (reason: ImportRefused["reason"], detail: string) => new ImportRefused({ run, reason, detail })
  const [first] = messages
  if (
    first?.type !== "run.submitted" ||
    first.workflow !== workflow.name ||
    (first.hash ?? content.hash) !== workflow.hash
  )
    throw refused("shape", "its messages belong to another definition")
  const whole: ReadonlyArray<Message> = [{ ...first, hash: workflow.hash }, ...messages.slice(1)]
  const rehearsal = rehearse(engine, content, workflow)
  if (rehearsal.problem !== undefined) throw refused("diverged", rehearsal.problem.message)
  const { journal, claim, runsMax } = engine.options
  if (engine.runs.has(run) || engine.dormant.has(run) || (await Effect.runPromise(journal.find(run))) !== undefined)
    throw refused("exists", "there is a run of that id: remove it first, or keep that one")
  const hasEnded = rehearsal.run.outcome !== undefined
  if (!hasEnded && engine.live >= runsMax)
    throw new LimitExceeded({ limit: "runs", allowed: runsMax, actual: engine.live + 1, unit: "unfinished runs" })
  const all = hasEnded ? whole : [...whole, arrival(content, rehearsal, engine.now(), cause)]
  const entries = all.map(
    (message, seq): Entry => ({ run, seq, message, ...(seq === 0 ? { definition: workflow } : {}) })
  )
  await Effect.runPromise(
    Effect.catchTag(journal.append(entries, [noteFor(content, rehearsal)], claim.epoch), "SequenceConflict", () =>
      Effect.fail(refused("exists", "there is a run of that id by now"))
    )
  )
  return run
}

const definitionOf = async ({ run, hash, definition }: RunExport): Promise<WorkflowIR> => {
  try {
    requireId("run", run)
  } catch (error) {
    throw error instanceof InvalidId ? new ImportRefused({ run, reason: "shape", detail: error.message }) : error
  }
  const { inspectDocument } = await import("../model/load.ts")
  const { ir, problems } = await inspectDocument(definition)
  const error = problems.find(({ severity }) => severity === "error")
  if (ir === undefined || error !== undefined)
    throw new ImportRefused({ run, reason: "shape", detail: `its definition is not sound: ${error?.message ?? ""}` })
  if (hashOf(ir) !== hash)
    throw new ImportRefused({ run, reason: "checksum", detail: "its definition is not the one that it is pinned to" })
  return ir
}

const rehearse = (engine: Engine, { run, messages, epochs }: RunExport, workflow: Rehearsal["run"]["workflow"]) => {
  const [first] = messages as readonly [Extract<Message, { type: "run.submitted" }>]
  const past: Past = { first, snapshot: undefined, history: { first: 0, messages, epochs } }
  try {
    return engine.rehearse({ id: run, workflow, input: first.input, submittedAt: first.at }, past)
  } catch (error) {
    // whatever a stranger's messages make it throw: nothing of them was kept
    const detail = error instanceof TroupeError ? error.message : String(error)
    throw new ImportRefused({ run, reason: "diverged", detail })
  }
}

/** Tells how often each attempt that was out has been delivered where the run comes from. */
const arrival = ({ epoch }: RunExport, { owed }: Rehearsal, at: number, cause: Cause): RunImported => ({
  type: "run.imported",
  at,
  deliveries: Object.fromEntries(
    [...owed.attempts].map(([path, { epoch: asked, earlier }]) => [
      path,
      Math.max(1, 1 + epoch - Math.abs(asked) + earlier)
    ])
  ),
  ...said(cause)
})

/** A run that is left alone for what it did to a process stays alone. */
const noteFor = ({ run, status, error }: RunExport, { run: dry }: Rehearsal): RunNote => {
  const note = { ...noteOf(dry), run }
  return status === "quarantined" && error?.code === "POISON" && dry.outcome === undefined
    ? { ...note, status, error }
    : note
}
