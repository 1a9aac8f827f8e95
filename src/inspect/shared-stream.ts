/** The events of what all runs share: breakers and agents, as they are when somebody looks, and each change that is seen. */
import type { Json } from "../model/json.ts"
import type { AgentSeen, BreakerSeen, Seen, SeenEvent } from "./protocol.ts"
import type { Batch } from "./source.ts"

export interface SharedState {
  readonly breakers: ReadonlyArray<BreakerSeen>
  readonly agents: ReadonlyArray<AgentSeen>
}

/** Follows what is shared from event number `from` on; `look` is asked whenever there may be more. */
export async function* followShared(
  look: () => Promise<SharedState>,
  more: () => Promise<boolean>,
  from: number
): AsyncGenerator<Batch> {
  const known = new Map<string, string>()
  // whoever comes back has seen older events: what is told now continues them
  let seq = from
  do {
    const { breakers, agents } = await look()
    const events: Array<SeenEvent> = []
    const tell = (name: string, event: Seen) => {
      const text = JSON.stringify(event)
      if (known.get(name) === text) return
      known.set(name, text)
      events.push({ ...event, seq: seq++, t: Date.now() })
    }
    for (const breaker of breakers) tell(`breaker ${breaker.name}`, breaker)
    for (const agent of agents) tell(`agent ${agent.id}`, agent)
    yield { events, isCaughtUp: true }
  } while (await more())
}

/** A breaker as people see it, as an event. */
export const breakerSeen = (name: string, state: string, facts: unknown): BreakerSeen => ({
  kind: "breaker",
  name,
  state,
  facts: JSON.parse(JSON.stringify(facts)) as Json
})
