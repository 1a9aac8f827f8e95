// Every run and task is a live XState actor: an ordinary inspection observer sees each of them change.
import { Orchestrator, task, type, workflow } from "troupe"

let tries = 0
const flaky = task("flaky", {
  in: type<string>(),
  out: type<string>(),
  retry: { attempts: 2, base: "5ms", jitter: 0 },
  run: async (text) => {
    if (++tries === 1) throw new Error("not yet")
    return `${text} at the second try`
  }
})
const watched = workflow("watched", type<string>())
  .task("try", flaky, ($) => $.input)
  .returns(($) => $.try)

const seen: Array<string> = []
await using orchestrator = await Orchestrator.open({
  inspect: (event) => {
    if (event.type !== "@xstate.snapshot") return
    const { id } = event.actorRef as { readonly id?: string }
    const { value } = event.snapshot as { readonly value?: unknown }
    if (typeof value === "string" && !id?.startsWith("@")) seen.push(`${id}: ${value}`)
  }
})
const result = await orchestrator.execute(watched, "done", { id: "run-1" })
console.log([...new Set(seen)].join("\n"))
console.log(result)
