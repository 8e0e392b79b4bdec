import { parseAllDocuments, stringify } from 'yaml'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { StatusError } from '../../kubernetes/client.ts'
import type { KubeObject, LabelSelector } from '../../kubernetes/types.ts'
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
  /** Those that are made of Kubernetes' own objects. */
  read?(client: KubernetesClient, scope: { namespace?: string }): Stored[]
}

const text = (value: unknown, otherwise = ''): string => (value === undefined || value === '' ? otherwise : Array.isArray(value) ? value.join(',') : String(value as string | number | boolean))
const POLICY = { policy: true, columns: ['NAME', 'TIER'], wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'], row: (s: Record<string, unknown>) => ({ TIER: text(s['tier'], 'default'), ORDER: text(s['order'], '<no value>'), SELECTOR: text(s['selector']) }) }
const NAMED = { columns: ['NAME'], wide: ['NAME'], row: () => ({}) }

const CALICO_KINDS: readonly CalicoKind[] = [
  {
    kind: 'ClusterInformation', plural: 'clusterinformations', words: ['clusterinfo', 'clusterinfos'], columns: ['NAME', 'CLUSTERGUID', 'CLUSTERTYPE', 'CALICOVERSION', 'DATASTOREREADY'], wide: ['NAME', 'CLUSTERGUID', 'CLUSTERTYPE', 'CALICOVERSION', 'DATASTOREREADY'],
    row: (s) => ({ CLUSTERGUID: text(s['clusterGUID']), CLUSTERTYPE: text(s['clusterType']), CALICOVERSION: text(s['calicoVersion']), DATASTOREREADY: text(s['datastoreReady'], '<nil>') }),
  },
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
    kind: 'IPPool', plural: 'ippools', words: ['ipp', 'ipps', 'pool', 'pools'], columns: ['NAME', 'CIDR', 'SELECTOR'], wide: ['NAME', 'CIDR', 'NAT', 'IPIPMODE', 'VXLANMODE', 'DISABLED', 'DISABLEBGPEXPORT', 'SELECTOR', 'ASSIGNMENTMODE'],
    row: (s) => ({ CIDR: text(s['cidr']), NAT: text(s['natOutgoing'], 'false'), IPIPMODE: text(s['ipipMode'], 'Never'), VXLANMODE: text(s['vxlanMode'], 'Never'), DISABLED: text(s['disabled'], 'false'), DISABLEBGPEXPORT: text(s['disableBGPExport'], 'false'), SELECTOR: text(s['nodeSelector'], 'all()'), ASSIGNMENTMODE: text(s['assignmentMode'], 'Automatic') }),
  },
  { kind: 'IPReservation', plural: 'ipreservations', words: [], ...NAMED },
  { kind: 'KubeControllersConfiguration', plural: 'kubecontrollersconfigurations', words: ['kcconfig', 'kubecontrollersconfig'], ...NAMED },
  { kind: 'NetworkPolicy', plural: 'networkpolicies', words: ['policy', 'policies', 'pol', 'pols', 'np', 'nps'], namespaced: true, ...POLICY },
  { kind: 'NetworkSet', plural: 'networksets', words: ['netset', 'netsets'], namespaced: true, columns: ['NAME'], wide: ['NAME', 'NETS'], row: (s) => ({ NETS: text(s['nets']) }) },
  { kind: 'StagedGlobalNetworkPolicy', plural: 'stagedglobalnetworkpolicies', words: ['sgnp', 'sgnps'], ...POLICY },
  { kind: 'StagedKubernetesNetworkPolicy', plural: 'stagedkubernetesnetworkpolicies', words: ['stagedkubernetespolicy', 'stagedkubernetespolicies', 'sknp', 'skpol', 'skpols'], namespaced: true, columns: ['NAME'], wide: ['NAME', 'PODSELECTOR'], row: (s) => ({ PODSELECTOR: goSelector(s['podSelector'] as LabelSelector | undefined) }) },
  { kind: 'StagedNetworkPolicy', plural: 'stagednetworkpolicies', words: ['stagedpolicy', 'stagedpolicies', 'snp', 'spol', 'spols'], namespaced: true, ...POLICY },
  { kind: 'Tier', plural: 'tiers', words: [], columns: ['NAME', 'ORDER'], wide: ['NAME', 'ORDER'], row: (s) => ({ ORDER: text(s['order'], '<no value>') }) },
]

