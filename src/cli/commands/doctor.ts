/** `troupe doctor`: is this installation fit to work, and is the store whole? Nothing of a damaged store is touched. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { breakerFault } from "../../engine/breaker-record.ts"
import { Orchestrator } from "../../engine/orchestrator.ts"
import { load } from "../../model/load.ts"
import type { Given } from "../arguments.ts"
import type { Command } from "../commands.ts"
import { CommandError, dim, exitCodes, green, red, tell, tellJson, yellow } from "../output.ts"
import { bar } from "../progress.ts"
import { type FileStore, storeOf } from "../store.ts"
import { version } from "../version.ts"

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly message: string
  readonly hint: string
  /** Something that was written is not there any more as it was. */
  readonly isDamage?: boolean
  readonly code?: string
  readonly run?: string
  readonly seq?: number
}

export const doctor: Command = async (given) => {
  const findings: Array<Finding> = [
    { check: "troupe", ok: true, message: version(), hint: "" },
    node(),
    dependency("xstate", "5."),
    dependency("effect", "4."),
    temporaryFiles(),
    await works(),
    ...(await storeFindings(given))
  ]
  const ok = findings.every((finding) => finding.ok)
  if (given.has("json")) await tellJson({ ok, findings: findings.map(({ isDamage: _, ...shown }) => shown) })
  else for (const finding of findings) tell(line(finding))
  if (ok) return exitCodes.ok
  return findings.some(({ isDamage }) => isDamage === true) ? exitCodes.store : exitCodes.failed
}

const line = ({ ok, isDamage = false, check, message, hint }: Finding): string =>
  `${ok ? green("✓") : isDamage ? red("✗") : yellow("!")} ${check}: ${message}${hint === "" ? "" : dim(` (${hint})`)}`

/** A store that was named is there to be looked at; the usual one is, if it exists. */
const storeFindings = async (given: Given): Promise<ReadonlyArray<Finding>> => {
  const store = storeOf(given)
  const acceptsLoss = given.has("accept-loss")
  if (store.kind === "memory") {
    if (acceptsLoss)
      throw new CommandError("a store in memory has nothing to lose", "usage", "give --store sqlite:PATH")
    return []
  }
  if (given.text("store") === undefined && !acceptsLoss && !existsSync(store.path)) return []
  const found = await examined(store, false)
  if (!acceptsLoss) return found
  if (!found.some(({ code }) => code === "STORE_NO_WAL")) {
    const message = "the store has not lost its '-wal' file: nothing was done"
    return [...found, { check: "accept-loss", ok: true, message, hint: "" }]
  }
  return accept(store)
}

const examined = async ({ path }: FileStore, acceptLoss: boolean): Promise<ReadonlyArray<Finding>> => {
  const { examine } = await import("../../storage/sqlite/examine.ts")
  const shown = bar("looking through")
  try {
    const findings = await examine({ path, acceptLoss, progress: shown.set, readShared: breakerFault })
    return findings.map(({ is, ...finding }) => ({ ...finding, ok: is === "ok", isDamage: is === "damage" }))
  } finally {
    shown.end()
  }
}

/** Opens a store that has lost its log, but only one that is whole without it. */
const accept = async (store: FileStore): Promise<ReadonlyArray<Finding>> => {
  const left = await examined(store, true)
  if (left.some(({ isDamage }) => isDamage === true)) return left
  const { sqliteJournal } = await import("../../storage/sqlite/journal.ts")
  const Effect = await import("effect/Effect")
  const journal = await sqliteJournal({ path: store.path, mustExist: true, acceptLoss: true })
  const { epoch } = await Effect.runPromise(journal.claim())
  await Effect.runPromise(journal.close(epoch))
  const message = "what was left has been accepted: the store opens again, without what was in the '-wal' file"
  return [...left, { check: "accept-loss", ok: true, message, hint: "" }]
}

const node = (): Finding => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  const ok = major > 22 || (major === 22 && minor >= 19)
  return {
    check: "node",
    ok,
    message: `${process.version} on ${process.platform} ${process.arch}`,
    hint: ok ? "" : "Troupe needs 22.19 or newer"
  }
}

const dependency = (name: string, wanted: string): Finding => {
  try {
    const { version: found } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string }
    return {
      check: name,
      ok: found.startsWith(wanted),
      message: found,
      hint: found.startsWith(wanted) ? "" : `Troupe is made for ${wanted}x`
    }
  } catch {
    return { check: name, ok: false, message: "not installed", hint: "run npm install" }
  }
}

const temporaryFiles = (): Finding => {
  try {
    const folder = mkdtempSync(join(tmpdir(), "troupe-"))
    writeFileSync(join(folder, "probe"), "")
    rmSync(folder, { recursive: true })
    return { check: "temporary files", ok: true, message: tmpdir(), hint: "" }
  } catch (error) {
    return {
      check: "temporary files",
      ok: false,
      message: (error as Error).message,
      hint: "make the folder writable, or set TMPDIR"
    }
  }
}

/** Runs a workflow of two tasks. */
const works = async (): Promise<Finding> => {
  try {
    await using orchestrator = await Orchestrator.open()
    const probe = await load({
      ir: 1,
      name: "probe",
      tasks: [
        { id: "a", kind: "echo", input: { $: "input" } },
        { id: "b", kind: "echo", input: { $: "a" } }
      ],
      output: { $: "b" }
    })
    const answer = await orchestrator.execute(probe, "well")
    return { check: "a workflow", ok: answer === "well", message: "runs", hint: "" }
  } catch (error) {
    return { check: "a workflow", ok: false, message: (error as Error).message, hint: "reinstall the package" }
  }
}
