/** The frame of the page. */
import { useSignal } from "@preact/signals"
import type { ComponentType } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { Details } from "./Details.tsx"
import type { DagProps } from "./dag/Dag.tsx"
import { length, lines, plain } from "./format.ts"
import { Icon, type IconName } from "./icons.tsx"
import { Log } from "./Log.tsx"
import { lazy } from "./lazy.tsx"
import { overlay } from "./overlay.ts"
import { Side } from "./Side.tsx"
import { Slider } from "./Slider.tsx"
import { Splitter } from "./Splitter.tsx"
import { state, type TabName, tabNames } from "./state.ts"
import { Patterns } from "./status.tsx"
import { TopBar } from "./TopBar.tsx"

const ActDialog = lazy(() => import("./ActDialog.tsx").then((one) => one.ActDialog))
const Help = lazy(() => import("./Help.tsx").then((one) => one.Help))
const Chart = lazy(() => import("./chart/Chart.tsx").then((one) => one.Chart))
const Sequence = lazy(() => import("./sequence/Sequence.tsx").then((one) => one.Sequence))
const Shared = lazy(() => import("./Shared.tsx").then((one) => one.Shared))

export const App = () => (
  <>
    <Patterns />
    {state.stream.value === undefined ? null : <Skips />}
    <TopBar />
    <Notice />
    <Body />
    <Titled />
    <Spoken />
    <Overlay />
  </>
)

const Skips = () => (
  <>
    <a class="skip" href="#tab-panel">
      To the view
    </a>
    <a class="skip" href="#details">
      To the details
    </a>
    <a class="skip" href="#slider">
      To the moment
    </a>
  </>
)

const Overlay = () => {
  const shown = overlay.shown.value
  if (shown === undefined) return null
  return shown.name === "help" ? <Help /> : <ActDialog key={shown.act.id} act={shown.act} />
}

/** Below these, panes begin smaller. */
const narrow = 1_200
const low = 800

const Body = () => {
  const connection = state.connection.value
  const left = useSignal(innerWidth < narrow ? 212 : 268)
  const right = useSignal(innerWidth < narrow ? 284 : 348)
  const bottom = useSignal(innerHeight < low ? 152 : 204)
  if (state.stream.value === undefined) return <Nothing />
  if (connection.state === "refused" && state.length.value === 0) return <Nothing />
  return (
    <main
      class="body"
      ref={(element) => {
        // sizes are set here because the page allows no style in its HTML
        element?.style.setProperty("--left", `${left.value}px`)
        element?.style.setProperty("--right", `${right.value}px`)
        element?.style.setProperty("--bottom", `${bottom.value}px`)
      }}
    >
      <Side />
      <Splitter label="Width of runs and actors" size={left} least={160} most={520} direction={1} axis="x" />
      <Middle />
      <Splitter label="Width of the details" size={right} least={240} most={720} direction={-1} axis="x" />
      <Details />
      <Slider />
      <Splitter label="Height of the events" size={bottom} least={72} most={640} direction={-1} axis="y" />
      <Log />
    </main>
  )
}

const tabs: Readonly<Record<TabName, { readonly label: string; readonly icon: IconName }>> = {
  graph: { label: "Graph", icon: "graph" },
  timeline: { label: "Timeline", icon: "timeline" },
  chart: { label: "Statechart", icon: "chart" },
  sequence: { label: "Sequence", icon: "sequence" },
  shared: { label: "Breakers & agents", icon: "shared" }
}

const Middle = () => {
  const tab = state.tab.value
  const list = useRef<HTMLDivElement>(null)
  const go = (to: TabName) => {
    state.tab.value = to
    list.current?.querySelector<HTMLElement>(`#tab-${to}`)?.focus()
  }
  return (
    <section class="middle" aria-label="Views">
      <div class="tabs-bar">
        <div
          ref={list}
          class="tabs"
          role="tablist"
          aria-label="Views"
          onKeyDown={(event) => {
            const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
            if (by === undefined || event.shiftKey) return
            event.preventDefault()
            go(tabNames[(tabNames.indexOf(tab) + by + tabNames.length) % tabNames.length]!)
          }}
        >
          {tabNames.map((name, i) => (
            <button
              key={name}
              id={`tab-${name}`}
              type="button"
              role="tab"
              tabIndex={name === tab ? 0 : -1}
              aria-selected={name === tab}
              aria-controls="tab-panel"
              title={`${tabs[name].label} (${i + 1})`}
              onClick={() => {
                state.tab.value = name
              }}
            >
              <Icon name={tabs[name].icon} size={14} />
              <span>{tabs[name].label}</span>
            </button>
          ))}
        </div>
        <button
          type="button"
          class="tool with-words"
          aria-pressed={state.isTable.value}
          title="The same as a table (T)"
          onClick={() => {
            state.isTable.value = !state.isTable.value
          }}
        >
          <Icon name="table" size={14} />
          <span>Table</span>
        </button>
      </div>
      <div class="panel" id="tab-panel" role="tabpanel" tabIndex={-1} aria-labelledby={`tab-${tab}`}>
        <Panel tab={tab} />
      </div>
    </section>
  )
}

const Panel = ({ tab }: { readonly tab: TabName }) => {
  switch (tab) {
    case "graph":
      return <BigPicture load={graph} what="graph" />
    case "timeline":
      return <BigPicture load={gantt} what="timeline" />
    case "chart":
      return <Chart />
    case "sequence":
      return <Sequence />
    case "shared":
      return <Shared />
  }
}

