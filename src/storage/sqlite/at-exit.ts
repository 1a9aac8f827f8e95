/** What is still to be said when the process ends; one listener for all journals. */
const leaving = new Set<() => void>()
const leaveAll = () => {
  for (const one of leaving) one()
}

export const atExit = (one: () => void): void => {
  if (leaving.size === 0) process.on("exit", leaveAll)
  leaving.add(one)
}

export const notAtExit = (one: () => void): void => {
  if (leaving.delete(one) && leaving.size === 0) process.off("exit", leaveAll)
}
