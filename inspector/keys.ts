/** The keyboard of the page. What has the focus goes first: lists, fields and pictures keep the keys that they use themselves. */
import { isAbout } from "./filter.ts"
import { overlay } from "./overlay.ts"
import { toggleLive, togglePlay } from "./Slider.tsx"
import { state, tabNames } from "./state.ts"

/** For the page of help: keys, and what they do. */
export const keyHelp: ReadonlyArray<readonly [group: string, ReadonlyArray<readonly [keys: string, what: string]>]> = [
  [
    "Moment",
    [
      ["← →", "one event back, or on"],
      ["⇧← ⇧→", "one message of the journal back, or on"],
      ["J K", "next, or previous event of what is selected"],
      ["Home End", "before the first event, or to the end"],
      ["Space", "stop at this moment, or go on live"],
      ["P", "play, or stop playing"],
      ["< >", "play slower, or faster"]
    ]
  ],
  [
    "Views",
    [
      ["1 – 5", "graph, timeline, statechart, sequence, breakers and agents"],
      ["T", "picture, or table with the same"],
      ["W A S D", "move a picture"],
      ["+ − 0", "larger, smaller, all of it"],
      ["↑ ↓ ← →", "in a list or tree: move; in a graph: to the neighbour"]
    ]
  ],
  [
    "Going about",
    [
      ["/", "search in events"],
      ["F", "only events of what is selected"],
      ["G then R", "to the runs"],
      ["G then A", "to the actors"],
      ["G then V", "to the view in the middle"],
      ["G then D", "to the details"],
      ["G then L", "to the events"],
      ["G then M", "to the moment"],
      ["Esc", "close, or select the run itself"],
      ["?", "this page"]
    ]
  ]
]

/** How long the second key of two may take. */
const secondWithinMs = 1_500

const places: Readonly<Record<string, string>> = {
  r: ".runs-list",
  a: ".tree",
  v: "#tab-panel",
  d: "#details",
  l: ".log-list",
  m: "#slider"
}

export const startKeys = (): void => {
  let goAt = Number.NEGATIVE_INFINITY
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    const target = event.target as HTMLElement
    if (overlay.shown.value !== undefined || isWriting(target)) return
    if (event.timeStamp - goAt < secondWithinMs) {
      goAt = Number.NEGATIVE_INFINITY
      const place = places[event.key.toLowerCase()]
      if (place !== undefined) {
        document.querySelector<HTMLElement>(place)?.focus()
        event.preventDefault()
        return
      }
    }
    if (event.key.toLowerCase() === "g" && !event.shiftKey) {
      goAt = event.timeStamp
      return
    }
    if (perform(event, target)) event.preventDefault()
  })
}

const isWriting = (target: HTMLElement): boolean =>
  (target instanceof HTMLInputElement && target.type !== "checkbox" && target.type !== "radio") ||
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement

/** Buttons and the like answer to Space themselves. */
const isPressed = (target: HTMLElement): boolean =>
  target instanceof HTMLButtonElement ||
  target instanceof HTMLInputElement ||
  target.tagName === "SUMMARY" ||
  target instanceof HTMLAnchorElement

const speeds = [1, 10, 100] as const

const perform = (event: KeyboardEvent, target: HTMLElement): boolean => {
  const { key, shiftKey } = event
  switch (key) {
    case "ArrowRight":
      return done(shiftKey ? state.stepJournal(1) : state.stepBy(1))
    case "ArrowLeft":
      return done(shiftKey ? state.stepJournal(-1) : state.stepBy(-1))
    case "Home":
      return done(state.goTo(0))
    case "End":
      return done(state.live())
    case " ":
      return isPressed(target) ? false : done(toggleLive())
    case "?":
      return done(overlay.open("help"))
    case "/":
      return done(document.getElementById("search")?.focus())
    case "Escape":
      return done(state.select(state.run.value === undefined ? {} : { run: state.run.value.run }))
    case "<":
    case ">": {
      const at = speeds.indexOf(state.speed.value) + (key === ">" ? 1 : -1)
      state.speed.value = speeds[Math.max(0, Math.min(speeds.length - 1, at))]!
      return true
    }
    case "1":
    case "2":
    case "3":
    case "4":
    case "5":
      state.tab.value = tabNames[Number(key) - 1]!
      return true
  }
  switch (key.toLowerCase()) {
    case "j":
      return done(stepSelected(1))
    case "k":
      return done(stepSelected(-1))
    case "p":
      return done(togglePlay())
    case "t":
      state.isTable.value = !state.isTable.value
      return true
    case "f":
      return done(document.getElementById("only")?.click())
  }
  return false
}

const done = (_: unknown): true => true

/** To the next, or the previous, event that is about what is selected; any event when nothing is. */
export const stepSelected = (direction: 1 | -1): void => {
  const events = state.stream.value?.events ?? []
  const subject = { task: state.selection.value.task, actor: state.actorKey.value }
  const isAny = subject.task === undefined && subject.actor === undefined
  const here = state.seq.value - 1
  for (let at = here + direction; at >= 0 && at < events.length; at += direction)
    if (isAny || isAbout(events[at]!, subject)) return state.goTo(at + 1)
}
