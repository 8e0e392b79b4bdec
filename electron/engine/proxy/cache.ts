import { ConnectionError, type KubernetesClient, type Way } from '../kubernetes/client.ts'
import { ported } from '../network/packets.ts'
import type { IpPacket } from '../network/types.ts'
import type { EndpointInfo } from './endpoints.ts'
import type { ServicePortInfo } from './service-ports.ts'
import { SharedServices, type Reader, type ServiceState, type Version } from './shared-services.ts'

/**
 * One agent's picture of Services and EndpointSlices: as they were when it last took the changes. While its way to the
 * API server is broken it learns nothing; while it may not read one of the two it goes on with the other. It outlives
 * nothing but itself.
 */
export class ServiceCache implements ServiceState, Reader {
  readonly #shared: SharedServices
  readonly #ways: { readonly ports: Way | undefined; readonly endpoints: Way | undefined }
  readonly #onChange: () => void
  readonly #stops: readonly ((() => void) | undefined)[]
  #version: Version
  #missed = false
  /** The oldest version that it may want to see again; undefined: none but its own. */
  #keeps: Version | undefined

  /** Throws ConnectionError when the API server is not reached, or does not let one read them. */
  constructor(client: KubernetesClient, family: 4 | 6, onChange: () => void) {
    const { way } = client
    const ports = way?.reads?.(['services']) ?? way
    const endpoints = way?.reads?.(['endpointslices']) ?? way
    client.list('services', { limit: 1 })
    for (const [{ silent = false } = {}, resource] of [[ports, 'services'], [endpoints, 'endpointslices.discovery.k8s.io']] as const) if (silent) throw new ConnectionError(`${resource} is forbidden`)
    this.#onChange = onChange
    this.#ways = { ports, endpoints }
    this.#shared = SharedServices.of(way?.server ?? client, family)
    this.#version = this.#shared.version
    this.#shared.add(this)
    const resume = (): void => {
      if (!this.#missed) return
      this.#missed = false
      this.#onChange()
    }
    this.#stops = [...new Set([ports, endpoints])].map((each) => each?.onResume(resume))
  }

  stop(): void {
    this.#shared.remove(this)
    for (const stop of this.#stops) stop?.()
  }

  get version(): Version {
    return this.#version
  }

  get needs(): number {
    const { ports, endpoints } = this.#keeps ?? this.#version
    return Math.min(ports, endpoints)
  }

  /** From now on it may ask for this version too; without one only for its own. */
  keep(version: Version | undefined): void {
    this.#keeps = version
  }

  get services(): ServiceState['services'] {
    return this.at(this.#version).services
  }

  get totalEndpoints(): number {
    return this.at(this.#version).totalEndpoints
  }

  get healthChecks(): number {
    return this.at(this.#version).healthChecks
  }

  endpointsOf(port: ServicePortInfo): readonly EndpointInfo[] {
    return this.at(this.#version).endpointsOf(port)
  }

  at(version: Version): ServiceState {
    return this.#shared.at(version)
  }

  /** Whether the rules for Services may say something about a packet; `isEstablished`: its connection was answered before. */
  concerns({ destination, payload }: IpPacket, isEstablished: () => boolean): boolean {
    const port = ported(payload)?.destinationPort
    if (port !== undefined && this.#shared.hasNodePort(port)) return true
    return this.#shared.hasAddress(destination) && !isEstablished()
  }

  /** The Services that changed since it was asked last; they are seen as they are now. */
  takeChanged(): ReadonlySet<string> {
    const from = this.#version
    const { ports, endpoints } = this.#silent
    if (!ports || !endpoints) {
      const now = this.#shared.take(this)
      this.#version = ports || endpoints ? { ports: ports ? from.ports : now.ports, endpoints: endpoints ? from.endpoints : now.endpoints } : now
    }
    return this.#shared.changedBetween(from, this.#version)
  }

  changedBetween(from: Version, to: Version): ReadonlySet<string> {
    return this.#shared.changedBetween(from, to)
  }

  tell(): void {
    const { ports, endpoints } = this.#silent
    if (ports || endpoints) this.#missed = true
    if (!ports || !endpoints) this.#onChange()
  }

  get #silent(): { ports: boolean; endpoints: boolean } {
    return { ports: this.#ways.ports?.silent ?? false, endpoints: this.#ways.endpoints?.silent ?? false }
  }
}
