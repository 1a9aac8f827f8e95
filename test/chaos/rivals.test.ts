// Defects that users of other engines reported, written as workflows, under every fault there is: they cannot happen here.
import { task, type, workflow } from "troupe"
import { type ChaosOptions, chaos, type World } from "troupe/chaos"
import { describe, expect, test } from "vitest"

const seed = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000)
const work = task("work", {
  in: type<string>(),
  out: type<string>(),
  retry: { attempts: 3, base: 50 },
  run: async (name) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return `${name} done`
  }
})
/** Nobody took back what had happened: then nothing that is done may be done again. */
const isUntouched = ({ messages }: World) =>
  !messages.some(({ type: of }) => of === "run.amended" || of === "run.rolledBack")
const ends = (world: World, task: string) =>
  world.messages.filter((message) => message.type === "attempt.succeeded" && message.task === task).length
const survives = async (flow: Parameters<typeof chaos>[0], options: ChaosOptions = {}) => {
  const report = await chaos(flow, { input: "books", runs: 600, seed, ...options })
  expect(report.crashes).toBeGreaterThan(20)
  return report
}

describe(`what went wrong elsewhere (seed ${seed})`, () => {
  test("a child that two parents share hangs neither of them", async () => {
    const child = workflow("child", type<string>())
      .task("fetched", work, ($) => $.input)
      .sleep("waited", "2s", { after: ["fetched"] })
      .returns(($) => $.fetched)
    const parent = (name: string) =>
      workflow(name, type<string>())
        .use("child", child, ($) => $.input)
        .task("used", work, ($) => $.child)
        .returns(($) => $.used)
    const both = workflow("both", type<string>())
      .use("first", parent("first"), ($) => $.input)
      .use("second", parent("second"), ($) => $.input)
      .returns(($) => [$.first, $.second])
    await survives(both, {
      // without faults of the tasks themselves both must get what they wait for
      faults: ["crash", "storage", "owners", "clock", "code", "observer"],
      finally: ({ output, status }) =>
        status === "succeeded" && (output as ReadonlyArray<string>).join() === "books done done,books done done"
    })
    // and under everything, both come to an end
    await survives(both)
  })

  test("a journalled task of a nested workflow that is interrupted is not done again", async () => {
    const inner = workflow("inner", type<string>())
      .task("charged", work, ($) => $.input)
      .task("shipped", work, ($) => $.charged)
      .returns(($) => $.shipped)
    const middle = workflow("middle", type<string>())
      .use("inner", inner, ($) => $.input)
      .task("told", work, ($) => $.inner)
      .returns(($) => $.told)
    const outer = workflow("outer", type<string>())
      .use("middle", middle, ($) => $.input)
      .task("closed", work, ($) => $.middle)
      .returns(($) => $.closed)
    const paths = ["middle/inner/charged", "middle/inner/shipped", "middle/told", "closed"]
    await survives(outer, {
      always: (world) =>
        !isUntouched(world) || paths.every((path) => ends(world, path) <= 1 && world.effects(path) <= 1)
    })
  })

  test("an answer that comes before anybody waits for it is not lost", async () => {
    const early = workflow("early", type<string>())
      .task("prepared", work, ($) => $.input)
      .sleep("waited", "10s", { after: ["prepared"] })
      .gate("paid", type<string>(), { within: "1d", otherwise: "fail", signal: "payment", after: ["waited"] })
      .returns(($) => $.paid)
    // the payment comes while the task before the gate is still at work
    const told = await survives(early, {
      signals: [{ name: "payment", value: "840", ms: 5 }],
      answers: () => undefined,
      faults: ["crash", "storage", "owners", "observer"],
      finally: ({ output }) => output === "840"
    })
    expect(told.executions).toBeGreaterThan(500)
  })

  test("a branch that is done is never at work again", async () => {
    const branch = (name: string) =>
      workflow(name, type<string>())
        .task("begun", work, ($) => $.input)
        .gate("approved", type<boolean>(), { within: "1d", otherwise: "fail", after: ["begun"] })
        .task("ended", work, ($) => $.begun, { after: ["approved"] })
        .returns(($) => $.ended)
    const flow = workflow("branches", type<string>())
      .use(
        "quick",
        workflow("quick", type<string>())
          .task("only", work, ($) => $.input)
          .returns(($) => $.only),
        ($) => $.input
      )
      .use("slow", branch("slow"), ($) => $.input)
      .task("joined", work, ($) => $.quick, { after: ["slow"] })
      .returns(($) => $.joined)
    let done: number | undefined
    await survives(flow, {
      reset: () => {
        done = undefined
      },
      always: (world) => {
        if (!isUntouched(world)) return true
        if (ends(world, "quick/only") === 0) return true
        done ??= world.calls("quick/only")
        // what is written as done is called no more, in whatever life
        return world.calls("quick/only") === done && ends(world, "quick/only") === 1
      }
    })
  })
})
