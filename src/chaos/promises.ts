/** The sentences behind the numbers (docs/GUARANTEES.md), as short as a failure can tell them. */
export const promises: { readonly [number: string]: string } = {
  G01: "an acknowledged run is not lost",
  "G01 end": "an acknowledged run comes to its end",
  G02: "the same submission is the same run",
  G03: "an attempt is called again only after its owner died, with a higher delivery",
  G04: "one result per task, one end per run",
  G06: "nothing is done before what asks for it is written",
  G07: "a run is what its messages say",
  G08: "a task starts only when what it waits for is written",
  G09: "at most so many attempts",
  G12: "after cancel no attempt begins",
  G13: "while paused no attempt begins",
  G16: "crashes, full disks and new owners do not change what comes out",
  G24: "one owner at a time",
  G36: "a task or an observer that throws reaches nobody else",
  G37: "what was told stays true",
  always: "your invariant",
  finally: "your invariant at the end",
  determinism: "the same plan gives the same story"
}
