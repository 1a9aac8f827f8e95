/**
 * One life of a program whose power will be cut: it opens the store, gives it work, and writes down what was acknowledged, in a
 * file beside the store that stands in the same log. Run as a child: `life.ts <folder> <seed> <life> <synchronous>`.
 */
import { mkdirSync, openSync, writeSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Orchestrator, type Run } from "../../src/engine/orchestrator.ts"
import { sqliteJournal } from "../../src/storage/sqlite/journal.ts"
import { draws } from "./disk.ts"
import { large, ten } from "./flows.ts"

const [folder = "", seed = "1", lifeText = "0", synchronous = "full"] = process.argv.slice(2)
const life = Number(lifeText)
const draw = draws(Number(seed) * 7 + life)
mkdirSync(folder, { recursive: true })
const path = `${folder}/store/runs.db`
const acks = openSync(`${folder}/acks`, "a")

/** From here on, so many messages of the run must never be lost. */
const acknowledge = async (run: Run): Promise<void> => {
  writeSync(acks, `${JSON.stringify([run.id, (await run.history()).length])}\n`)
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const work = async (orchestrator: Orchestrator, id: string): Promise<void> => {
  const kind = draw()
  const n = Math.floor(draw() * 100)
  const run = await orchestrator.submit(kind < 0.1 ? large : ten, n, { id })
  // a submit that is acknowledged holds by itself, without anybody having read the run
  writeSync(acks, `${JSON.stringify([id, 1])}\n`)
  if (kind > 0.7) {
    const did = kind > 0.9 ? await run.cancel({ why: "enough" }) : await run.pause({ who: "ada" })
    if (did) await acknowledge(run)
    if (kind > 0.8 && kind <= 0.9) await run.resume()
    if (kind <= 0.8) return
  }
  await run.outcome()
  await acknowledge(run)
}

/** What moves the log into the file, at moments of its own. */
const checkpoint = (): void => {
  const kind = draw()
  if (kind < 0.25) return
  const other = new DatabaseSync(path)
  other.exec(`PRAGMA wal_checkpoint(${kind < 0.5 ? "PASSIVE" : kind < 0.75 ? "RESTART" : "TRUNCATE"})`)
  other.close()
}

const journal = await sqliteJournal({ path, synchronous: synchronous === "normal" ? "normal" : "full" })
const orchestrator = await Orchestrator.open({ store: journal, workflows: [ten, large] })
const rounds = 3
for (let round = 0; round < rounds; round++) {
  const width = 1 + Math.floor(draw() * 4)
  const all = Promise.all(Array.from({ length: width }, (_, i) => work(orchestrator, `${life}-${round}-${i}`)))
  if (round === rounds - 1 && life % 3 !== 0) {
    for (let i = Math.floor(draw() * 12); i >= 0; i--) await turn()
    process.kill(process.pid, "SIGKILL")
  }
  await all
  checkpoint()
}
await orchestrator.close()
