// OpenWorkflow on Postgres.
import { BackendPostgres } from "openworkflow/postgres"
import { openOn } from "./shared/openworkflow.mjs"

export const open = async (env) => openOn(await BackendPostgres.connect(env.postgres), env)
