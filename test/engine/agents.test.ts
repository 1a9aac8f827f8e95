import { load, Orchestrator, task, type, workflow } from "troupe"
import { describe, expect, test } from "vitest"
import { type AgentRecord, candidates, choose } from "../../src/model/agents.ts"

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const ask = task("ask", { in: type<string>(), out: type<string>(), needs: "talk" })
const record = (id: string, more: Partial<AgentRecord> = {}): AgentRecord => ({
  id,
  can: ["x"],
  capacity: 1,
  busy: 0,
  waiting: 0,
  assigned: 0,
  isOpen: true,
  ...more
})

describe("who gets the work", () => {
  test("Z04 the least loaded of those that can; an idle one that cannot is never looked at", () => {
    const registry = {
      idle: record("idle", { can: ["other"] }),
      busy: record("busy", { busy: 1, capacity: 2 }),
      busier: record("busier", { busy: 2, capacity: 2 })
    }
    expect(choose(candidates(registry, ["x"]), "least-loaded", "")?.id).toBe("busy")
    expect(choose(candidates(registry, ["x", "y"]), "least-loaded", "")).toBeUndefined()
  })
  test("R07 all capabilities are required, not one of them", () => {
    const registry = { a: record("a", { can: ["x"] }), b: record("b", { can: ["x", "y"] }) }
    expect(candidates(registry, ["x", "y"]).map(({ id }) => id)).toEqual(["b"])
  })
  test("round-robin takes turns, random is the same for the same seed and reaches all", () => {
    expect(choose([record("a", { assigned: 2 }), record("b", { assigned: 1 })], "round-robin", "")?.id).toBe("b")
    const among = ["a", "b", "c"].map((id) => record(id))
    const drawn = Array.from({ length: 100 }, (_, i) => choose(among, "random", `s${i}`)!.id)
    expect(new Set(drawn)).toEqual(new Set(["a", "b", "c"]))
    expect(choose(among, "random", "s1")?.id).toBe(drawn[1])
  })
})

