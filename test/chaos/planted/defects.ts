/**
 * Planted defects: mistakes that were made elsewhere, or here, put back on purpose into one place of the shipped sources, so that
 * it can be seen whether the kit finds them. Each replaces snippets that are there exactly once. The list is data; how it gets
 * into a module is `plant.ts`.
 */
import type { scenes } from "./flows.ts"

export interface Edit {
  /** Below `src`. */
  readonly file: string
  /** What stands there, exactly once. */
  readonly find: string
  readonly put: string
}

export interface Defect {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** The report, or the list, that it is modelled on. */
  readonly like: string
  /** The promise that it breaks. */
  readonly breaks: string
  /** Where it shows. */
  readonly scene: keyof typeof scenes
}

const prototype = "a prototype of this engine"

export const defects: ReadonlyArray<Defect> = [
  {
    name: "dependents released before durable",
    like: prototype,
    breaks: "G06",
    scene: "ten",
    edits: [
      {
        file: "engine/writer.ts",
        find: "const written = this.#options.journal.append(batch, notes, this.#options.epoch)",
        put: "const fresh = batch.filter((one) => !this.told.has(one)); for (const one of fresh) this.told.add(one); this.#options.written(fresh); const written = this.#options.journal.append(batch, notes, this.#options.epoch)"
      },
      {
        file: "engine/writer.ts",
        find: "      this.#options.written(batch)\n      return true",
        put: "      return true"
      },
      {
        file: "engine/writer.ts",
        find: "  #inbox: Array<Delivery> = []\n",
        put: "  #inbox: Array<Delivery> = []\n  told = new WeakSet<Delivery>()\n"
      }
    ]
  },
  {
    name: "no fencing",
    like: prototype,
    breaks: "G24",
    scene: "ten",
    edits: [
      {
        file: "storage/memory.ts",
        find: "if (Math.abs(epoch) !== current) return new StaleOwner({ epoch, current })\n    if (held",
        put: "if (held"
      }
    ]
  },
  {
    name: "key per attempt",
    like: prototype,
    breaks: "G05",
    scene: "ten",
    edits: [
      {
        file: "engine/attempts.ts",
        find: "return keyOf(this.place)",
        put: "return `${keyOf(this.place)}#${this.attempt}`"
      }
    ]
  },
  {
    name: "pause lost by restart",
    like: prototype,
    breaks: "G13",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: 'room.root?.send({ type: "pause" })',
        put: 'if (!run.isFolding) room.root?.send({ type: "pause" })'
      }
    ]
  },
  {
    name: "pause ignored",
    like: prototype,
    breaks: "G13",
    scene: "ten",
    edits: [{ file: "actors/room.ts", find: "this.#held = true\n        return", put: "return" }]
  },
  {
    name: "cancel lost by restart",
    like: prototype,
    breaks: "G12",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: 'room.root?.send({ type: "cancel", reason:',
        put: 'if (!run.isFolding) room.root?.send({ type: "cancel", reason:'
      }
    ]
  },
  {
    name: "delivery not counted",
    like: "a list of defects of durable engines",
    breaks: "G03",
    scene: "ten",
    edits: [
      {
        file: "engine/attempts.ts",
        find: "this.delivery = 1 + attempts.epoch - epoch + earlier",
        put: "this.delivery = 1 + earlier"
      }
    ]
  },
  {
    name: "timers lost on restore",
    like: "xstate#5331",
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/engine.ts",
        find: "for (const { place, dueAt } of owed.timers.values()) this.#startTimer(run, place, dueAt)",
        put: ""
      }
    ]
  },
  {
    name: "retry budget off by one",
    like: "a list of defects of durable engines",
    breaks: "G09",
    scene: "timed",
    edits: [
      {
        file: "machines/task.ts",
        find: "context.attempt < context.retry.attempts",
        put: "context.attempt <= context.retry.attempts"
      }
    ]
  },
  {
    name: "idempotency by id only",
    like: "a list of defects of durable engines",
    breaks: "G02",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: "if (!isSame(before, workflow, input)) throw new IdempotencyMismatch({ run: id })",
        put: ""
      }
    ]
  }
]
