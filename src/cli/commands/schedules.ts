/** `troupe schedules`: the schedules of a store as they were written last, whoever has it. */
import * as Effect from "effect/Effect"
import { kinds, progressIn, type ScheduleOverview, scheduleIn, scheduleOverview } from "../../engine/schedule-record.ts"
import { noProgress } from "../../model/firing.ts"
import type { Command } from "../commands.ts"
import { bold, dim, duration, exitCodes, green, oneLine, tell, tellJson, yellow } from "../output.ts"
import { type FileStore, fileStoreOf, reading } from "../store.ts"

export const schedules: Command = async (given) => {
  const found = await read(fileStoreOf(given))
  if (given.has("json")) await tellJson({ schedules: found })
  else if (found.length === 0) tell("no schedules")
  else for (const one of found) show(one)
  return exitCodes.ok
}

const read = (store: FileStore): Promise<ReadonlyArray<ScheduleOverview>> =>
  reading(store, async (reader) => {
    const how = new Map(
      (await Effect.runPromise(reader.shared(kinds.progress))).map((one) => [one.name, progressIn(one)])
    )
    const records = await Effect.runPromise(reader.shared(kinds.schedule))
    return records.flatMap((one) => {
      const record = scheduleIn(one)
      if (record === undefined) return []
      return [scheduleOverview(record, how.get(record.name) ?? noProgress(record.at), Date.now())]
    })
  })

const show = (one: ScheduleOverview): void => {
  const { name, state, workflow, next, waiting, active, paused, counts } = one
  const facts = [
    whenOf(one),
    ...(next === null ? [] : [`next in ${duration(Math.max(0, next.getTime() - Date.now()))}`]),
    ...(active.length === 0 ? [] : [`${active.length} under way`]),
    ...(waiting.length === 0 ? [] : [`${waiting.length} waiting`]),
    ...(counts.passed === 0 ? [] : [`${counts.begun} begun, ${counts.passed} passed over`]),
    ...(paused?.who === undefined ? [] : [`by ${oneLine(paused.who)}`]),
    ...(paused?.why === undefined ? [] : [oneLine(paused.why)])
  ]
  tell(`${marks[state]} ${bold(oneLine(name))}  ${state}  ${oneLine(workflow)}  ${dim(facts.join(", "))}`)
}

const whenOf = ({ cron, zone, everyMs, at }: ScheduleOverview): string =>
  cron !== null
    ? `${oneLine(cron)} in ${zone}`
    : everyMs !== null
      ? `every ${duration(everyMs)}`
      : `once at ${at?.toISOString()}`

const marks: { readonly [state in ScheduleOverview["state"]]: string } = {
  active: green("✓"),
  paused: yellow("■"),
  ended: dim("✓")
}
