/**
 * `troupe resume [ID] [FILE…]`: drives unfinished runs of a store to their end. With an ID it first resumes that run, should it
 * be paused; without one, paused runs stay paused. It ends when nothing goes on any more without somebody from outside.
 */
import { dirname, resolve } from "node:path"
import * as Effect from "effect/Effect"
import type { Allow } from "../../engine/builtin.ts"
import { agentsOf } from "../../engine/declared.ts"
import { Library } from "../../engine/library.ts"
import type { Run } from "../../engine/orchestrator.ts"
import { eachUnfinished } from "../../engine/pages.ts"
import { overviewOf } from "../../engine/progress.ts"
import { InvalidWorkflow, RunNotFound } from "../../model/errors.ts"
import { requireId } from "../../model/ids.ts"
import type { WorkflowIR } from "../../model/ir.ts"
import { isTerminal } from "../../model/messages.ts"
import type { Workflow } from "../../model/workflow.ts"
import { JournalCorrupt } from "../../storage/errors.ts"
import type { RunRecord } from "../../storage/journal.ts"
import type { StoreReader } from "../../storage/sqlite/reader.ts"
import { allowAgain, type Given, timeScale } from "../arguments.ts"
import { askOwner } from "../ask.ts"
import { causeOf } from "../cause.ts"
import type { Command } from "../commands.ts"
import { drive } from "../drive.ts"
import { isFileName, readAllow, readFile } from "../file.ts"
import { exitOf, type Standing, showStanding, valueOf } from "../outcome.ts"
import { CommandError, dim, exitCodes, say, tell, tellJson, yellow } from "../output.ts"
import { type Hindrance, hindranceOf } from "../ready.ts"
import { type FileStore, fileStoreOf, openSession, patienceMs, reading } from "../store.ts"

export const resume: Command = async (given) => {
  const store = fileStoreOf(given)
  const { id, files } = wordsOf(given)
  const workflows = await workflowsOf(given, files)
  const allow = readAllow(given, files[0] === undefined ? process.cwd() : dirname(resolve(files[0])))
  const told = new Told(given)
  const owner = await reading(store, async (reader) => reader.owner())
  if (owner.isAlive && id !== undefined) {
    const done = await askOwner(store, { verb: "resume", run: id, ...causeOf(given) })
    if (done !== undefined) return goesOnThere(given, id, owner.pid, done.ok === true)
  }
  const found = await reading(store, (reader) => survey(reader, id, workflows, allow))
  for (const { standing, hindrance } of found.hindered)
    await told.tell({ ...standing, status: "parked", error: { task: "", failure: hindrance } })
  for (const standing of found.paused) await told.tell(standing)
  for (const group of found.groups) {
    const ending = await driveGroup({ given, store, told, allow, workflows, id }, group)
    if (ending === "interrupted") return exitCodes.interrupted
  }
  return told.end()
}

interface Journey {
  readonly given: Given
  readonly store: FileStore
  readonly told: Told
  readonly allow: Allow
  readonly workflows: ReadonlyArray<Workflow>
  readonly id: string | undefined
}

/** Runs that can be driven together: their definitions bring the same agents, or none. */
interface Group {
  readonly ir: WorkflowIR
  readonly runs: Array<string>
}

const driveGroup = async ({ given, store, told, allow, workflows, id }: Journey, { ir, runs: ids }: Group) => {
  const session = await openSession(store, {
    drives: "asked",
    mustExist: true,
    waitMs: patienceMs,
    engine: { allow, workflows, agents: agentsOf(ir, allow), timeScale: timeScale(given) }
  })
  try {
    const runs: Array<Run> = []
    for (const one of ids)
      await told.unlessDamaged(async () => {
        const run = await session.orchestrator.get(one)
        runs.push(run)
        if (id !== undefined) await run.resume(causeOf(given))
      })
    const waiting = new Map(runs.map((run) => [run.id, run]))
    let telling: Promise<void> = Promise.resolve()
    const ending = await drive(session, {
      runs,
      ended: (run) => {
        waiting.delete(run.id)
        telling = telling.then(() => told.unlessDamaged(async () => told.tell(await run.status())))
      },
      interrupted: () =>
        say(
          yellow(
            `interrupted: ${waiting.size === 1 ? "the run is" : "all runs are"} kept; go on with "troupe resume${id === undefined ? "" : ` ${id}`}${wordsOf(
              given
            )
              .files.map((file) => ` ${file}`)
              .join("")}${allowAgain(given)}${store.option}"`,
            process.stderr
          )
        )
    })
    await telling
    if (ending === "rest")
      for (const run of waiting.values()) await told.unlessDamaged(async () => told.tell(await run.status()))
    return ending
  } finally {
    await session.close()
  }
}

interface Found {
  readonly groups: ReadonlyArray<Group>
  readonly paused: ReadonlyArray<Standing>
  readonly hindered: ReadonlyArray<{ readonly standing: Standing; readonly hindrance: Hindrance }>
}

