// pg-boss: a queue per step whose handler inserts the next step's jobs in batches of 500, under ids derived from workflow and
// step so that a repeat is ignored. It polls every half second, its minimum; heartbeat of 10 s, its minimum, so that the jobs of
// a killed worker come back (without it: 15 minutes).
import pg from "pg"
import { PgBoss } from "pg-boss"
import { join, root, work } from "../../workloads.mjs"
import { allOf, table } from "./shared/outcome.mjs"

const uuid = (id, step) =>
  `${(step + 1).toString(16).padStart(8, "0")}-0000-4000-8000-${id.toString(16).padStart(12, "0")}`

export const open = async ({ postgres, body, count, inflight }) => {
  const boss = new PgBoss({
    connectionString: postgres,
    max: 20,
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
    maintenanceIntervalSeconds: 60,
    schedule: false
  })
  boss.on("error", () => {})
  await boss.start()
  const pool = new pg.Pool({ connectionString: postgres, max: 4 })
  await pool.query(table)
  const waiting = new Map()
  const fans = new Map()
  const pollingIntervalSeconds = 0.5
  const localConcurrency = Math.min(20, Math.ceil(Math.max(inflight, count ?? 0) / 500))
  for (let i = 0; i < 5; i++) {
    await boss.createQueue(`s${i}`, { retryLimit: 5, retryDelay: 0, heartbeatSeconds: 10 })
    await boss.work(`s${i}`, { batchSize: 500, pollingIntervalSeconds, localConcurrency }, async (jobs) => {
      const done = await Promise.all(jobs.map(async ({ data }) => ({ id: data.id, x: await body(data.id, i, data.x) })))
      if (i < 4) {
        await boss.insert(
          `s${i + 1}`,
          done.map((data) => ({ id: uuid(data.id, i + 1), data }))
        )
        return
      }
      await pool.query("INSERT INTO outcome SELECT * FROM unnest($1::int[], $2::int[]) ON CONFLICT DO NOTHING", [
        done.map(({ id }) => id),
        done.map(({ x }) => x)
      ])
      for (const { id, x } of done) waiting.get(id)?.(x)
    })
  }
  for (const name of ["root", "work"]) await boss.createQueue(name)
  await boss.work("root", { pollingIntervalSeconds }, async ([{ data }]) => {
    const seed = await root()
    await boss.insert(
      "work",
      Array.from({ length: data.n }, (_, i) => ({ data: { seed, i, key: data.key } }))
    )
  })
  await boss.work("work", { batchSize: 1_000, pollingIntervalSeconds }, async (jobs) => {
    const values = await Promise.all(jobs.map(({ data }) => work(data.seed, data.i)))
    const fan = fans.get(jobs[0].data.key)
    fan.values.push(...values)
    if (fan.values.length === fan.n) fan.done(await join(fan.values))
  })
  const add = (id) => boss.send("s0", { id, x: id % 1_000 }, { id: uuid(id, 0) })
  return {
    run: async (id) => {
      const ended = new Promise((resolve) => waiting.set(id, resolve))
      await add(id)
      return ended
    },
    submit: async (id) => void (await add(id)),
    fan: (n, key) =>
      new Promise((done) => {
        fans.set(key, { n, done, values: [] })
        void boss.send("root", { n, key })
      }),
    resume: (all) => allOf(pool, all),
    close: () => boss.stop({ graceful: false })
  }
}
