/**
 * What is killed, and when: a story is one store, the moments at which its owners are killed, and how it ends. A new kind of work
 * that must survive a kill (a backup, a snapshot) is a story of its own, or another kill in one of these.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as wait } from "node:timers/promises"
import { StoreUnusable, sqliteJournal } from "../../src/storage/index.ts"
import { Accounts, type TripCounts } from "./accounts.ts"
import { type Dice, dice } from "./chance.ts"
import { Checker } from "./checker.ts"
import type { Children, Exit } from "./children.ts"
import { nextSteps } from "./duties/migrate.ts"
import type { Work } from "./duties/order.ts"
import { type Boot, type Line, readLog } from "./log.ts"
import { reader } from "./reader.ts"
import { copyStore, examine, type Scene } from "./scene.ts"
import { type PaymentCounts, Spared } from "./spared.ts"

/** When an owner is killed: this long after it began to open the store, or had opened it, at most. */
export interface Kill {
  readonly phase: string
  readonly withinMs: number
  readonly isOpen?: boolean
}

/** What stories have to hand. */
export interface Stage {
  readonly children: Children
  /** A folder of the story's own. */
  readonly folder: string
  readonly seed: string
  /** A store with this many runs that wait, made once. */
  readonly waiting: string
  readonly told: Told
}

/** Hears of each kill and of each broken promise. */
export interface Told {
  readonly killed: (phase: string) => void
  readonly broken: (promise: string, what: string) => void
  readonly opened: (boot: Boot) => void
  /** What a story counts that the others do not. */
  readonly counted: (counts: Partial<TripCounts & PaymentCounts>) => void
}

export interface Story {
  readonly name: string
  /** How often it is told, beside the others. */
  readonly weight: number
  /** Kills that it takes, at most. */
  readonly kills: (chance: Dice, most: number) => ReadonlyArray<Kill>
  readonly tell: (stage: Stage, kills: ReadonlyArray<Kill>) => Promise<Checker | undefined>
}

const times = <T>(count: number, make: (i: number) => T): ReadonlyArray<T> =>
  Array.from({ length: count }, (_, i) => make(i))

/** A store from its first boot on, under load. */
const life: Story = {
  name: "life",
  weight: 10,
  kills: ({ whole, next }, most) =>
    [
      ...times(whole(1, 2), () => ({ phase: "first boot", withinMs: next() < 0.5 ? 30 : 80 })),
      ...times(whole(6, 10), () => (next() < 0.2 ? { phase: "boot", withinMs: 15 } : { phase: "load", withinMs: 140 }))
    ].slice(0, most),
  tell: (stage, kills) => live(stage, kills, { mode: "load", runs: 60 })
}

/** A store with one task under way at a time: each kill can hit one effect that was had and not yet written. */
const single: Story = {
  name: "single",
  weight: 3,
  kills: ({ whole }, most) => times(Math.min(most, whole(6, 10)), () => ({ phase: "one at a time", withinMs: 140 })),
  tell: (stage, kills) => live(stage, kills, { mode: "single", runs: 1_000 })
}

/** A store with many runs that wait, taken over again and again. */
const takeover: Story = {
  name: "takeover",
  weight: 1,
  kills: ({ whole }, most) => times(Math.min(most, whole(4, 8)), () => ({ phase: "takeover", withinMs: 250 })),
  tell: (stage, kills) => {
    mkdirSync(join(stage.folder, "store"))
    copyStore(stage.waiting, join(stage.folder, "store", "store.db"))
    return live(stage, kills, { mode: "load", runs: 10 }, 1)
  }
}

/** A store on its way to the next format. */
const migration: Story = {
  name: "migration",
  weight: 1,
  kills: ({ whole }, most) => times(Math.min(most, whole(4, 8)), () => ({ phase: "migration", withinMs: 8 })),
  tell: async ({ children, folder, waiting, seed, told }, kills) => {
    const { whole } = dice(seed)
    const store = join(folder, "store.db")
    const before = contentOf(waiting, join(folder, "before.db"))
    for (const [nth, { phase, withinMs }] of [...kills, { phase: "", withinMs: 0 }].entries()) {
      const isLast = nth === kills.length
      copyStore(waiting, store)
      const child = children.start({ duty: "migrate", store, stays: !isLast })
      if (!isLast) {
        await child.started
        await wait(whole(0, withinMs))
        child.signal("SIGKILL")
      }
      ended(await child.exit, !isLast, told)
      const after = contentOf(store, join(folder, "after.db"))
      const isNew = after.version === nextSteps.length
      if (!isLast) told.killed(`${phase}, ${isNew ? "new" : "old"} afterwards`)
      if (isLast && !isNew) told.broken("G30", "the store was not taken to the next format")
      if (!isNew && after.version !== before.version) told.broken("G30", `the store is of format ${after.version}`)
      if (after.text !== before.text || after.isNew !== isNew)
        told.broken("G30", "a store that was killed on its way to the next format is neither old nor new")
      if (isNew) await refused(store, told)
    }
    return undefined
  }
}

/** Trips that have no seats, or are cancelled: killed while what was booked is taken back. */
const trips: Story = {
  name: "trips",
  weight: 2,
  kills: ({ whole }, most) =>
    times(Math.min(most, whole(6, 10)), () => ({ phase: "going back", withinMs: 140, isOpen: true })),
  tell: async (stage, kills) => {
    const agency = join(stage.folder, "agency.db")
    const accounts = new Accounts(agency)
    const checker = await live(stage, kills, { mode: "trips", runs: 60, agency }, 0, (scene, isLast) => {
      const back = accounts.look(scene)
      if (isLast) accounts.finish(scene)
      return back > 0 ? "going back, under way" : "going back, nothing under way"
    })
    stage.told.counted(accounts.counts)
    for (const { promise, what } of accounts.violations) stage.told.broken(promise, what)
    return checker
  }
}

