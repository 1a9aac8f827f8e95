/** The clock: where all views stand, and how it moves. The strip shows how much happened when, and what went wrong. */
import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { type Axis, binsMost, type Mark, markKinds } from "./axis.ts"
import { clock, count, dayAndClock, length, since } from "./format.ts"
import { Icon } from "./icons.tsx"
import { said } from "./said.ts"
import { state } from "./state.ts"

export const Slider = () => {
  const total = state.length.value
  const seq = state.seq.value
  const stream = state.stream.value
  const event = state.event.value
  const isLive = state.moment.value === "live"
  const isPlaying = state.isPlaying.value
  const start = stream?.events[0]?.t ?? 0
  const none = total === 0
  const isGrowing = state.connection.value.state === "open" && state.hello.value?.source !== "recording"
  return (
    <section class="clock" aria-label="Moment">
      <div class="clock-keys">
        <Key label="To the beginning (Home)" icon="first" isOff={none || seq === 0} onClick={() => state.goTo(0)} />
        <Key label="Back by one event (←)" icon="previous" isOff={none || seq === 0} onClick={() => state.stepBy(-1)} />
        <button
          type="button"
          class="key key-play"
          disabled={none}
          aria-label={isPlaying ? "Stop playing (P)" : "Play (P)"}
          title={isPlaying ? "Stop playing (P)" : "Play (P)"}
          onClick={togglePlay}
        >
          <Icon name={isPlaying ? "pause" : "play"} />
        </button>
        <Key label="On by one event (→)" icon="next" isOff={none || seq >= total} onClick={() => state.stepBy(1)} />
        <Key label="To the end (End)" icon="last" isOff={none || seq >= total} onClick={() => state.goTo(total)} />
        <div class="segment speeds" role="radiogroup" aria-label="Speed of playing">
          {([1, 10, 100] as const).map((speed) => (
            <button
              key={speed}
              type="button"
              role="radio"
              aria-checked={state.speed.value === speed}
              onClick={() => {
                state.speed.value = speed
              }}
            >
              {speed}×
            </button>
          ))}
        </div>
      </div>
      <Strip />
      <div class="clock-words num">
        <div class="clock-time">
          {event === undefined ? (
            <span class="faint">before the first event</span>
          ) : (
            <>
              <strong>{since(event.t, start)}</strong>
              <span class="faint" title={dayAndClock(event.t)}>
                {clock(event.t)}
              </span>
            </>
          )}
        </div>
        <div class="faint">
          {count(seq)} of {count(total)}
          {isLive && isGrowing && !state.isCaughtUp.value ? " …" : ""}
        </div>
      </div>
      <button
        type="button"
        class={`live ${isLive ? "is-live" : ""}`}
        aria-pressed={isLive}
        disabled={none}
        title={isLive ? "Stands at the end and moves with it (Space stops it)" : "To the end, and on with it (Space)"}
        onClick={toggleLive}
      >
        <Icon name="live" size={14} />
        {isGrowing ? "Live" : "End"}
      </button>
    </section>
  )
}

export const togglePlay = (): void => {
  if (state.isPlaying.value) state.isPlaying.value = false
  else {
    // from the end there is nothing to play: it begins at the beginning
    if (state.seq.value >= state.length.value) state.moment.value = 0
    else if (state.moment.value === "live") state.moment.value = state.seq.value
    state.isPlaying.value = true
  }
}

export const toggleLive = (): void => {
  if (state.moment.value === "live" || state.isPlaying.value) state.goTo(state.seq.value)
  else state.live()
}

const Key = (props: {
  readonly label: string
  readonly icon: "first" | "previous" | "next" | "last"
  readonly isOff: boolean
  readonly onClick: () => void
}) => (
  <button
    type="button"
    class="key"
    aria-label={props.label}
    title={props.label}
    disabled={props.isOff}
    onClick={props.onClick}
  >
    <Icon name={props.icon} />
  </button>
)

const stripHeight = 44

