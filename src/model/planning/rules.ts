/** Who goes first: keys, the least of which is the most urgent. */
import { type Project, timesOf } from "./project.ts"

/** Above this many tasks nobody looks at all that stand behind each one: it would cost their square. */
const closureMost = 3_000

/** Latest start: what would hold up the end first, were there enough of everything. */
export const latestStart = (project: Project): Float64Array => timesOf(project).latestStart
/** Latest finish. */
export const latestFinish = (project: Project): Float64Array => timesOf(project).latestFinish

/**
 * Longest way to the end, and beside it the work that stands behind the task for the resource that has most of it: a task that much
 * work waits for is urgent although no way through it is long.
 */
export const workBehind = (project: Project): Float64Array => {
  const { size, durations, demands, capacity, order, graph } = project
  const { latestStart: latest, length } = timesOf(project)
  const keys = Float64Array.from(latest, (start) => start - length)
  if (size > closureMost) return keys
  const { successorStart, successors } = graph
  const words = (size + 31) >>> 5
  const behind = new Uint32Array(size * words)
  const width = capacity.length
  const work = new Float64Array(size * width)
  for (let task = 0; task < size; task++)
    demands[task]!.resources.forEach((resource, k) => {
      work[task * width + resource] = (demands[task]!.amounts[k]! * durations[task]!) / capacity[resource]!
    })
  const sum = new Float64Array(width)
  for (let i = order.length - 1; i >= 0; i--) {
    const task = order[i]!
    const row = task * words
    behind[row + (task >>> 5)]! |= 1 << (task & 31)
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++) {
      const other = successors[k]! * words
      for (let word = 0; word < words; word++) behind[row + word]! |= behind[other + word]!
    }
    sum.fill(0)
    for (let word = 0; word < words; word++)
      for (let bits = behind[row + word]!; bits !== 0; bits &= bits - 1) {
        const other = ((word << 5) + 31 - Math.clz32(bits & -bits)) * width
        for (let resource = 0; resource < width; resource++) sum[resource]! += work[other + resource]!
      }
    let most = 0
    for (let resource = 0; resource < width; resource++) if (sum[resource]! > most) most = sum[resource]!
    keys[task]! -= most
  }
  return keys
}

/** Latest start that keeps every deadline, by order and lengths alone: whoever has least time left goes first. */
export const beforeDeadlines = ({ size, durations, order, graph }: Project, deadlines: Float64Array): Float64Array => {
  const { successorStart, successors } = graph
  const keys = new Float64Array(size)
  for (let i = order.length - 1; i >= 0; i--) {
    const task = order[i]!
    let latest = Math.min(deadlines[task]!, Number.MAX_SAFE_INTEGER)
    for (let k = successorStart[task]!; k < successorStart[task + 1]!; k++)
      latest = Math.min(latest, keys[successors[k]!]!)
    keys[task] = latest - durations[task]!
  }
  return keys
}

/** First come, first served: as declared. */
export const asDeclared = ({ size }: Project): Float64Array => new Float64Array(size)
