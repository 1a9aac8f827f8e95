/** Placeholder of the workflow graph. */
import type { View } from "../../src/inspect/view.ts"

export interface DagProps {
  readonly view: View
  readonly run: string
  readonly selected: string | undefined
  readonly onSelect: (path: string) => void
  readonly theme: "light" | "dark"
}
export const Dag = (_: DagProps) => <p>The graph of the workflow is not part of this build.</p>
