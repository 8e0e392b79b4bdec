import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import type { Random } from '../../random.ts'
import { FIRST_ALLOCATED, labelKey, labelLines, LAST_ALLOCATED, type SecurityLabels } from './identity.ts'

/** Cilium's own objects in the API, and identities allocated through them (pkg/identity/cache, pkg/k8s/identitybackend). */
export const CILIUM_ENDPOINTS = 'ciliumendpoints.cilium.io'
export const CILIUM_IDENTITIES = 'ciliumidentities.cilium.io'
export const CILIUM_NODES = 'ciliumnodes.cilium.io'

export interface CiliumIdentity extends KubeObject { 'security-labels'?: Record<string, string> }
export interface CiliumNode extends KubeObject { spec?: { addresses?: { ip: Ip; type: string }[]; ipam?: { podCIDRs?: string[] } } }
export interface CiliumEndpoint extends KubeObject {
  status?: {
    id?: number
    identity?: { id: number; labels?: string[] }
    networking?: { addressing: { ipv4?: Ip; ipv6?: Ip }[]; node?: Ip }
    'named-ports'?: { name: string; port: number; protocol: string }[]
    state?: string
    'external-identifiers'?: { 'container-id'?: string }
  }
}

export const labelsFor = labelLines

/** A Pod's addresses as the API writes them. */
export function addressing(ips: readonly Ip[]): { ipv4?: Ip; ipv6?: Ip } {
  return Object.fromEntries(ips.map((ip) => [ip.includes(':') ? 'ipv6' : 'ipv4', ip] as const).sort())
}

/** One number for equal labels in the whole cluster: whoever needs it first creates the CiliumIdentity. */
export class IdentityAllocator {
  readonly #client: KubernetesClient
  readonly #random: Random
  readonly #byLabels = new Map<string, number>()
  readonly #byId = new Map<number, string>()

  constructor(client: KubernetesClient, random: Random) {
    this.#client = client
    this.#random = random
  }

  learn(id: number, labels: SecurityLabels): void {
    const key = labelKey(labels)
    const known = this.#byLabels.get(key)
    // of two that were made at once the lower one counts
    if (known === undefined || id < known) this.#byLabels.set(key, id)
    this.#byId.set(id, key)
  }

  forget(id: number): void {
    const key = this.#byId.get(id)
    this.#byId.delete(id)
    if (key !== undefined && this.#byLabels.get(key) === id) this.#byLabels.delete(key)
  }

  idOf(labels: SecurityLabels): number {
    const key = labelKey(labels)
    const known = this.#byLabels.get(key)
    if (known !== undefined) return known
    for (const object of this.#client.list<CiliumIdentity>(CILIUM_IDENTITIES).items) this.learn(Number(object.metadata.name), object['security-labels'] ?? {})
    return this.#byLabels.get(key) ?? this.#create(labels)
  }

  #create(labels: SecurityLabels): number {
    for (;;) {
      const id = FIRST_ALLOCATED + this.#random.below(LAST_ALLOCATED - FIRST_ALLOCATED + 1)
      if (this.#byId.has(id)) continue
      try {
        this.#client.create(CILIUM_IDENTITIES, undefined, { apiVersion: 'cilium.io/v2', kind: 'CiliumIdentity', metadata: { name: String(id), labels: objectLabels(labels) }, 'security-labels': labels } as unknown as KubeObject)
      } catch (error) {
        if (error instanceof StatusError && error.status.reason === 'AlreadyExists') continue
        throw error
      }
      this.learn(id, labels)
      return id
    }
  }
}

/** Of the security labels those that a label selector can use. */
function objectLabels(labels: SecurityLabels): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [key, value] of Object.entries(labels)) {
    const name = key.replace(/^k8s:/, '')
    if (!name.startsWith('io.cilium.k8s.namespace.labels')) out[name] = value
  }
  return out
}

/** What other nodes want to know of one. */
export function factsOf(node: CiliumNode): { ips: Ip[]; routers: Ip[]; cidrs: readonly Cidr[] } {
  const addresses = (type: string): Ip[] => (node.spec?.addresses ?? []).filter((a) => a.type === type).map((a) => a.ip)
  return { ips: addresses('InternalIP'), routers: addresses('CiliumInternalIP'), cidrs: node.spec?.ipam?.podCIDRs ?? [] }
}

/** The Pod's, in the cluster's order of families. */
export function addressesOf({ status }: CiliumEndpoint): Ip[] {
  return (status?.networking?.addressing ?? []).flatMap(({ ipv4, ipv6 }) => [ipv4 ?? [], ipv6 ?? []].flat())
}
