// p-queue: the usual limiter of promises.
import PQueue from "p-queue"
import { join, root, step, total, work } from "../../workloads.mjs"

export const kind = "library"

export const chain = async (n) => ({
  run: async () => {
    const queue = new PQueue({ concurrency: 1 })
    let x = 1
    for (let i = 0; i < n; i++) {
      const previous = x
      x = await queue.add(() => step(previous, i))
    }
    return x
  }
})

export const fan = async (n) => ({
  run: async () => {
    const seed = await root()
    return join(
      await new PQueue({ concurrency: 1_000 }).addAll(Array.from({ length: n }, (_, i) => () => work(seed, i)))
    )
  }
})

export const many = async (count, steps, width) => ({
  run: async () => {
    const flows = Array.from({ length: count }, (_, id) => async () => {
      let x = id % 1000
      for (let i = 0; i < steps; i++) x = await step(x, i)
      return x
    })
    return total(await new PQueue({ concurrency: width }).addAll(flows))
  }
})
