// The workloads, their sizes, and the answer that each candidate must give. A trivial step is an async function, so that no
// candidate can leave the hop out; a wrong answer fails the sample.
const modulus = 1_000_003

export const step = async (previous, i) => (previous * 31 + i) % modulus
export const work = async (seed, i) => (seed * 7 + i * 13) % 1009
export const root = async () => 7
export const join = async (values) => values.reduce((sum, value) => sum + value, 0)
export const node = async (i, values) => values.reduce((sum, value) => sum + value, i) % modulus
export const total = (values) => values.reduce((sum, value) => (sum + value) % modulus, 0)

/** mulberry32 (Tommy Ettinger, public domain): small, seeded, good enough for shapes. */
const random = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

/** Layers of equal width; a task waits for two tasks of the layer above and one of any earlier layer. */
const layered = (tasks, layers) => {
  const next = random(42)
  const width = tasks / layers
  const deps = Array.from({ length: tasks }, (_, i) => {
    const layer = Math.floor(i / width)
    const chosen = new Set()
    if (layer > 0) {
      while (chosen.size < Math.min(2, width)) chosen.add((layer - 1) * width + Math.floor(next() * width))
      while (chosen.size < Math.min(3, layer * width)) chosen.add(Math.floor(next() * layer * width))
    }
    return [...chosen]
  })
  return { tasks, layers, width, deps }
}

const shapes = new Map()
const graphOf = (tasks) => {
  if (!shapes.has(tasks)) shapes.set(tasks, layered(tasks, Math.max(10, tasks / 100)))
  return shapes.get(tasks)
}

export const expected = {
  chain: (n) => Array.from({ length: n }).reduce((x, _, i) => (x * 31 + i) % modulus, 1),
  fan: (n) => Array.from({ length: n }, (_, i) => (49 + i * 13) % 1009).reduce((a, b) => a + b, 0),
  dag: ({ deps }) => {
    const values = []
    deps.forEach((list, i) => values.push(list.reduce((sum, j) => sum + values[j], i) % modulus))
    return total(values)
  },
  flow: (id, steps) => Array.from({ length: steps }).reduce((x, _, i) => (x * 31 + i) % modulus, id % 1000),
  many: (count, steps) =>
    Array.from({ length: count }, (_, id) => expected.flow(id, steps)).reduce(
      (sum, value) => (sum + value) % modulus,
      0
    )
}

/** By name: what is asked of a candidate, the right answer, and how many tasks there are. */
export const workloads = {
  ...Object.fromEntries(
    [1_000, 10_000].map((n) => [
      `chain-${n}`,
      { method: "chain", ask: (of) => of.chain(n), answer: () => expected.chain(n), units: n }
    ])
  ),
  ...Object.fromEntries(
    [1_000, 10_000, 100_000].map((n) => [
      `fan-${n}`,
      { method: "fan", ask: (of) => of.fan(n), answer: () => expected.fan(n), units: n }
    ])
  ),
  ...Object.fromEntries(
    [1_000, 10_000].map((n) => [
      `dag-${n}`,
      { method: "dag", ask: (of) => of.dag(graphOf(n)), answer: () => expected.dag(graphOf(n)), units: n }
    ])
  ),
  "many-10000": {
    method: "many",
    ask: (of) => of.many(10_000, 5, 1_000),
    answer: () => expected.many(10_000, 5),
    units: 50_000
  }
}
