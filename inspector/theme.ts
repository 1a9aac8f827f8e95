/** Light, dark, or as the system is; kept for the next time. Colours are registered so that a canvas can ask for them. */
import { effect } from "@preact/signals"
import type { State, Theme } from "./state.ts"
import { allLooks } from "./status.tsx"

const key = "troupe.theme"

const others = [
  "ground",
  "surface",
  "raised",
  "sunken",
  "line",
  "line-strong",
  "text",
  "text-soft",
  "text-faint",
  "accent",
  "accent-soft",
  "strip-bar"
]

export const startTheme = (state: State): void => {
  const names = new Set([
    ...allLooks.flatMap(({ className }) => [`status-${className.slice(2)}`, `status-${className.slice(2)}-soft`]),
    ...others
  ])
  for (const name of names) {
    try {
      CSS.registerProperty({ name: `--${name}`, syntax: "<color>", inherits: true, initialValue: "transparent" })
    } catch {
      // it is registered already, or this browser does not register: colours are as they are written then
    }
  }
  const dark = matchMedia("(prefers-color-scheme: dark)")
  state.isDarkOutside.value = dark.matches
  dark.addEventListener("change", ({ matches }) => {
    state.isDarkOutside.value = matches
  })
  const kept = read()
  if (kept !== undefined) state.theme.value = kept
  effect(() => {
    const theme = state.theme.value
    document.documentElement.dataset["theme"] = theme
    try {
      localStorage.setItem(key, theme)
    } catch {
      // a page without storage forgets it
    }
  })
}

const read = (): Theme | undefined => {
  try {
    const kept = localStorage.getItem(key)
    return kept === "light" || kept === "dark" || kept === "system" ? kept : undefined
  } catch {
    return undefined
  }
}
