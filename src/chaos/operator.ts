/** People and other programs: what they ask for, at whatever moment, of whichever life is there. */
import { retry, rollback, skip } from "../engine/decide.ts"
import { answer, signal } from "../engine/gates.ts"
import type { LiveRun } from "../engine/run.ts"
import { compileWorkflow } from "../model/compile.ts"
import type { TroupeError } from "../model/errors.ts"
import type { Message } from "../model/messages.ts"
import { type Definition, definition } from "../model/nested.ts"
import type { Workflow } from "../model/workflow.ts"
import type { Incarnation, Running } from "./execution.ts"
import type { operations } from "./plan.ts"
import { runId } from "./story.ts"

type Operation = (typeof operations)[number]

/** Asks for something; when nobody is there to be asked, a little later. */
export const operate = (world: Running, how: Operation, tries = 0): void => {
  const { life, kernel } = world
  if (world.outcome !== undefined) return
  if (life.isDead || life.isFrozen || life.engine === undefined || !world.isAcked) {
    // nobody waits for ever for a program that is not there
    if (tries < 1_000) kernel.after(20, undefined, () => operate(world, how, tries + 1))
    return
  }
  const { engine } = life
  const at = engine.now()
  switch (how) {
    case "pause":
      return steer(world, life, { type: "run.paused", at, who: "chaos" }, world.watch.pausing())
    case "resume":
      return steer(world, life, { type: "run.resumed", at, who: "chaos" }, () =>
        world.withRun(life, (run) => world.await(life, run))
      )
    case "cancel":
    case "force":
      return steer(world, life, { type: "run.cancelled", at, force: how === "force", who: "chaos" }, () =>
        world.watch.cancelled()
      )
    case "again":
    case "other":
      return world.withRun(life, (run) => submitAgain(world, run, how === "other"))
    case "answer":
    case "signal":
      return say(world, life, how)
    default:
      return world.withRun(life, (run) => decide(world, life, run, how))
  }
}

/** The gates of a workflow that its definition names, with the signals they listen to. */
export const gatesOf = (workflow: Workflow): ReadonlyArray<{ readonly path: string; readonly signal?: string }> => {
  let known = gates.get(workflow)
  if (known === undefined) {
    known = gatesIn(definition(workflow.ir), "")
    gates.set(workflow, known)
  }
  return known
}
const gates = new WeakMap<Workflow, ReturnType<typeof gatesIn>>()
const gatesIn = (
  given: Definition,
  prefix: string
): ReadonlyArray<{ readonly path: string; readonly signal?: string }> =>
  compileWorkflow(given).tasks.flatMap(({ id, structure }) =>
    structure.kind === "gate"
      ? [{ path: prefix + id, ...(structure.signal === undefined ? {} : { signal: structure.signal }) }]
      : structure.kind === "use"
        ? gatesIn(structure.nested, `${prefix}${id}/`)
        : []
  )

/** Says something to a gate, at whatever moment. */
const say = (world: Running, life: Incarnation, how: "answer" | "signal"): void => {
  const all = gatesOf(world.setup.workflow).filter(({ signal }) => how === "answer" || signal !== undefined)
  const gate = all[world.plan.seed % Math.max(1, all.length)]
  const value = gate === undefined ? undefined : world.setup.answerTo(gate.path)
  if (gate === undefined || value === undefined) return
  const { audit } = world.watch
  const present = () => new Promise<LiveRun>((resolve) => world.withRun(life, resolve))
  if (how === "answer")
    return world.asking(life, `answer ${gate.path}`, answer(life.engine!, present, gate.path, value, {}), () =>
      audit.answered(gate.path)
    )
  const { path, signal: name } = gate
  const isAlone = all.filter(({ signal }) => signal === name).length === 1
  world.asking(
    life,
    `signal ${name}`,
    signal(life.engine!, present, name!, value, {}),
    () => isAlone && audit.signalled(path)
  )
}

const steer = (world: Running, life: Incarnation, message: Message, acked?: () => void): void => {
  const what = message.type.slice("run.".length)
  if (message.type === "run.resumed") world.watch.resuming()
  world.tell(life, "asks", what)
  world.withRun(life, (run) => {
    // a run that was left alone tells nobody of its end
    if (run.outcome !== undefined) return world.await(life, run)
    life.engine!.tell(run, message, (error?: TroupeError) => {
      if (life.isDead) return
      world.tell(life, error === undefined ? "acked" : "refused", error === undefined ? what : `${what}: ${error.code}`)
      if (error === undefined) acked?.()
      // what could not be written is asked for again: a person would
      else if (error.code.startsWith("STORAGE")) world.kernel.after(100, life, () => steer(world, life, message, acked))
    })
  })
}

const submitAgain = (world: Running, run: LiveRun, isOther: boolean): void => {
  const { life, setup, watch } = world
  world.tell(life, "asks", isOther ? "submit something else" : "submit again")
  try {
    const same = life.engine!.submit(setup.workflow, runId, isOther ? [setup.input, "other"] : setup.input, run)
    if (isOther) watch.broken("G02", "another payload under the same id was accepted")
    else if (same.id !== runId) watch.broken("G02", `the same submission is another run, '${same.id}'`)
  } catch (error) {
    const code = (error as TroupeError).code
    if (!isOther) watch.broken("G02", `the same submission was refused: ${code}`)
    else if (code !== "IDEMPOTENCY_MISMATCH") watch.broken("G02", `another payload was refused with ${code}`)
  }
}

const decide = (world: Running, life: Incarnation, run: LiveRun, how: "retry" | "skip" | "rollback"): void => {
  const deciding = { engine: life.engine!, recovery: life.opened!.recovery }
  const doubt = () => {
    // a run that had ended may be alive again
    world.watch.decided()
    life.isWatching = false
    world.withRun(life, (now) => world.await(life, now))
  }
  switch (how) {
    case "retry":
      return world.asking(life, how, retry(deciding, run, undefined, { who: "chaos" }), doubt)
    case "rollback": {
      const to = world.plan.seed % Math.max(1, run.length)
      return world.asking(life, `${how} to ${to}`, rollback(deciding, run, to, { who: "chaos" }), doubt)
    }
    case "skip": {
      const task = run.out?.task
      if (task === undefined) return
      return world.asking(life, `${how} ${task}`, skip(deciding, run, task, null, { who: "chaos" }), doubt)
    }
  }
}
