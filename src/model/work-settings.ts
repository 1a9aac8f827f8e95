/** What the settings of work are put together from. */
import type { Mapping } from "./ir.ts"

/** The settings of a built-in kind that may contain references. */
export const workSettings = (work: object): Mapping => {
  const { argv, url, headers, body } = work as Record<string, Mapping>
  return {
    ...(argv === undefined ? {} : { argv }),
    ...(url === undefined ? {} : { url }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body })
  }
}
