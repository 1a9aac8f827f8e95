// What pictures show of a run: its tasks and who waits for whom, and what is inside them.
import { readFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parse } from "yaml"
import { generate } from "../../inspector/bench/generate.ts"
import { sceneOf } from "../../inspector/dag/scene.ts"
import { countsOf, countsWith, statusOf, statusOrder } from "../../inspector/picture/looks.ts"
import { companionsOf, nameOf, ownerOf, Structure } from "../../inspector/picture/structure.ts"
import { wiresOf } from "../../inspector/picture/wires.ts"
import type { SeenEvent } from "../../src/inspect/protocol.ts"
import { scopeOf, View } from "../../src/inspect/view.ts"
import { analyse } from "../../src/model/analysis.ts"
import type { TaskIR, WorkflowIR } from "../../src/model/ir.ts"

/** Edges of a graph as text. */
const edgesOf = ({ ids, predecessorStart, predecessors, size }: ReturnType<typeof analyse>["graph"]) => {
  const found: Array<string> = []
  for (let i = 0; i < size; i++)
    for (let k = predecessorStart[i]!; k < predecessorStart[i + 1]!; k++)
      found.push(`${ids[predecessors[k]!]} → ${ids[i]}`)
  return found.toSorted()
}

const id = (i: number) => `t${i}`
/** Tasks of all kinds that read from those before them, in all the places where something can be read. */
const workflows: fc.Arbitrary<WorkflowIR> = fc
  .array(fc.tuple(fc.nat({ max: 11 }), fc.nat({ max: 20 }), fc.nat({ max: 20 })), { minLength: 2, maxLength: 15 })
  .map((all) => ({
    ir: 1,
    name: "w",
    tasks: all.map(([kind, a, b], i): TaskIR => {
      const own = { id: id(i) }
      if (i === 0)
        return { ...own, kind: "noop", data: { "market.raw": { $: "result.x" }, "market.old": { $: "result" } } }
      const [from, other] = [{ $: id(a % i) }, { $: `${id(b % i)}.value` }]
      switch (kind) {
        case 0:
          return { ...own, task: "x", input: { deep: [from, { more: other }] } }
        case 1:
          return { ...own, task: "x", after: [id(a % i), { task: id(b % i), on: "done" }] }
        case 2:
          return { ...own, task: "x", when: { and: [{ gt: [from, 3] }, { not: { exists: other } }] } }
        case 3:
          return {
            ...own,
            kind: "map",
            over: from,
            each: { task: "x", input: { item: { $: "item" }, o: other, i: { $: "index" } } }
          }
        case 4:
          return { ...own, kind: "gate", show: from, withinMs: 5, otherwise: { value: other } }
        case 5:
          return { ...own, kind: "branch", on: from, cases: {}, input: other }
        case 6:
          return {
            ...own,
            kind: "repeat",
            workflow: "w",
            max: 3,
            until: { gt: [{ $: "output.x" }, other] },
            input: from
          }
        case 7:
          return { ...own, kind: "http", url: from, body: { x: other } }
        case 8:
          return { ...own, task: "x", fallback: [{ lastGoodMs: 5 }, { task: "y", input: from }, { value: other }] }
        case 9:
          return { ...own, task: "x", cache: { ttlMs: 5, key: from }, bulkhead: "b", bulkheadKey: other }
        case 10:
          return { ...own, kind: "sleep", durationMs: from }
        default:
          return {
            ...own,
            task: "x",
            input: { read: { $: b % 2 === 0 ? "data.market" : "data.market.raw.y" }, lit: { $literal: { $: "t0" } } }
          }
      }
    })
  }))

