/** What the bars of the timeline mean. */
import { attemptLooks, type Look, pauseLooks, undoLook } from "../status.tsx"

const entries: ReadonlyArray<readonly [Look, string]> = [
  [attemptLooks.running, "attempt at work"],
  [attemptLooks.succeeded, "attempt that succeeded"],
  [attemptLooks.failed, "attempt that failed"],
  [attemptLooks.aborted, "attempt that was ended"],
  [attemptLooks.late, "answer that came too late"],
  [undoLook, "takes back what was done"],
  [pauseLooks.slot, "waits for a slot"],
  [pauseLooks.backoff, "backs off before the next attempt"],
  [pauseLooks.timer, "waits for a time"],
  [pauseLooks.answer, "waits for an answer"]
]

export const Legend = () => (
  <details class="gantt-legend">
    <summary title="What the bars mean" aria-label="What the bars mean">
      ?
    </summary>
    <ul>
      {entries.map(([look, text]) => (
        <li key={text}>
          <svg class={look.className} width="30" height="14" aria-hidden="true">
            <rect
              class="gantt-legend-bar"
              x="0.5"
              y="0.5"
              width="29"
              height="13"
              rx="3"
              fill={`url(#${look.pattern})`}
            />
          </svg>
          {text}
        </li>
      ))}
      <li>
        <svg width="30" height="14" aria-hidden="true">
          <path class="gantt-critical" d="M1 7h28" />
        </svg>
        decides how long the run takes
      </li>
      <li>
        <svg width="30" height="14" aria-hidden="true">
          <path class="gantt-slack" d="M1 7H26M26 3.5v7" />
        </svg>
        could have ended so late
      </li>
    </ul>
  </details>
)
