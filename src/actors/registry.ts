/** Who is there, what each can do, and how busy each is. Only these events change it; the router only reads. */
import { castDraft, produce } from "immer"
import { fromTransition } from "xstate"
import type { Registry } from "../model/agents.ts"
import type { AgentIR } from "../model/ir.ts"

export type RegistryEvent =
  | { readonly type: "agent.joined"; readonly agent: AgentIR }
  | { readonly type: "agent.left"; readonly id: string }
  /** It takes no new work. */
  | { readonly type: "agent.closed"; readonly id: string }
  | { readonly type: "agent.queued"; readonly id: string }
  | { readonly type: "agent.dropped"; readonly id: string }
  | { readonly type: "agent.began"; readonly id: string }
  | { readonly type: "agent.finished"; readonly id: string }

export const registryLogic = fromTransition(
  (agents: Registry, event: RegistryEvent): Registry =>
    produce(agents, (draft) => {
      if (event.type === "agent.joined") {
        draft[event.agent.id] = castDraft({
          ...event.agent,
          capacity: event.agent.capacity ?? 1,
          busy: 0,
          waiting: 0,
          assigned: 0,
          isOpen: true
        })
        return
      }
      const agent = draft[event.id]
      if (agent === undefined) return
      switch (event.type) {
        case "agent.left":
          delete draft[event.id]
          return
        case "agent.closed":
          agent.isOpen = false
          return
        case "agent.queued":
          agent.waiting++
          agent.assigned++
          return
        case "agent.dropped":
          agent.waiting = Math.max(0, agent.waiting - 1)
          return
        case "agent.began":
          agent.waiting = Math.max(0, agent.waiting - 1)
          agent.busy++
          return
        case "agent.finished":
          // never below zero: a second release of the same work would invent capacity (Z06)
          agent.busy = Math.max(0, agent.busy - 1)
      }
    }),
  {}
)
