// Workflows and statecharts as text for other tools.
import { spawnSync } from "node:child_process"
import { fc, test as prop } from "@fast-check/vitest"
import { describe, expect, test } from "vitest"
import { chartToDot, chartToMermaid, workflowToDot, workflowToMermaid } from "../../src/inspect/text.ts"
import { breakerMachine, taskMachine, workflowMachine } from "../../src/machines/index.ts"
import type { WorkflowIR } from "../../src/model/ir.ts"

const trip: WorkflowIR = {
  ir: 1,
  name: "trip",
  tasks: [
    { id: "flight", kind: "noop" },
    { id: "hotel", kind: "noop" },
    { id: "ok", name: 'Approve "it"', kind: "gate", after: ["flight", "hotel"] }
  ]
}

const hasDot = spawnSync("dot", ["-V"]).status === 0
const drawn = (text: string) => {
  const { status, stderr } = spawnSync("dot", ["-Tsvg"], { input: text, encoding: "utf8" })
  return [status, stderr]
}

describe("text for Mermaid and Graphviz", () => {
  test("of a workflow: its tasks, their kinds, and who waits for whom", () => {
    expect(workflowToMermaid(trip)).toBe(
      'flowchart LR\n  t0["flight"]\n  t1["hotel"]\n  t2{{"Approve #34;it#34;"}}\n  t0 --> t2\n  t1 --> t2\n'
    )
    expect(workflowToDot(trip)).toContain('t2 [label="Approve \\"it\\"", shape=hexagon];')
  })

  test("of a statechart: its states, where it begins and ends, and edges with guards and actions", () => {
    const text = chartToMermaid(breakerMachine)!
    expect(text.split("\n")[0]).toBe("stateDiagram-v2")
    expect(text).toContain('state "halfOpen" as ')
    expect(text).toContain("[*] --> ")
    expect(chartToMermaid(taskMachine)).toContain("mayTryAgain")
  })

  test("of what is no machine there is none", () => {
    expect([chartToMermaid({}), chartToDot(undefined)]).toEqual([undefined, undefined])
  })

  test.skipIf(!hasDot)("Graphviz draws every chart of ours", () => {
    for (const machine of [breakerMachine, taskMachine, workflowMachine])
      expect(drawn(chartToDot(machine)!)).toEqual([0, ""])
    expect(drawn(workflowToDot(trip))).toEqual([0, ""])
  })

  prop.prop([fc.string({ unit: "binary", maxLength: 40 })])("no name ends its own place", (name) => {
    const ir: WorkflowIR = { ir: 1, name: "w", tasks: [{ id: "a", name: `x${name}`, kind: "noop" }] }
    const [, line, ...rest] = workflowToMermaid(ir).split("\n")
    expect(line).toMatch(/^ {2}t0\["[\p{L}\p{N} _.,+*/=!?()#;-]*"\]$/u)
    expect(rest).toEqual([""])
    const dot = workflowToDot(ir).split("\n")
    expect(dot).toHaveLength(5)
    expect(dot[2]).toMatch(/^ {2}t0 \[label="(?:[^"\\]|\\["\\])*", shape=box\];$/u)
  })
})