/** fmt's %v of a LabelSelector. */
function goSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector = {}): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}:${value}`).sort().join(' ')
  return `{map[${labels}] [${matchExpressions.map((e) => `{${e.key} ${e.operator} [${(e.values ?? []).join(' ')}]}`).join(' ')}]}`
}

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
  if (kind.read) return kind.read(client, kind.namespaced && namespace !== undefined ? { namespace } : {}).find((o) => o.metadata.name === name)
  const of = kind.namespaced ? namespace : undefined
  return findObject<Stored>(client, calicoResource(kind.plural), of, storedName(kind, name)) ?? (kind.policy ? findObject<Stored>(client, calicoResource(kind.plural), of, name) : undefined)
}

/** As `get -o yaml` and `-o json` print them: an object, or several; JSON in the order of Go's structs, YAML by the alphabet. */
export function printObjects(format: 'yaml' | 'json', values: readonly object[]): string {
  const value = values.length === 1 ? values[0]! : values.length === 0 ? null : values
  return format === 'yaml' ? stringify(value, { lineWidth: 0, sortMapEntries: true, indentSeq: false, version: '1.1', aliasDuplicateObjects: false }) : `${JSON.stringify(value, undefined, 2)}\n`
}

/** An object as a client of projectcalico.org/v3 has it. */
export function viewOf({ kind }: CalicoKind, { metadata, spec, ...more }: Stored, bare = false): object {
  const { name, generateName, namespace, uid, resourceVersion, generation, creationTimestamp, labels, annotations } = metadata as KubeObject['metadata'] & { creationTimestamp?: string | null }
  const given = { name, generateName, ...(bare ? {} : { namespace, uid, resourceVersion, generation }), creationTimestamp: bare ? null : creationTimestamp, labels, annotations }
  const { status } = more as { status?: object }
  return { kind, apiVersion: 'projectcalico.org/v3', metadata: Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)), spec: kind === 'IPPool' ? inOrder(spec, POOL_FIELDS) : spec, ...(status ? { status } : {}) }
}

export function listView(kind: CalicoKind, objects: readonly Stored[], revision: string): object {
  return { kind: `${kind.kind}List`, apiVersion: 'projectcalico.org/v3', metadata: { resourceVersion: revision }, items: objects.map((o) => viewOf(kind, o)) }
}

const POOL_FIELDS = ['cidr', 'vxlanMode', 'ipipMode', 'natOutgoing', 'disabled', 'disableBGPExport', 'blockSize', 'nodeSelector', 'allowedUses', 'assignmentMode']
function inOrder(spec: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> {
  const known = fields.filter((f) => f in spec)
  return Object.fromEntries([...known, ...Object.keys(spec).filter((f) => !known.includes(f))].map((f) => [f, spec[f]]))
}

export interface Given { kind: CalicoKind; object: Stored }

/** The objects of a file; a string is what is wrong with it. */
export function readObjects(content: string, namespace: string | undefined): Given[] | string {
  const out: Given[] = []
  for (const document of parseAllDocuments(content)) {
    if ('errors' in document && document.errors.length > 0) return `error converting YAML to JSON: yaml: ${document.errors[0]!.message.split('\n')[0]!}`
    const value = (document as { toJS(): unknown }).toJS() as (Stored & { items?: Stored[] }) | null
    for (const object of value?.kind?.endsWith('List') ? (value.items ?? []) : value ? [value] : []) {
      const kind = CALICO_KINDS.find((k) => k.kind === object.kind)
      if (object.apiVersion !== 'projectcalico.org/v3' || !kind) return `${['Node', 'Profile', 'WorkloadEndpoint'].includes(object.kind ?? '') && object.apiVersion === 'projectcalico.org/v3' ? `podhop: not simulated: calicoctl with a ${object.kind} in a file (use kubectl)` : `Unknown resource type (${object.kind ?? ''}) and/or version (${object.apiVersion ?? ''})`}`
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

/** `patch`: a strategic merge of what has no lists with keys of their own is a JSON merge. Undefined: done. */
export function patchStored(client: KubernetesClient, kind: CalicoKind, old: Stored, patch: string): string | undefined {
  let change: unknown
  try {
    change = JSON.parse(patch)
  } catch {
    change = undefined
  }
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return 'performing strategic merge patch: invalid JSON document'
  const { spec, metadata } = change as Partial<Stored>
  try {
    client.patch(calicoResource(kind.plural), old.metadata.namespace, old.metadata.name, 'application/merge-patch+json', { ...(metadata ? { metadata } : {}), ...(spec ? { spec } : {}) })
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return `updating existing resource: ${error.message}`
  }
  return undefined
}
