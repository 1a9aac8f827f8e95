// BullMQ as its guide does steps: one job per workflow, whose data is updated after each step; fan-out by FlowProducer.
// Completion is heard from the worker, in its favour.
import { FlowProducer, Queue, Worker } from "bullmq"
import { join, root, work } from "../../../workloads.mjs"

export const openOn = async ({ redis, body, inflight, count }, workerOptions = {}) => {
  const connection = { host: "127.0.0.1", port: redis, maxRetriesPerRequest: null }
  const queue = new Queue("flow", { connection })
  const fanQueue = new Queue("fan", { connection })
  const producer = new FlowProducer({ connection })
  const waiting = new Map()
  const fans = new Map()
  let completed = 0
  let sum = 0

  const worker = new Worker(
    "flow",
    async (job) => {
      let { id, x, i } = job.data
      for (; i < 5; i++) {
        x = await body(id, i, x)
        if (i < 4) await job.updateData({ id, x, i: i + 1 })
      }
      return x
    },
    { connection, concurrency: Math.max(inflight, count ?? 0), ...workerOptions }
  )
  worker.on("completed", (job, value) => {
    completed++
    sum = (sum + value) % 1_000_003
    waiting.get(job.id)?.(value)
    waiting.delete(job.id)
  })
  const fanSteps = {
    root: async ({ n, key }) => {
      const seed = await root()
      const children = Array.from({ length: n }, (_, i) => ({ name: "work", queueName: "fan", data: { seed, i } }))
      await producer.add({ name: "join", queueName: "fan", data: { key }, children })
      return seed
    },
    work: ({ seed, i }) => work(seed, i),
    join: async (_, job) => join(Object.values(await job.getChildrenValues()))
  }
  const fanWorker = new Worker("fan", (job) => fanSteps[job.name](job.data, job), { connection, concurrency: 1_000 })
  fanWorker.on("completed", (job, value) => {
    if (job.name === "join") fans.get(job.data.key)?.(value)
  })
  for (const one of [worker, fanWorker]) {
    one.on("error", () => {})
    await one.waitUntilReady()
  }
  const add = (id) => queue.add("flow", { id, x: id % 1_000, i: 0 }, { jobId: `f${id}` })
  return {
    run: async (id) => {
      const ended = new Promise((resolve) => waiting.set(`f${id}`, resolve))
      await add(id)
      return ended
    },
    submit: async (id) => void (await add(id)),
    fan: async (n, key) => {
      const ended = new Promise((resolve) => fans.set(key, resolve))
      await fanQueue.add("root", { n, key })
      return ended
    },
    resume: async (all) => {
      while (completed < all) await new Promise((resolve) => setTimeout(resolve, 100))
      return (await queue.getCompletedCount()) === all ? sum : -1
    },
    close: async () => {
      await worker.close(true)
      await fanWorker.close(true)
      await queue.close()
    }
  }
}
