/** The report of the durable bench: what was measured as tables, with medians and spread. Knows nothing of how it was measured. */
import { type Life, livesTable } from "../long-lives.ts"
import type { Kind } from "./candidates.ts"

export interface Sample {
  readonly candidate: string
  readonly kind: Kind
  readonly workload: string
  readonly round: number
  /** Share of the machine that others used just before. */
  readonly busy: number
  readonly ok?: boolean
  readonly error?: string
  readonly [figure: string]: unknown
}

export interface Facts {
  readonly date: string
  readonly cpus: string
  readonly memoryGib: number
  readonly disk: string
  readonly node: string
  readonly sqlite: string
  readonly versions: Readonly<Record<string, string>>
  readonly servers: ReadonlyArray<string>
  readonly rounds: number
  readonly seconds: number
  readonly loadBefore: number
  readonly loadAfter: number
  readonly minutes: number
  readonly command: string
}

interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)]!, min: sorted[0]!, max: sorted.at(-1)! }
}

const f = (x: number) =>
  x >= 1_000 ? Math.round(x).toLocaleString("en") : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2)

/** A column: its title and which figure of a sample it shows. */
type Column = readonly [title: string, figure: (sample: Sample) => number | undefined]

const of =
  (key: string, divide = 1) =>
  (sample: Sample) =>
    typeof sample[key] === "number" ? (sample[key] as number) / divide : undefined

interface Shape {
  readonly title: (size: string) => string
  readonly why: string
  /** What the table is sorted by; the first column. */
  readonly key: Column
  readonly isMoreBetter: boolean
  readonly columns: ReadonlyArray<Column>
}

const shapes: Record<string, Shape> = {
  load: {
    title: (n) => `Workflows of five steps, ${n} in flight`,
    why: "Each next workflow starts when the one before it in its lane has completed. Latency is from submitting to the result.",
    key: ["workflows/s", of("perSecond")],
    isMoreBetter: true,
    columns: [
      ["p50 ms", of("p50")],
      ["p99 ms", of("p99")],
      ["CPU ms a run, app", of("cpuApp")],
      ["CPU ms a run, server", of("cpuServer")],
      ["RSS MB", of("rssMb")]
    ]
  },
  fan: {
    title: (n) => `Fan-out 1 → ${n} → 1`,
    why: "One workflow with a step, a step for each item, and a step that joins them; every step is written. Median of five in a process that has run one of fifty; the first of the five beside it.",
    key: ["ms", of("ms")],
    isMoreBetter: false,
    columns: [
      ["first ms", of("firstMs")],
      ["CPU ms, app", of("cpuApp")],
      ["CPU ms, server", of("cpuServer")]
    ]
  },
  recover: {
    title: (n) => `Recovery of ${n} workflows in flight`,
    why: "All stop inside their third step and the process is killed (for Restate its server too). Time from starting a new process until all have completed and every result is read back; per 1,000 because not everybody accepted all of them in two minutes.",
    key: ["ms per 1,000", (one) => (1_000 * (one.ms as number)) / (one.held as { submitted: number }).submitted],
    isMoreBetter: false,
    columns: [
      ["s in all", of("ms", 1_000)],
      ["s until nothing was left to do", of("finishedMs", 1_000)],
      ["accepted", (one) => (one.held as { submitted: number }).submitted],
      ["in step 3 when killed", (one) => (one.held as { inside: number }).inside],
      ["completed steps run again", (one) => Math.max(0, one.again as number)],
      ["CPU s, app", of("cpuApp", 1_000)],
      ["CPU s, server", of("cpuServer", 1_000)]
    ]
  },
  store: {
    title: (n) => `On the disk after ${n} workflows of five steps`,
    why: "Everything in the folder or database after it was closed, minus what an empty one of its server takes, divided by steps; the log of a server counts for itself.",
    key: ["bytes a step", of("bytesPerStep")],
    isMoreBetter: false,
    columns: [["bytes a step through the server's log", of("loggedPerStep")]]
  },
  syncs: {
    title: () => "Syncs of a workflow of five steps",
    why: "How often the disk was asked to sync (strace), one workflow at a time: what explains most of the latency.",
    key: ["syncs a run", of("syncs")],
    isMoreBetter: false,
    columns: [["Postgres commits a run", of("commits")]]
  }
}

const nameOf = ({ candidate, kind }: Sample) =>
  kind === "troupe"
    ? `**${candidate}**`
    : kind === "limit" || kind === "by hand"
      ? `_${candidate}_`
      : kind === "weak"
        ? `${candidate} †`
        : candidate

