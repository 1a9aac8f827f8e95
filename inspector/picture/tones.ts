/** The colours of the page as a canvas takes them: asked of the browser, which knows the theme. */

export interface Tone {
  readonly strong: string
  readonly soft: string
}

/** Tones by class (`s-running`), and the lines, words and grounds of the page. */
export interface Tones {
  readonly of: (className: string) => Tone
  readonly line: string
  readonly edge: string
  readonly surface: string
  readonly accent: string
}

export const tonesOf = (inside: HTMLElement): Tones => {
  const probe = document.createElement("span")
  probe.className = "tone-probe"
  inside.append(probe)
  const known = new Map<string, Tone>()
  const read = (className: string): Tone => {
    probe.className = `tone-probe ${className}`
    const { color, backgroundColor } = getComputedStyle(probe)
    return { strong: color, soft: backgroundColor }
  }
  const all = ["pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled", "undo"]
  for (const name of all) known.set(`s-${name}`, read(`s-${name}`))
  const lines = read("tone-lines")
  const grounds = read("tone-grounds")
  const accents = read("tone-accents")
  probe.remove()
  const pending = known.get("s-pending")!
  return {
    of: (className) => known.get(className) ?? pending,
    line: lines.strong,
    edge: lines.soft,
    surface: grounds.soft,
    accent: accents.strong
  }
}
