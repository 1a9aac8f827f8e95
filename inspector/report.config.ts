// Builds the page a second time, as one classic script: modules do not run in a file that is opened without a server.
import { join } from "node:path"
import { defineConfig } from "vite"

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // no worker may be started from a file, so none is in it
  resolve: {
    alias: [{ find: /^elkjs\/lib\/elk-worker\.min\.js\?url$/, replacement: join(import.meta.dirname, "no-worker.ts") }]
  },
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: "../dist/inspector-report",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    copyPublicDir: false,
    lib: {
      entry: "main.tsx",
      formats: ["iife"],
      name: "troupeInspector",
      fileName: () => "report.js",
      cssFileName: "report"
    }
  },
  worker: { format: "iife" }
})
