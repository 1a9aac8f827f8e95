// Turns a recorded workflow (format workflow/1) into a Troupe document: every task keeps its order and its measured length.
// As a command: npx node examples/data/convert.ts IN.json[.gz] OUT.json
import { readFileSync, writeFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import type { TaskIR, WorkflowIR } from "troupe"

export interface Recorded {
  readonly id: string
  readonly title: string
  readonly source: string
  readonly licence: string
  readonly tasks: ReadonlyArray<{
    readonly id: string
    readonly type?: string
    readonly deps: ReadonlyArray<string>
    readonly durationSeconds: number
  }>
}

export const readRecorded = (path: string | URL): Recorded => {
  const bytes = readFileSync(path)
  return JSON.parse((String(path).endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"))
}

/** What each task does: by default nothing, which is enough for plans; `needs` gives it to agents. */
export const convert = (
  recorded: Recorded,
  does: (seconds: number) => object = () => ({ kind: "noop" })
): WorkflowIR => ({
  ir: 1,
  name: recorded.id,
  description: recorded.title,
  metadata: { source: recorded.source, licence: recorded.licence },
  tasks: recorded.tasks.map(
    ({ id, type, deps, durationSeconds }) =>
      ({
        id,
        ...(type === undefined ? {} : { name: type }),
        after: deps,
        estimateMs: Math.round(durationSeconds * 1_000_000) / 1_000,
        ...does(durationSeconds)
      }) as TaskIR
  ),
  output: null
})

if (import.meta.main) {
  const [from, to] = process.argv.slice(2)
  if (from === undefined || to === undefined) {
    console.error("usage: npx node examples/data/convert.ts IN.json[.gz] OUT.json")
    process.exit(2)
  }
  const ir = convert(readRecorded(from))
  writeFileSync(to, JSON.stringify(ir))
  console.log(`${ir.name}: ${ir.tasks.length} tasks written to ${to}`)
}
