/** Answers that may still be on their way, and the place where they may not: a transaction waits for nobody. */
import * as Effect from "effect/Effect"
import { TransactionMisused } from "../model/errors.ts"

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"

/** The value, which must be there already; throws `TransactionMisused` for a promise or an Effect. */
export const atOnce = (value: unknown): unknown => {
  if (!isThenable(value) && !Effect.isEffect(value)) return value
  // nobody hears how it ends
  if (isThenable(value)) value.then(ignore, ignore)
  throw new TransactionMisused({ how: "async" })
}
const ignore = () => {}
