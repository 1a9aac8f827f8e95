/** The timeline as a table: when each task began and ended, its attempts, and what it waited for. */
import { useMemo, useState } from "preact/hooks"
import type { PauseView, RunView } from "../../src/inspect/view.ts"
import { criticalOf } from "../picture/critical.ts"
import { agentOf, attemptsOf, countsOf, statusOf } from "../picture/looks.ts"
import { Structure } from "../picture/structure.ts"
import { clockText, lengthText } from "../picture/times.ts"
import { type GridColumn, type GridRow, Treegrid } from "../picture/treegrid.tsx"
import { StatusBadge, taskLooks } from "../status.tsx"
import "../picture/picture.css"
import { groupSpan } from "./bars.ts"
import type { GanttProps } from "./Gantt.tsx"
import { type Row, rowsOf } from "./rows.ts"

export const GanttTable = (props: GanttProps) => {
  const run = props.view.runs.get(props.run)
  return run === undefined ? (
    <p class="picture-empty">Nothing is known of this run yet.</p>
  ) : (
    <Table {...props} run={run} />
  )
}

const Table = ({ view, run, selected, onSelect }: Omit<GanttProps, "run"> & { readonly run: RunView }) => {
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set<string>())
  const ir = view.definitions.get(run.hash)
  // a map of the same size has the same paths
  const structure = useMemo(() => new Structure(ir, run), [ir, run.tasks, run.tasks.size])
  const now = run.endedAt ?? view.t
  const { seq } = view
  // the order follows from the moment
  const rows = useMemo(() => rowsOf(structure, run, turned, "start", now), [structure, turned, seq])
  const critical = useMemo(() => criticalOf(structure, run, now), [structure, run, now])
  const counts = countsOf(run)
  const waited = (path: string, kind: PauseView["for"]): string => {
    const sum = (run.tasks.get(path)?.pauses ?? []).reduce(
      (total, pause) => total + (pause.for === kind ? (pause.to ?? now) - pause.from : 0),
      0
    )
    return sum < 0.5 ? "" : lengthText(sum)
  }
  const columns: ReadonlyArray<GridColumn<Row & GridRow>> = [
    { title: "Task", share: 2.2, cell: ({ part }) => part.name },
    { title: "Status", share: 1.2, cell: ({ path }) => <StatusBadge look={taskLooks[statusOf(run, counts, path)]} /> },
    {
      title: "Since start",
      isNumber: true,
      cell: ({ path }) => {
        const span = groupSpan(run, path, now)
        return span === undefined ? "" : `+${lengthText(span[0] - run.submittedAt)}`
      }
    },
    {
      title: "From",
      isNumber: true,
      cell: ({ path }) => {
        const span = groupSpan(run, path, now)
        return span === undefined ? "" : clockText(span[0], 1)
      }
    },
    {
      title: "To",
      isNumber: true,
      cell: ({ path }) => {
        const end = run.tasks.get(path)?.endedAt
        return end === undefined ? "" : clockText(end, 1)
      }
    },
    {
      title: "Took",
      isNumber: true,
      cell: ({ path }) => {
        const span = groupSpan(run, path, now)
        return span === undefined ? "" : lengthText(span[1] - span[0])
      }
    },
    { title: "Attempts", isNumber: true, share: 0.7, cell: ({ path }) => attemptsOf(run.tasks.get(path)) || "" },
    { title: "Slot wait", isNumber: true, share: 0.8, cell: ({ path }) => waited(path, "slot") },
    { title: "Backoff", isNumber: true, share: 0.8, cell: ({ path }) => waited(path, "backoff") },
    { title: "Agent", cell: ({ path }) => agentOf(run.tasks.get(path)) ?? "" },
    {
      title: "Slack",
      isNumber: true,
      share: 0.8,
      cell: ({ path }) => {
        if (critical.has.has(path)) return "critical"
        const latest = critical.couldEnd.get(path)
        const end = run.tasks.get(path)?.endedAt
        return latest === undefined || end === undefined ? "" : lengthText(latest - end)
      }
    }
  ]
  return (
    <Treegrid
      label={`Times of ${run.workflow}`}
      rows={rows}
      columns={columns}
      selected={selected}
      onSelect={onSelect}
      onToggle={(path) =>
        setTurned((before) => {
          const next = new Set(before)
          if (!next.delete(path)) next.add(path)
          return next
        })
      }
    />
  )
}
