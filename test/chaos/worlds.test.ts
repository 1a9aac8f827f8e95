// Twenty thousand executions of workflows by chance; `npm run worlds -- --executions 5000000` makes as many as you like.
import { expect, test } from "vitest"
import { worlds } from "./worlds.ts"

// where a failure would stand in the way of others it is the same every time
const seed = Number(process.env["WORLDS_SEED"] ?? (process.env["CI"] === undefined ? Date.now() % 100_000 : 1))

test(`workflows of all kinds keep every promise in 20,000 worlds (seed ${seed})`, async () => {
  const { broken, executions, crashes, faults } = await worlds({ executions: 20_000, seed })

  expect(broken.map(({ text }) => text)).toEqual([])
  expect(executions).toBeGreaterThanOrEqual(20_000)
  expect(crashes).toBeGreaterThan(2_000)
  expect(faults).toBeGreaterThan(20_000)
}, 120_000)
