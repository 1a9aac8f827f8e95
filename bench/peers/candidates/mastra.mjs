// Mastra workflows, default engine: createStep with schemas, then, foreach (1,000 at a time), layers of parallel.
import { lanes } from "../../candidates/plain.mjs"
import { node, step, total } from "../../workloads.mjs"
import { fanOf, flow, make } from "../shared/mastra.mjs"

export const kind = "engine"
const start = async (app, inputData) => {
  const result = await (await app.createRun()).start({ inputData })
  if (result.status !== "success") throw new Error(`${result.status} ${result.error}`)
  return result
}
const line = (id, n) => {
  let app = flow(id)
  for (let i = 0; i < n; i++) app = app.then(make(`s${i}`, async ({ inputData }) => step(inputData, i)))
  return app.commit()
}

export const chain = async (n) => {
  const app = line("chain", n)
  return { run: async () => (await start(app, 1)).result }
}

export const fan = async (n) => {
  const app = fanOf("fan", n)
  return { run: async () => (await start(app, 0)).result }
}

export const dag = async ({ deps, layers, width }) => {
  const steps = deps.map((list, i) =>
    make(`n${i}`, async ({ getStepResult }) =>
      node(
        i,
        list.map((j) => getStepResult(`n${j}`))
      )
    )
  )
  let app = flow("dag")
  for (let layer = 0; layer < layers; layer++) app = app.parallel(steps.slice(layer * width, (layer + 1) * width))
  app = app.commit()
  return {
    run: async () => {
      const { steps: done } = await start(app, 0)
      return total(deps.map((_, i) => done[`n${i}`].output))
    }
  }
}

export const many = async (count, steps, width) => {
  const app = line("many", steps)
  return { run: () => lanes(count, width, async (id) => (await start(app, id % 1000)).result) }
}
