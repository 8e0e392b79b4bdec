import { labelLines } from '../identity.ts'
import { addressText } from '../lb-map.ts'
import type { Frontend } from '../lb-map.ts'
import { helpOf } from './help.ts'
import { cachedSelectors } from './selectors.ts'
import type { CiliumNetworkPolicy } from '../policy-rules.ts'
import type { KubeObject, LabelSelector } from '../../../kubernetes/types.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { columns, words, type Command } from './context.ts'

/** What the agent knows, as lists (cilium-dbg/cmd/{identity,service,node,policy}_*.go of v1.17). */
function verb(args: readonly string[], command: string, known: readonly string[], flags: readonly string[] = []): { verb: string; rest: string[]; json: boolean; flags: ReadonlySet<string>; values: ReadonlyMap<string, string> } {
  const parsed = words(args, ['-o=', '--output=', ...flags], command)
  const [name, ...rest] = parsed.words.map((word, i) => (i === 0 && word === 'ls' ? 'list' : word))
  if (name === undefined || !known.includes(name)) throw notSimulated(`cilium-dbg ${command}${name === undefined ? '' : ` ${name}`}`, `use ${known.map((k) => `cilium-dbg ${command} ${k}`).join(', ')}`)
  const output = parsed.values.get('-o') ?? parsed.values.get('--output')
  if (output !== undefined && output !== 'json') throw notSimulated(`cilium-dbg ${command} -o ${output}`, 'use -o json or the table')
  return { verb: name, rest, json: output === 'json', flags: parsed.flags, values: parsed.values }
}

function ipOf(ips: readonly string[], version: 4 | 6): string {
  return ips.find((ip) => ip.includes(':') === (version === 6)) ?? ''
}

export const identities: Command = ({ datapath }, args) => {
  const { verb: name, rest, json, values } = verb(args, 'identity', ['list', 'get'], ['--label=', '-e', '--endpoints'])
  const label = values.get('--label')
  let list = [...datapath.identities.values()].sort((a, b) => a.id - b.id)
  if (name === 'get') {
    if (label === undefined && rest.length === 0) throw new CommandError(`Error: Either identity or label must be provided\n\n${helpOf('identity')!}`)
    list = list.filter((i) => (label === undefined ? String(i.id) === rest[0] : labelLines(i.labels).includes(label)))
    if (list.length === 0) throw new CommandError(`Error: Cannot get identity for given ID ${rest[0] ?? ''}: [GET /identity/{id}][404] getIdentityIdNotFound`)
  }
  if (json) return `${JSON.stringify(list.map((i) => ({ id: i.id, labels: labelLines(i.labels) })), null, 2)}\n`
  return columns([['ID', 'LABELS'], ...list.flatMap((i) => labelLines(i.labels).map((label, n) => [n === 0 ? String(i.id) : '', label]))])
}

export const services: Command = ({ datapath }, args) => {
  const { verb: name, rest, json } = verb(args, 'service', ['list', 'get'])
  let all = datapath.lb.shown()
  if (name === 'get') {
    const [id] = rest
    if (id === undefined) throw new CommandError(`Error: Missing service id argument\n\n${helpOf('service get')!}`)
    if (!/^\d+$/.test(id)) throw new CommandError(`Error: Unable to parse service ID: ${id}`)
    all = all.filter((f) => f.id === Number(id))
    if (all.length === 0) throw new CommandError(`Error: Cannot get service '${Number(id)}': [GET /service/{id}][404] getServiceIdNotFound \n`)
  }
  if (json) return `${JSON.stringify(name === 'get' ? serviceModel(all[0]!) : all.map(serviceModel), null, 2)}\n`
  const rows: string[][] = [['ID', 'Frontend', 'Service Type', 'Backend', '']]
  for (const frontend of all) {
    const backends = (frontend.internal ?? frontend.backends).map((b, i) => `${i + 1} => ${addressText(b)} (${b.terminating ? 'terminating' : 'active'})`)
    rows.push([String(frontend.id), addressText(frontend), frontend.type, backends[0] ?? '', ''])
    for (const backend of backends.slice(1)) rows.push(['', '', '', backend, ''])
  }
  return columns(rows)
}

/** models.Service of its API: what was asked for is what is there. */
function serviceModel({ id, ip, port, protocol, type, service, backends, internal, localExternal, localInternal }: Frontend): object {
  const [namespace, name] = service.split('/')
  const policy = (local: boolean): string => (local ? 'Local' : 'Cluster')
  const spec = {
    'backend-addresses': (internal ?? backends).map((b) => ({ ip: b.ip, ...(b.nodeName === undefined ? {} : { nodeName: b.nodeName }), port: b.port, protocol: b.protocol.toUpperCase(), state: b.terminating ? 'terminating' : 'active', weight: 100 })),
    flags: { extTrafficPolicy: policy(localExternal), intTrafficPolicy: policy(localInternal), name, namespace, trafficPolicy: policy(type === 'ClusterIP' ? localInternal : localExternal), type },
    'frontend-address': { ip, port, protocol: protocol.toUpperCase(), scope: 'external' },
    id,
  }
  return { spec, status: { realized: spec } }
}

