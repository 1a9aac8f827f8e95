// Every public name is a visible decision: adding one changes this list.
import { expect, test } from "vitest"

const names = async (module: Promise<object>) => Object.keys(await module).sort()

test("names of troupe", async () => {
  expect(await names(import("../src/index.ts"))).toMatchInlineSnapshot(`
    [
      "AmendmentRefused",
      "AttemptTimedOut",
      "BulkheadFull",
      "ChartUnsupported",
      "CircuitOpen",
      "CompensationFailed",
      "Deadlock",
      "FragmentRefused",
      "GateClosed",
      "GateUnknown",
      "HeartbeatMissed",
      "IdempotencyMismatch",
      "ImportRefused",
      "InvalidId",
      "InvalidOption",
      "InvalidWorkflow",
      "JournalDiverged",
      "LimitExceeded",
      "MailboxFull",
      "NoAgent",
      "NoRecipient",
      "NotBegun",
      "NotJson",
      "NothingRemembered",
      "Orchestrator",
      "OrchestratorClosed",
      "PathMissing",
      "Permanent",
      "PolicyUnknown",
      "RateLimited",
      "RunCancelled",
      "RunCompacted",
      "RunFailed",
      "RunNotFound",
      "RunPoisoned",
      "SchemaMismatch",
      "StartTimedOut",
      "StateChanged",
      "StatementRefused",
      "TaskTimedOut",
      "TooFewItems",
      "TransactionMisused",
      "TransactionsUnsupported",
      "TroupeError",
      "VersionUnavailable",
      "analyzeDependencies",
      "and",
      "criticalPath",
      "describe",
      "eq",
      "exists",
      "findCycle",
      "fromCrew",
      "fromJson",
      "fromSteps",
      "fromYaml",
      "gt",
      "gte",
      "limits",
      "load",
      "lt",
      "lte",
      "ne",
      "not",
      "oneOf",
      "or",
      "orElse",
      "plan",
      "stagesOf",
      "task",
      "toFailure",
      "topologicalOrder",
      "type",
      "validate",
      "workflow",
    ]
  `)
})
test("names of troupe/effect", async () => {
  expect(await names(import("../src/effect.ts"))).toMatchInlineSnapshot(`
    [
      "Troupe",
      "backup",
      "execute",
      "get",
      "layer",
      "list",
      "submit",
      "transaction",
    ]
  `)
})
test("names of troupe/machines", async () => {
  expect(await names(import("../src/machines.ts"))).toMatchInlineSnapshot(`
    [
      "Breaker",
      "BreakerDesk",
      "Bulkhead",
      "ChartSnapshot",
      "RateLimit",
      "agentMachine",
      "breaker",
      "breakerMachine",
      "breakerPolicy",
      "breakerRule",
      "bulkhead",
      "bulkheadPolicy",
      "bulkheadRule",
      "command",
      "compile",
      "gateMachine",
      "orchestratorMachine",
      "plainLife",
      "rateLimit",
      "ratePolicy",
      "rateRule",
      "sleepMachine",
      "taskMachine",
      "workflowMachine",
    ]
  `)
})
test("names of troupe/actors", async () => {
  expect(await names(import("../src/actors/index.ts"))).toMatchInlineSnapshot(`
    [
      "SupervisorSnapshot",
      "createRoot",
      "registryLogic",
      "supervisor",
    ]
  `)
})
test("names of troupe/storage", async () => {
  expect(await names(import("../src/storage/index.ts"))).toMatchInlineSnapshot(`
    [
      "BackupRefused",
      "JournalBroken",
      "JournalBusy",
      "JournalCorrupt",
      "JournalFull",
      "SequenceConflict",
      "StaleOwner",
      "StoreInUse",
      "StoreUnusable",
      "laws",
      "memoryJournal",
      "sqliteJournal",
    ]
  `)
})
test("names of troupe/chaos", async () => {
  expect(await names(import("../src/chaos/index.ts"))).toMatchInlineSnapshot(`
    [
      "ChaosFailure",
      "ChaosMisused",
      "ChaosRefused",
      "Counterexample",
      "calm",
      "caseFrom",
      "chaos",
      "chaosCapability",
      "digestOf",
      "families",
      "follow",
      "planFrom",
      "prove",
      "proveFaults",
      "recorded",
      "recordingOf",
      "replay",
      "simulate",
      "without",
    ]
  `)
})
test("names of troupe/chaos/vitest", async () => {
  expect(await names(import("../src/chaos/vitest.ts"))).toMatchInlineSnapshot(`
    [
      "matchers",
    ]
  `)
})
