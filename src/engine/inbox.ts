/**
 * What other processes ask of whoever owns the store. Looks a few times a second, in real time whatever clock the runs are on,
 * does what is asked with the same verbs that everybody uses, and writes the answer. A request that does not fit is refused.
 */
import * as Effect from "effect/Effect"
import { TroupeError } from "../model/errors.ts"
import type { Json } from "../model/json.ts"
import type { Asked, InboxService } from "../storage/inbox.ts"
import type { Engine } from "./engine.ts"
import { type Request, readRequest } from "./steering.ts"

/** How often to look, in milliseconds: one pragma each time as long as nobody has written. */
const lookMs = 200

export class Inbox {
  readonly #service: InboxService
  readonly #engine: Engine
  readonly #perform: (request: Request) => Promise<Json>
  /** Answers that are not written yet: what was done must not be done again because the disk is full. */
  readonly #answers = new Map<number, Json>()
  #timer: NodeJS.Timeout | undefined = undefined
  #turn: Promise<void> | undefined = undefined

  constructor(service: InboxService, engine: Engine, perform: (request: Request) => Promise<Json>) {
    this.#service = service
    this.#engine = engine
    this.#perform = perform
  }

  /** Looks from now on, until the engine is closed. */
  open(): void {
    this.#timer = setInterval(() => {
      if (this.#engine.isClosed) clearInterval(this.#timer)
      else void this.look()
    }, lookMs)
    this.#timer.unref()
  }

  /** Does what has been asked by now; one look at a time. */
  look(): Promise<void> {
    this.#turn ??= this.#look().finally(() => {
      this.#turn = undefined
    })
    return this.#turn
  }

  async #look(): Promise<void> {
    await this.#write()
    const asked = await Effect.runPromise(Effect.catch(this.#service.asked(), () => Effect.succeed(none)))
    for (const one of asked) {
      if (this.#engine.isClosed) return
      if (!this.#answers.has(one.id)) this.#answers.set(one.id, await this.#answer(one))
      await this.#write()
    }
  }

  async #answer({ request, ageMs }: Asked): Promise<Json> {
    try {
      return await this.#perform(readRequest(request, ageMs))
    } catch (error) {
      if (error instanceof TroupeError) return { error: { code: error.code, message: error.message } }
      this.#engine.options.onDefect(error)
      return { error: { code: "DEFECT", message: String(error) } }
    }
  }

  /** Whatever cannot be written now is tried again at the next look. */
  async #write(): Promise<void> {
    if (this.#answers.size === 0 || this.#engine.isClosed) return
    const answers = new Map(this.#answers)
    const written = this.#service.answer(answers, this.#engine.options.claim.epoch)
    if (await Effect.runPromise(Effect.match(written, { onSuccess: () => true, onFailure: () => false })))
      for (const id of answers.keys()) this.#answers.delete(id)
  }
}

const none: ReadonlyArray<Asked> = []
