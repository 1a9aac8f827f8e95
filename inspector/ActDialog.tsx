/** Asks for what an act needs and why it is done, shows what would come of it, does it, and says what came of it. */
import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import type { Ask } from "../src/inspect/protocol.ts"
import type { Json } from "../src/model/json.ts"
import type { Act, Question } from "./acts.ts"
import { type Field, fieldsOf, parsed, valueOf } from "./form.ts"
import { brief, many, plain } from "./format.ts"
import { Icon } from "./icons.tsx"
import { JsonTree } from "./Json.tsx"
import { overlay } from "./overlay.ts"
import { type Answer, state } from "./state.ts"

/** Most tasks that are named in a preview. */
const namedMost = 12
/** What is written is asked about when nothing was typed for this long. */
const previewAfterMs = 250

export const ActDialog = ({ act }: { readonly act: Act }) => {
  const box = useRef<HTMLDialogElement>(null)
  const why = useSignal("")
  const written = useSignal<{ readonly [field: string]: string | boolean }>({})
  const wrong = useSignal<string | undefined>(undefined)
  const preview = useSignal<Answer | "asking" | undefined>(undefined)
  const outcome = useSignal<Answer | "asking" | undefined>(undefined)
  // before anybody can press a key; closing it gives the focus back to where it was
  useLayoutEffect(() => {
    box.current?.showModal()
  }, [])

  const made = compose(act, written.value)
  const key = JSON.stringify("fields" in made ? made.fields : null)
  useEffect(() => {
    if (!("fields" in made)) {
      preview.value = undefined
      return
    }
    let isOld = false
    preview.value = "asking"
    const timer = setTimeout(() => {
      void state.wire?.ask(askOf(act, made.fields, ""), true).then((answer) => {
        if (!isOld) preview.value = answer
      })
    }, previewAfterMs)
    return () => {
      isOld = true
      clearTimeout(timer)
    }
  }, [key])

  const submit = async (event: Event) => {
    event.preventDefault()
    if (outcome.value === "asking" || state.wire === undefined) return
    if (!("fields" in made)) {
      wrong.value = made.wrong
      return
    }
    wrong.value = undefined
    outcome.value = "asking"
    const answer = await state.wire.ask(askOf(act, made.fields, why.value), false)
    outcome.value = answer
    state.spoken.value = answer.ok ? `${act.label}: done` : `${act.label}: ${answer.error.message}`
  }
  const isDone = outcome.value !== undefined && outcome.value !== "asking" && outcome.value.ok
  return (
    <dialog ref={box} class="dialog" aria-labelledby="act-title" onClose={overlay.close}>
      <form onSubmit={submit} class="act-form">
        <header class="dialog-head">
          <Icon name={act.icon} />
          <h2 id="act-title">{act.label}</h2>
          <span class="faint">
            <bdi>
              {plain(String(act.fields["task"] ?? act.fields["gate"] ?? act.fields["breaker"] ?? act.run ?? ""), 60)}
            </bdi>
          </span>
          <button type="button" class="tool" aria-label="Close" onClick={() => box.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        <div class="dialog-body">
          <p>{act.about}</p>
          {act.show === undefined ? null : (
            <fieldset class="shown">
              <legend>What it shows</legend>
              <JsonTree value={act.show} label="What the gate shows" openTo={3} />
            </fieldset>
          )}
          {isDone ? null : (
            <>
              {act.asks.map((question) => (
                <Asked
                  key={question.field}
                  question={question}
                  written={written.value}
                  onWrite={(field, value) => {
                    wrong.value = undefined
                    written.value = { ...written.value, [field]: value }
                  }}
                />
              ))}
              <label class="row">
                <span class="row-label">Why</span>
                <input
                  class="field"
                  type="text"
                  maxLength={1_000}
                  placeholder="kept in the history of the run"
                  value={why.value}
                  onInput={({ currentTarget }) => {
                    why.value = currentTarget.value
                  }}
                />
              </label>
              <PreviewBox preview={preview.value} />
            </>
          )}
          <div role="status" aria-live="polite">
            {wrong.value === undefined ? null : <p class="note s-failed">{wrong.value}</p>}
            <Outcome outcome={outcome.value} />
          </div>
        </div>
        <footer class="dialog-foot">
          {isDone ? (
            <button type="button" class="button is-main" onClick={() => box.current?.close()}>
              Close
            </button>
          ) : (
            <>
              <button type="button" class="button" onClick={() => box.current?.close()}>
                Not now
              </button>
              <button
                type="submit"
                class={`button is-main ${act.isDangerous === true ? "is-dangerous" : ""}`}
                disabled={outcome.value === "asking"}
              >
                {outcome.value === "asking" ? "Asking …" : act.label}
              </button>
            </>
          )}
        </footer>
      </form>
    </dialog>
  )
}

const PreviewBox = ({ preview }: { readonly preview: Answer | "asking" | undefined }) => {
  if (preview === undefined) return null
  if (preview === "asking") return <p class="preview quiet">Looking at what would come of it …</p>
  if (!preview.ok)
    return (
      <p class="preview note s-waiting">
        <Icon name="warn" size={14} /> {plain(preview.error.message, 400)}
      </p>
    )
  const { preview: told } = preview
  if (told === undefined) return null
  return (
    <div class="preview">
      <strong>{plain(told.text, 400)}</strong>
      {told.tasks.length === 0 ? null : (
        <p class="preview-tasks">
          {told.tasks.slice(0, namedMost).map((path) => (
            <code key={path}>{plain(path, 60)}</code>
          ))}
          {told.tasks.length > namedMost ? (
            <span class="faint">and {many(told.tasks.length - namedMost, "more task")}</span>
          ) : null}
        </p>
      )}
    </div>
  )
}

const Outcome = ({ outcome }: { readonly outcome: Answer | "asking" | undefined }) => {
  if (outcome === undefined || outcome === "asking") return null
  if (!outcome.ok)
    return (
      <p class="note s-failed">
        <Icon name="warn" size={14} /> <code>{plain(outcome.error.code, 60)}</code> {plain(outcome.error.message, 600)}
      </p>
    )
  return (
    <p class="note s-succeeded">
      <Icon name="check" size={14} /> Done
      {outcome.value === undefined || outcome.value === null ? "" : `: ${brief(outcome.value, 200)}`}
    </p>
  )
}

interface AskedProps {
  readonly question: Question
  readonly written: { readonly [field: string]: string | boolean }
  readonly onWrite: (field: string, value: string | boolean) => void
}

const Asked = ({ question, written, onWrite }: AskedProps) => {
  const { field, label } = question
  if (question.kind === "flag")
    return (
      <label class="row check">
        <input
          type="checkbox"
          checked={written[field] === true}
          onChange={({ currentTarget }) => onWrite(field, currentTarget.checked)}
        />
        {label}
      </label>
    )
  if (question.kind === "schema") {
    const fields = fieldsOf(question.schema)
    if (fields !== undefined)
      return (
        <fieldset class="shown">
          <legend>{label}</legend>
          {fields.map((one) => (
            <SchemaField
              key={one.name}
              field={one}
              value={written[`${field}.${one.name}`]}
              onWrite={(value) => onWrite(`${field}.${one.name}`, value)}
            />
          ))}
        </fieldset>
      )
  }
  const isOptional = question.kind !== "schema" && question.isOptional === true
  const hint = question.kind === "schema" ? undefined : question.hint
  return (
    <div class="row">
      <label class="row-label" for={`ask-${field}`}>
        {label}
        {isOptional ? <span class="faint"> (may be empty)</span> : null}
      </label>
      {question.kind === "text" ? (
        <input
          id={`ask-${field}`}
          class="field"
          type="text"
          value={String(written[field] ?? "")}
          onInput={({ currentTarget }) => onWrite(field, currentTarget.value)}
        />
      ) : (
        <textarea
          id={`ask-${field}`}
          class="field code"
          rows={4}
          spellcheck={false}
          placeholder='JSON: true, "text", {"amount": 3}'
          value={String(written[field] ?? "")}
          onInput={({ currentTarget }) => onWrite(field, currentTarget.value)}
        />
      )}
      {hint === undefined ? null : <span class="hint">{hint}</span>}
    </div>
  )
}

const SchemaField = ({
  field,
  value,
  onWrite
}: {
  readonly field: Field
  readonly value: string | boolean | undefined
  readonly onWrite: (value: string | boolean) => void
}) => {
  const { label, hint, kind, isRequired, choices } = field
  if (kind === "flag")
    return (
      <label class="row check">
        <input
          type="checkbox"
          checked={value === true}
          onChange={({ currentTarget }) => onWrite(currentTarget.checked)}
        />
        {plain(label)}
        {hint === undefined ? null : <span class="hint">{plain(hint, 300)}</span>}
      </label>
    )
  return (
    <div class="row">
      <label class="row-label" for={`field-${field.name}`}>
        {plain(label)}
        {isRequired ? <span class="needed"> needed</span> : null}
      </label>
      {kind === "choice" ? (
        <select
          id={`field-${field.name}`}
          class="field"
          value={String(value ?? "")}
          onChange={({ currentTarget }) => onWrite(currentTarget.value)}
        >
          <option value="">–</option>
          {choices.map((choice, i) => (
            <option key={brief(choice)} value={String(i)}>
              {typeof choice === "string" ? plain(choice) : brief(choice)}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={`field-${field.name}`}
          class="field"
          type="text"
          inputMode={kind === "text" ? "text" : "decimal"}
          value={String(value ?? "")}
          onInput={({ currentTarget }) => onWrite(currentTarget.value)}
        />
      )}
      {hint === undefined ? null : <span class="hint">{plain(hint, 300)}</span>}
    </div>
  )
}

/** The fields of the request, or what is still wrong with what was written. */
const compose = (
  act: Act,
  written: { readonly [field: string]: string | boolean }
): { readonly fields: { readonly [field: string]: Json } } | { readonly wrong: string } => {
  const fields: Record<string, Json> = { ...act.fields }
  for (const question of act.asks) {
    const { field, label } = question
    const given = written[field]
    if (question.kind === "flag") {
      if (given === true) fields[field] = true
      continue
    }
    if (question.kind === "schema") {
      const known = fieldsOf(question.schema)
      if (known !== undefined) {
        const own = Object.fromEntries(known.map(({ name }) => [name, written[`${field}.${name}`] ?? ""]))
        const answer = valueOf(known, own)
        if ("wrong" in answer) return answer
        fields[field] = answer.value
        continue
      }
    }
    const text = typeof given === "string" ? given : ""
    if (text.trim() === "") {
      if (question.kind !== "schema" && question.isOptional === true) continue
      return { wrong: `${label} is needed` }
    }
    if (question.kind === "text") fields[field] = text
    else {
      const answer = parsed(text)
      if ("wrong" in answer) return { wrong: `${label}: ${answer.wrong}` }
      fields[field] = answer.value
    }
  }
  return { fields }
}

const askOf = ({ verb, run }: Act, fields: { readonly [field: string]: Json }, why: string): Ask => ({
  verb,
  ...(run === undefined ? {} : { run }),
  ...(Object.keys(fields).length === 0 ? {} : { fields }),
  ...(why.trim() === "" ? {} : { why: why.trim() })
})
