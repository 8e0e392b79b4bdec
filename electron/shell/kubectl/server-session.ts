import type { Cluster, Process, Task } from '../../engine/cluster.ts'
import { ApiSession } from '../../engine/kubernetes/api-session.ts'
import { ApiConnection } from '../../engine/kubernetes/connection.ts'
import { joinHostPort } from '../../engine/network/address.ts'
import type { Command } from './command.ts'
import { DIAL_TIMEOUT, IMPATIENT, serverParts } from './dial-server.ts'

/** These never ask a server. */
const LOCAL = new Set(['config', 'completion', 'kustomize', 'options', 'plugin'])

/** kubectl's connection to the cluster's API server: dialled when it starts, by packets, and ended with its process. */
export class ServerSession {
  /** The way to the server as this kubectl has it. */
  readonly connection: ApiConnection
  readonly #session: ApiSession

  /** `url`: a host by its address. */
  constructor(process: Process, cluster: Cluster, url: string, patience: number) {
    const { host, port } = serverParts(url)!
    this.connection = new ApiConnection(process.clock, cluster.connection, { address: joinHostPort(host, port), kind: 'user' })
    this.#session = new ApiSession({
      clock: process.clock, network: process.network, address: host, port, owner: () => ({ pid: process.pid, program: 'kubectl', uid: process.user.uid, gid: process.user.gid }),
      way: this.connection, patience: patience < DIAL_TIMEOUT ? { ms: patience, error: IMPATIENT } : { ms: DIAL_TIMEOUT },
    })
    this.#session.start()
    process.onExit(() => this.#session.stop())
  }

  /** Whether something has come of it yet. */
  get isTried(): boolean {
    return this.#session.outcome !== undefined
  }

  /** It could not be reached. */
  get failed(): boolean {
    return this.#session.outcome?.failure !== undefined
  }

  /** Waits until it is known where it leads. */
  *tried(): Task {
    if (!this.isTried) yield (wake) => this.#session.whenTried(wake)
  }
}

/** Whether a command asks a server at all. */
export function asksServer(path: string, command: Command, isClient: boolean): boolean {
  const verb = path.split(' ')[1] ?? ''
  return command.run !== undefined && !LOCAL.has(verb) && !(verb === 'version' && isClient)
}
