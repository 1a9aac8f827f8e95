/** What a child is told to do. */
export type Order = Work | Migrate | Leave | { readonly duty: "nothing" }

export interface Work {
  readonly duty: "work"
  /** Path of the store. */
  readonly store: string
  /** Where acknowledgements and deeds are written. */
  readonly log: string
  /** Database of the agency that trips are booked at. */
  readonly agency?: string
  /** Whether the breaker is watched. */
  readonly guarded?: boolean
  /** The how-maniest program on this store it is, from 1. */
  readonly life: number
  readonly seed: string
  /**
   * `load`: submit, steer and never end. `single`: the same with one task at a time in the whole program, and nobody who steers.
   * `hold`: submit so many runs that only wait. `trips`, `payments`: as `load`, with these runs alone. `finish`: bring everything to
   * its end, then close.
   */
  readonly mode: "load" | "single" | "hold" | "trips" | "payments" | "finish"
  /** Runs that are submitted at most. */
  readonly runs: number
  readonly leaseMs?: number
  /** Try again until the owner before has let go, and say what was heard meanwhile. */
  readonly insist?: boolean
}

export interface Migrate {
  readonly duty: "migrate"
  readonly store: string
  /** Whether it waits for its end afterwards. */
  readonly stays: boolean
}

export interface Leave {
  readonly duty: "leave"
  readonly store: string
  readonly run: string
}
