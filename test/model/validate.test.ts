import { describe, expect, test } from "vitest"
import { decodeDocument, documentKinds } from "../../src/model/document.ts"
import type { Problem } from "../../src/model/errors.ts"
import { builtinKinds, structuralKinds } from "../../src/model/ir.ts"
import { fromJson, fromYaml, inspectDocument, load } from "../../src/model/load.ts"

const problemsOf = async (document: unknown): Promise<ReadonlyArray<Problem>> =>
  (await inspectDocument(document)).problems
const w = (tasks: unknown, more: object = {}) => ({ ir: 1, name: "w", tasks, ...more })
const noop = (id: string, more: object = {}) => ({ id, kind: "noop", ...more })
const codes = async (document: unknown) => (await problemsOf(document)).map(({ code }) => code)

describe("every problem at once, each with code, place and way out", () => {
  test("several mistakes of different kinds are all listed", async () => {
    const problems = await problemsOf(
      w([
        noop("a", { after: ["b"], estmateMs: 1 }),
        noop("a"),
        { id: "c", kind: "nop" },
        noop("d", { input: { $: "zz.k" }, resources: { cpu: -1 } })
      ])
    )

    expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
      "KEY_UNKNOWN /tasks/0/estmateMs",
      "SHAPE /tasks/2/kind",
      "SHAPE /tasks/3/resources/cpu"
    ])
    for (const { message } of problems) expect(message.length).toBeGreaterThan(5)
  })
  test("of a well-shaped document, everything about names and graph", async () => {
    const problems = await problemsOf(
      w([noop("a", { after: ["b"] }), noop("a"), noop("d", { input: { $: "aa.k" } }), noop("e", { after: ["e"] })])
    )

    expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
      "ID_DUPLICATE /tasks/1/id",
      "DEP_UNKNOWN /tasks/0/after/0",
      "REF_UNKNOWN /tasks/2/input",
      "GRAPH_CYCLE /tasks/3"
    ])
    expect(problems[2]?.hint).toBe("did you mean 'a'?")
  })
  test("a document that is right has none", async () => {
    expect(await problemsOf(w([noop("a"), noop("b", { after: ["a"], input: { x: { $: "a.y" } } })]))).toEqual([])
  })
  test("loading an invalid document rejects with all of them, and with one readable message", async () => {
    await expect(load(w([noop("a", { after: ["b"] })]))).rejects.toThrow(
      /workflow 'w' has 1 problem:\n {2}DEP_UNKNOWN at \/tasks\/0\/after\/0: there is no task 'b'/
    )
  })
})

describe("hostile and mistaken documents (SECURITY rows)", () => {
  test.each<[string, unknown, string]>([
    ["V-01 id __proto__", w([noop("__proto__")]), "ID_INVALID"],
    [
      "V-02 data path constructor.prototype",
      w([noop("a", { data: { "constructor.prototype.isAdmin": { $: "result" } } })]),
      "PATH_RESERVED_SEGMENT"
    ],
    [
      "V-02 reference through __proto__",
      w([noop("a"), noop("b", { input: { $: "a.__proto__.x" } })]),
      "PATH_RESERVED_SEGMENT"
    ],
    [
      "V-02 reference constructor.prototype",
      w([noop("a", { input: { $: "constructor.prototype.x" } })]),
      "PATH_RESERVED_SEGMENT"
    ],
    ["V-04 self dependency", w([noop("a", { after: ["a"] })]), "GRAPH_CYCLE"],
    ["V-06 unknown dependency", w([noop("a", { after: ["nope"] })]), "DEP_UNKNOWN"],
    [
      "V-10 recursion",
      w([{ id: "x", kind: "use", workflow: "A" }], {
        workflows: {
          A: { ir: 1, name: "A", tasks: [{ id: "b", kind: "use", workflow: "B" }] },
          B: { ir: 1, name: "B", tasks: [{ id: "a", kind: "use", workflow: "A" }] }
        }
      }),
      "WORKFLOW_RECURSION"
    ],
    ["V-15 regex in a condition", w([noop("a", { when: { matches: ["^(a+)+$", "a"] } })]), "REGEX_NOT_ALLOWED"],
    [
      "V-15 pattern in a schema",
      w([noop("a")], { input: { type: "object", properties: { x: { pattern: "^(a+)+$" } } } }),
      "REGEX_NOT_ALLOWED"
    ],
    ["V-16 expression", w([noop("a", { when: 'this.constructor.constructor("return process")()' })]), "EXPR_SYNTAX"],
    ["V-37 id with newline", w([noop('a\n{"level":"info"}\u001b[31m')]), "ID_INVALID"],
    ["unknown workflow", w([{ id: "a", kind: "use", workflow: "nope" }]), "WORKFLOW_UNKNOWN"],
    ["inherited name as workflow", w([{ id: "a", kind: "use", workflow: "toString" }]), "WORKFLOW_UNKNOWN"],
    [
      "unknown resource",
      w([noop("a", { resources: { custom: { R2: 1 } } })], { resources: { custom: { R1: 1 } } }),
      "RESOURCE_UNKNOWN"
    ],
    [
      "more than there is",
      w([noop("a", { resources: { custom: { R1: 2 } } })], { resources: { custom: { R1: 1 } } }),
      "RESOURCE_INFEASIBLE"
    ],
    ["two sources", w([{ id: "a", kind: "noop", task: "x" }]), "TASK_SOURCE"],
    ["no source", w([{ id: "a" }]), "TASK_SOURCE"],
    ["reserved id", w([noop("input")]), "ID_INVALID"],
    ["item outside a map", w([noop("a", { input: { $: "item.x" } })]), "REF_SCOPE"],
    ["a remote $ref", w([noop("a")], { input: { $ref: "https://example.com/x" } }), "SHAPE"],
    ["null", null, "SHAPE"],
    ["a list", [], "SHAPE"],
    ["another version", { ir: 2, name: "w", tasks: [] }, "SHAPE"]
  ])("%s", async (_, document, code) => {
    expect(await codes(document)).toContain(code)
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  test("V-07 ids equal after Unicode normalisation are duplicates", async () => {
    expect(await codes(w([noop("caf\u00e9"), noop("cafe\u0301")]))).toContain("ID_DUPLICATE")
  })

  test("V-08 100,001 tasks are refused within 200 ms and 50 MB", async () => {
    await problemsOf(w([noop("warm")]))
    const document = w(Array.from({ length: 100_001 }, (_, i) => noop(`t${i}`)))
    const before = process.memoryUsage().rss
    const start = performance.now()
    const problems = await problemsOf(document)

    expect(performance.now() - start).toBeLessThan(200)
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6)
    expect(problems.map(({ code }) => code)).toEqual(["LIMIT_TASKS"])
  })

  test("nested tasks count too", async () => {
    const inner = { ir: 1, name: "inner", tasks: Array.from({ length: 60_000 }, (_, i) => noop(`t${i}`)) }
    expect(
      await codes(
        w([
          { id: "a", kind: "use", workflow: inner },
          { id: "b", kind: "use", workflow: { ...inner, name: "other" } }
        ])
      )
    ).toEqual(["LIMIT_TASKS"])
  })

  test("V-10 33 levels of workflows are refused", async () => {
    const nest = (depth: number): object =>
      w(depth === 0 ? [noop("a")] : [{ id: "u", kind: "use", workflow: nest(depth - 1) }], { name: `w${depth}` })
    expect(await codes(nest(32))).toEqual([])
    expect(await codes(nest(33))).toEqual(["LIMIT_DEPTH"])
  })

  test("V-11 a document nested 100,000 levels deep is refused without overflow", async () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)
    expect(await codes(w([noop("a", { input: deep })]))).toEqual(["LIMIT_DEPTH"])
  })

  test("Z20 two tasks that write the same data have no safe order: a conflict, prefixes included", async () => {
    const write = (id: string, path: string) => noop(id, { data: { [path]: { $: "result" } } })
    expect(await codes(w([write("a", "market.raw"), write("b", "market.raw")]))).toEqual(["DATA_CONFLICT"])
    expect(await codes(w([write("a", "market"), write("b", "market.raw")]))).toEqual(["DATA_CONFLICT"])
    expect(await codes(w([write("a", "market.raw"), write("b", "market.clean")]))).toEqual([])
  })
})

