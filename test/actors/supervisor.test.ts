import { describe, expect, test } from "vitest"
import { createActor, type InspectionEvent, setup } from "xstate"
import { createRoot } from "../../src/actors/create.ts"
import { type Gone, type SupervisorOptions, type SupervisorSnapshot, supervisor } from "../../src/actors/supervisor.ts"
import { assign } from "../../src/machines/machine.ts"

const worker = setup({
  types: {
    context: {} as { count: number },
    input: {} as { from: number },
    events: {} as { type: "work" } | { type: "boom" } | { type: "finish" }
  },
  actions: { count: assign({ count: ({ context }) => context.count + 1 }) }
}).createMachine({
  id: "worker",
  context: ({ input }) => ({ count: input?.from ?? 0 }),
  initial: "busy",
  states: {
    busy: {
      on: {
        work: { actions: "count" },
        boom: {
          actions: () => {
            throw new TypeError("boom")
          }
        },
        finish: "done"
      }
    },
    done: { type: "final" }
  },
  output: ({ context }) => context.count
})

const open = (options: SupervisorOptions = {}, ids: ReadonlyArray<string> = ["a", "b"]) => {
  const gone: Array<Gone> = []
  const actor = createActor(supervisor({ onGone: (one) => gone.push(one), ...options }))
  actor.subscribe({ error: () => {} })
  actor.start()
  for (const id of ids) actor.send({ type: "supervisor.spawn", child: { id, logic: worker, input: { from: 10 } } })
  const snapshot = () => actor.getSnapshot() as SupervisorSnapshot
  const tell = (id: string, type: string) => actor.send({ type: "supervisor.send", id, event: { type } })
  const count = (id: string) => snapshot().child(id)?.getSnapshot().context.count
  return { actor, gone, snapshot, tell, count }
}

describe("what happens to a child that throws", () => {
  test("restart: again from its input; its siblings do not notice", () => {
    const { tell, count } = open({ onError: "restart" })
    for (const id of ["a", "b"]) tell(id, "work")
    tell("a", "boom")
    expect([count("a"), count("b")]).toEqual([10, 11])
  })
  test("resume: on from the state before the event that it threw at", () => {
    const { tell, count } = open({ onError: "resume" })
    tell("a", "work")
    tell("a", "boom")
    tell("a", "work")
    expect(count("a")).toBe(12)
  })
  test("stop: it is gone, with its error; the others stay", () => {
    const { tell, gone, snapshot } = open({ onError: "stop" })
    tell("a", "boom")
    expect(gone).toMatchObject([{ id: "a", by: "error", error: { message: "boom" } }])
    expect(snapshot()).toMatchObject({ status: "active", size: 1 })
  })
  test("escalate: the supervisor fails with the child's error, and stops the others", () => {
    const { tell, snapshot } = open({ onError: "escalate" })
    const sibling = snapshot().child("b")!
    tell("a", "boom")
    expect(snapshot()).toMatchObject({ status: "error", error: { message: "boom" } })
    expect(sibling.getSnapshot().status).toBe("stopped")
  })
  test("one-for-all: the others are restarted too", () => {
    const { tell, count, snapshot } = open({ onError: "restart", strategy: "one-for-all" })
    const before = snapshot().child("b")!
    tell("b", "work")
    tell("a", "boom")
    expect([count("a"), count("b")]).toEqual([10, 10])
    expect(before.getSnapshot().status).toBe("stopped")
  })
  test("a child can have a decision of its own, or a function decides", () => {
    const { actor, tell, snapshot } = open(
      { onError: (_, error, restarts) => (error instanceof TypeError && restarts < 1 ? "restart" : "stop") },
      ["a"]
    )
    actor.send({ type: "supervisor.spawn", child: { id: "own", logic: worker, input: { from: 0 }, onError: "stop" } })
    tell("own", "boom")
    expect(snapshot().child("own")).toBeUndefined()
    tell("a", "boom")
    expect(snapshot().child("a")).toBeDefined()
    tell("a", "boom")
    expect(snapshot().child("a")).toBeUndefined()
  })
})

