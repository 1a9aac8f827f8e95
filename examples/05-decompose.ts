// A planner decides at run time which tasks there are: an objective becomes subtasks, which run and are brought together.
// What it returns is checked whole; a fragment with one mistake is refused and nothing of it starts.
import { type Fragment, Orchestrator, task, type, workflow } from "troupe"

const research = task("research", {
  in: type<string>(),
  out: type<string>(),
  run: async (topic) => `${topic}: well understood`
})
const write = task("write", {
  in: type<{ notes: ReadonlyArray<string> }>(),
  out: type<string>(),
  run: ({ notes }) => notes.join("; ")
})

// a model would do this; here a comma is enough to see two topics
const decompose = task("decompose", {
  in: type<string>(),
  out: type<Fragment>(),
  run: (objective) => {
    const topics = objective.split(",").map((topic) => topic.trim())
    return {
      tasks: [
        ...topics.map((topic, i) => ({ id: `topic-${i + 1}`, task: "research", input: topic })),
        { id: "report", task: "write", input: { notes: topics.map((_, i) => ({ $: `topic-${i + 1}` })) } }
      ],
      output: { $: "report" }
    }
  }
})

const report = workflow("report", type<string>())
  .expand("plan", decompose, ($) => $.input, { out: type<string>(), tasks: [research, write] })
  .returns(($) => $.plan)

await using orchestrator = await Orchestrator.open()
console.log(await orchestrator.execute(report, "tides, moons, calendars"))
