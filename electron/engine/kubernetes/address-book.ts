import type { Random } from '../random.ts'
import { timestamp } from './human-duration.ts'
import { allocatedLabels } from './kinds/service-cidr.ts'
import type { AddressBook, ServiceName } from './service-allocator.ts'
import type { IPAddress, KubeObject, ServiceCIDR } from './types.ts'
import type { Server } from './server.ts'

/** Addresses of Services as v1.33 keeps them: an IPAddress for each that is taken, out of ServiceCIDRs (KEP-1880). */
export class IpAddressBook implements AddressBook {
  #server: Pick<Server, 'store' | 'clock' | 'kind' | 'commit'>
  #uids: Random
  #objects: readonly KubeObject[] | undefined
  #cidrs: readonly string[] = []

  constructor(server: Pick<Server, 'store' | 'clock' | 'kind' | 'commit'>, uids: Random) {
    this.#server = server
    this.#uids = uids
  }

  has(ip: string): boolean {
    return this.#server.store.get('ipaddresses', '', ip) !== undefined
  }

  ranges(): readonly string[] {
    const objects = this.#server.store.list('servicecidrs', '')
    if (objects === this.#objects) return this.#cidrs
    this.#objects = objects
    const ready = (objects as readonly ServiceCIDR[]).filter(isReady)
    // The oldest is filled first. Upstream goes through a Go map, in no order.
    ready.sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : 0))
    return (this.#cidrs = ready.flatMap(({ spec }) => spec.cidrs ?? []))
  }

  enter(ip: string, parent: ServiceName): void {
    const server = this.#server
    const object: IPAddress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: { name: ip, uid: this.#uids.uuid(), resourceVersion: '', creationTimestamp: timestamp(server.clock.wall()), labels: allocatedLabels(ip) },
      spec: { parentRef: { name: parent.name, namespace: parent.namespace, resource: 'services' } },
    }
    server.commit(server.kind('ipaddresses'), object)
  }

  remove(ip: string): void {
    this.#server.store.remove('ipaddresses', '', ip)
  }
}

export function isReady({ metadata, status }: ServiceCIDR): boolean {
  return !metadata.deletionTimestamp && status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true
}
