/** A table with a tree in its first column, for everything that a picture tells: rows that can be seen are there, the others are room. */
import type { ComponentChildren } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"

export interface GridRow {
  readonly path: string
  readonly depth: number
  /** Whether it is open; undefined when there is nothing inside. */
  readonly isOpen: boolean | undefined
}

export interface GridColumn<Row> {
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  readonly isNumber?: boolean
  /** How many parts of the width it takes; 1 when absent. */
  readonly share?: number
}

interface TreegridProps<Row extends GridRow> {
  readonly label: string
  readonly rows: ReadonlyArray<Row>
  readonly columns: ReadonlyArray<GridColumn<Row>>
  readonly selected: string | undefined
  readonly onSelect: (path: string) => void
  readonly onToggle: (path: string) => void
}

const rowHeight = 28
const headHeight = 29
/** Rows that are there above and below what can be seen. */
const spare = 8
/** Highest that an element is made: browsers end at 33 million pixels. */
const highest = 16_000_000

export const Treegrid = <Row extends GridRow>({
  label,
  rows,
  columns,
  selected,
  onSelect,
  onToggle
}: TreegridProps<Row>) => {
  const grid = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  useEffect(() => {
    const element = grid.current
    if (element === null) return
    const observer = new ResizeObserver(() => setHeight(element.clientHeight - headHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const all = rows.length * rowHeight
  const squeeze = Math.max(1, (all - height) / Math.max(1, Math.min(all, highest) - height))
  const first = Math.max(0, Math.floor((top * squeeze) / rowHeight) - spare)
  const last = Math.min(rows.length, Math.ceil((top * squeeze + height) / rowHeight) + spare)
  const current = rows.findIndex(({ path }) => path === selected)
  const show = (index: number) => {
    const element = grid.current
    if (element === null) return
    const at = (index * rowHeight) / squeeze
    if (at < element.scrollTop) element.scrollTop = at
    else if (at + rowHeight > element.scrollTop + height) element.scrollTop = at + rowHeight - height
  }
  const go = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))]
    if (row === undefined) return
    onSelect(row.path)
    show(rows.indexOf(row))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const row = rows[current]
    const page = Math.max(1, Math.floor(height / rowHeight) - 1)
    switch (event.key) {
      case "ArrowDown":
        go(current + 1)
        break
      case "ArrowUp":
        go(current - 1)
        break
      case "PageDown":
        go(current + page)
        break
      case "PageUp":
        go(current - page)
        break
      case "Home":
        go(0)
        break
      case "End":
        go(rows.length - 1)
        break
      case "ArrowRight":
        if (row?.isOpen === false) onToggle(row.path)
        else if (row?.isOpen === true) go(current + 1)
        break
      case "ArrowLeft":
        if (row?.isOpen === true) onToggle(row.path)
        else if (row !== undefined) go(rows.findLastIndex(({ depth }, i) => i < current && depth < row.depth))
        break
      case "Enter":
        if (row?.isOpen !== undefined) onToggle(row.path)
        break
      default:
        return
    }
    event.preventDefault()
    event.stopPropagation()
  }
  const shares = columns.map(({ share = 1 }) => `minmax(0, ${share}fr)`).join(" ")
  const id = (index: number) => `treegrid-${label.replace(/\W+/g, "-")}-${index}`
  return (
    <div
      ref={grid}
      class="treegrid"
      role="treegrid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-activedescendant={current >= first && current < last ? id(current) : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onScroll={() => setTop(grid.current!.scrollTop)}
    >
      <div class="treegrid-top" role="rowgroup">
        <div class="treegrid-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: shares }}>
          {columns.map(({ title, isNumber }) => (
            <span key={title} role="columnheader" class={isNumber ? "is-number" : undefined}>
              {title}
            </span>
          ))}
        </div>
      </div>
      <div class="treegrid-body" role="rowgroup">
        <div class="treegrid-room" role="presentation" style={{ height: `${Math.min(all, highest)}px` }}>
          <div
            class="treegrid-rows"
            role="presentation"
            style={{ transform: `translateY(${top + first * rowHeight - top * squeeze}px)` }}
          >
            {rows.slice(first, last).map((row, i) => (
              <div
                key={row.path}
                id={id(first + i)}
                class={`treegrid-row${row.path === selected ? " is-selected" : ""}`}
                role="row"
                aria-level={row.depth + 1}
                aria-rowindex={first + i + 2}
                aria-expanded={row.isOpen}
                aria-selected={row.path === selected}
                style={{ gridTemplateColumns: shares }}
                onClick={() => onSelect(row.path)}
              >
                {columns.map(({ title, cell, isNumber }, column) => (
                  <span key={title} role="gridcell" class={isNumber ? "is-number" : undefined}>
                    {column === 0 ? (
                      <>
                        <span class="treegrid-indent" style={{ width: `${row.depth * 14}px` }} />
                        <span
                          class={`treegrid-twisty${row.isOpen === undefined ? "" : row.isOpen ? " is-open" : " is-closed"}`}
                          aria-hidden="true"
                          onClick={(event) => {
                            event.stopPropagation()
                            if (row.isOpen !== undefined) onToggle(row.path)
                          }}
                        />
                      </>
                    ) : null}
                    {cell(row)}
                  </span>
                ))}
              </div>
            ))}
          </div>
        </div>
      </div>
    </div>
  )
}
