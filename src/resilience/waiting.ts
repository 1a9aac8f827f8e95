/** Calls that may have to wait: in line by key and priority, until they are let through, given up by their caller, or too late. */

export interface LineOptions {
  /** Whose turn it is: calls with the same key wait for each other, the others take turns with them. */
  readonly key?: string
  /** 0 (last) to 100 (first) among the calls of one key; default 50. */
  readonly priority?: number
  /** Gives up the wait, and is passed on to the function. */
  readonly signal?: AbortSignal
}

/** What the called function is given. */
export interface LetThrough {
  /** The signal of the caller; one that is never aborted when there is none. */
  readonly signal: AbortSignal
}

/** Time that can be watched over and slept on. The default never jumps, and keeps the process alive for those who wait. */
export interface Time {
  /** Milliseconds since any moment. */
  readonly now: () => number
  /** Calls `then` once, so many milliseconds later; what is returned ends that. */
  readonly later: (ms: number, then: () => void) => () => void
}

/** Longest that a timer of the platform can wait. */
const timerMost = 2_147_483_647

const timeOf = (keepsAlive: boolean): Time => ({
  now: () => performance.now(),
  later: (ms, then) => {
    let timer: ReturnType<typeof setTimeout>
    const sleep = (left: number) => {
      timer = setTimeout(
        () => (left > timerMost ? sleep(left - timerMost) : then()),
        Math.min(Math.ceil(left), timerMost)
      )
      if (!keepsAlive) timer.unref()
    }
    sleep(ms)
    return () => clearTimeout(timer)
  }
})

export const realTime: Time = timeOf(true)

/** The same, for what is not worth staying for: a process that has nothing else to do ends in the middle of a wait. */
export const backgroundTime: Time = timeOf(false)

const quiet: LetThrough = Object.freeze({ signal: new AbortController().signal })

/** Waits in a line. `ask` is told whom to call when the turn comes, and gives how to leave; it throws to refuse. */
export const inLine = (
  time: Time,
  waitMs: number,
  signal: AbortSignal | undefined,
  ask: (granted: () => void) => { readonly isGranted: boolean; readonly leave: () => void },
  tooLate: () => unknown
): Promise<{ readonly call: LetThrough; readonly leave: () => void }> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason
    let stop: (() => void) | undefined
    const done = () => {
      stop?.()
      signal?.removeEventListener("abort", givenUp)
    }
    const through = () => {
      done()
      resolve({ call: signal === undefined ? quiet : { signal }, leave: place.leave })
    }
    const givenUp = () => {
      done()
      place.leave()
      reject(signal!.reason)
    }
    const place = ask(through)
    if (place.isGranted) return through()
    signal?.addEventListener("abort", givenUp)
    stop = time.later(waitMs, () => {
      done()
      place.leave()
      reject(tooLate())
    })
  })
