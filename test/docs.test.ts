// Docs that run stay true: every `ts check` example in the sources is executed, and its `// =>` compared.
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"

const src = fileURLToPath(new URL("../src/", import.meta.url))
const files = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name))
const fence = /```ts check\n([\s\S]*?)```/g

const examples = files.flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(fence)].map(([, body]) => ({
    file,
    name: `${file.slice(src.length)}: ${
      body!
        .replace(/^ *\* ?/gm, "")
        .trim()
        .split("\n")[0]
    }`,
    body: body!.replace(/^ *\* ?/gm, "")
  }))
)

/** The names an example may use: those of its own module, and those of the package; policies are used beside each other. */
const scopeOf = async (file: string) => ({
  ...(await import("../src/index.ts")),
  ...(file.includes("/resilience/") ? await import("../src/machines.ts") : {}),
  ...(await import(/* @vite-ignore */ file))
})

describe("programs in the README and the guides", () => {
  const root = fileURLToPath(new URL("..", import.meta.url))
  const pages = [
    "README.md",
    ...readdirSync(join(root, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`)
  ]
  const programs = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/```ts run\n([\s\S]*?)```/g)].map(
      ([, source], i) => [`${page} #${i + 1}`, source!] as const
    )
  )
  test("there is one in the README", () => expect(programs.length).toBeGreaterThan(0))
  test.each(programs)("%s runs and prints what it says", (name, source) => {
    // beside the package, so that it imports it as a stranger would
    const file = join(root, `.docs-${name.replace(/\W+/g, "-")}.ts`)
    writeFileSync(file, source)
    try {
      const { stdout, stderr } = spawnSync(process.execPath, [file], {
        encoding: "utf8",
        env: { ...process.env, NODE_OPTIONS: "" }
      })
      expect(stderr).toBe("")
      expect(stdout.trimEnd().split("\n")).toEqual([...source.matchAll(/\/\/ => (.*)/g)].map(([, wanted]) => wanted))
    } finally {
      rmSync(file)
    }
  })
})

test("what a reader is told to run works where the installed Node is too old for TypeScript", () => {
  const root = fileURLToPath(new URL("..", import.meta.url))
  const told = ["README.md", "CONTRIBUTING.md", "docs", "examples"].flatMap((place) =>
    statSync(join(root, place)).isFile()
      ? [join(root, place)]
      : readdirSync(join(root, place), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && /\.(md|ts)$/.test(entry.name))
          .map((entry) => join(entry.parentPath, entry.name))
  )
  const lines = told.flatMap((file) => readFileSync(file, "utf8").split("\n"))
  const commands = lines.flatMap((line) => line.match(/(npx )?\bnode \S+\.ts\b/g) ?? [])
  expect(commands.length).toBeGreaterThan(2)
  // the Node that comes along as a package
  expect(commands.filter((command) => !command.startsWith("npx "))).toEqual([])
})

describe("examples in the docs", () => {
  test("there are some", () => expect(examples.length).toBeGreaterThan(15))
  test.each(examples)("$name", async ({ file, body }) => {
    const scope = await scopeOf(file)
    const statements: Array<string> = []
    const checks: Array<readonly [string, string]> = []
    for (const line of body.split("\n").filter((one) => one.trim() !== "")) {
      const [expression, wanted] = line.split("// =>")
      if (wanted === undefined) statements.push(line)
      else checks.push([expression!.trim(), wanted.trim()])
    }
    expect(checks.length).toBeGreaterThan(0)
    const source = (expression: string) =>
      stripTypeScriptTypes(
        `async function example({ ${Object.keys(scope).join(", ")} }) {\n${statements.join("\n")}\nreturn (${expression})\n}`
      )
    for (const [expression, wanted] of checks) {
      const run = (what: string) => new Function(`${source(what)}; return example`)()(scope)
      expect(await run(expression), `${expression}`).toEqual(await run(wanted))
    }
  })
})
