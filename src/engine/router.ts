/**
 * Messages to agents. Each agent has a mailbox with a bound and works on as many messages at once as it has capacity;
 * a full mailbox, an unknown address and a missing answer are typed refusals. An empty answer is an answer.
 */
import type { AnyActorRef } from "xstate"
import {
  type AgentRecord,
  type Balance,
  candidates,
  capabilities,
  choose,
  type Failures,
  leastFailed,
  type Registry,
  soonest
} from "../model/agents.ts"
import {
  AttemptTimedOut,
  InvalidOption,
  MailboxFull,
  NoAgent,
  NoRecipient,
  TransactionsUnsupported
} from "../model/errors.ts"
import { requireId } from "../model/ids.ts"
import type { AgentIR } from "../model/ir.ts"
import { PriorityQueue } from "../model/queue.ts"
import type { TaskContext } from "../model/task.ts"
import type { Refusal } from "./admission.ts"
import type { Timers } from "./timers.ts"

/** An agent of this program: what it can do, and the code that does it. */
export interface Agent extends Omit<AgentIR, "does"> {
  readonly run: (input: any, context: TaskContext) => unknown
}

/** A message between two addresses. */
export interface AgentMessage {
  readonly sender: string
  readonly recipient: string
  /** What is wanted: a capability, or a name that the agent knows. */
  readonly action: string
  readonly payload: unknown
  /** Without it the sender does not wait for the work, only for its acceptance. */
  readonly requiresResponse?: boolean
  /** Longest wait for the answer, in milliseconds; default one hour. */
  readonly timeoutMs?: number
  /** 0 (last) to 100 (first); default 50. */
  readonly priority?: number
}

interface Letter {
  readonly message: AgentMessage
  readonly work: (agent: Agent) => PromiseLike<unknown>
  readonly refused: (error: unknown) => void
  readonly done: () => void
  /** Whether it may not begin for now: its run is paused. */
  readonly isHeld: () => boolean
  /** Whether it left the mailbox: taken up, withdrawn or refused. */
  isGone: boolean
}

interface Mailbox {
  readonly agent: Agent
  readonly capacity: number
  readonly letters: PriorityQueue<Letter>
  /** Those whose turn came while their run was paused. */
  held: Array<Letter>
  waiting: number
  busy: number
}

const never = () => false
const none = () => undefined

/** Default bound on the messages that wait for one agent. */
export const mailboxCapacity = 1_000

/** Throws `InvalidId` or `InvalidOption` for agents that cannot take work, or not beside those whose ids are taken. */
export const requireAgents = (agents: ReadonlyArray<Agent>, isTaken: (id: string) => boolean = () => false): void => {
  const ids = new Set<string>()
  for (const { id, capacity = 1 } of agents) {
    requireId("agent", id)
    if (!(Number.isInteger(capacity) && capacity >= 1))
      throw new InvalidOption({
        option: `capacity of agent '${id}'`,
        value: capacity,
        allowed: "a whole number from 1"
      })
    if (ids.has(id) || isTaken(id))
      throw new InvalidOption({ option: "agent id", value: id, allowed: "an id that no other agent has" })
    ids.add(id)
  }
}

export class Router {
  readonly #registry: AnyActorRef
  readonly #timers: Timers
  readonly #now: () => number
  readonly #balance: Balance
  readonly #bound: number
  readonly #epoch: number
  readonly #boxes = new Map<string, Mailbox>()

  constructor(options: {
    readonly registry: AnyActorRef
    readonly timers: Timers
    readonly now: () => number
    readonly balance: Balance
    readonly bound: number
    readonly epoch: number
  }) {
    this.#registry = options.registry
    this.#timers = options.timers
    this.#now = options.now
    this.#balance = options.balance
    this.#bound = options.bound
    this.#epoch = options.epoch
  }

  /** Agents by id, with their load. */
  get agents(): Registry {
    return this.#registry.getSnapshot().context
  }

