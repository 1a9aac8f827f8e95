// Mastra workflows as both benches measure them, with Mastra's own defaults, and the fan-out, 1,000 at a time.
import { createStep, createWorkflow } from "@mastra/core/workflows"
import { z } from "zod"
import { join, root, work } from "../../workloads.mjs"

const any = z.any()

export const make = (id, execute) => createStep({ id, inputSchema: any, outputSchema: any, execute })
export const flow = (id) => createWorkflow({ id, inputSchema: any, outputSchema: any })

/** Items are known before the run: Mastra wants a workflow for each width. */
export const fanOf = (id, n) =>
  flow(id)
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
