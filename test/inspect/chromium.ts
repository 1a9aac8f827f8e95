// A real browser, where there is one: what only a browser does is tested in it.
import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

const executablePath = "/usr/bin/chromium"

/** Why tests of the browser do not run here; undefined where they do. */
export const noBrowser = existsSync(executablePath)
  ? undefined
  : `there is no ${executablePath}: install it ("apt-get install chromium") to test what only a browser does`

export const launch = (...args: ReadonlyArray<string>): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...args]
  })
