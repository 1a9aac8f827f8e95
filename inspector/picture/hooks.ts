/** What pictures need of the browser: their size, and one call a frame. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { Size } from "./camera.ts"

/** The size of an element; undefined until it is known. */
export const useSize = (): [{ current: HTMLDivElement | null }, Size | undefined] => {
  const ref = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState<Size | undefined>(undefined)
  useEffect(() => {
    const element = ref.current
    if (element === null) return
    const look = () => {
      const { clientWidth: width, clientHeight: height } = element
      if (width > 0 && height > 0)
        setSize((before) => (before?.width === width && before.height === height ? before : { width, height }))
    }
    look()
    const observer = new ResizeObserver(look)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return [ref, size]
}

/** Asks for a call in the next frame; asking twice is asking once. The last function that was given is called. */
export const useFrame = (draw: () => void): (() => void) => {
  const last = useRef(draw)
  last.current = draw
  const asked = useRef(0)
  useEffect(() => () => cancelAnimationFrame(asked.current), [])
  return useRef(() => {
    if (asked.current !== 0) return
    asked.current = requestAnimationFrame(() => {
      asked.current = 0
      last.current()
    })
  }).current
}

export const isStill = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches
