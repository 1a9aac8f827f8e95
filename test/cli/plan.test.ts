// `troupe plan` as scripts use it: effort, constraints, and what cannot be planned. Against the built package.
import { describe, expect, test } from "vitest"
import { plan } from "../../src/index.ts"
import { place } from "./troupe.ts"

const { file, troupe } = place()

const job = (id: string, estimateMs: number, R: number, after: ReadonlyArray<string> = [], more: object = {}) => ({
  id,
  kind: "noop",
  estimateMs,
  after,
  resources: { custom: { R } },
  ...more
})
const doc = (tasks: ReadonlyArray<object>, resources: object = { custom: { R: 4 } }) =>
  ({ ir: 1, name: "works", resources, tasks }) as any
const chain = Array.from({ length: 30 }, (_, i) =>
  job(`t${i}`, 3 + ((i * 7) % 11), 1 + ((i * 5) % 4), i < 4 ? [] : [`t${i - 4 + (i % 3)}`])
)

describe.concurrent("troupe plan", () => {
  test("with effort gives the schedule that the library gives, never a longer one than without, the same for the same seed", async () => {
    const works = file("works.json", doc(chain))
    const quick = (await troupe("plan", works, "--json")).json()
    const [spent, again] = await Promise.all(
      [1, 2].map(async () => (await troupe("plan", works, "--json", "--effort", "400", "--seed", "7")).json())
    )
    expect(again).toEqual(spent)
    expect(spent.schedule).toEqual(plan(doc(chain), { effort: 400, seed: 7 }).schedule)
    expect(spent.makespanMs).toBeLessThanOrEqual(quick.makespanMs)
    expect(spent.makespanMs).toBeGreaterThanOrEqual(spent.lowerBoundMs)
    expect(spent.schedule).toHaveLength(30)
    expect(spent.schedule[0]).toEqual({
      task: "t0",
      startMs: expect.any(Number),
      endMs: expect.any(Number),
      allocation: { R: 1 }
    })
  })

  test("keeps what tasks ask for, and shows who does what", async () => {
    const workers = {
      workers: [
        { id: "ann", can: ["weld"] },
        { id: "bob", can: ["weld", "paint"] }
      ]
    }
    const works = file(
      "team.json",
      doc(
        [
          { id: "frame", kind: "noop", estimateMs: 5_000, skills: { weld: 1, paint: 1 } },
          {
            id: "door",
            kind: "noop",
            estimateMs: 2_000,
            agents: ["ann", { agent: "bob", estimateMs: 1_000 }],
            releaseMs: 500
          },
          {
            id: "check",
            kind: "noop",
            estimateMs: 1_000,
            after: ["door"],
            differentAgentFrom: ["door"],
            dueMs: 7_000,
            weight: 2
          }
        ],
        workers
      )
    )
    const { code, json } = await troupe("plan", works, "--json", "--effort", "100")
    expect(code).toBe(0)
    const { schedule, latenessMs } = json()
    const [frame, door, check] = schedule
    expect(frame.team.map((one: any) => one.skill).sort()).toEqual(["paint", "weld"])
    expect(door.startMs).toBeGreaterThanOrEqual(500)
    expect(door.endMs - door.startMs).toBe(door.worker === "bob" ? 1_000 : 2_000)
    expect(check.worker).not.toBe(door.worker)
    expect(latenessMs).toBe(0)
    const people = await troupe("plan", works)
    expect(people.stdout).toMatch(/who does what, and when:\n.*frame.*\(weld\)/)
  })

  test("what cannot hold together is one sentence with the smallest set of constraints, and exit code 3", async () => {
    const works = file(
      "late.json",
      doc([
        job("a", 4_000, 1),
        job("b", 5_000, 1, ["a"], { deadlineMs: 8_000 }),
        job("c", 1_000, 1, [], { deadlineMs: 9_000, excludes: ["a"] })
      ])
    )
    const { code, stderr } = await troupe("plan", works)
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining("workflow 'works' cannot be planned: this can never hold: deadlineMs 8000 of 'b'; loosen")
    ])
    const told = await troupe("plan", works, "--json")
    expect([told.code, told.json().conflict, told.json().schedule]).toEqual([
      1,
      expect.objectContaining({
        _tag: "ConstraintsConflict",
        isProven: true,
        conflict: [{ task: "b", constraint: "deadlineMs", value: 8_000 }]
      }),
      []
    ])
    expect(told.json().problems).toEqual([
      expect.objectContaining({ code: "CONSTRAINTS_CONFLICT", path: "/tasks/1/deadlineMs", severity: "error" })
    ])
  })

  test("wrong options and wrong names are refused with what could be", async () => {
    const works = file(
      "wrong.json",
      doc([job("a", 1, 1, [], { agents: ["bbo"] })], { custom: { R: 1 }, workers: [{ id: "bob" }] })
    )
    expect((await troupe("plan", works, "--effort", "-1")).code).toBe(2)
    expect((await troupe("plan", works, "--effort", "many")).stderr).toContain("number")
    expect((await troupe("plan", works, "--seed", "1.5")).code).toBe(2)
    expect((await troupe("plan", works, "--resources", '{"workers": [{"id": "w", "can": 5}]}')).code).toBe(2)
    const { code, stderr } = await troupe("plan", works)
    expect([code, stderr]).toEqual([3, expect.stringContaining("'bob'")])
    const unknown = file("unknown.json", doc([job("a", 1, 1, [], { excludes: ["aa"] }), job("ab", 1, 1)]))
    const checked = await troupe("check", unknown, "--json")
    expect(checked.json().problems[0]).toMatchObject({ code: "DEP_UNKNOWN", path: "/tasks/0/excludes/0" })
  })
})
