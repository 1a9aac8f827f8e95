/** Generates schedules of one problem, forwards and from the end, and counts them: that count is what an effort is. */
import type { Compiled } from "./compiled.ts"
import { CrewScheme, demandFor, type Taste } from "./crew.ts"
import { copyOf, costOf, type Draft, emptyDraft, lengthOf } from "./draft.ts"
import { placesOf, sortedBy } from "./lists.ts"
import { type Pick, parallelSchedule } from "./parallel.ts"
import { mirrored, type Project } from "./project.ts"
import { SerialScheme } from "./serial.ts"

type Serial = (list: Int32Array, draft: Draft, taste: Taste, fixed?: Draft) => void

export class Generator {
  readonly compiled: Compiled
  /** The project seen from its end. */
  readonly mirror: Project
  /** The least sought after agents first. */
  readonly taste: Taste
  /** No cost can be less. */
  readonly bound: number
  /** Schedules generated so far. */
  generated = 0
  /** The best so far; undefined before the first. */
  best: Draft | undefined
  bestCost = Number.POSITIVE_INFINITY
  readonly #forward: Serial
  readonly #backward: Serial
  readonly #rank: Int32Array
  readonly #mirrorRank: Int32Array
  readonly #mirrored: Draft
  readonly #keys: Float64Array

  constructor(compiled: Compiled, bound: number) {
    const { project, crew } = compiled
    this.compiled = compiled
    this.bound = bound
    this.mirror = mirrored(project)
    this.taste = demandFor(compiled)
    this.#rank = placesOf(project.order)
    this.#mirrorRank = placesOf(this.mirror.order)
    this.#mirrored = emptyDraft(project.size)
    this.#keys = new Float64Array(project.size)
    const serial = (of: Project): Serial => {
      const scheme = crew === undefined ? new SerialScheme(of) : new CrewScheme(of, crew)
      return (list, draft, taste, fixed) => scheme.schedule(list, draft, taste, fixed)
    }
    this.#forward = serial(project)
    this.#backward = serial(this.mirror)
  }

  get isDone(): boolean {
    return this.bestCost <= this.bound + 1e-9
  }

  /** Each task of a list in turn, as early as there is room. */
  serial(list: Int32Array, draft: Draft, taste = this.taste, fixed?: Draft): number {
    this.#forward(list, draft, taste, fixed)
    return this.#heard(draft)
  }

  /** What fits, as soon as it fits. */
  parallel(keys: ArrayLike<number>, draft: Draft, pick?: Pick): number {
    parallelSchedule(this.compiled, keys, draft, this.taste, pick)
    return this.#heard(draft)
  }

  /** As if time ran backwards, then from the front again in the order that this gave: two schedules. */
  fromTheEnd(list: Int32Array, draft: Draft, taste = this.taste): number {
    this.#backward(list, this.#mirrored, taste)
    this.generated++
    return this.#again(this.#mirrored, draft, taste, this.compiled.crew === undefined ? undefined : this.#mirrored)
  }

  parallelFromTheEnd(keys: ArrayLike<number>, draft: Draft): number {
    parallelSchedule({ ...this.compiled, project: this.mirror }, keys, this.#mirrored, this.taste)
    this.generated++
    return this.#again(this.#mirrored, draft, this.taste, this.compiled.crew === undefined ? undefined : this.#mirrored)
  }

  /**
   * Everything as late as it can be without a later end, then as early as it can be: whatever stood in the way of what it need not is
   * moved out of it (forward-backward improvement, Li & Willis 1992; justification, Valls, Ballestín & Quintanilla 2005).
   */
  justified(draft: Draft, taste = this.taste): number {
    const keys = this.#keys
    for (let task = 0; task < keys.length; task++) keys[task] = -draft.ends[task]!
    return this.fromTheEndFreely(sortedBy(keys, this.#mirrorRank), draft, taste)
  }

  fromTheEndFreely(list: Int32Array, draft: Draft, taste: Taste): number {
    this.#backward(list, this.#mirrored, taste)
    this.generated++
    return this.#again(this.#mirrored, draft, taste, undefined)
  }

  /** The order in which the tasks of a schedule end, the last one first. */
  listFromTheEnd(ends: Float64Array): Int32Array {
    return sortedBy(
      ends.map((end) => -end),
      this.#mirrorRank
    )
  }

  /** The order of a schedule, as a list. */
  listOf(draft: Draft): Int32Array {
    return sortedBy(draft.starts, this.#rank)
  }

  #again(mirroredDraft: Draft, draft: Draft, taste: Taste, fixed: Draft | undefined): number {
    const keys = this.#keys
    if (lengthOf(mirroredDraft) === Number.POSITIVE_INFINITY) {
      draft.ends.set(mirroredDraft.ends)
      return Number.POSITIVE_INFINITY
    }
    for (let task = 0; task < keys.length; task++) keys[task] = -mirroredDraft.ends[task]!
    this.#forward(sortedBy(keys, this.#rank), draft, taste, fixed)
    return this.#heard(draft)
  }

  #heard(draft: Draft): number {
    this.generated++
    const cost = costOf(draft, this.compiled)
    if (cost < this.bestCost) {
      this.bestCost = cost
      this.best = copyOf(draft)
    }
    return cost
  }

  /** A schedule that was made elsewhere; `schedules` were generated for it. */
  take(draft: Draft, schedules: number): number {
    this.generated += schedules - 1
    return this.#heard(draft)
  }
}
