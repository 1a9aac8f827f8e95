/**
 * What an inspector sees, as data: events in one order, and the messages between the server and a page. Shared by both; types only.
 *
 * A **stream** is a list of events with numbers from 0 and times that never go back. There is one per run (made from the messages of its
 * journal, so that it is the same live, from a store, and from a file), one of the orchestrator, and one per XState system of somebody
 * else. Whoever has all events up to a number knows everything about that moment (`view.ts`).
 */
import type { WorkflowIR } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { Message, RunStatus, TaskStatus } from "../model/messages.ts"
import type { ChartShape } from "./shape.ts"

/** Version of everything here. */
export const protocolVersion = 1

/** A change of a value, as immer writes it. */
export interface Patch {
  readonly op: "replace" | "remove" | "add"
  readonly path: ReadonlyArray<string | number>
  readonly value?: Json
}

/** Where an event stands: its number in the stream, its time, and the message of the journal it followed from. */
export interface At {
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly t: number
  /** Number of the event that it followed from: the message that was being delivered. */
  readonly cause?: number
}

/** A definition that later events refer to. */
export interface DefinitionSeen {
  readonly kind: "definition"
  readonly hash: string
  readonly ir: WorkflowIR
}

/** A statechart that actors follow, told before the first of them. */
export interface ChartSeen {
  readonly kind: "chart"
  readonly logic: string
  readonly shape: ChartShape
}

/** An actor has come. Its key is its path in the system: `run-1/quotes/[3]`. */
export interface ActorSeen {
  readonly kind: "actor"
  readonly actor: string
  readonly parent?: string
  /** Its own name, as its parent knows it. */
  readonly id: string
  /** Name of the chart or logic. */
  readonly logic: string
  /** Path of the task, for actors of a run. */
  readonly task?: string
  readonly run?: string
  /** State value, where it has one. */
  readonly value?: Json
  readonly context?: Json
}

/** An actor has ended, or was stopped. */
export interface GoneSeen {
  readonly kind: "gone"
  readonly actor: string
  readonly how: "done" | "error" | "stopped"
  readonly output?: Json
  readonly error?: Json
}

/** An actor was sent an event. */
export interface MessageSeen {
  readonly kind: "message"
  readonly actor: string
  /** Who sent it; absent for what comes from outside. */
  readonly from?: string
  readonly type: string
  readonly data?: Json
}

/** An actor has taken a step. */
export interface StepSeen {
  readonly kind: "step"
  readonly actor: string
  /** The event that it answered. */
  readonly event: string
  readonly value?: Json
  /** The states that it left and came to, by their ids in the shape, where it left one. */
  readonly from?: string
  readonly to?: string
  /** What became of its context; `context` itself in place of patches every so often. */
  readonly patches?: ReadonlyArray<Patch>
  readonly context?: Json
  /** One of several in answer to the same event. */
  readonly isMicro?: true
}

/** An actor asked for something: a command of ours, an action of others. */
export interface CommandSeen {
  readonly kind: "command"
  readonly actor: string
  readonly type: string
  readonly params?: Json
}

/** A run begins. */
export interface RunSeen {
  readonly kind: "run"
  readonly run: string
  readonly workflow: string
  readonly hash: string
  readonly input?: Json
}

/** A message was written to the journal of a run, and is delivered now: what follows names it as its cause. */
export interface JournalSeen {
  readonly kind: "journal"
  readonly run: string
  /** Its number in the run. */
  readonly n: number
  readonly message: Message
}

/** The state of a task as people see it has changed. */
export interface TaskSeen {
  readonly kind: "task"
  readonly run: string
  /** Its path. */
  readonly task: string
  readonly status: TaskStatus
}

/** An attempt begins. Its end is a message of the journal. */
export interface AttemptSeen {
  readonly kind: "attempt"
  readonly run: string
  readonly task: string
  readonly attempt: number
  readonly agent?: string
}

/** A task waits for a time, or no longer does. */
export interface WaitSeen {
  readonly kind: "wait"
  readonly run: string
  readonly task: string
  /** Until when; absent when it waits no longer. */
  readonly dueAt?: number
  readonly for?: "backoff" | "timer" | "deadline" | "answer"
}

/** The state of a run as people see it. */
export interface StatusSeen {
  readonly kind: "status"
  readonly run: string
  readonly status: RunStatus
  readonly percent: number
  /** When it may be done: the likely time, and the band around it. */
  readonly eta?: readonly [soonest: number, likely: number, latest: number]
  /** Tasks on the longest path that is left. */
  readonly critical?: ReadonlyArray<string>
  readonly output?: Json
  readonly error?: { readonly task: string; readonly code: string; readonly message: string }
}

