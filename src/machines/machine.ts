/**
 * The few names of XState that charts use, from one place, so that a move to another major version is a change of this file.
 * A chart is flat and speaks in names: guards are questions, assigns keep facts, everything else is a command.
 */
import { assign, setup } from "xstate"

export { assign, setup }

/**
 * A named command. In a chart it does nothing: whoever runs the chart reads its type and params and puts them into the outbox.
 * The parameter type is what the chart must give.
 */
export const command = <P = undefined>(): ((_: unknown, params: P) => void) => nothing
const nothing = () => {}

/** Marks a function as a command for `compile`. */
export const isCommand = (action: unknown): boolean => action === nothing
