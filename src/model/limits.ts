/** The bounds of the model: each was chosen, each refuses with `LimitExceeded` naming itself. */
export const limits = {
  /** Tasks in one workflow document, nested workflows included. */
  tasks: 100_000,
  /** Items of one fan-out. */
  fanout: 100_000,
  /** Levels of sub-workflows inside each other. */
  nesting: 32,
  /** Levels of nesting in inputs, results and documents. */
  depth: 64,
  /** Bytes of one input or result. */
  payloadBytes: 2 * 1024 * 1024,
  /** Bytes of one workflow document. */
  documentBytes: 64 * 1024 * 1024,
  /** Bytes of one exported run. */
  exportBytes: 256 * 1024 * 1024,
  /** Messages of one exported run. */
  exportMessages: 1_000_000,
  /** Bytes of how far a body says it is. */
  progressBytes: 16 * 1024,
  /** Characters of an id. */
  id: 128,
  /** Rounds of one `repeat`. */
  repeat: 1_000_000,
  /** Times that a run goes back, or tries again what has failed, by itself. */
  recoveries: 100,
  /** Attempts of one task. */
  attempts: 10_000,
  /** Longest wait that an error can ask for before the next attempt, in milliseconds: a day. */
  retryAfterMs: 24 * 3_600_000,
  /** Signals and early answers of one run that wait for their gate. */
  signals: 1_000,
  /** Failures in a row, or successful trials, that a breaker may count to; and the calls that it may wait for before rates count. */
  breakerCalls: 1_000_000,
  /** Calls that the window of a breaker remembers one by one. */
  breakerWindow: 100_000,
  /** Circuit breakers of one orchestrator. */
  breakers: 10_000,
  /** Trial calls of a breaker at once. */
  breakerTrials: 1_000,
  /** Schedules of one orchestrator. */
  schedules: 10_000,
  /** Firings of one schedule that wait for their turn, and those that are asked for afterwards at once. */
  firings: 1_000,
  /** Degraded tasks of one run that are listed; each is in its own report. */
  degraded: 1_000,
  /** Bulkheads that documents bring along, and rates, of one orchestrator. */
  bulkheads: 10_000,
  rates: 10_000,
  /** Calls at once in one bulkhead, and calls a second, or a window, of one rate. */
  concurrent: 1_000_000,
  /** Calls that wait for one bulkhead, or one rate. */
  waiting: 100_000,
  /** Longest wait, in milliseconds: ten years and a bit. */
  durationMs: 3_660 * 24 * 3_600_000
} as const

export type LimitName = keyof typeof limits | "payload" | "progress" | "queue" | "mailbox" | "runs"
