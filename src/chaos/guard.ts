/** Chaos belongs into tests. Where a program says that it is in production, only an object that somebody made on purpose lets it run. */
import { ChaosMisused, ChaosRefused } from "./errors.ts"

const made = new WeakSet<object>()

/** The right to run chaos in production. */
export interface Capability {
  readonly reason: string
}

/** Makes the right to run chaos where NODE_ENV is `production`. No setting of the environment does. */
export const chaosCapability = ({ reason }: { readonly reason: string }): Capability => {
  if (typeof reason !== "string" || reason.trim() === "")
    throw new ChaosMisused({
      what: "option",
      why: "chaosCapability wants a reason: a text that says why chaos may run in production"
    })
  const capability = Object.freeze({ reason })
  made.add(capability)
  return capability
}

export const requireAllowed = (capability: Capability | undefined): void => {
  if (process.env["NODE_ENV"] !== "production") return
  if (capability === undefined || !made.has(capability)) throw new ChaosRefused()
}
