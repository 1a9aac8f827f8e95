/**
 * A run that is brought along beside the one that goes on: each message that was written is delivered to actors that are like
 * those of the run, and nothing is performed. Whoever inspects them sees everything, and the run itself does not notice.
 */
import type { AnyActorRef } from "xstate"
import type { Inspect } from "../actors/create.ts"
import type { WorkflowIR } from "../model/ir.ts"
import type { Message } from "../model/messages.ts"
import { makeWorkflow, type Workflow } from "../model/workflow.ts"
import type { JournalService } from "../storage/journal.ts"
import type { Engine } from "./engine.ts"
import { idleEngine, type Readable } from "./look.ts"
import type { Past } from "./past.ts"
import { outlook, type RunState, stateOf } from "./progress.ts"
import type { LiveRun } from "./run.ts"

export class Shadow {
  readonly #journal: Readable
  readonly #id: string
  readonly #workflow: Workflow
  readonly #inspect: Inspect
  #engine: Engine | undefined = undefined
  #run: LiveRun | undefined = undefined

  /** `inspect` sees the actors of the run and nothing of those that it had before a decision about its past. */
  constructor(journal: Readable, id: string, ir: WorkflowIR, inspect: Inspect) {
    this.#journal = journal
    this.#id = id
    this.#workflow = makeWorkflow(ir, new Map(), undefined)
    this.#inspect = inspect
  }

  /** As it was after these messages. With `isSeen` whoever inspects sees how it came to be, otherwise only what comes later. */
  fold(past: Past, isSeen: boolean): void {
    this.#engine?.abandon()
    const engine = idleEngine(this.#journal as JournalService)
    this.#engine = engine
    if (isSeen) engine.root.system.inspect(this.#inspect)
    this.#run = engine.fold(this.#id, this.#workflow, past, undefined)
    if (!isSeen) engine.root.system.inspect(this.#inspect)
  }

  /** One message more. False for a decision about the past: it takes a `fold` of everything. */
  step(seq: number, message: Message, epoch: number): boolean {
    if (message.type === "run.amended" || message.type === "run.rolledBack") return false
    this.#engine!.goOn(this.#run!, seq, message, epoch)
    return true
  }

  /** The actor of the whole run, while it is alive. */
  get actor(): AnyActorRef | undefined {
    return this.#run?.actor
  }

  get run(): LiveRun {
    return this.#run!
  }

  /** How it stands, without when it may be done; costs as much as it has actors. */
  state(): RunState {
    return stateOf(this.#run!, this.#run!.updatedAt, false)
  }

  /** What is left of the longest path, and when it may be done; costs as much as it has tasks. */
  outlook(): ReturnType<typeof outlook> {
    return outlook(this.#run!, this.#run!.updatedAt)
  }

  close(): void {
    this.#engine?.abandon()
  }
}
