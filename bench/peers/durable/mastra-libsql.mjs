// Mastra workflows with @mastra/libsql on a file: a snapshot of the run is saved as steps complete. libSQL does not sync per
// step: safe from a killed process, not from a power cut.
import { join as path } from "node:path"
import { Mastra } from "@mastra/core"
import { createStep, createWorkflow } from "@mastra/core/workflows"
import { LibSQLStore } from "@mastra/libsql"
import { z } from "zod"
import { join, root, work } from "../../workloads.mjs"

const any = z.any()
const make = (id, execute) => createStep({ id, inputSchema: any, outputSchema: any, execute })
const named = (id) => createWorkflow({ id, inputSchema: any, outputSchema: any })
/** Items are known before the run: Mastra wants a workflow for each width. */
const widths = [50, 200, 1_000]
const fanOf = (n) =>
  named(`fan${n}`)
    .then(
      make("root", async () => {
        const seed = await root()
        return Array.from({ length: n }, (_, i) => [seed, i])
      })
    )
    .foreach(
      make("work", async ({ inputData: [seed, i] }) => work(seed, i)),
      { concurrency: 1_000 }
    )
    .then(make("join", async ({ inputData }) => join(inputData)))
    .commit()
const valueOf = ({ status, error, result }) => {
  if (status !== "success") throw new Error(`${status} ${error?.message ?? ""}`)
  return result.x ?? result
}

export const open = async ({ dir, body }) => {
  let line = named("flow")
  for (let i = 0; i < 5; i++)
    line = line.then(make(`s${i}`, async ({ inputData: { id, x } }) => ({ id, x: await body(id, i, x) })))
  const workflows = { flow: line.commit(), ...Object.fromEntries(widths.map((n) => [`fan${n}`, fanOf(n)])) }
  const storage = new LibSQLStore({ id: "store", url: `file:${path(dir, "mastra.db")}` })
  const mastra = new Mastra({ workflows, storage, logger: false })
  await mastra.getStorage()?.init?.()
  const flow = mastra.getWorkflow("flow")
  const run = (id) => flow.createRun({ runId: `${id}` })
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
