import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { pageOfReports } from "../../src/inspect/report.ts"
import { pageOfPackage } from "../../src/inspect/server.ts"

const bytesIn = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0)

test.skipIf(!existsSync(pageOfPackage()))(
  "the page and the page of reports together take at most 2 MiB of the package",
  () => {
    const bytes = bytesIn(pageOfPackage()) + bytesIn(pageOfReports())
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024)
  }
)
