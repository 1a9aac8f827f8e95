// What somebody may want who is not asked: other pages in the browser, other names for this machine, other programs on it.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { fakeSource } from "./source.ts"
import { type Visitor, visitor } from "./visitor.ts"

const fake = fakeSource()
let at: Visitor
const folder = mkdtempSync(join(tmpdir(), "troupe-page-"))
mkdirSync(join(folder, "page", "assets"), { recursive: true })
writeFileSync(join(folder, "page", "index.html"), "<!doctype html><title>page</title>")
writeFileSync(join(folder, "page", "assets", "app.js"), "0")
writeFileSync(join(folder, "page", "gone.css"), "")
writeFileSync(join(folder, "page", "notes.sh"), "secret")
writeFileSync(join(folder, "secret.html"), "secret")
symlinkSync(join(folder, "secret.html"), join(folder, "page", "link.html"))

beforeAll(async () => {
  at = await visitor(fake.source, { page: join(folder, "page"), control: true })
})
afterAll(() => at.close())

const post = (headers: { readonly [name: string]: string | undefined }, body = '{"ask":{"verb":"pause","run":"r1"}}') =>
  at.ask({
    method: "POST",
    path: "/api/ask",
    body,
    headers: { "content-type": "application/json", ...at.bearer, ...headers }
  })

const wants: ReadonlyArray<readonly [want: string, status: number, visit: () => Promise<{ readonly status: number }>]> =
  [
    [
      "make a name of their own lead here (DNS rebinding)",
      421,
      () => at.ask({ headers: { host: "evil.example", ...at.bearer } })
    ],
    [
      "make a name of their own lead here, with our port",
      421,
      () => at.ask({ path: "/api/runs", headers: { host: `evil.example:${at.server.port}`, ...at.bearer } })
    ],
    [
      "be taken for us by the name of this machine alone",
      421,
      () => at.ask({ path: "/api/runs", headers: { host: "localhost", ...at.bearer } })
    ],
    ["confuse with a host that is none", 421, () => at.ask({ headers: { host: "%%%" } })],
    [
      "read from a page of another origin",
      403,
      () => at.ask({ path: "/api/runs", headers: { origin: "https://evil.example", ...at.bearer } })
    ],
    [
      "read from a sandboxed frame",
      403,
      () => at.ask({ path: "/api/runs", headers: { origin: "null", ...at.bearer } })
    ],
    [
      "read from another port of this machine",
      403,
      () => at.ask({ path: "/api/runs", headers: { origin: "http://127.0.0.1:1", ...at.bearer } })
    ],
    [
      "read from the usual port of this machine",
      403,
      () => at.ask({ path: "/api/runs", headers: { origin: "http://localhost", ...at.bearer } })
    ],
    [
      "load our files into a page of another site",
      403,
      () => at.ask({ path: "/assets/app.js", headers: { "sec-fetch-site": "cross-site" } })
    ],
    [
      "load our files into a page of another port",
      403,
      () => at.ask({ path: "/assets/app.js", headers: { "sec-fetch-site": "same-site" } })
    ],
    ["read without the token", 401, () => at.ask({ path: "/api/runs" })],
    [
      "read with a guess",
      401,
      () => at.ask({ path: "/api/runs", headers: { authorization: `Bearer ${"A".repeat(32)}` } })
    ],
    [
      "read with half of the token",
      401,
      () => at.ask({ path: "/api/runs", headers: { authorization: `Bearer ${at.token.slice(0, 16)}` } })
    ],
    [
      "read with the token in the address, where logs keep it",
      401,
      () => at.ask({ path: `/api/runs?token=${at.token}` })
    ],
    [
      "read with a cookie, which neighbours get to see",
      401,
      () => at.ask({ path: "/api/runs", headers: { cookie: `token=${at.token}` } })
    ],
    ["find a route that forgot to ask", 401, () => at.ask({ path: "/api/runs/x/health" })],
    ["delete without the token", 405, () => at.ask({ method: "DELETE", path: "/api/runs" })],
    ["act by a form of a foreign page", 415, () => post({ "content-type": "text/plain" })],
    ["act by a form with fields", 415, () => post({ "content-type": "application/x-www-form-urlencoded" })],
    ["act without saying what the body is", 415, () => post({ "content-type": undefined })],
    ["act from a page of another origin", 403, () => post({ origin: "https://evil.example" })],
    ["act without the token", 401, () => post({ authorization: undefined })],
    ["act by an address alone", 405, () => at.ask({ path: "/api/ask?verb=pause", headers: at.bearer })],
    [
      "ask beforehand whether a foreign page may act",
      403,
      () =>
        at.ask({
          method: "OPTIONS",
          path: "/api/ask",
          headers: { origin: "https://evil.example", "access-control-request-method": "POST" }
        })
    ],
    ["send more than is read", 413, () => post({}, `{"ask":"${"x".repeat(70_000)}"}`)],
    ["read a file above the page", 401, () => at.ask({ path: "/../secret.html" })],
    ["read a file above the page, written otherwise", 401, () => at.ask({ path: "/%2e%2e/secret.html" })],
    ["read a file above the page, with the slashes of Windows", 401, () => at.ask({ path: "/..\\secret.html" })],
    [
      "read a file above the page, having the token",
      404,
      () => at.ask({ path: "/assets/..%2f..%2fsecret.html", headers: at.bearer })
    ],
    ["read a file of this machine", 404, () => at.ask({ path: "//etc/passwd", headers: at.bearer })],
    ["read what a link leads to", 404, () => at.ask({ path: "/link.html", headers: at.bearer })],
    ["read a file that is no part of a page", 404, () => at.ask({ path: "/notes.sh", headers: at.bearer })],
    ["use it as a proxy", 400, () => at.ask({ path: "http://evil.example/", headers: at.bearer })]
  ]

