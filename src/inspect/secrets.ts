/** What looks like a secret: names of fields, and text. */

/** What stands in the place of one. */
export const hidden = "[redacted]"

const words = new Set(
  (
    "password passwords passwd passphrase passcode pwd secret secrets token tokens authorization authentication cookie cookies " +
    "credential credentials apikey apikeys jwt bearer otp totp cvv cvc ssn hmac signature privatekey accesskey secretkey sessionid " +
    "authtoken clientsecret xapikey"
  ).split(" ")
)
const whole = new Set(["auth", "pass", "pin", "dsn"])
const pairs = new Set([
  "api key",
  "api keys",
  "access key",
  "private key",
  "secret key",
  "signing key",
  "encryption key",
  "master key",
  "account key",
  "session id",
  "session key",
  "connection string",
  "pass word",
  "pass phrase"
])

/** Words whose values are secret only as text: a model counts its tokens. */
const counted = new Set(["token", "tokens", "signature", "cookies", "secrets", "credentials"])

export type Secrecy = "open" | "text" | "all"

const wordsOf = (key: string): ReadonlyArray<string> =>
  key
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2")
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word !== "")

/** Longest name that is looked at; a longer one is no name. */
const keyMost = 200
const knownMost = 10_000

/** How secret the value behind a name is; `more` are further names. */
export const secrecy = (more: ReadonlyArray<string> = []): ((key: string) => Secrecy) => {
  const further = new Set(more.map((key) => wordsOf(key).join(" ")))
  // names come again and again: each is taken apart once
  const known = new Map<string, Secrecy>()
  const judge = (key: string): Secrecy => {
    const parts = wordsOf(key)
    const phrase = parts.join(" ")
    if (further.has(phrase) || whole.has(phrase)) return "all"
    let found: Secrecy = "open"
    for (let i = 0; i < parts.length; i++) {
      const one = parts[i]!
      const two = `${one} ${parts[i + 1] ?? ""}`
      if (pairs.has(two) || further.has(one) || further.has(two)) return "all"
      if (!words.has(one)) continue
      if (!counted.has(one)) return "all"
      found = "text"
    }
    return found
  }
  return (key) => {
    if (key.length > keyMost) return "open"
    const before = known.get(key)
    if (before !== undefined) return before
    const found = judge(key)
    if (known.size < knownMost) known.set(key, found)
    return found
  }
}

/**
 * Secrets inside text: headers, keys of well-known services, JSON Web Tokens, private keys, passwords in addresses. Every pattern is
 * anchored and without nested repeats, so that no text takes longer than its length.
 */
const quote = "(?:\\\\{0,3}[\"'])"
const value = `(\\\\{0,3}"[^"]{1,2000}"|\\\\{0,3}'[^']{1,2000}'|[^\\s"',;&}\\]]{4,2000})`
const named = (word: string, but = "") =>
  new RegExp(`\\b([\\w-]{0,40}(?:${word})s?${quote}?\\s{0,3}[:=]\\s{0,3})${but}${value}`, "gi")
const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g,
    `-----BEGIN PRIVATE KEY----- ${hidden}`
  ],
  [/\b((?:proxy-)?authorization["']?\s{0,3}[:=,]\s{0,3}["']?)[^\r\n"'}\]]+/gi, `$1${hidden}`],
  [/\b((?:set-)?cookie["']?\s{0,3}[:=,]\s{0,3}["']?)[^\r\n"'}\]]+/gi, `$1${hidden}`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${hidden}`],
  [/([a-z][a-z\d+.-]{0,30}:\/\/)[^\s/?#@:]{0,200}:[^\s/?#@]{1,500}@/gi, `$1${hidden}@`],
  [named("password|passwd|passphrase|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credential"), `$1${hidden}`],
  // a model counts its tokens
  [named("token", "(?!\\d+(?:\\.\\d+)?\\b)"), `$1${hidden}`],
  [/\b(?:sk[-_]|rk_live_|rk_test_)[\w-]{8,}/g, hidden],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|npm_|hf_|AIza|ya29\.)[\w.-]{10,}/g, hidden],
  [/\b(?:AKIA|ASIA)[A-Z\d]{16}\b/g, hidden],
  [/\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?/g, hidden]
]

/** Whether it is worth looking: most text has none of these. */
const hint =
  /pass|pwd|secret|token|key|credential|authoriz|cookie|bearer|basic|:\/\/|sk[-_]|rk_|gh[pousr]_|github_pat|glpat|xox|npm_|hf_|AIza|ya29|AKIA|ASIA|eyJ/i

/** Text without the secrets that can be recognised in it. */
export const withoutSecrets = (text: string): string => {
  if (text.length < 8 || !hint.test(text)) return text
  let found = text
  for (const [pattern, instead] of patterns) found = found.replace(pattern, instead)
  return found
}
