// Look at any XState machine while it lives: one call, one option. Open the printed address; with `--stay` it goes on until Ctrl-C.
import { inspector } from "troupe/inspect"
import { createActor, createMachine } from "xstate"

await using seen = await inspector({ title: "crossing", onOpen: (url) => console.log(`open ${url}`) })

const toggle = createMachine({
  id: "toggle",
  initial: "off",
  states: { off: { on: { FLIP: "on" } }, on: { on: { FLIP: "off" } } }
})
const light = createMachine({
  id: "light",
  initial: "red",
  states: { red: { on: { NEXT: "green" } }, green: { on: { NEXT: "yellow" } }, yellow: { on: { NEXT: "red" } } }
})
const actors = [
  createActor(toggle, { id: "button", inspect: seen }),
  createActor(light, { id: "light", inspect: seen })
] as const
for (const actor of actors) actor.start()

const turn = () => {
  actors[0].send({ type: "FLIP" })
  actors[1].send({ type: "NEXT" })
}
if (process.argv.includes("--stay")) {
  setInterval(turn, 1_000)
  await new Promise((resolve) => process.once("SIGINT", resolve))
  process.exit(0)
}
for (let i = 0; i < 4; i++) turn()
console.log(actors.map((actor) => `${actor.id} is ${actor.getSnapshot().value}`).join(", ")) // button is off, light is green
