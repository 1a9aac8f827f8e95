/** The actors of a view as the rows of a tree, without those below one that is closed. */
import type { ActorView, View } from "../src/inspect/view.ts"

export interface TreeRow {
  readonly actor: ActorView
  /** From 1. */
  readonly level: number
  readonly children: number
  readonly isOpen: boolean
  /** Its place among its siblings, from 1. */
  readonly place: number
  readonly siblings: number
}

/** More children than this are shown when somebody asks for them. */
export const openMost = 40
/** Most rows; the rest is not shown, and said so by whoever shows them. */
export const rowsMost = 200_000

export const isOpenAtFirst = (level: number, children: number): boolean => level <= 3 && children <= openMost

/** `toggled` has what somebody opened or closed by hand. */
export const treeRows = (
  view: Pick<View, "actors" | "children">,
  toggled: ReadonlyMap<string, boolean>,
  isShown: (actor: ActorView) => boolean = () => true
): ReadonlyArray<TreeRow> => {
  const rows: Array<TreeRow> = []
  const visit = (key: string, level: number): void => {
    const all = view.children.get(key)
    if (all === undefined) return
    const shown: Array<ActorView> = []
    for (const child of all) {
      const actor = view.actors.get(child)
      if (actor !== undefined && isShown(actor)) shown.push(actor)
    }
    for (let i = 0; i < shown.length && rows.length < rowsMost; i++) {
      const actor = shown[i]!
      const children = view.children.get(actor.key)?.size ?? 0
      const isOpen = children > 0 && (toggled.get(actor.key) ?? isOpenAtFirst(level, children))
      rows.push({ actor, level, children, isOpen, place: i + 1, siblings: shown.length })
      if (isOpen) visit(actor.key, level + 1)
    }
  }
  visit("", 1)
  return rows
}

/** The keys of an actor's parents, nearest first: they must be open for it to be seen. */
export const ancestors = (view: Pick<View, "actors">, key: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let at = view.actors.get(key)?.parent; at !== undefined && !found.includes(at); at = view.actors.get(at)?.parent)
    found.push(at)
  return found
}
