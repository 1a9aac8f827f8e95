/** Once a frame: what was received is applied, the filter looks on, a playing clock moves on. Never longer than a part of the frame. */
import type { State } from "./state.ts"

/** Of a frame, this much for events; more when so many wait that they would pile up. */
const budgetMs = 8
const hurryMs = 40
const hurryAt = 50_000
/** Longer than this between two frames, nobody was looking. */
const frameMost = 100

export const runFrames = (state: State): void => {
  let last = performance.now()
  /** What the pictures took the last time: a page that is slow to draw draws more seldom instead of falling behind. */
  let drawMs = 0
  let drawnAt = 0
  /** Where the playing clock stands on the axis; undefined while it stands still. */
  let played: number | undefined
  const frame = (): void => {
    const now = performance.now()
    const passed = Math.min(now - last, frameMost)
    last = now
    if (state.received() > 0 && now - drawnAt >= drawMs) {
      state.apply(state.received() > hurryAt ? hurryMs : budgetMs)
      drawnAt = performance.now()
      setTimeout(() => {
        drawMs = Math.min(200, (performance.now() - drawnAt) * 0.8)
      }, 0)
    }
    state.lookOn(budgetMs)
    if (state.isPlaying.value) play(passed)
    else played = undefined
    schedule()
  }
  // a recording has no time of its own to go on with
  let ahead: number | undefined
  let greeted: unknown
  setInterval(() => {
    const hello = state.hello.value
    if (hello === undefined || hello.source === "recording") return
    if (hello !== greeted) ahead = hello.now - Date.now()
    greeted = hello
    state.tick.value = Date.now() + ahead!
  }, 1_000)
  const play = (passed: number): void => {
    const stream = state.stream.value
    if (stream === undefined) return
    const here = state.seq.value
    if (here >= stream.length) {
      state.live()
      return
    }
    played = (played ?? stream.axis.at(here - 1)) + passed * state.speed.value
    const next = stream.axis.before(played)
    if (next > here) state.moment.value = next
  }
  /** A page that is not seen has no frames; what comes must not pile up all the same. */
  const schedule = () => (document.hidden ? setTimeout(frame, 250) : requestAnimationFrame(frame))
  schedule()
}
