import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Namespace, Node, Pod } from '../../kubernetes/types.ts'
import { canonicalIp } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import type { Sandbox } from '../types.ts'
import { findObject, type IpPool } from './datastore.ts'
import { isVersion, type Version } from './names.ts'
import { parseSelector } from './selector.ts'

/** What Pods, their Namespaces and their node say about the address (cni-plugin/pkg/k8s, libcalico-go/lib/ipam determinePools). */
export interface Wish { pools: (pool: IpPool) => boolean; exact: Ip | undefined }

const ANNOTATIONS = 'cni.projectcalico.org/'

/** Throws what the plugin says of an annotation that it cannot read. */
export function wishOf(client: KubernetesClient, sandbox: Sandbox, node: string, version: Version): Wish {
  const pod = findObject<Pod>(client, 'pods', sandbox.podNamespace, sandbox.podName)?.metadata.annotations
  const exact = listOf(pod, 'ipAddrs')?.map((ip) => canonicalIp(ip) ?? invalid(ip)).find(isVersion(version))
  const asked = listOf(pod, `ipv${version}pools`) ?? listOf(findObject<Namespace>(client, 'namespaces', undefined, sandbox.podNamespace)?.metadata.annotations, `ipv${version}pools`)
  // pools that are asked for are used whatever node they select
  if (asked) return { exact, pools: ({ metadata, spec }) => asked.includes(metadata.name) || asked.includes(spec.cidr) }
  const labels = (): Readonly<Record<string, string>> => findObject<Node>(client, 'nodes', undefined, node)?.metadata.labels ?? {}
  return {
    exact,
    pools: ({ spec }) => {
      if (spec.assignmentMode === 'Manual') return false
      if (spec.nodeSelector === undefined || spec.nodeSelector === '' || spec.nodeSelector === 'all()') return true
      const own = labels()
      return parseSelector(spec.nodeSelector).matches((key) => (Object.hasOwn(own, key) ? own[key] : undefined))
    },
  }
}

function invalid(ip: string): never {
  throw new Error(`Invalid IP format: ${ip}`)
}

function listOf(annotations: Readonly<Record<string, string>> | undefined, name: string): string[] | undefined {
  const text = annotations?.[ANNOTATIONS + name]
  if (!text) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return value.map(String)
  } catch {
    // said below
  }
  throw new Error(`failed to parse '${text}' as JSON`)
}
