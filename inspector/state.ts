/**
 * All that the page knows, as signals: where it is connected, the events of the stream that is followed, the moment, the selection.
 * Everything that is shown is a function of these; one clock, one selection.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import type { Ask, Hello, Preview, RunRow, SeenEvent, StreamId } from "../src/inspect/protocol.ts"
import type { RunView, View } from "../src/inspect/view.ts"
import type { Json } from "../src/model/json.ts"
import { type Filter, Found, isEmpty, noFilter } from "./filter.ts"
import { Stream } from "./stream.ts"

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "open" }
  /** It tries again by itself. */
  | { readonly state: "lost"; readonly retryAt: number; readonly tries: number }
  /** It does not: somebody has to do something. */
  | { readonly state: "refused"; readonly code: string; readonly message: string }
  /** Nobody to be connected to: all is in the file. */
  | { readonly state: "file" }

/** The number of events that are seen, or whatever there is by now. */
export type Moment = number | "live"

/** What everything shows at once. */
export interface Selection {
  readonly run?: string
  /** Path of a task. */
  readonly task?: string
  /** Key of an actor. */
  readonly actor?: string
}

export type TabName = "graph" | "timeline" | "chart" | "sequence" | "shared"
export const tabNames: ReadonlyArray<TabName> = ["graph", "timeline", "chart", "sequence", "shared"]
export type Theme = "light" | "dark" | "system"

export type Answer =
  | { readonly ok: true; readonly value?: Json; readonly preview?: Preview }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } }

/** What the page can ask of whoever it is connected to. */
export interface Wire {
  readonly follow: (stream: StreamId, from: number) => void
  readonly leave: (stream: StreamId) => void
  readonly ask: (ask: Ask, isDryRun: boolean) => Promise<Answer>
  readonly again: () => void
}

export interface State {
  readonly hello: Signal<Hello | undefined>
  readonly connection: Signal<Connection>
  readonly streams: Signal<ReadonlyArray<StreamId>>
  readonly runs: Signal<ReadonlyArray<RunRow>>
  readonly runsTotal: Signal<number>
  /** What is wrong with what was told, if something is. */
  readonly problem: Signal<{ readonly code: string; readonly message: string } | undefined>
  readonly stream: Signal<Stream | undefined>
  /** Rises whenever events were applied. */
  readonly version: Signal<number>
  readonly isCaughtUp: Signal<boolean>
  readonly moment: Signal<Moment>
  readonly selection: Signal<Selection>
  readonly tab: Signal<TabName>
  readonly theme: Signal<Theme>
  readonly isDarkOutside: Signal<boolean>
  readonly isTable: Signal<boolean>
  readonly isPlaying: Signal<boolean>
  readonly speed: Signal<1 | 10 | 100>
  readonly filter: Signal<Filter>
  /** What the time is where the events come from, told about once a second while somebody waits for them. */
  readonly tick: Signal<number>
  /** What a screen reader is told. */
  readonly spoken: Signal<string>

  readonly length: ReadonlySignal<number>
  readonly seq: ReadonlySignal<number>
  readonly view: ReadonlySignal<View | undefined>
  /** The event at the moment: the last that is seen. */
  readonly event: ReadonlySignal<SeenEvent | undefined>
  /** The run that is shown: the selected one, or the only one. */
  readonly run: ReadonlySignal<RunView | undefined>
  readonly actorKey: ReadonlySignal<string | undefined>
  /** Breakers and agents at the moment, of this stream and of those that all runs share. */
  readonly shared: ReadonlySignal<Pick<View, "breakers" | "agents">>
  /** The time at the moment; live, it goes on while nothing happens. */
  readonly t: ReadonlySignal<number>
  readonly shownTheme: ReadonlySignal<"light" | "dark">
  readonly mayControl: ReadonlySignal<boolean>
  /** The rows of the log; undefined when all events are. */
  readonly found: Signal<Found | undefined>

