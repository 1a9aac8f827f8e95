/**
 * What can be done with what is selected, as data: what it is called, what it takes, and why it cannot be done where it cannot.
 * The verbs and fields are those of the command line; the server decides, this only saves people from asking in vain.
 */
import type { Hello } from "../src/inspect/protocol.ts"
import type { ActorView, RunView, TaskView, View } from "../src/inspect/view.ts"
import type { GateTask, JsonSchema, TaskIR, WorkflowIR } from "../src/model/ir.ts"
import type { Json } from "../src/model/json.ts"
import { placeOf } from "./filter.ts"
import type { IconName } from "./icon-paths.ts"
import { shownBy } from "./shown.ts"
import type { Stream } from "./stream.ts"

export interface Act {
  /** Unique among those that are shown. */
  readonly id: string
  readonly label: string
  readonly icon: IconName
  readonly verb: string
  readonly run?: string
  /** What is known already. */
  readonly fields: { readonly [field: string]: Json }
  /** What somebody has to say. */
  readonly asks: ReadonlyArray<Question>
  /** In a sentence, what it does. */
  readonly about: string
  readonly isDangerous?: true
  /** Shown to whoever decides. */
  readonly show?: Json
  /** Why it cannot be done now. */
  readonly whyNot?: string
}

export type Question =
  | {
      readonly field: string
      readonly label: string
      readonly kind: "text" | "value"
      readonly isOptional?: boolean
      readonly hint?: string
    }
  | { readonly field: string; readonly label: string; readonly kind: "flag"; readonly hint?: string }
  | { readonly field: string; readonly label: string; readonly kind: "schema"; readonly schema: JsonSchema }

export interface Where {
  readonly hello: Hello | undefined
  readonly isConnected: boolean
  readonly isLive: boolean
  readonly view: View
  readonly run: RunView | undefined
  readonly task: TaskView | undefined
  readonly actor: ActorView | undefined
  readonly stream: Stream
  readonly seq: number
}

/** Why nothing at all can be done, if nothing can. */
export const whyNothing = ({ hello, isConnected }: Pick<Where, "hello" | "isConnected">): string | undefined => {
  if (hello?.source === "recording") return "this is a recording: nothing can be asked of it"
  if (!isConnected) return "there is no connection at the moment"
  if (hello?.mayControl !== true) return "read-only: start the inspector with --control to act"
  return undefined
}

const isOver = (run: RunView) => run.status === "succeeded" || run.status === "failed" || run.status === "cancelled"

/** What can be done with the run as a whole. */
export const runActs = (where: Where): ReadonlyArray<Act> => {
  const { run, hello } = where
  if (run === undefined) return []
  const ended = isOver(run) ? `the run is over: ${run.status}` : undefined
  const failed = [...run.tasks.values()].filter(({ status }) => status === "failed").length
  const now = nowOf(where)
  const base = (act: Omit<Act, "run" | "fields" | "asks"> & Partial<Pick<Act, "fields" | "asks">>): Act =>
    refused(where, { fields: {}, asks: [], ...act, run: run.run })
  const acts = [
    run.status === "paused"
      ? base({ id: "resume", verb: "resume", label: "Resume", icon: "play", about: "The run goes on.", ...why(ended) })
      : base({
          id: "pause",
          verb: "pause",
          label: "Pause",
          icon: "pause",
          about: "No attempt begins until it is resumed; those that are out may finish.",
          ...why(ended)
        }),
    base({
      id: "retry-all",
      verb: "retry",
      label: "Retry all failures",
      icon: "retry",
      about: "All failed tasks begin anew, with all their attempts and a new idempotency key.",
      fields: now,
      ...why(failed === 0 ? "no task has failed" : undefined)
    }),
    rollbackAct(where, run.run),
    base({
      id: "signal",
      verb: "signal",
      label: "Send a signal",
      icon: "signal",
      about: "All open gates that listen to this name get the value; when none is open, the next one does.",
      asks: [
        { field: "name", label: "Name of the signal", kind: "text" },
        { field: "value", label: "Value", kind: "value", isOptional: true }
      ],
      ...why(ended)
    }),
    base({
      id: "cancel",
      verb: "cancel",
      label: "Cancel",
      icon: "stop",
      isDangerous: true,
      about:
        "No attempt begins any more; running ones get their signal and a grace period. What can be undone is undone.",
      asks: [{ field: "force", label: "Do not wait for running attempts", kind: "flag" }],
      ...why(ended)
    })
  ]
  if (hello?.offers?.includes("step") === true)
    acts.splice(
      1,
      0,
      base({
        id: "step",
        verb: "step",
        label: "One step",
        icon: "next",
        about: "One attempt begins, the one whose turn it is; the run stays paused.",
        ...why(ended ?? (run.status === "paused" ? undefined : "only a paused run can be stepped"))
      })
    )
  if (hello?.offers?.includes("fault") === true)
    acts.push(
      base({
        id: "fault",
        verb: "fault",
        label: "Inject a fault",
        icon: "bolt",
        isDangerous: true,
        about: "The next attempt of the task goes wrong on purpose, in a development run.",
        asks: [
          { field: "fault", label: "Which fault", kind: "text", hint: "throw, slow or hang" },
          { field: "ms", label: "How much longer, in milliseconds, when it is slow", kind: "value", isOptional: true },
          { field: "task", label: "Path of a task", kind: "text" }
        ],
        ...why(ended)
      })
    )
  return acts
}

