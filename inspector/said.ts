/** Each event as one line of the log: what it is about, and what it says. */
import type { SeenEvent, SeenKind } from "../src/inspect/protocol.ts"
import type { Mark } from "./axis.ts"
import { brief, clock, length, plain, stateText } from "./format.ts"

export const kinds: ReadonlyArray<SeenKind> = [
  "journal",
  "task",
  "attempt",
  "wait",
  "status",
  "step",
  "message",
  "command",
  "actor",
  "gone",
  "breaker",
  "agent",
  "fault",
  "run",
  "definition",
  "chart",
  "reset",
  "gap"
]

/** Who an event is about: an actor's key, a task's path, a name. */
export const about = (event: SeenEvent): string => {
  if ("task" in event && typeof event.task === "string" && event.kind !== "actor") return event.task
  if ("actor" in event) return event.actor
  switch (event.kind) {
    case "journal":
      return "task" in event.message && event.message.task !== "" ? event.message.task : event.run
    case "breaker":
      return event.name
    case "agent":
      return event.id
    case "chart":
      return event.logic
    case "definition":
      return event.ir.name
    case "gap":
      return ""
    default:
      return event.run
  }
}

/** What it says. */
export const said = (event: SeenEvent, most = 160): string => {
  switch (event.kind) {
    case "definition":
      return `${plain(event.ir.name)}: ${event.ir.tasks.length} tasks`
    case "chart":
      return `${event.shape.states.length} states, ${event.shape.edges.length} edges`
    case "actor":
      return `comes as ${plain(event.logic)}${event.value === undefined ? "" : ` in ${stateText(event.value)}`}`
    case "gone":
      return event.how === "done"
        ? `is done${tail(event.output, most)}`
        : `ends: ${event.how}${tail(event.error, most)}`
    case "message":
      return `${plain(event.type)}${event.from === undefined ? "" : ` from ${plain(event.from)}`}${tail(event.data, most)}`
    case "step": {
      const { from, to } = event
      const way = from === undefined || to === undefined ? "" : `: ${last(from)} → ${last(to)}`
      const size = event.patches?.length ?? 0
      return `${plain(event.event)}${way}${size === 0 ? "" : ` · ${size} ${size === 1 ? "change" : "changes"}`}`
    }
    case "command":
      return `${plain(event.type)}${tail(event.params, most)}`
    case "run":
      return `begins with ${brief(event.input, most)}`
    case "journal": {
      const { type, at: _, ...rest } = event.message
      const { task: __, ...facts } = rest as Record<string, unknown>
      return `#${event.n} ${type}${Object.keys(facts).length === 0 ? "" : ` ${brief(facts, most)}`}`
    }
    case "task":
      return event.status
    case "attempt":
      return `attempt ${event.attempt} begins${event.agent === undefined ? "" : ` at ${plain(event.agent)}`}`
    case "wait":
      return event.for === undefined
        ? "waits no longer"
        : `waits: ${event.for}${event.dueAt === undefined ? "" : ` until ${clock(event.dueAt)} (${length(event.dueAt - event.t)})`}`
    case "status":
      return `${event.status}, ${Math.round(event.percent)} %${event.error === undefined ? "" : `: ${plain(event.error.message)}`}`
    case "breaker":
      return `${plain(event.state)}${tail(event.facts, most)}`
    case "agent":
      return `${event.load} of ${event.capacity}`
    case "fault":
      return `${plain(event.text)}${event.broken === undefined ? "" : ` · breaks ${plain(event.broken)}`}`
    case "reset":
      return "its past was changed: what follows is told anew"
    case "gap":
      return `${event.lost} not told`
  }
}

const tail = (value: unknown, most: number) => (value === undefined || value === null ? "" : ` ${brief(value, most)}`)
const last = (id: string) => plain(id.includes(".") ? id.slice(id.indexOf(".") + 1) : id)

const decisions: ReadonlySet<string> = new Set([
  "gate.answered",
  "gate.rejected",
  "signal.received",
  "run.paused",
  "run.resumed",
  "run.cancelled",
  "run.amended",
  "run.rolledBack",
  "run.rewinding"
])

/** The mark that it gets on the slider. */
export const markOf = (event: SeenEvent): Mark | undefined => {
  switch (event.kind) {
    case "fault":
      return "fault"
    case "attempt":
      return "attempt"
    case "task":
      return event.status === "failed" ? "failure" : undefined
    case "journal":
      return event.message.type === "attempt.failed"
        ? "failure"
        : decisions.has(event.message.type)
          ? "decision"
          : undefined
    default:
      return undefined
  }
}