type Big = ComponentType<DagProps>
interface BigModule {
  readonly picture: Big
  /** The same as a table. */
  readonly table: Big | undefined
}
const graph = (): Promise<BigModule> =>
  import("./dag/Dag.tsx").then((module) => ({
    picture: module.Dag,
    table: (module as { readonly DagTable?: Big }).DagTable
  }))
const gantt = (): Promise<BigModule> =>
  import("./gantt/Gantt.tsx").then((module) => ({
    picture: module.Gantt,
    table: (module as { readonly GanttTable?: Big }).GanttTable
  }))

const BigPicture = ({ load, what }: { readonly load: () => Promise<BigModule>; readonly what: string }) => {
  const loaded = useSignal<{ readonly what: string; readonly module: BigModule } | undefined>(undefined)
  const view = state.view.value
  const run = state.run.value
  useEffect(() => {
    let isOld = false
    void load().then((module) => {
      if (!isOld) loaded.value = { what, module }
    })
    return () => {
      isOld = true
    }
  }, [what])
  if (view === undefined || run === undefined)
    return (
      <div class="empty">
        <Icon name={what === "graph" ? "graph" : "timeline"} size={22} />
        <p>
          {state.length.value === 0
            ? "Nothing has happened yet."
            : state.seq.value === 0
              ? "This is before the first event. Go on with →."
              : "There is no run in this stream; look at the statechart."}
        </p>
      </div>
    )
  if (loaded.value?.what !== what) return <div class="empty is-loading" aria-busy="true" />
  const { picture, table } = loaded.value.module
  const Shown = state.isTable.value && table !== undefined ? table : picture
  return (
    <Shown
      view={view}
      run={run.run}
      selected={state.selection.value.task}
      onSelect={state.selectTask}
      theme={state.shownTheme.value}
    />
  )
}

/** Nothing to show yet, or ever: why, and what to do. */
const Nothing = () => {
  const connection = state.connection.value
  const { title, text, code, icon, action } = nothingOf(connection, state.hello.value !== undefined)
  return (
    <main class="nothing">
      <div class="nothing-box">
        <Icon name={icon} size={28} />
        <h2>{title}</h2>
        <p>{text}</p>
        {code === undefined ? null : <code>{code}</code>}
        {action === undefined ? null : (
          <button type="button" class="button is-main" onClick={() => state.wire?.again()}>
            {action}
          </button>
        )}
      </div>
    </main>
  )
}

const nothingOf = (
  connection: typeof state.connection.value,
  isGreeted: boolean
): {
  readonly title: string
  readonly text: string
  readonly code?: string
  readonly icon: IconName
  readonly action?: string
} => {
  switch (connection.state) {
    case "refused":
      return connection.code === "RECORDING_BROKEN"
        ? {
            title: "This recording cannot be read",
            text: lines(connection.message, 1_000),
            code: connection.code,
            icon: "file"
          }
        : { title: "Not connected", text: lines(connection.message, 1_000), code: connection.code, icon: "lock" }
    case "lost":
      return {
        title: "The process does not answer",
        text: "It may have ended, or restarts. This page tries again by itself and goes on where it was.",
        icon: "warn",
        action: "Try now"
      }
    case "connecting":
      return { title: "Connecting", text: "", icon: "live" }
    default:
      return isGreeted
        ? { title: "Nothing to see yet", text: "As soon as a run is submitted, it appears here.", icon: "graph" }
        : { title: "Connecting", text: "", icon: "live" }
  }
}

/** A line above everything when what is seen may not be all. */
const Notice = () => {
  const connection = state.connection.value
  const problem = state.problem.value
  if (problem !== undefined)
    return (
      <div class="notice s-failed" role="alert">
        <Icon name="warn" size={14} />
        <code>{problem.code}</code> {lines(problem.message, 400)}
        <button
          type="button"
          class="tool"
          aria-label="Close this notice"
          onClick={() => {
            state.problem.value = undefined
          }}
        >
          <Icon name="close" size={12} />
        </button>
      </div>
    )
  if (connection.state === "lost" && state.stream.value !== undefined)
    return (
      <div class="notice s-waiting" role="alert">
        <Icon name="warn" size={14} />
        The connection is lost. What you see is what was known; it goes on by itself (tried{" "}
        {connection.tries === 1 ? "once" : `${connection.tries} times`}, again within {length(8_000)}).
        <button type="button" class="button-small" onClick={() => state.wire?.again()}>
          Try now
        </button>
      </div>
    )
  return null
}

/** What is looked at stands in the tab of the browser, too. */
const Titled = () => {
  const run = state.run.value
  const title = state.hello.value?.title ?? "Troupe"
  useEffect(() => {
    document.title = run === undefined ? `${plain(title, 80)} – Troupe` : `${plain(run.run, 80)} ${run.status} – Troupe`
  }, [run?.run, run?.status, title])
  return null
}

/** Tells a screen reader when the run, or the connection, is in another state. */
const Spoken = () => {
  const status = state.run.value?.status
  const connection = state.connection.value.state
  const last = useRef({ status, connection })
  useEffect(() => {
    const before = last.current
    last.current = { status, connection }
    if (status !== undefined && before.status !== status) state.spoken.value = `The run is ${status}`
    else if (before.connection !== connection)
      state.spoken.value = connection === "open" ? "Connected" : connection === "lost" ? "The connection is lost" : ""
  }, [status, connection])
  return (
    <div class="sr" role="status" aria-live="polite">
      {state.spoken.value}
    </div>
  )
}
