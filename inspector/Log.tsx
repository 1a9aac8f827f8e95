/** All events of the stream as lines; the one of the moment stands out, and a click goes there. */
import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { SeenEvent, SeenKind } from "../src/inspect/protocol.ts"
import { placeOf } from "./filter.ts"
import { clock, count, dayAndClock, plain, since } from "./format.ts"
import { Icon } from "./icons.tsx"
import { List } from "./List.tsx"
import { about, kinds, said } from "./said.ts"
import { state } from "./state.ts"

const rowHeight = 22

export const Log = () => {
  const events = state.stream.value?.events ?? []
  state.version.value
  const found = state.found.value
  const rows = found?.rows
  const total = rows === undefined ? events.length : rows.length
  const seq = state.seq.value
  const at = rows === undefined ? seq - 1 : placeOf(rows, seq - 1)
  const start = events[0]?.t ?? 0
  const eventAt = (row: number): SeenEvent | undefined => events[rows === undefined ? row : rows[row]!]
  const isLooking = found !== undefined && found.looked < events.length
  const go = (row: number) => {
    const event = eventAt(Math.max(0, Math.min(total - 1, row)))
    if (event !== undefined) state.goTo(event.seq + 1)
  }
  return (
    <section class="pane log" aria-labelledby="log-title">
      <div class="pane-head">
        <h2 id="log-title">Events</h2>
        <span class="faint num">
          {rows === undefined ? count(total) : `${count(total)} of ${count(events.length)}`}
          {isLooking ? " …" : ""}
        </span>
        <LogFilter />
      </div>
      {total === 0 ? (
        <p class="empty-line">
          {events.length === 0
            ? "Nothing has happened yet."
            : isLooking
              ? "Looking …"
              : "No event is like that. Clear the filter to see all."}
        </p>
      ) : (
        <List
          class="log-list"
          role="grid"
          label="Events"
          columns={4}
          count={total}
          rowHeight={rowHeight}
          revealed={at}
          active={at >= 0 ? `event-${at}` : undefined}
          onKeyDown={(event) => {
            const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key]
            if (event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || move === undefined) return
            event.preventDefault()
            go(at + move)
          }}
          row={(i) => {
            const event = eventAt(i)
            return event === undefined ? null : (
              <LogRow
                event={event}
                index={i}
                start={start}
                isAt={i === at && event.seq === seq - 1}
                isFuture={event.seq >= seq}
              />
            )
          }}
        />
      )}
    </section>
  )
}

interface LogRowProps {
  readonly event: SeenEvent
  readonly index: number
  readonly start: number
  readonly isAt: boolean
  readonly isFuture: boolean
}

const LogRow = ({ event, index, start, isAt, isFuture }: LogRowProps) => (
  <div
    id={`event-${index}`}
    class={`log-row k-${event.kind} ${isAt ? "is-at" : ""} ${isFuture ? "is-future" : ""} ${isBad(event) ? "is-bad" : ""}`}
    role="row"
    aria-rowindex={index + 1}
    aria-selected={isAt}
    onClick={() => {
      state.goTo(event.seq + 1)
      selectAbout(event)
    }}
  >
    <span class="log-time num" role="gridcell" title={`${dayAndClock(event.t)} · event ${event.seq}`}>
      <span>{since(event.t, start)}</span>
      <span class="faint">{clock(event.t)}</span>
    </span>
    <span class="log-kind" role="gridcell">
      {event.kind}
    </span>
    <bdi class="log-about" role="gridcell">
      {plain(about(event), 120)}
    </bdi>
    <bdi class="log-said" role="gridcell">
      {said(event)}
    </bdi>
  </div>
)

const isBad = (event: SeenEvent): boolean =>
  event.kind === "fault" ||
  (event.kind === "task" && event.status === "failed") ||
  (event.kind === "journal" && event.message.type === "attempt.failed") ||
  (event.kind === "status" && event.status === "failed") ||
  (event.kind === "gone" && event.how === "error")

