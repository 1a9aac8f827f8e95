/**
 * Time, chance and the network as task code sees them. Inside a simulated body they are the world's; everybody else in the
 * process, the test runner among them, keeps the real ones.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { createRequire, syncBuiltinESMExports } from "node:module"
import type { Event, Life } from "./kernel.ts"

/** A body that is being called, and what it waits for. */
export interface Scope {
  readonly life: Life
  readonly name: string
  /** Virtual waits that it has open. */
  pending: number
  isOver: boolean
  readonly chance: () => number
  readonly fetch: (input: unknown, init: unknown) => Promise<unknown>
  /** The body ends the process. */
  readonly exit: (code: unknown) => never
}

const scopes = new AsyncLocalStorage<Scope>()

/** Calls code inside a scope. */
export const within = <T>(scope: Scope, code: () => T): T => scopes.run(scope, code)

interface Timer {
  event: Event
  readonly scope: Scope
  [Symbol.toPrimitive](): number
  ref(): Timer
  unref(): Timer
  hasRef(): boolean
  refresh(): Timer
  [Symbol.dispose](): void
}

const start = (scope: Scope, ms: number, fire: () => void): Timer => {
  const { kernel } = scope.life
  const due = () => {
    scope.pending--
    kernel.stir()
    scopes.run(scope, fire)
  }
  scope.pending++
  const timer: Timer = {
    event: kernel.after(Math.max(1, Number(ms) || 1), scope.life, due),
    scope,
    [Symbol.toPrimitive]: () => 1,
    ref: () => timer,
    unref: () => timer,
    hasRef: () => true,
    refresh: () => timer,
    [Symbol.dispose]: () => stop(timer)
  }
  return timer
}

const stop = (timer: Timer): void => {
  if (timer.event.run === undefined) return
  timer.event.run = undefined
  timer.scope.pending--
}

const isOurs = (timer: unknown): timer is Timer =>
  typeof timer === "object" && timer !== null && "event" in timer && "scope" in timer

const every = (scope: Scope, ms: number, fire: () => void): Timer => {
  const timer = start(scope, ms, function again() {
    timer.event = start(scope, ms, again).event
    fire()
  })
  return timer
}

/** A promise that a virtual timer resolves, as `node:timers/promises` gives it. */
const sleep = (scope: Scope, ms: number, value: unknown, signal: AbortSignal | undefined): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const aborted = () => {
      stop(timer)
      scope.life.kernel.stir()
      reject(new DOMException("The operation was aborted", { name: "AbortError", cause: signal?.reason }))
    }
    const timer = start(scope, ms, () => {
      signal?.removeEventListener("abort", aborted)
      resolve(value)
    })
    if (signal?.aborted === true) aborted()
    else signal?.addEventListener("abort", aborted, { once: true })
  })

const uuid = (chance: () => number): string => {
  const hex = Array.from({ length: 32 }, () => Math.floor(chance() * 16).toString(16))
  hex[12] = "4"
  hex[16] = "89ab"[Math.floor(chance() * 4)]!
  const text = hex.join("")
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`
}

const fill = <T extends ArrayBufferView>(chance: () => number, array: T): T => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(chance() * 256)
  return array
}

type Anything = (...args: ReadonlyArray<any>) => any

/** Puts `ours` in place of a function for those who are inside a scope. */
const replace = (holder: any, name: string, ours: (scope: Scope, real: Anything) => Anything): void => {
  const real = holder[name] as Anything
  const routed = function (this: unknown, ...args: ReadonlyArray<unknown>) {
    const scope = scopes.getStore()
    return scope === undefined ? Reflect.apply(real, this, args) : ours(scope, real)(...args)
  }
  Object.defineProperties(routed, Object.getOwnPropertyDescriptors(real))
  holder[name] = routed
}

const realDate = Date

let isDone = false

/** Puts the replacements in place, once for the life of the process. */
export const replaceGlobals = (): void => {
  if (isDone) return
  isDone = true
  const require = createRequire(import.meta.url)
  const timers = require("node:timers") as typeof import("node:timers")
  const promises = require("node:timers/promises") as typeof import("node:timers/promises")
  const crypto = require("node:crypto") as typeof import("node:crypto")
  for (const holder of [globalThis, timers]) {
    replace(
      holder,
      "setTimeout",
      (scope) =>
        (fire, ms, ...args) =>
          start(scope, ms, () => fire(...args))
    )
    replace(
      holder,
      "setInterval",
      (scope) =>
        (fire, ms, ...args) =>
          every(scope, ms, () => fire(...args))
    )
    replace(
      holder,
      "setImmediate",
      (scope) =>
        (fire, ...args) =>
          start(scope, 0, () => fire(...args))
    )
    for (const name of ["clearTimeout", "clearInterval", "clearImmediate"])
      replace(holder, name, (_, real) => (timer) => (isOurs(timer) ? stop(timer) : real(timer)))
  }
  replace(promises, "setTimeout", (scope) => (ms, value, options) => sleep(scope, ms, value, options?.signal))
  replace(promises, "setImmediate", (scope) => (value, options) => sleep(scope, 0, value, options?.signal))
  replace(promises.scheduler, "wait", (scope) => (ms, options) => sleep(scope, ms, undefined, options?.signal))
  replace(Math, "random", (scope) => () => scope.chance())
  replace(performance, "now", (scope) => () => scope.life.now - scope.life.kernel.start)
  replace(globalThis.crypto, "randomUUID", (scope) => () => uuid(scope.chance))
  replace(globalThis.crypto, "getRandomValues", (scope) => (array) => fill(scope.chance, array))
  replace(crypto, "randomUUID", (scope) => () => uuid(scope.chance))
  replace(
    crypto,
    "randomBytes",
    (scope, real) => (size, heard) =>
      typeof heard === "function" ? real(size, heard) : fill(scope.chance, Buffer.alloc(size))
  )
  replace(crypto, "randomInt", (scope, real) => (a, b, heard) => {
    if (typeof a === "function" || typeof b === "function" || heard !== undefined) return real(a, b, heard)
    const [least, most] = b === undefined ? [0, a] : [a, b]
    return least + Math.floor(scope.chance() * (most - least))
  })
  replace(globalThis, "fetch", (scope) => (input, init) => scope.fetch(input, init))
  replace(process, "exit", (scope) => (code) => scope.exit(code))
  replace(AbortSignal, "timeout", (scope) => (ms) => {
    const controller = new AbortController()
    start(scope, ms, () => controller.abort(new DOMException("The operation timed out", "TimeoutError")))
    return controller.signal
  })
  globalThis.Date = new Proxy(realDate, {
    construct: (target, args, newTarget) => {
      const scope = scopes.getStore()
      return Reflect.construct(target, args.length === 0 && scope !== undefined ? [scope.life.now] : args, newTarget)
    },
    apply: (target) => {
      const scope = scopes.getStore()
      return scope === undefined ? target() : new target(scope.life.now).toString()
    },
    get: (target, key, receiver) => {
      if (key !== "now") return Reflect.get(target, key, receiver)
      const scope = scopes.getStore()
      return scope === undefined ? target.now : () => scope.life.now
    }
  })
  // programs that import these by name get the replacements too
  syncBuiltinESMExports()
}
