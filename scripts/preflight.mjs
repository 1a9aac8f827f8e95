// Says one clear sentence when the wrong Node runs a script. Plain JavaScript that old versions can still read.
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `Troupe needs Node 22.19 or newer and this is ${process.version}: run "npm ci" without --ignore-scripts ` +
      `(it installs Node 24 into node_modules), then use "npm start", "npm test" or "npx troupe".`
  )
  process.exit(1)
}