/** What an event is about becomes what is selected. */
const selectAbout = (event: SeenEvent): void => {
  const run = "run" in event && event.run !== undefined ? { run: event.run } : {}
  if ("actor" in event) {
    const actor = state.view.value?.actors.get(event.actor)
    const task = actor?.task
    state.select({
      ...(actor?.run === undefined ? run : { run: actor.run }),
      ...(task === undefined || task === "" ? {} : { task }),
      actor: event.actor
    })
  } else if ("task" in event && event.task !== undefined && event.task !== "")
    state.select({ ...run, task: event.task })
  else if (event.kind === "journal" && "task" in event.message && event.message.task !== "")
    state.select({ ...run, task: event.message.task })
}

const LogFilter = () => {
  const { kinds: chosen, text, only } = state.filter.value
  const { task } = state.selection.value
  const actor = state.actorKey.value
  const input = useRef<HTMLInputElement>(null)
  const typed = useSignal(text)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  // what is typed quickly is looked for once
  const type = (value: string) => {
    typed.value = value
    clearTimeout(timer.current)
    timer.current = setTimeout(() => state.setFilter({ ...state.filter.value, text: value }), 120)
  }
  // a filter on the selection follows it
  useEffect(() => {
    const now = state.filter.peek()
    if (now.only !== undefined && (now.only.task !== task || now.only.actor !== actor))
      state.setFilter({ ...now, only: { task, actor } })
  }, [task, actor])
  const isNothing = task === undefined && actor === undefined
  return (
    <div class="log-filter">
      <label class="field-search">
        <Icon name="search" size={14} />
        <span class="sr">Search in events</span>
        <input
          ref={input}
          id="search"
          type="search"
          placeholder="Search:  words, kind:step, task:charge"
          spellcheck={false}
          autocomplete="off"
          value={typed.value}
          onInput={({ currentTarget }) => type(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return
            event.preventDefault()
            if (typed.value === "") event.currentTarget.blur()
            else type("")
          }}
        />
        <kbd>/</kbd>
      </label>
      <KindMenu chosen={chosen} />
      <label class={`check ${isNothing ? "is-off" : ""}`}>
        <input
          id="only"
          type="checkbox"
          disabled={isNothing && only === undefined}
          checked={only !== undefined}
          onChange={({ currentTarget }) =>
            state.setFilter({ ...state.filter.value, only: currentTarget.checked ? { task, actor } : undefined })
          }
        />
        Selection only
      </label>
    </div>
  )
}

const KindMenu = ({ chosen }: { readonly chosen: ReadonlySet<SeenKind> }) => {
  const box = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const close = (event: Event) => {
      if (box.current?.open === true && !box.current.contains(event.target as Node)) box.current.open = false
    }
    document.addEventListener("pointerdown", close)
    return () => document.removeEventListener("pointerdown", close)
  }, [])
  return (
    <details
      class="menu"
      ref={box}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || box.current?.open !== true) return
        event.preventDefault()
        box.current.open = false
        box.current.querySelector("summary")?.focus()
      }}
    >
      <summary>
        {chosen.size === 0 ? "All kinds" : chosen.size === 1 ? [...chosen][0] : `${chosen.size} kinds`}
        <Icon name="down" size={12} />
      </summary>
      <fieldset class="menu-box">
        <legend class="sr">Kinds of events that are shown</legend>
        {kinds.map((kind) => (
          <label key={kind} class="check">
            <input
              type="checkbox"
              checked={chosen.has(kind)}
              onChange={({ currentTarget }) => {
                const next = new Set(chosen)
                if (currentTarget.checked) next.add(kind)
                else next.delete(kind)
                state.setFilter({ ...state.filter.value, kinds: next })
              }}
            />
            {kind}
          </label>
        ))}
        <button
          type="button"
          class="button-small"
          disabled={chosen.size === 0}
          onClick={() => state.setFilter({ ...state.filter.value, kinds: new Set() })}
        >
          All kinds
        </button>
      </fieldset>
    </details>
  )
}
