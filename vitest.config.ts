import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^troupe$/, replacement: source("index.ts") },
      { find: /^troupe\/chaos\/vitest$/, replacement: source("chaos/vitest.ts") },
      { find: /^troupe\/effect$/, replacement: source("effect.ts") },
      { find: /^troupe\/(machines|inspect)$/, replacement: source("$1.ts") },
      { find: /^troupe\/(actors|storage|chaos)$/, replacement: source("$1/index.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts", "property-tests/**/*.test.ts", "examples/**/*.test.ts"],
    reporters: ["default", ["json", { outputFile: "test-results/report.json" }]],
    // a machine that does other things as well may be ten times as slow; what promises a time measures it
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // XState's development build warns on the console about every event to a stopped actor; nothing here depends on it
    onConsoleLog: (log) => !log.includes("was sent to stopped actor")
  }
})
