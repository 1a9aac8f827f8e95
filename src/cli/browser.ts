/** Opens a page in the browser of whoever sits here. No shell sees the address, and nothing waits for the browser. */
import { spawn } from "node:child_process"

const openers: {
  readonly [platform in NodeJS.Platform]?: readonly [program: string, ...before: ReadonlyArray<string>]
} = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"]
}

/** Whether somebody sits at a terminal here. */
export const isAttended = (): boolean =>
  process.stdout.isTTY === true && (process.env["CI"] === undefined || process.env["CI"] === "")

/** Does nothing where there is no browser: the address is printed as well. */
export const openBrowser = (url: string): void => {
  const [program, ...before] = openers[process.platform] ?? ["xdg-open"]
  const child = spawn(program, [...before, url], { shell: false, detached: true, stdio: "ignore" })
  child.on("error", () => {})
  child.unref()
}

/** Resolves when somebody interrupts; who is in a hurry may say it again. */
export const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      process.off("SIGINT", done)
      process.off("SIGTERM", done)
      resolve()
    }
    process.on("SIGINT", done)
    process.on("SIGTERM", done)
  })
