// DBOS Transact on Postgres: a registered workflow, DBOS.runStep for each step, a pool of 20 connections.
import { DBOS } from "@dbos-inc/dbos-sdk"
import pg from "pg"
import { join, root, work } from "../../workloads.mjs"

export const open = async ({ postgres, body }) => {
  const flow = DBOS.registerWorkflow(
    async (id) => {
      let x = id % 1_000
      for (let i = 0; i < 5; i++) {
        const before = x
        x = await DBOS.runStep(() => body(id, i, before), { name: `s${i}` })
      }
      return x
    },
    { name: "flow" }
  )
  const fan = DBOS.registerWorkflow(
    async (n) => {
      const seed = await DBOS.runStep(root, { name: "root" })
      const settled = await Promise.allSettled(
        Array.from({ length: n }, (_, i) => DBOS.runStep(() => work(seed, i), { name: `w${i}` }))
      )
      const values = settled.map(({ value }) => value)
      return DBOS.runStep(() => join(values), { name: "join" })
    },
    { name: "fan" }
  )
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: postgres,
    systemDatabasePoolSize: 20,
    logLevel: "error",
    runAdminServer: false
  })
  await DBOS.launch()
  const start = (id) => DBOS.startWorkflow(flow, { workflowID: `f${id}` })(id)
  return {
    run: async (id) => (await start(id)).getResult(),
    submit: async (id) => void (await start(id)),
    fan: async (n, key) => (await DBOS.startWorkflow(fan, { workflowID: key })(n)).getResult(),
    resume: async (count) => {
      const client = new pg.Client(postgres)
      await client.connect()
      const done = "SELECT count(*)::int AS n FROM dbos.workflow_status WHERE status = 'SUCCESS'"
      while ((await client.query(done)).rows[0].n < count) await new Promise((resolve) => setTimeout(resolve, 200))
      await client.end()
      const all = await DBOS.listWorkflows({ workflowName: "flow", loadOutput: true, limit: count + 10 })
      return all.length === count ? all.reduce((sum, { output }) => (sum + output) % 1_000_003, 0) : -1
    },
    close: () => DBOS.shutdown()
  }
}