/** Back to where the run was after the message at the moment. */
const rollbackAct = (where: Where, run: string): Act => {
  const message = lastMessage(where)
  return refused(where, {
    id: "rollback",
    verb: "rollback",
    run,
    label: message === undefined ? "Roll back" : `Roll back to #${message.n}`,
    icon: "back",
    isDangerous: true,
    about:
      "What came after this message stays in the history and counts no more; what was done since can be undone first.",
    fields: { ...(message === undefined ? {} : { to: message.n }), ...nowOf(where) },
    asks: [],
    ...why(
      message === undefined
        ? "no message was written yet at this moment"
        : where.isLive
          ? "go to an earlier moment first: it goes back to the message at the moment"
          : undefined
    )
  })
}

/** What can be done with one task. */
export const taskActs = (where: Where): ReadonlyArray<Act> => {
  const { run, task } = where
  if (run === undefined || task === undefined) return []
  const { path, status } = task
  const base = (act: Omit<Act, "run" | "asks" | "fields"> & Partial<Pick<Act, "asks" | "fields">>): Act =>
    refused(where, { fields: {}, asks: [], ...act, run: run.run })
  const gate = gateOf(where)
  if (gate !== undefined) {
    const closed =
      status === "waiting" || status === "pending" || status === "ready" ? undefined : `the gate is ${status}`
    const show = shownBy(gate.show, {
      view: where.view,
      run,
      path,
      actorOf: (one) => where.stream.actorOf(run.run, one)
    })
    return [
      base({
        id: "answer",
        verb: "answer",
        label: "Answer",
        icon: "check",
        about:
          status === "waiting"
            ? "The run goes on with this answer."
            : "The gate is not open yet: the answer is kept for it.",
        fields: { gate: path },
        asks: [
          gate.out === undefined
            ? { field: "value", label: "Answer", kind: "value" }
            : { field: "value", label: "Answer", kind: "schema", schema: gate.out }
        ],
        ...(show === undefined ? {} : { show }),
        ...why(closed)
      }),
      base({
        id: "reject",
        verb: "reject",
        label: "Reject",
        icon: "close",
        isDangerous: true,
        about: "The gate fails with the code GATE_REJECTED and this reason.",
        fields: { gate: path },
        asks: [{ field: "reason", label: "Reason", kind: "text" }],
        ...(show === undefined ? {} : { show }),
        ...why(closed)
      })
    ]
  }
  const now = nowOf(where)
  const notFailed = status === "failed" ? undefined : `the task is ${status}: only one that failed begins anew`
  const canGive = status === "failed" || status === "running" || status === "waiting"
  const notGiven = canGive ? undefined : `the task is ${status}: only one that failed, or is at work, is given a result`
  const before = messageBefore(where, path)
  return [
    base({
      id: "retry",
      verb: "retry",
      label: "Retry this",
      icon: "retry",
      about: "It begins anew, with all its attempts and a new idempotency key, and what waited for it goes on.",
      fields: { task: path, ...now },
      ...why(notFailed)
    }),
    base({
      id: "retry-from",
      verb: "rollback",
      label: "Retry from here",
      icon: "back",
      isDangerous: true,
      about: "The run goes back to before this task began: it and everything since begin anew.",
      fields: { ...(before === undefined ? {} : { to: before }), ...now },
      ...why(before === undefined ? "it has not begun yet" : undefined)
    }),
    base({
      id: "complete",
      verb: "skip",
      label: "Complete with a value",
      icon: "check",
      about: "It gets this result, and the run goes on.",
      fields: { task: path, ...now },
      asks: [{ field: "value", label: "Result", kind: "value" }],
      ...why(notGiven)
    }),
    base({
      id: "skip",
      verb: "skip",
      label: "Skip",
      icon: "skip",
      about: "It gets null as its result, and the run goes on.",
      fields: { task: path, value: null, ...now },
      ...why(notGiven)
    })
  ]
}

