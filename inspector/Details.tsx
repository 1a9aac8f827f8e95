/** On the right: all there is to know at the moment about what is selected, and what can be done with it. */
import { useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { useEffect, useMemo, useRef } from "preact/hooks"
import type { ActorView, RunView, TaskView, View } from "../src/inspect/view.ts"
import type { Failure } from "../src/model/errors.ts"
import type { Json } from "../src/model/json.ts"
import { type Act, actorActs, definitionOf, runActs, taskActs, whyNothing } from "./acts.ts"
import { brief, clock, count, length, lines, many, plain, since, stateText } from "./format.ts"
import { Icon } from "./icons.tsx"
import { DiffTree, JsonTree } from "./Json.tsx"
import { overlay } from "./overlay.ts"
import { state } from "./state.ts"
import {
  actorLooks,
  attemptLooks,
  brokenLook,
  faultLook,
  pauseLooks,
  runLooks,
  StatusBadge,
  StatusIcon,
  taskLooks,
  undoLook
} from "./status.tsx"

export const Details = () => {
  const view = state.view.value
  const run = state.run.value
  const { task: path } = state.selection.value
  const key = state.actorKey.value
  const actor = key === undefined ? undefined : view?.actors.get(key)
  const task = path === undefined ? undefined : run?.tasks.get(path)
  return (
    <aside class="details" id="details" tabIndex={-1} aria-label="Details of what is selected">
      {view === undefined ? null : (
        <>
          {path !== undefined ? (
            <TaskDetails view={view} run={run} path={path} task={task} actor={actor} />
          ) : key !== undefined && actor !== undefined && actor.key !== run?.run ? (
            <ActorDetails actor={actor} />
          ) : run !== undefined ? (
            <RunDetails view={view} run={run} actor={view.actors.get(run.run)} />
          ) : (
            <p class="empty-line">Select a run, a task or an actor to see what is known of it.</p>
          )}
          <EventDetails />
        </>
      )}
    </aside>
  )
}

const Section = ({
  title,
  children,
  extra
}: {
  readonly title: string
  readonly children: ComponentChildren
  readonly extra?: ComponentChildren
}) => (
  <section class="part">
    <div class="part-head">
      <h3>{title}</h3>
      {extra}
    </div>
    {children}
  </section>
)

const Facts = ({ rows }: { readonly rows: ReadonlyArray<readonly [string, ComponentChildren] | undefined> }) => (
  <dl class="facts">
    {rows.map((row) =>
      row === undefined ? null : (
        <div key={row[0]}>
          <dt>{row[0]}</dt>
          <dd>{row[1]}</dd>
        </div>
      )
    )}
  </dl>
)

const Title = ({
  kind,
  name,
  children
}: {
  readonly kind: string
  readonly name: string
  readonly children: ComponentChildren
}) => (
  <header class="details-head">
    <span class="kicker">{kind}</span>
    <h2>
      <bdi title={plain(name, 1_000)}>{plain(name, 160)}</bdi>
    </h2>
    <div class="details-badges">{children}</div>
  </header>
)

const RunDetails = ({
  view,
  run,
  actor
}: {
  readonly view: View
  readonly run: RunView
  readonly actor: ActorView | undefined
}) => {
  const counts = new Map<TaskView["status"], number>()
  for (const { status } of run.tasks.values()) counts.set(status, (counts.get(status) ?? 0) + 1)
  return (
    <>
      <Title kind="Run" name={run.run}>
        <StatusBadge look={runLooks[run.status]} />
        <span class="faint">
          <bdi>{plain(run.workflow, 80)}</bdi>
        </span>
      </Title>
      <Acts acts={runActs(whereOf(view, run, undefined, actor))} />
      {run.error === undefined ? null : (
        <FailureBox
          title={run.error.task === "" ? "Why it failed" : `Failed in ${plain(run.error.task, 80)}`}
          failure={run.error}
          task={run.error.task}
        />
      )}
      <Facts
        rows={[
          ["Submitted", clock(run.submittedAt)],
          run.endedAt === undefined ? undefined : ["Ended", clock(run.endedAt)],
          ["Took", length((run.endedAt ?? state.t.value) - run.submittedAt)],
          ["Messages", count(run.messages)],
          ["Definition", <code key="hash">{plain(run.hash, 16)}</code>]
        ]}
      />
      <ul class="counts" aria-label="Tasks by status">
        {[...counts].map(([status, n]) => (
          <li key={status}>
            <StatusIcon look={taskLooks[status]} size={13} />
            <span class="num">{count(n)}</span> {taskLooks[status].label.toLowerCase()}
          </li>
        ))}
      </ul>
      {run.faults.length === 0 ? null : (
        <Section title="Faults">
          <ul class="lines">
            {run.faults.slice(-20).map((fault) => (
              <li key={fault.seq}>
                <button type="button" class="line-button s-fault" onClick={() => state.goTo(fault.seq + 1)}>
                  <StatusIcon look={fault.broken === undefined ? faultLook : brokenLook} size={13} />
                  <bdi>{plain(fault.text, 300)}</bdi>
                  {fault.broken === undefined ? null : <span class="tone">breaks {plain(fault.broken, 40)}</span>}
                </button>
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title="Input">
        <JsonTree value={run.input} label="Input of the run" openTo={2} />
      </Section>
      {run.output === undefined ? null : (
        <Section title="Output">
          <JsonTree value={run.output} label="Output of the run" openTo={2} />
        </Section>
      )}
      {run.critical.length === 0 || run.endedAt !== undefined ? null : (
        <Section title="Longest path that is left">
          <ol class="path">
            {run.critical.slice(0, 40).map((path) => (
              <li key={path}>
                <button type="button" class="link" onClick={() => state.selectTask(path)}>
                  <bdi>{plain(path, 60)}</bdi>
                </button>
              </li>
            ))}
            {run.critical.length > 40 ? <li class="faint">{many(run.critical.length - 40, "more task")}</li> : null}
          </ol>
        </Section>
      )}
      {actor === undefined ? null : <ActorParts actor={actor} />}
    </>
  )
}

const TaskDetails = ({
  view,
  run,
  path,
  task,
  actor
}: {
  readonly view: View
  readonly run: RunView | undefined
  readonly path: string
  readonly task: TaskView | undefined
  readonly actor: ActorView | undefined
}) => {
  const known = run === undefined ? undefined : definitionOf(view.definitions.get(run.hash), path)
  const definition = known as (typeof known & { readonly kind?: string; readonly task?: string }) | undefined
  return (
    <>
      <Title kind={task?.isUndo === true ? "Takes back" : (definition?.kind ?? "Task")} name={path}>
        {task === undefined ? (
          <span class="faint">not known at this moment</span>
        ) : (
          <StatusBadge look={taskLooks[task.status]} />
        )}
        {task?.isUndo === true ? <StatusBadge look={undoLook} /> : null}
      </Title>
      {run === undefined || task === undefined ? null : <Acts acts={taskActs(whereOf(view, run, task, actor))} />}
      {task?.failure === undefined || task.status === "succeeded" ? null : (
        <FailureBox title={task.status === "failed" ? "Failure" : "Its last attempt failed"} failure={task.failure} />
      )}
      {task === undefined ? null : (
        <Facts
          rows={[
            ["Since", task.since === undefined ? "–" : `${clock(task.since)} (${since(task.since, run!.submittedAt)})`],
            task.endedAt === undefined ? undefined : ["Ended", clock(task.endedAt)],
            task.since === undefined ? undefined : ["Took", length((task.endedAt ?? state.t.value) - task.since)],
            run!.critical.includes(path) && run!.endedAt === undefined
              ? ["Critical", "on the longest path that is left"]
              : undefined
          ]}
        />
      )}
      {task === undefined || task.attempts.length === 0 ? null : (
        <Attempts task={task} t={state.t.value} start={run!.submittedAt} />
      )}
      {task === undefined || task.pauses.length === 0 ? null : (
        <Pauses task={task} t={state.t.value} start={run!.submittedAt} />
      )}
      {task?.value === undefined ? null : (
        <Section title="Value">
          <JsonTree value={task.value} label="Value that it gave" openTo={2} />
        </Section>
      )}
      {definition === undefined ? null : (
        <Section title="Definition">
          <JsonTree value={definition as unknown as Json} label="Definition of the task" openTo={1} />
        </Section>
      )}
      {actor === undefined ? null : <ActorParts actor={actor} />}
    </>
  )
}

const ActorDetails = ({ actor }: { readonly actor: ActorView }) => (
  <>
    <Title kind={`Actor: ${plain(actor.logic, 40)}`} name={actor.key}>
      <StatusBadge look={actorLooks[actor.status]} />
    </Title>
    <Acts acts={actorActs({ hello: state.hello.value, isConnected: state.connection.value.state === "open" }, actor)} />
    <Facts
      rows={[["Since", clock(actor.since)], actor.task === undefined ? undefined : ["Task", plain(actor.task, 120)]]}
    />
    <ActorParts actor={actor} />
  </>
)

/** State, context, and what the last step of the actor changed in it. */
const ActorParts = ({ actor }: { readonly actor: ActorView }) => (
  <>
    <Section
      title="Statechart"
      extra={
        <button
          type="button"
          class="link"
          onClick={() => {
            state.tab.value = "chart"
          }}
        >
          {plain(actor.logic, 40)}
        </button>
      }
    >
      <Facts
        rows={[
          ["State", <code key="state">{stateText(actor.value) || "–"}</code>],
          actor.edge === undefined
            ? undefined
            : [
                "Last edge",
                <button key="edge" type="button" class="link" onClick={() => state.goTo(actor.edge!.seq + 1)}>
                  {plain(actor.edge.event, 60)}
                </button>
              ]
        ]}
      />
    </Section>
    <ContextDiff actor={actor} />
    {actor.context === undefined ? null : (
      <Section title="Context">
        <JsonTree value={actor.context} label="Context of the actor" openTo={1} />
      </Section>
    )}
    {actor.output === undefined ? null : (
      <Section title="Output">
        <JsonTree value={actor.output} label="Output of the actor" openTo={2} />
      </Section>
    )}
    {actor.error === undefined ? null : (
      <Section title="Error">
        <JsonTree value={actor.error} label="Error of the actor" openTo={2} />
      </Section>
    )}
  </>
)

/** Looking at the moment before costs some thousand events: while things move quickly, not more often than this. */
const diffEveryMs = 200

const ContextDiff = ({ actor }: { readonly actor: ActorView }) => {
  const stream = state.stream.value
  const ready = useSignal({ key: "", seq: -1 })
  const shownAt = useRef(0)
  const { key, changed } = actor
  useEffect(() => {
    const wait = Math.max(0, diffEveryMs - (performance.now() - shownAt.current))
    const timer = setTimeout(
      () => {
        shownAt.current = performance.now()
        ready.value = { key, seq: changed }
      },
      state.moment.peek() === "live" ? wait : 0
    )
    return () => clearTimeout(timer)
  }, [key, changed])
  const { key: shownKey, seq } = ready.value
  const step = seq >= 0 && shownKey === key ? stream?.events[seq] : undefined
  const before = useMemo(
    () => (step?.kind === "step" ? stream!.timeline.at(seq).actors.get(key)?.context : undefined),
    [stream, step, key]
  )
  if (step?.kind !== "step") return null
  const patches = step.patches ?? []
  const after = step.seq === changed ? actor.context : undefined
  if (after === undefined) return null
  return (
    <Section
      title="Last change"
      extra={
        <button type="button" class="link num" title="Go to this event" onClick={() => state.goTo(step.seq + 1)}>
          {plain(step.event, 40)} · {count(step.seq)}
        </button>
      }
    >
      <DiffTree before={before} after={after} label={`What ${plain(step.event, 60)} changed in the context`} />
      {patches.length === 0 ? null : (
        <details class="fold">
          <summary>{many(patches.length, "patch", "patches")}</summary>
          <ul class="patches">
            {patches.slice(0, 100).map((patch, i) => (
              <li key={i}>
                <span class={`patch-op patch-${patch.op}`}>{patch.op}</span>{" "}
                <code>{plain(patch.path.join("."), 120) || "(all)"}</code>
                {patch.op === "remove" ? null : <bdi class="patch-value">{brief(patch.value, 160)}</bdi>}
              </li>
            ))}
            {patches.length > 100 ? (
              <li class="faint">{many(patches.length - 100, "more patch", "more patches")}</li>
            ) : null}
          </ul>
        </details>
      )}
    </Section>
  )
}

const Attempts = ({ task, t, start }: { readonly task: TaskView; readonly t: number; readonly start: number }) => {
  const hasAgents = task.attempts.some(({ agent }) => agent !== undefined)
  const longest = Math.max(1, ...task.attempts.map(({ startedAt, endedAt }) => (endedAt ?? t) - startedAt))
  return (
    <Section title="Attempts" extra={<span class="faint num">{task.attempts.length}</span>}>
      <table class="small-table">
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
            {hasAgents ? <th scope="col">Agent</th> : null}
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          {task.attempts.slice(-50).map(({ attempt, startedAt, endedAt, outcome, agent, failure, isForgotten }) => {
            const look = attemptLooks[outcome ?? "running"]
            const took = (endedAt ?? t) - startedAt
            return (
              <tr key={`${attempt}-${startedAt}`} class={isForgotten ? "is-forgotten" : ""}>
                <td class="num">{attempt}</td>
                <td class="num" title={clock(startedAt)}>
                  {since(startedAt, start)}
                </td>
                <td class="num">
                  {length(took)}
                  <svg
                    class={`took ${look.className}`}
                    viewBox="0 0 40 3"
                    width="40"
                    height="3"
                    preserveAspectRatio="none"
                    aria-hidden="true"
                  >
                    <rect width={Math.max(1, (took / longest) * 40)} height="3" />
                  </svg>
                </td>
                {hasAgents ? (
                  <td>{agent === undefined ? <span class="faint">–</span> : <bdi>{plain(agent, 40)}</bdi>}</td>
                ) : null}
                <td>
                  <span class={`outcome ${look.className}`}>
                    <StatusIcon look={look} size={13} />
                    <span>{failure?.code === undefined ? look.label : plain(failure.code, 30)}</span>
                  </span>
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {task.attempts.length > 50 ? (
        <p class="quiet">{many(task.attempts.length - 50, "earlier attempt")} not shown</p>
      ) : null}
    </Section>
  )
}

const Pauses = ({ task, t, start }: { readonly task: TaskView; readonly t: number; readonly start: number }) => (
  <Section title="Waits">
    <table class="small-table">
      <thead>
        <tr>
          <th scope="col">For</th>
          <th scope="col">From</th>
          <th scope="col">Waited</th>
        </tr>
      </thead>
      <tbody>
        {task.pauses.slice(-30).map((pause) => (
          <tr key={`${pause.for}-${pause.from}`}>
            <td>
              <span class={`outcome ${pauseLooks[pause.for].className}`}>
                <StatusIcon look={pauseLooks[pause.for]} size={13} />
                <span>{pauseLooks[pause.for].label}</span>
              </span>
            </td>
            <td class="num" title={clock(pause.from)}>
              {since(pause.from, start)}
            </td>
            <td class="num">
              {length((pause.to ?? t) - pause.from)}
              {pause.to === undefined ? (
                <span class="faint">
                  {pause.dueAt === undefined ? " so far" : ` of ${length(pause.dueAt - pause.from)}`}
                </span>
              ) : null}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Section>
)

const FailureBox = ({
  title,
  failure,
  task
}: {
  readonly title: string
  readonly failure: Pick<Failure, "message"> & Partial<Failure>
  readonly task?: string
}) => (
  <div class="failure s-failed">
    <div class="failure-head">
      <StatusIcon look={taskLooks.failed} />
      {task === undefined || task === "" ? (
        <strong>{title}</strong>
      ) : (
        <button type="button" class="link" onClick={() => state.selectTask(task)}>
          {title}
        </button>
      )}
      {failure.code === undefined ? null : <code>{plain(failure.code, 60)}</code>}
    </div>
    <p>
      <bdi>{lines(failure.message, 2_000)}</bdi>
    </p>
    {failure.givenUp === undefined ? null : (
      <p class="quiet">
        {failure.givenUp === "budget"
          ? "Not tried again: there were too many retries of its kind."
          : "Not tried again: it was too late."}
      </p>
    )}
    {failure.stack === undefined ? null : (
      <details class="fold">
        <summary>Where</summary>
        <pre>{lines(failure.stack, 8_000)}</pre>
      </details>
    )}
    {failure.data === undefined ? null : <JsonTree value={failure.data} label="What the failure says of itself" />}
  </div>
)

const whereOf = (view: View, run: RunView, task: TaskView | undefined, actor: ActorView | undefined) => ({
  hello: state.hello.value,
  isConnected: state.connection.value.state === "open",
  isLive: state.moment.value === "live" || state.seq.value >= state.length.value,
  view,
  run,
  task,
  actor,
  stream: state.stream.value!,
  seq: state.seq.value
})

/** What can be done. What cannot be is there too, and says why. */
export const Acts = ({ acts }: { readonly acts: ReadonlyArray<Act> }) => {
  const never = whyNothing({ hello: state.hello.value, isConnected: state.connection.value.state === "open" })
  if (acts.length === 0 || state.hello.value?.source === "recording") return null
  return (
    <div class="acts" role="toolbar" aria-label="What can be done">
      {acts.map((act) => (
        <button
          key={act.id}
          type="button"
          class={`act ${act.isDangerous === true ? "is-dangerous" : ""}`}
          aria-disabled={act.whyNot !== undefined}
          title={act.whyNot ?? act.about}
          onClick={() => {
            if (act.whyNot === undefined) overlay.act(act)
            else state.spoken.value = `Not now: ${act.whyNot}`
          }}
        >
          <Icon name={act.icon} size={13} />
          {act.label}
          {act.whyNot === undefined ? null : <span class="sr">, not now: {act.whyNot}</span>}
        </button>
      ))}
      {never === undefined ? null : (
        <p class="acts-why">
          <Icon name="lock" size={12} />
          {never}
        </p>
      )}
    </div>
  )
}

/** The event at the moment itself. */
const EventDetails = () => {
  const event = state.event.value
  if (event === undefined) return null
  const { seq, t, kind, cause, ...rest } = event
  return (
    <Section title="Event at the moment" extra={<span class="faint num">{count(seq)}</span>}>
      <Facts
        rows={[
          ["Kind", kind],
          ["At", clock(t)],
          cause === undefined || cause === seq
            ? undefined
            : [
                "Because of",
                <button key="cause" type="button" class="link num" onClick={() => state.goTo(cause + 1)}>
                  event {count(cause)}
                </button>
              ]
        ]}
      />
      <JsonTree key={seq} value={rest as unknown as Json} label="The event" openTo={1} />
    </Section>
  )
}