  wire: Wire | undefined
  readonly show: (stream: StreamId, at?: Moment) => void
  /** Follows what all runs share, beside the stream that is shown. */
  readonly followShared: () => void
  /** How much is known of a stream that is followed. */
  readonly known: (stream: StreamId) => number
  readonly receive: (stream: StreamId, events: ReadonlyArray<SeenEvent>) => void
  /** Applies what was received, for at most so long; whether something is left. */
  readonly apply: (budgetMs: number) => boolean
  readonly received: () => number
  readonly goTo: (seq: number) => void
  readonly live: () => void
  readonly stepBy: (events: number) => void
  readonly stepJournal: (direction: 1 | -1) => void
  readonly select: (selection: Selection) => void
  readonly selectTask: (path: string) => void
  readonly setFilter: (filter: Filter) => void
  /** Looks on for what the filter wants; whether something is left to look at. */
  readonly lookOn: (budgetMs: number) => boolean
  /** Nothing of what was told holds any more: another process answers. */
  readonly forget: () => void
}

/** The stream of what all runs share is followed beside the one that is shown. */
export const sharedStream: StreamId = "orchestrator"

export const makeState = (): State => {
  const hello = signal<Hello | undefined>(undefined)
  const connection = signal<Connection>({ state: "connecting" })
  const streams = signal<ReadonlyArray<StreamId>>([])
  const runs = signal<ReadonlyArray<RunRow>>([])
  const runsTotal = signal(0)
  const problem = signal<State["problem"]["value"]>(undefined)
  const stream = signal<Stream | undefined>(undefined)
  const version = signal(0)
  const isCaughtUp = signal(false)
  const moment = signal<Moment>("live")
  const selection = signal<Selection>({})
  const tab = signal<TabName>("graph")
  const theme = signal<Theme>("system")
  const isDarkOutside = signal(false)
  const isPlaying = signal(false)
  const filter = signal<Filter>(noFilter)
  const found = signal<Found | undefined>(undefined)
  const spoken = signal("")
  const tick = signal(0)

  let beside: Stream | undefined
  /** Received and not applied, in order; the server sends no more than the socket takes. */
  let waiting: Array<{ readonly stream: StreamId; readonly events: ReadonlyArray<SeenEvent> }> = []
  let waitingEvents = 0

  const length = computed(() => {
    version.value
    return stream.value?.length ?? 0
  })
  const seq = computed(() => {
    const at = moment.value
    return at === "live" ? length.value : Math.max(0, Math.min(at, length.value))
  })
  const view = computed(() => {
    const followed = stream.value
    // at an earlier moment nothing changes when events come
    if (moment.value === "live") version.value
    return followed?.view(seq.value)
  })
  const event = computed(() => stream.value?.events[seq.value - 1])
  const run = computed(() => {
    const now = view.value
    if (now === undefined) return undefined
    const wanted = selection.value.run
    if (wanted !== undefined) return now.runs.get(wanted)
    return now.runs.values().next().value
  })
  const actorKey = computed(() => {
    const { actor, task } = selection.value
    version.value
    if (actor !== undefined) return actor
    if (task !== undefined) return stream.value?.actorOf(run.value?.run, task)
    return undefined
  })
  const shared = computed(() => {
    version.value
    const own = view.value
    if (beside === undefined || beside === stream.value) return own ?? { breakers: new Map(), agents: new Map() }
    const other = moment.value === "live" ? beside.timeline.latest : beside.view(beside.before(own?.t ?? 0))
    return {
      breakers: new Map([...other.breakers, ...(own?.breakers ?? [])]),
      agents: new Map([...other.agents, ...(own?.agents ?? [])])
    }
  })
  const t = computed(() => {
    const last = view.value?.t ?? 0
    const isOver = run.value?.endedAt !== undefined
    return moment.value === "live" && connection.value.state === "open" && !isOver ? Math.max(last, tick.value) : last
  })
  const shownTheme = computed(() => (theme.value === "system" ? (isDarkOutside.value ? "dark" : "light") : theme.value))
  const mayControl = computed(() => hello.value?.mayControl === true && connection.value.state === "open")

  const state: State = {
    hello,
    connection,
    streams,
    runs,
    runsTotal,
    problem,
    stream,
    version,
    isCaughtUp,
    moment,
    selection,
    tab,
    theme,
    isDarkOutside,
    isTable: signal(false),
    isPlaying,
    speed: signal<1 | 10 | 100>(1),
    filter,
    tick,
    spoken,
    length,
    seq,
    view,
    event,
    run,
    actorKey,
    t,
    shared,
    shownTheme,
    mayControl,
    found,
    wire: undefined,

    show: (id, at = "live") =>
      batch(() => {
        const before = stream.value
        if (before?.id === id) {
          moment.value = at
          return
        }
        if (before !== undefined && before.id !== sharedStream) state.wire?.leave(before.id)
        const isShared = id === sharedStream
        if (isShared) beside ??= new Stream(id)
        stream.value = isShared ? beside : new Stream(id)
        waiting = waiting.filter((one) => one.stream === sharedStream)
        waitingEvents = waiting.reduce((sum, { events }) => sum + events.length, 0)
        selection.value = {}
        moment.value = at
        isPlaying.value = false
        isCaughtUp.value = false
        problem.value = undefined
        found.value = isEmpty(filter.value) ? undefined : new Found(filter.value)
        state.wire?.follow(id, stream.value!.length)
      }),

    followShared: () => {
      if (beside !== undefined) return
      beside = new Stream(sharedStream)
      state.wire?.follow(sharedStream, 0)
    },
    known: (id) => (stream.peek()?.id === id ? stream.peek()!.length : id === sharedStream ? (beside?.length ?? 0) : 0),

    receive: (id, events) => {
      waiting.push({ stream: id, events })
      waitingEvents += events.length
    },
    received: () => waitingEvents,
    apply: (budgetMs) => {
      const until = performance.now() + budgetMs
      let done = 0
      let applied = 0
      for (; done < waiting.length && (done === 0 || performance.now() < until); done++) {
        const { stream: id, events } = waiting[done]!
        applied += events.length
        const followed = stream.peek()
        const target = followed?.id === id ? followed : id === sharedStream ? (beside ??= new Stream(id)) : undefined
        if (target === undefined) continue
        try {
          // a hole is filled by asking again from where it begins
          if (!target.push(events)) state.wire?.follow(id, target.length)
        } catch (error) {
          problem.value = {
            code: "EVENTS_BROKEN",
            message: `what came after event ${target.length} of '${id}' cannot be applied: ${error instanceof Error ? error.message : String(error)}`
          }
        }
      }
      waiting = waiting.slice(done)
      waitingEvents -= applied
      if (applied > 0) version.value++
      return waiting.length > 0
    },

    goTo: (at) =>
      batch(() => {
        isPlaying.value = false
        moment.value = Math.max(0, Math.min(Math.round(at), length.value))
      }),
    live: () =>
      batch(() => {
        isPlaying.value = false
        moment.value = "live"
      }),
    stepBy: (events) => state.goTo(seq.value + events),
    stepJournal: (direction) => {
      const journal = stream.value?.journal ?? []
      const here = seq.value
      // standing at a message means that it is the last event that is seen
      const next = direction === 1 ? journal.find((one) => one + 1 > here) : journal.findLast((one) => one + 1 < here)
      if (next !== undefined) state.goTo(next + 1)
      else state.goTo(direction === 1 ? length.value : 0)
    },
    select: (wanted) => {
      selection.value = wanted
    },
    selectTask: (path) => {
      const run = state.run.value?.run
      if (path === "") selection.value = run === undefined ? {} : { run }
      else selection.value = { ...(run === undefined ? {} : { run }), task: path }
    },
    setFilter: (wanted) =>
      batch(() => {
        filter.value = wanted
        found.value = isEmpty(wanted) ? undefined : new Found(wanted)
      }),
    lookOn: (budgetMs) => {
      const looking = found.peek()
      const events = stream.peek()?.events
      if (looking === undefined || events === undefined || looking.looked >= events.length) return false
      const isDone = looking.look(events, performance.now() + budgetMs)
      version.value++
      return !isDone
    },
    forget: () =>
      batch(() => {
        beside = undefined
        waiting = []
        waitingEvents = 0
        stream.value = undefined
        streams.value = []
        runs.value = []
        runsTotal.value = 0
        selection.value = {}
        moment.value = "live"
        isCaughtUp.value = false
        isPlaying.value = false
        found.value = undefined
        version.value++
      })
  }
  return state
}

/** The page has one. */
export const state = makeState()
