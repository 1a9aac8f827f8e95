/** Workflows for the fault tiers: known results, every kind of message, values in rows and beside them. */

import { workflow } from "../../src/model/builder.ts"
import { type } from "../../src/model/schemas.ts"
import { task } from "../../src/model/task.ts"

/** How often each attempt of a task was called in this process, by run, path and attempt. */
export const started = new Map<string, number>()

const counted = ({ run, task: path, attempt }: { run: string; task: string; attempt: number }): void => {
  const call = `${run}/${path}/${attempt}`
  started.set(call, (started.get(call) ?? 0) + 1)
}

const add = task("add", {
  in: type<{ readonly a: number; readonly b: number }>(),
  out: type<number>(),
  run: async ({ a, b }, context) => {
    counted(context)
    return a + b
  }
})
const shaky = task("shaky", {
  in: type<number>(),
  out: type<number>(),
  retry: { attempts: 3, base: 1, jitter: 0 },
  run: async (n, context) => {
    counted(context)
    if (context.attempt === 1) throw new RangeError("not yet")
    return n * 2
  }
})
const long = task("long", {
  in: type<number>(),
  out: type<string>(),
  run: async (n, context) => {
    counted(context)
    return String(n % 10).repeat(70_000)
  }
})

/** Ten tasks: a chain, a fan-out, a retry, and a join. */
export const ten = workflow("ten", type<number>())
  .task("a", add, ($) => ({ a: $.input, b: 1 }))
  .task("b", add, ($) => ({ a: $.a, b: 1 }))
  .task("c", add, ($) => ({ a: $.b, b: 10 }))
  .task("d", add, ($) => ({ a: $.b, b: 20 }))
  .task("e", add, ($) => ({ a: $.b, b: 30 }))
  .task("f", shaky, ($) => $.b)
  .task("g", add, ($) => ({ a: $.c, b: $.d }))
  .task("h", add, ($) => ({ a: $.e, b: $.f }))
  .task("i", add, ($) => ({ a: $.g, b: $.h }))
  .task("j", add, ($) => ({ a: $.i, b: 0 }))
  .returns(($) => $.j)

export const tenOf = (n: number): number => n + 2 + 10 + (n + 2 + 20) + (n + 2 + 30) + (n + 2) * 2

/** A value that does not stand in its row. */
export const large = workflow("large", type<number>())
  .task("a", long, ($) => $.input)
  .task("b", add, ($) => ({ a: $.input, b: 1 }), { after: ["a"] })
  .returns(($) => $.b)

export const largeOf = (n: number): number => n + 1
