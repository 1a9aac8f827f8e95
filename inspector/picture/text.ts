/** Text in pictures: cut to fit, so that labels never overlap. Widths are measured once a letter, which is near enough and fast. */

const widths = new Map<string, Map<string, number>>()
let pen: { font: string; measureText: (text: string) => { readonly width: number } } | null | undefined

/** Width of a letter where there is nothing to measure with, in parts of the size of the font. */
const usualWidth = 0.58

const widthOf = (text: string, font: string): number => {
  let known = widths.get(font)
  if (known === undefined) {
    known = new Map()
    widths.set(font, known)
  }
  let sum = 0
  for (const letter of text) {
    let width = known.get(letter)
    if (width === undefined) {
      width = measured(letter, font)
      if (known.size < 5_000) known.set(letter, width)
    }
    sum += width
  }
  return sum
}

const measured = (letter: string, font: string): number => {
  if (pen === undefined) pen = "document" in globalThis ? drawing() : null
  if (pen === null) return usualWidth * Number.parseFloat(font.match(/(\d+(?:\.\d+)?)px/)?.[1] ?? "12")
  pen.font = font
  return pen.measureText(letter).width
}
const drawing = () =>
  (
    globalThis as unknown as {
      document: { createElement: (name: string) => { getContext: (kind: string) => typeof pen } }
    }
  ).document
    .createElement("canvas")
    .getContext("2d") ?? null

export const textWidth = widthOf

/** As much of a text as fits, with `…` where something is missing; nothing where not even three letters fit. */
export const fitText = (text: string, width: number, font: string): string => {
  // nobody measures a name of a megabyte
  const given = text.length > 300 ? text.slice(0, 300) : text
  if (given === text && widthOf(given, font) <= width) return text
  const room = width - widthOf("…", font)
  let sum = 0
  let kept = ""
  for (const letter of given) {
    sum += widthOf(letter, font)
    if (sum > room) break
    kept += letter
  }
  return kept.length < 2 ? "" : `${kept.trimEnd()}…`
}

export const fonts = {
  name: "600 12.5px system-ui, sans-serif",
  plain: "12.5px system-ui, sans-serif",
  small: "11px system-ui, sans-serif",
  large: "600 21px system-ui, sans-serif"
} as const
