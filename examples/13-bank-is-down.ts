// A bank is down: the breaker opens and spares it, also for a program that has just been restarted.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Orchestrator, task, type, workflow } from "troupe"

let calls = 0
let isUp = false
const charge = task("charge", {
  in: type<number>(),
  out: type<string>(),
  breaker: "bank",
  run: async (euros) => {
    calls++
    if (!isUp) throw Object.assign(new Error("the bank does not answer"), { code: "BANK_DOWN" })
    return `${euros} euros charged`
  }
})
const sale = workflow("sale", type<number>())
  .task("charge", charge, ($) => $.input, {
    retry: { attempts: 3, backoff: "fixed", base: "10ms", on: ["CIRCUIT_OPEN"] }
  })
  .returns(($) => $.charge)

const folder = mkdtempSync(join(tmpdir(), "troupe-example-"))
const open = () =>
  Orchestrator.open({
    store: `sqlite:${join(folder, "shop.db")}`,
    workflows: [sale],
    breakers: { bank: { failures: 3, reset: "1s" } }
  })
try {
  const before = await open()
  // three customers find out that it is down; the fourth is told at once, and waits until it is worth a try
  for (const euros of [10, 20, 30]) await before.execute(sale, euros).catch(({ message }) => console.log(message))
  const fourth = await before.submit(sale, 40)
  while ((await fourth.history()).length < 2) await sleep(5)
  console.log(`${calls} calls, and the breaker is ${before.breakers()[0]!.state}`)
  await before.close()

  const after = await open()
  console.log(`after a restart it is ${after.breakers()[0]!.state}`)
  isUp = true
  const run = await after.get<string>(fourth.id)
  console.log(await run.result())
  console.log(`${calls} calls in all, and the breaker is ${after.breakers()[0]!.state}`)
  await after.close()
} finally {
  rmSync(folder, { recursive: true })
}
