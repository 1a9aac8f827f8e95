/**
 * What is decided about a failure before it is written: whether the task's own `when` wants another attempt, and whether there may
 * be one more retry of its kind. Both stand in the message then; whoever folds it again asks neither.
 */
import type { CompiledWork } from "../model/compile.ts"
import { InvalidOption } from "../model/errors.ts"
import type { AttemptFailed, Message } from "../model/messages.ts"
import { isRetried } from "../model/retrying.ts"
import type { TaskDef } from "../model/task.ts"
import type { Code } from "../model/workflow.ts"
import type { Attempt } from "./attempts.ts"
import type { RetryBudgets } from "./retry-budget.ts"

export class Verdicts {
  readonly #budgets: RetryBudgets
  readonly #onDefect: (error: unknown) => void
  /** A message may be made more than once, where its transaction has to be written again. */
  readonly #said = new WeakMap<Attempt, Pick<AttemptFailed, "refused">>()

  constructor(budgets: RetryBudgets, onDefect: (error: unknown) => void) {
    this.#budgets = budgets
    this.#onDefect = onDefect
  }

  /** An attempt begins. */
  began({ place, attempt }: Pick<Attempt, "place" | "attempt">): void {
    if (!this.#budgets.isEmpty && attempt === 1) this.#budgets.earn(namesOf(place.task!.work!))
  }

  /** The end of an attempt, with what is decided about it. */
  on(attempt: Attempt, message: Message, code: Code): Message {
    if (message.type !== "attempt.failed" || !message.failure.retryable) return message
    const { work } = attempt.place.task!
    const asked = this.#asked(message, work!, code)
    if (this.#budgets.isEmpty || !isRetried(work!.retry, attempt.attempt, asked.failure)) return asked
    let said = this.#said.get(attempt)
    if (said === undefined) {
      said = this.#budgets.spend(namesOf(work!)) ? {} : { refused: "budget" }
      this.#said.set(attempt, said)
    }
    return said.refused === undefined ? asked : { ...asked, ...said }
  }

  #asked(message: AttemptFailed, { kind, code: name }: CompiledWork, code: Code): AttemptFailed {
    const def = kind === "task" ? (code.get(name!) as TaskDef | undefined) : undefined
    const when = def?.options.retry?.when
    if (when === undefined) return message
    try {
      const isWorthIt: unknown = when(message.failure)
      if (isWorthIt === true) return message
      if (isWorthIt === false) return { ...message, failure: { ...message.failure, retryable: false } }
      throw new InvalidOption({
        option: `what retry.when of task '${def!.name}' says`,
        value: isWorthIt,
        allowed: "true or false, at once"
      })
    } catch (error) {
      // what it would have said is not known: the failure speaks for itself
      this.#onDefect(error)
      return message
    }
  }
}

/** Whose retries count together. */
const namesOf = ({ needs, code, kind }: CompiledWork): ReadonlyArray<string> =>
  needs.length > 0 ? needs : [code ?? kind]
