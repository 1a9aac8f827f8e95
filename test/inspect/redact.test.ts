import * as Redacted from "effect/Redacted"
import fc from "fast-check"
import { expect, test } from "vitest"
import type { SeenEvent } from "../../src/inspect/protocol.ts"
import { redact, redactor } from "../../src/inspect/redact.ts"
import { redactEvent, redactPatches } from "../../src/inspect/redact-event.ts"
import { View } from "../../src/inspect/view.ts"
import type { WorkflowIR } from "../../src/model/ir.ts"

const canary = "sk-canary-4f9a1c7e22d04b1f"
/** A secret that nothing but its place gives away. */
const plain = "hunter2-canary"

const secretKeys = [
  "password",
  "userPassword",
  "user_password",
  "user-password",
  "DB_PASSWORD",
  "passwd",
  "pwd",
  "passphrase",
  "secret",
  "clientSecret",
  "token",
  "accessToken",
  "refresh_token",
  "apiKey",
  "API_KEY",
  "x-api-key",
  "X-API-Key",
  "apikey",
  "authorization",
  "Proxy-Authorization",
  "cookie",
  "Set-Cookie",
  "sessionId",
  "privateKey",
  "private_key",
  "accessKeyId",
  "AWS_SECRET_ACCESS_KEY",
  "credentials",
  "auth",
  "connectionString"
]

test.each(secretKeys)("the value of a field called '%s' does not leave the process", (key) => {
  for (const value of [plain, { inner: plain }, [plain], new Map([["a", plain]])])
    expect(JSON.stringify(redact({ [key]: value, deep: [{ [key]: value }] }))).not.toContain("canary")
})

test.each(["author", "tokenizer", "passenger", "keyboard", "compass", "monkey", "key", "secretary"])(
  "a field called '%s' is shown: names are compared by whole words",
  (key) => expect(redact({ [key]: "shown" })).toEqual({ [key]: "shown" })
)

test("how many tokens a model used is no secret, and whether there is a password is none", () => {
  const usage = { maxTokens: 4096, total_tokens: 12, hasPassword: true, token: null, note: "max_tokens: 4096" }
  expect(redact(usage)).toEqual(usage)
})

const places: ReadonlyArray<readonly [place: string, value: () => unknown]> = [
  ["a text", () => `the key is ${canary}`],
  ["a name of a field", () => ({ [canary]: 1 })],
  ["an Authorization header in a text", () => `POST / failed\nAuthorization: Bearer ${plain}\nretry`],
  [
    "a Basic header in a text",
    () => `tried Basic ${Buffer.from(`ada:${plain}`).toString("base64")} canary`.replace(" canary", "")
  ],
  ["JSON in a text", () => JSON.stringify({ password: plain })],
  ["JSON in JSON in a text", () => JSON.stringify(JSON.stringify({ password: plain }))],
  ["an address", () => `postgres://ada:${plain}@db.example/app`],
  ["an address as an object", () => new URL(`https://ada:${plain}@db.example/app`)],
  ["a query", () => `GET https://api.example/?access_token=${plain}&page=2`],
  ["a cookie in a text", () => `Set-Cookie: sid=${plain}; HttpOnly`],
  ["a JSON Web Token", () => `eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.${plain}`],
  // put together here, so that nobody who looks for such keys finds one in this file
  ["a key of a host of code", () => `pushed with ${["ghp", "canary0123456789abcdef"].join("_")}`],
  ["a key of a chat", () => `sent with ${["xoxb", "canary-0123456789"].join("-")}`],
  ["a private key", () => `-----BEGIN RSA PRIVATE KEY-----\n${plain}\n-----END RSA PRIVATE KEY-----`],
  ["the message of an error", () => new Error(`401 for ${canary}`)],
  [
    "the cause of an error",
    () => new Error("failed", { cause: new Error("x", { cause: { headers: { Authorization: plain } } }) })
  ],
  ["a fact of an error", () => Object.assign(new Error("failed"), { config: { headers: { "x-api-key": plain } } })],
  ["an error of several", () => new AggregateError([new Error(canary)], "several")],
  ["headers", () => new Headers({ authorization: plain })],
  ["headers as pairs", () => ({ headers: [["authorization", plain]] })],
  ["headers as records", () => [{ name: "Authorization", value: plain }]],
  ["headers as Node gives them", () => ({ rawHeaders: ["Host", "a", "Cookie", plain] })],
  ["words of a command line", () => ({ argv: ["curl", "--token", plain] })],
  ["a map", () => new Map([["password", plain]])],
  ["a set", () => new Set([canary])],
  ["a value of effect/Redacted", () => ({ shown: Redacted.make(plain) })],
  ["a value that tells itself", () => ({ toJSON: () => ({ password: plain }) })],
  ["bytes", () => Buffer.from(plain)],
  ["a function", () => Object.assign(() => plain, { password: plain })],
  ["a symbol", () => Symbol(canary)],
  [
    "a getter that throws it",
    () => ({
      get x(): string {
        throw new TypeError(canary)
      }
    })
  ],
  ["a text that is cut in the middle of it", () => `${"x".repeat(9_989)} ${canary}`]
]