/** Payments to a bank that is down now and then: killed while the breaker that they share is open, or tries. */
const payments: Story = {
  name: "payments",
  weight: 2,
  kills: ({ whole }, most) =>
    times(Math.min(most, whole(6, 10)), () => ({ phase: "breaker", withinMs: 200, isOpen: true })),
  tell: async (stage, kills) => {
    const spared = new Spared()
    const checker = await live(
      stage,
      kills,
      { mode: "payments", runs: 400, guarded: true },
      0,
      (scene, isLast, lines) => {
        const state = spared.look(scene, lines)
        if (isLast) spared.finish()
        return `breaker ${state}`
      }
    )
    stage.told.counted(spared.counts)
    for (const { promise, what } of spared.violations) stage.told.broken(promise, what)
    return checker
  }
}

export const stories: ReadonlyArray<Story> = [life, single, takeover, migration, trips, payments]

/** Looks at what the life of a story has left behind, and says what was killed. */
type Audit = (scene: Scene, isLast: boolean, lines: ReadonlyArray<Line>) => string

/** Lives of one store: each is killed and looked at, the last one brings everything to its end. */
const live = async (
  { children, folder, seed, told }: Stage,
  kills: ReadonlyArray<Kill>,
  load: Pick<Work, "mode" | "runs" | "agency" | "guarded">,
  earlier = 0,
  audit?: Audit
): Promise<Checker> => {
  const { whole } = dice(seed)
  const checker = new Checker(earlier)
  const store = join(folder, "store", "store.db")
  const log = join(folder, "log")
  for (const each of [log, join(folder, "store")]) mkdirSync(each, { recursive: true })
  const read = { acks: 0, deeds: 0 }
  if (earlier > 0) await examine(store, (scene) => checker.look(scene, [], { life: 0, wasKilled: true, wasOpen: true }))
  for (const [nth, kill] of [...kills, undefined].entries()) {
    const life = nth + 1 + earlier
    const isLast = kill === undefined
    const duty: Work = {
      duty: "work",
      store,
      log,
      life,
      seed: `${seed}.${life}`,
      ...load,
      mode: isLast ? "finish" : load.mode
    }
    const child = children.start(duty)
    if (kill !== undefined) {
      await child.started
      if (kill.isOpen === true) await reader(log).until((line) => line.is === "opened" && line.life === life, child)
      await wait(whole(0, kill.withinMs))
      child.signal("SIGKILL")
    }
    const late = isLast ? setTimeout(() => child.signal("SIGKILL"), patienceMs) : undefined
    ended(await child.exit, !isLast, told)
    clearTimeout(late)
    const lines = readLog(log, read)
    for (const line of lines) if (line.is === "opened") told.opened(line)
    await examine(store, (scene) => {
      const phase = audit?.(scene, isLast, lines) ?? kill?.phase
      if (kill !== undefined) told.killed(kill.phase === "first boot" ? `first boot, ${leftOf(scene)}` : phase!)
      checker.look(scene, lines, { life, wasKilled: !isLast, wasOpen: lines.some(isOpened) })
      if (isLast) checker.finish(scene)
      if (isLast && load.mode === "single") checker.oneRepeatedPerKill()
    })
  }
  for (const { promise, what } of checker.violations) told.broken(promise, what)
  return checker
}
/** How far a first boot came. */
const leftOf = ({ store, files }: Scene) =>
  store === undefined ? (files.length === 0 ? "nothing afterwards" : "a draft afterwards") : "a store afterwards"
const isOpened = ({ is }: Line) => is === "opened"

/** How long the last life may take to end everything. */
const patienceMs = 30_000

/** A process that was killed has ended by that and by nothing else; the others have ended by themselves, in order. */
export const ended = ({ code, signal, stderr }: Exit, wasKilled: boolean, { broken }: Pick<Told, "broken">): void => {
  if (stderr !== "") broken("process", `it said: ${stderr.slice(0, 2_000)}`)
  if (wasKilled ? signal !== "SIGKILL" : code !== 0)
    broken("process", `it ended with ${signal ?? code}, ${wasKilled ? "before it was killed" : "instead of in order"}`)
}

/** What a store says, read in a copy: the same text in either format. */
const contentOf = (store: string, copy: string): { version: number; text: string; isNew: boolean } => {
  copyStore(store, copy)
  const database = new DatabaseSync(copy)
  try {
    const value = (sql: string) => Object.values(database.prepare(sql).get()!)[0]
    const text = [
      value("PRAGMA integrity_check"),
      value(
        "SELECT group_concat(run || ' ' || seq || ' ' || epoch || ' ' || chain || ' ' || body) FROM (SELECT * FROM troupe_messages ORDER BY run, seq)"
      ),
      value(
        "SELECT group_concat(id || ' ' || name || ' ' || status || ' ' || length) FROM (SELECT * FROM troupe_runs ORDER BY id)"
      )
    ]
    const isNew = value("SELECT count(*) FROM sqlite_schema WHERE name = 'kills_marks'") === 1
    const isWhole =
      isNew === (value("SELECT count(*) FROM pragma_table_info('troupe_messages') WHERE name = 'size'") === 1)
    return { version: Number(value("PRAGMA user_version")), text: isWhole ? text.join("\n") : "half", isNew }
  } finally {
    database.close()
  }
}

/** A program of the format before leaves a newer store alone. */
const refused = async (store: string, { broken }: Told): Promise<void> => {
  const answer = await sqliteJournal({ path: store }).then(
    () => "was opened",
    (error) => (error instanceof StoreUnusable ? error.reason : String(error))
  )
  if (answer !== "newer") broken("G30", `a newer store ${answer}`)
}
