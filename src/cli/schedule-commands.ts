/** The commands of schedules: what each takes, and what people read about it. */
import type { CommandSpec } from "./commands.ts"
import { causeOptions, fileStoreOption, jsonOption } from "./verbs.ts"

export const scheduleCommands = {
  schedules: {
    summary: "list the schedules of a store: when each fires next, and what waits or is under way",
    positionals: [],
    options: { ...fileStoreOption, ...jsonOption },
    example: "troupe schedules --json",
    load: async () => (await import("./commands/schedules.ts")).schedules
  },
  schedule: {
    summary: "begin runs by the clock: make or change a schedule, pause, resume or remove it, make up for the past",
    positionals: ["add|pause|resume|remove|backfill|next", "NAME", "[FILE]"],
    options: {
      cron: { value: "ENTRY", help: "minute hour day month weekday, or six fields with seconds first" },
      zone: { value: "ZONE", help: "whose clocks the entry follows, like Europe/Oslo (default: UTC)" },
      every: { value: "TIME", help: "at a fixed rate, like 15m, counted in UTC" },
      at: { value: "TIME", help: "once, like 2026-11-20T02:30:00Z" },
      from: { value: "TIME", help: "not before; of backfill: where it begins" },
      until: { value: "TIME", help: "not after" },
      to: { value: "TIME", help: "of backfill: where it ends" },
      input: { value: "JSON|@file|-", help: "what each run gets (default: {})" },
      "due-as": { value: "FIELD", help: "the field of the input that gets the time at which it is due" },
      missed: { value: "P", help: "what was due while nobody was there: skip, last (default) or all" },
      "late-after": { value: "TIME", help: "how late is not missed yet (default: 1m)" },
      overlap: { value: "P", help: "while a run is under way: skip (default), queue, replace or allow" },
      "max-active": { value: "N", help: "runs under way at once (default: 1)" },
      "waiting-max": { value: "N", help: "firings that wait for their turn (default: 100)" },
      jitter: { value: "TIME", help: "begin up to so much later (default: 0)" },
      revision: { value: "N", help: "only if it is still as it was seen; 0: only if there is none" },
      limit: { value: "N", help: "of next: how many (default: 5)" },
      export: { value: "NAME", help: "which export of a code file is the workflow (default: the default export)" },
      ...causeOptions,
      ...fileStoreOption,
      ...jsonOption
    },
    example: 'troupe schedule add nightly report.yaml --cron "30 2 * * *" --zone Europe/Oslo',
    load: async () => (await import("./commands/schedule.ts")).schedule
  },
  serve: {
    summary: "drive the runs of a store, and begin those of its schedules, until interrupted",
    positionals: ["[FILE…]"],
    options: {
      allow: {
        value: "LIST",
        help: "kinds that may reach outside: shell, http, module; http:HOST lists hosts, comma separated"
      },
      export: { value: "NAME", help: "which export of a code file is the workflow (default: the default export)" },
      ...fileStoreOption,
      ...jsonOption
    },
    example: "troupe serve report.ts --allow http",
    load: async () => (await import("./commands/serve.ts")).serve
  }
} satisfies Record<string, CommandSpec>
