/** Planted defects of circuit breakers under the orchestrator. */
import type { Defect } from "./defects.ts"

export const breakerDefects: ReadonlyArray<Defect> = [
  {
    name: "a restart closes an open breaker",
    like: "cockatiel, opossum, Polly: state in memory only",
    breaks: "G33",
    scene: "bank",
    faults: ["task", "crash"],
    edits: [
      {
        file: "engine/breakers.ts",
        find: "if (record !== undefined) this.#found",
        put: "if (record === null) this.#found"
      }
    ]
  },
  {
    name: "a breaker opens and does not write it",
    like: "a list of defects that durable engines have had",
    breaks: "G33",
    scene: "bank",
    faults: ["task", "crash"],
    edits: [
      {
        file: "engine/breakers.ts",
        find: "    this.#isChanged = false\n    this.#breakers.keep(this)\n  }\n\n  #refusal",
        put: "    this.#isChanged = false\n  }\n\n  #refusal"
      }
    ]
  },
  {
    name: "a cancelled trial keeps its place",
    like: "opossum: a half-open breaker that is stuck",
    breaks: "G33",
    scene: "bank",
    faults: ["task", "operator"],
    edits: [
      {
        file: "engine/breakers.ts",
        find: "    this.#guard.settle(this.#permit, end)",
        put: '    if (end !== "ignored") this.#guard.settle(this.#permit, end)'
      }
    ]
  },
  {
    name: "two trials at once",
    like: "opossum: half-open lets everybody through",
    breaks: "G33",
    scene: "bank",
    faults: ["task"],
    edits: [
      {
        file: "machines/breaker.ts",
        find: "const hasPlace = (args: Args) => placed(args).length < args.context.rule.trials",
        put: "const hasPlace = (_: Args) => true"
      }
    ]
  },
  {
    name: "a late outcome decides a trial",
    like: "resilience4j: results of calls from before the opening",
    breaks: "G33",
    scene: "bank",
    faults: ["task"],
    edits: [
      {
        file: "machines/breaker-desk.ts",
        find: "if (period !== this.period) return false",
        put: "if (period > this.period) return false"
      },
      {
        file: "machines/breaker.ts",
        find: "(event as CallEnded).period === context.period",
        put: "(event as CallEnded).period <= context.period"
      }
    ]
  },
  {
    name: "a refused attempt calls its body",
    like: "a prototype of this engine",
    breaks: "G33",
    scene: "bank",
    faults: ["task"],
    edits: [
      {
        file: "engine/breakers.ts",
        find: "if (permit === undefined) return this.#refuse(this.#refusal(desk), told)",
        put: "if (permit === undefined) return new Call(this, { period: -1, trial: 0, startedAt: 0 })"
      }
    ]
  },
  {
    name: "a trial is called before it is written",
    like: "a list of defects that durable engines have had",
    breaks: "G33",
    scene: "bank",
    faults: ["task", "storage"],
    edits: [{ file: "engine/breakers.ts", find: "this.isGranted = permit.trial === 0", put: "this.isGranted = true" }]
  },
  {
    name: "an open breaker tries before its time",
    like: "a prototype of this engine",
    breaks: "G33",
    scene: "bank",
    faults: ["task"],
    edits: [
      {
        file: "machines/breaker.ts",
        find: "Math.abs(event.at - context.since) >= context.retryAt! - context.since",
        put: "Math.abs(event.at - context.since) >= 1"
      }
    ]
  }
]
