/** The commands: what each takes, says about itself, and where it is. A command that is listed works. */

import { suggest } from "../model/ids.ts"
import type { Given } from "./arguments.ts"
import { bold, dim } from "./output.ts"

export type Command = (given: Given) => Promise<number>

export interface CommandSpec {
  readonly summary: string
  readonly positionals: ReadonlyArray<string>
  readonly options: { readonly [name: string]: { readonly value?: string; readonly help: string } }
  readonly example: string
  readonly load: () => Promise<Command>
}

const exportOption = {
  export: { value: "NAME", help: "which export of a code file is the workflow (default: the default export)" }
}
const allowOption = {
  allow: {
    value: "LIST",
    help: "kinds that may reach outside: shell, http, module; http:HOST lists hosts, comma separated"
  }
}
const storeOption = { store: { value: "STORE", help: "where runs are written: memory" } }

export const commands = {
  run: {
    summary: "run a workflow to its end",
    positionals: ["FILE"],
    options: {
      input: { value: "JSON|@file|-", help: "what the run gets (default: {})" },
      id: { value: "ID", help: "names the run" },
      ...storeOption,
      ...exportOption,
      ...allowOption,
      "var-scale": { value: "N", help: "divides the length of all waits by N" },
      json: { help: "print one JSON value" }
    },
    example: `troupe run hello.json --input '{"n": 3}'`,
    load: async () => (await import("./commands/run.ts")).run
  },
  check: {
    summary: "list everything that is wrong with a workflow",
    positionals: ["FILE"],
    options: { ...exportOption, ...allowOption, json: { help: "print one JSON value" } },
    example: "troupe check hello.yaml --json",
    load: async () => (await import("./commands/check.ts")).check
  },
  plan: {
    summary: "show stages, critical path and schedule without running anything",
    positionals: ["FILE"],
    options: {
      resources: { value: "JSON|@file", help: 'what there is: {"cpu": 8} or {"workers": [{"id": "w1"}]}' },
      policy: {
        value: "NAME",
        help: "which ready task goes first: critical-path (default), priority, fifo, shortest, longest"
      },
      ...exportOption,
      json: { help: "print one JSON value" }
    },
    example: `troupe plan hello.json --resources '{"cpu": 4}'`,
    load: async () => (await import("./commands/plan.ts")).plan
  },
  schema: {
    summary: "print the JSON Schema of workflow files",
    positionals: [],
    options: { json: { help: "the schema is JSON anyway" } },
    example: "troupe schema > workflow.schema.json",
    load: async () => (await import("./commands/schema.ts")).schema
  },
  backup: {
    summary: "copy a store into a new file, also while another process works with it",
    positionals: ["FILE"],
    options: { store: { value: "STORE", help: "sqlite:PATH" }, json: { help: "print one JSON value" } },
    example: "troupe backup copy.db --store sqlite:troupe.db",
    load: async () => (await import("./commands/backup.ts")).backup
  },
  "export-run": {
    summary: "write one run with its definition and history to a file",
    positionals: ["ID"],
    options: {
      store: { value: "STORE", help: "sqlite:PATH" },
      out: { value: "FILE", help: "where to (default: ID.run.json); - for standard output" },
      "good-part": { help: "of a damaged run, what comes before the damage" },
      json: { help: "print one JSON value" }
    },
    example: "troupe export-run r-17 --store sqlite:troupe.db",
    load: async () => (await import("./commands/export-run.ts")).exportRun
  },
  "import-run": {
    summary: "take in a run that was exported from another store",
    positionals: ["FILE"],
    options: {
      store: { value: "STORE", help: "sqlite:PATH" },
      who: { value: "NAME", help: "who asks, kept in the history" },
      why: { value: "TEXT", help: "why, kept in the history" },
      json: { help: "print one JSON value" }
    },
    example: "troupe import-run r-17.run.json --store sqlite:other.db",
    load: async () => (await import("./commands/import-run.ts")).importRun
  },
  doctor: {
    summary: "check this installation",
    positionals: [],
    options: { ...storeOption, json: { help: "print one JSON value" } },
    example: "troupe doctor",
    load: async () => (await import("./commands/doctor.ts")).doctor
  }
} satisfies Record<string, CommandSpec>
export type CommandName = keyof typeof commands

export const generalHelp = (): string => {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  return [
    `${bold("troupe")}: durable workflows of agents and tasks, as live actors`,
    "",
    `usage: troupe COMMAND … [--json]      ${dim("troupe COMMAND --help says more, troupe --version the version")}`,
    "",
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "exit codes: 0 ok, 1 failed or problems found, 2 wrong usage, 3 invalid workflow file, 4 cancelled or paused, 5 store, 130 interrupted"
  ].join("\n")
}

export const commandHelp = (name: string): string => {
  const spec = Object.hasOwn(commands, name) ? (commands as Record<string, CommandSpec>)[name]! : undefined
  if (spec === undefined)
    return `there is no command '${name}'${suggest(name, Object.keys(commands)).replace(/^/, ": ")}`
  const shown = Object.entries(spec.options).map(
    ([option, { value, help }]) => [`--${option}${value === undefined ? "" : ` ${value}`}`, help] as const
  )
  const width = Math.max(...shown.map(([left]) => left.length))
  return [
    `${bold(`troupe ${name}`)}: ${spec.summary}`,
    "",
    `usage: troupe ${[name, ...spec.positionals].join(" ")} [options]`,
    "",
    ...shown.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    "",
    `example: ${spec.example}`
  ].join("\n")
}
