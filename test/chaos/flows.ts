// Workflows that chaos is let loose on.
import { type Json, task, type, type Workflow, workflow } from "troupe"

const step = task("step", {
  in: type<Json>(),
  out: type<number>(),
  retry: { attempts: 3 },
  run: async (input) => JSON.stringify(input).length
})

/** Ten tasks in five layers. */
export const ten: Workflow<number, Json> = workflow("ten", type<number>())
  .task("a", step, ($) => $.input)
  .task("b", step, ($) => [$.a])
  .task("c", step, ($) => [$.a, 1])
  .task("d", step, ($) => [$.a, 2])
  .task("e", step, ($) => [$.b])
  .task("f", step, ($) => [$.b, $.c])
  .task("g", step, ($) => [$.d])
  .task("h", step, ($) => [$.e, $.f, $.g])
  .task("i", step, ($) => [$.h])
  .task("j", step, ($) => [$.h, 1])
  .returns(($) => [$.i, $.j])
