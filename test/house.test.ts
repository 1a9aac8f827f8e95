// The house keeps its shape: arrows point one way, and a few things are absent (docs/ARCHITECTURE.md).
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"

const src = fileURLToPath(new URL("../src/", import.meta.url))
const files = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) => relative(src, join(entry.parentPath, entry.name)))
const text = (file: string) => readFileSync(join(src, file), "utf8")
/** Code without comments and strings, for what must be absent. */
const code = (file: string) =>
  text(file)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|[^:])\/\/.*$/gm, "$1")
    .replace(/`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"/g, '""')
const imports = (file: string) =>
  [...text(file).matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, target]) => target!)
const room = (file: string) => (file.includes("/") ? file.slice(0, file.indexOf("/")) : "(top)")

/** Who may know whom. */
const arrows: Record<string, ReadonlyArray<string>> = {
  model: ["model"],
  machines: ["machines", "model"],
  actors: ["actors", "machines", "model"],
  storage: ["storage", "model"],
  engine: ["engine", "actors", "machines", "storage", "model"],
  resilience: ["resilience", "actors", "machines", "model"],
  chaos: ["chaos", "engine", "storage", "model"],
  inspect: ["inspect", "engine", "actors", "machines", "storage", "model"],
  cli: ["cli", "chaos", "inspect", "engine", "storage", "model"],
  "(top)": ["engine", "inspect", "resilience", "actors", "machines", "storage", "model"]
}

describe("the house", () => {
  test.each(files)("%s points only where arrows do", (file) => {
    const allowed = arrows[room(file)]
    expect(allowed, `the room ${room(file)} is unknown: add it to the arrows`).toBeDefined()
    for (const target of imports(file).filter((one) => one.startsWith("."))) {
      const to = room(relative(src, resolve(src, dirname(file), target)))
      expect(allowed, `${file} imports ${target}`).toContain(to)
    }
  })

  test("model, machines and actors read no clock, draw no chance and know no Effect runtime", () => {
    for (const file of files.filter((one) => ["model", "machines", "actors"].includes(room(one)))) {
      expect(code(file), file).not.toMatch(
        /Date\.now|new Date\(\)|performance\.now|Math\.random|randomUUID|setTimeout|setInterval|setImmediate|queueMicrotask/
      )
      for (const target of imports(file))
        expect(target, file).not.toMatch(/^effect\/(?:Effect|Fiber|Layer|Runtime|Clock|Scheduler)$|^effect$/)
    }
  })

  test("charts speak in named commands: no invoke, spawn, sendParent, after", () => {
    for (const file of files.filter((one) => room(one) === "machines" && !one.endsWith("compile.ts")))
      expect(code(file), file).not.toMatch(
        /\b(?:invoke|spawn|spawnChild|sendParent|sendTo|raise|after|fromPromise|fromCallback)\b\s*[:(]/
      )
  })

  test("only one file creates actors, and only it touches what XState keeps to itself", () => {
    for (const file of files.filter((one) => one !== "actors/create.ts"))
      expect(code(file), file).not.toMatch(/\bcreateActor\(|\._parent\b|\._relay\b|\._sendInspectionEvent\b/)
  })

  test("no bare Error, nothing evaluated as code, no leftover marks", () => {
    for (const file of files) {
      expect(code(file), file).not.toMatch(/throw new Error\(|new Function\(|\beval\(/)
      expect(text(file), file).not.toMatch(/from "node:vm"|@ts-ignore|@ts-nocheck|\bTODO\b|\bFIXME\b/)
    }
  })

  test("no runtime cycles between files", () => {
    const edges = new Map(
      files.map((file) => [
        file,
        [
          ...text(file).matchAll(
            /^(?:import|export)\s+(?!type\b)(?:\{((?:[^}])*)\}|\*(?: as \w+)?|\w+)?[^"]*?from\s+"(\.[^"]+)"/gm
          )
        ]
          .filter(
            ([, names]) =>
              names === undefined ||
              names.split(",").some((name) => name.trim() !== "" && !name.trim().startsWith("type "))
          )
          .map(([, , target]) => relative(src, resolve(src, dirname(file), target!)))
      ])
    )
    const state = new Map<string, "open" | "done">()
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      if (state.get(file) === "done") return
      expect(path, `a cycle of imports: ${[...path, file].join(" → ")}`).not.toContain(file)
      for (const next of edges.get(file) ?? []) visit(next, [...path, file])
      state.set(file, "done")
    }
    for (const file of files) visit(file, [])
  })

  test("modules of Effect that are marked unstable stand behind one file each", () => {
    const users = new Map<string, Array<string>>()
    for (const file of files)
      for (const target of imports(file))
        if (
          /^effect\/(?:cluster|workflow|sql|rpc|http|http-api|cli|persistence|observability|devtools|workers|process|socket|reactivity)\b|^effect\/(?:Graph|HashRing|PartitionedSemaphore|LayerMap|ExecutionPlan|Arbitrary|FileSystem|Path)$/.test(
            target
          )
        )
          users.set(target, [...(users.get(target) ?? []), file])
    for (const [target, where] of users) expect(where.length, `${target} is imported by ${where.join(", ")}`).toBe(1)
  })
})
