/**
 * How every status looks, once: an icon, a word, a class that sets its colours, and a pattern. No picture tells a status by colour
 * alone. `Patterns` stands once in the page; whatever draws refers to them by `fill="url(#…)"`.
 *
 * A class `s-NAME` sets `--tone` (lines, icons, text on `--tone-soft`) and `--tone-soft` (areas); `theme.css` has the colours.
 */
import type { ComponentChildren } from "preact"
import type { PauseView } from "../src/inspect/view.ts"
import type { RunStatus, TaskStatus } from "../src/model/messages.ts"

/** One look. The path is drawn as a stroke of 1.5 in a box of 16 by 16. */
export interface Look {
  readonly label: string
  readonly icon: string
  /** `s-running`: sets `--tone` and `--tone-soft`. */
  readonly className: string
  /** Id of the pattern that fills areas: `p-running`. */
  readonly pattern: string
}

const look = (name: string, label: string, icon: string): Look => ({
  label,
  icon,
  className: `s-${name}`,
  pattern: `p-${name}`
})

const circle = "M8 2.25a5.75 5.75 0 1 1 0 11.5a5.75 5.75 0 0 1 0-11.5z"
const square = "M3.5 2.75h9a.75.75 0 0 1 .75.75v9a.75.75 0 0 1-.75.75h-9a.75.75 0 0 1-.75-.75v-9a.75.75 0 0 1 .75-.75z"

const pending = look(
  "pending",
  "Pending",
  "M8 2.25v0M10.9 3.05v0M13 5.15v0M13.75 8v0M13 10.85v0M10.9 12.95v0M8 13.75v0M5.1 12.95v0M3 10.85v0M2.25 8v0M3 5.15v0M5.1 3.05v0"
)
const running = look("running", "Running", `${circle}M6.75 5.5v5L10.75 8z`)
const waiting = look("waiting", "Waiting", `${circle}M8 4.75V8l2.25 1.5`)
const succeeded = look("succeeded", "Succeeded", `${circle}M5.5 8.25l1.75 1.75l3.25-3.75`)
const failed = look("failed", "Failed", `${circle}M5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2`)
const cancelled = look("cancelled", "Cancelled", `${circle}M4 12L12 4`)

export const taskLooks: Readonly<Record<TaskStatus, Look>> = {
  pending,
  ready: look("ready", "Ready", `${circle}M8 8v0`),
  running,
  waiting,
  succeeded,
  failed,
  skipped: look("skipped", "Skipped", "M2.5 11.5C4 4.5 11 4 13 10.5M13.5 6.5L13.1 10.7L9 10"),
  cancelled
}

export const runLooks: Readonly<Record<RunStatus, Look>> = {
  running,
  paused: look("paused", "Paused", `${circle}M6.5 5.75v4.5M9.5 5.75v4.5`),
  waiting,
  parked: look("parked", "Parked", `${square}M6.5 11.25v-6.5h2.25a2 2 0 0 1 0 4H6.5`),
  succeeded,
  failed,
  cancelled,
  quarantined: look(
    "quarantined",
    "Quarantined",
    "M8 1.9l5 1.9v3.7c0 3.2-2.1 5.5-5 6.6c-2.9-1.1-5-3.4-5-6.6V3.8zM8 5v3.5M8 10.9v0"
  )
}

/** An attempt; without an outcome it is at work. */
export const attemptLooks: Readonly<Record<"running" | "succeeded" | "failed" | "aborted" | "late", Look>> = {
  running,
  succeeded,
  failed,
  aborted: { ...cancelled, label: "Aborted" },
  late: look("late", "Late", `${circle}M8 4.75V8l-2.25 1.5M13.6 2.4l-1.4 1.4`)
}

/** Why a task is not at work. */
export const pauseLooks: Readonly<Record<PauseView["for"], Look>> = {
  slot: look("slot", "Waits for a slot", "M2.5 4.5h6M2.5 8h6M2.5 11.5h6M11 6l2.5 2L11 10"),
  backoff: look("backoff", "Backs off", "M3.2 6.2A5.25 5.25 0 1 1 2.75 8.5M2.6 2.9l.5 3.5l3.5-.5"),
  timer: look("timer", "Waits for a time", "M8 4.25a4.75 4.75 0 1 1 0 9.5a4.75 4.75 0 0 1 0-9.5zM8 6.75V9M6.5 2h3"),
  deadline: look("deadline", "Has a deadline", "M4 14V2.5h8l-2 3l2 3H4"),
  answer: look("answer", "Waits for an answer", "M2.5 3.5h11v7.25H8.25L5 13.5v-2.75H2.5zM8 8.6v0M8 5v1.9")
}

export type BreakerState = "closed" | "open" | "halfOpen" | "forcedOpen" | "forcedClosed"

/** A breaker passes current while it is closed. */
export const breakerLooks: Readonly<Record<BreakerState, Look>> = {
  closed: look("closed", "Closed: calls pass", "M1.5 8h13M5 6.25v3.5M11 6.25v3.5"),
  open: look("open", "Open: calls are refused", "M1.5 8h3L10 3.5M11.5 8h3M4.5 6.25v3.5M11.5 6.25v3.5"),
  halfOpen: look("halfopen", "Half open: a few try", "M1.5 8h3L10.5 5.75M11.5 8h3M4.5 6.25v3.5M11.5 6.25v3.5"),
  forcedOpen: look("open", "Held open by somebody", "M1.5 11h3L10 6.5M11.5 11h3M4.5 9.25v3.5M11.5 9.25v3.5M5 2h6v2.5"),
  forcedClosed: look("closed", "Held closed by somebody", "M1.5 11h13M5 9.25v3.5M11 9.25v3.5M5 2h6v2.5")
}

