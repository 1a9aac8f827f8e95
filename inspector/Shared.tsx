/** Breakers and agents, which all runs share: in which state, how busy, and why. */
import type { AgentSeen, BreakerSeen } from "../src/inspect/protocol.ts"
import { breakerActs } from "./acts.ts"
import { Acts } from "./Details.tsx"
import { brief, clock, count, plain } from "./format.ts"
import { Icon } from "./icons.tsx"
import { state } from "./state.ts"
import { type BreakerState, breakerLooks, StatusBadge, StatusIcon } from "./status.tsx"

export const Shared = () => {
  const { breakers, agents } = state.shared.value
  if (breakers.size === 0 && agents.size === 0)
    return (
      <div class="empty">
        <Icon name="shared" size={22} />
        <p>No breaker and no agent is known at this moment.</p>
      </div>
    )
  return (
    <section class="shared" tabIndex={0} aria-label="Breakers and agents">
      {state.isTable.value ? (
        <Tables breakers={[...breakers.values()]} agents={[...agents.values()]} />
      ) : (
        <>
          <h3>
            Breakers <span class="faint num">{count(breakers.size)}</span>
          </h3>
          <div class="cards">
            {[...breakers.values()].slice(0, cardsMost).map((breaker) => (
              <BreakerCard key={breaker.name} breaker={breaker} />
            ))}
          </div>
          <h3>
            Agents <span class="faint num">{count(agents.size)}</span>
          </h3>
          <div class="cards">
            {[...agents.values()].slice(0, cardsMost).map((agent) => (
              <AgentCard key={agent.id} agent={agent} />
            ))}
          </div>
          {breakers.size > cardsMost || agents.size > cardsMost ? (
            <p class="quiet">{`The first ${cardsMost} of each; the table (T) has more.`}</p>
          ) : null}
        </>
      )}
    </section>
  )
}

const cardsMost = 200
const rowsMost = 2_000

const lookOf = (name: string) => breakerLooks[name as BreakerState] ?? breakerLooks.closed

const factsOf = (facts: BreakerSeen["facts"]): { readonly [key: string]: unknown } =>
  facts !== null && typeof facts === "object" && !Array.isArray(facts)
    ? (facts as { readonly [key: string]: unknown })
    : {}

const BreakerCard = ({ breaker }: { readonly breaker: BreakerSeen }) => {
  const facts = factsOf(breaker.facts)
  const look = lookOf(breaker.state)
  const retryAt = typeof facts["retryAt"] === "number" ? facts["retryAt"] : undefined
  const trials = Array.isArray(facts["trials"]) ? facts["trials"].length : 0
  return (
    <article class={`card ${look.className}`} aria-label={`Breaker ${plain(breaker.name)}`}>
      <header>
        <StatusIcon look={look} size={16} />
        <bdi class="strong">{plain(breaker.name, 60)}</bdi>
        <StatusBadge look={look}>{plain(breaker.state, 30)}</StatusBadge>
      </header>
      <p class="card-words">{look.label}</p>
      <dl class="facts">
        {typeof facts["failures"] === "number" ? (
          <div>
            <dt>Failures in a row</dt>
            <dd class="num">{count(facts["failures"])}</dd>
          </div>
        ) : null}
        {retryAt === undefined ? null : (
          <div>
            <dt>Tries again at</dt>
            <dd class="num">{clock(retryAt)}</dd>
          </div>
        )}
        {trials === 0 ? null : (
          <div>
            <dt>Trials out</dt>
            <dd class="num">{trials}</dd>
          </div>
        )}
        {typeof facts["why"] === "string" ? (
          <div>
            <dt>Because of</dt>
            <dd>{plain(facts["why"], 60)}</dd>
          </div>
        ) : null}
      </dl>
      <Acts
        acts={breakerActs(
          { hello: state.hello.value, isConnected: state.connection.value.state === "open" },
          breaker.name,
          breaker.state
        )}
      />
    </article>
  )
}

const AgentCard = ({ agent }: { readonly agent: AgentSeen }) => {
  const { id, can, load, capacity } = agent
  const slots = Math.min(capacity, 24)
  const tone = load === 0 ? "s-pending" : load > capacity ? "s-failed" : load >= capacity ? "s-waiting" : "s-running"
  return (
    <article class={`card ${tone}`} aria-label={`Agent ${plain(id)}`}>
      <header>
        <Icon name="agent" />
        <bdi class="strong">{plain(id, 60)}</bdi>
        <span class="num push">
          {count(load)} <span class="faint">of {count(capacity)}</span>
        </span>
      </header>
      <svg class="load" width="100%" height="10" role="img" aria-label={`${load} of ${capacity} in hand`}>
        {Array.from({ length: slots }, (_, i) => (
          <rect
            key={i}
            class={i < (load / Math.max(1, capacity)) * slots ? "is-full" : ""}
            x={`${(i / slots) * 100}%`}
            width={`${Math.max(1, 100 / slots - 2)}%`}
            height="10"
            rx="2"
          />
        ))}
      </svg>
      <p class="card-can">
        {can.slice(0, 12).map((one) => (
          <span key={one} class="chip">
            {plain(one, 40)}
          </span>
        ))}
      </p>
    </article>
  )
}

const Tables = ({
  breakers,
  agents
}: {
  readonly breakers: ReadonlyArray<BreakerSeen>
  readonly agents: ReadonlyArray<AgentSeen>
}) => (
  <>
    <table class="big-table">
      <caption>Breakers</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col">What is known</th>
        </tr>
      </thead>
      <tbody>
        {breakers.slice(0, rowsMost).map(({ name, state: at, facts }) => (
          <tr key={name}>
            <th scope="row">{plain(name, 80)}</th>
            <td>
              <StatusBadge look={lookOf(at)}>{plain(at, 30)}</StatusBadge>
            </td>
            <td class="faint">{brief(facts, 200)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    <table class="big-table">
      <caption>Agents</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">In hand</th>
          <th scope="col">Capacity</th>
          <th scope="col">Can</th>
        </tr>
      </thead>
      <tbody>
        {agents.slice(0, rowsMost).map(({ id, load, capacity, can }) => (
          <tr key={id}>
            <th scope="row">{plain(id, 80)}</th>
            <td class="num">{count(load)}</td>
            <td class="num">{count(capacity)}</td>
            <td class="faint">{plain(can.join(", "), 200)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </>
)
