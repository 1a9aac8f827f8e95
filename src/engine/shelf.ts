/** Tasks and gates whose end somebody later decided not to count: they lie here until the fold comes to that decision. */
import { GatePlace, type Place } from "../actors/room.ts"
import { beginsAnew } from "../actors/saga.ts"
import type { RunAmended } from "../model/messages.ts"
import type { Owed } from "./owed.ts"

export class Shelf {
  readonly #places = new Map<string, { readonly place: Place; readonly by: number }>()

  /** Its end counts no more, because of the decision that is message `by`. */
  put(place: Place, by: number): void {
    place.actor?.send({ type: "shelve" })
    this.#places.set(place.path, { place, by })
  }

  /** The fold has come to the decision: what was shelved for it begins anew, or has the result that was given. */
  decide({ give, at }: RunAmended, seq: number, owed: Owed): void {
    for (const [path, { place, by }] of this.#places) {
      if (by !== seq) continue
      this.#places.delete(path)
      beginsAnew(place)
      place.generation = seq
      // what its time ended may have been out until now
      owed.forget(path)
      if (Object.hasOwn(give, path)) place.actor?.send({ type: "complete", value: give[path] } as never)
      else {
        place.actor?.send({ type: "requeue", at } as never)
        if (place instanceof GatePlace) place.hearEarly()
      }
    }
    for (const [path, value] of Object.entries(give)) {
      const actor = owed.find(path)?.actor
      if (actor?.getSnapshot().status === "active") actor.send({ type: "complete", value } as never)
    }
  }
}
