/**
 * The living list of promises: what each is attacked with, by which tests. `the-list-is-true.test.ts` holds it against the titles of
 * the tests and against docs/GUARANTEES.md, whose last column is made from it.
 */

/** Ways of attack, by letter. */
export const ways = {
  K: "the process dies",
  P: "the power is cut",
  E: "a storage error is reported",
  X: "a storage error is reported, and it is written all the same",
  L: "the disk lies about what it has synced",
  C: "what is stored is damaged",
  Z: "two owners, or one that stood still",
  T: "the clock jumps",
  V: "another definition, or other code",
  A: "tasks, agents and observers misbehave",
  O: "people ask for things at any moment",
  R: "more than there is room for"
} as const

export interface Promised {
  /** The last column of the table in docs/GUARANTEES.md. */
  readonly words: string
  /** Ways in which it must be attacked. */
  readonly by: string
}

export const promises = {
  G01: { words: "real kills, power-cut images, failed commits", by: "KPX" },
  G02: { words: "100 submits at once, before and after a restart, to two owners", by: "KZO" },
  G03: { words: "crash between any two messages, kills, frozen owners", by: "KZ" },
  G04: { words: "the same; commits that lie", by: "KXZ" },
  G05: { words: "failed, lying and killed commits; two owners; decisions at any point", by: "KXZO" },
  G06: { words: "storage errors at every call, kills with acknowledgements beside", by: "KPE" },
  G07: { words: "crash at any point, with snapshots after every message; kills", by: "KO" },
  G08: { words: "random graphs and orders; a journal that stops writing", by: "KE" },
  G09: { words: "crash in every pause and at every write", by: "KA" },
  G10: { words: "answers after timeout, cancel, skip, in runs that have left memory", by: "KAO" },
  G11: { words: "waits of 25 days and 10 years over restarts", by: "KT" },
  G12: { words: "cancel at any point, crashes after it", by: "KO" },
  G13: { words: "pauses at any point, kills", by: "KEO" },
  G14: { words: "failures, cancels, kills and answers that never come, at any message", by: "KEXAO" },
  G15: { words: "two people at once", by: "O" },
  G16: { words: "triggers, joins, fallbacks and people by chance against a model; crashes at every write", by: "KAO" },
  G17: { words: "rollback to any message, crashes around it", by: "KO" },
  G18: { words: "kills in the child, cancels of the parent", by: "KXO" },
  G19: { words: "jumps of the clock, up to ten years", by: "KT" },
  G20: {
    words: "every zone against a look at the wall each minute; crashes and full disks at every write; jumps",
    by: "KET"
  },
  G21: { words: "real exits and kills beside 50 runs", by: "KCA" },
  G22: { words: "definitions and code that change under a run", by: "KCV" },
  G23: { words: "one more than each limit", by: "R" },
  G24: { words: "SIGSTOP past the lease, takeover, SIGCONT", by: "KZ" },
  G25: { words: "a real full disk, ENOSPC at every call", by: "E" },
  G26: { words: "every k-th call fails, or lies", by: "EX" },
  G27: { words: "every bit of every message flipped; rows deleted, swapped, replayed", by: "C" },
  G28: { words: "power-cut images", by: "P" },
  G29: { words: "power-cut images without the syncs of the log, or of the file", by: "L" },
  G30: { words: "kills while creating and migrating; hashes of the folder", by: "KV" },
  G31: { words: "a thousand sleeping runs, looked at and killed; 100,000 in the bench", by: "KOR" },
  G33: {
    words:
      "kills, crashes at every change, storage errors, second owners, cancelled trials; agents that fail, hang or are late",
    by: "KEXZAO"
  },
  G34: { words: "whatever is asked for, ends, hangs or dies; any trace of times", by: "KAOR" },
  G36: { words: "tasks, observers and listeners that throw whatever they like", by: "A" },
  G37: { words: "looks at every moment while disks fail and owners die; kills", by: "KEXZO" }
} as const satisfies { readonly [number: string]: Promised }

export type PromiseNumber = keyof typeof promises

export interface Attack {
  readonly file: string
  /** How the title of the test, or of the group that it stands in, begins, or what stands in it. It names the promises. */
  readonly title: string
  readonly on: ReadonlyArray<PromiseNumber>
  readonly by: string
}

const kills: ReadonlyArray<PromiseNumber> = [
  "G01",
  "G02",
  "G03",
  "G04",
  "G05",
  "G06",
  "G07",
  "G09",
  "G11",
  "G12",
  "G13",
  "G24"
]

