/** Times, lengths and names as people read them. */

/** `12.3 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`: two figures that matter, never more. */
export const length = (ms: number): string => {
  if (!Number.isFinite(ms)) return "–"
  if (ms < 0) return `−${length(-ms)}`
  if (ms < 1) return ms === 0 ? "0 ms" : "< 1 ms"
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const seconds = ms / 1_000
  if (seconds < 59.95) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3_600) return two(Math.floor(whole / 60), "min", whole % 60, "s")
  const minutes = Math.round(whole / 60)
  if (minutes < 1_440) return two(Math.floor(minutes / 60), "h", minutes % 60, "min")
  const hours = Math.round(minutes / 60)
  return two(Math.floor(hours / 24), "d", hours % 24, "h")
}
const two = (a: number, unit: string, b: number, smaller: string) =>
  b === 0 ? `${a} ${unit}` : `${a} ${unit} ${b} ${smaller}`

const pad = (value: number, width = 2) => String(value).padStart(width, "0")

/** The time of day here: `10:30:00.412`. */
export const clock = (t: number): string => {
  const at = new Date(t)
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`
}

/** With the day: `2026-11-20 10:30:00.412`. */
export const dayAndClock = (t: number): string => {
  const at = new Date(t)
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(t)}`
}

/** When, from the beginning on, so that neighbours can be told apart: `+0.412 s`, `+4:12.858`, `+4:01:04.348`. */
export const since = (t: number, start: number): string => {
  const ms = Math.round(Math.abs(t - start))
  const sign = t < start ? "−" : "+"
  const rest = `${pad(ms % 1_000, 3)}`
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${sign}${seconds}.${rest} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${sign}${minutes}:${pad(seconds % 60)}.${rest}`
  return `${sign}${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}.${rest}`
}

/** `1,204`. */
export const count = (n: number): string => n.toLocaleString("en")

/** `1 task`, `3 tasks`. */
export const many = (n: number, one: string, more = `${one}s`): string => `${count(n)} ${n === 1 ? one : more}`

/** Characters that are not seen, or that turn the reading direction of what follows: written out, so that a name cannot pretend. */
const unseen = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** A name that somebody gave, safe to stand in a line: nothing in it is invisible or moves its neighbours. */
export const plain = (text: string, most = 200): string => {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text
  return cut.replace(unseen, (one) =>
    one === "\n" ? "⏎" : one === "\t" ? "⇥" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
}

/** A text of several lines: lines stay, all else that is unseen is written out. */
export const lines = (text: string, most = 20_000): string =>
  (text.length > most ? `${text.slice(0, most)}… ${count(text.length - most)} more characters` : text).replace(
    unseen,
    (one) =>
      one === "\n" || one === "\t" ? one : one === "\r" ? "" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** A value in one short line. */
export const brief = (value: unknown, most = 80): string => {
  if (value === undefined) return ""
  if (typeof value === "string") return plain(JSON.stringify(value), most)
  if (value === null || typeof value !== "object") return String(value)
  let text = ""
  const say = (one: unknown, depth: number): void => {
    if (text.length > most) return
    if (one === null || typeof one !== "object")
      text += typeof one === "string" ? JSON.stringify(one.slice(0, most)) : String(one)
    else if (Array.isArray(one)) {
      if (depth > 2) text += `[${one.length}]`
      else {
        text += "["
        for (let i = 0; i < one.length && text.length <= most; i++) {
          if (i > 0) text += ", "
          say(one[i], depth + 1)
        }
        text += "]"
      }
    } else {
      const keys = Object.keys(one)
      if (depth > 2) text += keys.length === 0 ? "{}" : "{…}"
      else {
        text += "{"
        for (let i = 0; i < keys.length && text.length <= most; i++) {
          text += `${i > 0 ? ", " : ""}${keys[i]!}: `
          say((one as Record<string, unknown>)[keys[i]!], depth + 1)
        }
        text += "}"
      }
    }
  }
  say(value, 0)
  return plain(text, most)
}

/** The value of a state in one line: `a.b`, `a & b.c`. */
export const stateText = (value: unknown): string => {
  if (value === undefined || value === null) return ""
  if (typeof value !== "object") return plain(String(value))
  return Object.entries(value)
    .map(([key, inner]) => {
      const deeper = stateText(inner)
      return deeper === "" ? plain(key) : `${plain(key)}.${deeper}`
    })
    .join(" & ")
}
