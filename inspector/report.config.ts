// Builds the page a second time, as one classic script: modules do not run in a file that is opened without a server.
import { defineConfig } from "vite"

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
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
