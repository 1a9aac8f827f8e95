/** Planted defects of what limits calls, and of which agent gets them. */
import type { Defect } from "./defects.ts"

const classic = "a list of defects that resilience libraries have had"

export const limitDefects: ReadonlyArray<Defect> = [
  {
    name: "one more than the bulkhead has places",
    like: classic,
    breaks: "G34",
    scene: "limited",
    edits: [
      {
        file: "model/places.ts",
        find: "while (this.#running < this.rule.concurrent) {",
        put: "while (this.#running <= this.rule.concurrent) {"
      }
    ]
  },
  {
    name: "a place is given back when the attempt is given up, though its body goes on",
    like: "timeouts around a bulkhead that free it while the call is still out (Polly, cockatiel: by design)",
    breaks: "G34",
    scene: "limited",
    edits: [
      {
        file: "engine/attempts.ts",
        find: "  if (entry?.waitsFor !== undefined) entry.leave()\n}",
        put: "  entry?.leave()\n}"
      }
    ]
  },
  {
    name: "who waits is not withdrawn when it gives up",
    like: classic,
    breaks: "G34",
    scene: "limited",
    edits: [
      {
        file: "model/places.ts",
        find: '    if (state === "waiting") {\n      this.#queue.withdraw(seat)\n      return\n    }',
        put: '    if (state === "waiting") {\n      seat.state = "waiting"\n      return\n    }'
      }
    ]
  },
  {
    name: "a token too many",
    like: classic,
    breaks: "G34",
    scene: "limited",
    edits: [
      {
        file: "model/rate.ts",
        find: "fullAt + (ahead + 1 - this.#burst) * this.#intervalMs - at",
        put: "fullAt + (ahead - this.#burst) * this.#intervalMs - at"
      }
    ]
  },
  {
    name: "a new life begins with a full bucket",
    like: "limiters in memory that forget over a restart",
    breaks: "G34",
    scene: "limited",
    edits: [{ file: "engine/rates.ts", find: "&& claim.epoch > 1", put: "&& claim.epoch < 0" }]
  },
  {
    name: "a retry goes to the agent that has just failed",
    like: "a prototype of this engine, whose failover chose by load alone",
    breaks: "G33 next",
    scene: "others",
    edits: [
      {
        file: "engine/router.ts",
        find: ": choose(leastFailed(open, failedBy), this.#balance, seed)",
        put: ": choose(open, this.#balance, seed)"
      }
    ]
  },
  {
    name: "who has failed is forgotten by a snapshot",
    like: classic,
    breaks: "G33 next",
    scene: "othersKept",
    edits: [{ file: "actors/freeze.ts", find: "failedBy: kept[3] ?? undefined,", put: "failedBy: undefined," }]
  },
  {
    name: "a second agent that is the first again",
    like: "hedges that go to the same host",
    breaks: "G33 next",
    scene: "others",
    edits: [{ file: "engine/router.ts", find: ".filter(({ id }) => !isExcept(id))", put: "" }]
  },
  {
    name: "a hedge that needs no place",
    like: "hedges outside of the bulkhead",
    breaks: "G34",
    scene: "others",
    edits: [
      {
        file: "engine/delegation.ts",
        find: "...(tools.admission.passesOf(this.#work) ?? []),",
        put: ""
      }
    ]
  }
]
