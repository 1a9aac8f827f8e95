// graphile-worker: a job per step that adds the next one under a key; 24 jobs at a time, from 100 in flight on with a local queue
// and batched completion, as its page on performance advises. Jobs of a killed worker stay locked for hours: they are unlocked.
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import pg from "pg"
import { join, root, work } from "../../workloads.mjs"
import { allOf, table } from "./shared/outcome.mjs"

export const open = async ({ postgres, body, inflight, phase }) => {
  const pool = new pg.Pool({ connectionString: postgres, max: 30 })
  pool.on("error", () => {})
  await pool.query(`${table};
    CREATE TABLE IF NOT EXISTS part (k text, i int, value int, PRIMARY KEY (k, i))`)
  const waiting = new Map()
  const fans = new Map()
  const utils = await makeWorkerUtils({ pgPool: pool, logger: new Logger(() => () => {}) })
  if (phase === "recover") {
    const { rows } = await pool.query(
      "SELECT DISTINCT locked_by FROM graphile_worker._private_jobs WHERE locked_by IS NOT NULL"
    )
    if (rows.length > 0) await utils.forceUnlockWorkers(rows.map(({ locked_by }) => locked_by))
  }
  const batching = inflight >= 100 ? { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } : {}
  const tasks = {
    step: async ({ id, i, x }, { addJob, query }) => {
      const value = await body(id, i, x)
      if (i < 4) {
        await addJob("step", { id, i: i + 1, x: value }, { jobKey: `f${id}s${i + 1}`, maxAttempts: 5 })
        return
      }
      await query("INSERT INTO outcome VALUES ($1, $2) ON CONFLICT DO NOTHING", [id, value])
      waiting.get(id)?.(value)
    },
    root: async ({ n, k }, { query }) => {
      const seed = await root()
      await query(
        `SELECT graphile_worker.add_jobs(array(SELECT row('work', json_build_object('seed', $1::int, 'i', g, 'k', $3::text),
          null, null, null, null, null, null)::graphile_worker.job_spec FROM generate_series(0, $2::int - 1) g))`,
        [seed, n, k]
      )
    },
    work: async ({ seed, i, k }, { query }) => {
      const value = await work(seed, i)
      await query("INSERT INTO part VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", [k, i, value])
      const fan = fans.get(k)
      if (--fan.left > 0) return
      const { rows } = await query("SELECT value FROM part WHERE k = $1", [k])
      fan.done(await join(rows.map((row) => row.value)))
    }
  }
  const runner = await run({
    pgPool: pool,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    preset: { worker: { concurrentJobs: 24, pollInterval: 1_000, ...batching } },
    concurrency: 24,
    pollInterval: 1_000,
    taskList: tasks
  })
  const add = (id) => runner.addJob("step", { id, i: 0, x: id % 1_000 }, { jobKey: `f${id}s0` })
  return {
    run: async (id) => {
      const ended = new Promise((resolve) => waiting.set(id, resolve))
      await add(id)
      const value = await ended
      waiting.delete(id)
      return value
    },
    submit: async (id) => void (await add(id)),
    fan: (n, k) =>
      new Promise((done) => {
        fans.set(k, { left: n, done })
        void runner.addJob("root", { n, k })
      }),
    resume: (count) => allOf(pool, count),
    close: () => runner.stop()
  }
}
