/** Amounts of resources: adding, comparing, and what a task may ask for. Pure. */
import type { Problem } from "./errors.ts"
import { suggest } from "./ids.ts"
import type { Inventory, Resources } from "./ir.ts"

/** Amounts by name, custom ones beside the built-in ones. */
export type Amounts = ReadonlyMap<string, number>

export const builtinResources = ["cpu", "memoryMb", "diskMb", "networkMbps", "gpu"] as const

/**
 * The amounts that are not zero, by name.
 *
 * ```ts check
 * [...amountsOf({ cpu: 2, gpu: 0, custom: { licence: 1 } })] // => [["cpu", 2], ["licence", 1]]
 * ```
 */
export const amountsOf = (resources: Resources | undefined): Amounts => {
  const result = new Map<string, number>()
  if (resources === undefined) return result
  for (const name of builtinResources) if ((resources[name] ?? 0) > 0) result.set(name, resources[name]!)
  for (const [name, amount] of Object.entries(resources.custom ?? {})) if (amount > 0) result.set(name, amount)
  return result
}

/** The names that an inventory has an amount of. */
const namesOf = (inventory: Inventory): ReadonlySet<string> =>
  new Set([inventory, ...(inventory.workers ?? [])].flatMap((pool) => [...amountsOf(pool).keys()]))

/** The largest amount of a resource that one task could ever get. */
const largest = (inventory: Inventory, name: string): number =>
  Math.max(...[inventory, ...(inventory.workers ?? [])].map((pool) => amountsOf(pool).get(name) ?? 0))

/** What is wrong with the requirement of a task, given what there is (nothing is known without an inventory). */
export const requirementProblems = (
  required: Resources,
  inventory: Inventory | undefined,
  path: string
): ReadonlyArray<Problem> => {
  if (inventory === undefined) return []
  const names = namesOf(inventory)
  const problems: Array<Problem> = []
  for (const [name, amount] of amountsOf(required)) {
    const at = `${path}/${(builtinResources as ReadonlyArray<string>).includes(name) ? name : `custom/${name}`}`
    if (!names.has(name)) {
      if (isImplicit(name, inventory)) continue
      problems.push({
        code: "RESOURCE_UNKNOWN",
        severity: "error",
        path: at,
        message: `there is no resource '${name}'`,
        hint: suggest(name, names) || `resources: ${[...names].join(", ")}`
      })
    } else if (amount > largest(inventory, name)) {
      problems.push({
        code: "RESOURCE_INFEASIBLE",
        severity: "error",
        path: at,
        message: `the task needs ${amount} of '${name}' and there are ${largest(inventory, name)} in one place`,
        hint: "ask for less, or raise the inventory"
      })
    }
  }
  return problems
}

/** Memory, disk and network that nobody counts are taken as ample; so is the processor of workers that name no amounts. */
const isImplicit = (name: string, inventory: Inventory) =>
  name === "memoryMb" ||
  name === "diskMb" ||
  name === "networkMbps" ||
  (name === "cpu" && (inventory.workers ?? []).some((worker) => worker.cpu === undefined))

/** The sum over all requirements, and the largest single one, for a plan. */
export const aggregate = (
  all: Iterable<Resources | undefined>
): { readonly total: Record<string, number>; readonly largest: Record<string, number> } => {
  const total: Record<string, number> = {}
  const largest: Record<string, number> = {}
  for (const resources of all) {
    if (resources === undefined) continue
    for (const [name, amount] of amountsOf(resources)) {
      total[name] = (total[name] ?? 0) + amount
      largest[name] = Math.max(largest[name] ?? 0, amount)
    }
  }
  return { total, largest }
}
