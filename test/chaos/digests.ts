// The same plans in whatever process this is. Run by digest.test.ts, in its own process and in another one, where it prints.
import { ChaosFailure, chaos, digestOf, type Plan, replay } from "../../src/chaos/index.ts"
import { type Json, task, type, workflow } from "../../src/index.ts"

const step = task("step", {
  in: type<Json>(),
  out: type<Json>(),
  retry: { attempts: 3 },
  run: async (input) => {
    await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 50))
    if (Math.random() < 0.1) throw new RangeError("one of ten")
    return { input, at: Date.now(), id: crypto.randomUUID() }
  }
})
const flow = workflow("flow", type<number>())
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => $.a)
  .map("c", step, () => [1, 2, 3])
  .gate("ok", type<boolean>(), { after: ["b"], within: "1h", otherwise: () => true })
  .task("d", step, ($) => [$.c, $.ok])
  .returns(($) => $.d)

const faults: ReadonlyArray<Plan["faults"]> = [
  [],
  [{ on: "crash", write: 2, when: "synced", downMs: 50 }],
  [{ on: "owners", write: 3, how: "second", ms: 40 }],
  [
    { on: "storage", write: 1, how: "unsure" },
    { on: "operator", write: 2, how: "pause", ms: 3 }
  ],
  [{ on: "task", task: "a", attempt: 1, how: "exit" }]
]

export const digests = async (): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const [i, list] of faults.entries())
    for (let seed = 0; seed < 40; seed++)
      found.push(digestOf(await replay(flow, { v: 1, seed: seed + 1_000 * i, faults: list }, { input: seed })))
  // a search finds the same in the same place
  const failure = await chaos(flow, { input: 1, seed: 5, faults: ["crash"], finally: ({ lives }) => lives < 3 }).catch(
    (error) => error
  )
  found.push(failure instanceof ChaosFailure ? `${failure.path} ${JSON.stringify(failure.plan)}` : "nothing found")
  return found
}

if (process.argv[2] === "print") console.log((await digests()).join("\n"))
