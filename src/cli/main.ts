/** The `troupe` command: a thin face over the public API. Commands are loaded when they are used, so that starting is quick. */
import { ImportRefused, TroupeError } from "../model/errors.ts"
import { suggest } from "../model/ids.ts"
import { parse } from "./arguments.ts"
import { type CommandName, commandHelp, commands, generalHelp } from "./commands.ts"
import { CommandError, exitCodes, say } from "./output.ts"
import { version } from "./version.ts"

// a reader that has seen enough (head, a pager) is no reason to complain
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok)
  throw error
})

/** Runs a command line; resolves with the exit code. */
export const main = async (argv: ReadonlyArray<string>): Promise<number> => {
  const [first, ...rest] = argv
  if (first === "--version" || first === "-v") return print(version())
  if (first === undefined || first === "--help" || first === "-h" || first === "help")
    return print(first === "help" && rest[0] !== undefined ? commandHelp(rest[0]) : generalHelp())
  if (!Object.hasOwn(commands, first)) {
    return complain(
      new CommandError(
        `there is no command '${first}'`,
        "usage",
        suggest(first, Object.keys(commands)) || 'see "troupe --help"'
      ),
      false
    )
  }
  const name = first as CommandName
  if (rest.includes("--help") || rest.includes("-h")) return print(commandHelp(name))
  const json = rest.includes("--json") || rest.includes("--jsonl")
  try {
    const given = parse(name, commands[name], rest)
    return await (await commands[name].load())(given)
  } catch (error) {
    return complain(error, json)
  }
}

const print = (text: string): number => {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`)
  return exitCodes.ok
}

/** One sentence on stderr; with `--json` the same as one value on stdout. */
const complain = (error: unknown, json: boolean): number => {
  const known =
    error instanceof CommandError
      ? error
      : error instanceof TroupeError
        ? new CommandError(error.message, exitOf(error), "", error)
        : undefined
  if (known === undefined) {
    say(`troupe: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    if (json) process.stdout.write(`${JSON.stringify({ error: { code: "UNEXPECTED", message: String(error) } })}\n`)
    return exitCodes.failed
  }
  say(`troupe: ${known.message}${known.hint === "" ? "" : ` (${known.hint})`}`)
  if (json) process.stdout.write(`${JSON.stringify({ error: known.toJSON() })}\n`)
  return exitCodes[known.kind]
}

const exitOf = (error: TroupeError): CommandError["kind"] => {
  // a file that is no run is wrong like a workflow file that is none
  if (error instanceof ImportRefused) return error.reason === "exists" ? "failed" : "invalid"
  switch (error._tag) {
    case "InvalidWorkflow":
    case "ConstraintsConflict":
      return "invalid"
    case "InvalidOption":
    case "InvalidId":
    case "IdempotencyMismatch":
    case "SchemaMismatch":
    case "BackupRefused":
    case "InspectorRefused":
    case "RecordingRefused":
      return "usage"
    case "RecordingBroken":
    case "RecordingTooNew":
      return "invalid"
    case "RequestRefused":
      return error.code === "IDEMPOTENCY_MISMATCH" || error.code === "SCHEMA_MISMATCH" ? "usage" : "failed"
    case "SequenceConflict":
    case "StaleOwner":
    case "JournalFull":
    case "JournalBusy":
    case "JournalBroken":
    case "JournalCorrupt":
    case "StoreInUse":
    case "StoreUnusable":
    case "OwnerSilent":
    case "OwnerGone":
      return "store"
    default:
      return "failed"
  }
}
