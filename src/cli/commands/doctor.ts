/** `troupe doctor`: is this installation fit to work? */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Orchestrator } from "../../engine/orchestrator.ts"
import { load } from "../../model/load.ts"
import type { Command } from "../commands.ts"
import { CommandError, dim, exitCodes, green, red, tell, tellJson } from "../output.ts"
import { version } from "../version.ts"

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly message: string
  readonly hint: string
}

export const doctor: Command = async (given) => {
  const store = given.text("store") ?? "memory"
  if (store !== "memory") throw new CommandError(`the store '${store}' is not known`, "usage", "stores: memory")
  const findings = [
    { check: "troupe", ok: true, message: version(), hint: "" },
    node(),
    dependency("xstate", "5."),
    dependency("effect", "4."),
    temporaryFiles(),
    await works()
  ]
  const ok = findings.every((finding) => finding.ok)
  if (given.has("json")) await tellJson({ ok, findings })
  else
    for (const finding of findings)
      tell(
        `${finding.ok ? green("✓") : red("✗")} ${finding.check}: ${finding.message}${finding.hint === "" ? "" : dim(` (${finding.hint})`)}`
      )
  return ok ? exitCodes.ok : exitCodes.failed
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
