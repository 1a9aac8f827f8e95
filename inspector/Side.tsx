/** On the left: the runs there are, and the actors of the stream that is shown. */
import { useSignal } from "@preact/signals"
import { useMemo } from "preact/hooks"
import type { ActorView } from "../src/inspect/view.ts"
import { count, plain, stateText } from "./format.ts"
import { Icon } from "./icons.tsx"
import { List } from "./List.tsx"
import { sharedStream, state } from "./state.ts"
import { actorLooks, type Look, runLooks, StatusIcon, taskLooks, undoLook } from "./status.tsx"
import { ancestors, type TreeRow, treeRows } from "./tree.ts"

export const Side = () => (
  <nav class="side" aria-label="Runs and actors">
    <Runs />
    <Actors />
  </nav>
)

const runHeight = 40

const Runs = () => {
  const runs = state.runs.value
  const streams = state.streams.value
  const shown = state.stream.value?.id
  // what is not a run has no row in the list, and can be followed all the same
  const known = new Set(runs.map(({ run }) => `run:${run}`))
  const others = streams.filter((stream) => !known.has(stream)).slice(0, 200)
  const all = [
    ...runs.map((run) => ({ stream: `run:${run.run}`, run })),
    ...others.map((stream) => ({ stream, run: undefined }))
  ]
  const active = useSignal(-1)
  if (state.connection.value.state === "file" || all.length === 0) return null
  const current = all.findIndex(({ stream }) => stream === shown)
  const at = active.value < 0 ? current : Math.min(active.value, all.length - 1)
  return (
    <section class="pane runs" aria-labelledby="runs-title">
      <div class="pane-head">
        <h2 id="runs-title">Runs</h2>
        <span class="faint num">{count(Math.max(state.runsTotal.value, runs.length))}</span>
      </div>
      <List
        class="runs-list"
        role="listbox"
        label="Runs"
        count={all.length}
        rowHeight={runHeight}
        revealed={at}
        active={at >= 0 ? `run-${at}` : undefined}
        onKeyDown={(event) => {
          const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 }[event.key]
          if (move !== undefined) active.value = Math.max(0, Math.min(all.length - 1, at + move))
          else if (event.key === "Home") active.value = 0
          else if (event.key === "End") active.value = all.length - 1
          else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
            state.show(all[at]!.stream)
            active.value = -1
          } else return
          event.preventDefault()
        }}
        row={(i) => {
          const { stream, run } = all[i]!
          return (
            <div
              id={`run-${i}`}
              class={`run-row ${i === at ? "is-active" : ""}`}
              role="option"
              aria-selected={stream === shown}
              aria-setsize={all.length}
              aria-posinset={i + 1}
              onClick={() => {
                active.value = -1
                state.show(stream)
              }}
            >
              {run === undefined ? (
                <>
                  <Icon name={stream === sharedStream ? "shared" : "chart"} size={14} />
                  <div class="run-words">
                    <bdi class="run-id">{stream === sharedStream ? "Orchestrator" : plain(stream, 60)}</bdi>
                    <span class="faint">{stream === sharedStream ? "what all runs share" : "actor system"}</span>
                  </div>
                </>
              ) : (
                <>
                  <StatusIcon look={runLooks[run.status]} />
                  <div class="run-words">
                    <bdi class="run-id">{plain(run.run, 60)}</bdi>
                    <span class="faint">
                      <bdi>{plain(run.workflow, 40)}</bdi> · {runLooks[run.status].label}
                    </span>
                  </div>
                  <span class="num faint run-percent">
                    {run.tasks.failed > 0 ? (
                      <span class="s-failed tone">{`${count(run.tasks.failed)} failed`}</span>
                    ) : null}
                    <span>{Math.round(run.percent)} %</span>
                  </span>
                </>
              )}
            </div>
          )
        }}
      />
    </section>
  )
}

const actorHeight = 24

