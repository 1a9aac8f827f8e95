/**
 * Answers that are given again, to use alone: `cached({ ttl: "10s" }).execute(fn, { key })`. A good answer is kept for its time, and
 * whoever asks for the same while a call is out shares it. A failure is shared, and never kept.
 */
import { type Duration, milliseconds } from "../model/duration.ts"
import { InvalidOption } from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import { requireKnown, requireWhole } from "../model/settings.ts"
import { report } from "./listeners.ts"
import { never, type Policy, type PolicyCall, type PolicyOptions } from "./policy.ts"

export interface CachedSettings {
  /** How long a good answer is given again. Without it answers are shared while their call is out, and not kept. */
  readonly ttl?: Duration
  /** Most answers that are kept, 1 … 1,000,000; default 1,000. The oldest go first. A store of your own has its own bound. */
  readonly most?: number
  /** Whether those who ask while a call is out share its answer; default true. */
  readonly share?: boolean
  /** Where answers are kept; default: in memory. One that fails is as good as empty. */
  readonly store?: CacheStore
  /** As metrics show it; default `cached`. */
  readonly name?: string
  /** Milliseconds since 1970. The default never jumps. */
  readonly now?: () => number
  /** Told what a store throws. */
  readonly onError?: (error: unknown) => void
}

/** An answer, and until when it is good: milliseconds since 1970. */
export interface KeptAnswer {
  readonly value: unknown
  readonly until: number
}

/** Where answers are kept. All may answer at once or later. */
export interface CacheStore {
  get(key: string): KeptAnswer | undefined | PromiseLike<KeptAnswer | undefined>
  set(key: string, kept: KeptAnswer): unknown
  delete(key: string): unknown
  clear(): unknown
}

export interface CachedOptions extends PolicyOptions {
  /** What is asked for. A call without a key is just made: nobody knows whose answer it could be. */
  readonly key?: string
}

export interface CachedMetrics {
  readonly name: string
  /** Answers that were given again. */
  readonly hits: number
  /** Calls that were made. */
  readonly misses: number
  /** Calls that shared one which was out. */
  readonly shared: number
  /** Calls that are out. */
  readonly out: number
}

/**
 * A cache with these settings.
 *
 * ```ts check
 * const prices = cached({ ttl: "10s" })
 * let calls = 0
 * const price = prices.wrap(async (name) => `${name} ${++calls}`)
 * [await price("tea"), await price("tea"), await price("milk")] // => ["tea 1", "tea 1", "milk 2"]
 * ```
 *
 * @throws InvalidOption for impossible settings, InvalidId for a name that cannot be an id.
 */
export const cached = (settings: CachedSettings = {}): Cached => new Cached(settings)

const steady = () => Math.floor(performance.timeOrigin + performance.now())

/** A call that is out, and how many wait for it. */
interface Out {
  readonly control: AbortController
  readonly answer: Promise<unknown>
  waiting: number
}

export class Cached implements Policy {
  readonly name: string
  readonly #ttlMs: number
  readonly #shares: boolean
  readonly #store: CacheStore
  readonly #now: () => number
  readonly #onError: CachedSettings["onError"]
  readonly #out = new Map<string, Out>()
  #hits = 0
  #misses = 0
  #shared = 0

