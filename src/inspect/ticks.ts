/** Waits for something to have changed: looks every so often, and not at all while nobody waits. */

export class Ticks {
  readonly #version: () => unknown
  readonly #everyMs: number
  #waiting: Array<{ readonly since: unknown; readonly tell: (isOpen: boolean) => void }> = []
  #timer: NodeJS.Timeout | undefined = undefined
  #isClosed = false

  /** `version` gives something else whenever there may be more. */
  constructor(version: () => unknown, everyMs: number) {
    this.#version = version
    this.#everyMs = everyMs
  }

  /** Resolves once there may be more than at the version given; with false when there never will be, or nobody waits any more. */
  next(since: unknown, signal?: AbortSignal): Promise<boolean> {
    if (this.#isClosed || signal?.aborted === true) return Promise.resolve(false)
    return new Promise((resolve) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiter)
        resolve(false)
      }
      const tell = (isOpen: boolean) => {
        signal?.removeEventListener("abort", leave)
        resolve(isOpen)
      }
      const waiter = { since, tell }
      signal?.addEventListener("abort", leave, { once: true })
      this.#waiting.push(waiter)
      this.#arm()
    })
  }

  /** The version now. */
  now(): unknown {
    try {
      return this.#version()
    } catch {
      // what cannot be looked at now is looked at again later
      return undefined
    }
  }

  /** Looking keeps no process alive. */
  #arm(): void {
    this.#timer ??= setTimeout(this.#look, this.#everyMs).unref()
  }

  readonly #look = (): void => {
    const now = this.now()
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ since }) => since === now)
    this.#timer = undefined
    if (this.#waiting.length > 0 && !this.#isClosed) this.#arm()
    for (const { since, tell } of waiting) if (since !== now) tell(true)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const waiting = this.#waiting
    this.#waiting = []
    for (const { tell } of waiting) tell(false)
  }
}

/** Waits for the next change each time that it is called; the first call is about what came since this was made. */
export const changesIn = (ticks: Ticks, signal?: AbortSignal): (() => Promise<boolean>) => {
  let since = ticks.now()
  return async () => {
    const isOpen = await ticks.next(since, signal)
    since = ticks.now()
    return isOpen
  }
}
