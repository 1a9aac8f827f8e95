// The smallest whole thing: two tasks, one workflow, one result.
import { Orchestrator, task, type, workflow } from "troupe"

const greet = task("greet", { in: type<string>(), out: type<string>(), run: (name) => `Hello, ${name}` })
const shout = task("shout", { in: type<string>(), out: type<string>(), run: async (text) => `${text.toUpperCase()}!` })

const hello = workflow("hello", type<{ name: string }>())
  .task("greeting", greet, ($) => $.input.name)
  .task("loud", shout, ($) => $.greeting)
  .returns(($) => $.loud)

await using orchestrator = await Orchestrator.open()
console.log(await orchestrator.execute(hello, { name: "Ada" }))
