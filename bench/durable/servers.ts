/**
 * Servers that peers need, on loopback: Redis and Restate anew for every sample, one Postgres with a fresh database per sample.
 * Debian's postgresql and redis-server must be installed; Restate comes with the peers' packages.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { connect, createServer } from "node:net"
import { dirname, join } from "node:path"
import type { Server } from "./candidates.ts"

export interface Running {
  readonly pids: () => ReadonlyArray<number>
  /** What the candidate's `open` gets to know. */
  readonly env: Readonly<Record<string, unknown>>
  /** What lies on the disk by now. */
  readonly bytes: () => number
  /** Bytes written to a log that is thrown away later; undefined where there is none. */
  readonly logged: () => number | undefined
  /** Moves everything from logs to where it stays. */
  readonly settle: () => void
  /** Commits so far; undefined where nobody counts them. */
  readonly commits: () => number | undefined
  /** As if the machine of the server had been reset. Postgres and Redis stay up. */
  readonly crash: () => Promise<void>
  readonly stop: () => Promise<void>
}

export const wipe = (dir: string): void => rmSync(dir, { recursive: true, force: true })
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Bytes of a folder, with everything that stands beside the data. */
export const bytesOf = (dir: string): number =>
  Number(spawnSync("du", ["-s", "-B1", dir], { encoding: "utf8" }).stdout.split("\t")[0])

/** Processor time used so far by processes and all below them, in milliseconds. */
export const cpuOf = (roots: ReadonlyArray<number>): number => {
  const rows = new Map<number, { readonly parent: number; readonly ticks: number }>()
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0)
      rows.set(Number(pid), { parent: Number(fields[1]), ticks })
    } catch {
      // it has ended meanwhile
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = rows.get(at)?.parent)
      if (roots.includes(at)) return true
    return false
  }
  let ticks = 0
  for (const [pid, row] of rows) if (isBelow(pid)) ticks += row.ticks
  return ticks * 10
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { readonly port: number }
      probe.close(() => resolve(port))
    })
  })

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

const until = async (what: string, test: () => Promise<boolean>): Promise<void> => {
  for (const end = Date.now() + 30_000; !(await test()); await sleep(50))
    if (Date.now() > end) throw new Error(`${what} did not come up in 30 s`)
}

const kill = (child: ChildProcess, signal: NodeJS.Signals): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("exit", () => resolve())
    child.kill(signal)
  })

// ── Postgres ───────────────────────────────────────────────────────────────────────────────────────

const programs = (): string => {
  const root = "/usr/lib/postgresql"
  const [newest] = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  if (newest === undefined) throw new Error("Postgres is not installed: apt-get install postgresql")
  return join(root, newest, "bin")
}

/** Postgres does not run as root. */
const account = (): { readonly uid?: number; readonly gid?: number } => {
  if (process.getuid?.() !== 0) return {}
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith("postgres:"))
  const [, , uid, gid] = line?.split(":") ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

export interface Postgres {
  readonly pid: number
  readonly fresh: () => Running
  readonly stop: () => Promise<void>
}

export const startPostgres = async (dir: string): Promise<Postgres> => {
  const port = await freePort()
  const as = account()
  const data = join(dir, "data")
  mkdirSync(data, { recursive: true })
  if (as.uid !== undefined) for (const one of [dir, data]) chownSync(one, as.uid, as.gid!)
  const initdb = ["-D", data, "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C"]
  execFileSync(join(programs(), "initdb"), initdb, { ...as, cwd: data, stdio: "ignore" })
  writeFileSync(
    join(data, "postgresql.auto.conf"),
    [
      `port = ${port}`,
      "listen_addresses = '127.0.0.1'",
      "unix_socket_directories = ''",
      "shared_buffers = '1GB'",
      "max_connections = 300",
      "max_wal_size = '4GB'",
      "checkpoint_timeout = '15min'",
      "logging_collector = off",
      ""
    ].join("\n")
  )
  const child = spawn(join(programs(), "postgres"), ["-D", data], { ...as, cwd: data, stdio: "ignore" })
  const ask = (sql: string, database = "postgres"): string =>
    execFileSync(
      join(programs(), "psql"),
      ["-h", "127.0.0.1", "-p", `${port}`, "-U", "bench", "-d", database, "-Atc", sql],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }
    ).trim()
  await until("Postgres", async () => {
    try {
      return ask("SELECT 1") === "1"
    } catch {
      return false
    }
  })
  let databases = 0
  return {
    pid: child.pid!,
    fresh: () => {
      const name = `bench_${databases++}`
      ask(`CREATE DATABASE ${name}`)
      return {
        pids: () => [child.pid!],
        env: { postgres: `postgresql://bench@127.0.0.1:${port}/${name}` },
        bytes: () => Number(ask(`SELECT pg_database_size('${name}')`)),
        logged: () => Number(ask("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")),
        settle: () => void ask("CHECKPOINT"),
        commits: () => Number(ask(`SELECT xact_commit FROM pg_stat_database WHERE datname = '${name}'`)),
        crash: async () => {},
        stop: async () => void ask(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      }
    },
    stop: () => kill(child, "SIGINT")
  }
}

