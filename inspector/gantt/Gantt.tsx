/** Placeholder of the timeline. */
import type { View } from "../../src/inspect/view.ts"

export interface GanttProps {
  readonly view: View
  readonly run: string
  readonly selected: string | undefined
  readonly onSelect: (path: string) => void
  readonly theme: "light" | "dark"
}
export const Gantt = (_: GanttProps) => <p>The timeline is not part of this build.</p>