describe("who waits for whom", () => {
  test("the picture has the same edges as the engine, for everything that a task may read", () => {
    fc.assert(
      fc.property(workflows, (ir) => {
        expect(edgesOf(wiresOf(ir).graph)).toEqual(edgesOf(analyse(ir).graph))
      }),
      { numRuns: 300 }
    )
    const documents = [
      parse(readFileSync(new URL("../../examples/08-document.yaml", import.meta.url), "utf8")) as WorkflowIR,
      generate({ seed: 1, shape: "order", tasks: 30 }).ir,
      generate({ seed: 1, shape: "layers", tasks: 500 }).ir
    ]
    for (const ir of documents) expect(edgesOf(wiresOf(ir).graph)).toEqual(edgesOf(analyse(ir).graph))
  })

  test("an edge knows whether data passes, and which end lets the other start", () => {
    const { wires } = wiresOf(generate({ seed: 1, shape: "order", tasks: 30 }).ir)
    const { graph } = wiresOf(generate({ seed: 1, shape: "order", tasks: 30 }).ir)
    const edge = (from: string, to: string) =>
      wires.find((wire) => graph.ids[wire.from] === from && graph.ids[wire.to] === to)
    expect(edge("payment", "alarm")).toMatchObject({ trigger: "failed", isOrder: true })
    expect(edge("discounts", "payment")).toMatchObject({ trigger: undefined, isOrder: false })
    expect(edge("reserve", "payment")).toMatchObject({ isOrder: true })
  })
})

const seen = (part = 1, fails = false) => {
  const { events, ir, run } = generate({ seed: 4, shape: "order", tasks: 30, part, fails })
  const view = new View()
  for (const event of events) view.apply(event)
  return { ir, run: view.runs.get(run)!, structure: new Structure(ir, view.runs.get(run)!) }
}

describe("what is inside", () => {
  test("the scope around every place in a run is known: of items, rounds, plans, and of what takes them back", () => {
    expect(scopeOf("a")).toBe("")
    expect(scopeOf("ship/label~undo")).toBe("ship")
    expect(scopeOf("quotes[3]")).toBe("quotes")
    expect(scopeOf("quotes[3]~undo")).toBe("quotes")
    expect(scopeOf("quotes[3]~1")).toBe("quotes")
    expect(scopeOf("quotes[3]/x")).toBe("quotes[3]")
    expect(scopeOf("loop#2/write")).toBe("loop#2")
    expect(scopeOf("loop#2")).toBe("loop")
    expect(scopeOf("plan@tasks/send")).toBe("plan@tasks")
    expect(scopeOf("plan@plan")).toBe("plan")
    expect([ownerOf("quotes[3]~undo"), ownerOf("a~wait"), ownerOf("ship/b"), nameOf("ship/b"), nameOf("q[3]")]).toEqual(
      ["quotes[3]", "a", "ship/b", "b", "[3]"]
    )
  })

  test("fan-outs have their items, loops their rounds, planners what they planned, cases the workflow that was taken", () => {
    const { structure } = seen()
    const names = (path: string) => structure.parts(path).parts.map(({ name }) => name)
    expect(structure.parts("prices")).toMatchObject({ arrangement: "grid" })
    expect(names("prices")).toEqual(Array.from({ length: 12 }, (_, i) => `[${i}]`))
    expect(names("ship")).toEqual(["pick", "pack", "label", "hand-over"])
    expect(names("improve")).toEqual(["round 1", "round 2", "round 3"])
    expect(structure.parts("improve").wires).toHaveLength(2)
    expect(names("improve#2")).toEqual(["write", "judge"])
    expect(names("follow-up")).toEqual(["planner", "thanks", "tips", "send"])
    expect(names("region")).toEqual(["vat", "report-eu"])
  })

  test("what has not begun is shown as far as the definition knows it", () => {
    const { structure, run } = seen(0.05)
    expect(structure.parts("ship").parts.map(({ name }) => name)).toEqual(["pick", "pack", "label", "hand-over"])
    expect(structure.parts("follow-up").parts.map(({ name }) => name)).toEqual(["planner"])
    expect(
      [...countsWith(countsOf(run), "suppliers", structure.count("suppliers"))][statusOrder.indexOf("pending")]
    ).toBe(40)
    expect(statusOf(run, countsOf(run), "ship")).toBe("pending")
  })

  test("counts follow every change, and add up to what there is", () => {
    const { ir, events, run: id } = generate({ seed: 9, shape: "fans", tasks: 200 })
    const view = new View()
    const check = () => {
      const run = view.runs.get(id)
      if (run === undefined) return
      const fresh = new Map<string, number>()
      for (const { path, status } of run.tasks.values())
        fresh.set(`${scopeOf(path)} ${status}`, (fresh.get(`${scopeOf(path)} ${status}`) ?? 0) + 1)
      const counted = new Map<string, number>()
      for (const [scope, counts] of countsOf(run))
        statusOrder.forEach((status, i) => counts[i]! > 0 && counted.set(`${scope} ${status}`, counts[i]!))
      expect(counted).toEqual(fresh)
    }
    events.forEach((event, i) => {
      view.apply(event)
      if (i % 61 === 0) check()
    })
    check()
    expect(ir.tasks.length).toBeGreaterThan(2)
  })

  test("what takes something back belongs to the task whose effect it was", () => {
    const { run } = seen(1, true)
    expect(companionsOf(run, "reserve")).toEqual(["reserve~undo"])
  })

  test("a definition that is no definition breaks nothing: what was seen is shown", () => {
    const bad = [
      { ir: 1, name: "x", tasks: 5 },
      { ir: 1, name: "x", tasks: [{ id: "a", after: 7 }, null] },
      { ir: 1, name: "<img onerror=alert(1)>", tasks: [{ id: "a", kind: "map", each: null, over: { $: {} } }] },
      null
    ]
    for (const ir of bad) {
      const view = new View()
      const events = [
        { kind: "definition", hash: "h", ir },
        { kind: "run", run: "r", workflow: "x", hash: "h" },
        { kind: "task", run: "r", task: "a", status: "running" },
        { kind: "task", run: "r", task: "a[0]", status: "failed" },
        { kind: "task", run: "r", task: "__proto__", status: "failed" }
      ]
      for (const [seq, event] of events.entries()) view.apply({ ...event, seq, t: seq } as unknown as SeenEvent)
      const structure = new Structure((ir ?? undefined) as WorkflowIR | undefined, view.runs.get("r")!)
      const { scene } = sceneOf(structure, new Set(["a"]), new Map())
      expect(
        scene.nodes.some(({ path }) => path === "a"),
        JSON.stringify(ir)
      ).toBe(true)
    }
  })
})

