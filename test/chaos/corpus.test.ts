// Failures are kept, run first the next time, and stay when they are mended.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { task, type, workflow } from "troupe"
import { type ChaosFailure, caseFrom, chaos, digestOf, recordingOf, replay, simulate } from "troupe/chaos"
import { expect, test } from "vitest"
import { ten } from "./flows.ts"

const folder = () => mkdtempSync(join(tmpdir(), "troupe-corpus-"))
let charges = 0
const orderOf = (name: string) =>
  workflow(name, type<string>())
    .task(
      "paid",
      task("charge", { in: type<string>(), out: type<number>(), run: async () => ++charges }),
      ($) => $.input
    )
    .returns(($) => $.paid)
const order = orderOf("order")
const world = { input: "books", reset: () => void (charges = 0), faults: ["crash", "storage"] as const }
const broken = { ...world, finally: () => charges === 1 }
const failing = (corpus: string): Promise<ChaosFailure> =>
  chaos(order, { ...broken, seed: 1, corpus }).then(
    () => Promise.reject(new Error("it passed")),
    (error) => error
  )

test("a failure is kept as a plan and a recording, and is run first the next time", async () => {
  const corpus = folder()
  const first = await failing(corpus)
  const [plan, recording] = readdirSync(corpus).sort()
  expect([plan, recording]).toEqual([
    expect.stringMatching(/^order-finally-[0-9a-f]{8}\.plan\.json$/),
    expect.stringMatching(/^order-finally-[0-9a-f]{8}\.recording\.jsonl$/)
  ])
  expect(first.message).toContain(`kept: ${first.file}`)

  const again = await chaos(order, { ...broken, seed: 2, runs: 1, corpus }).catch((error) => error)
  expect(again).toMatchObject({ _tag: "ChaosFailure", plan: first.plan, shrinks: 0, file: join(corpus, plan!) })
  expect(again.executions).toBeLessThanOrEqual(3)
  // the same failure is the same file
  await failing(corpus)
  expect(readdirSync(corpus)).toHaveLength(2)

  const kept = caseFrom(readFileSync(join(corpus, plan!), "utf8"))
  expect(kept).toMatchObject({ workflow: "order", hash: order.hash, promise: "finally", input: "books", seed: 1 })
  expect((await replay(order, kept.plan, { ...broken, input: kept.input })).violations).toMatchObject([
    { promise: "finally" }
  ])
})

test("a failure that is mended stays, and is counted", async () => {
  const corpus = folder()
  await failing(corpus)
  const report = await chaos(order, { ...world, seed: 1, runs: 20, corpus })
  expect(report).toMatchObject({ mended: 1, runs: 20 })
  expect(readdirSync(corpus)).toHaveLength(2)
})

test("failures of another workflow are left alone", async () => {
  const corpus = folder()
  await failing(corpus)
  expect(await chaos(orderOf("another"), { ...world, seed: 1, runs: 5, corpus })).toMatchObject({ mended: 0 })
  expect(readdirSync(corpus)).toHaveLength(2)
})

test("a damaged file is named, with what is wrong with it", async () => {
  const corpus = folder()
  await failing(corpus)
  const good = JSON.parse(readFileSync(join(corpus, readdirSync(corpus).sort()[0]!), "utf8"))
  const file = join(corpus, "a.plan.json")
  for (const [text, why] of [
    ['{"kind": "troupe-ch', "JSON"],
    ["[]", "it is no object"],
    [JSON.stringify({ ...good, kind: "other" }), 'its kind is "other"'],
    [JSON.stringify({ ...good, format: 2 }), "its format is 2, not 1"],
    [JSON.stringify({ ...good, plan: { v: 1, seed: 0, faults: [{ on: "moon" }] } }), 'is on "moon"'],
    [JSON.stringify({ ...good, input: undefined }), "no 'input'"]
  ] as const) {
    writeFileSync(file, text)
    const failure = await chaos(order, { ...world, runs: 1, corpus }).catch((error) => error)
    expect(failure).toMatchObject({ _tag: "ChaosMisused", what: "corpus" })
    expect(failure.message).toContain(file)
    expect(failure.message).toContain(why)
  }
})

test("a folder that cannot be written loses no failure", async () => {
  const file = join(folder(), "a-file")
  writeFileSync(file, "")
  await expect(chaos(order, { ...broken, seed: 1, corpus: file })).rejects.toMatchObject({
    _tag: "ChaosMisused",
    message: expect.stringContaining("cannot read the folder")
  })
  // something is in the way of the recording
  const before = folder()
  await failing(before)
  const corpus = folder()
  mkdirSync(join(corpus, readdirSync(before).sort()[1]!))
  const failure = await failing(corpus)
  expect(failure).toMatchObject({ _tag: "ChaosFailure", file: undefined })
  expect(failure.message).toContain("not kept: ")
})

test("a recording has a head, then one line for each thing that happened, messages in their place", async () => {
  const execution = await simulate(ten, {
    input: 1,
    plan: { v: 1, seed: 7, faults: [{ on: "crash", write: 3, when: "synced", downMs: 20 }] }
  })
  const [head, ...lines] = recordingOf(ten, execution, Date.UTC(2030, 0, 1))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(head).toMatchObject({
    kind: "troupe-recording",
    format: 1,
    workflow: "ten",
    hash: ten.hash,
    definition: { name: "ten" },
    plan: execution.plan,
    lives: 2,
    digest: digestOf(execution)
  })
  const messages = lines.filter(({ what }) => what === "wrote")
  expect(messages.map(({ message }) => message)).toEqual(JSON.parse(JSON.stringify(execution.messages)))
  expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, i) => i))
  expect(messages.map(({ message, text }) => text.startsWith(message.type))).not.toContain(false)
  // the write that a fault names is the one in which the message was written
  expect(messages.some(({ write }) => write === 3)).toBe(true)
  expect(messages.map(({ write }) => write)).toEqual(messages.map(({ write }) => write).toSorted((a, b) => a - b))
  expect(lines.some(({ what }) => what === "fault")).toBe(true)
})