/** What can be done with a breaker, which is nobody's run. */
export const breakerActs = (
  where: Pick<Where, "hello" | "isConnected">,
  name: string,
  state: string
): ReadonlyArray<Act> =>
  (
    [
      ["open", "Hold open", "pause", "Every call is refused until it is reset.", state === "forcedOpen"],
      [
        "close",
        "Hold closed",
        "play",
        "Every call passes, whatever happens, until it is reset.",
        state === "forcedClosed"
      ],
      ["reset", "Reset", "retry", "It is closed and begins to count from nothing.", false]
    ] as const
  ).map(([set, label, icon, about, isThere]) =>
    refused(where, {
      id: `breaker-${set}`,
      verb: "breaker",
      label,
      icon,
      about: `${name}: ${about}`,
      fields: { breaker: name, set },
      asks: [],
      ...(set === "open" ? { isDangerous: true as const } : {}),
      ...why(isThere ? "it is held there already" : undefined)
    })
  )

/** What can be done with an actor of a system that is not an orchestrator's. */
export const actorActs = (where: Pick<Where, "hello" | "isConnected">, actor: ActorView): ReadonlyArray<Act> =>
  where.hello?.offers?.includes("send") === true && actor.run === undefined
    ? [
        refused(where, {
          id: "send",
          verb: "send",
          label: "Send an event",
          icon: "signal",
          about: "The actor gets this event, as if somebody in its application had sent it.",
          fields: { actor: actor.key },
          asks: [{ field: "event", label: "Event", kind: "value", hint: '{"type": "NEXT"}' }],
          ...why(actor.status === "active" ? undefined : "the actor has ended")
        })
      ]
    : []

const why = (whyNot: string | undefined): { readonly whyNot?: string } => (whyNot === undefined ? {} : { whyNot })

const refused = (where: Pick<Where, "hello" | "isConnected">, act: Act): Act => {
  const never = whyNothing(where)
  return never === undefined ? act : { ...act, whyNot: never }
}

/** How many messages the run had when somebody looked: a decision about something else is refused. */
const nowOf = ({ run, isLive }: Where): { readonly seen?: number } =>
  run === undefined || !isLive ? {} : { seen: run.messages }

const lastMessage = ({ stream, seq }: Where): { readonly n: number } | undefined => {
  const at = stream.journal[placeOf(stream.journal, seq - 1)]
  const event = at === undefined ? undefined : stream.events[at]
  return event?.kind === "journal" ? event : undefined
}

/** The number of the message before the one by which a task first began. */
const messageBefore = ({ stream, run }: Where, path: string): number | undefined => {
  const first = stream.beginningOf(run?.run, path)
  if (first === undefined) return undefined
  const cause = first.cause === undefined ? undefined : stream.events[first.cause]
  return cause?.kind === "journal" ? cause.n : undefined
}

/** The definition of a task, by its path: through sub-workflows, branches and loops as far as it can be followed. */
export const definitionOf = (ir: WorkflowIR | undefined, path: string): TaskIR | undefined => {
  let workflow = ir
  let found: TaskIR | undefined
  for (const part of path.replace(/~undo$/, "").split("/")) {
    const id = part.replace(/[[#].*$/, "")
    found = workflow?.tasks.find((task) => task.id === id)
    if (found === undefined) return undefined
    const inner = (found as { readonly workflow?: string | WorkflowIR }).workflow
    workflow = typeof inner === "string" ? ir?.workflows?.[inner] : inner
  }
  return found
}

const gateOf = ({ view, run, task, actor }: Where): GateTask | undefined => {
  if (run === undefined || task === undefined) return undefined
  const known = definitionOf(view.definitions.get(run.hash), task.path)
  if (known !== undefined && "kind" in known && known.kind === "gate") return known
  return actor?.logic === "gate" ? ({ kind: "gate", id: task.path } as GateTask) : undefined
}
