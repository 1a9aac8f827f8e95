/** The one dialog that may stand over the page. */
import { signal } from "@preact/signals"
import type { Act } from "./acts.ts"

export type Shown = { readonly name: "help" } | { readonly name: "act"; readonly act: Act }

const shown = signal<Shown | undefined>(undefined)

export const overlay = {
  shown,
  open: (name: "help"): void => {
    shown.value = { name }
  },
  act: (act: Act): void => {
    shown.value = { name: "act", act }
  },
  close: (): void => {
    shown.value = undefined
  }
}
