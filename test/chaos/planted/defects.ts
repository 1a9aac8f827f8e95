/**
 * Planted defects: mistakes that were made elsewhere, or here, put back on purpose into one place of the shipped sources, so that
 * it can be seen whether the kit finds them. Each replaces snippets that are there exactly once. The list is data; how it gets
 * into a module is `plant.ts`.
 */
import type { Family } from "troupe/chaos"
import { breakerDefects } from "./breaker-defects.ts"
import type { scenes } from "./flows.ts"
import { limitDefects } from "./limit-defects.ts"
import { sagaDefects } from "./saga-defects.ts"
import { scheduleDefects } from "./schedule-defects.ts"

export interface Edit {
  /** Below `src`. */
  readonly file: string
  /** What stands there, exactly once. */
  readonly find: string
  readonly put: string
}

export interface Defect {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** The report, or the list, that it is modelled on. */
  readonly like: string
  /** The promise that it breaks. */
  readonly breaks: string
  /** Where it shows. */
  readonly scene: keyof typeof scenes
  /** What has to go wrong for it, where that is rare among everything that can; all of it otherwise. */
  readonly faults?: ReadonlyArray<Family>
}

const prototype = "a prototype of this engine"
const classic = "a list of defects that durable engines have had"

export const defects: ReadonlyArray<Defect> = [
  {
    name: "late reply accepted",
    like: prototype,
    breaks: "G10",
    scene: "timed",
    edits: [
      {
        file: "engine/engine.ts",
        find: "const message = lateOf(messageOf(attempt, end, this.now()), end)",
        put: "const message = messageOf(attempt, end, this.now())"
      },
      {
        file: "machines/task.ts",
        find: "isCurrent: ({ context, event }) => (event as AttemptFailed).attempt === context.attempt",
        put: "isCurrent: () => true"
      }
    ]
  },
  {
    name: "dependents released before durable",
    like: prototype,
    breaks: "G06",
    scene: "ten",
    edits: [
      {
        file: "engine/writer.ts",
        find: "const written = this.#options.journal.append(batch, notes, this.#options.epoch)",
        put: "const fresh = batch.filter((one) => !this.told.has(one)); for (const one of fresh) this.told.add(one); this.#options.written(fresh); const written = this.#options.journal.append(batch, notes, this.#options.epoch)"
      },
      {
        file: "engine/writer.ts",
        find: "      this.#options.written(batch)\n      return true",
        put: "      return true"
      },
      {
        file: "engine/writer.ts",
        find: "  #inbox: Array<Delivery> = []\n",
        put: "  #inbox: Array<Delivery> = []\n  told = new WeakSet<Delivery>()\n"
      }
    ]
  },
  {
    name: "no fencing",
    like: prototype,
    breaks: "G24",
    scene: "ten",
    edits: [
      {
        file: "storage/memory.ts",
        find: "if (Math.abs(epoch) !== current) return new StaleOwner({ epoch, current })\n    if (held",
        put: "if (held"
      }
    ]
  },
  {
    name: "key per attempt",
    like: prototype,
    breaks: "G05",
    scene: "ten",
    edits: [
      {
        file: "engine/attempts.ts",
        find: "return this.place.key",
        put: "return `${this.place.key}#${this.attempt}`"
      }
    ]
  },
  {
    name: "retries reset by restart",
    like: prototype,
    breaks: "G09",
    scene: "narrowKept",
    edits: [
      {
        file: "actors/freeze.ts",
        find: "const facts = [attempt, failure,",
        put: "const facts = [failure === undefined ? attempt : 0, failure,"
      }
    ]
  },
  {
    name: "pause lost by restart",
    like: prototype,
    breaks: "G13",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: 'room.root?.send({ type: "pause" })',
        put: 'if (!run.isFolding) room.root?.send({ type: "pause" })'
      }
    ]
  },
  {
    name: "pause not in the snapshot",
    like: prototype,
    breaks: "G13",
    scene: "tenKept",
    edits: [{ file: "actors/freeze.ts", find: "isHeld: room.isHeld,", put: "isHeld: false," }]
  },
  {
    name: "cancel lost by restart",
    like: prototype,
    breaks: "G12",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: 'room.root?.send({ type: "cancel", reason:',
        put: 'if (!run.isFolding) room.root?.send({ type: "cancel", reason:'
      }
    ]
  },
  {
    name: "pause ignored",
    like: prototype,
    breaks: "G13",
    scene: "ten",
    edits: [{ file: "actors/room.ts", find: "this.#held = true\n        return", put: "return" }]
  },
  {
    name: "stalled start during a pause",
    like: prototype,
    breaks: "G13",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: "if (held === undefined || run.room.isHeld || run.isSuspect) return",
        put: "if (held === undefined || run.isSuspect) return"
      }
    ]
  },
  {
    name: "acknowledged before it is written",
    like: prototype,
    breaks: "G12",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: "const delivery = new Delivery(run, message, undefined, done)\n    // the note",
        put: "done()\n    const delivery = new Delivery(run, message, undefined, () => {})\n    // the note"
      }
    ]
  },
  {
    name: "submit acknowledged before it is written",
    like: prototype,
    breaks: "G01",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: "return new Delivery(run, message, undefined, (error) => run.written(error))",
        put: "run.written()\n    return new Delivery(run, message, undefined, () => {})"
      }
    ]
  },
  {
    name: "dead run revived",
    like: prototype,
    breaks: "G12",
    scene: "ten",
    faults: ["operator", "crash"],
    edits: [
      {
        file: "engine/engine.ts",
        find: "if (owed === undefined || run.outcome !== undefined || this.#isClosed) return",
        put: "if (owed === undefined || this.#isClosed) return"
      },
      {
        file: "engine/engine.ts",
        find: "this.#release(run, aborted)\n    run.owed = undefined\n",
        put: "this.#release(run, aborted)\n"
      }
    ]
  },
  {
    name: "a write nobody is sure of is written twice",
    like: prototype,
    breaks: "G04",
    scene: "ten",
    edits: [
      {
        file: "engine/writer.ts",
        find: 'if (error._tag === "JournalBroken" && error.isUnsure) this.#unsure = batch\n    else {',
        put: "{"
      },
      {
        file: "engine/writer.ts",
        find: "} else kept.push(delivery)",
        put: "} else kept.push(Object.assign(new Delivery(delivery.live, delivery.message, delivery.place, undefined)))"
      },
      { file: "storage/memory.ts", find: "seq === length ? undefined :", put: "seq <= length ? undefined :" }
    ]
  },
  {
    name: "commands in completion order",
    like: prototype,
    breaks: "G07",
    scene: "ten",
    edits: [
      { file: "engine/writer.ts", find: "    if (this.#isWriting) return\n", put: "" },
      { file: "engine/writer.ts", find: "        this.#isWriting = true\n", put: "        this.#isPumping = false\n" }
    ]
  },
  {
    name: "an outcome is lost while the journal is in trouble",
    like: "DBOS py#716",
    breaks: "G01 end",
    scene: "ten",
    edits: [
      {
        file: "engine/writer.ts",
        find: "    this.#inbox.push(delivery)\n    delivery.live.pending++\n    if (this.#pauseMs > 0) {",
        put: "    if (this.#pauseMs > 0 && delivery.done === undefined) return\n    this.#inbox.push(delivery)\n    delivery.live.pending++\n    if (this.#pauseMs > 0) {"
      }
    ]
  },
  {
    name: "what could not be written is not tried again",
    like: prototype,
    breaks: "G25",
    scene: "ten",
    edits: [{ file: "engine/writer.ts", find: "if (kept.length > 0) this.#inbox = [...kept, ...this.#inbox]", put: "" }]
  },
  {
    name: "timers lost on restore",
    like: "xstate#5331",
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/engine.ts",
        find: "for (const { place, dueAt } of owed.timers.values()) this.#startTimer(run, place, dueAt)",
        put: ""
      }
    ]
  },
  {
    name: "timers not in the snapshot",
    like: "xstate#5331",
    breaks: "G11",
    scene: "waitsKept",
    edits: [{ file: "actors/freeze.ts", find: "if (dueAt !== 0) this.timers.push(place)", put: "" }]
  },
  {
    name: "a wait begins anew on restore",
    like: classic,
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/engine.ts",
        find: "of owed.timers.values()) this.#startTimer(run, place, dueAt)",
        put: "of owed.timers.values()) this.#startTimer(run, place, this.now() + dueAt - run.updatedAt)"
      }
    ]
  },
  {
    name: "a wait is over on restore",
    like: classic,
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/engine.ts",
        find: "of owed.timers.values()) this.#startTimer(run, place, dueAt)",
        put: "of owed.timers.values()) this.#startTimer(run, place, 0)"
      }
    ]
  },
  {
    name: "waits of more than 2^31 ms wrap around",
    like: "setTimeout beyond 24.8 days",
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/timers.ts",
        find: "next.dueAt <= now;",
        put: "(next.dueAt <= now || next.dueAt - now > 2 ** 31 - 1);"
      }
    ]
  },
  {
    name: "wall clock used for a timeout",
    like: classic,
    breaks: "G11",
    scene: "timed",
    edits: [{ file: "engine/attempts.ts", find: "? earlier.askedAt : now\n", put: "? earlier.askedAt : Date.now()\n" }]
  },
  {
    name: "a wake-up is claimed and skipped",
    like: "effect#8312",
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/timers.ts",
        find: "      this.stop(next)\n      next.fire()\n    }",
        put: "      this.stop(next)\n      if (next.dueAt === now) next.fire()\n    }"
      }
    ]
  },
  {
    name: "a transient error drops a run from recovery",
    like: "DBOS py#716; found here by this kit",
    breaks: "G03",
    scene: "ten",
    edits: [
      { file: "engine/recovery.ts", find: "      dormant.again(id, this.#engine.now() + againMs)", put: "      return" }
    ]
  },
  {
    name: "a run that waits never wakes",
    like: "effect#6248",
    breaks: "G11",
    scene: "waits",
    edits: [
      {
        file: "engine/dormant.ts",
        find: "if (dueAt !== undefined) dormant.timer = this.#timers.start(dueAt, () => this.#due(id))",
        put: ""
      }
    ]
  },
  {
    name: "delivery not counted",
    like: classic,
    breaks: "G03",
    scene: "ten",
    edits: [
      {
        file: "engine/attempts.ts",
        find: "this.delivery = 1 + attempts.epoch - epoch + earlier",
        put: "this.delivery = 1 + earlier"
      }
    ]
  },
  {
    name: "snapshot one message too old",
    like: classic,
    breaks: "G07",
    scene: "tenKept",
    edits: [
      {
        file: "engine/engine.ts",
        find: "this.snapshots.keep(run, this.#told.seq + 1)",
        put: "this.snapshots.keep(run, this.#told.seq)"
      }
    ]
  },
  {
    name: "snapshot one message too new",
    like: classic,
    breaks: "G07",
    scene: "tenKept",
    edits: [
      {
        file: "engine/engine.ts",
        find: "this.snapshots.keep(run, this.#told.seq + 1)",
        put: "this.snapshots.keep(run, this.#told.seq + 2)"
      }
    ]
  },
  {
    name: "slots not in the snapshot",
    like: classic,
    breaks: "G23",
    scene: "narrowKept",
    edits: [{ file: "actors/freeze.ts", find: "taken: room.taken,", put: "taken: 0," }]
  },
  {
    name: "gate answer lost when early",
    like: classic,
    breaks: "G04",
    scene: "people",
    edits: [
      {
        file: "actors/gates.ts",
        find: "    this.#answers.set(answer.task, answer)\n    this.#kept++\n  }\n\n  /** A signal",
        put: "  }\n\n  /** A signal"
      }
    ]
  },
  {
    name: "early answer not in the snapshot",
    like: classic,
    breaks: "G04",
    scene: "peopleKept",
    edits: [{ file: "actors/gates.ts", find: "answers: [...this.#answers.values()],", put: "answers: []," }]
  },
  {
    name: "gate answered twice",
    like: classic,
    breaks: "G04",
    scene: "people",
    edits: [
      {
        file: "engine/gates.ts",
        find: 'if (found.state === "ended") return new GateClosed({ run: id, gate: message.task, became: found.became })\n  if (gates.isFull && found.state !== "open") return tooMany()',
        put: 'if (gates.isFull && found.state !== "open") return tooMany()'
      }
    ]
  },
  {
    name: "signal dropped before the wait",
    like: "signals before the wait, in two engines",
    breaks: "G04",
    scene: "people",
    edits: [
      {
        file: "actors/gates.ts",
        find: "    if (isHeard) return\n    this.#keep(signal)\n    this.#kept++",
        put: "    if (isHeard) return"
      }
    ]
  },
  {
    name: "cancel does not reach a sub-workflow",
    like: classic,
    breaks: "G18",
    scene: "family",
    edits: [
      {
        file: "actors/scope.ts",
        find: "for (const child of [...scope.children.values()]) child.actor.send(cancel)",
        put: 'for (const child of [...scope.children.values()]) if (!("scope" in child.actor.getSnapshot())) child.actor.send(cancel)'
      }
    ]
  },
  {
    name: "a sub-workflow that fails hangs its parent",
    like: "a shared child that hangs its second parent",
    breaks: "G18",
    scene: "family",
    edits: [
      {
        file: "actors/scope.ts",
        find: "if (child === undefined) return before\n    scope.children.delete(event.actorId)",
        put: 'if (child === undefined) return before\n    if (event.output?.status === "failed" && "scope" in child.actor.getSnapshot()) return before\n    scope.children.delete(event.actorId)'
      }
    ]
  },
  {
    name: "rollback keeps later results",
    like: classic,
    breaks: "G17",
    scene: "ten",
    edits: [
      {
        file: "engine/amend.ts",
        find: "kept = kept.filter((one) => one.seq <= message.to || isSteering(one.message))",
        put: "kept = kept.filter(() => true)"
      }
    ]
  },
  {
    name: "rollback lets a paused run go on",
    like: "found here by this kit",
    breaks: "G13",
    scene: "ten",
    faults: ["operator"],
    edits: [{ file: "engine/amend.ts", find: 'type === "run.paused" || type === "run.resumed"', put: "false" }]
  },
  {
    name: "skip and success both count",
    like: "found here by this kit",
    breaks: "G04",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: "if (run.deciding > 0) return run.postpone(() => this.#attemptEnded(attempt, end))",
        put: ""
      }
    ]
  },
  {
    name: "a decision is made on a run that has left memory",
    like: "found here by this kit",
    breaks: "G36",
    scene: "sleeper",
    faults: ["operator"],
    edits: [{ file: "engine/decide.ts", find: "if (!engine.remember(run)) return false", put: "" }]
  },
  {
    name: "a run that waited for its code is not blamed",
    like: "found here by this kit",
    breaks: "G21",
    scene: "narrow",
    faults: ["task", "code"],
    edits: [
      {
        file: "engine/engine.ts",
        find: "return this.#isClosed ? Effect.void : this.writer.flush()",
        put: "return Effect.void"
      }
    ]
  },
  {
    name: "an old owner is not told while it only waits",
    like: "found here by this kit",
    breaks: "G24",
    scene: "waits",
    edits: [
      {
        file: "engine/writer.ts",
        find: "if (!(error instanceof StaleOwner)) this.#giveBack(notes)",
        put: "if (error !== undefined) this.#giveBack(notes)"
      }
    ]
  },
  {
    name: "work in a mailbox begins during a pause",
    like: "found here by this kit",
    breaks: "G13",
    scene: "crew",
    edits: [{ file: "engine/router.ts", find: "if (letter.isHeld()) {", put: "if (false) {" }]
  },
  {
    name: "a conviction is forgotten by an opening that fails",
    like: "found here by this kit",
    breaks: "G21",
    scene: "pair",
    faults: ["task", "storage"],
    edits: [
      {
        file: "engine/orchestrator.ts",
        find: "if (wasClean) return engine?.close() ?? journal.close(epoch)",
        put: "return engine?.close() ?? journal.close(epoch)"
      }
    ]
  },
  {
    name: "a refused resume leaves its note",
    like: "found here by this kit",
    breaks: "G21",
    scene: "sleeper",
    faults: ["task", "storage", "crash"],
    edits: [
      {
        file: "engine/writer.ts",
        find: "this.#giveBack(notes.filter((note) => !batch.some((delivery) => delivery.note === note)))",
        put: "this.#giveBack(notes)"
      }
    ]
  },
  {
    name: "idempotency by id only",
    like: classic,
    breaks: "G02",
    scene: "ten",
    edits: [
      {
        file: "engine/engine.ts",
        find: "if (!isSame(before, workflow, input)) throw new IdempotencyMismatch({ run: id })",
        put: ""
      }
    ]
  },
  {
    name: "item results in the order of completion",
    like: classic,
    breaks: "G16",
    scene: "family",
    edits: [
      {
        file: "actors/directors.ts",
        find: 'this.#results[index] = accept === "settled" ?',
        put: 'this.#results[this.#settled - 1] = accept === "settled" ?'
      }
    ]
  },
  {
    name: "item results not in the snapshot",
    like: "a completed branch reverting to suspended",
    breaks: "G16",
    scene: "familyKept",
    edits: [
      { file: "actors/directors.ts", find: "director.#results = results.map((value) => deepFreeze(value))", put: "" }
    ]
  },
  {
    name: "what an error says of when to come back is not heard",
    like: classic,
    breaks: "G11",
    scene: "hurried",
    edits: [
      {
        file: "machines/task.ts",
        find: "at + pauseAfter(retry, attempt, seed, failure.retryAfterMs)",
        put: "at + pauseAfter(retry, attempt, seed)"
      }
    ]
  },
  {
    name: "the time of a task is forgotten by a restart",
    like: classic,
    breaks: "G11",
    scene: "hurriedKept",
    faults: ["task", "crash"],
    edits: [{ file: "actors/freeze.ts", find: "times: kept[2] ?? undefined,", put: "times: undefined," }]
  },
  {
    name: "a pause goes on beyond the time of its task",
    like: classic,
    breaks: "G11",
    scene: "hurried",
    faults: ["task"],
    edits: [
      {
        file: "machines/task.ts",
        find: "Math.min(pauseUntil(context, event), doneAt(context))",
        put: "pauseUntil(context, event)"
      }
    ]
  },
  {
    name: "the time for attempts begins anew with each of them",
    like: classic,
    breaks: "G09",
    scene: "hurried",
    faults: ["task"],
    edits: [
      {
        file: "machines/task.ts",
        find: "return context.attempt === 0 ? { ...times, startedAt: at } : times",
        put: "return { ...times, startedAt: at }"
      }
    ]
  },
  {
    name: "silence is counted from when the attempt before was heard",
    like: classic,
    breaks: "G11",
    scene: "hurried",
    faults: ["task"],
    edits: [
      {
        file: "engine/attempts.ts",
        find: "    this.heard(attempt)\n    this.#listen(attempt, heartbeatMs)",
        put: "    attempt.heardAt = this.#options.monotonic() - 500\n    this.#listen(attempt, heartbeatMs)"
      }
    ]
  },
  {
    name: "retry budget off by one",
    like: classic,
    breaks: "G09",
    scene: "timed",
    edits: [
      {
        file: "model/retrying.ts",
        find: "attempt < attempts",
        put: "attempt <= attempts"
      }
    ]
  },
  {
    name: "what failed for good is tried again",
    like: classic,
    breaks: "G09",
    scene: "narrow",
    edits: [{ file: "model/retrying.ts", find: "failure.retryable &&", put: "" }]
  },
  {
    name: "pause between attempts is skipped",
    like: classic,
    breaks: "G09",
    scene: "timed",
    edits: [
      {
        file: "machines/task.ts",
        find: "at + pauseAfter(retry, attempt, seed, failure.retryAfterMs)",
        put: "at"
      }
    ]
  },
  {
    name: "task started while the run is being cancelled",
    like: classic,
    breaks: "G12",
    scene: "narrow",
    edits: [
      {
        file: "actors/scope.ts",
        find: 'if (before.status === "active" && !before.hasTag("draining"))\n        return',
        put: 'if (before.status === "active")\n        return'
      }
    ]
  },
  {
    name: "more attempts at a time than allowed",
    like: classic,
    breaks: "G23",
    scene: "narrow",
    edits: [{ file: "actors/room.ts", find: "this.#taken < this.#slots &&", put: "this.#taken <= this.#slots &&" }]
  },
  {
    name: "slot kept by a task that failed",
    like: classic,
    breaks: "G01 end",
    scene: "single",
    faults: ["task"],
    edits: [
      {
        file: "machines/task.ts",
        find: 'target: "failed", actions: ["noteFailure", "fail", "slot.release"]',
        put: 'target: "failed", actions: ["noteFailure", "fail"]'
      }
    ]
  },
  {
    name: "the last failure is told, not the first",
    like: classic,
    breaks: "G16",
    scene: "single",
    faults: ["task"],
    edits: [
      {
        file: "machines/workflow.ts",
        find: "context.failure ?? { task: (event as TaskFailed)",
        put: "undefined ?? { task: (event as TaskFailed)"
      }
    ]
  },
  {
    name: "task starts when any of its dependencies is done",
    like: classic,
    breaks: "G08",
    scene: "ten",
    edits: [
      {
        file: "model/board.ts",
        find: "if (--this.#unmet[successor]! === 0 && this.#status[successor] === code.pending) this.agenda.push(successor)\n    }\n    const more",
        put: "if (--this.#unmet[successor]! >= 0 && this.#status[successor] === code.pending) this.agenda.push(successor)\n    }\n    const more"
      }
    ]
  },
  {
    name: "a restored board forgets an edge",
    like: classic,
    breaks: "G08",
    scene: "tenKept",
    edits: [{ file: "model/board.ts", find: "board.#unmet[successor]!--", put: "board.#unmet[successor]! = 0" }]
  },
  {
    name: "notes written over messages",
    like: classic,
    breaks: "G03",
    scene: "waits",
    edits: [{ file: "engine/recovery.ts", find: "isAsleep && noted === length", put: "isAsleep" }]
  },
  {
    name: "poison is never blamed",
    like: classic,
    breaks: "G21",
    scene: "ten",
    edits: [
      {
        file: "storage/memory.ts",
        find: "book.blame = count ?? book.blame + 1",
        put: "book.blame = count ?? book.blame"
      }
    ]
  },
  {
    name: "code that comes late is not noticed",
    like: classic,
    breaks: "G22",
    scene: "ten",
    edits: [{ file: "engine/engine.ts", find: "this.sayItGoesOn(run, () => this.performOwed(run))", put: "" }]
  },
  {
    name: "missing code fails the run",
    like: "VERSION_UNAVAILABLE taken for a failure",
    breaks: "G22",
    scene: "ten",
    edits: [
      {
        file: "engine/recovery.ts",
        find: "(isComplete ? undefined : this.#without(id, workflow, missing))",
        put: "undefined"
      }
    ]
  },
  {
    name: "an observer that throws wedges what it watches",
    like: "xstate inspection",
    breaks: "G36",
    scene: "ten",
    edits: [
      {
        file: "actors/create.ts",
        find: "const subscription = original(guarded(observer, onInspectError))",
        put: "const subscription = original(observer as never)"
      }
    ]
  },
  {
    name: "work is given to who cannot do it",
    like: classic,
    breaks: "G08",
    scene: "crew",
    edits: [
      {
        file: "engine/router.ts",
        find: "const able = candidates(this.agents, needs)",
        put: "const able = Object.values(this.agents)"
      }
    ]
  },
  {
    name: "a withdrawn letter is worked on",
    like: classic,
    breaks: "G04",
    scene: "crew",
    edits: [{ file: "engine/router.ts", find: "      if (letter.isGone) continue\n", put: "" }]
  },
  {
    name: "a join is met one too early",
    like: classic,
    breaks: "G08",
    scene: "forgiving",
    edits: [
      {
        file: "model/joins.ts",
        find: "if (this.#met[task]! >= needed) return",
        put: "if (this.#met[task]! >= needed - 1) return"
      }
    ]
  },
  {
    name: "what a failure kept from starting counts as skipped",
    like: "upstream_failed",
    breaks: "G08",
    scene: "forgiving",
    edits: [
      {
        file: "model/board.ts",
        find: 'open.push([successor, verdict === "skip" ? "skipped" : "unreached"])',
        put: 'open.push([successor, "skipped"])'
      }
    ]
  },
  {
    name: "a restart forgets that a fallback is at work",
    like: classic,
    breaks: "G16",
    scene: "forgivingKept",
    faults: ["task", "crash"],
    edits: [
      {
        file: "model/board.ts",
        find: "if (frozen.troubles !== undefined) board.#troubles = new Map(frozen.troubles)",
        put: ""
      }
    ]
  },
  {
    name: "an allowed failure fails the run",
    like: classic,
    breaks: "G16",
    scene: "forgiving",
    edits: [
      {
        file: "actors/directors.ts",
        find: 'else if (onFailed === "continue") this.#goOn(scope, task, failure)',
        put: ""
      }
    ]
  },
  {
    name: "the second fallback is never tried",
    like: classic,
    breaks: "G16",
    scene: "forgiving",
    faults: ["task"],
    edits: [
      {
        file: "actors/standins.ts",
        find: "for (let i = step; i < fallbacks.length; i++) {",
        put: "for (let i = step; i < Math.min(1, fallbacks.length); i++) {"
      }
    ]
  },
  ...breakerDefects,
  ...sagaDefects,
  ...limitDefects,
  ...scheduleDefects
]
