// A trading pipeline of agents: market data → technical ‖ sentiment → risk → decision → compliance.
// The agents are simulated; `speed` makes their seconds shorter.
import { setTimeout as sleep } from "node:timers/promises"
import { type Agent, gt, Orchestrator, task, type, workflow } from "troupe"

export interface MarketData {
  readonly symbol: string
  readonly prices: ReadonlyArray<number>
}
interface Signal {
  readonly score: number
  readonly why: string
}
interface Decision {
  readonly action: "buy" | "sell" | "hold"
  readonly size: number
}

const marketData = task("market-data", {
  in: type<{ symbol: string }>(),
  out: type<MarketData>(),
  needs: "market-data",
  estimate: "10s",
  timeout: "30s",
  retry: { attempts: 3 }
})
const technical = task("technical", {
  in: type<MarketData>(),
  out: type<Signal>(),
  needs: "technical-analysis",
  estimate: "30s"
})
const sentiment = task("sentiment", {
  in: type<{ symbol: string }>(),
  out: type<Signal>(),
  needs: "sentiment-analysis",
  estimate: "20s"
})
const risk = task("risk", {
  in: type<{ technical: Signal; sentiment: Signal; prices: ReadonlyArray<number> }>(),
  out: type<{ limit: number }>(),
  needs: "risk-assessment",
  estimate: "15s"
})
const decide = task("decide", {
  in: type<{ technical: Signal; sentiment: Signal; limit: number }>(),
  out: type<Decision>(),
  needs: "decision",
  estimate: "10s"
})
const comply = task("comply", {
  in: type<{ symbol: string; decision: Decision; limit: number }>(),
  out: type<{ approved: boolean; note: string }>(),
  needs: "compliance",
  estimate: "5s"
})

export const trading = workflow("trading-pipeline", type<{ symbol: string }>(), { version: "1" })
  .task("market", marketData, ($) => ({ symbol: $.input.symbol }))
  .task("technical", technical, ($) => $.market)
  .task("sentiment", sentiment, ($) => ({ symbol: $.market.symbol }))
  .task("risk", risk, ($) => ({ technical: $.technical, sentiment: $.sentiment, prices: $.market.prices }))
  .task("decision", decide, ($) => ({ technical: $.technical, sentiment: $.sentiment, limit: $.risk.limit }))
  .task("compliance", comply, ($) => ({ symbol: $.input.symbol, decision: $.decision, limit: $.risk.limit }), {
    when: ($) => gt($.decision.size, 0)
  })
  .returns(($) => ({ decision: $.decision, compliance: $.compliance }))

/** Six simulated agents; each works for as long as its task is estimated, divided by `speed`. */
export const agents = (speed: number): ReadonlyArray<Agent> => {
  const agent = (id: string, capability: string, seconds: number, work: (input: any) => unknown): Agent => ({
    id,
    role: id,
    can: [capability],
    run: async (input, { signal }) => {
      await sleep((seconds * 1_000) / speed, undefined, { signal })
      return work(input)
    }
  })
  return [
    agent("market-feed", "market-data", 10, ({ symbol }) => ({ symbol, prices: [101, 103, 102, 106, 109] })),
    agent("chartist", "technical-analysis", 30, ({ prices }) => ({
      score: (prices.at(-1) - prices[0]) / prices[0],
      why: "five rising closes"
    })),
    agent("reader", "sentiment-analysis", 20, ({ symbol }) => ({
      score: 0.4,
      why: `news about ${symbol} are friendly`
    })),
    agent("risk-desk", "risk-assessment", 15, ({ technical, sentiment }) => ({
      limit: Math.round(1_000 * (technical.score + sentiment.score))
    })),
    agent("trader", "decision", 10, ({ technical, limit }) =>
      technical.score > 0 ? { action: "buy", size: limit } : { action: "hold", size: 0 }
    ),
    agent("officer", "compliance", 5, ({ decision, limit }) => ({
      approved: decision.size <= limit,
      note: `${decision.action} ${decision.size} within ${limit}`
    }))
  ]
}

if (import.meta.main) {
  const { criticalPath, criticalPathMs } = trading.plan()
  console.log(`planned: ${criticalPath.join(" → ")}, ${criticalPathMs / 1_000} s`)
  await using orchestrator = await Orchestrator.open({ agents: agents(200) })
  const { decision, compliance } = await orchestrator.execute(trading, { symbol: "ACME" })
  console.log(
    `${decision.action} ${decision.size}: ${compliance?.approved === true ? "approved" : "refused"} (${compliance?.note})`
  )
}
