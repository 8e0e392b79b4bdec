import { parseAllDocuments, stringify } from 'yaml'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { StatusError } from '../../kubernetes/client.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { ipVersion } from '../../network/address.ts'
import { calicoResource, findObject } from './datastore.ts'
import { CALICO_GROUP } from './names.ts'

/** Objects of projectcalico.org/v3 as calicoctl reads and writes them: kept as crd.projectcalico.org/v1 (calicoctl/resourcemgr, libcalico-go/lib/clientv3). */
export interface CalicoKind {
  kind: string
  plural: string
  words: readonly string[]
  namespaced?: boolean
  /** Kept with its tier before its name. */
  policy?: boolean
  columns: readonly string[]
  wide: readonly string[]
  row(spec: Record<string, unknown>): Record<string, string>
}

const text = (value: unknown, otherwise = ''): string => (value === undefined || value === '' ? otherwise : Array.isArray(value) ? value.join(',') : String(value as string | number | boolean))
const POLICY = { policy: true, columns: ['NAME', 'TIER'], wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'], row: (s: Record<string, unknown>) => ({ TIER: text(s['tier'], 'default'), ORDER: text(s['order'], '<no value>'), SELECTOR: text(s['selector']) }) }
const NAMED = { columns: ['NAME'], wide: ['NAME'], row: () => ({}) }

export const CALICO_KINDS: readonly CalicoKind[] = [
  {
    kind: 'BGPConfiguration', plural: 'bgpconfigurations', words: ['bgpconfig', 'bgpconfigs'], columns: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'], wide: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    row: (s) => ({ LOGSEVERITY: text(s['logSeverityScreen']), MESHENABLED: text(s['nodeToNodeMeshEnabled'], '-'), ASNUMBER: text(s['asNumber'], '-') }),
  },
  { kind: 'BGPFilter', plural: 'bgpfilters', words: [], ...NAMED },
  {
    kind: 'BGPPeer', plural: 'bgppeers', words: ['bgpp', 'bgpps', 'bp', 'bps'], columns: ['NAME', 'PEERIP', 'NODE', 'ASN'], wide: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    row: (s) => ({ PEERIP: text(s['peerIP']), NODE: text(s['node'], text(s['nodeSelector'], '(global)')), ASN: text(s['asNumber'], '0') }),
  },
  { kind: 'FelixConfiguration', plural: 'felixconfigurations', words: ['felixconfig', 'felixconfigs'], ...NAMED },
  { kind: 'GlobalNetworkPolicy', plural: 'globalnetworkpolicies', words: ['gnp', 'gnps'], ...POLICY },
  { kind: 'GlobalNetworkSet', plural: 'globalnetworksets', words: ['gns'], columns: ['NAME'], wide: ['NAME', 'NETS'], row: (s) => ({ NETS: text(s['nets']) }) },
  { kind: 'HostEndpoint', plural: 'hostendpoints', words: ['hep', 'heps'], columns: ['NAME', 'NODE'], wide: ['NAME', 'NODE', 'INTERFACE', 'IPS', 'PROFILES'], row: (s) => ({ NODE: text(s['node']), INTERFACE: text(s['interfaceName']), IPS: text(s['expectedIPs']), PROFILES: text(s['profiles']) }) },
  {
    kind: 'IPPool', plural: 'ippools', words: ['ipp', 'ipps', 'pool', 'pools'], columns: ['NAME', 'CIDR', 'SELECTOR'], wide: ['NAME', 'CIDR', 'NAT', 'IPIPMODE', 'VXLANMODE', 'DISABLED', 'DISABLEBGPEXPORT', 'SELECTOR'],
    row: (s) => ({ CIDR: text(s['cidr']), NAT: text(s['natOutgoing'], 'false'), IPIPMODE: text(s['ipipMode'], 'Never'), VXLANMODE: text(s['vxlanMode'], 'Never'), DISABLED: text(s['disabled'], 'false'), DISABLEBGPEXPORT: text(s['disableBGPExport'], 'false'), SELECTOR: text(s['nodeSelector'], 'all()') }),
  },
  { kind: 'IPReservation', plural: 'ipreservations', words: [], ...NAMED },
  { kind: 'KubeControllersConfiguration', plural: 'kubecontrollersconfigurations', words: ['kcconfig', 'kubecontrollersconfig'], ...NAMED },
  { kind: 'NetworkPolicy', plural: 'networkpolicies', words: ['policy', 'policies', 'pol', 'pols', 'np', 'nps'], namespaced: true, ...POLICY },
  { kind: 'NetworkSet', plural: 'networksets', words: ['netset', 'netsets'], namespaced: true, columns: ['NAME'], wide: ['NAME', 'NETS'], row: (s) => ({ NETS: text(s['nets']) }) },
  { kind: 'Tier', plural: 'tiers', words: [], columns: ['NAME', 'ORDER'], wide: ['NAME', 'ORDER'], row: (s) => ({ ORDER: text(s['order'], '<no value>') }) },
]

export function calicoKind(word: string): CalicoKind | undefined {
  const lower = word.toLowerCase()
  return CALICO_KINDS.find((k) => k.plural === lower || k.kind.toLowerCase() === lower || k.words.includes(lower))
}

export type Stored = KubeObject & { spec: Record<string, unknown> }

/** "deny" → "default.deny", as it is kept. */
export function storedName({ policy }: CalicoKind, name: string, tier = 'default'): string {
  return policy && !name.includes('.') ? `${tier}.${name}` : name
}

export function findStored(client: KubernetesClient, kind: CalicoKind, namespace: string | undefined, name: string): Stored | undefined {
  const of = kind.namespaced ? namespace : undefined
  return findObject<Stored>(client, calicoResource(kind.plural), of, storedName(kind, name)) ?? (kind.policy ? findObject<Stored>(client, calicoResource(kind.plural), of, name) : undefined)
}

/** As `get -o yaml` and `-o json` print them: one object, or a list. */
export function printObjects(format: 'yaml' | 'json', kind: CalicoKind, objects: readonly Stored[], one: boolean): string {
  const view = ({ metadata: { managedFields: _managed, ...metadata }, spec }: Stored): object => ({ apiVersion: 'projectcalico.org/v3', kind: kind.kind, metadata, spec })
  const value = one ? view(objects[0]!) : { apiVersion: 'projectcalico.org/v3', items: objects.map(view), kind: `${kind.kind}List`, metadata: { resourceVersion: String(Math.max(0, ...objects.map((o) => Number(o.metadata.resourceVersion ?? 0)))) } }
  return format === 'yaml' ? stringify(value, { lineWidth: 0, sortMapEntries: true, indentSeq: false, version: '1.1' }) : `${JSON.stringify(value, undefined, 2)}\n`
}

interface Given { kind: CalicoKind; object: Stored }

/** The objects of a file; a string is what is wrong with it. */
export function readObjects(content: string, namespace: string | undefined): Given[] | string {
  const out: Given[] = []
  for (const document of parseAllDocuments(content)) {
    if ('errors' in document && document.errors.length > 0) return `error converting YAML to JSON: yaml: ${document.errors[0]!.message.split('\n')[0]!}`
    const value = (document as { toJS(): unknown }).toJS() as (Stored & { items?: Stored[] }) | null
    for (const object of value?.kind?.endsWith('List') ? (value.items ?? []) : value ? [value] : []) {
      const kind = CALICO_KINDS.find((k) => k.kind === object.kind)
      if (object.apiVersion !== 'projectcalico.org/v3' || !kind) return `unknown resource type (${object.kind}) and/or version (${object.apiVersion})`
      const { metadata } = object
      out.push({ kind, object: { ...object, metadata: { ...metadata, ...(kind.namespaced ? { namespace: metadata?.namespace ?? namespace ?? 'default' } : {}) }, spec: object.spec ?? {} } })
    }
  }
  return out
}

/** As clientv3 writes it: with its tier, and what was not said. */
function toStored({ kind, object }: Given): Stored {
  const { metadata } = object
  let { spec } = object
  const labels = { ...metadata.labels }
  if (kind.policy) {
    const tier = text(spec['tier'], 'default')
    const has = (side: string): boolean => ((spec[side] as unknown[] | undefined) ?? []).length > 0
    const types = (spec['types'] as string[] | undefined)?.length ? spec['types'] : [...(has('ingress') || !has('egress') ? ['Ingress'] : []), ...(has('egress') ? ['Egress'] : [])]
    spec = { ...spec, tier, types }
    labels['projectcalico.org/tier'] = tier
  } else if (kind.kind === 'IPPool') {
    spec = { allowedUses: ['Workload', 'Tunnel'], blockSize: ipVersion(text(spec['cidr']).split('/')[0]!) === 6 ? 122 : 26, ipipMode: 'Never', nodeSelector: 'all()', vxlanMode: 'Never', ...spec }
  }
  return { ...object, apiVersion: `${CALICO_GROUP}/v1`, metadata: { ...metadata, name: storedName(kind, metadata.name, text(spec['tier'], 'default')), ...(Object.keys(labels).length > 0 ? { labels } : {}) }, spec } as Stored
}

export type Action = 'apply' | 'create' | 'replace' | 'delete'

/** Undefined: done. */
export function act(client: KubernetesClient, action: Action, given: Given): string | undefined {
  const stored = toStored(given)
  const resource = calicoResource(given.kind.plural)
  const { name, namespace } = stored.metadata
  const about = `${given.kind.kind}(${given.kind.namespaced ? `${namespace}/` : ''}${name})`
  const old = findStored(client, given.kind, namespace, name)
  try {
    if (action === 'delete') {
      if (!old) return `resource does not exist: ${about} with error: ${given.kind.plural}.${CALICO_GROUP} "${name}" not found`
      client.delete(resource, namespace, old.metadata.name)
    } else if (old) {
      if (action === 'create') return `resource already exists: ${about} with error: ${given.kind.plural}.${CALICO_GROUP} "${name}" already exists`
      client.update(resource, namespace, old.metadata.name, { ...old, metadata: { ...old.metadata, ...(stored.metadata.labels ? { labels: stored.metadata.labels } : {}), ...(stored.metadata.annotations ? { annotations: stored.metadata.annotations } : {}) }, spec: stored.spec })
    } else if (action === 'replace') return `resource does not exist: ${about} with error: ${given.kind.plural}.${CALICO_GROUP} "${name}" not found`
    else client.create(resource, namespace, stored)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return error.message
  }
  return undefined
}
