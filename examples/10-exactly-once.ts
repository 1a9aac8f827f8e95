// Exactly once: rows of the application commit together with the result of a task, and together with the start of a run.
// The process is not killed here, but nothing would change: whatever is written is written whole.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Orchestrator, task, type, workflow } from "troupe"

let tries = 0
const charge = task("charge", {
  in: type<{ order: number; cents: number }>(),
  out: type<{ balance: number }>(),
  retry: { attempts: 3, base: "5ms", jitter: 0 },
  // what tx gives is returned: the row and the balance are one with the result
  run: ({ order, cents }, { tx, key }) =>
    tx((db) => {
      db.run("INSERT INTO ledger (key, item, cents) VALUES (?, ?, ?)", key, order, -cents)
      if (++tries === 1) throw new RangeError("the first try fails after it has written")
      const { balance } = db.get<{ balance: number }>("SELECT sum(cents) AS balance FROM ledger")!
      return { balance }
    })
})
// asking for the same rate again within the hour is not asking at all
let asked = 0
const rate = task("rate", {
  in: type<string>(),
  out: type<number>(),
  cache: { ttl: "1h" },
  run: async () => {
    asked++
    return 2
  }
})
const sale = workflow("sale", type<{ order: number; euros: number }>())
  .task("rate", rate, () => "EUR")
  .derive(
    "price",
    ($) => ({ euros: $.input.euros, rate: $.rate }),
    ({ euros, rate }) => euros * rate
  )
  .task("charge", charge, ($) => ({ order: $.input.order, cents: $.price }))
  .returns(($) => $.charge.balance)

const folder = mkdtempSync(join(tmpdir(), "troupe-example-"))
const orchestrator = await Orchestrator.open({ store: `sqlite:${join(folder, "shop.db")}` })
try {
  await orchestrator.transaction((tx) => {
    tx.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, euros INTEGER)")
    tx.exec("CREATE TABLE ledger (key TEXT, item INTEGER, cents INTEGER)")
  })
  const place = (euros: number) =>
    orchestrator.transaction((tx) => {
      const { lastInsertRowid } = tx.run("INSERT INTO orders (euros) VALUES (?)", euros)
      const order = Number(lastInsertRowid)
      if (euros > 100) throw new RangeError(`order ${order} is too much`)
      return tx.submit(sale, { order, euros }, { id: `order-${order}` })
    })
  for (const euros of [20, 30]) {
    const run = await orchestrator.get<number>(await place(euros))
    console.log(`${run.id}: balance ${await run.result()}`)
  }
  await place(500).catch((error) => console.log(`${error.message}: no order, no run`))
  const counts = await orchestrator.transaction((tx) => ({
    orders: tx.all("SELECT id FROM orders").length,
    rows: tx.all("SELECT key FROM ledger").length
  }))
  console.log(
    `${counts.orders} orders, ${counts.rows} ledger rows after ${tries} tries, asked for the rate ${asked} time`
  )
} finally {
  await orchestrator.close()
  rmSync(folder, { recursive: true })
}
