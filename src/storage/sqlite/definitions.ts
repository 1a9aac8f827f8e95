/** Definitions that runs are pinned to: written down once, remembered while they are used, checked against their hash. */
import type { WorkflowIR } from "../../model/ir.ts"
import type { Message } from "../../model/messages.ts"
import { hashOf } from "../../model/workflow.ts"
import type { Pinned } from "../journal.ts"
import { type Names, namesOf, type Origin } from "./codec.ts"
import type { Database } from "./database.ts"
import * as sql from "./statements.ts"

export interface Definition extends Omit<Origin, "submittedAt"> {
  readonly id: number
  readonly names: Names
  /** What is written there is not what its hash says, or not there: runs of it cannot be read. */
  readonly isDamaged: boolean
}

/** Definitions that are remembered; the others are looked up again. */
const definitionsMax = 10_000

export class Definitions {
  readonly #byId = new Map<number, Definition>()
  #pinned = new WeakMap<Pinned, Definition>()

  /** The definition of a run that is being submitted; written down the first time that it is seen. */
  pin(
    database: Database,
    { workflow, version }: Extract<Message, { type: "run.submitted" }>,
    pinned: Pinned | undefined
  ): Definition {
    const hash = pinned?.hash ?? ""
    const known = pinned === undefined ? undefined : this.#pinned.get(pinned)
    if (known !== undefined) return known
    const row =
      database.row(sql.findDefinition, hash, workflow, version ?? "") ??
      database.row(
        sql.insertDefinition,
        hash,
        workflow,
        version ?? null,
        pinned === undefined ? null : JSON.stringify(pinned.ir)
      )
    const definition = this.of(database, row![0])
    if (pinned !== undefined) this.#pinned.set(pinned, definition)
    return definition
  }

  of(database: Database, id: number): Definition {
    const known = this.#byId.get(id)
    if (known !== undefined) return known
    const [, hash, workflow, version, text] = database.row(sql.definitionById, id) ?? [id, "", "", null, ""]
    const ir = text === null ? undefined : readDefinition(text, hash)
    const definition: Definition = {
      id,
      hash: hash === "" ? undefined : hash,
      workflow,
      version: version ?? undefined,
      names: namesOf(ir),
      isDamaged: text !== null && ir === undefined
    }
    if (this.#byId.size >= definitionsMax) this.#byId.clear()
    this.#byId.set(id, definition)
    return definition
  }

  /** One that no run uses any more is gone. */
  sweep(database: Database, id: number): void {
    if (database.run(sql.sweepDefinition, id) === 0) return
    // its number may be given to another one
    this.#byId.delete(id)
    this.#pinned = new WeakMap()
  }

  forget(): void {
    this.#byId.clear()
    this.#pinned = new WeakMap()
  }
}

/** A definition from its text; undefined if it is not the one that has this hash. */
export const readDefinition = (text: string, hash: string): WorkflowIR | undefined => {
  try {
    const ir = JSON.parse(text) as WorkflowIR
    return hashOf(ir) === hash ? ir : undefined
  } catch {
    return undefined
  }
}
