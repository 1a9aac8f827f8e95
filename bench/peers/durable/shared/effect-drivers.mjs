// The newest SQL drivers on npm were made for the module layout before effect 4.1 (effect/unstable/*, effect/Encoding): with
// their names mapped onto those of 4.1 they work.
import { registerHooks } from "node:module"

const base64 = JSON.stringify(import.meta.resolve("effect/encoding/Base64"))
const encoding = `import * as Base64 from ${base64}
export const encodeBase64 = Base64.encode
export const decodeBase64 = Base64.decode`
registerHooks({
  resolve: (name, context, next) =>
    name === "effect/Encoding"
      ? { url: `data:text/javascript,${encodeURIComponent(encoding)}`, shortCircuit: true, format: "module" }
      : next(name.replace(/^effect\/unstable\//, "effect/"), context)
})

export const sqlite = async (filename) => (await import("@effect/sql-sqlite-node/SqliteClient")).layer({ filename })
export const postgres = async (url, maxConnections) => {
  const Redacted = await import("effect/Redacted")
  return (await import("@effect/sql-pg/PgClient")).layer({ url: Redacted.make(url), maxConnections })
}