const Strip = () => {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const width = useSignal(600)
  const hover = useSignal<number | undefined>(undefined)
  const isDragging = useRef(false)
  const stream = state.stream.value
  const total = state.length.value
  const seq = state.seq.value
  const theme = state.shownTheme.value
  const axis = stream?.axis

  useLayoutEffect(() => {
    const element = box.current!
    const watch = new ResizeObserver(() => {
      width.value = element.clientWidth
    })
    watch.observe(element)
    width.value = element.clientWidth
    return () => watch.disconnect()
  }, [])
  useEffect(() => {
    if (canvas.current !== null) draw(canvas.current, axis, width.value)
  }, [axis, total, width.value, theme])

  const inner = Math.max(1, width.value - 16)
  const xOf = (place: number) => 8 + (axis === undefined ? 0 : (place / axis.total) * inner)
  const seqAt = (clientX: number): number => {
    const { left } = box.current!.getBoundingClientRect()
    const share = Math.max(0, Math.min(1, (clientX - left - 8) / inner))
    return axis === undefined ? 0 : share === 0 ? 0 : axis.before(share * axis.total)
  }
  const x = axis === undefined ? 8 : seq === 0 ? 8 : xOf(axis.at(seq - 1))
  const start = stream?.events[0]?.t ?? 0
  const event = stream?.events[seq - 1]
  const hovered = hover.value === undefined ? undefined : stream?.events[Math.max(0, hover.value - 1)]
  return (
    <div
      ref={box}
      id="slider"
      class="strip"
      role="slider"
      tabIndex={0}
      aria-label="Moment"
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={seq}
      aria-valuetext={
        event === undefined
          ? "before the first event"
          : `event ${seq} of ${total}, ${since(event.t, start)}: ${event.kind}, ${said(event, 60)}`
      }
      onPointerDown={(down) => {
        if (total === 0 || down.button !== 0) return
        isDragging.current = true
        down.currentTarget.setPointerCapture(down.pointerId)
        state.goTo(seqAt(down.clientX))
      }}
      onPointerMove={(move) => {
        const at = seqAt(move.clientX)
        if (isDragging.current) state.goTo(at)
        hover.value = total === 0 ? undefined : at
      }}
      onPointerUp={() => {
        isDragging.current = false
      }}
      onPointerLeave={() => {
        hover.value = undefined
      }}
      onKeyDown={(event) => {
        const move = { PageUp: Math.ceil(total / 20), PageDown: -Math.ceil(total / 20), ArrowUp: 1, ArrowDown: -1 }[
          event.key
        ]
        if (move === undefined) return
        event.preventDefault()
        state.stepBy(move)
      }}
    >
      <canvas ref={canvas} class="strip-picture" />
      <svg class="strip-over" width={width.value} height={stripHeight} aria-hidden="true">
        <rect class="strip-past" x="8" y="4" width={Math.max(0, x - 8)} height={stripHeight - 12} />
        {axis?.gaps.map(({ at, ms }) => (
          <g key={at} class="strip-gap" transform={`translate(${xOf(at)} 0)`}>
            <path d={`M-2 6l3 5l-3 5l3 5l-3 5l3 5M2 6l3 5l-3 5l3 5l-3 5l3 5`} />
            <title>{`${length(ms)} in which nothing happened`}</title>
          </g>
        ))}
        <g transform={`translate(${x} 0)`} class="strip-hand">
          <path d={`M0 4v${stripHeight - 8}`} />
          <path class="strip-knob" d="M-5 0h10v5l-5 6l-5-6z" />
        </g>
      </svg>
      {hovered === undefined ? null : (
        <div
          class="strip-tip num"
          style={{ left: `${Math.max(90, Math.min(width.value - 90, xOf(axis!.at(hovered.seq))))}px` }}
        >
          <strong>{since(hovered.t, start)}</strong> {hovered.kind}
        </div>
      )}
    </div>
  )
}

/** Height and place of the marks, beside their colours: none is told by colour alone. */
const marks: Readonly<
  Record<Mark, { readonly color: string; readonly y: number; readonly height: number; readonly width: number }>
> = {
  attempt: { color: "--status-running", y: 38, height: 2, width: 1 },
  decision: { color: "--status-decision", y: 36, height: 6, width: 3 },
  failure: { color: "--status-failed", y: 34, height: 9, width: 2 },
  fault: { color: "--status-fault", y: 4, height: 39, width: 2 }
}

const draw = (canvas: HTMLCanvasElement, axis: Axis | undefined, width: number): void => {
  const ratio = Math.min(devicePixelRatio, 3)
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(stripHeight * ratio)
  const pen = canvas.getContext("2d")
  if (pen === null) return
  pen.scale(ratio, ratio)
  pen.clearRect(0, 0, width, stripHeight)
  const style = getComputedStyle(canvas)
  const color = (name: string) => style.getPropertyValue(name)
  const inner = Math.max(1, width - 16)
  pen.fillStyle = color("--line")
  pen.fillRect(8, 36, inner, 1)
  if (axis === undefined || axis.count === 0) return
  const columns = new Float64Array(Math.ceil(inner))
  const place = (bin: number) =>
    Math.min(columns.length - 1, Math.floor((((bin + 0.5) * axis.binWidth) / axis.total) * inner))
  const used = Math.min(binsMost, Math.ceil(axis.total / axis.binWidth) + 1)
  for (let bin = 0; bin < used; bin++) if (axis.density[bin]! > 0) columns[place(bin)]! += axis.density[bin]!
  let most = 1
  for (const one of columns) if (one > most) most = one
  pen.fillStyle = color("--strip-bar")
  for (let x = 0; x < columns.length; x++) {
    if (columns[x] === 0) continue
    // few events beside many are seen all the same
    const height = Math.max(2, (Math.log1p(columns[x]!) / Math.log1p(most)) * 26)
    pen.fillRect(8 + x, 35 - height, 1, height)
  }
  for (const kind of markKinds) {
    const { color: name, y, height, width: wide } = marks[kind]
    pen.fillStyle = color(name)
    for (let bin = 0; bin < used; bin++)
      if (axis.marks[kind][bin]! > 0) pen.fillRect(8 + place(bin) - (wide - 1) / 2, y, wide, height)
  }
}
