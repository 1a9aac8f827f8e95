/** The page: everything that is shown follows from the events of one stream, the moment that is looked at, and what is selected. */
import { render } from "preact"
import { App } from "./app.tsx"

render(<App />, document.getElementById("app")!)
