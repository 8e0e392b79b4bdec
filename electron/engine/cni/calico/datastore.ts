import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import { CALICO_GROUP } from './names.ts'

/** Calico's objects as the Kubernetes datastore keeps them (libcalico-go/lib/apis/v3, api/pkg/apis/projectcalico/v3). */
export type TunnelMode = 'Always' | 'CrossSubnet' | 'Never'

export interface IpPool extends KubeObject {
  spec: {
    cidr: Cidr
    blockSize?: number
    ipipMode?: TunnelMode
    vxlanMode?: TunnelMode
    natOutgoing?: boolean
    disabled?: boolean
    disableBGPExport?: boolean
    nodeSelector?: string
    assignmentMode?: string
    allowedUses?: string[]
  }
}

export interface IpamBlock extends KubeObject {
  spec: {
    affinity?: string
    allocations: (number | null)[]
    attributes: { handle_id?: string; secondary?: Record<string, string> }[]
    cidr: Cidr
    deleted: boolean
    sequenceNumber: number
    sequenceNumberForAllocation: Record<string, number>
    strictAffinity: boolean
    unallocated: number[]
  }
}

export interface BlockAffinity extends KubeObject {
  spec: { cidr: Cidr; deleted: string; node: string; state: 'confirmed' | 'pending' | 'pendingDeletion'; type?: string }
}

export interface IpamHandle extends KubeObject {
  spec: { block: Record<string, number>; deleted: boolean; handleID: string }
}

/** "ippools" → what a client calls it by. */
export function calicoResource(plural: string): string {
  return `${plural}.${CALICO_GROUP}`
}

export function calicoObject<T extends KubeObject>(kind: string, name: string, spec: T extends { spec: infer S } ? S : never): T {
  return { apiVersion: `${CALICO_GROUP}/v1`, kind, metadata: { name }, spec } as unknown as T
}

/** The object, or undefined where there is none (or its kind is not served yet). */
export function findObject<T extends KubeObject>(client: KubernetesClient, resource: string, namespace: string | undefined, name: string): T | undefined {
  try {
    return client.get<T>(resource, namespace, name)
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 404) return undefined
    throw error
  }
}

/** A Pod's addresses as the CNI plugin wrote them, before the kubelet tells of them. */
export function addressesOf({ metadata: { annotations }, status }: Pod): readonly Ip[] {
  const written = annotations?.['cni.projectcalico.org/podIPs']
  if (written) return written.split(',').map((cidr) => cidr.split('/')[0]!)
  return status.podIPs?.flatMap((p) => p.ip ?? []) ?? (status.podIP ? [status.podIP] : [])
}

/** The pools by name, the disabled ones too. */
export function listPools(client: KubernetesClient): readonly IpPool[] {
  return client.list<IpPool>(calicoResource('ippools')).items
}

export interface IpamConfig extends KubeObject { spec: { strictAffinity: boolean; autoAllocateBlocks: boolean; maxBlocksPerHost?: number } }

/** The one object of how addresses are given, or the presets. */
export function ipamConfig(client: KubernetesClient): Required<IpamConfig['spec']> {
  return { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 0, ...findObject<IpamConfig>(client, calicoResource('ipamconfigs'), undefined, 'default')?.spec }
}

/** Undefined: done. */
export function setIpamConfig(client: KubernetesClient, change: Partial<IpamConfig['spec']>): string | undefined {
  const before = ipamConfig(client)
  const spec = { ...before, ...change }
  if (JSON.stringify(spec) === JSON.stringify(before)) return undefined
  if (!spec.strictAffinity && !spec.autoAllocateBlocks) return "Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time"
  if (spec.maxBlocksPerHost > 0 && !spec.strictAffinity) return 'MaxBlocksPerHost requires StrictAffinity to be enabled'
  const resource = calicoResource('ipamconfigs')
  const old = findObject<IpamConfig>(client, resource, undefined, 'default')
  if (old) client.update(resource, undefined, 'default', { ...old, spec })
  else client.create(resource, undefined, calicoObject<IpamConfig>('IPAMConfig', 'default', spec))
  return undefined
}
