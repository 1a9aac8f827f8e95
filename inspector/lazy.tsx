/** Parts of the page that come when they are first needed: what is seen first is seen sooner. */
import { useSignal } from "@preact/signals"
import type { ComponentType } from "preact"
import { useEffect } from "preact/hooks"

export const lazy = <P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> => {
  let known: ComponentType<P> | undefined
  return (props: P) => {
    const isHere = useSignal(known !== undefined)
    useEffect(() => {
      if (known !== undefined) return
      let isOld = false
      void load().then((component) => {
        known = component
        if (!isOld) isHere.value = true
      })
      return () => {
        isOld = true
      }
    }, [])
    if (!isHere.value || known === undefined) return <div class="empty is-loading" aria-busy="true" />
    const Known = known
    return <Known {...props} />
  }
}