const Actors = () => {
  const toggled = useSignal<ReadonlyMap<string, boolean>>(new Map())
  const isActiveOnly = useSignal(false)
  const cursor = useSignal<string | undefined>(undefined)
  const view = state.view.value
  const selected = state.actorKey.value
  const rows = useMemo(() => {
    if (view === undefined) return []
    const opened = new Map(toggled.value)
    // what is selected is seen, whatever is closed
    if (selected !== undefined)
      for (const key of ancestors(view, selected)) if (!toggled.value.has(key)) opened.set(key, true)
    return treeRows(view, opened, isActiveOnly.value ? ({ status }) => status === "active" : undefined)
  }, [view, selected, toggled.value, isActiveOnly.value])
  const isHere = (key: string | undefined) => key !== undefined && rows.some(({ actor }) => actor.key === key)
  const at = isHere(cursor.value) ? cursor.value : isHere(selected) ? selected : rows[0]?.actor.key
  const index = rows.findIndex(({ actor }) => actor.key === at)
  const toggle = (key: string, isOpen: boolean) => {
    toggled.value = new Map(toggled.value).set(key, isOpen)
  }
  const choose = ({ actor }: TreeRow) => {
    cursor.value = undefined
    selectActor(actor)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[index]
    if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    const go = (to: number) => {
      cursor.value = rows[Math.max(0, Math.min(rows.length - 1, to))]!.actor.key
    }
    switch (event.key) {
      case "ArrowDown":
        go(index + 1)
        break
      case "ArrowUp":
        go(index - 1)
        break
      case "PageDown":
        go(index + 15)
        break
      case "PageUp":
        go(index - 15)
        break
      case "Home":
        go(0)
        break
      case "End":
        go(rows.length - 1)
        break
      case "ArrowRight":
        if (row.children > 0 && !row.isOpen) toggle(row.actor.key, true)
        else if (row.isOpen) go(index + 1)
        break
      case "ArrowLeft":
        if (row.isOpen) toggle(row.actor.key, false)
        else if (row.actor.parent !== undefined) cursor.value = row.actor.parent
        break
      case "Enter":
      case " ":
        choose(row)
        break
      default:
        return
    }
    event.preventDefault()
  }
  const changedSince = state.seq.value - 40
  return (
    <section class="pane actors" aria-labelledby="actors-title">
      <div class="pane-head">
        <h2 id="actors-title">Actors</h2>
        <span class="faint num">{count(view?.actors.size ?? 0)}</span>
        <label class="pane-tool check">
          <input
            type="checkbox"
            checked={isActiveOnly.value}
            onChange={({ currentTarget }) => {
              isActiveOnly.value = currentTarget.checked
            }}
          />
          Active only
        </label>
      </div>
      {rows.length === 0 ? (
        <p class="empty-line">
          {view === undefined || view.actors.size === 0
            ? "No actor at this moment."
            : "No actor is active at this moment."}
        </p>
      ) : (
        <List
          class="tree"
          role="treegrid"
          label="Actors at the moment"
          columns={2}
          count={rows.length}
          rowHeight={actorHeight}
          revealed={index}
          active={index >= 0 ? `actor-${index}` : undefined}
          onKeyDown={onKeyDown}
          row={(i) => {
            const row = rows[i]
            return row === undefined ? null : (
              <ActorRow
                row={row}
                index={i}
                isActive={i === index}
                isSelected={row.actor.key === selected}
                isFresh={row.actor.changed >= changedSince}
                onToggle={toggle}
                onChoose={choose}
              />
            )
          }}
        />
      )}
    </section>
  )
}

export const selectActor = ({ key, run, task }: ActorView): void =>
  state.select({
    ...(run === undefined ? {} : { run }),
    ...(task === undefined || task === "" ? {} : { task }),
    actor: key
  })

/** How an actor looks: as its task where it has one that is known, else as itself. */
const lookOf = (actor: ActorView): Look => {
  const run = actor.run === undefined ? undefined : state.view.value?.runs.get(actor.run)
  if (actor.task !== undefined && run !== undefined) {
    const task = run.tasks.get(actor.task)
    if (task !== undefined) return task.isUndo && task.status === "running" ? undoLook : taskLooks[task.status]
  }
  if (actor.run !== undefined && run !== undefined && actor.task === undefined && actor.key === actor.run)
    return runLooks[run.status]
  return actorLooks[actor.status]
}

interface ActorRowProps {
  readonly row: TreeRow
  readonly index: number
  readonly isActive: boolean
  readonly isSelected: boolean
  readonly isFresh: boolean
  readonly onToggle: (key: string, isOpen: boolean) => void
  readonly onChoose: (row: TreeRow) => void
}

const ActorRow = ({ row, index, isActive, isSelected, isFresh, onToggle, onChoose }: ActorRowProps) => {
  const { actor, level, children, isOpen, place, siblings } = row
  const look = lookOf(actor)
  const value = stateText(actor.value)
  return (
    <div
      id={`actor-${index}`}
      class={`actor-row l${Math.min(level, 10)} ${isActive ? "is-active" : ""} ${actor.status === "active" ? "" : "is-gone"}`}
      role="row"
      aria-level={level}
      aria-posinset={place}
      aria-setsize={siblings}
      aria-rowindex={index + 1}
      aria-selected={isSelected}
      aria-expanded={children > 0 ? isOpen : undefined}
      onClick={() => onChoose(row)}
    >
      <div class="actor-name" role="gridcell">
        {children > 0 ? (
          // biome-ignore lint/a11y/noStaticElementInteractions: a handle for the mouse beside the keys of the tree
          <span
            class={`twisty ${isOpen ? "is-open" : ""}`}
            onClick={(event) => {
              event.stopPropagation()
              onToggle(actor.key, !isOpen)
            }}
          >
            <Icon name="chevron" size={12} />
          </span>
        ) : (
          <span class="twisty" />
        )}
        <StatusIcon look={look} size={13} />
        <span class="sr">{look.label}: </span>
        <bdi class="actor-id" title={plain(actor.key, 400)}>
          {plain(actor.id, 80)}
        </bdi>
        {children > 0 && !isOpen ? <span class="faint num">{count(children)}</span> : null}
      </div>
      <div class="actor-value" role="gridcell">
        {isFresh ? <span key={actor.changed} class="flash" aria-hidden="true" /> : null}
        <span title={`${plain(actor.logic)}${value === "" ? "" : `: ${value}`}`}>
          {value === "" ? plain(actor.logic, 40) : value}
        </span>
      </div>
    </div>
  )
}