/** A circuit breaker has changed, or is told for the first time. */
export interface BreakerSeen {
  readonly kind: "breaker"
  readonly name: string
  readonly state: string
  readonly facts?: Json
}

/** An agent, and how much it has in hand. */
export interface AgentSeen {
  readonly kind: "agent"
  readonly id: string
  readonly can: ReadonlyArray<string>
  readonly load: number
  readonly capacity: number
}

/** What a simulation has done to a run. */
export interface FaultSeen {
  readonly kind: "fault"
  readonly run: string
  readonly text: string
  /** The promise that was broken, where this is where it was. */
  readonly broken?: string
}

/** What was known of a run is told anew from here on: somebody has changed its past. What was seen before stays as it was seen. */
export interface ResetSeen {
  readonly kind: "reset"
  readonly run: string
}

/** Something was seen that did not fit, and is not told. */
export interface GapSeen {
  readonly kind: "gap"
  readonly lost: number
}

export type Seen =
  | DefinitionSeen
  | ChartSeen
  | ActorSeen
  | GoneSeen
  | MessageSeen
  | StepSeen
  | CommandSeen
  | RunSeen
  | JournalSeen
  | TaskSeen
  | AttemptSeen
  | WaitSeen
  | StatusSeen
  | BreakerSeen
  | AgentSeen
  | FaultSeen
  | ResetSeen
  | GapSeen
export type SeenKind = Seen["kind"]

/** An event at its place. */
export type SeenEvent = Seen & At

/** A stream that somebody can follow: `run:ID`, `system:NAME`, or `orchestrator`. */
export type StreamId = string

/** A run in a list. */
export interface RunRow {
  readonly run: string
  readonly workflow: string
  readonly status: RunStatus
  readonly percent: number
  readonly submittedAt: number
  readonly updatedAt: number
  readonly tasks: { readonly total: number; readonly completed: number; readonly failed: number }
  readonly error?: string
}

/** What somebody with control may ask. The verbs are those of the command line, and `fault` in a development run. */
export interface Ask {
  readonly verb: string
  readonly run?: string
  readonly fields?: { readonly [field: string]: Json }
  readonly why?: string
}

/** What would come of it. */
export interface Preview {
  readonly text: string
  /** Paths of tasks that would begin, begin anew, or not happen. */
  readonly tasks: ReadonlyArray<string>
}

/** From the page. */
export type ClientMessage =
  | { readonly type: "subscribe"; readonly stream: StreamId; readonly from?: number }
  | { readonly type: "unsubscribe"; readonly stream: StreamId }
  | { readonly type: "ask"; readonly id: number; readonly ask: Ask; readonly isDryRun?: boolean }

/** To the page. */
export type ServerMessage =
  | Hello
  /** What can be followed, whenever it has changed. `total` counts the runs there are. */
  | {
      readonly type: "streams"
      readonly streams: ReadonlyArray<StreamId>
      readonly runs: ReadonlyArray<RunRow>
      readonly total: number
    }
  | { readonly type: "batch"; readonly stream: StreamId; readonly events: ReadonlyArray<SeenEvent> }
  /** All that was written by now has been told. */
  | { readonly type: "caughtUp"; readonly stream: StreamId; readonly seq: number }
  | {
      readonly type: "answer"
      readonly id: number
      readonly ok: true
      readonly value?: Json
      readonly preview?: Preview
    }
  | {
      readonly type: "answer"
      readonly id: number
      readonly ok: false
      readonly error: { readonly code: string; readonly message: string }
    }
  | { readonly type: "error"; readonly stream?: StreamId; readonly code: string; readonly message: string }

export interface Hello {
  readonly type: "hello"
  readonly protocol: typeof protocolVersion
  /** Version of Troupe. */
  readonly version: string
  readonly pid: number
  readonly bootId: string
  /** What is looked at, for the title. */
  readonly title: string
  readonly source: "live" | "store" | "recording" | "system"
  readonly mayControl: boolean
  /** Verbs that can be asked beyond those of the command line: `step` of a paused run, `fault` in a development run. */
  readonly offers?: ReadonlyArray<string>
  /** Time of the server, for clocks that differ. */
  readonly now: number
  /** The stream to show first, and the event to stand at, where somebody has asked for it. */
  readonly opensAt?: { readonly stream: StreamId; readonly seq?: number }
}

/** The first line of a recording; events follow, one a line. */
export interface RecordingHead {
  readonly kind: "troupe-recording-of-events"
  readonly protocol: typeof protocolVersion
  readonly version: string
  readonly title: string
  readonly stream: StreamId
  readonly recordedAt: number
  readonly opensAt?: number
}