const reasonOf = ({ error = "a wrong result" }: Sample) =>
  error
    .split("\n")[0]!
    .replaceAll(/(file:\/\/)?\/[^\s:)]*\//g, "")
    .replaceAll("|", "/")
    .slice(0, 120)

const table = (workload: string, samples: ReadonlyArray<Sample>): string => {
  const [kind, size] = workload.split("-") as [string, string]
  const shape = shapes[kind]!
  const cells = Map.groupBy(samples, (sample) => nameOf(sample))
  const rows = [...cells].map(([name, all]) => {
    const good = all.filter(({ ok }) => ok)
    const spread = (figure: Column[1]) => {
      const values = good.map(figure).filter((x) => x !== undefined)
      return values.length === 0 ? undefined : spreadOf(values)
    }
    return { name, all, good, spread, key: spread(shape.key[1]), kind: all[0]!.kind }
  })
  const better = (a: number, b: number) => (shape.isMoreBetter ? b - a : a - b)
  const timed = rows.filter(({ key }) => key !== undefined).sort((a, b) => better(a.key!.median, b.key!.median))
  const own = timed.find((row) => row.kind === "troupe")?.key?.median
  const times = (median: number) =>
    own === undefined || own === 0 || median === 0 ? "" : f(shape.isMoreBetter ? own / median : median / own)
  const counts = Number(size) > 0 ? Number(size).toLocaleString("en") : size
  const columns = shape.columns.filter(([, figure]) => timed.some(({ spread }) => spread(figure) !== undefined))
  return [
    `### ${shape.title(counts)}`,
    "",
    shape.why,
    "",
    `| candidate | ${shape.key[0]} | min–max | troupe is × better |${columns.map(([title]) => ` ${title} |`).join("")} n |`,
    `|---|${"---|".repeat(columns.length + 4)}`,
    ...timed.map(
      ({ name, key, spread, good }) =>
        `| ${name} | ${f(key!.median)} | ${f(key!.min)}–${f(key!.max)} | ${times(key!.median)} |${columns
          .map(([, figure]) => {
            const one = spread(figure)
            return ` ${one === undefined ? "" : f(one.median)} |`
          })
          .join("")} ${good.length} |`
    ),
    ...rows
      .filter(({ key }) => key === undefined)
      .map(({ name, all }) => `| ${name} | ${reasonOf(all[0]!)} |${" |".repeat(columns.length + 3)}`),
    ""
  ].join("\n")
}

// ── what was hoped for ─────────────────────────────────────────────────────────────────────────────

/** Something that ought to hold, as a number that is looked at; undefined where it was not measured. */
interface Goal {
  readonly what: string
  readonly figure: number | undefined
  readonly atLeast?: number
  readonly atMost?: number
}

const goalsOf = (samples: ReadonlyArray<Sample>): ReadonlyArray<Goal> => {
  const medianOf = (candidate: string, workload: string, figure: Column[1]) => {
    const values = samples
      .filter((one) => one.ok && one.candidate === candidate && one.workload === workload)
      .map(figure)
      .filter((x) => x !== undefined)
    return values.length === 0 ? undefined : spreadOf(values).median
  }
  const own = (workload: string, key: string, divide = 1) => medianOf("troupe", workload, of(key, divide))
  const ratio = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? undefined : a / b
  const bestOf = (workload: string, key: string, kinds: ReadonlyArray<Kind>, isMoreBetter: boolean) => {
    const names = new Set(samples.filter(({ kind }) => kinds.includes(kind)).map(({ candidate }) => candidate))
    const medians = [...names].map((name) => medianOf(name, workload, of(key))).filter((x) => x !== undefined)
    return medians.length === 0 ? undefined : isMoreBetter ? Math.max(...medians) : Math.min(...medians)
  }
  const at = (n: number) => own(`load-${n}`, "perSecond")
  const more = (name: string) => ratio(at(1_000), medianOf(name, "load-1000", of("perSecond")))
  return [
    { what: "runs a second, 1,000 in flight", figure: at(1_000), atLeast: 11_000 },
    { what: "runs a second, 10 in flight", figure: at(10), atLeast: 5_000 },
    { what: "runs a second, 1 in flight", figure: at(1), atLeast: 1_200 },
    {
      what: "p50 at 1 in flight, times that of one SQLite transaction per step",
      figure: ratio(own("load-1", "p50"), medianOf("limit-each", "load-1", of("p50"))),
      atMost: 1.5
    },
    { what: "CPU ms of a run, 1,000 in flight", figure: own("load-1000", "cpuApp"), atMost: 0.09 },
    { what: "syncs of a run of five steps", figure: own("syncs-1", "syncs"), atMost: 6 },
    { what: "ms of a fan-out 1 → 1,000 → 1", figure: own("fan-1000", "ms"), atMost: 40 },
    {
      what: "seconds until 10,000 killed runs have ended",
      figure: own("recover-10000", "finishedMs", 1_000),
      atMost: 1
    },
    { what: "bytes of a step on the disk", figure: own("store-2000", "bytesPerStep"), atMost: 100 },
    {
      what: "runs a second, times the best durable queue (1,000 in flight)",
      figure: ratio(at(1_000), bestOf("load-1000", "perSecond", ["queue"], true)),
      atLeast: 1
    },
    { what: "… times Restate", figure: more("restate"), atLeast: 5 },
    { what: "… times DBOS", figure: more("dbos"), atLeast: 10 },
    { what: "… times OpenWorkflow on SQLite", figure: more("openworkflow-sqlite"), atLeast: 10 },
    { what: "… times Effect's durable workflow on SQLite", figure: more("effect-sqlite"), atLeast: 10 },
    {
      what: "fan-out: share of the time of the best durable peer",
      figure: ratio(own("fan-1000", "ms"), bestOf("fan-1000", "ms", ["engine", "queue"], false)),
      atMost: 1 / 3
    }
  ]
}

