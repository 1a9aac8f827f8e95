// Builds the page into dist/inspector: files beside each other, nothing from elsewhere, no inline script (the server forbids it).
import { defineConfig } from "vite"

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/inspector",
    emptyOutDir: true,
    target: "es2023",
    // colours are written once for light and dark: browsers since the middle of 2024 read them
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true
  },
  worker: { format: "es" }
})
