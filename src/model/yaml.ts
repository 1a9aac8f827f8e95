/** YAML within bounds: core schema only, no tags of strangers, no merge keys, aliases limited, depth checked before parsing. */
import { parseDocument, visit } from "yaml"
import { limits } from "./limits.ts"
import { syntax } from "./load.ts"

/** Most nodes that aliases may add up to. */
const aliasMax = 100

/** The value of YAML text; throws `InvalidWorkflow` with `YAML_SYNTAX`, `YAML_ALIAS`, `YAML_TAG` or `LIMIT_DEPTH`. */
export const readYaml = (text: string): unknown => {
  const deepest = depthOf(text)
  if (deepest > limits.depth * 4)
    throw syntax("LIMIT_DEPTH", `the document is nested about ${deepest} levels deep`, "flatten it")
  const document = parseDocument(text, {
    schema: "core",
    merge: false,
    version: "1.2",
    strict: true,
    uniqueKeys: true,
    prettyErrors: true,
    logLevel: "silent"
  })
  let aliases = 0
  visit(document, {
    Alias: () => {
      aliases++
    },
    Node: (_, node) => {
      const { tag } = node as { tag?: string }
      if (tag !== undefined && !coreTags.has(tag))
        throw syntax("YAML_TAG", `the tag ${tag} is not allowed: documents are data`, "write plain values")
    },
    Pair: (_, { key }) => {
      if ((key as { value?: unknown } | null)?.value === "<<")
        throw syntax("YAML_ALIAS", "merge keys ('<<') are not supported", "write the keys out")
    }
  })
  const tag = [...document.errors, ...document.warnings].find(({ code }) => code === "TAG_RESOLVE_FAILED")
  if (tag !== undefined) throw syntax("YAML_TAG", firstLine(tag.message), "write plain values: documents are data")
  const wrong = document.errors[0]
  if (wrong !== undefined) {
    const [at] = wrong.linePos ?? []
    throw syntax(
      "YAML_SYNTAX",
      `${firstLine(wrong.message)}${at === undefined || wrong.message.includes("at line") ? "" : ` (line ${at.line}, column ${at.col})`}`,
      "check the indentation"
    )
  }
  if (aliases > aliasMax)
    throw syntax(
      "YAML_ALIAS",
      `the document has ${aliases} aliases and at most ${aliasMax} are allowed`,
      "write the values out"
    )
  try {
    return document.toJS({ maxAliasCount: aliasMax })
  } catch (error) {
    throw syntax("YAML_ALIAS", firstLine(String((error as Error).message)), "write the values out")
  }
}

const coreTags = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`)
)
const firstLine = (message: string) => message.split("\n")[0]!.replace(/:$/, "")

/** An estimate of the nesting, from indentation, list dashes and open brackets, without parsing. */
const depthOf = (text: string): number => {
  let open = 0
  let deepest = 0
  for (const line of text.split("\n")) {
    const content = line.trimStart()
    const dashes = /^(?:-\s+)*/.exec(content)![0].length / 2
    const blocks = Math.ceil((line.length - content.length) / 2) + dashes
    deepest = Math.max(deepest, blocks)
    for (const char of content) {
      if (char === "[" || char === "{") deepest = Math.max(deepest, ++open + blocks)
      else if (char === "]" || char === "}") open = Math.max(0, open - 1)
    }
  }
  return deepest
}
