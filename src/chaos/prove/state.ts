/**
 * When two moments of a search are the same: what is the case at each path of the run, as text. Items of one fan-out have no
 * names in it, only what is the case with them, so that it does not matter which of them it is. Time is not in it, nor is what
 * only people see.
 */
import type { LiveRun } from "../../engine/run.ts"
import { frozenOf } from "../../engine/snapshots.ts"
import type { Failure } from "../../model/errors.ts"
import { canonical, type Json } from "../../model/json.ts"
import type { Outcome } from "../../model/messages.ts"

/** What is the case, by path; "" for the run. */
export type Facts = ReadonlyMap<string, string>

type Frozen = ReturnType<typeof frozenOf>
type Root = Frozen["root"]
type Child = NonNullable<Root["scope"]>["children"][number]

/** A living run, or one that has ended. `life` is the one that it is looked at in. */
export const factsOf = (run: LiveRun, life: number, isSymmetric: boolean): Facts => {
  if (run.outcome !== undefined) return new Map([["", `ended ${outcomeText(run.outcome, isSymmetric)}`]])
  const { taken, isHeld, generation, gates, queue, root } = frozenOf(run)
  const reader = new Reader(life, isSymmetric)
  reader.note("", `${taken} ${isHeld} ${generation}`)
  reader.scope(root, "")
  queue.forEach(([path, index, priority], at) => {
    const isItem = reader.fanouts.has(path) && index >= 0
    reader.note(isItem ? `${path}[${index}]` : path, `queued ${at} ${priority}${isItem ? "" : ` ${index}`}`)
  })
  if (gates !== undefined) {
    gates.open.forEach((path, at) => reader.note(path, `open ${at}`))
    for (const [path, became] of gates.ended) reader.note(path, became)
    for (const { task, ...answer } of gates.answers) reader.note(task, `early ${text(answer)}`)
    if (gates.signals.length > 0) reader.note("", `signals ${text(gates.signals)}`)
  }
  return reader.facts
}

/** How a run ended, as far as it matters. */
export const outcomeText = (outcome: Outcome, isSymmetric: boolean): string =>
  outcome.status === "succeeded"
    ? `succeeded ${canonical(outcome.value)}`
    : outcome.status === "failed"
      ? `failed ${isSymmetric ? unlabelled(outcome.task) : outcome.task} ${failureText(outcome.failure, isSymmetric)}`
      : "cancelled"

class Reader {
  readonly facts = new Map<string, string>()
  /** Paths of fan-outs. */
  readonly fanouts = new Set<string>()
  readonly #life: number
  readonly #isSymmetric: boolean

  constructor(life: number, isSymmetric: boolean) {
    this.#life = life
    this.#isSymmetric = isSymmetric
  }

  note(path: string, fact: string): void {
    const before = this.facts.get(path)
    this.facts.set(path, before === undefined ? fact : `${before};${fact}`)
  }

  scope({ state, context, place, scope }: Root, path: string): void {
    const { queued, director, children } = scope!
    this.note(
      path,
      `${state} ${queued} ${this.#context(context)} ${place.generation ?? ""} ${this.#director(director, path)}`
    )
    for (const child of children) this.#child(child, pathBelow(path, child.id))
  }

  #child(child: Child, path: string): void {
    if (child.scope !== undefined) return this.scope(child, path)
    const { kind, state, context, place } = child
    const { generation, holdsSlot, out } = place
    // what waits for a time is in its state; when that is, is not
    const kept =
      kind === "task" ? [(context as ReadonlyArray<Json>)[0], this.#failure((context as ReadonlyArray<Json>)[1])] : []
    const delivery = out === undefined ? "" : `${out[0]}.${1 + this.#life - out[2] + (out[3] ?? 0)}`
    this.note(path, `${state} ${text(kept)} ${generation ?? ""} ${holdsSlot ?? ""} ${delivery}`)
  }

