// What one writes by hand today: an XState machine per workflow, its persisted snapshot in SQLite after every transition,
// restored on restart. Keeps the latest snapshot only: no history, no fan-out.
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assign, createActor, fromPromise, setup } from "xstate"

export const open = async ({ dir, body }) => {
  const database = new DatabaseSync(join(dir, "actors.db"))
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS actor (id INTEGER PRIMARY KEY, snapshot TEXT)`)
  const save = database.prepare(
    "INSERT INTO actor VALUES (?, ?) ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot"
  )
  const machine = setup({
    actors: { body: fromPromise(({ input }) => body(input.id, input.i, input.x)) },
    guards: { isLast: ({ context }) => context.i === 4 },
    actions: {
      keep: assign({ x: ({ event }) => event.output }),
      step: assign({ i: ({ context }) => context.i + 1 })
    }
  }).createMachine({
    context: ({ input }) => ({ id: input, i: 0, x: input % 1_000 }),
    initial: "running",
    states: {
      running: {
        invoke: {
          src: "body",
          input: ({ context }) => context,
          onDone: [
            { guard: "isLast", target: "done", actions: "keep" },
            { target: "running", reenter: true, actions: ["keep", "step"] }
          ]
        }
      },
      done: { type: "final" }
    },
    output: ({ context }) => context.x
  })
  const start = (id, snapshot) =>
    new Promise((resolve, reject) => {
      const actor = createActor(machine, snapshot === undefined ? { input: id } : { snapshot })
      actor.subscribe({
        next: ({ status, output }) => {
          save.run(id, JSON.stringify(actor.getPersistedSnapshot()))
          if (status === "done") resolve(output)
        },
        error: reject
      })
      actor.start()
    })
  return {
    run: (id) => start(id),
    submit: async (id) => void start(id),
    resume: async (count) => {
      const rows = database.prepare("SELECT id, snapshot FROM actor").all()
      const values = await Promise.all(
        rows.map(({ id, snapshot }) => {
          const kept = JSON.parse(snapshot)
          return kept.status === "done" ? kept.output : start(id, kept)
        })
      )
      return rows.length === count ? values.reduce((sum, value) => (sum + value) % 1_000_003, 0) : -1
    },
    close: () => database.close()
  }
}
