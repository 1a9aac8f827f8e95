/** The keys, and what icons, words and patterns mean. */
import { useLayoutEffect, useRef } from "preact/hooks"
import { Icon } from "./icons.tsx"
import { keyHelp } from "./keys.ts"
import { overlay } from "./overlay.ts"
import { allLooks, StatusIcon } from "./status.tsx"

export const Help = () => {
  const box = useRef<HTMLDialogElement>(null)
  // before anybody can press a key; closing it gives the focus back to where it was
  useLayoutEffect(() => {
    box.current?.showModal()
  }, [])
  return (
    <dialog ref={box} class="dialog help" aria-labelledby="help-title" onClose={overlay.close}>
      <header class="dialog-head">
        <Icon name="help" />
        <h2 id="help-title">Keys and signs</h2>
        <button type="button" class="tool" aria-label="Close" onClick={() => box.current?.close()}>
          <Icon name="close" />
        </button>
      </header>
      <section class="dialog-body help-body" tabIndex={0} aria-label="Keys and signs">
        {keyHelp.map(([group, keys]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl class="keys">
              {keys.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    {key
                      .split(" ")
                      .map((one) =>
                        one === "then" || one === "–" ? <span key={one}> {one} </span> : <kbd key={one}>{one}</kbd>
                      )}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Signs</h3>
          <ul class="signs">
            {allLooks.map((look) => (
              <li key={look.pattern}>
                <svg class={`swatch ${look.className}`} width="28" height="16" aria-hidden="true">
                  <rect width="28" height="16" rx="3" fill={`url(#${look.pattern})`} />
                </svg>
                <StatusIcon look={look} />
                {look.label}
              </li>
            ))}
          </ul>
        </section>
      </section>
    </dialog>
  )
}
