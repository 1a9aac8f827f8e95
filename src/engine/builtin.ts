/** The built-in kinds of work: what a document can do without code. `shell`, `http` and `module` run only where they are allowed. */
import { TroupeError } from "../model/errors.ts"
import type { BuiltinKind, FailWork, HttpWork, ModuleWork, ShellWork } from "../model/ir.ts"
import type { Json } from "../model/json.ts"
import type { TaskContext } from "../model/task.ts"

/** Which of the kinds that reach outside may run. */
export interface Allow {
  readonly shell?: boolean
  /** `true`: public hosts and this machine. A list: exactly these hosts (`host` or `host:port`), private ones too. */
  readonly http?: boolean | ReadonlyArray<string>
  /** The folder that modules may come from. */
  readonly module?: string
}

/** A document asks for a kind of work that was not allowed. */
export class KindNotAllowed extends TroupeError {
  readonly _tag = "KindNotAllowed"
  readonly code = "KIND_NOT_ALLOWED"
  readonly retryable = false
  readonly kind: string
  constructor({ kind }: { kind: string }) {
    super(
      `tasks of kind '${kind}' are not allowed here: allow them with --allow ${kind}, or Orchestrator.open({ allow: { ${kind}: … } }), if you trust the document`
    )
    this.kind = kind
  }
}

/** A task of kind `fail` failed, as it was asked to. */
export class Failed extends TroupeError {
  readonly _tag = "Failed"
  readonly code = "FAILED"
}

export type BuiltinContext = TaskContext & { readonly allow: Allow }
type Run = (work: any, input: Json | undefined, settings: any, context: BuiltinContext) => unknown

/** What each kind does. The kinds that reach outside are loaded when they are first used. */
export const builtins: Record<BuiltinKind, Run> = {
  noop: () => null,
  echo: (_, input) => input ?? null,
  fail: ({ error = "failed as asked", times = Number.POSITIVE_INFINITY }: FailWork, input, _, { attempt }) => {
    if (attempt <= times) throw new Failed(error)
    return input ?? null
  },
  shell: async (work: ShellWork, _, settings, context) => {
    if (context.allow.shell !== true) throw new KindNotAllowed({ kind: "shell" })
    return (await import("./shell.ts")).runShell(work, settings, context)
  },
  http: async (work: HttpWork, _, settings, context) => {
    const { http } = context.allow
    if (http === undefined || http === false) throw new KindNotAllowed({ kind: "http" })
    return (await import("./http.ts")).runHttp(work, settings, http, context)
  },
  module: async (work: ModuleWork, input, _, context) => {
    if (context.allow.module === undefined) throw new KindNotAllowed({ kind: "module" })
    return (await import("./module.ts")).runModule(work, input, context.allow.module, context)
  }
}

/** The kinds of a workflow that are not allowed, for `check` and before a run starts. */
export const isAllowed = (kind: string, allow: Allow): boolean => {
  switch (kind) {
    case "shell":
      return allow.shell === true
    case "http":
      return allow.http !== undefined && allow.http !== false
    case "module":
      return allow.module !== undefined
    default:
      return true
  }
}