/** Which runs can be driven from here, together with which others. */
const survey = async (
  reader: StoreReader,
  id: string | undefined,
  workflows: ReadonlyArray<Workflow>,
  allow: Allow
): Promise<Found> => {
  const library = new Library()
  for (const workflow of workflows) library.add(workflow)
  const groups = new Map<string, Group>()
  const paused: Array<Standing> = []
  const hindered: Array<Found["hindered"][number]> = []
  for (const record of await recordsOf(reader, id)) {
    const ir = await Effect.runPromise(reader.definition(record.hash ?? ""))
    if (ir === undefined) throw new JournalCorrupt({ run: record.run, seq: 0, kind: "shape" })
    const hindrance = isTerminal(record.status)
      ? undefined
      : hindranceOf(ir, allow, library.bind(record.hash ?? "", ir).missing)
    if (hindrance !== undefined) hindered.push({ standing: overviewOf(record), hindrance })
    else if (record.status === "paused" && id === undefined) paused.push(overviewOf(record))
    else {
      const key = JSON.stringify(ir.agents ?? [])
      const group = groups.get(key) ?? { ir, runs: [] }
      groups.set(key, group)
      group.runs.push(record.run)
    }
  }
  return { groups: [...groups.values()], paused, hindered }
}

/** The run that was asked for, or all that have not ended. */
const recordsOf = async (reader: StoreReader, id: string | undefined): Promise<ReadonlyArray<RunRecord>> => {
  if (id === undefined) {
    const records: Array<RunRecord> = []
    await Effect.runPromise(eachUnfinished(reader, (record) => records.push(record)))
    return records
  }
  const record = await Effect.runPromise(reader.find(id))
  if (record === undefined) throw new RunNotFound({ run: id })
  return [record]
}

const wordsOf = (given: Given): { readonly id: string | undefined; readonly files: ReadonlyArray<string> } => {
  const [first, ...rest] = given.positionals
  const isId = first !== undefined && !isFileName(first)
  for (const word of rest)
    if (!isFileName(word))
      throw new CommandError(
        `'troupe resume' takes one run and any number of files, and got '${word}' as well`,
        "usage"
      )
  return {
    id: isId ? requireId("run", first) : undefined,
    files: [...(isId ? rest : given.positionals), ...given.texts("workflow")]
  }
}

const workflowsOf = async (given: Given, files: ReadonlyArray<string>): Promise<ReadonlyArray<Workflow>> => {
  const workflows: Array<Workflow> = []
  for (const file of files) {
    const { workflow, problems } = await readFile(given, file)
    const errors = problems.filter(({ severity }) => severity === "error")
    if (workflow === undefined || errors.length > 0) throw new InvalidWorkflow({ workflow: file, problems: errors })
    workflows.push(workflow)
  }
  return workflows
}

const goesOnThere = async (given: Given, run: string, pid: number, ok: boolean): Promise<number> => {
  if (given.has("json") || given.has("jsonl")) await tellJson({ ok, run, owner: pid })
  else tell(ok ? `run ${run} goes on in process ${pid}` : `run ${run} is over`)
  return exitCodes.ok
}

/** Says how each run stands, and remembers what that means for the exit code. */
class Told {
  readonly #given: Given
  readonly #values: Array<ReturnType<typeof valueOf>> = []
  #worst: number = exitCodes.ok
  #count = 0
  constructor(given: Given) {
    this.#given = given
  }

  async tell(standing: Standing): Promise<void> {
    this.#count++
    this.#note(exitOf(standing))
    if (this.#given.has("jsonl")) await tellJson(valueOf(standing))
    else if (this.#given.has("json")) this.#values.push(valueOf(standing))
    else {
      showStanding(standing)
      if (!isTerminal(standing.status)) tell(dim(`  ${nextStep(standing)}`))
    }
  }

  /** A damaged run is said, and the others go on. */
  async unlessDamaged(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof JournalCorrupt)) throw error
      this.#count++
      this.#note(exitCodes.store)
      say(`troupe: ${error.message}`)
    }
  }

  async end(): Promise<number> {
    if (this.#given.has("json") && !this.#given.has("jsonl"))
      await tellJson({ ok: this.#worst === exitCodes.ok, runs: this.#values })
    else if (this.#count === 0 && !this.#given.has("jsonl")) tell("nothing to resume: every run has ended")
    return this.#worst
  }

  /** A damaged store says more than a failed run, and that more than one that waits. */
  #note(code: number): void {
    const order: ReadonlyArray<number> = [exitCodes.ok, exitCodes.stopped, exitCodes.failed, exitCodes.store]
    if (order.indexOf(code) > order.indexOf(this.#worst)) this.#worst = code
  }
}

const nextStep = ({ status, run }: Standing): string =>
  status === "paused"
    ? `go on with "troupe resume ${run}"`
    : status === "parked"
      ? "it waits until that is there"
      : `it waits for somebody: see "troupe show ${run}"`