  join(agent: Agent): void {
    requireAgents([agent], (id) => this.#boxes.has(id))
    const { capacity = 1 } = agent
    this.#boxes.set(agent.id, { agent, capacity, letters: new PriorityQueue(), held: [], waiting: 0, busy: 0 })
    const { run: _, ...facts } = agent
    this.#registry.send({ type: "agent.joined", agent: facts })
  }

  /** An agent takes no more work: what it has in hand comes to its end, what waits in its mailbox is refused. */
  leave(id: string): boolean {
    const box = this.#boxes.get(id)
    if (box === undefined) return false
    this.#boxes.delete(id)
    this.#registry.send({ type: "agent.left", id })
    this.#requeue(box)
    for (let letter = box.letters.pop(); letter !== undefined; letter = box.letters.pop())
      if (!letter.isGone) letter.refused(new NoRecipient({ recipient: id }))
    return true
  }

  /**
   * The agent that gets work with these needs, or a typed refusal: never one that lacks a capability. One that has failed this work
   * more often than another that can take it is left alone, and so is one on whose way a call would be refused; where that is so of
   * all, the one that may be called first is chosen, and what is on its way says so.
   */
  choose(
    needs: ReadonlyArray<string>,
    seed: string,
    failedBy: Failures = {},
    refusalTo: (agent: string) => Refusal | undefined = none
  ): AgentRecord {
    const able = candidates(this.agents, needs)
    if (able.length === 0) throw new NoAgent({ needs, known: capabilities(this.agents) })
    const free = this.#free(able)
    const open = free.filter(({ id }) => refusalTo(id) === undefined)
    const chosen =
      open.length === 0
        ? soonest(free, (id) => refusalTo(id)?.retryAt ?? null)
        : choose(leastFailed(open, failedBy), this.#balance, seed)
    if (chosen === undefined)
      throw new MailboxFull({ recipient: able.map(({ id }) => id).join(", "), capacity: this.#bound })
    return chosen
  }

  /** A further agent for the same work, if there is one. */
  another(
    needs: ReadonlyArray<string>,
    seed: string,
    failedBy: Failures,
    isExcept: (agent: string) => boolean
  ): AgentRecord | undefined {
    const others = candidates(this.agents, needs).filter(({ id }) => !isExcept(id))
    return choose(leastFailed(this.#free(others), failedBy), this.#balance, seed)
  }

  #free(able: ReadonlyArray<AgentRecord>): ReadonlyArray<AgentRecord> {
    return able.filter(({ id }) => this.#boxes.get(id)!.waiting < this.#bound)
  }

  /**
   * Sends a message. With `requiresResponse` it resolves with the answer, whatever that is (0, "" and null are answers), or
   * rejects when the agent fails or `timeoutMs` passes; without, it resolves once the message is accepted.
   */
  send(message: AgentMessage): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { timeoutMs = 3_600_000 } = message
      const controller = new AbortController()
      const context: TaskContext = {
        key: `${message.sender}>${message.recipient}`,
        run: "",
        task: message.action,
        attempt: 1,
        delivery: 1,
        fencingToken: this.#epoch,
        signal: controller.signal,
        deadlineAt: this.#now() + timeoutMs,
        agent: message.recipient,
        heartbeat: () => {},
        lastHeartbeat: undefined,
        // a message belongs to no run, so there is nothing that it could be written with
        tx: () => {
          throw new TransactionsUnsupported()
        }
      }
      const withdraw = this.post(
        message,
        async (agent) => {
          try {
            resolve(await agent.run(message.payload, context))
          } catch (error) {
            reject(error)
          } finally {
            this.#timers.stop(timer)
          }
        },
        reject
      )
      const timer = this.#timers.start(this.#now() + timeoutMs, () => {
        withdraw()
        const error = new AttemptTimedOut({ task: `${message.action} at ${message.recipient}`, timeoutMs })
        controller.abort(error)
        reject(error)
      })
      if (message.requiresResponse !== true) resolve(undefined)
    })
  }

  /** Puts work into a mailbox; gives back how to withdraw it while it waits. Throws `NoRecipient` or `MailboxFull`. */
  post(
    message: AgentMessage,
    work: (agent: Agent) => PromiseLike<unknown>,
    refused: (error: unknown) => void,
    isHeld: () => boolean = never
  ): () => void {
    const { recipient, priority = 50 } = message
    const box = this.#boxes.get(recipient)
    if (box === undefined) throw new NoRecipient({ recipient })
    if (box.waiting >= this.#bound) throw new MailboxFull({ recipient, capacity: this.#bound })
    const letter: Letter = { message, work, refused, isHeld, isGone: false, done: () => this.#finished(box) }
    box.letters.push(letter, priority)
    box.waiting++
    this.#registry.send({ type: "agent.queued", id: recipient })
    this.#deliver(box)
    return () => {
      if (letter.isGone) return
      letter.isGone = true
      box.waiting--
      this.#registry.send({ type: "agent.dropped", id: recipient })
    }
  }

  #deliver(box: Mailbox): void {
    while (box.busy < box.capacity) {
      const letter = box.letters.pop()
      if (letter === undefined) return
      if (letter.isGone) continue
      if (letter.isHeld()) {
        box.held.push(letter)
        continue
      }
      letter.isGone = true
      box.waiting--
      box.busy++
      this.#registry.send({ type: "agent.began", id: box.agent.id })
      letter.work(box.agent).then(letter.done, letter.done)
    }
  }

  /** A run goes on: what was held back for it has its turn again. */
  resume(): void {
    for (const box of this.#boxes.values()) {
      if (box.held.length === 0) continue
      this.#requeue(box)
      this.#deliver(box)
    }
  }

  #requeue(box: Mailbox): void {
    const held = box.held
    box.held = []
    for (const letter of held) box.letters.push(letter, letter.message.priority ?? 50)
  }

  #finished(box: Mailbox): void {
    box.busy--
    this.#registry.send({ type: "agent.finished", id: box.agent.id })
    this.#deliver(box)
  }
}
