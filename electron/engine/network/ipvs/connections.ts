import type { Clock } from '../../clock.ts'
import type { Ip } from '../types.ts'
import type { IpvsProtocol, RealServer, VirtualService } from './service.ts'
import type { IpvsState } from './states.ts'

/** A connection that IPVS has given to a real server, or the memory of a persistent client (a template). */
export interface IpvsConnection {
  readonly protocol: IpvsProtocol
  /** A template has the client's network and port 0. */
  readonly client: Ip
  readonly clientPort: number
  readonly virtual: Ip
  readonly virtualPort: number
  readonly server: RealServer
  readonly serverAddress: Ip
  readonly serverPort: number
  readonly service: VirtualService
  readonly isTemplate: boolean
  /** The template that it belongs to. */
  readonly template: IpvsConnection | undefined
  state: IpvsState
  /** Counts as active in its server. */
  active: boolean
  /** Virtual ms. */
  expiresAt: number
  /** Connections that hold this template. */
  members: number
  readonly fwmark: number
}

/** While connections hold a template, it is looked at again after a minute (ip_vs_conn_expire). */
const HELD = 60_000

/** The connection table. Expired entries go when somebody meets them or counts; looking changes nothing that could be seen. */
export class IpvsConnections {
  readonly #clock: Clock
  readonly #in = new Map<string, IpvsConnection>()
  readonly #out = new Map<string, IpvsConnection>()
  #next = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  list(): readonly IpvsConnection[] {
    this.sweep()
    return [...this.#in.values()]
  }

  /** From the client's side. */
  findIn(protocol: IpvsProtocol, client: Ip, clientPort: number, virtual: Ip, virtualPort: number): IpvsConnection | undefined {
    return this.#alive(this.#in.get(`${protocol} ${client} ${clientPort} ${virtual} ${virtualPort}`))
  }

  /** From the server's side. */
  findOut(protocol: IpvsProtocol, server: Ip, serverPort: number, client: Ip, clientPort: number): IpvsConnection | undefined {
    return this.#alive(this.#out.get(`${protocol} ${server} ${serverPort} ${client} ${clientPort}`))
  }

  #alive(connection: IpvsConnection | undefined): IpvsConnection | undefined {
    if (!connection || connection.expiresAt > this.#clock.now) return connection
    this.sweep()
    return connection.expiresAt > this.#clock.now ? connection : undefined
  }

  add(connection: IpvsConnection): void {
    this.#in.set(inKey(connection), connection)
    if (!connection.isTemplate) this.#out.set(outKey(connection), connection)
    const { server } = connection
    if (connection.isTemplate) server.persistent++
    else server.inactive++
    server.weigh()
    if (connection.template) connection.template.members++
    this.noteExpiry(connection.expiresAt)
  }

  noteExpiry(at: number): void {
    if (at < this.#next) this.#next = at
  }

  setActive(connection: IpvsConnection, active: boolean): void {
    if (connection.active === active) return
    connection.active = active
    connection.server.active += active ? 1 : -1
    connection.server.inactive += active ? -1 : 1
  }

  remove(connection: IpvsConnection): void {
    if (!this.#in.delete(inKey(connection))) return
    const { server } = connection
    if (connection.isTemplate) server.persistent--
    else {
      this.#out.delete(outKey(connection))
      if (connection.active) server.active--
      else server.inactive--
    }
    server.weigh()
    if (connection.template) connection.template.members--
    connection.expiresAt = -1
  }

  clear(): void {
    for (const connection of [...this.#in.values()]) this.remove(connection)
  }

  /** Removes what is over; templates that are held last on. */
  sweep(): void {
    const { now } = this.#clock
    if (now < this.#next) return
    this.#next = Infinity
    const templates: IpvsConnection[] = []
    for (const connection of this.#in.values()) {
      if (connection.expiresAt > now) this.noteExpiry(connection.expiresAt)
      else if (connection.isTemplate) templates.push(connection)
      else this.remove(connection)
    }
    for (const template of templates) {
      while (template.members > 0 && template.expiresAt <= now) template.expiresAt += HELD
      if (template.expiresAt <= now) this.remove(template)
      else this.noteExpiry(template.expiresAt)
    }
  }
}

function inKey({ protocol, client, clientPort, virtual, virtualPort }: IpvsConnection): string {
  return `${protocol} ${client} ${clientPort} ${virtual} ${virtualPort}`
}

function outKey({ protocol, serverAddress, serverPort, client, clientPort }: IpvsConnection): string {
  return `${protocol} ${serverAddress} ${serverPort} ${client} ${clientPort}`
}
