// Mastra workflows with @mastra/libsql on a file: a snapshot of the run is saved as steps complete. libSQL does not sync per
// step: safe from a killed process, not from a power cut.
import { join as path } from "node:path"
import { Mastra } from "@mastra/core"
import { LibSQLStore } from "@mastra/libsql"
import { fanOf, flow, make } from "../shared/mastra.mjs"

const widths = [50, 200, 1_000]
const valueOf = ({ status, error, result }) => {
  if (status !== "success") throw new Error(`${status} ${error?.message ?? ""}`)
  return result.x ?? result
}

export const open = async ({ dir, body }) => {
  let line = flow("flow")
  for (let i = 0; i < 5; i++)
    line = line.then(make(`s${i}`, async ({ inputData: { id, x } }) => ({ id, x: await body(id, i, x) })))
  const workflows = { flow: line.commit(), ...Object.fromEntries(widths.map((n) => [`fan${n}`, fanOf(`fan${n}`, n)])) }
  const storage = new LibSQLStore({ id: "store", url: `file:${path(dir, "mastra.db")}` })
  const mastra = new Mastra({ workflows, storage, logger: false })
  await mastra.getStorage()?.init?.()
  const steps = mastra.getWorkflow("flow")
  const run = (id) => steps.createRun({ runId: `${id}` })
  const go = async (id) => valueOf(await (await run(id)).start({ inputData: { id, x: id % 1_000 } }))
  return {
    run: go,
    submit: async (id) => void go(id).catch(() => {}),
    fan: async (n, key) =>
      valueOf(await (await mastra.getWorkflow(`fan${n}`).createRun({ runId: key })).start({ inputData: n })),
    resume: async (count) => {
      let next = 0
      let sum = 0
      const lane = async () => {
        while (next < count) {
          const value = valueOf(await (await run(next++)).restart())
          sum = (sum + value) % 1_000_003
        }
      }
      await Promise.all(Array.from({ length: 50 }, lane))
      return sum
    }
  }
}