  /** Facts of a chart with children: those about its end are long, and about time. */
  #context(context: Json): string {
    const { failure, outcome, task: _, dueAt: __, ...rest } = context as { readonly [key: string]: Json | undefined }
    return `${text(rest)} ${this.#failure((failure as any)?.failure ?? failure)} ${outcome === undefined ? "" : text(outcome)}`
  }

  #failure(failure: Json | undefined): string {
    return failure === undefined || failure === null
      ? ""
      : failureText(failure as unknown as Failure, this.#isSymmetric)
  }

  /** Where a director stands. Below an item only how far it is counts, not with which values. */
  #director(director: Json, path: string): string {
    const isShort = this.#isSymmetric && path.includes("[")
    if (isFanout(director)) {
      const [next, settled, failed, results] = director
      this.fanouts.add(path)
      results.forEach((value, i) => {
        if (value !== null) this.note(`${path}[${i}]`, this.#isSymmetric ? "result" : `result ${text(value)}`)
      })
      return `${next} ${settled} ${failed}`
    }
    if (isBoard(director)) {
      const { status, values, failures = [], injected = [] } = director
      const why = failures.map(([task, failure]) => `${task} ${this.#failure(failure)}`).join()
      return `${status} ${isShort ? "" : text(values)} ${why} ${text(injected)}`
    }
    return isShort && Array.isArray(director) ? text(director[0]!) : text(director)
  }
}

type FrozenFanout = readonly [next: number, settled: number, failed: number, results: ReadonlyArray<Json>]
const isFanout = (director: Json): director is FrozenFanout & Json =>
  Array.isArray(director) && director.length === 4 && Array.isArray(director[3])

interface FrozenBoard {
  readonly status: string
  readonly values: Json
  readonly failures?: ReadonlyArray<readonly [number, Json]>
  readonly injected?: Json
}
const isBoard = (director: Json): director is FrozenBoard & Json =>
  typeof director === "object" && director !== null && "observed" in director && "status" in director

const failureText = (failure: Failure, isSymmetric: boolean): string => {
  const { tag, code, message, retryable } = failure
  return text([tag, code ?? null, retryable, isSymmetric ? unlabelled(message) : message])
}

const text = (value: unknown): string => JSON.stringify(value) ?? ""

/** A path, or a text with paths in it, without the numbers of items. */
export const unlabelled = (path: string): string => path.replace(/\[\d+\]/g, "[]")

const pathBelow = (path: string, id: string): string =>
  path === "" ? id : id.startsWith("[") || id.startsWith("#") || id.startsWith("@") ? path + id : `${path}/${id}`

interface Branch {
  facts: string
  readonly names: Map<string, Branch>
  readonly items: Map<string, Branch>
  /** What it is as a whole, once that was asked for. */
  whole: string | undefined
}
const branch = (): Branch => ({ facts: "", names: new Map(), items: new Map(), whole: undefined })

/** What is the case, as one text, and which places in it are alike. */
export class Picture {
  readonly #root = branch()
  readonly #isSymmetric: boolean

  constructor(sources: ReadonlyArray<Facts>, isSymmetric: boolean) {
    this.#isSymmetric = isSymmetric
    sources.forEach((facts, i) => {
      for (const [path, fact] of facts) this.#at(path).facts += `${i}:${fact};`
    })
  }

  get key(): string {
    return this.#wholeOf(this.#root)
  }

  /** The same for two places that an exchange of items would exchange. */
  orbitOf(path: string): string {
    let orbit = ""
    let at = this.#root
    for (const segment of segmentsOf(path)) {
      const isItem = segment.startsWith("[")
      at = (isItem ? at.items : at.names).get(segment) ?? nowhere
      orbit += isItem && this.#isSymmetric ? `[${this.#wholeOf(at)}]` : `/${segment}`
    }
    return orbit
  }

  #at(path: string): Branch {
    let at = this.#root
    for (const segment of segmentsOf(path)) {
      const children = segment.startsWith("[") ? at.items : at.names
      let next = children.get(segment)
      if (next === undefined) {
        next = branch()
        children.set(segment, next)
      }
      at = next
    }
    return at
  }

  #wholeOf(one: Branch): string {
    if (one.whole !== undefined) return one.whole
    let whole = one.facts
    if (one.names.size > 0) {
      const names = [...one.names].map(([name, inner]) => `${name}=${this.#wholeOf(inner)}`)
      whole += `{${names.sort().join(",")}}`
    }
    if (one.items.size > 0) {
      const items = [...one.items].map(([label, inner]) =>
        this.#isSymmetric ? this.#wholeOf(inner) : label + this.#wholeOf(inner)
      )
      whole += `<${items.sort().join(",")}>`
    }
    one.whole = whole
    return whole
  }
}
const nowhere = branch()

const segments = new Map<string, ReadonlyArray<string>>()
/** A path in parts; items of fan-outs are parts of their own. */
const segmentsOf = (path: string): ReadonlyArray<string> => {
  let known = segments.get(path)
  if (known === undefined) {
    known = path === "" ? [] : path.replace(/\[/g, "/[").split("/")
    // names of tasks are few; those of a program that proves many workflows may not be
    if (segments.size >= 10_000) segments.clear()
    segments.set(path, known)
  }
  return known
}
