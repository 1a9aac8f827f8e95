// The power is cut at every moment of a program's lives; images of the disk come from a log of every write and every sync.
import { describe, expect, test } from "vitest"
import { Disk, draws } from "./disk.ts"
import { powerCuts } from "./power-cuts.ts"
import { shimMissing } from "./shim.ts"

const minutes = 60_000

describe.skipIf(shimMissing !== undefined)(
  `power cuts${shimMissing === undefined ? "" : ` (skipped: ${shimMissing})`}`,
  () => {
    test(
      "G01, G06, G28: in 2,000 states after a power cut, from the first boot on, the store opens, nothing acknowledged is lost, and runs go on to their end",
      async () => {
        const report = await powerCuts({ images: 2_000, seed: 1 })

        expect(report.wrong).toEqual([])
        expect(report.images).toBe(2_000)
        // the images are not all the same: some are from before there was a store, most hold more than was acknowledged
        expect(report.absent).toBeGreaterThan(20)
        expect(report.ahead).toBeGreaterThan(200)
        expect(report.acknowledged).toBeGreaterThan(5_000)
      },
      2 * minutes
    )

    test.each([
      ["with synchronous 'normal' acknowledged messages are lost", { synchronous: "normal" }],
      ["when the log is never synced acknowledged messages are lost", { noSync: "-wal" }],
      ["when folders are never synced the store itself is lost", { noSync: "store" }],
      ["when the file is never synced, what was moved into it is lost", { noSync: "runs.db" }]
    ] as const)(
      "the tier bites: %s",
      async (_, weakness) => {
        const { wrong } = await powerCuts({ images: 400, seed: 3, wrongMost: 1, ...weakness })

        expect(wrong.map(({ what }) => what).join()).toMatch(
          /acknowledged|not what was written|integrity|StoreUnusable|Journal/
        )
      },
      minutes
    )
  }
)

describe.skipIf(shimMissing !== undefined)("a disk that lies about syncs", () => {
  test.each(["-wal", "runs.db"])(
    "G29 what was lost with '%s' is lost or noticed; never is anything read that was not written",
    async (noSync) => {
      const { wrong, images } = await powerCuts({ images: 300, seed: 29, wrongMost: 1_000, noSync })

      expect(images).toBe(300)
      for (const { what } of wrong) {
        // the same words behind the name of an error are the store noticing it
        expect(what).not.toMatch(/^message \d+ of run|^a new run gives|^run \S+ \w+ with/)
        expect(what).toMatch(/acknowledged|integrity|StoreUnusable|Journal|malformed|corrupt/)
      }
    },
    minutes
  )
})

describe("the model of the disk", () => {
  const written = (at: number, text: string) =>
    ({ type: "write", path: "f", inode: 1, at, data: Buffer.from(text) }) as const
  const opened = { type: "open", path: "f", inode: 1, isCut: false } as const
  const synced = { type: "sync", path: "f", inode: 1, ok: true } as const
  const named = [{ type: "sync", path: "", inode: 9, ok: true }] as const
  const images = (disk: Disk) => {
    const found = new Set<string>()
    for (let seed = 0; seed < 300; seed++) found.add(disk.cut(draws(seed)).get("f")?.toString() ?? "absent")
    return found
  }

  test("what was synced, and its name too, is in every image", () => {
    const disk = new Disk()
    for (const step of [opened, written(0, "abc"), synced, ...named]) disk.do(step)
    expect(images(disk)).toEqual(new Set(["abc"]))
    expect(disk.least().get("f")?.toString()).toBe("abc")
  })
  test("what was not synced is in some images, and its name in some", () => {
    const disk = new Disk()
    for (const step of [opened, written(0, "abc")]) disk.do(step)
    const found = images(disk)
    expect(found).toContain("absent")
    expect(found).toContain("abc")
    expect(disk.least().get("f")).toBeUndefined()
    expect(disk.whole().get("f")?.toString()).toBe("abc")
  })
  test("a write after the sync may be there, may not, and may be half there; what stands beside it does not change", () => {
    const disk = new Disk()
    for (const step of [opened, written(0, "abcdef"), synced, ...named, written(1, "XYZ")]) disk.do(step)
    const found = images(disk)
    expect(found).toContain("abcdef")
    expect(found).toContain("aXYZef")
    for (const one of found) expect(one).toMatch(/^a[bX][cY][dZ]ef$/)
    expect(found.size).toBeGreaterThan(2)
  })
  test("what a failed sync has dropped may be missing after later syncs, unless it is written again", () => {
    const disk = new Disk()
    const failed = { ...synced, ok: false }
    for (const step of [opened, written(0, "abc"), synced, ...named, written(0, "xyz"), failed, synced]) disk.do(step)
    expect(disk.least().get("f")?.toString()).toBe("abc")
    for (const step of [written(0, "x"), synced]) disk.do(step)
    expect(disk.least().get("f")?.toString()).toBe("xyz")
  })
})
