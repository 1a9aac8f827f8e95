/** What is seen, without secrets. Names, numbers and times of an event stay as they are; values in it are hidden where they are secret. */
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { Patch, SeenEvent } from "./protocol.ts"
import { type Redact, redact } from "./redact.ts"
import { hidden, secrecy } from "./secrets.ts"

const isSecret = secrecy()

/**
 * Patches of a value that was redacted: they never lead into what was hidden. Whoever makes them makes them of the redacted values where
 * lists and texts may have been cut.
 */
export const redactPatches = (patches: ReadonlyArray<Patch>, hide: Redact = redact): ReadonlyArray<Patch> =>
  patches.map((patch) => {
    const at = patch.path.findIndex((part) => typeof part === "string" && isSecret(part) !== "open")
    if (at === -1) return patch.value === undefined ? patch : { ...patch, value: hide(patch.value) }
    const isWhole = at === patch.path.length - 1
    if (isWhole && patch.value === undefined) return patch
    return {
      op: isWhole ? patch.op : "replace",
      path: patch.path.slice(0, at + 1),
      value: isWhole ? fieldOf(String(patch.path[at]), patch.value, hide) : hidden
    }
  })

/** A value as it would be redacted in its place. */
const fieldOf = (key: string, value: unknown, hide: Redact): Json =>
  (hide({ [key]: value }) as { readonly [key: string]: Json })[key] ?? null

/** An event as it may leave the process. What has been redacted before costs nothing. */
export const redactEvent = (event: SeenEvent, hide: Redact = redact): SeenEvent => {
  switch (event.kind) {
    case "definition":
      return { ...event, ir: hide(event.ir) as unknown as WorkflowIR }
    // names that somebody wrote in code, and numbers
    case "chart":
    case "gone":
    case "message":
    case "command":
    case "run":
    case "journal":
    case "breaker":
    case "fault":
    case "status":
    case "actor":
    case "step": {
      const result: Record<string, unknown> = { ...event }
      for (const field of fields[event.kind]) if (result[field] !== undefined) result[field] = hide(result[field])
      if (event.kind === "step" && event.patches !== undefined) result["patches"] = redactPatches(event.patches, hide)
      return result as unknown as SeenEvent
    }
    case "task":
    case "attempt":
    case "wait":
    case "agent":
    case "reset":
    case "gap":
      return event
  }
}

/** The fields of an event that hold what strangers gave. */
const fields = {
  chart: [],
  gone: ["output", "error"],
  message: ["data"],
  command: ["params"],
  run: ["input"],
  journal: ["message"],
  breaker: ["facts"],
  fault: ["text", "broken"],
  status: ["output", "error"],
  actor: ["value", "context"],
  step: ["value", "context"]
} as const satisfies { readonly [kind in SeenEvent["kind"]]?: ReadonlyArray<string> }