// ── Redis and Restate ──────────────────────────────────────────────────────────────────────────────

const startRedis = async (dir: string, appendfsync: string): Promise<Running> => {
  if (spawnSync("redis-server", ["--version"]).status !== 0)
    throw new Error("Redis is not installed: apt-get install redis-server")
  mkdirSync(dir, { recursive: true })
  const port = await freePort()
  const settings = {
    port: `${port}`,
    bind: "127.0.0.1",
    dir,
    save: "",
    appendonly: "yes",
    appendfsync,
    "maxmemory-policy": "noeviction"
  }
  const child = spawn(
    "redis-server",
    Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    { stdio: "ignore" }
  )
  await until("Redis", () => answers(port))
  return {
    pids: () => [child.pid!],
    env: { redis: port },
    bytes: () => bytesOf(dir),
    logged: () => undefined,
    settle: () => {},
    commits: () => undefined,
    crash: async () => {},
    stop: () => kill(child, "SIGKILL")
  }
}

const startRestate = async (dir: string): Promise<Running> => {
  mkdirSync(dir, { recursive: true })
  const require = createRequire(new URL("../peers/package.json", import.meta.url))
  const program = join(
    dirname(require.resolve(`@restatedev/restate-server-${process.platform}-${process.arch}/package.json`)),
    "bin/restate-server"
  )
  const [node, ingress, admin, service] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const env = {
    ...process.env,
    RESTATE_DISABLE_TELEMETRY: "true",
    RESTATE_BASE_DIR: dir,
    RESTATE_LOG_FILTER: "error",
    RESTATE_LISTEN_MODE: "tcp",
    RESTATE_BIND_IP: "127.0.0.1",
    RESTATE_BIND_PORT: `${node}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_INGRESS__BIND_PORT: `${ingress}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_PORT: `${admin}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT: "20000",
    RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT: "10m"
  }
  const start = async () => {
    const child = spawn(program, ["--no-logo"], { env, stdio: "ignore", cwd: dir })
    await until("Restate", () => answers(ingress!))
    await until("Restate", async () => {
      try {
        return (await fetch(`http://127.0.0.1:${admin}/health`)).ok
      } catch {
        return false
      }
    })
    return child
  }
  let child = await start()
  return {
    pids: () => [child.pid!],
    env: { restate: { ingress, admin, service } },
    bytes: () => bytesOf(dir),
    logged: () => undefined,
    settle: () => {},
    commits: () => undefined,
    crash: async () => {
      await kill(child, "SIGKILL")
      child = await start()
    },
    stop: () => kill(child, "SIGKILL")
  }
}

/** No server: everything is in the candidate's own folder. */
const embedded = (dir: string): Running => ({
  pids: () => [],
  env: {},
  bytes: () => bytesOf(dir),
  logged: () => undefined,
  settle: () => {},
  commits: () => undefined,
  crash: async () => {},
  stop: async () => {}
})

/** What one sample needs, started and empty. `postgres` is asked for when it is needed. */
export const serve = async (
  server: Server | undefined,
  dir: string,
  postgres: () => Promise<Postgres>
): Promise<Running> => {
  switch (server) {
    case undefined:
      return embedded(dir)
    case "postgres":
      return (await postgres()).fresh()
    case "redis-always":
    case "redis-everysec":
      return startRedis(join(dir, "redis"), server.slice("redis-".length))
    case "restate":
      return startRestate(join(dir, "restate"))
  }
}