describe("the scene of a graph", () => {
  test("an open box holds all that is inside it, and nothing else stands in it", () => {
    const { structure } = seen()
    const open = new Set(["ship", "improve", "improve#1", "improve#2", "prices", "follow-up", "suppliers"])
    const { scene } = sceneOf(structure, open, new Map())
    expect(scene.nodes.filter(({ isOpen }) => isOpen)).toHaveLength(open.size)
    const inside = (a: (typeof scene.nodes)[number], b: (typeof scene.nodes)[number]) =>
      a.x >= b.x && a.y >= b.y && a.x + a.w <= b.x + b.w && a.y + a.h <= b.y + b.h
    scene.nodes.forEach((node, i) => {
      if (node.around >= 0) expect(inside(node, scene.nodes[node.around]!), node.path).toBe(true)
      scene.nodes.forEach((other, k) => {
        if (k <= i || node.around !== other.around) return
        const apart =
          node.x + node.w <= other.x ||
          other.x + other.w <= node.x ||
          node.y + node.h <= other.y ||
          other.y + other.h <= node.y
        expect(apart, `${node.path} and ${other.path}`).toBe(true)
      })
    })
  })

  test("a status that changes makes no new scene, and neither does time; something opened does", () => {
    const { structure, ir, run } = seen(0.7)
    const first = sceneOf(structure, new Set(["suppliers"]), new Map())
    const again = sceneOf(new Structure(ir, run), new Set(["suppliers"]), new Map(), first)
    expect(again.scene).toBe(first.scene)
    expect(sceneOf(structure, new Set(), new Map(), first).scene).not.toBe(first.scene)
    const view = (items: ReadonlyArray<number>) => {
      const other = new View()
      const events = ["suppliers", ...items.map((i) => `suppliers[${i}]`)]
      other.apply({ kind: "run", run: "r", workflow: "order", hash: "h", seq: 0, t: 0 })
      for (const task of events) other.apply({ kind: "task", run: "r", task, status: "running", seq: 1, t: 1 })
      return new Structure(ir, other.runs.get("r")!)
    }
    const two = sceneOf(view([0, 1]), new Set(["suppliers"]), new Map())
    const others = sceneOf(view([0, 2]), new Set(["suppliers"]), new Map(), two)
    expect(others.scene.nodes.map(({ path }) => path)).toContain("suppliers[2]")
  })
})
