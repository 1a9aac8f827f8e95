/** What is looked at, whether it is connected, which run, how far it is, and how the page looks. */

import { clock, count, length, plain } from "./format.ts"
import { Icon } from "./icons.tsx"
import { overlay } from "./overlay.ts"
import { type State, state, type Theme } from "./state.ts"
import { runLooks, StatusBadge } from "./status.tsx"

export const TopBar = () => (
  <header class="top">
    <div class="brand">
      <svg class="logo" width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
        <path d="M3 4h12M9 4v4M9 8L4 12.5M9 8l5 4.5M9 8v6" />
        <circle cx="9" cy="4" r="1.75" />
        <circle cx="4" cy="13.5" r="1.75" />
        <circle cx="9" cy="14.5" r="1.75" />
        <circle cx="14" cy="13.5" r="1.75" />
      </svg>
      <h1>{plain(state.hello.value?.title ?? "Troupe", 60)}</h1>
      <ConnectionPill />
    </div>
    <RunHead />
    <div class="top-tools">
      <ThemeChoice />
      <button
        type="button"
        class="tool"
        aria-label="Help: keys and colours"
        title="Help (?)"
        onClick={() => overlay.open("help")}
      >
        <Icon name="help" />
      </button>
    </div>
  </header>
)

const sources = { live: "Live", store: "Store", recording: "Recording", system: "Live" } as const

const ConnectionPill = () => {
  const connection = state.connection.value
  const hello = state.hello.value
  const { className, text, title } = pillOf(connection, hello)
  return (
    <span class={`pill ${className}`} title={title}>
      <span class="pill-dot" aria-hidden="true" />
      {text}
      {state.hello.value !== undefined && connection.state === "open" && !hello!.mayControl ? (
        <span class="pill-lock" title="Read-only: start it with --control to act on runs">
          <Icon name="lock" size={12} />
          <span class="sr">read-only</span>
        </span>
      ) : null}
    </span>
  )
}

const pillOf = (connection: State["connection"]["value"], hello: State["hello"]["value"]) => {
  switch (connection.state) {
    case "open":
      return {
        className: "pill-good",
        text: sources[hello?.source ?? "live"],
        title: hello === undefined ? "" : `Troupe ${hello.version}, process ${hello.pid}`
      }
    case "connecting":
      return { className: "pill-wait", text: "Connecting", title: "" }
    case "lost":
      return {
        className: "pill-bad",
        text: "Reconnecting",
        title: `Tried ${connection.tries} times; goes on after the last event that is known`
      }
    case "refused":
      return { className: "pill-bad", text: "Not connected", title: connection.message }
    case "file":
      return { className: "pill-file", text: "File", title: "All of it is in this file" }
  }
}

const RunHead = () => {
  const run = state.run.value
  const stream = state.stream.value
  if (run === undefined)
    return (
      <div class="run-head">{stream === undefined ? null : <span class="run-name">{plain(stream.id, 60)}</span>}</div>
    )
  const t = Math.max(run.submittedAt, state.t.value)
  const { eta } = run
  return (
    <div class="run-head">
      <button type="button" class="run-name" title="Show the run itself" onClick={() => state.select({ run: run.run })}>
        <bdi>{plain(run.run, 60)}</bdi>
        <span class="faint">{plain(run.workflow, 60)}</span>
      </button>
      <StatusBadge look={runLooks[run.status]} />
      <span
        class="progress"
        role="progressbar"
        aria-label="Progress of the run"
        aria-valuenow={Math.round(run.percent)}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <svg
          width="72"
          height="6"
          viewBox="0 0 72 6"
          preserveAspectRatio="none"
          aria-hidden="true"
          class={runLooks[run.status].className}
        >
          <rect class="progress-all" width="72" height="6" rx="3" />
          <rect class="progress-done" width={Math.max(0, Math.min(72, (run.percent / 100) * 72))} height="6" rx="3" />
        </svg>
        <span class="num">{Math.round(run.percent)} %</span>
      </span>
      <span class="num faint" title={`Since ${clock(run.submittedAt)}`}>
        {length((run.endedAt ?? t) - run.submittedAt)}
      </span>
      {eta === undefined || run.endedAt !== undefined ? null : (
        <span class="eta num" title={`Likely done at ${clock(eta[1])}: between ${clock(eta[0])} and ${clock(eta[2])}`}>
          <span class="faint">ETA</span> {length(Math.max(0, eta[1] - t))}
          <span class="faint">
            {" "}
            ({length(Math.max(0, eta[0] - t))} – {length(Math.max(0, eta[2] - t))})
          </span>
        </span>
      )}
      {(state.view.value?.lost ?? 0) > 0 ? (
        <span class="badge s-backoff" title="Too much happened at once to tell all of it">
          <Icon name="warn" size={13} />
          {count(state.view.value!.lost)} not told
        </span>
      ) : null}
    </div>
  )
}

const themes: ReadonlyArray<readonly [Theme, "sun" | "moon" | "system", string]> = [
  ["light", "sun", "Light"],
  ["dark", "moon", "Dark"],
  ["system", "system", "As the system"]
]

const ThemeChoice = () => (
  <div class="segment" role="radiogroup" aria-label="Theme">
    {themes.map(([theme, icon, label]) => (
      <button
        key={theme}
        type="button"
        role="radio"
        aria-checked={state.theme.value === theme}
        aria-label={label}
        title={label}
        onClick={() => {
          state.theme.value = theme
        }}
      >
        <Icon name={icon} size={14} />
      </button>
    ))}
  </div>
)
