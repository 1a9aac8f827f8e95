import { expect, test } from "vitest"
import { RetryBudgets, retryBudgets } from "../../src/engine/retry-budget.ts"
import { Verdicts } from "../../src/engine/verdicts.ts"

test("J05 a failure that has to be written twice pays once", () => {
  const verdicts = new Verdicts(
    new RetryBudgets(retryBudgets({ a: { ratio: 0, minPerSecond: 0, burst: 2 } }), () => 0),
    () => {}
  )
  const work = { needs: ["a"], retry: { attempts: 9 }, kind: "needs" }
  const attempt = () => ({ attempt: 1, place: { task: { work } } }) as never
  const message = { type: "attempt.failed", attempt: 1, failure: { tag: "E", message: "", retryable: true } } as never
  const [one, two, three] = [attempt(), attempt(), attempt()]
  const say = (which: never) => (verdicts.on(which, message, new Map()) as { readonly refused?: string }).refused
  expect([say(one), say(one), say(one), say(two), say(three), say(three), say(one)]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    "budget",
    "budget",
    undefined
  ])
})
