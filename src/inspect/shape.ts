/** A statechart as a picture needs it: states with their parents, and edges. Made from any XState machine. */
import type { Json } from "../model/json.ts"

export interface StateShape {
  /** `task`, `task.attempting`. */
  readonly id: string
  readonly key: string
  readonly parent?: string
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history"
  readonly isInitial?: true
  readonly tags?: ReadonlyArray<string>
  readonly entry?: ReadonlyArray<string>
  readonly exit?: ReadonlyArray<string>
  readonly invokes?: ReadonlyArray<string>
  readonly description?: string
}

export interface EdgeShape {
  readonly from: string
  readonly to: string
  readonly event: string
  readonly guard?: string
  readonly actions?: ReadonlyArray<string>
  /** It stays in the state and only does something. */
  readonly isInternal?: true
}

export interface ChartShape {
  readonly id: string
  readonly states: ReadonlyArray<StateShape>
  readonly edges: ReadonlyArray<EdgeShape>
}

/** What a machine of XState shows of itself. */
interface Node {
  readonly id: string
  readonly key: string
  readonly type: string
  readonly parent?: Node
  readonly states: { readonly [key: string]: Node }
  readonly initial?: { readonly target?: ReadonlyArray<Node> }
  readonly tags?: ReadonlyArray<string>
  readonly entry?: ReadonlyArray<unknown>
  readonly exit?: ReadonlyArray<unknown>
  readonly invoke?: ReadonlyArray<{ readonly src: unknown }>
  readonly description?: string
  readonly transitions?: ReadonlyMap<string, ReadonlyArray<Transition>>
  readonly always?: ReadonlyArray<Transition>
}
interface Transition {
  readonly eventType?: string
  readonly target?: ReadonlyArray<Node>
  readonly guard?: unknown
  readonly actions?: ReadonlyArray<unknown>
}

/** Most states and edges that are told of one chart. */
export const shapeMost = 2_000

/** The shape of a machine; undefined for a logic that is none. */
export const shapeOf = (machine: unknown): ChartShape | undefined => {
  const root = (machine as { readonly root?: Node } | undefined)?.root
  if (root === undefined) return undefined
  const states: Array<StateShape> = []
  const edges: Array<EdgeShape> = []
  const visit = (node: Node): void => {
    if (states.length >= shapeMost) return
    const initial = node.parent?.initial?.target
    states.push({
      id: node.id,
      key: node.key,
      ...(node.parent === undefined ? {} : { parent: node.parent.id }),
      type: node.type as StateShape["type"],
      ...(initial?.some(({ id }) => id === node.id) ? { isInitial: true as const } : {}),
      ...some("tags", node.tags?.map(String)),
      ...some("entry", names(node.entry)),
      ...some("exit", names(node.exit)),
      ...some(
        "invokes",
        node.invoke?.map(({ src }) => nameOf(src))
      ),
      ...(node.description === undefined ? {} : { description: node.description })
    })
    for (const transition of [...[...(node.transitions?.values() ?? [])].flat(), ...(node.always ?? [])]) {
      const { eventType = "", target, guard, actions } = transition
      for (const { id } of target ?? [node]) {
        if (edges.length >= shapeMost) return
        edges.push({
          from: node.id,
          to: id,
          event: eventType,
          ...(guard === undefined ? {} : { guard: nameOf(guard) }),
          ...some("actions", names(actions)),
          ...(target === undefined ? { isInternal: true as const } : {})
        })
      }
    }
    for (const child of Object.values(node.states)) visit(child)
  }
  visit(root)
  return { id: root.id, states, edges }
}

const some = <K extends string>(
  key: K,
  list: ReadonlyArray<string> | undefined
): { readonly [key in K]?: ReadonlyArray<string> } =>
  list === undefined || list.length === 0 ? {} : ({ [key]: list } as { readonly [key in K]: ReadonlyArray<string> })

const names = (actions: ReadonlyArray<unknown> | undefined) => actions?.map(nameOf)

/** The name of an action, a guard or an actor: what stands in the chart, or that of the function. */
const nameOf = (one: unknown): string => {
  if (typeof one === "string") return one
  if (typeof one === "function") return one.name === "" ? "(code)" : one.name
  const type = (one as { readonly type?: unknown } | null)?.type
  return typeof type === "string" ? type : "(code)"
}

/** The ids of the deepest states of a state value: `{ a: "b" }` of chart `m` is `m.a.b`. */
export const statesOf = (chart: string, value: Json | undefined): ReadonlyArray<string> => {
  if (value === undefined || value === null) return []
  if (typeof value === "string") return [`${chart}.${value}`]
  if (typeof value !== "object" || Array.isArray(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const deeper = statesOf(`${chart}.${key}`, inner as Json)
    return deeper.length === 0 ? [`${chart}.${key}`] : deeper
  })
}
