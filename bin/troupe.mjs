#!/usr/bin/env node
// Plain JavaScript that old versions of Node can still read: it says what is wrong before anything newer is loaded.
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `troupe needs Node 22.19 or newer and this is ${process.version}: install a newer Node, or run it with "npx" where Node 24 is installed as a package`
  )
  process.exit(2)
}
const { main } = await import("../dist/cli/main.js")
process.exitCode = await main(process.argv.slice(2))