  constructor(settings: CachedSettings) {
    const { ttl, most = 1_000, share = true, store, name = "cached", now = steady, onError } = settings
    this.name = requireId("cached", name)
    const subject = `cached '${name}'`
    requireKnown(settings, ["ttl", "most", "share", "store", "name", "now", "onError"], subject)
    this.#ttlMs = ttl === undefined ? 0 : milliseconds(ttl, `ttl of ${subject}`)
    if (ttl !== undefined && this.#ttlMs < 1)
      throw new InvalidOption({ option: `ttl of ${subject}`, value: ttl, allowed: "at least 1 ms, or leave it out" })
    if (typeof share !== "boolean" || (!share && ttl === undefined))
      throw new InvalidOption({
        option: `share of ${subject}`,
        value: share,
        allowed: "true, or false beside a ttl: without both nothing is given again"
      })
    this.#shares = share
    this.#store = store ?? new MemoryStore(requireWhole(most, 1, 1_000_000, `most of ${subject}`), now)
    this.#now = now
    this.#onError = onError
  }

  /** Gives what is known under the key, or shares the call that is out for it, or calls `fn`. */
  async execute<T>(fn: (call: PolicyCall) => T | PromiseLike<T>, { key, signal }: CachedOptions = {}): Promise<T> {
    signal?.throwIfAborted()
    if (key === undefined) {
      this.#misses++
      return await fn({ signal: signal ?? never })
    }
    const kept = await this.#read(key)
    signal?.throwIfAborted()
    if (kept !== undefined) {
      this.#hits++
      return kept.value as T
    }
    const out = this.#shares ? this.#out.get(key) : undefined
    if (out !== undefined) this.#shared++
    return (await this.#waitFor(key, out ?? this.#begin(key, fn), signal)) as T
  }

  /** The function behind this cache; calls with the same arguments are the same, as JSON has them or as `keyOf` says. */
  wrap<A extends ReadonlyArray<unknown>, T>(
    fn: (...args: A) => T | PromiseLike<T>,
    keyOf: (...args: A) => string = (...args) => JSON.stringify(args)
  ): (...args: A) => Promise<T> {
    return async (...args) => this.execute<T>(() => fn(...args), { key: keyOf(...args) })
  }

  /** Forgets one answer, or all. Calls that are out answer those who wait for them, and nobody after that. */
  async forget(key?: string): Promise<void> {
    if (key === undefined) this.#out.clear()
    else this.#out.delete(key)
    await this.#safely(() => (key === undefined ? this.#store.clear() : this.#store.delete(key)))
  }

  metrics(): CachedMetrics {
    return { name: this.name, hits: this.#hits, misses: this.#misses, shared: this.#shared, out: this.#out.size }
  }

  #begin<T>(key: string, fn: (call: PolicyCall) => T | PromiseLike<T>): Out {
    this.#misses++
    const control = new AbortController()
    const made = async () => {
      try {
        const value = await fn({ signal: control.signal })
        // one that was forgotten while it was out is not kept, nor one that was not alone
        if (this.#out.get(key) === out && this.#ttlMs > 0)
          await this.#safely(() => this.#store.set(key, { value, until: this.#now() + this.#ttlMs }))
        return value
      } finally {
        if (this.#out.get(key) === out) this.#out.delete(key)
      }
    }
    // begun in a step of its own, so that what it gives at once finds it in the list
    const out: Out = { control, answer: Promise.resolve().then(made), waiting: 0 }
    this.#out.set(key, out)
    return out
  }

  /** Who gives up leaves the call to the others; when nobody is left, it is told. */
  async #waitFor(key: string, out: Out, signal: AbortSignal | undefined): Promise<unknown> {
    out.waiting++
    if (signal === undefined) return await out.answer
    return await new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason)
        if (--out.waiting > 0) return
        if (this.#out.get(key) === out) this.#out.delete(key)
        out.control.abort(signal.reason)
      }
      signal.addEventListener("abort", leave)
      out.answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave))
    })
  }

  async #read(key: string): Promise<KeptAnswer | undefined> {
    if (this.#ttlMs === 0) return undefined
    const kept = (await this.#safely(() => this.#store.get(key))) as KeptAnswer | undefined
    return kept !== undefined && kept !== null && kept.until > this.#now() ? kept : undefined
  }

  async #safely(work: () => unknown): Promise<unknown> {
    try {
      return await work()
    } catch (error) {
      report(this.#onError, error)
      return undefined
    }
  }
}

/** So many answers; the oldest go first. */
class MemoryStore implements CacheStore {
  readonly #kept = new Map<string, KeptAnswer>()
  readonly #most: number
  readonly #now: () => number
  constructor(most: number, now: () => number) {
    this.#most = most
    this.#now = now
  }
  get(key: string): KeptAnswer | undefined {
    const kept = this.#kept.get(key)
    if (kept !== undefined && kept.until <= this.#now()) this.#kept.delete(key)
    return kept
  }
  set(key: string, kept: KeptAnswer): void {
    this.#kept.set(key, kept)
    if (this.#kept.size > this.#most) this.#kept.delete(this.#kept.keys().next().value!)
  }
  delete(key: string): void {
    this.#kept.delete(key)
  }
  clear(): void {
    this.#kept.clear()
  }
}
