/** `troupe schema`: the JSON Schema of workflow files. */
import { jsonSchema } from "../../model/document.ts"
import type { Command } from "../commands.ts"
import { exitCodes, tell } from "../output.ts"

export const schema: Command = async () => {
  tell(JSON.stringify(jsonSchema(), null, 2))
  return exitCodes.ok
}