test.each(places)("V-34, V-35: a secret in %s does not leave the process", (_, value) => {
  const seen = JSON.stringify(redact({ a: { b: [value()] } }))
  expect(seen).not.toContain("canary")
  expect(seen).not.toContain(Buffer.from(`ada:${plain}`).toString("base64"))
})

const ir = {
  ir: 1,
  name: "flow",
  input: { type: "object", properties: { password: { type: "string", description: "of the bank", default: plain } } },
  workflows: { "get-token": { ir: 1, name: "get-token", tasks: [{ id: "a", kind: "noop" }] } },
  tasks: [
    { id: "refresh-token", kind: "http", url: `https://ada:${plain}@x.example`, headers: { authorization: plain } },
    {
      id: "b",
      kind: "echo",
      after: ["refresh-token", "c"],
      input: { apiKey: { $: "refresh-token.key", default: plain }, password: plain }
    },
    { id: "c", kind: "shell", argv: ["curl", "-H", `Authorization: Bearer ${plain}`, "--password", plain] }
  ]
} as unknown as WorkflowIR

test("a key of a cloud, which is letters and digits only, does not leave the process", () => {
  const key = ["AKIA", "IOSFODNN7EXAMPLE"].join("")
  expect(redact(`denied for ${key}`)).toBe("denied for [redacted]")
})

test("a value of effect/Redacted is told from a text that is called so", () => {
  expect(redact({ a: Redacted.make("x"), b: "<redacted>" })).toEqual({ a: "[redacted]", b: "<redacted>" })
})

test("an error is shown with its causes and its facts", () => {
  const error = Object.assign(new TypeError("outer", { cause: new RangeError("inner") }), { code: "E1" })
  expect(redact(error)).toMatchObject({
    name: "TypeError",
    message: "outer",
    code: "E1",
    cause: { name: "RangeError", message: "inner" }
  })
})

test("a definition is shown whole, without the secrets in it", () => {
  const shown = redact(ir) as any
  expect(JSON.stringify(shown)).not.toContain("canary")
  expect(shown.tasks[1].after).toEqual(["refresh-token", "c"])
  expect(shown.tasks[1].input.apiKey.$).toBe("refresh-token.key")
  expect(shown.workflows["get-token"].tasks).toEqual([{ id: "a", kind: "noop" }])
  expect(shown.input.properties.password).toEqual({ type: "string", description: "of the bank", default: "[redacted]" })
})

test("a definition of ten thousand tasks is not cut", () => {
  const tasks = Array.from({ length: 10_000 }, (_, i) => ({ id: `t${i}`, kind: "noop" }))
  expect(redact({ ir: 1, name: "wide", tasks })).toEqual({ ir: 1, name: "wide", tasks })
})

const secretly = { password: plain, note: canary }
const at = { seq: 0, t: 0 }
const events: ReadonlyArray<SeenEvent> = [
  { kind: "definition", hash: "h", ir, ...at },
  { kind: "actor", actor: "a", id: "a", logic: "l", context: secretly, ...at },
  { kind: "gone", actor: "a", how: "error", error: secretly, output: secretly, ...at },
  { kind: "message", actor: "a", type: "x", data: secretly, ...at },
  {
    kind: "step",
    actor: "a",
    event: "x",
    value: secretly,
    context: secretly,
    patches: [{ op: "replace", path: ["password", "a"], value: plain }],
    ...at
  },
  { kind: "command", actor: "a", type: "x", params: secretly, ...at },
  { kind: "run", run: "r", workflow: "w", hash: "h", input: secretly, ...at },
  {
    kind: "journal",
    run: "r",
    n: 0,
    message: { type: "attempt.succeeded", at: 0, task: "a", attempt: 1, value: secretly },
    ...at
  },
  {
    kind: "status",
    run: "r",
    status: "failed",
    percent: 1,
    output: secretly,
    error: { task: "a", code: "X", message: canary },
    ...at
  },
  { kind: "breaker", name: "b", state: "open", facts: secretly, ...at },
  { kind: "fault", run: "r", text: canary, ...at }
]

test.each(events.map((event) => [event.kind, event] as const))(
  "an event of kind '%s' carries no secret",
  (_, event) => {
    const shown = redactEvent(event)
    expect(JSON.stringify(shown)).not.toContain("canary")
    expect({ kind: shown.kind, seq: shown.seq, t: shown.t }).toEqual({ kind: event.kind, ...at })
  }
)

