// Any XState 5 system can be looked at, not only ours.
import { createInspector } from "@statelyai/inspect"
import { describe, expect, test } from "vitest"
import { type AnyStateMachine, assign, createActor, createMachine, fromPromise } from "xstate"
import type { Inspect } from "../../src/actors/create.ts"
import type { Seen, SeenEvent } from "../../src/inspect/protocol.ts"
import { Recorder } from "../../src/inspect/recorder.ts"
import { systemSource } from "../../src/inspect/sources.ts"
import { fanout, statelyReceiver } from "../../src/inspect/stately.ts"
import { Timeline, View } from "../../src/inspect/view.ts"
import type { Json } from "../../src/model/json.ts"

const plain = (value: unknown): Json => (value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json))

const light = (): AnyStateMachine =>
  createMachine({
    id: "light",
    initial: "green",
    context: { turns: 0 },
    states: {
      green: { on: { NEXT: "yellow" } },
      yellow: {
        on: { NEXT: { target: "red", actions: assign({ turns: ({ context }: any) => context.turns + 1 }) } }
      },
      red: {
        initial: "walk",
        on: { NEXT: "green" },
        states: {
          walk: { invoke: { src: fromPromise(async () => 5), onDone: "stop" } },
          stop: { entry: { type: "beep", params: { loud: true } } }
        }
      }
    }
  }) as AnyStateMachine

const read = async (source: ReturnType<typeof systemSource>, from = 0): Promise<Array<SeenEvent>> => {
  source.recorder.close()
  const events: Array<SeenEvent> = []
  for await (const batch of source.follow(source.opensAt!.stream, from)) events.push(...batch.events)
  return events
}

describe("an XState system of somebody else", () => {
  test("is told whole: chart, actors, messages, steps with their edges, actions, what changed, ends", async () => {
    const source = systemSource({ redact: plain })
    const actor = createActor(light(), { inspect: source.inspect, id: "crossing" }).start()
    for (let i = 0; i < 2; i++) actor.send({ type: "NEXT", by: i })
    await new Promise((resolve) => setTimeout(resolve, 5))
    const events = await read(source)
    const timeline = new Timeline()
    timeline.push(events)
    const { actors, charts } = timeline.latest
    expect(actors.get("crossing")).toMatchObject({ value: { red: "stop" }, context: { turns: 1 }, status: "active" })
    expect(charts.get("light")!.states.map(({ id }) => id)).toEqual([
      "light",
      "light.green",
      "light.yellow",
      "light.red",
      "light.red.walk",
      "light.red.stop"
    ])
    expect(events.find(({ kind }) => kind === "message")).toMatchObject({ type: "NEXT", data: { by: 0 } })
    const edges = events.flatMap((event) => (event.kind === "step" && event.from !== undefined ? [event] : []))
    expect(edges.map(({ from, to }) => [from, to])).toEqual([
      ["light.green", "light.yellow"],
      ["light.yellow", "light.red"],
      ["light.red.walk", "light.red.stop"]
    ])
    expect(events).toContainEqual(expect.objectContaining({ kind: "command", type: "beep", params: { loud: true } }))
    const invoked = events.find((event) => event.kind === "actor" && event.parent === "crossing") as { actor: string }
    expect(events).toContainEqual(
      expect.objectContaining({ kind: "gone", actor: invoked.actor, how: "done", output: 5 })
    )
    actor.stop()
  })

  test("children that are stopped are seen to go, once", async () => {
    const source = systemSource({ redact: plain })
    const actor = createActor(light(), { inspect: source.inspect, id: "crossing" }).start()
    for (let i = 0; i < 3; i++) actor.send({ type: "NEXT" })
    await new Promise((resolve) => setTimeout(resolve, 5))
    actor.stop()
    const gone = (await read(source)).filter(({ kind }) => kind === "gone")
    expect(gone.map(({ how }: any) => how)).toEqual(["stopped", "stopped"])
  })

  test("can be sent events by whoever may control it; what is no event, and who is gone, is refused", async () => {
    const source = systemSource({ redact: plain })
    const actor = createActor(light(), { inspect: source.inspect, id: "crossing" }).start()
    const send = (fields: Record<string, Json>, verb = "send") => source.perform!({ verb, fields }, "ada")
    expect(await source.preview!({ verb: "send", fields: { actor: "crossing", event: { type: "NEXT" } } })).toEqual({
      text: "crossing gets the event 'NEXT'.",
      tasks: []
    })
    expect(await send({ actor: "crossing", event: { type: "NEXT" } })).toEqual({ actor: "crossing", ok: true })
    expect(actor.getSnapshot().value).toBe("yellow")
    for (const event of [5, {}, { type: 5 }, { type: "xstate.stop" }])
      await expect(send({ actor: "crossing", event: event as Json })).rejects.toMatchObject({ code: "ASK_INVALID" })
    await expect(send({ actor: "crossing", event: { type: "NEXT" } }, "cancel")).rejects.toThrow("not to cancel")
    actor.stop()
    await expect(send({ actor: "crossing", event: { type: "NEXT" } })).rejects.toMatchObject({ code: "ACTOR_GONE" })
    expect(actor.getSnapshot().value).toBe("yellow")
  })

  test("G36 an inspector that cannot make anything of a value harms nobody", () => {
    const errors: Array<unknown> = []
    const source = systemSource({
      redact: () => {
        throw new RangeError("no")
      },
      onError: (error) => errors.push(error)
    })
    const actor = createActor(light(), { inspect: source.inspect }).start()
    actor.send({ type: "NEXT" })
    expect([actor.getSnapshot().value, errors.length > 0]).toEqual(["yellow", true])
    actor.stop()
  })

  test("who comes late sees every actor as it is, and what is kept is bounded", async () => {
    const source = systemSource({ redact: plain, max: 100 })
    const actor = createActor(light(), { inspect: source.inspect, id: "crossing" }).start()
    for (let i = 0; i < 1_000; i++) actor.send({ type: "NEXT" })
    const events = await read(source)
    expect(events.length).toBeLessThan(110)
    expect(events.every(({ seq }, i) => seq === events[0]!.seq + i)).toBe(true)
    const view = new View()
    for (const event of events) view.apply(event)
    expect(view.actors.get("crossing")).toMatchObject({ value: actor.getSnapshot().value, context: { turns: 333 } })
    expect(view.charts.has("light")).toBe(true)
    actor.stop()
  })

  test("who has seen a part and comes back too late is told how much was let go", async () => {
    const recorder = new Recorder({ max: 10, now: () => 5 })
    for (let i = 0; i < 30; i++) recorder.tell({ kind: "command", actor: "a", type: String(i) })
    recorder.close()
    const events: Array<SeenEvent> = []
    for await (const batch of recorder.follow(3)) events.push(...batch.events)
    const [gap, next] = events
    expect(gap).toMatchObject({ kind: "gap", lost: next!.seq - 3 })
    expect(events.at(-1)!.seq).toBe(29)
  })
})