describe("restart intensity, per child", () => {
  test("one restart too many within the time escalates; old ones are forgiven", () => {
    let now = 0
    const { tell, snapshot } = open({ onError: "restart", intensity: { restarts: 2, withinMs: 100 }, now: () => now })
    for (now of [0, 10, 200, 210]) tell("a", "boom")
    expect(snapshot().status).toBe("active")
    now = 215
    tell("a", "boom")
    expect(snapshot().status).toBe("error")
  })
  test("children do not use up each other's restarts", () => {
    const { tell, snapshot } = open({ onError: "restart", intensity: { restarts: 1, withinMs: 1_000 }, now: () => 0 }, [
      "a",
      "b",
      "c"
    ])
    for (const id of ["a", "b", "c"]) tell(id, "boom")
    expect(snapshot()).toMatchObject({ status: "active", size: 3 })
  })
  test("an intensity that allows nothing is refused", () => {
    expect(() => supervisor({ intensity: { restarts: -1, withinMs: 0 } })).toThrow(/intensity cannot be/)
  })
})

describe("no orphans", () => {
  test("stopping the supervisor stops its children, and theirs", () => {
    const { actor, snapshot } = open()
    actor.send({
      type: "supervisor.spawn",
      child: { id: "inner", logic: supervisor({ children: [{ id: "leaf", logic: worker, input: { from: 0 } }] }) }
    })
    const leaf = (snapshot().child("inner")!.getSnapshot() as SupervisorSnapshot).child("leaf")!
    const children = [snapshot().child("a")!, snapshot().child("b")!, leaf]
    actor.stop()
    expect(children.map((child) => child.getSnapshot().status)).toEqual(["stopped", "stopped", "stopped"])
  })
  test("a supervisor that throws itself leaves nobody behind", () => {
    const { actor, snapshot } = open({
      onGone: () => {
        throw new Error("a listener")
      }
    })
    const children = [snapshot().child("a")!, snapshot().child("b")!]
    actor.send({ type: "supervisor.stop", id: "a" })
    expect(snapshot().status).toBe("error")
    expect(children.map((child) => child.getSnapshot().status)).toEqual(["stopped", "stopped"])
  })
  test("a child that ends is let go, with its output", () => {
    const { tell, gone, snapshot } = open()
    tell("a", "work")
    tell("a", "finish")
    expect(gone).toEqual([{ id: "a", output: 11, by: "done" }])
    expect(snapshot().size).toBe(1)
  })
  test("a living id is not given twice", () => {
    const { actor, snapshot } = open({}, ["a"])
    actor.send({ type: "supervisor.spawn", child: { id: "a", logic: worker } })
    expect(snapshot().error).toMatchObject({ code: "OPTION_INVALID" })
  })
})

test("20,000 children: starting and ending one costs the same as with a few", () => {
  const { actor, snapshot, tell } = open({}, [])
  const time = (from: number) => {
    const start = process.cpuUsage()
    for (let i = from; i < from + 2_000; i++)
      actor.send({ type: "supervisor.spawn", child: { id: `c${i}`, logic: worker, input: { from: 0 } } })
    const { user, system } = process.cpuUsage(start)
    return user + system
  }
  time(0)
  const few = time(2_000)
  for (let i = 4_000; i < 20_000; i += 2_000) time(i)
  const many = time(20_000)
  expect(snapshot().size).toBe(22_000)
  tell("c21999", "finish")
  expect(snapshot().size).toBe(21_999)
  expect(many).toBeLessThan(few * 6)
})

describe("inspection", () => {
  test("every child has its true parent and root", () => {
    const events: Array<InspectionEvent> = []
    const root = createRoot(supervisor({ children: [{ id: "a", logic: worker, input: { from: 0 } }] }), {
      id: "root",
      inspect: (event) => events.push(event)
    })
    root.start()
    const actors = events.filter(({ type }) => type === "@xstate.actor").map(({ actorRef }) => actorRef as any)
    expect(actors.map(({ id, _parent }) => [id, _parent?.id])).toEqual([
      ["root", undefined],
      ["a", "root"]
    ])
    expect(events.every(({ rootId }) => rootId === root.sessionId)).toBe(true)
  })
  test("an observer that throws harms nobody, from the start or joining later", () => {
    const errors: Array<unknown> = []
    const root = createRoot(supervisor({ children: [{ id: "a", logic: worker, input: { from: 0 } }] }), {
      id: "root",
      inspect: () => {
        throw new Error("first")
      },
      onInspectError: (error) => errors.push(error)
    })
    root.start()
    root.system.inspect(() => {
      throw new Error("second")
    })
    const child = (root.getSnapshot() as SupervisorSnapshot).child("a")!
    child.send({ type: "work" })
    child.send({ type: "work" })
    expect(child.getSnapshot().context.count).toBe(2)
    expect(new Set(errors.map((error) => (error as Error).message))).toEqual(new Set(["first", "second"]))
  })
})