const goalsTable = (samples: ReadonlyArray<Sample>): string =>
  [
    "| what | measured | goal | |",
    "|---|---|---|---|",
    ...goalsOf(samples).flatMap(({ what, figure, atLeast, atMost }) => {
      if (figure === undefined) return []
      const isMet = atLeast !== undefined ? figure >= atLeast : figure <= atMost!
      return `| ${what} | ${f(figure)} | ${atLeast !== undefined ? `≥ ${f(atLeast)}` : `≤ ${f(atMost!)}`} | ${isMet ? "met" : "**missed**"} |`
    })
  ].join("\n")

/** The whole report. */
export const report = (samples: ReadonlyArray<Sample>, lives: ReadonlyArray<Life>, facts: Facts): string => {
  const workloads = [...new Set(samples.map(({ workload }) => workload))]
  const busy = spreadOf(samples.map((sample) => sample.busy))
  const versions = Object.entries(facts.versions).map(([name, version]) => `${name} ${version}`)
  return `# Results with a durable store

Measured ${facts.date} on ${facts.cpus}, ${facts.memoryGib} GiB, ${facts.disk}; Node ${facts.node}, SQLite ${facts.sqlite}${facts.servers.map((one) => `, ${one}`).join("")}.
${facts.rounds} round${facts.rounds === 1 ? "" : "s"} in ${facts.minutes} minutes, ${facts.seconds} s a load; load average ${facts.loadBefore.toFixed(1)} before, ${facts.loadAfter.toFixed(1)} after; others used ${f(100 * busy.median)} % of the
machine just before a sample (median; at most ${f(100 * busy.max)} %). \`${facts.command}\` measures again; raw samples in \`bench/results/durable.json\`.

Versions: ${versions.join(", ")}.

Every sample has fresh data, fresh servers and a fresh process; candidates take turns in rotating order; every result is checked, and a
wrong one fails the sample. What a candidate does is written at the head of its file in \`bench/durable/candidates\` and
\`bench/peers/durable\`. Medians over rounds, and what was seen at the least and the most.

- **troupe** waits for the disk (\`synchronous=FULL\`) before anything goes on, and keeps the full history of every run.
- _Italic_: written by hand for one purpose, not products. \`limit-each\` is one SQLite transaction per step, \`limit-group\` one per turn of
  the event loop: what the disk allows when nothing else is done.
- †: acknowledged steps may be lost in a power cut; they are here because people use them so.
- bullmq, graphile-worker and pg-boss are queues: jobs that hand on to the next, without a history that could be replayed.
- Steps are trivial, so this is the engine alone. Servers share the machine with the application; on a larger machine theirs would rise.
- Runs have short ids (\`f123\`) everywhere; with UUIDs of 36 characters a step of ours takes about 13 bytes more.

## Goals

${goalsTable(samples)}

## Workloads

${workloads
  .map((workload) =>
    table(
      workload,
      samples.filter((one) => one.workload === workload)
    )
  )
  .join("\n")}
${lives.length === 0 ? "" : `## Long lives\n\n${livesTable(lives)}\n`}`
}
