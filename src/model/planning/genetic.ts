/**
 * Better schedules from good ones: lists are drawn by regret, mixed where resources are used most, shaken a little, and every schedule
 * that comes of them is justified (V. Valls, F. Ballestín, S. Quintanilla, "A hybrid genetic algorithm for the RCPSP", EJOR 185, 2008).
 * It works on any problem of which schedules can be generated from lists.
 */
import type { Taste } from "./crew.ts"
import type { Dice } from "./dice.ts"
import { emptyDraft } from "./draft.ts"
import type { Generator } from "./generator.ts"
import { crossed, drawn, drawnList, listBy, shaken } from "./lists.ts"
import { dueRules } from "./one-pass.ts"
import { beforeDeadlines, latestFinish, latestStart } from "./rules.ts"

interface Individual {
  readonly list: Int32Array
  readonly starts: Float64Array
  readonly ends: Float64Array
  readonly cost: number
  readonly taste: Taste
}

const populationMost = 30
/** Drawn to begin with; the best of them are the first population. */
const drawnMost = 40
/** How often two neighbours of a list change places. */
const shakeRate = 0.08
/** How much the taste for agents varies from one schedule to another. */
const tasteSpread = 0.5

export const breed = (generator: Generator, effort: number, dice: Dice): void => {
  const { compiled } = generator
  const { project } = compiled
  const population: Array<Individual> = []
  const draft = emptyDraft(project.size)
  const keys = [
    ...(compiled.dues === undefined ? [latestStart(project), latestFinish(project)] : dueRules(compiled)),
    ...(compiled.deadlines === undefined ? [] : [beforeDeadlines(project, compiled.deadlines)])
  ]
  const grains = keys.map(grainOf)
  const mayGoOn = () => generator.generated < effort && !generator.isDone

  const finish = (made: number, taste: Taste): Individual => {
    let cost = made
    let list = generator.listOf(draft)
    if (compiled.dues === undefined && generator.generated + 2 <= effort && cost > generator.bound) {
      cost = generator.justified(draft, taste)
      list = generator.listOf(draft)
    }
    return { list, starts: draft.starts.slice(), ends: draft.ends.slice(), cost, taste }
  }
  const begin = (number: number): Individual => {
    const taste = number === 0 ? generator.taste : varied(generator.taste, dice)
    const at = number % keys.length
    const key = keys[at]!
    const grain = grains[at]!
    if (number < keys.length) return finish(generator.serial(listBy(project, key), draft, taste), taste)
    if (dice.next() < 0.5 && compiled.dues === undefined)
      return finish(
        generator.parallel(key, draft, (among) => drawn(among, key, dice, grain)),
        taste
      )
    return finish(generator.serial(drawnList(project, key, dice, grain), draft, taste), taste)
  }
  for (let number = 0; number < drawnMost && mayGoOn(); number++) population.push(begin(number))
  population.sort((a, b) => a.cost - b.cost)
  population.length = Math.min(populationMost, population.length)
  while (mayGoOn() && population.length > 1) {
    const inner = dice.below(population.length)
    const mother = Math.min(inner, dice.below(population.length))
    let father = Math.min(dice.below(population.length), dice.below(population.length))
    if (father === mother) father = (mother + 1 + dice.below(population.length - 1)) % population.length
    const child = childOf(population[mother]!, population[father]!)
    if (child.cost > population.at(-1)!.cost || population.some((one) => isSame(one, child))) continue
    population.pop()
    let at = population.length
    while (at > 0 && population[at - 1]!.cost >= child.cost) at--
    population.splice(at, 0, child)
  }

  function childOf(mother: Individual, father: Individual): Individual {
    const taste = dice.next() < 0.5 ? mother.taste : varied(generator.taste, dice)
    const [from, to] = peakOf(mother)
    if (compiled.dues === undefined && generator.generated + 2 <= effort && dice.next() < 0.5)
      return childFromTheEnd(mother, father, from, to, taste)
    const list = crossed(father.list, mother.list, from, to)
    shaken(list, project.graph, shakeRate, dice)
    return finish(generator.serial(list, draft, taste), taste)
  }

  /** The same, of the lists as they are seen from the end: what comes of it is justified already, for one schedule less. */
  function childFromTheEnd(mother: Individual, father: Individual, from: number, to: number, taste: Taste): Individual {
    const size = mother.list.length
    const list = crossed(
      generator.listFromTheEnd(father.ends),
      generator.listFromTheEnd(mother.ends),
      size - to,
      size - from
    )
    shaken(list, generator.mirror.graph, shakeRate, dice)
    const cost = generator.fromTheEndFreely(list, draft, taste)
    return { list: generator.listOf(draft), starts: draft.starts.slice(), ends: draft.ends.slice(), cost, taste }
  }

  /** Of some spans of a schedule, the one with most of its resources in use: the part of it that is worth keeping. */
  function peakOf({ list, starts, ends }: Individual): readonly [from: number, to: number] {
    const length = ends.reduce((longest, end) => Math.max(longest, end), 0)
    const span = length * (0.25 + 0.5 * dice.next())
    let most = -1
    let begins = 0
    for (let i = 0; i < 8; i++) {
      const at = dice.next() * (length - span)
      const use = usedIn(at, at + span, starts, ends)
      if (use > most) {
        most = use
        begins = at
      }
    }
    let from = 0
    while (from < list.length && starts[list[from]!]! < begins) from++
    let to = from
    while (to < list.length && starts[list[to]!]! < begins + span) to++
    return [from, to]
  }

  function usedIn(from: number, to: number, starts: Float64Array, ends: Float64Array): number {
    const { demands, capacity } = project
    let sum = 0
    for (let task = 0; task < starts.length; task++) {
      const shared = Math.min(ends[task]!, to) - Math.max(starts[task]!, from)
      if (shared <= 0) continue
      const { resources, amounts } = demands[task]!
      let share = compiled.crew === undefined ? 0 : 1 / compiled.crew.size
      for (let k = 0; k < resources.length; k++) share += amounts[k]! / capacity[resources[k]!]!
      sum += shared * share
    }
    return sum
  }
}

/** What a difference of one counts as, whatever the unit of time is. */
const grainOf = (keys: Float64Array): number => {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const key of keys) {
    if (key < least) least = key
    if (key > most) most = key
  }
  return Math.max((most - least) / 100, 1e-9)
}

const varied = (taste: Taste, dice: Dice): Taste => taste.map((one) => one * (1 + tasteSpread * (dice.next() - 0.5)))

const isSame = (a: Individual, b: Individual): boolean =>
  a.cost === b.cost && a.starts.every((start, task) => start === b.starts[task])