test.each(wants)("nobody gets to %s (%i)", async (_, status, visit) => {
  const before = fake.performed.length
  expect((await visit()).status).toBe(status)
  expect(fake.performed.length).toBe(before)
})

const upgrades: ReadonlyArray<readonly [want: string, status: number, visit: () => Promise<unknown>]> = [
  ["of another origin", 403, () => at.upgrade({ headers: { origin: "https://evil.example" } })],
  ["of a sandboxed frame", 403, () => at.upgrade({ headers: { origin: "null" } })],
  ["of another port of this machine", 403, () => at.upgrade({ headers: { origin: "http://localhost:1" } })],
  ["of a name of their own", 421, () => at.upgrade({ headers: { host: "evil.example" } })],
  ["without the token", 401, () => at.upgrade({ protocols: ["troupe.v1"] })],
  ["with a guess", 401, () => at.upgrade({ protocols: ["troupe.v1", `token.${"A".repeat(32)}`] })],
  ["with the token of a page, from a program that is none", 401, () => at.upgrade({ headers: { origin: undefined } })],
  ["with another protocol", 400, () => at.upgrade({ protocols: [`token.${at.token}`] })],
  ["at another path", 404, () => at.upgrade({ path: "/api/runs" })],
  ["with fetch metadata of another site", 403, () => at.upgrade({ headers: { "sec-fetch-site": "cross-site" } })]
]
test.each(upgrades)("V-30: no WebSocket %s is opened, not even for a moment (%i)", async (_, status, visit) => {
  expect(await visit()).toBe(status)
})

test("a page of our own, and a program with the token, are let in", async () => {
  for (const headers of [
    {},
    { origin: `http://${at.host}` },
    { origin: `http://${at.host}`, "sec-fetch-site": "same-origin" }
  ])
    expect((await at.ask({ path: "/api/runs", headers: { ...at.bearer, ...headers } })).status).toBe(200)
  const page = await at.upgrade()
  expect(page).toBeTypeOf("object")
  const program = await at.upgrade({ protocols: ["troupe.v1"], headers: { origin: undefined, ...at.bearer } })
  expect(program).toBeTypeOf("object")
})

test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])(
  "V-32: %s without the token gets nothing from any route",
  async (method) => {
    for (const path of ["/api/hello", "/api/runs", "/api/streams/run:r1/events", "/api/ask", "/api/", "/ws"]) {
      const { status, text } = await at.ask({ method, path })
      expect([401, 405], `${method} ${path}`).toContain(status)
      expect(text).not.toContain("r1")
    }
  }
)

test("every answer, refusals too, forbids frames, foreign scripts, guessing of types, and being kept; none opens it to others", async () => {
  const visits = [
    {},
    { path: "/api/runs", headers: at.bearer },
    { path: "/api/runs" },
    { headers: { host: "evil.example" } },
    { path: "/nothing" }
  ]
  for (const visit of visits) {
    const { headers } = await at.ask(visit)
    const policy = String(headers["content-security-policy"])
    for (const part of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"])
      expect(policy).toContain(part)
    expect(policy).not.toMatch(/unsafe|evil|\*/)
    expect(headers["x-content-type-options"]).toBe("nosniff")
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin")
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin")
    expect(headers["referrer-policy"]).toBe("no-referrer")
    expect(headers["cache-control"]).toBe("no-store")
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control") || name === "set-cookie")).toEqual(
      []
    )
  }
})