export const attacks: ReadonlyArray<Attack> = [
  // in the simulated world, and on the journal in memory
  of("a-crash-changes-nothing", "changes nothing: the same result", "KO", [
    "G01",
    "G03",
    "G04",
    "G07",
    "G09",
    "G11",
    "G13"
  ]),
  of("a-crash-changes-nothing", "after a cancel nothing starts", "KO", ["G12"]),
  of("any-order-same-result", "between pause and resume nothing starts", "O", ["G13"]),
  of("cancel-leaves-nothing", "cancelled at any moment", "O", ["G12"]),
  of("decisions-count", "what failed is retried", "KO", ["G05", "G15"]),
  of("decisions-count", "a rollback to any message", "KO", ["G17"]),
  of("effects-are-exactly-once", "however often commits fail, lie", "KEX", ["G05"]),
  of("effects-are-exactly-once", "what may be written stays in doubt", "EX", ["G26"]),
  of("poison-is-found", "a run that kills the process", "KA", ["G21"]),
  of("poison-is-found", "ordinary ends of the process", "K", ["G21"]),
  of("the-same-submission-is-the-same-run", "the same id, workflow and input", "KEXZO", ["G02"]),
  of("nothing-before-it-is-written", "whatever fails, lies or dies", "KEXZA", ["G04", "G06", "G08"]),
  of("nothing-before-it-is-written", "a process that dies around any write", "KX", ["G01", "G06"]),
  of("nothing-before-it-is-written", "however long the disk is full", "E", ["G25"]),
  of("attempts-are-counted", "whatever is thrown, hangs, is slow or dies", "KEXZA", ["G03", "G09"]),
  of("attempts-are-counted", "a process that dies in every pause", "KA", ["G09"]),
  of("attempts-are-counted", "an answer that comes after its time", "KA", ["G10"]),
  of("attempts-are-counted", "answers that come after a cancel", "KAO", ["G10"]),
  of("retries-are-bounded", "stay within their bounds", "A", ["G09"]),
  of("retries-are-bounded", "whatever is declared", "KA", ["G09", "G11"]),
  of("waits-are-kept", "what waits", "KET", ["G11", "G19"]),
  of("waits-are-kept", "deadlines of runs, gates and pauses", "KEXZ", ["G11"]),
  of("what-is-stopped-stays-stopped", "paused at any moment", "KEXAO", ["G13"]),
  of("what-is-stopped-stays-stopped", "cancelled at any moment", "KEXAO", ["G12"]),
  of("what-is-stopped-stays-stopped", "a cancel reaches the child of a child", "KO", ["G12", "G18"]),
  of("what-is-stopped-stays-stopped", "a child is one child", "KX", ["G18"]),
  of("firings-are-exactly-once", "a crash before or after any write", "KT", ["G20"]),
  of("firings-are-exactly-once", "under any policy", "KET", ["G20"]),
  of("clocks-change-and-firings-do-not", "a firing comes exactly when", "T", ["G20"]),
  of("runs-keep-their-version", "a run", "KCV", ["G22"]),
  of("limits-refuse", "what a limit allows is taken", "R", ["G23"]),
  of("one-owner-writes", "of many owners", "ZO", ["G04", "G24"]),
  of("one-owner-writes", "frozen, woken and replaced", "KEXZ", ["G05"]),
  of("limits-hold", "whatever is asked for, ends or dies", "KOR", ["G12", "G13", "G34"]),
  of("limits-hold", "never hold more than allowed", "R", ["G34"]),
  of("limits-hold", "starve nobody", "R", ["G34"]),
  of("limits-hold", "let through no more than allowed", "R", ["G34"]),
  of("limits-hold", "the next agent, and the second", "KA", ["G33", "G34"]),
  of("undo-is-complete", "whatever fails, is cancelled, hangs or dies", "KEXAO", ["G14"]),
  of("undo-is-complete", "cancelled at every message", "KO", ["G14"]),
  of("what-waits-leaves-memory", "runs that only wait", "KOR", ["G31"]),
  of("open-breakers-are-spared", "while it is open no body is called", "KAO", ["G33"]),
  of("open-breakers-are-spared", "crashes, storage errors, second owners", "KEXZTAO", ["G33"]),
  of("a-bad-neighbour-harms-nobody", "whatever a task, an observer or a listener throws", "A", ["G36"]),
  of("ends-are-allowed", "terminal status equals", "KAO", ["G08", "G16"]),
  of("status-goes-forward", "what status shows", "KEXZO", ["G37"]),
  of("what-is-seen-is-what-is", "what the inspector shows", "KAO", ["G37"]),
  // real processes, real files
  { file: "test/kills/kills.test.ts", title: "100 processes killed at any moment", by: "K", on: kills },
  { file: "test/kills/kills.test.ts", title: "G30 a process killed while it takes", by: "KV", on: ["G30"] },
  { file: "test/kills/kills.test.ts", title: "G14 a process killed while a run goes back", by: "K", on: ["G14"] },
  { file: "test/kills/kills.test.ts", title: "G33 a process killed while a breaker", by: "K", on: ["G33"] },
  { file: "test/kills/kills.test.ts", title: "G24 an owner that was frozen", by: "Z", on: ["G24"] },
  { file: "test/engine/late.test.ts", title: "G10 an answer that comes after its time", by: "AO", on: ["G10"] },
  { file: "test/poison/poison.test.ts", title: "G21 a task that ends the process", by: "KA", on: ["G21"] },
  { file: "test/poison/damage.test.ts", title: "that is damaged keeps nobody else", by: "C", on: ["G21"] },
  {
    file: "test/faults/power-cuts.test.ts",
    title: "in 2,000 states after a power cut",
    by: "P",
    on: ["G01", "G06", "G28"]
  },
  { file: "test/faults/power-cuts.test.ts", title: "what was lost with", by: "L", on: ["G29"] },
  {
    file: "test/faults/storage-errors.test.ts",
    title: "whichever call to the disk fails",
    by: "EX",
    on: ["G25", "G26"]
  },
  { file: "test/faults/full-disk.test.ts", title: "submits are refused with STORAGE_FULL", by: "E", on: ["G25"] },
  { file: "test/faults/corruption.test.ts", title: "a damaged run is quarantined", by: "C", on: ["G27"] },
  { file: "test/faults/corruption.test.ts", title: "whichever bit of whichever message", by: "C", on: ["G27"] }
]

function of(name: string, title: string, by: string, on: ReadonlyArray<PromiseNumber>): Attack {
  return { file: `property-tests/${name}.test.ts`, title, on, by }
}

/** What stands in the last column of the table of promises. */
export const columnOf = (number: PromiseNumber): string => {
  const used = attacks.filter(({ on }) => on.includes(number)).flatMap(({ by }) => [...by])
  const letters = Object.keys(ways).filter((letter) => used.includes(letter))
  return `${promises[number].words} (${letters.join(" ")})`
}
