/** Outside systems that tell the run something at their own time, and again until it is acknowledged. */
import { signal } from "../engine/gates.ts"
import type { LiveRun } from "../engine/run.ts"
import type { Json } from "../model/json.ts"
import type { Running } from "./execution.ts"

/** What is told, and how long after the program has begun. */
export interface Telling {
  readonly name: string
  readonly value: Json
  readonly ms: number
}

/** How long whoever tells something waits before it is told again, in milliseconds, and how often. */
const againMs = 50
const triesMost = 1_000

export const send = (world: Running, telling: Telling, tries = 0): void => {
  const { life, kernel } = world
  if (world.outcome !== undefined || tries > triesMost) return
  const again = () => kernel.after(againMs, undefined, () => send(world, telling, tries + 1))
  const { engine } = life
  if (engine === undefined || life.isDead || life.isFrozen || !world.isAcked) return void again()
  let state: "asked" | "heard" | "refused" = "asked"
  const present = () => new Promise<LiveRun>((resolve) => world.withRun(life, resolve))
  const asked = signal(engine, present, telling.name, telling.value, { who: "chaos" }).catch((error: unknown) => {
    state = "refused"
    throw error
  })
  world.asking(life, `signal ${telling.name}`, asked, () => {
    state = "heard"
  })
  const look = (): void => {
    if (state === "heard") return
    // whoever was asked is gone, or could not: nobody knows whether it was heard
    if (state === "refused" || life.isDead) send(world, telling, tries + 1)
    else kernel.after(againMs, undefined, look)
  }
  kernel.after(againMs, undefined, look)
}
