/** Who wants to hear what happened is told one after the other; none of them can disturb a call, or keep another from hearing. */
export class Listeners<M> {
  readonly #all = new Set<(message: M) => unknown>()
  readonly #onError: ((error: unknown) => void) | undefined

  constructor(onError: ((error: unknown) => void) | undefined) {
    this.#onError = onError
  }

  get size(): number {
    return this.#all.size
  }

  /** What is returned ends that. */
  add(listener: (message: M) => unknown): () => void {
    this.#all.add(listener)
    return () => void this.#all.delete(listener)
  }

  tell(message: M): void {
    for (const listener of [...this.#all]) {
      try {
        const seen = listener(message)
        if (seen instanceof Promise) seen.catch((error) => report(this.#onError, error))
      } catch (error) {
        report(this.#onError, error)
      }
    }
  }
}

/** Tells whoever wants to know of errors that must disturb nobody. */
export const report = (onError: ((error: unknown) => void) | undefined, error: unknown): void => {
  try {
    onError?.(error)
  } catch {
    // there is nobody left to tell
  }
}

/** A question of the caller's own; one that throws is reported, and answered for. */
export const ask = <T>(onError: ((error: unknown) => void) | undefined, question: () => T, otherwise: T): T => {
  try {
    return question()
  } catch (error) {
    report(onError, error)
    return otherwise
  }
}
