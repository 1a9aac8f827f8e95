/** Payments to a bank that is down now and then, through one breaker that all runs share. */
import { setTimeout as wait } from "node:timers/promises"
import {
  type BreakerOptions,
  type Inspect,
  type TaskContext,
  task,
  type,
  type Workflow,
  workflow
} from "../../src/index.ts"

export const bank = "bank"

/** Opens quickly and for short times, so that kills find it in every state. One call at a time may try it. */
export const policy: BreakerOptions = {
  failures: 2,
  reset: "20ms",
  cap: "90ms",
  successes: 3,
  trials: 1,
  trialWait: "1m"
}
export const trialsMost = 1

/** Of each so many milliseconds the bank is down so many. */
const dayMs = 160
const downMs = 90
const isDown = () => Date.now() % dayMs < downMs

export interface Payment {
  readonly value: number
  readonly ms: number
}

/** The codes with which a payment may end in vain. */
export const refusals: ReadonlySet<string> = new Set(["BANK_DOWN", "CIRCUIT_OPEN"])

interface Told {
  readonly called: (context: TaskContext, isGuarded: true) => void
  readonly done: (context: TaskContext) => void
  /** The bank has answered, whatever it said. */
  readonly over: (context: TaskContext) => void
}

export const paymentOf = ({ called, done, over }: Told, attempts: number): Workflow => {
  const charge = task("charge", {
    in: type<Payment>(),
    out: type<number>(),
    breaker: bank,
    retry: { attempts, base: "10ms", cap: "60ms" },
    run: async ({ value, ms }, context) => {
      called(context, true)
      try {
        await wait(ms, undefined, { signal: context.signal })
        if (isDown()) throw Object.assign(new Error("the bank does not answer"), { code: "BANK_DOWN" })
        done(context)
        return value + 1
      } finally {
        over(context)
      }
    }
  })
  return workflow("payment", type<Payment>())
    .task("charge", charge, ($) => $.input)
    .returns(($) => $.charge)
}

/** How the breaker stands, as its actor says it. */
export interface Standing {
  readonly state: string
  readonly retryAt: number | null
}

/** Tells of each change of the breaker as it happens. */
export const watching = (told: (standing: Standing) => void): Inspect => {
  let before = ""
  return (event) => {
    if (event.type !== "@xstate.snapshot" || (event.actorRef as { id?: string }).id !== `@breaker/${bank}`) return
    const { value, context } = event.snapshot as unknown as { value: string; context: { retryAt: number | null } }
    const now = `${value} ${context.retryAt}`
    if (now !== before) told({ state: value, retryAt: context.retryAt })
    before = now
  }
}
