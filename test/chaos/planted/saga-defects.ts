/** Planted defects of what undoes what a run has done. */
import type { Defect } from "./defects.ts"

const classic = "a list of defects that durable engines have had"

export const sagaDefects: ReadonlyArray<Defect> = [
  {
    name: "compensation forwards",
    like: classic,
    breaks: "G14",
    scene: "trip",
    edits: [
      {
        file: "model/saga.ts",
        find: "for (let i = this.#status.length - 1; i >= 0 && this.#effects[i]!.seq > floor; i--)",
        put: "for (let i = 0; i < this.#status.length; i++)"
      }
    ]
  },
  {
    name: "no drain before compensation",
    like: "a prototype of this engine",
    breaks: "G14",
    scene: "trip",
    edits: [
      {
        file: "actors/scope.ts",
        find: "return scope.children.size > 0\n      ? snapshot",
        put: "return scope.children.size > 0 && !scope.undoes\n      ? snapshot"
      }
    ]
  },
  {
    name: "what is under way when the run ends is cut off and forgotten",
    like: "a prototype of this engine",
    breaks: "G14",
    scene: "trip",
    edits: [
      { file: "machines/task.ts", find: "finishes: ({ context }) => context.finishes", put: "finishes: () => false" },
      {
        file: "actors/saga.ts",
        find: 'message.type === "attempt.aborted" || cutOff',
        put: 'message.type !== "attempt.aborted" && cutOff'
      }
    ]
  },
  {
    name: "an attempt that timed out is taken for one that did nothing",
    like: "compensation registered after the call (temporalio skill PR 43)",
    breaks: "G14",
    scene: "trip",
    edits: [{ file: "actors/saga.ts", find: 'new Set(["AttemptTimedOut", "HeartbeatMissed"])', put: "new Set()" }]
  },
  {
    name: "items of a fan-out are not undone",
    like: classic,
    breaks: "G14",
    scene: "trip",
    edits: [
      {
        file: "actors/scope.ts",
        find: "if (child.place.finishes) noteEffect",
        put: "if (child.place.finishes && !child.place.isItem) noteEffect"
      }
    ]
  },
  {
    name: "the effects of a run are not in its snapshot",
    like: classic,
    breaks: "G14",
    scene: "tripKept",
    edits: [
      {
        file: "actors/freeze.ts",
        find: "room.knownLedger = Ledger.thaw(deepFreeze(frozen.ledger))",
        put: "void Ledger"
      }
    ]
  },
  {
    name: "a finished undo is repeated after a restart",
    like: classic,
    breaks: "G14",
    scene: "tripKept",
    edits: [
      {
        file: "model/saga.ts",
        find: "ledger.#status = [...status]",
        put: 'ledger.#status = status.map((one) => (hasBegun && status.at(-1) === "undone" ? "open" : one))'
      }
    ]
  },
  {
    name: "an undo that fails for good ends the run",
    like: classic,
    breaks: "G14",
    scene: "trip",
    edits: [
      {
        file: "actors/saga.ts",
        find: 'if (outcome.status === "failed") return scope.fail(outcome)',
        put: 'if (outcome.status === "failed") this.#ledger.settle(index, "notDone")'
      }
    ]
  },
  {
    name: "nobody can decide about an undo that failed before the snapshot",
    like: "found here by this kit",
    breaks: "G14",
    scene: "tripKept",
    edits: [
      {
        file: "engine/engine.ts",
        find: "      if (run.room.knownLedger !== undefined) this.#lookAtUndo(run)\n",
        put: ""
      }
    ]
  },
  {
    name: "undos begin while the run is paused",
    like: "found here by this kit",
    breaks: "G13",
    scene: "trip",
    edits: [
      {
        file: "machines/workflow.ts",
        find: '      always: { guard: "isPaused", target: "undoPaused" },\n',
        put: ""
      }
    ]
  },
  {
    name: "cancelling a run that undoes ends it at once",
    like: "a prototype of this engine",
    breaks: "G14",
    scene: "trip",
    edits: [
      {
        file: "machines/workflow.ts",
        find: 'pause: { target: "undoPaused", actions: "notePause" },\n        cancel: [\n          { guard: "isForced", target',
        put: 'pause: { target: "undoPaused", actions: "notePause" },\n        cancel: [\n          { target'
      }
    ]
  },
  {
    name: "a pivot makes nothing final",
    like: classic,
    breaks: "G14",
    scene: "paid",
    edits: [{ file: "actors/saga.ts", find: "if (isPivot) room.ledger.pass()", put: "if (isPivot) room.ledger.size" }]
  }
]
