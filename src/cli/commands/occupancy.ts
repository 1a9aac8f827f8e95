/** `troupe bulkheads`, `troupe rates`: how full they are, as the process says that has the store and makes the calls. */
import type { Occupancy } from "../../engine/steering.ts"
import type { PlacesMetrics } from "../../model/places.ts"
import type { RateMetrics } from "../../model/turnstile.ts"
import { askOwner } from "../ask.ts"
import type { Command } from "../commands.ts"
import { bold, dim, exitCodes, green, oneLine, red, tell, tellJson, yellow } from "../output.ts"
import { fileStoreOf, reading } from "../store.ts"

const list =
  <M>(verb: Occupancy["verb"], show: (one: M) => void): Command =>
  async (given) => {
    const store = fileStoreOf(given)
    const { isAlive, pid } = await reading(store, async (reader) => reader.owner())
    const answer = isAlive ? await askOwner(store, { verb }) : undefined
    const owner = answer === undefined ? null : (pid ?? null)
    const found = (answer?.[verb] ?? []) as unknown as ReadonlyArray<M>
    if (given.has("json")) await tellJson({ [verb]: found, owner })
    else if (owner === null) tell(`no ${verb}: nobody has the store, so no calls are made`)
    else if (found.length === 0) tell(`no ${verb}`)
    else for (const one of found) show(one)
    return exitCodes.ok
  }

export const bulkheads = list<PlacesMetrics>("bulkheads", ({ name, running, queued, refused, concurrent, queue }) => {
  const mark = running < concurrent ? green("✓") : queued < queue ? yellow("■") : red("✗")
  tell(`${mark} ${bold(oneLine(name))}  ${running} of ${concurrent}  ${dim(`${queued} wait, ${refused} refused`)}`)
})

export const rates = list<RateMetrics>("rates", ({ name, passed, queued, refused }) => {
  const mark = queued === 0 ? green("✓") : yellow("■")
  tell(`${mark} ${bold(oneLine(name))}  ${passed} passed  ${dim(`${queued} wait, ${refused} refused`)}`)
})
