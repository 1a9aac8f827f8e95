/** Stands in for the worker of the layout engine in a report of one file, which may start none: its own layout stays. */
export default ""
