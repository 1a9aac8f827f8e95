/** The program that is killed. It does one duty on one store, as the line on its standard input says, and is not asked to stop. */
import { readFileSync, writeSync } from "node:fs"
import { flushCompileCache } from "node:module"
import { leave } from "./duties/leave.ts"
import { migrateStore } from "./duties/migrate.ts"
import type { Order } from "./duties/order.ts"
import { work } from "./duties/work.ts"

const duties: Record<Order["duty"], (order: any, started: () => void) => Promise<void>> = {
  work,
  migrate: migrateStore,
  leave,
  nothing: async () => flushCompileCache()
}

/** Nobody waits for it longer than this. */
const longestMs = 120_000
const asked = readFileSync(0, "utf8")
if (asked !== "") {
  setTimeout(() => process.exit(4), longestMs).unref()
  const order = JSON.parse(asked) as Order
  await duties[order.duty](order, () => writeSync(1, "started\n"))
}
