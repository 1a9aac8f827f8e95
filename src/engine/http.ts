/**
 * Tasks of kind `http`: one request to an allowed host. The address is resolved once, checked, and that very address is
 * connected to; redirects are not followed, credentials in URLs are refused.
 */
import { type LookupAddress, lookup } from "node:dns"
import * as plain from "node:http"
import * as secure from "node:https"
import { BlockList, isIP } from "node:net"
import { LimitExceeded, TroupeError } from "../model/errors.ts"
import type { HttpWork } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import { limits } from "../model/limits.ts"
import type { TaskContext } from "../model/task.ts"

/** The request would go where it must not. */
export class EgressDenied extends TroupeError {
  readonly _tag = "EgressDenied"
  readonly code: "EGRESS_DENIED" | "URL_CREDENTIALS"
  readonly retryable = false
  readonly url: string
  constructor({
    url,
    why,
    code = "EGRESS_DENIED"
  }: { url: string; why: string; code?: "EGRESS_DENIED" | "URL_CREDENTIALS" }) {
    super(`the request to ${url} was not sent: ${why}`)
    this.code = code
    this.url = url
  }
}

/** The server answered with a status of 400 or above. */
export class HttpFailed extends TroupeError {
  readonly _tag = "HttpFailed"
  readonly code = "HTTP_FAILED"
  readonly status: number
  readonly body: Json
  readonly retryable: boolean
  /** What the server asked to wait, with a status of 429 or 503. */
  readonly retryAfterMs: number | undefined
  constructor({
    url,
    status,
    body,
    headers = {}
  }: { url: string; status: number; body: Json; headers?: { readonly [name: string]: string } }) {
    super(`${url} answered with status ${status}`)
    this.status = status
    this.body = body
    this.retryable = status >= 500 || status === 429 || status === 408
    this.retryAfterMs = status === 429 || status === 503 ? retryAfterOf(headers) : undefined
  }
  get data() {
    return { status: this.status, body: this.body }
  }
}

/** Seconds, or a date, which is meant by the clock of whoever sent it (RFC 9110, 10.2.3); anything else says nothing. */
export const retryAfterOf = (headers: { readonly [name: string]: string }): number | undefined => {
  const text = headers["retry-after"]?.trim()
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const ms = Date.parse(text) - Date.parse(headers["date"] ?? "")
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

interface Settings {
  readonly url: string
  readonly headers?: { readonly [name: string]: Json }
  readonly body?: Json
}

export const runHttp = async (
  { method = "GET" }: HttpWork,
  { url: text, headers = {}, body }: Settings,
  allowed: boolean | ReadonlyArray<string>,
  { signal, key }: TaskContext
): Promise<Json> => {
  const url = parse(text)
  const listed = Array.isArray(allowed) && (allowed.includes(url.hostname) || allowed.includes(url.host))
  if (Array.isArray(allowed) && !listed)
    throw new EgressDenied({
      url: shown(url),
      why: `the host '${url.host}' is not on the list (${allowed.join(", ")})`
    })
  const payload = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body)
  const sent = {
    "idempotency-key": key,
    ...(payload === undefined || typeof body === "string" ? {} : { "content-type": "application/json" }),
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  }
  const answer = await request(
    url,
    { method, headers: sent, signal, lookup: guardedLookup(url, listed) },
    payload,
    listed
  )
  if (answer.status >= 400) throw new HttpFailed({ url: shown(url), ...answer })
  return answer
}

const parse = (text: string): URL => {
  if (!URL.canParse(text)) throw new EgressDenied({ url: String(text).slice(0, 200), why: "it is not a URL" })
  const url = new URL(text)
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new EgressDenied({ url: shown(url), why: `the scheme '${url.protocol}' is not http or https` })
  if (url.username !== "" || url.password !== "")
    throw new EgressDenied({
      url: shown(url),
      why: "URLs with user names or passwords are refused: use headers",
      code: "URL_CREDENTIALS"
    })
  return url
}

/** The URL without query: queries may carry secrets. */
const shown = ({ protocol, host, pathname }: URL) => `${protocol}//${host}${pathname}`

const request = (
  url: URL,
  options: secure.RequestOptions,
  payload: string | undefined,
  listed: boolean
): Promise<{ status: number; headers: Record<string, string>; body: Json }> =>
  new Promise((resolve, reject) => {
    const literal = url.hostname.replace(/^\[|\]$/g, "")
    if (isIP(literal) !== 0 && !listed && !isOpen(literal)) {
      reject(new EgressDenied({ url: shown(url), why: `the address ${literal} is private; list the host to allow it` }))
      return
    }
    const call = (url.protocol === "https:" ? secure : plain).request(url, options, (response) => {
      const chunks: Array<Buffer> = []
      let size = 0
      response.on("data", (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size > limits.payloadBytes)
          call.destroy(
            new LimitExceeded({ limit: "payload", allowed: limits.payloadBytes, actual: size, unit: "bytes" })
          )
      })
      response.on("error", reject)
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: flat(response.headers),
          body: decode(Buffer.concat(chunks), response.headers["content-type"])
        })
      )
    })
    call.on("error", reject)
    call.end(payload)
  })

const flat = (headers: plain.IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]]
    )
  )

const decode = (body: Buffer, contentType: string | undefined): Json => {
  const text = body.toString("utf8")
  if (contentType === undefined || !/[/+]json\b/.test(contentType)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Addresses that nobody else should be reached through: private, link-local, shared, multicast, reserved. This machine itself is not among them. */
const closed = new BlockList()
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4]
] as const)
  closed.addSubnet(net, bits, "ipv4")
for (const [net, bits] of [
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
  ["64:ff9b::", 96]
] as const)
  closed.addSubnet(net, bits, "ipv6")
closed.addAddress("::", "ipv6")

const isOpen = (address: string): boolean => {
  const mapped = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]+):([0-9a-f]+))$/i.exec(address)
  const four =
    mapped === null
      ? address
      : (mapped[1] ??
        [2, 3].flatMap((i) => [Number.parseInt(mapped[i]!, 16) >> 8, Number.parseInt(mapped[i]!, 16) & 255]).join("."))
  return !closed.check(four, isIP(four) === 6 ? "ipv6" : "ipv4")
}

/** Resolves once and refuses closed addresses, so that a name cannot change its meaning between check and connection. */
const guardedLookup =
  (url: URL, listed: boolean): NonNullable<secure.RequestOptions["lookup"]> =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = found as unknown as ReadonlyArray<LookupAddress>
      if (error !== null) return callback(error, "", 0)
      const usable = listed ? addresses : addresses.filter(({ address }) => isOpen(address))
      const [first] = usable
      if (first === undefined)
        return callback(
          new EgressDenied({
            url: shown(url),
            why: `'${hostname}' leads to a private address; list the host to allow it`
          }) as NodeJS.ErrnoException,
          "",
          0
        )
      if ((options as { all?: boolean }).all === true)
        return (callback as (error: null, all: ReadonlyArray<LookupAddress>) => void)(null, usable)
      callback(null, first.address, first.family)
    })
  }
