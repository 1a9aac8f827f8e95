/** Verbs of a run as commands. What each takes stands in `verbs` (engine/steering.ts); here is what people read. */
import type { VerbName } from "../engine/steering.ts"
import type { CommandSpec } from "./commands.ts"

export const fileStoreOption = { store: { value: "STORE", help: "sqlite:PATH (default: sqlite:.troupe/troupe.db)" } }
export const jsonOption = { json: { help: "print one JSON value" } }
export const causeOptions = {
  who: { value: "NAME", help: "who asks, kept in the history (default: your user name)" },
  why: { value: "TEXT", help: "why, kept in the history" }
}

/** `done` is what the run then is, while it runs. */
export const steering = (
  verb: VerbName,
  summary: string,
  done: string,
  more: Partial<CommandSpec> = {}
): CommandSpec => ({
  summary,
  positionals: ["ID"],
  example: `troupe ${verb} r-17 --why "the market is closed"`,
  load: async () => (await import("./commands/steer.ts")).steer(verb, done),
  ...more,
  options: { ...more.options, ...causeOptions, ...fileStoreOption, ...jsonOption }
})

/** What people and outside systems say to gates. */
export const gateCommands = {
  answer: steering("answer", "answer a gate of a run", "going on", {
    positionals: ["ID", "GATE", "JSON"],
    example: "troupe answer r-17 approved true"
  }),
  reject: steering("reject", "say no at a gate of a run", "going on", {
    positionals: ["ID", "GATE", "REASON"],
    example: 'troupe reject r-17 approved "too dear"'
  }),
  signal: steering("signal", "tell a run what happened outside", "going on", {
    positionals: ["ID", "NAME", "[JSON]"],
    example: `troupe signal r-17 payment '{"amount": 12}'`
  })
}
