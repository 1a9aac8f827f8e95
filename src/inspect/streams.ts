/** Names of streams. */
import { StreamUnknown } from "./errors.ts"
import type { StreamId } from "./protocol.ts"

/** What a name means; throws `StreamUnknown` where it means nothing here. */
export const streamNamed = <K extends string>(
  stream: StreamId,
  kinds: ReadonlyArray<K>
): { readonly kind: K; readonly name: string } => {
  const at = stream.indexOf(":")
  const kind = at < 0 ? stream : stream.slice(0, at)
  const known = kinds.find((one) => one === kind)
  if (known === undefined) throw new StreamUnknown({ stream })
  return { kind: known, name: at < 0 ? "" : stream.slice(at + 1) }
}