export const nodeList: Command = ({ agent }, args) => {
  const nodes = [...agent.nodes.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  if (verb(args, 'node', ['list']).json) {
    // models.NodeElement
    const of = (ip: string, cidr: string): object => (ip === '' ? {} : { 'alloc-range': cidr, enabled: true, ip })
    return `${JSON.stringify(nodes.map(({ metadata: { name }, spec }) => {
      const ips = (spec?.addresses ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.ip)
      const cidrs = spec?.ipam?.podCIDRs ?? []
      return { name: `default/${name}`, 'primary-address': { ipv4: of(ipOf(ips, 4), ipOf(cidrs, 4)), ipv6: of(ipOf(ips, 6), ipOf(cidrs, 6)) }, source: name === agent.context.name ? 'local' : 'custom-resource' }
    }), null, 2)}\n`
  }
  const rows = nodes.map((node) => {
    const ips = (node.spec?.addresses ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.ip)
    const cidrs = node.spec?.ipam?.podCIDRs ?? []
    return [`default/${node.metadata.name}${node.metadata.name === agent.context.name ? ' (localhost)' : ''}`, ipOf(ips, 4), ipOf(cidrs, 4), ipOf(ips, 6), ipOf(cidrs, 6), node.metadata.name === agent.context.name ? 'local' : 'custom-resource', '']
  })
  return columns([['Name', 'IPv4 Address', 'Endpoint CIDR', 'IPv6 Address', 'Endpoint CIDR', 'Source', ''], ...rows])
}

export const ipList: Command = ({ datapath }, args) => {
  const { json, flags } = verb(args, 'ip', ['list'], ['-n', '--numeric', '-v', '--verbose'])
  const entries = datapath.ipcache.list().sort(([a], [b]) => (a < b ? -1 : 1))
  // models.IPListEntry
  if (json) return `${JSON.stringify(entries.map(([cidr, { identity, tunnel }]) => ({ cidr, encryptKey: 0, ...(tunnel === undefined ? {} : { hostIP: tunnel }), identity, metadata: { source: 'k8s' } })), null, 2)}\n`
  if (flags.has('-n') || flags.has('--numeric')) return columns([['IP', 'IDENTITY', 'SOURCE', ''], ...entries.map(([prefix, { identity }]) => [prefix, String(identity), 'k8s', ''])])
  const rows = entries.flatMap(([prefix, { identity }]) => labelLines(datapath.identity(identity).labels).map((label, i) => [i === 0 ? prefix : '', label, i === 0 ? 'k8s' : '', '']))
  return columns([['IP', 'IDENTITY', 'SOURCE', ''], ...rows])
}

export const policy: Command = ({ agent, datapath }, args) => {
  const { verb: name } = verb(args, 'policy', ['get', 'selectors'])
  const repository = agent.repository!
  if (name === 'selectors') {
    const all = cachedSelectors(repository.objects())
    const texts = [...new Set(all.map((s) => s.text))]
    const rows = texts.map((text) => {
      const same = all.filter((s) => s.text === text)
      const ids = [...datapath.identities.values()].filter((i) => same[0]!.matches(i)).map((i) => i.id).sort((a, b) => a - b)
      return [text, [...new Set(same.map((s) => s.labels))].join(' '), String(same.length), ids, ''] as const
    })
    return columns([['SELECTOR', 'LABELS', 'USERS', 'IDENTITIES', ''], ...rows.flatMap(([text, labels, users, ids]) => (ids.length === 0 ? [''] : ids).map((id, i) => (i === 0 ? [text, labels, users, String(id), ''] : ['', '', '', String(id), ''])))])
  }
  return `${JSON.stringify(repository.objects().flatMap((o) => specsOf(o)), null, 2)}\nRevision: ${repository.revision}\n`
}

/** Policies as the rules that they are inside. */
function specsOf(object: KubeObject): object[] {
  const { namespace, name, uid } = object.metadata
  const labels = [
    { key: 'io.cilium.k8s.policy.derived-from', value: object.kind, source: 'k8s' }, { key: 'io.cilium.k8s.policy.name', value: name, source: 'k8s' },
    ...(namespace === undefined ? [] : [{ key: 'io.cilium.k8s.policy.namespace', value: namespace, source: 'k8s' }]), { key: 'io.cilium.k8s.policy.uid', value: uid, source: 'k8s' },
  ]
  if (object.kind === 'NetworkPolicy') {
    const { podSelector, ingress, egress, policyTypes } = (object as unknown as { spec: { podSelector: LabelSelector; ingress?: object[]; egress?: object[]; policyTypes?: string[] } }).spec
    const matchLabels = Object.fromEntries([...Object.entries(podSelector.matchLabels ?? {}).map(([k, v]) => [`k8s:${k}`, v]), ['k8s:io.kubernetes.pod.namespace', namespace]])
    return [{ endpointSelector: { ...podSelector, matchLabels }, ...(policyTypes?.includes('Ingress') ? { ingress: ingress ?? [{}] } : {}), ...(policyTypes?.includes('Egress') ? { egress: egress ?? [{}] } : {}), labels }]
  }
  const { spec, specs } = object as CiliumNetworkPolicy
  return [...(spec ? [spec] : []), ...(specs ?? [])].map((s) => ({ ...s, labels }))
}
