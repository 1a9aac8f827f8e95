/** Planted defects of runs that begin by the clock. */
import type { Defect } from "./defects.ts"

const classic = "a list of defects that schedulers have had"

export const scheduleDefects: ReadonlyArray<Defect> = [
  {
    name: "a firing that was decided is lost with the process",
    like: "Kubernetes CronJob, node-cron: a tick while nobody is there",
    breaks: "G20",
    scene: "ticks",
    faults: ["crash"],
    edits: [
      {
        file: "engine/schedules.ts",
        find: "for (const due of one.progress.active) this.#submit(one, due)",
        put: "for (const due of one.progress.active) this.#whenEnded(one, due, one.runAt(due))"
      }
    ]
  },
  {
    name: "a firing begins before it is written that it does",
    like: classic,
    breaks: "G20",
    scene: "ticks",
    edits: [
      {
        file: "engine/schedules.ts",
        find: "if (dirty.size === 0) return then()",
        put: "then()\n    then = () => {}"
      }
    ]
  },
  {
    name: "what was missed is forgotten, though all of it was to begin",
    like: "cron: nothing is made up for",
    breaks: "G20",
    scene: "ticks",
    faults: ["crash", "clock", "owners"],
    edits: [
      { file: "model/firing.ts", find: "      return new Set(late)", put: "      return new Set(late.slice(-1))" }
    ]
  },
  {
    name: "a firing that finds the store full is given up",
    like: classic,
    breaks: "G20",
    scene: "ticks",
    faults: ["storage"],
    edits: [
      {
        file: "engine/schedules.ts",
        find: 'new Set(["LimitExceeded", "JournalFull", "JournalBusy", "JournalBroken"])',
        put: 'new Set(["LimitExceeded"])'
      }
    ]
  },
  {
    name: "an entry fires again in the hour that comes twice",
    like: "prefect#7461: a schedule runs twice when summer ends",
    breaks: "G20",
    scene: "summer",
    edits: [
      {
        file: "model/cron.ts",
        find: "rule.isHourly ? nextShown(rule, after) : nextNamed(rule, after)",
        put: "nextShown(rule, after)"
      }
    ]
  },
  {
    name: "an entry in the hour that is left out never fires",
    like: "cron on many systems: a job between two and three is skipped when summer begins",
    breaks: "G20",
    scene: "spring",
    edits: [
      {
        file: "model/cron.ts",
        find: "rule.isHourly ? nextShown(rule, after) : nextNamed(rule, after)",
        put: "nextShown(rule, after)"
      }
    ]
  }
]
