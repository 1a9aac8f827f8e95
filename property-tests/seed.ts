/** Where chance begins: anew each time for people, always the same where a run must be repeatable. `CHAOS_SEED` gives one back. */
export const seed = Number(process.env["CHAOS_SEED"] ?? (process.env["CI"] === undefined ? Date.now() % 1_000_000 : 1))
