// Runs that begin by the clock: while nobody is there they are missed, and made up for afterwards; none is left out, none comes twice.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Orchestrator, task, type } from "troupe"

const measure = task("measure", {
  in: type<{ readonly due: string }>(),
  out: type<string>(),
  run: ({ due }) => `measured at ${due}`
})

const folder = mkdtempSync(join(tmpdir(), "troupe-example-"))
const open = async () => {
  const orchestrator = await Orchestrator.open({ store: `sqlite:${join(folder, "weather.db")}`, workflows: [measure] })
  // at every start: it is made once, and stays as it is
  const second = await orchestrator.schedule(
    "second",
    measure,
    {},
    { every: "1s", dueAs: "due", overlap: "queue", missed: "all", lateAfter: "500ms" }
  )
  return { orchestrator, second }
}
try {
  const before = await open()
  while (before.second.status().counts.begun < 2) await sleep(50)
  console.log(`${before.second.status().recent[0]!.run} has begun`)
  await before.orchestrator.close()

  await sleep(2_500)

  const after = await open()
  while (after.second.status().counts.begun < 6) await sleep(50)
  await after.second.pause({ why: "that is enough" })
  const { runs } = await after.orchestrator.list()
  const seconds = runs.map(({ run }) => Date.parse(run.slice("second@".length)) / 1_000).sort((a, b) => a - b)
  const isWhole = seconds.every((one, i) => i === 0 || one === seconds[i - 1]! + 1)
  await after.orchestrator.close()
  console.log(isWhole ? "no second is left out, none comes twice" : `something is wrong: ${seconds.join(", ")}`)
} finally {
  rmSync(folder, { recursive: true })
}
