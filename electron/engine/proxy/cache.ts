import { ConnectionError, type KubernetesClient } from '../kubernetes/client.ts'
import type { EndpointInfo } from './endpoints.ts'
import type { ServicePortInfo } from './service-ports.ts'
import { SharedServices, type Reader, type ServiceState } from './shared-services.ts'

/**
 * One agent's picture of Services and EndpointSlices: as they were when it last took the changes. While its way to the
 * API server is broken it learns nothing; it outlives nothing but itself.
 */
export class ServiceCache implements ServiceState, Reader {
  readonly #shared: SharedServices
  readonly #way: KubernetesClient['way']
  readonly #onChange: () => void
  readonly #stopWay: (() => void) | undefined
  #version: number
  #missed = false
  /** The oldest version that it may want to see again; undefined: none but its own. */
  #keeps: number | undefined

  /** Throws ConnectionError when the API server is not reached, or does not let one read them. */
  constructor(client: KubernetesClient, family: 4 | 6, onChange: () => void) {
    const way = client.way?.reads?.(['services', 'endpointslices'])
    client.list('services', { limit: 1 })
    if (way?.silent) throw new ConnectionError('endpointslices.discovery.k8s.io is forbidden')
    this.#onChange = onChange
    this.#way = way ?? client.way
    this.#shared = SharedServices.of(client.way?.server ?? client, family)
    this.#version = this.#shared.version
    this.#shared.add(this)
    this.#stopWay = this.#way?.onResume(() => {
      if (!this.#missed) return
      this.#missed = false
      this.#onChange()
    })
  }

  stop(): void {
    this.#shared.remove(this)
    this.#stopWay?.()
  }

  get version(): number {
    return this.#version
  }

  get needs(): number {
    return this.#keeps ?? this.#version
  }

  /** From now on it may ask for this version too; without one only for its own. */
  keep(version: number | undefined): void {
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

  at(version: number): ServiceState {
    return this.#shared.at(version)
  }

  /** The Services that changed since it was asked last; they are seen as they are now. */
  takeChanged(): ReadonlySet<string> {
    const from = this.#version
    if (!this.#way?.silent) this.#version = this.#shared.take(this)
    return this.#shared.changedBetween(from, this.#version)
  }

  changedBetween(from: number, to: number): ReadonlySet<string> {
    return this.#shared.changedBetween(from, to)
  }

  tell(): void {
    if (this.#way?.silent) this.#missed = true
    else this.#onChange()
  }
}
