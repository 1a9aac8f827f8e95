/** What can go wrong, in words: for the docs, for reports, and for whoever mistypes a family. A kind without words does not compile. */
import type { Family, Fault, operations, storageFaults, taskFaults } from "./plan.ts"

/** Faults of one kind of place. */
export interface Words {
  readonly family: Family
  /** How a plan says where. */
  readonly where: string
  /** What happens, by `how` (or `when`). */
  readonly kinds: { readonly [kind: string]: string }
}

type KindsOf<F> = F extends { readonly how: infer H extends string }
  ? { readonly [kind in H]: string }
  : F extends { readonly when: infer W extends string }
    ? { readonly [kind in W]: string }
    : { readonly "": string }

type WordsOf<On extends Fault["on"]> = Words & { readonly kinds: KindsOf<Extract<Fault, { on: On }>> }

const tasks: { readonly [how in (typeof taskFaults)[number]]: string } = {
  throw: "it fails, and may be tried again",
  permanent: "it fails for good",
  notAnError: "it throws something that is no error",
  hang: "it never answers",
  slow: "it answers after `ms`",
  late: "its effect happens; its answer comes after its timeout",
  lost: "its effect happens; its answer never comes",
  garbage: "it answers with something that is no JSON",
  cyclic: "it answers with something that contains itself",
  exit: "it ends the process, on `times` deliveries",
  later: "it fails, and says to come back after `ms`"
}
const storage: { readonly [how in (typeof storageFaults)[number]]: string } = {
  io: "nothing is written, an error is reported, and so on for `ms`",
  full: "no space: nothing is written for `ms`",
  busy: "somebody else has the file locked for `ms`",
  slow: "it is written after `ms`",
  unsure: "it is written, and an error is reported"
}
const people: { readonly [how in (typeof operations)[number]]: string } = {
  pause: "the run is paused",
  resume: "the run is resumed",
  cancel: "the run is cancelled",
  force: "the run is cancelled without waiting for what is at work",
  again: "the same is submitted again",
  other: "something else is submitted under the same id",
  retry: "failed tasks are done again",
  skip: "a task that is at work gets its result by hand",
  rollback: "the run is taken back to an earlier message",
  answer: "a gate is answered, whether it is open or not",
  signal: "the signal of a gate is sent"
}

export const vocabulary: { readonly [on in Fault["on"]]: WordsOf<on> } = {
  task: { family: "task", where: "`task`, `attempt`", kinds: tasks },
  storage: { family: "storage", where: "`write`", kinds: storage },
  read: { family: "storage", where: "`read`", kinds: { "": "a read fails" } },
  crash: {
    family: "crash",
    where: "`write`, back after `downMs`",
    kinds: {
      before: "the process dies; nothing of the write is there",
      written: "it dies before the sync: the `tail` is lost or kept",
      synced: "it dies after the sync; nobody has heard",
      acked: "it dies just after everybody has heard"
    }
  },
  owners: {
    family: "owners",
    where: "`write`, for `ms`",
    kinds: { freeze: "the process stands still", second: "it stands still, and another one takes over meanwhile" }
  },
  clock: { family: "clock", where: "`write`", kinds: { "": "the clock on the wall jumps by `ms`, either way" } },
  operator: { family: "operator", where: "`write`, `ms` later", kinds: people },
  agent: {
    family: "agent",
    where: "`agent`, calls `from` … `to`",
    kinds: {
      down: "it never answers",
      errors: "it fails, and may be asked again",
      slow: "it answers after `ms`"
    }
  },
  code: {
    family: "code",
    where: "`life`",
    kinds: { "": "the program comes back without the code of the workflow, and has it `ms` later" }
  },
  observer: { family: "observer", where: "`event`", kinds: { "": "whoever watches the actors throws" } },
  network: {
    family: "network",
    where: "`call` of `fetch`",
    kinds: {
      refused: "nobody is there",
      reset: "it is done; the answer breaks off",
      slow: "the answer comes after `ms`",
      lostReply: "it is done; the answer never comes"
    }
  }
}

/** A fault of a family, as a sentence begins with it. */
export const nameOf: { readonly [family in Family]: string } = {
  task: "a failing attempt",
  storage: "a storage error",
  crash: "a crash",
  owners: "a process that stands still",
  clock: "a clock that jumps",
  operator: "somebody who asks for something",
  agent: "an agent that fails",
  code: "missing code",
  observer: "an observer that throws",
  network: "a network that fails"
}

/** The vocabulary as a table of Markdown. */
export const vocabularyTable = (): string => {
  const rows = Object.entries(vocabulary).flatMap(([on, { family, where, kinds }]) =>
    Object.entries(kinds).map(([kind, words]) => [
      `\`${family}\``,
      kind === "" ? `\`${on}\`` : `\`${on}\` \`${kind}\``,
      where,
      words
    ])
  )
  const table = [["family", "fault", "where", "what happens"], ...rows]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  const [head, ...body] = table
  return [line(head!), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)].join("\n")
}