test("patches never lead into what was hidden, so that they can still be applied", () => {
  const view = new View()
  const apply = (event: SeenEvent) => view.apply(redactEvent(event))
  apply({ kind: "actor", actor: "a", id: "a", logic: "l", context: { password: { of: plain }, n: 1 }, ...at })
  const patches = [
    { op: "replace", path: ["password", "of"], value: `${plain}-2` },
    { op: "add", path: ["token"], value: plain },
    { op: "replace", path: ["n"], value: 2 }
  ] as const
  apply({ kind: "step", actor: "a", event: "e", patches, seq: 1, t: 0 })
  expect(view.actors.get("a")!.context).toEqual({ password: "[redacted]", token: "[redacted]", n: 2 })
  expect(redactPatches([{ op: "remove", path: ["token"] }])).toEqual([{ op: "remove", path: ["token"] }])
})

test("what is left out is said where it was", () => {
  expect(redact("x".repeat(22_000))).toBe(`${"x".repeat(10_000)}… 12,000 more characters`)
  expect(redactor({ items: 2 })([1, 2, 3, 4])).toEqual([1, 2, "… 2 more"])
  expect(redactor({ fields: 1 })({ a: 1, b: 2, c: 3 })).toEqual({ a: 1, "…": "2 more fields" })
  expect(redactor({ depth: 1 })({ a: { b: 1 } })).toEqual({ a: "… deeper levels" })
})

test("further names are secret when somebody says so", () => {
  expect(redactor({ keys: ["accountNumber"] })({ account_number: 7, nested: { accountNumber: "8" } })).toEqual({
    account_number: "[redacted]",
    nested: { accountNumber: "[redacted]" }
  })
})

test("values that JSON does not know are said in words", () => {
  const cycle: Record<string, unknown> = { a: 1 }
  cycle["self"] = cycle
  expect(redact(cycle)).toEqual({ a: 1, self: "[the same again, further up]" })
  expect(
    redact({
      n: Number.NaN,
      big: 3n,
      day: new Date(0),
      bytes: new Uint8Array(2_000),
      map: new Map([["a", 1]]),
      f: () => 1,
      gone: undefined
    })
  ).toEqual({
    n: "NaN",
    big: "3n",
    day: "1970-01-01T00:00:00.000Z",
    bytes: "[2,000 bytes]",
    map: { a: 1 },
    f: "[function]"
  })
  const proto = redact(JSON.parse('{"__proto__": {"x": 1}}')) as object
  expect(Object.getPrototypeOf(proto)).toBe(Object.prototype)
  expect(Object.hasOwn(proto, "__proto__")).toBe(true)
})

test("a value that cannot be read at all harms nobody", () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const hostile = new Proxy(
    {},
    {
      ownKeys: () => {
        throw canary
      }
    }
  )
  const stack = Object.defineProperty(new Error("m"), "stack", {
    get: () => {
      throw new TypeError("no")
    }
  })
  const seen = JSON.stringify(
    redact([
      proxy,
      hostile,
      stack,
      {
        toJSON: () => {
          throw new TypeError("no")
        }
      }
    ])
  )
  expect(seen).toContain("cannot be read")
  expect(seen).not.toContain("canary")
})

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: true
})

test("any value becomes JSON, and is not changed by it", () => {
  fc.assert(
    fc.property(anything, (value) => {
      const before = structuredClone(value)
      const shown = redact(value)
      expect(JSON.parse(JSON.stringify(shown))).toEqual(shown)
      expect(value).toEqual(before)
    }),
    { numRuns: 500 }
  )
})

test("-0 is 0, as JSON has it", () => {
  expect(Object.is(redact(-0), 0)).toBe(true)
  expect(Object.is((redact([-0]) as ReadonlyArray<number>)[0], 0)).toBe(true)
})

test("what was redacted once stays as it is when it is redacted again, in another process too", () => {
  const tight = () => redactor({ text: 20, items: 3, fields: 3, depth: 3 })
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...secretKeys, "a"), (value, key) => {
      const once = tight()({ [key]: value, list: [value, value, value, value, value], long: "y".repeat(50) })
      expect(tight()(structuredClone(once))).toEqual(once)
    }),
    { numRuns: 500 }
  )
})

test("no text takes longer than its length: hostile text of 100,000 characters takes no second", () => {
  for (const part of [
    "password=",
    "a",
    "-----BEGIN PRIVATE KEY-----",
    "http://a:",
    "Bearer ",
    'token"',
    "eyJ",
    "x_",
    "authorization: ",
    ' \\"'
  ]) {
    const text = part.repeat(100_000 / part.length)
    const since = performance.now()
    redactor({ text: 1_000_000 })(text)
    expect(performance.now() - since, part).toBeLessThan(1_000)
  }
})
