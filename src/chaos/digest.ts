/** An execution as one number: the same in every process, or something from outside has its say. */
import { createHash } from "node:crypto"
import { canonical, type Json } from "../model/json.ts"
import type { Execution } from "./execution.ts"

/** SHA-256, in hex, over all that happened: the story line by line, the messages, the calls with their answers, and the end. */
export const digestOf = ({ story, messages, calls, outcome, violations }: Execution): string =>
  createHash("sha256")
    .update(
      canonical(
        JSON.parse(
          JSON.stringify(
            {
              story,
              messages,
              calls: calls.map(({ task, attempt, delivery, key, life, at, isDone, value = null }) => [
                task,
                attempt,
                delivery,
                key,
                life,
                at,
                isDone,
                value
              ]),
              outcome: outcome ?? null,
              violations
            },
            withoutStacks
          )
        ) as Json
      )
    )
    .digest("hex")

/** Stacks name files and lines of whoever runs it. */
const withoutStacks = (key: string, value: unknown): unknown => (key === "stack" ? undefined : value)