test("the token has 192 bits and is another one at each start", async () => {
  const other = await visitor(fake.source)
  expect(Buffer.from(at.token, "base64url").length).toBe(24)
  expect(other.token).not.toBe(at.token)
  await other.close()
})

const alive = async () => expect((await at.ask({ path: "/api/hello", headers: at.bearer })).status).toBe(200)

test("a file of the page that has gone meanwhile is an answer of 500, and nothing else happens", async () => {
  rmSync(join(folder, "page", "gone.css"))
  expect((await at.ask({ path: "/gone.css" })).status).toBe(500)
  await alive()
})

test("two hosts in one request are refused", async () => {
  expect(
    await at.raw(
      `GET /api/runs HTTP/1.1\r\nHost: ${at.host}\r\nHost: evil.example\r\nauthorization: Bearer ${at.token}\r\n\r\n`
    )
  ).toMatch(/^HTTP\/1\.1 4/)
  await alive()
})

test("a request that never ends is ended", async () => {
  const since = performance.now()
  const answer = await at.raw(`GET / HTTP/1.1\r\nHost: ${at.host}\r\nX-Slow: `, 15_000)
  expect(answer).toMatch(/^HTTP\/1\.1 4|^$/)
  expect(performance.now() - since).toBeLessThan(12_000)
  await alive()
})

test("no head of a request, however malformed, ends the process", async () => {
  const name = fc.constantFrom(
    "host",
    "origin",
    "authorization",
    "content-type",
    "content-length",
    "transfer-encoding",
    "sec-websocket-protocol",
    "sec-websocket-key",
    "upgrade",
    "connection",
    "cookie",
    "expect",
    "x"
  )
  const junk = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.constantFrom("%%%", "null", "", "chunked", "websocket", "Upgrade", "-1", "1e9", "http://[", "\0", "é", "::::")
  )
  const request = fc.record({
    method: fc.constantFrom("GET", "POST", "DELETE", "CONNECT", "G\0T", ""),
    target: fc.oneof(
      junk,
      fc.constantFrom("/", "/ws", "/api/ask", "/api/streams/%/events", "/api/streams/%ff/events", "*")
    ),
    headers: fc.array(fc.tuple(name, junk), { maxLength: 8 }),
    body: fc.string({ maxLength: 40 })
  })
  await fc.assert(
    fc.asyncProperty(request, fc.boolean(), async ({ method, target, headers, body }, isOurs) => {
      const head = [
        `${method} ${target} HTTP/1.1`,
        ...(isOurs ? [`Host: ${at.host}`] : []),
        ...headers.map(([key, value]) => `${key}: ${value}`)
      ]
      const answer = await at.raw(Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`, "latin1"), 40)
      expect(answer).not.toMatch(/^HTTP\/1\.1 (?:101|5\d\d)/)
      expect(answer).not.toContain("r1")
    }),
    { numRuns: 150 }
  )
  await alive()
}, 120_000)

test("no body of an ask, however malformed, is taken for one", async () => {
  const before = fake.performed.length
  const nested = "[".repeat(30_000)
  const bodies = [
    "",
    "null",
    "[]",
    "{",
    '{"ask":null}',
    '{"ask":[]}',
    '{"ask":{}}',
    '{"ask":{"verb":"__proto__","run":"r1"}}',
    '{"ask":{"verb":"pause"}}',
    '{"ask":{"verb":"pause","run":"../x"}}',
    '{"ask":{"verb":"pause","run":"r1"},"more":1}',
    '{"ask":{"verb":"pause","run":"r1","who":"root"}}',
    '{"ask":{"verb":"pause","run":"r1","fields":{"who":"root"}}}',
    '{"ask":{"verb":"pause","run":"r1","fields":{"patienceMs":9}}}',
    '{"ask":{"verb":"start","run":"r1","fields":{"definition":{}}}}',
    '{"ask":{"verb":"retry","run":"r1","fields":{"task":7}}}',
    `{"ask":${nested}`,
    `{"ask":{"verb":"pause","run":"r1","why":"${"x".repeat(2_000)}"}}`
  ]
  for (const body of bodies) {
    const { status, json } = await post({}, body)
    expect([400, 403], body.slice(0, 80)).toContain(status)
    expect(json().error.code, body.slice(0, 80)).toMatch(/^[A-Z_]+$/)
  }
  await fc.assert(
    fc.asyncProperty(fc.json(), async (body) => {
      expect((await post({}, body)).status).toBe(400)
    }),
    { numRuns: 60 }
  )
  expect(fake.performed.length).toBe(before)
  expect(({} as Record<string, unknown>)["ask"]).toBeUndefined()
})