describe("YAML", () => {
  const bomb = () => {
    let text = 'a: &a ["x","x","x","x","x","x","x","x","x","x"]\n'
    let previous = "a"
    for (const name of "bcdefghij") {
      text += `${name}: &${name} [${Array(10).fill(`*${previous}`).join(",")}]\n`
      previous = name
    }
    return text
  }
  const merges = `base: &b {a: 1}\n${Array.from({ length: 1_500 }, (_, i) => `k${i}: {<<: [*b,*b,*b], x: 1}`).join("\n")}`
  test.each([
    ["V-12 alias bomb", bomb(), "YAML_ALIAS", 100],
    ["V-13 merge keys", merges, "YAML_ALIAS", 400],
    ["V-14 js function", 'a: !!js/function "function(){}"', "YAML_TAG", 100],
    ["V-14 python object", 'a: !!python/object/apply:os.system ["x"]', "YAML_TAG", 100],
    ["binary", "a: !!binary aGVsbG8=", "YAML_TAG", 100],
    ["depth", "[".repeat(100_000), "LIMIT_DEPTH", 250],
    ["syntax", "a: [1,\nb: }", "YAML_SYNTAX", 100]
  ])("%s", async (_, text, code, withinMs) => {
    await fromYaml("ir: 1\nname: warm\ntasks: []\n")
    const since = process.cpuUsage()
    await expect(fromYaml(text)).rejects.toMatchObject({ problems: [{ code }] })
    // of the processor: what else the machine does is not the text's fault
    const { user, system } = process.cpuUsage(since)
    expect((user + system) / 1_000).toBeLessThan(withinMs)
  })
  test("comments, anchors in moderation and core types are fine", async () => {
    const { ir } = await fromYaml(
      "ir: 1 # version\nname: y\ntasks:\n  - &t { id: a, kind: noop }\n  - { id: b, kind: echo, after: [a], input: { n: { $: a } } }\n"
    )
    expect(ir.tasks.map(({ id }) => id)).toEqual(["a", "b"])
  })
})

test("JSON syntax errors name line and column", async () => {
  await expect(fromJson('{\n  "ir": 1,\n  "name" "x"\n}')).rejects.toThrow(/line 3, column 10/)
})

test("the schema of documents and the types of the IR know the same kinds", () => {
  expect([...documentKinds].sort()).toEqual([...builtinKinds, ...structuralKinds, "task", "needs"].sort())
})

test("decoding never throws, whatever it is given", () => {
  const odd = [
    undefined,
    1,
    "x",
    Symbol("s"),
    () => 1,
    new Map(),
    { tasks: { length: 1e9 } },
    { ir: 1, name: "x", tasks: [null, 1, [], { kind: {} }] },
    new Proxy({}, {})
  ]
  for (const value of odd) expect(decodeDocument(value).ir).toBeUndefined()
})
