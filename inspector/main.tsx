/** The page: everything that is shown follows from the events of one stream, the moment that is looked at, and what is selected. */
import { render } from "preact"
import "./style/theme.css"
import "./style/page.css"
import { App } from "./app.tsx"
import { runFrames } from "./frames.ts"
import { startKeys } from "./keys.ts"
import { start } from "./link.ts"
import { state } from "./state.ts"
import { startTheme } from "./theme.ts"

startTheme(state)
startKeys()
start(state)
runFrames(state)
render(<App />, document.getElementById("app")!)
