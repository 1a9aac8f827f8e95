// What one module graph gives: the kit, and the workflows it is let loose on, made of the same modules.
export { chaos } from "troupe/chaos"
export { scenes } from "./flows.ts"
