/** The layout engine, in a worker of its own; loaded when it is first needed. Whoever asks goes on without it when it takes too long. */
import ELK, { type ElkNode } from "elkjs/lib/elk-api.js"
import workerUrl from "elkjs/lib/elk-worker.min.js?url"

/** Longest time for one layout, the start of the worker apart. */
export const layoutWithinMs = 2_000
const startWithinMs = 8_000

let elk: InstanceType<typeof ELK> | undefined
let isWarm = false

/** A graph with places; undefined when it took too long or could not be done here. */
export const laidOut = async (graph: ElkNode): Promise<ElkNode | undefined> => {
  // a report of one file brings no worker along
  if (workerUrl === "") return undefined
  try {
    elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) })
    const engine = elk
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(
        () => {
          // what it works on is of no use any more: a new worker begins with nothing in hand
          engine.terminateWorker()
          if (elk === engine) {
            elk = undefined
            isWarm = false
          }
          resolve(undefined)
        },
        isWarm ? layoutWithinMs : startWithinMs
      )
    })
    const done = await Promise.race([engine.layout(graph), late])
    clearTimeout(timer)
    isWarm = done !== undefined
    return done
  } catch {
    return undefined
  }
}
