/** An icon of a button or a pane; a word stands beside it, or in its label. */
import { type IconName, iconPaths } from "./icon-paths.ts"

export type { IconName }

export const Icon = ({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) => (
  <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
    <path d={iconPaths[name]} />
  </svg>
)
