/**
 * What application statements may say inside a transaction of ours. Reads a statement as SQLite does (comments, four kinds of
 * quotes, trigger bodies), so that nothing hides; never executes anything. It keeps mistakes away from runs; it is no fence
 * against code of this process, which could open the file by itself.
 */
import { StatementRefused } from "../../model/errors.ts"

/** Throws `StatementRefused` for a text that is not one statement (with `many`: any number) about the application's own tables. */
export const requireAllowed = (sql: string, many: boolean): void => {
  const refuse = (why: StatementRefused["why"], word: string): never => {
    throw new StatementRefused({ why, word, sql })
  }
  let statement = beginning
  let statements = 0
  let depth = 0
  for (const { kind, text } of tokens(sql)) {
    if (text === "(") depth++
    if (text === ")") depth--
    if (kind === "semicolon") {
      // a virtual table would take it for a part of its settings, and we for the end of a statement
      if (depth !== 0) refuse("several", text)
      statement = statement.inTrigger ? { ...statement, first: undefined } : beginning
      continue
    }
    if (kind === "quoted" || kind === "word") {
      if (isOurs(text)) refuse("ours", text)
    }
    const word = kind === "word" ? text.toUpperCase() : text
    // RAISE(ROLLBACK), OR ROLLBACK, ON CONFLICT ROLLBACK: wherever it stands
    if (kind === "word" && word === "ROLLBACK") refuse("control", word)
    if (statement.position === 0 && ++statements > 1 && !many) refuse("several", text)
    statement = next(statement, word, (found) => refuse("control", found))
  }
}

/** Names that begin so are ours; SQLite does not look at upper and lower case. */
const isOurs = (name: string) => name.slice(0, 7).toLowerCase() === "troupe_"

const control = new Set([
  "BEGIN",
  "COMMIT",
  "END",
  "ROLLBACK",
  "SAVEPOINT",
  "RELEASE",
  "PRAGMA",
  "ATTACH",
  "DETACH",
  "VACUUM"
])

/** Where in a statement we are. */
interface Statement {
  /** Tokens of it so far. */
  readonly position: number
  /** Its first word, without EXPLAIN; inside a trigger the first word of the part. Undefined while there is none. */
  readonly first: string | undefined
  /** A trigger goes on behind semicolons, up to its END. */
  readonly inTrigger: boolean
}
const beginning: Statement = { position: 0, first: undefined, inTrigger: false }

const next = ({ position, first, inTrigger }: Statement, word: string, refuse: (word: string) => never): Statement => {
  const after = position + 1
  if (first === undefined) {
    if (inTrigger && word === "END") return { position: after, first: word, inTrigger: false }
    if (!inTrigger && explaining.has(word)) return { position: after, first: undefined, inTrigger }
    if (!inTrigger && control.has(word)) return refuse(word)
    return { position: after, first: word, inTrigger }
  }
  if (first === "CREATE" && !inTrigger) {
    if (word === "TEMP" || word === "TEMPORARY") return { position: after, first, inTrigger }
    return { position: after, first: `CREATE ${word}`, inTrigger: word === "TRIGGER" }
  }
  return { position: after, first, inTrigger }
}
const explaining = new Set(["EXPLAIN", "QUERY", "PLAN"])

interface Token {
  readonly kind: "word" | "quoted" | "semicolon" | "other"
  /** Without quotes. Quotes inside stay doubled: no name of ours has one. */
  readonly text: string
}

const space = new Set([" ", "\t", "\n", "\f", "\r", "\uFEFF"])
const isWordStart = /[A-Za-z_\u0080-\uffff]/
const isWordPart = /[A-Za-z0-9_$\u0080-\uffff]/
const closing: Readonly<Record<string, string>> = { "'": "'", '"': '"', "`": "`", "[": "]" }

/** The tokens of a text, without spaces and comments. */
function* tokens(sql: string): Generator<Token> {
  let at = 0
  while (at < sql.length) {
    const char = sql[at]!
    if (space.has(char)) at++
    else if (sql.startsWith("--", at)) at = endOf(sql, "\n", at)
    else if (sql.startsWith("/*", at)) at = endOf(sql, "*/", at + 2)
    else if (char === ";") {
      yield { kind: "semicolon", text: char }
      at++
    } else if (closing[char] !== undefined) {
      const end = endOfQuoted(sql, closing[char], at)
      // a text in single quotes is a name where SQLite expects one
      yield { kind: "quoted", text: sql.slice(at + 1, end - 1) }
      at = end
    } else if (isWordStart.test(char)) {
      let end = at + 1
      while (end < sql.length && isWordPart.test(sql[end]!)) end++
      yield { kind: "word", text: sql.slice(at, end) }
      at = end
    } else {
      // numbers, signs and places for values; letters of a number or of a place are read as a word, which only refuses more
      yield { kind: "other", text: char }
      at++
    }
  }
}

/** Behind the next `mark`, or the end of the text: SQLite lets comments end with it. */
const endOf = (sql: string, mark: string, from: number): number => {
  const found = sql.indexOf(mark, from)
  return found === -1 ? sql.length : found + mark.length
}

const endOfQuoted = (sql: string, quote: string, from: number): number => {
  for (let at = from + 1; at < sql.length; at++) {
    if (sql[at] !== quote) continue
    if (quote !== "]" && sql[at + 1] === quote) at++
    else return at + 1
  }
  return sql.length + 1
}
