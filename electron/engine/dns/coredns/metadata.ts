import { own } from '../../own.ts'
import { isBelow } from '../names.ts'
import type { DnsRequest } from './chain.ts'
import type { ClusterNames } from './cluster-names.ts'

/** "kubernetes/namespace" and its like, of the Pod that asks and of what it asks for (plugin/kubernetes/metadata.go). */
export function metadataOf(names: Pick<ClusterNames, 'podAt'>, zones: readonly string[], { name, client }: DnsRequest, label: string): string | undefined {
  const key = label.replace(/^kubernetes\//, '')
  if (key === label) return undefined
  if (key.startsWith('client-')) {
    const pod = names.podAt(client.address)
    if (key.startsWith('client-label/')) return own(pod?.labels, key.slice('client-label/'.length))
    return key === 'client-namespace' ? pod?.namespace : key === 'client-pod-name' ? pod?.name : undefined
  }
  const zone = zones.filter((z) => isBelow(z, name)).sort((a, b) => b.length - a.length)[0]
  if (zone === undefined || zone.endsWith('.arpa.')) return undefined
  const labels = name.toLowerCase().slice(0, name.length - zone.length).split('.').filter((l) => l !== '')
  const [kind = '', namespace = '', service = '', first = '', second = ''] = labels.reverse()
  if (kind !== '' && kind !== 'svc' && kind !== 'pod') return undefined
  const ported = first.startsWith('_')
  switch (key) {
    case 'kind': return kind
    case 'namespace': return namespace
    case 'service': return service
    case 'endpoint': return ported ? '' : first
    case 'protocol': return ported ? first.slice(1) : ''
    case 'port-name': return second.startsWith('_') ? second.slice(1) : ''
    default: return undefined
  }
}
