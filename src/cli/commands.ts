/** The commands: what each takes, says about itself, and where it is. A command that is listed works. */

import { suggest } from "../model/ids.ts"
import type { Given } from "./arguments.ts"
import { bold, dim } from "./output.ts"
import { scheduleCommands } from "./schedule-commands.ts"
import { causeOptions, fileStoreOption, gateCommands, jsonOption, steering } from "./verbs.ts"

export type Command = (given: Given) => Promise<number>

export interface CommandOption {
  /** What stands behind it; a flag when absent. */
  readonly value?: string
  readonly help: string
  readonly isRepeatable?: boolean
}

export interface CommandSpec {
  readonly summary: string
  /** `[X]` may be missing, `X…` may be several. */
  readonly positionals: ReadonlyArray<string>
  readonly options: { readonly [name: string]: CommandOption }
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
const storeOption = {
  store: { value: "STORE", help: "where runs are written: memory, or sqlite:PATH (default: sqlite:.troupe/troupe.db)" }
}
const scaleOption = { "var-scale": { value: "N", help: "divides the length of all waits by N" } }
const seenOption = {
  seen: { value: "N", help: "only if the run still has N messages, as 'troupe show' said" }
}

export const commands = {
  run: {
    summary: "run a workflow to its end",
    positionals: ["FILE"],
    options: {
      input: { value: "JSON|@file|-", help: "what the run gets (default: {})" },
      id: { value: "ID", help: "names the run; if the store has it with the same input, it goes on where it was" },
      ...storeOption,
      ...exportOption,
      ...allowOption,
      ...scaleOption,
      inspect: { help: "show the run in the browser while it goes on" },
      ...jsonOption
    },
    example: `troupe run hello.json --input '{"n": 3}'`,
    load: async () => (await import("./commands/run.ts")).run
  },
  start: {
    summary: "write a run to the store and print its id",
    positionals: ["FILE"],
    options: {
      input: { value: "JSON|@file|-", help: "what the run gets (default: {})" },
      id: { value: "ID", help: "names the run; the same id with the same input is the same run" },
      at: { value: "TIME", help: "when it begins, like 2026-11-20T02:30:00Z (default: at once)" },
      ...fileStoreOption,
      ...exportOption,
      ...jsonOption
    },
    example: `troupe start hello.json --input '{"n": 3}'`,
    load: async () => (await import("./commands/start.ts")).start
  },
  resume: {
    summary: "drive unfinished runs to their end; with an ID, that one, also when it is paused",
    positionals: ["[ID]", "[FILE…]"],
    options: {
      workflow: { value: "FILE", help: "brings code that runs need; as often as needed", isRepeatable: true },
      ...fileStoreOption,
      ...exportOption,
      ...allowOption,
      ...scaleOption,
      ...causeOptions,
      jsonl: { help: "print one JSON value a run, as each ends" },
      ...jsonOption
    },
    example: "troupe resume r-17 orders.ts",
    load: async () => (await import("./commands/resume.ts")).resume
  },
  runs: {
    summary: "list the runs of a store, newest first",
    positionals: [],
    options: {
      status: {
        value: "S",
        help: "running, paused, waiting, parked, succeeded, failed, cancelled or quarantined"
      },
      workflow: { value: "NAME", help: "only runs of that workflow" },
      limit: { value: "N", help: "most runs of a page, 1 to 1,000 (default: 20)" },
      cursor: { value: "C", help: "where the page before ended" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe runs --status failed",
    load: async () => (await import("./commands/runs.ts")).runs
  },
  show: {
    summary: "show how a run stands and what it waits for",
    positionals: ["ID"],
    options: {
      at: { value: "N", help: "as it was after message N, as 'troupe events' counts them" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe show r-17 --at 12",
    load: async () => (await import("./commands/show.ts")).show
  },
  events: {
    summary: "print what happened to a run, in order",
    positionals: ["ID"],
    options: {
      follow: { help: "go on until the run ends" },
      jsonl: { help: "print one JSON value a message (also without a terminal)" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe events r-17 --follow",
    load: async () => (await import("./commands/events.ts")).events
  },
  pause: steering("pause", "let no attempt of a run begin until it is resumed", "being paused"),
  step: steering("step", "let one attempt of a paused run begin", "paused, one attempt further"),
  fault: steering("fault", "make the next attempt of a task go wrong, in a development run", "going on", {
    positionals: ["ID", "TASK", "FAULT"],
    options: { ms: { value: "N", help: "how much longer a slow attempt takes (default: 5,000)" } },
    example: 'troupe fault r-17 charge throw --why "what would the customer see?"'
  }),
  cancel: steering("cancel", "end a run", "being cancelled", {
    options: { force: { help: "do not wait for attempts that are at work" } }
  }),
  retry: steering("retry", "do failed tasks of a run again: all, or one", "going on", {
    positionals: ["ID", "[TASK]"],
    options: seenOption,
    example: 'troupe retry r-17 charge --why "the bank is back"'
  }),
  skip: steering("skip", "give a task that failed, or is at work, its result", "going on", {
    positionals: ["ID", "TASK", "[JSON]"],
    options: seenOption,
    example: `troupe skip r-17 quote '{"price": 12}' --why "asked by phone"`
  }),
  fail: steering("fail", "give up a failed task that waits for a person", "going on", {
    positionals: ["ID", "TASK"],
    options: seenOption,
    example: 'troupe fail r-17 charge --why "the customer has gone"'
  }),
  ...gateCommands,
  rollback: steering("rollback", "take a run back to where it was after a message", "going on", {
    options: {
      to: { value: "N", help: "the message, as 'troupe events' counts them" },
      ...seenOption
    },
    example: 'troupe rollback r-17 --to 4 --why "wrong prices"'
  }),
  breakers: {
    summary: "list the circuit breakers of a store, and how each stands",
    positionals: [],
    options: { ...fileStoreOption, ...jsonOption },
    example: "troupe breakers --json",
    load: async () => (await import("./commands/breakers.ts")).breakers
  },
  breaker: {
    summary: "keep a circuit breaker open or closed by hand, or reset it",
    positionals: ["NAME", "open|close|reset"],
    options: { ...causeOptions, ...fileStoreOption, ...jsonOption },
    example: 'troupe breaker bank open --why "maintenance until noon"',
    load: async () => (await import("./commands/breaker.ts")).breaker
  },
  bulkheads: {
    summary: "list the bulkheads of whoever has the store, and how full each is",
    positionals: [],
    options: { ...fileStoreOption, ...jsonOption },
    example: "troupe bulkheads --json",
    load: async () => (await import("./commands/occupancy.ts")).bulkheads
  },
  rates: {
    summary: "list the rates of whoever has the store, and how each is used",
    positionals: [],
    options: { ...fileStoreOption, ...jsonOption },
    example: "troupe rates --json",
    load: async () => (await import("./commands/occupancy.ts")).rates
  },
  ...scheduleCommands,
  check: {
    summary: "list everything that is wrong with a workflow",
    positionals: ["FILE"],
    options: { ...exportOption, ...allowOption, ...jsonOption },
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
        help: "which ready task goes first: critical-path, priority, fifo, shortest, longest (default: the best of a few rules)"
      },
      effort: { value: "N", help: "schedules to generate in search of a better one (default: 0, the rules alone)" },
      seed: { value: "N", help: "the same seed finds the same schedule (default: 1)" },
      ...exportOption,
      ...jsonOption
    },
    example: `troupe plan hello.json --resources '{"cpu": 4}' --effort 1000`,
    load: async () => (await import("./commands/plan.ts")).plan
  },
  graph: {
    summary: "write the graph of a workflow for Mermaid or Graphviz",
    positionals: ["FILE"],
    options: { to: { value: "NAME", help: "mermaid (default) or dot" }, ...exportOption, ...jsonOption },
    example: "troupe graph hello.yaml --to dot",
    load: async () => (await import("./commands/graph.ts")).graph
  },
  inspect: {
    summary: "see the runs of a store, a recording, or a workflow before it runs, in the browser",
    positionals: ["[FILE|RECORDING]"],
    options: {
      port: { value: "N", help: "where to listen, on this machine only (default: one that is free)" },
      control: { help: "let viewers act on runs; each act is kept in the history with who and why" },
      "no-open": { help: "do not open the browser" },
      force: { help: "also where NODE_ENV is 'production'" },
      who: { value: "NAME", help: "who looks, kept in the history (default: your user name)" },
      ...exportOption,
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe inspect --store sqlite:.troupe/troupe.db --control",
    load: async () => (await import("./commands/inspect.ts")).inspect
  },
  record: {
    summary: "write what happened in a run to a file that the inspector opens",
    positionals: ["ID"],
    options: {
      out: { value: "FILE", help: "where to: .jsonl, .jsonl.gz or .jsonl.zst (default: ID.troupe.jsonl.zst)" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe record r-17 --out r-17.troupe.jsonl.zst",
    load: async () => (await import("./commands/record.ts")).record
  },
  report: {
    summary: "write a run, or a recording, as one HTML file that opens without a network",
    positionals: ["ID|RECORDING"],
    options: {
      out: { value: "FILE", help: "where to (default: ID.report.html)" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe report r-17 --out r-17.html",
    load: async () => (await import("./commands/report.ts")).report
  },
  chaos: {
    summary: "look for a way to break a workflow: thousands of simulated runs in which things go wrong",
    positionals: ["FILE"],
    options: {
      runs: { value: "N", help: "executions (default: 1,000)" },
      seed: { value: "N", help: "the same seed finds the same" },
      path: { value: "P", help: "with the seed of a failure: where it was found" },
      faults: {
        value: "LIST",
        help: "families, comma separated: task, storage, crash, owners, clock, operator, agent, code, observer, network"
      },
      input: { value: "JSON|@file|-", help: "what the run gets (default: an example that fits the workflow's input)" },
      plan: { value: "FILE", help: "run this plan, or this kept failure, and nothing else" },
      corpus: { value: "FOLDER", help: "keep failures here, and run those that are kept first" },
      coverage: { help: "show what went wrong where, and what was never tried" },
      ...exportOption,
      json: { help: "print one JSON value" }
    },
    example: "troupe chaos order.yaml --runs 5000 --faults crash,storage",
    load: async () => (await import("./commands/chaos.ts")).chaos
  },
  repro: {
    summary: "write a test file from a run: what failed there fails in it, until it is mended",
    positionals: ["ID"],
    options: {
      out: { value: "FILE", help: "where to (default: ID.repro.test.ts); - for standard output" },
      ...fileStoreOption,
      json: { help: "print one JSON value" }
    },
    example: "troupe repro r-17 --store sqlite:.troupe/troupe.db",
    load: async () => (await import("./commands/repro.ts")).repro
  },
  prove: {
    summary: "go through every order of what can happen, with up to K faults anywhere",
    positionals: ["FILE"],
    options: {
      faults: { value: "K", help: "most faults of one execution, 0 to 10 (default: 1)" },
      budget: { value: "N", help: "most states; what is left then is sampled (default: 20,000)" },
      input: { value: "JSON|@file|-", help: "what the run gets (default: an example of what it takes)" },
      ...exportOption,
      json: { help: "print one JSON value" }
    },
    example: "troupe prove order.json --faults 2",
    load: async () => (await import("./commands/prove.ts")).prove
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
    options: { ...fileStoreOption, ...jsonOption },
    example: "troupe backup copy.db",
    load: async () => (await import("./commands/backup.ts")).backup
  },
  "export-run": {
    summary: "write one run with its definition and history to a file",
    positionals: ["ID"],
    options: {
      out: { value: "FILE", help: "where to (default: ID.run.json); - for standard output" },
      "good-part": { help: "of a damaged run, what comes before the damage" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe export-run r-17",
    load: async () => (await import("./commands/export-run.ts")).exportRun
  },
  "import-run": {
    summary: "take in a run that was exported from another store",
    positionals: ["FILE"],
    options: { ...causeOptions, ...fileStoreOption, ...jsonOption },
    example: "troupe import-run r-17.run.json --store sqlite:other.db",
    load: async () => (await import("./commands/import-run.ts")).importRun
  },
  doctor: {
    summary: "check this installation, and a store if there is one",
    positionals: [],
    options: {
      ...storeOption,
      "accept-loss": { help: "open a store that has lost its '-wal' file with what is left" },
      ...jsonOption
    },
    example: "troupe doctor --store sqlite:.troupe/troupe.db",
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
