/** A program that forgets to close: it submits a run, has its result, and ends because nothing is left to do. */
import { Orchestrator } from "../../../src/index.ts"
import { nobody, sampleOf, workflows } from "../workload.ts"
import type { Leave } from "./order.ts"

export const leave = async ({ store, run }: Leave): Promise<void> => {
  const flows = workflows(nobody)
  const { workflow, input } = sampleOf(run)
  const orchestrator = await Orchestrator.open({ store: `sqlite:${store}`, workflows: Object.values(flows) })
  await (await orchestrator.submit(flows[workflow]!, input, { id: run })).outcome()
}