describe("messages of @statelyai/inspect", () => {
  const told = async (act: (inspect: Inspect) => void): Promise<ReadonlyArray<Seen>> => {
    const events: Array<Seen> = []
    const receive = statelyReceiver((event) => events.push(event), plain)
    const inspector = createInspector({ send: (event) => void receive(JSON.stringify(event)) })
    act(inspector.inspect)
    // it tells what it has seen when there is time for it
    await new Promise((resolve) => setTimeout(resolve, 50))
    return events
  }

  test("show the same chart, states and context as our own observer does", async () => {
    const source = systemSource({ redact: plain })
    const theirs = await told((inspect) => {
      const actor = createActor(light(), { inspect: fanout(source.inspect, inspect) }).start()
      for (let i = 0; i < 4; i++) actor.send({ type: "NEXT" })
    })
    const view = new View()
    for (const [seq, event] of theirs.entries()) view.apply({ ...event, seq, t: 0 })
    const [actor] = view.actors.values()
    expect(actor).toMatchObject({ value: "yellow", context: { turns: 1 }, edge: { to: "light.yellow" } })
    expect(view.charts.get("light")!.edges).toContainEqual({ from: "light.green", to: "light.yellow", event: "NEXT" })
  })

  test.each([
    "",
    "{",
    "[]",
    "null",
    '{"type":"@xstate.event"}',
    '{"type":"@xstate.event","sessionId":"x","event":5}',
    '{"type":"@xstate.snapshot","sessionId":"x","snapshot":"no"}',
    '{"type":"__proto__","sessionId":"__proto__"}',
    `{"type":"@xstate.actor","sessionId":"${"x".repeat(600)}"}`
  ])("what is none is passed over: %s", (line) => {
    const events: Array<Seen> = []
    expect(statelyReceiver((event) => events.push(event), plain)(line)).toBe(false)
    expect(events).toEqual([])
  })

  test("a definition that makes no sense is an actor without a chart", () => {
    const events: Array<Seen> = []
    const definition = JSON.stringify({ id: "m", initial: "nowhere", states: { a: { on: { X: "#gone" } } } })
    const receive = statelyReceiver((event) => events.push(event), plain)
    expect(receive(JSON.stringify({ type: "@xstate.actor", sessionId: "x:1", name: "m", definition }))).toBe(true)
    expect(events.map(({ kind }) => kind)).toContain("actor")
  })
})
