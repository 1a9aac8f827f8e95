/** Icons of buttons and panes: strokes of 1.5 in a box of 16 by 16. */
const paths = {
  chevron: "M6 4l4 4l-4 4",
  down: "M4 6l4 4l4-4",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9zM10.5 10.5L14 14",
  help: "M6 6.2a2 2 0 1 1 2.9 1.9c-.6.3-.9.7-.9 1.4M8 12v0",
  sun: "M8 5.25a2.75 2.75 0 1 1 0 5.5a2.75 2.75 0 0 1 0-5.5zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13.5 9.6A5.75 5.75 0 0 1 6.4 2.5A5.75 5.75 0 1 0 13.5 9.6z",
  system: "M2 3.5h12v7.5H2zM6 13.5h4M8 11v2.5",
  play: "M5 3.25v9.5L12.5 8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  live: "M8 6.5a1.5 1.5 0 1 1 0 3a1.5 1.5 0 0 1 0-3zM4.9 4.9a4.4 4.4 0 0 0 0 6.2M11.1 4.9a4.4 4.4 0 0 1 0 6.2M2.8 2.8a7.4 7.4 0 0 0 0 10.4M13.2 2.8a7.4 7.4 0 0 1 0 10.4",
  first: "M11.5 3.5L7 8l4.5 4.5M4.5 3.5v9",
  last: "M4.5 3.5L9 8l-4.5 4.5M11.5 3.5v9",
  previous: "M10 3.5L5.5 8l4.5 4.5",
  next: "M6 3.5L10.5 8L6 12.5",
  graph: "M2 6h4v4H2zM10 2h4v4h-4zM10 10h4v4h-4zM6 8h2.5V4H10M8.5 8v4H10",
  timeline: "M2 3.5h6M5 8h7M9 12.5h5",
  chart: "M2 2.5h5v4H2zM9 9.5h5v4H9zM7 4.5h4.5v5",
  sequence: "M4 2v12M12 2v12M4 5.5h7.5M9.5 3.5l2 2l-2 2M12 11H4.5",
  shared: "M1.5 8h3L9.5 4.5M11.5 8h3M4.5 6v4M11.5 6v4",
  table: "M2 3h12v10H2zM2 6.5h12M2 9.75h12M6 3v10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  target: "M8 3a5 5 0 1 1 0 10a5 5 0 0 1 0-10zM8 1v4M8 11v4M1 8h4M11 8h4",
  retry: "M12.8 6.2A5.25 5.25 0 1 0 13.25 8.5M13.4 2.9l-.5 3.5l-3.5-.5",
  skip: "M3 3.5l5 4.5l-5 4.5zM9.5 3.5l5 4.5",
  check: "M3 8.5l3.25 3.25L13 4.75",
  stop: "M4 4h8v8H4z",
  back: "M6 3.5L2.5 7L6 10.5M2.5 7h7a4 4 0 0 1 0 8H8",
  signal: "M8 13.5V8M5 5a4.2 4.2 0 0 1 6 0M2.9 2.9a7.2 7.2 0 0 1 10.2 0M8 7v0",
  bolt: "M9.25 1.75L3.5 9h4l-.75 5.25L12.5 7h-4z",
  shield: "M8 1.9l5 1.9v3.7c0 3.2-2.1 5.5-5 6.6c-2.9-1.1-5-3.4-5-6.6V3.8z",
  left: "M2 3h12v10H2zM6 3v10",
  right: "M2 3h12v10H2zM10 3v10",
  bottom: "M2 3h12v10H2zM2 9.5h12",
  lock: "M4 7h8v6.5H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  agent: "M8 2.5a2.75 2.75 0 1 1 0 5.5a2.75 2.75 0 0 1 0-5.5zM2.75 13.75c.5-3 2.5-4.25 5.25-4.25s4.75 1.25 5.25 4.25",
  file: "M3.5 1.75h5.75L12.5 5v9.25h-9zM9 2v3.25h3.25",
  warn: "M8 2.25l6.25 11.25H1.75zM8 6.5v3M8 11.5v0"
} as const
export type IconName = keyof typeof paths

export const Icon = ({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) => (
  <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
)