export type ActorStatus = "active" | "done" | "error" | "stopped"

export const actorLooks: Readonly<Record<ActorStatus, Look>> = {
  active: { ...running, label: "Active", icon: `${circle}M8 5.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 0 1 0-5z` },
  done: { ...succeeded, label: "Done" },
  error: { ...failed, label: "Error" },
  stopped: { ...cancelled, label: "Stopped" }
}

/** Takes back what another task did. */
export const undoLook = look("undo", "Takes back", "M5.75 3L2.5 6.25L5.75 9.5M2.5 6.25h7a3.75 3.75 0 0 1 0 7.5H6")
/** What a simulation did. */
export const faultLook = look("fault", "Fault", "M9.25 1.75L3.5 9h4l-.75 5.25L12.5 7h-4z")
/** A promise was broken here. */
export const brokenLook = look("fault", "Broken promise", "M8 2.25l6.25 11.25H1.75zM8 6.5v3M8 11.5v0")
/** Somebody outside decided something. */
export const decisionLook = look(
  "decision",
  "Decision",
  "M8 2.5a2.75 2.75 0 1 1 0 5.5a2.75 2.75 0 0 1 0-5.5zM2.75 13.75c.5-3 2.5-4.25 5.25-4.25s4.75 1.25 5.25 4.25"
)

/** All looks, for legends and for the patterns. */
export const allLooks: ReadonlyArray<Look> = [
  ...Object.values(taskLooks),
  runLooks.paused,
  runLooks.parked,
  runLooks.quarantined,
  attemptLooks.late,
  ...Object.values(pauseLooks),
  breakerLooks.closed,
  breakerLooks.open,
  breakerLooks.halfOpen,
  undoLook,
  faultLook,
  decisionLook
]

/** The icon by itself, beside a word. */
export const StatusIcon = ({ look, size = 14 }: { readonly look: Look; readonly size?: number }) => (
  <svg class={`status-icon ${look.className}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
    <path d={look.icon} />
  </svg>
)

/** The icon inside a picture, with its top left corner at `x`, `y`. */
export const StatusGlyph = ({
  look,
  x,
  y,
  size = 14
}: {
  readonly look: Look
  readonly x: number
  readonly y: number
  readonly size?: number
}) => (
  <g class={`status-glyph ${look.className}`} transform={`translate(${x} ${y}) scale(${size / 16})`}>
    <path d={look.icon} />
  </g>
)

/** Icon and word. */
export const StatusBadge = ({ look, children }: { readonly look: Look; readonly children?: ComponentChildren }) => (
  <span class={`badge ${look.className}`}>
    <StatusIcon look={look} size={13} />
    <span>{children ?? look.label}</span>
  </span>
)

/** What makes areas differ without colour; each is drawn in its own tone on its own soft ground. */
const strokes: Readonly<Record<string, { readonly size: number; readonly d: string; readonly dots?: true }>> = {
  pending: { size: 8, d: "M2 2v0M6 6v0", dots: true },
  ready: { size: 6, d: "M0 3h3" },
  running: { size: 6, d: "M-1.5 7.5L7.5 -1.5M-1.5 1.5L1.5 -1.5M4.5 7.5L7.5 4.5" },
  waiting: { size: 5, d: "M2.5 0v5" },
  succeeded: { size: 8, d: "" },
  failed: { size: 6, d: "M0 0l6 6M6 0l-6 6" },
  skipped: { size: 6, d: "M3 3v0", dots: true },
  cancelled: { size: 5, d: "M0 2.5h5" },
  paused: { size: 10, d: "M3 0v10M6 0v10" },
  parked: { size: 8, d: "M0 4h8M4 0v8" },
  quarantined: { size: 8, d: "M0 0l8 8M8 0l-8 8M0 4h8" },
  late: { size: 6, d: "M0 0l6 6" },
  slot: { size: 6, d: "M1 3h4" },
  backoff: { size: 8, d: "M-1 4q2 -4 4 0t4 0t4 0" },
  timer: { size: 6, d: "M3 0v3" },
  deadline: { size: 6, d: "M3 0v6M0 3h1" },
  answer: { size: 8, d: "M4 0v4M0 4h2" },
  closed: { size: 8, d: "" },
  open: { size: 6, d: "M0 0l6 6M6 0l-6 6" },
  halfopen: { size: 6, d: "M0 6L6 0" },
  undo: { size: 8, d: "M6 0L2 4L6 8" },
  fault: { size: 4, d: "M0 0l4 4M4 0l-4 4" },
  decision: { size: 8, d: "M4 2l2 2l-2 2l-2 -2z" }
}

/** The patterns that areas are filled with: once in the page, of no size. */
export const Patterns = () => (
  <svg class="patterns" width="0" height="0" aria-hidden="true" focusable="false">
    <defs>
      {[...new Map(allLooks.map((one) => [one.pattern, one])).values()].map(({ pattern, className }) => {
        const { size, d, dots } = strokes[pattern.slice(2)]!
        return (
          <pattern
            key={pattern}
            id={pattern}
            class={`pattern ${className}`}
            width={size}
            height={size}
            patternUnits="userSpaceOnUse"
          >
            <rect class="pattern-ground" width={size} height={size} />
            <path class={dots ? "pattern-dots" : "pattern-lines"} d={d} />
          </pattern>
        )
      })}
    </defs>
  </svg>
)
