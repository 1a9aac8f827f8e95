/** The graph as a table: the same tasks, what each waits for, how it stands. */
import { useMemo, useState } from "preact/hooks"
import type { RunView } from "../../src/inspect/view.ts"
import type { TaskStatus } from "../../src/model/messages.ts"
import { criticalOf } from "../picture/critical.ts"
import { agentOf, attemptsOf, countsOf, countsWith, kindText, spanOf, statusOf } from "../picture/looks.ts"
import { type Part, Structure } from "../picture/structure.ts"
import { lengthText } from "../picture/times.ts"
import { type GridColumn, type GridRow, Treegrid } from "../picture/treegrid.tsx"
import { StatusBadge, taskLooks } from "../status.tsx"
import "../picture/picture.css"
import type { DagProps } from "./Dag.tsx"
import { wordsOf } from "./facts.ts"
import { hasInside } from "./scene.ts"

interface Row extends GridRow {
  readonly part: Part
  readonly needs: string
  readonly status: TaskStatus
}

export const DagTable = (props: DagProps) => {
  const run = props.view.runs.get(props.run)
  return run === undefined ? (
    <p class="picture-empty">Nothing is known of this run yet.</p>
  ) : (
    <Table {...props} run={run} />
  )
}

const Table = ({ view, run, selected, onSelect }: Omit<DagProps, "run"> & { readonly run: RunView }) => {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set<string>())
  const ir = view.definitions.get(run.hash)
  // a map of the same size has the same paths
  const structure = useMemo(() => new Structure(ir, run), [ir, run.tasks, run.tasks.size])
  const now = run.endedAt ?? view.t
  const counts = countsOf(run)
  const critical = criticalOf(structure, run, now)
  const rows: Array<Row> = []
  const add = (path: string, depth: number) => {
    const { parts, graph } = structure.parts(path)
    parts.forEach((part, i) => {
      const needs: Array<string> = []
      for (let k = graph.predecessorStart[i]!; k < graph.predecessorStart[i + 1]!; k++)
        needs.push(parts[graph.predecessors[k]!]!.name)
      const isOpen = part.mayOpen ? open.has(part.path) : undefined
      rows.push({
        path: part.path,
        depth,
        isOpen,
        part,
        needs: needs.join(", "),
        status: statusOf(run, counts, part.path)
      })
      if (isOpen === true && depth < 12) add(part.path, depth + 1)
    })
  }
  add("", 0)
  const columns: ReadonlyArray<GridColumn<Row>> = [
    { title: "Task", share: 2.4, cell: ({ part }) => part.name },
    { title: "Kind", cell: ({ part }) => kindText[part.kind] || "task" },
    { title: "Status", share: 1.2, cell: ({ status }) => <StatusBadge look={taskLooks[status]} /> },
    {
      title: "Inside",
      share: 1.6,
      cell: ({ part, path }) => (hasInside(part) ? wordsOf(countsWith(counts, path, structure.count(path))) : "")
    },
    { title: "Attempts", isNumber: true, share: 0.7, cell: ({ path }) => attemptsOf(run.tasks.get(path)) || "" },
    {
      title: "Took",
      isNumber: true,
      share: 0.8,
      cell: ({ path }) => {
        const span = spanOf(run.tasks.get(path), now)
        return span === undefined ? "" : lengthText(span[1] - span[0])
      }
    },
    { title: "Agent", cell: ({ path }) => agentOf(run.tasks.get(path)) ?? "" },
    { title: "Waits for", share: 2, cell: ({ needs }) => needs },
    { title: "Critical", share: 0.7, cell: ({ path }) => (critical.has.has(path) ? "yes" : "") }
  ]
  return (
    <Treegrid
      label={`Tasks of ${run.workflow}`}
      rows={rows}
      columns={columns}
      selected={selected}
      onSelect={onSelect}
      onToggle={(path) =>
        setOpen((all) => {
          const next = new Set(all)
          if (!next.delete(path)) next.add(path)
          return next
        })
      }
    />
  )
}
