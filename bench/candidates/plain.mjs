// The floor: promises with nothing around them.
import { join, node, root, step, total, work } from "../workloads.mjs"

export const kind = "floor"
const ready = (run) => ({ run })

export const chain = async (n) =>
  ready(async () => {
    let x = 1
    for (let i = 0; i < n; i++) x = await step(x, i)
    return x
  })

export const fan = async (n) =>
  ready(async () => {
    const seed = await root()
    return join(await Promise.all(Array.from({ length: n }, (_, i) => work(seed, i))))
  })

export const dag = async ({ deps }) =>
  ready(async () => {
    const cells = []
    deps.forEach((list, i) => cells.push(Promise.all(list.map((j) => cells[j])).then((values) => node(i, values))))
    return total(await Promise.all(cells))
  })

/** `count` small flows, `lanes` at a time; each lane starts its next flow when one is done. */
export const lanes = async (count, width, flow) => {
  let next = 0
  let sum = 0
  const lane = async () => {
    while (next < count) {
      const value = await flow(next++)
      sum = (sum + value) % 1_000_003
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
  return sum
}

export const many = async (count, steps, width) =>
  ready(() =>
    lanes(count, width, async (id) => {
      let x = id % 1000
      for (let i = 0; i < steps; i++) x = await step(x, i)
      return x
    })
  )