describe("R02 tasks with needs", () => {
  test("Z05 no able agent is a typed answer, never the wrong agent", async () => {
    const called: Array<string> = []
    await using orchestrator = await Orchestrator.open({
      agents: [{ id: "mute", can: ["draw"], run: () => called.push("mute") }]
    })
    await expect(orchestrator.execute(ask, "hi")).rejects.toMatchObject({
      failure: { code: "NO_AGENT", message: expect.stringContaining("no agent can do 'talk'") }
    })
    expect(called).toEqual([])
  })
  test("work is shared by capacity; accounting returns to zero", async () => {
    const now: Record<string, number> = { a: 0, b: 0 }
    const most: Record<string, number> = { a: 0, b: 0 }
    const agent = (id: string, capacity: number) => ({
      id,
      can: ["talk"],
      capacity,
      run: async (said: string) => {
        now[id]!++
        most[id] = Math.max(most[id]!, now[id]!)
        await later(2)
        now[id]!--
        return `${id}: ${said}`
      }
    })
    await using orchestrator = await Orchestrator.open({ agents: [agent("a", 1), agent("b", 3)] })
    const flow = workflow("w", type<number>())
      .map("m", ask, () => Array.from({ length: 40 }, (_, i) => `${i}`))
      .returns(($) => $.m)
    const answers = await orchestrator.execute(flow, 1)
    expect(answers.map((answer) => answer.split(": ")[1])).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`))
    expect(most).toEqual({ a: 1, b: 3 })
    expect(Object.values(orchestrator.agents).map(({ busy, waiting }) => [busy, waiting])).toEqual([
      [0, 0],
      [0, 0]
    ])
    expect(orchestrator.agents.b!.assigned).toBeGreaterThan(orchestrator.agents.a!.assigned)
  })
  test("the answer names its agent in the history", async () => {
    await using orchestrator = await Orchestrator.open({
      agents: [{ id: "bob", can: ["talk"], run: (said: string, { agent }) => `${agent}: ${said}` }]
    })
    const run = await orchestrator.submit(ask, "hi")
    expect(await run.result()).toBe("bob: hi")
    expect((await run.history())[1]).toMatchObject({ type: "attempt.succeeded", agent: "bob" })
  })
  test("a full mailbox is a typed refusal; a retry later gets in", async () => {
    await using orchestrator = await Orchestrator.open({
      mailboxMax: 1,
      agents: [
        {
          id: "slow",
          can: ["talk"],
          run: async (said: string) => {
            await later(15)
            return said
          }
        }
      ]
    })
    const flow = workflow("w", type<null>(), { onFailure: "continue" })
      .task("a", ask, () => "1")
      .task("b", ask, () => "2")
      .task("c", ask, () => "3")
      .returns(($) => [$.a, $.b, $.c])
    expect((await (await orchestrator.submit(flow, null)).outcome()).error).toMatchObject({
      failure: { code: "MAILBOX_FULL" }
    })
    const patient = workflow("v", type<null>())
      .task("a", ask, () => "1")
      .task("b", ask, () => "2")
      .task("c", ask, () => "3", { retry: { attempts: 5, base: "20ms" } })
      .returns(($) => [$.a, $.b, $.c])
    expect(await orchestrator.execute(patient, null)).toEqual(["1", "2", "3"])
  })
  test("an agent that leaves finishes what it has; what waits for it is refused and can be retried elsewhere", async () => {
    const end: Array<() => void> = []
    await using orchestrator = await Orchestrator.open({
      agents: [
        { id: "first", can: ["talk"], run: (said: string) => new Promise((resolve) => end.push(() => resolve(said))) }
      ]
    })
    const flow = workflow("w", type<null>())
      .task("a", ask, () => "1")
      .task("b", ask, () => "2", { retry: { attempts: 2, base: 5 } })
      .returns(($) => [$.a, $.b])
    const run = await orchestrator.submit(flow, null)
    orchestrator.addAgent({ id: "second", can: ["talk"], run: (said: string) => `second ${said}` })
    expect(orchestrator.removeAgent("first")).toBe(true)
    expect(orchestrator.removeAgent("first")).toBe(false)
    end[0]!()
    expect(await run.result()).toEqual(["1", "second 2"])
  })
  test("a cancelled attempt that only waits in a mailbox is withdrawn", async () => {
    const said: Array<string> = []
    let end = () => {}
    await using orchestrator = await Orchestrator.open({
      agents: [
        {
          id: "one",
          can: ["talk"],
          run: (text: string) => {
            said.push(text)
            return new Promise<string>((resolve) => {
              end = () => resolve(text)
            })
          }
        }
      ]
    })
    const first = await orchestrator.submit(ask, "first")
    const second = await orchestrator.submit(ask, "second")
    await second.cancel()
    expect((await second.outcome()).status).toBe("cancelled")
    end()
    await first.result()
    await later(2)
    expect(said).toEqual(["first"])
    expect(orchestrator.agents.one).toMatchObject({ busy: 0, waiting: 0 })
  })
  test.each([
    [{ id: "a b", can: [] }, "ID_INVALID"],
    [{ id: "a", can: [], capacity: 0 }, "OPTION_INVALID"]
  ])("an agent %j is refused", async (agent, code) => {
    await expect(Orchestrator.open({ agents: [{ ...agent, run: () => 1 }] })).rejects.toMatchObject({ code })
  })
})

describe("R03–R05 messages to agents", () => {
  const open = () =>
    Orchestrator.open({
      mailboxMax: 2,
      agents: [
        { id: "echo", can: [], run: (payload: unknown) => payload },
        { id: "never", can: [], run: () => new Promise(() => {}) },
        {
          id: "fails",
          can: [],
          run: () => {
            throw new Error("no")
          }
        }
      ]
    })
  test("Z17, R05 empty answers are answers", async () => {
    await using orchestrator = await open()
    for (const payload of [0, "", null, false, [], undefined])
      expect(
        await orchestrator.send({ sender: "me", recipient: "echo", action: "x", payload, requiresResponse: true })
      ).toEqual(payload)
  })
  test("Z19 the timeout of a message is enforced", async () => {
    await using orchestrator = await open()
    await expect(
      orchestrator.send({
        sender: "me",
        recipient: "never",
        action: "x",
        payload: 1,
        requiresResponse: true,
        timeoutMs: 10
      })
    ).rejects.toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("x at never") })
  })
  test("unknown recipients, failing agents and full mailboxes are typed", async () => {
    await using orchestrator = await open()
    await expect(
      orchestrator.send({ sender: "me", recipient: "nobody", action: "x", payload: 1 })
    ).rejects.toMatchObject({ code: "NO_RECIPIENT" })
    await expect(
      orchestrator.send({ sender: "me", recipient: "fails", action: "x", payload: 1, requiresResponse: true })
    ).rejects.toThrow("no")
    const post = () => orchestrator.send({ sender: "me", recipient: "never", action: "x", payload: 1 })
    await Promise.all([post(), post(), post()])
    await expect(post()).rejects.toMatchObject({ code: "MAILBOX_FULL", capacity: 2 })
  })
  test("urgent messages overtake", async () => {
    const order: Array<string> = []
    await using orchestrator = await Orchestrator.open({
      agents: [
        {
          id: "one",
          can: [],
          run: async (text: string) => {
            await later(1)
            order.push(text)
          }
        }
      ]
    })
    const send = (payload: string, priority: number) =>
      orchestrator.send({ sender: "me", recipient: "one", action: "x", payload, priority, requiresResponse: true })
    await Promise.all([send("first", 50), send("low", 0), send("urgent", 100)])
    expect(order).toEqual(["first", "urgent", "low"])
  })
})

test("agents that a document brings along work with built-in kinds", async () => {
  const { agentsOf } = await import("../../src/engine/declared.ts")
  const flow = await load({
    ir: 1,
    name: "d",
    agents: [{ id: "e", can: ["echo"], does: { kind: "echo" } }],
    tasks: [{ id: "a", needs: "echo", input: { n: 1 } }],
    output: { $: "a.n" }
  })
  await using orchestrator = await Orchestrator.open({ agents: agentsOf(flow.ir, {}) })
  expect(await orchestrator.execute(flow, null)).toBe(1)
})
