import { ConnectionError, StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { NetworkPolicy, Node, Pod } from '../../kubernetes/types.ts'
import type { Program } from '../../machine/types.ts'
import { cidrContains, isValidIp, parseCidr } from '../../network/address.ts'
import { byName } from '../../own.ts'
import { decodeUtf8 } from '../../text.ts'
import type { SystemServices } from '../../programs/types.ts'
import { ADDRESS_ANNOTATIONS, birdError, type Bird } from './bird.ts'
import { singleAddress } from './calico.ts'
import { act, calicoKind, findStored, printObjects, readObjects, storedName, type Action, type CalicoKind, type Stored } from './calicoctl-objects.ts'
import { addressesOf, calicoResource, listPools, type IpamBlock } from './datastore.ts'
import { ordinalOf } from './ipam.ts'
import { CALICO_GROUP, CALICO_VERSION, workloadInterface } from './names.ts'

/** calicoctl v3.30 (calicoctl/calicoctl): get, apply and its like, node status, ipam show, version; on nodes, on the laptop and in calico/ctl. */
interface Options { words: string[]; wide: boolean; format: 'yaml' | 'json' | undefined; file: string | undefined; namespace: string | undefined; all: boolean; flags: Set<string>; ip: string | undefined }
type Answer = { stdout?: string; stderr?: string; code?: number }

/** Kinds that are made of Kubernetes' own. */
const KINDS: Readonly<Record<string, string>> = byName({
  node: 'node', nodes: 'node', no: 'node', nos: 'node', workloadendpoint: 'wep', workloadendpoints: 'wep', wep: 'wep', weps: 'wep', profile: 'profile', profiles: 'profile', pro: 'profile', pros: 'profile',
})
const SUPPORTED = 'use get [-o wide|yaml|json], apply, create, replace and delete -f FILE, node status, ipam show [--show-blocks|--ip=IP] or version'

export function calicoctl(services: SystemServices, bird: (node: string) => { running: boolean; birds: readonly Bird[] } | undefined): Program {
  return function* (process) {
    const options = parse(process.argv.slice(1))
    let answer: Answer
    let content: string | undefined
    if (typeof options !== 'string' && options.file !== undefined) {
      const path = process.resolve(options.file)
      if (options.file === '-') content = decodeUtf8(yield* process.readAll())
      else if (process.fs.exists(path) && process.fs.stat(path).type === 'file') content = process.fs.readText(path)
      else {
        yield* process.print(`Failed to execute command: open ${options.file}: no such file or directory\n`)
        return 1
      }
    }
    try {
      answer = typeof options === 'string' ? unsupported(options) : run(services.client, options, content, () => {
        const node = services.nodeOf(process)?.name ?? process.network.name
        return nodeStatus(process.user.uid, bird(node), (at) => process.clock.wall() - process.clock.now + at)
      })
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
      answer = { stdout: `Failed to get resources: ${error.message}\n`, code: 1 }
    }
    yield* process.print(answer.stdout ?? '')
    yield* process.printError(answer.stderr ?? '')
    return answer.code ?? 0
  }
}

function unsupported(what: string): Answer {
  return { stderr: `podhop: not simulated: calicoctl ${what} (${SUPPORTED})\n`, code: 69 }
}

/** The options, or what of them is not simulated. */
function parse(args: readonly string[]): Options | string {
  const options: Options = { words: [], wide: false, format: undefined, file: undefined, namespace: undefined, all: false, flags: new Set(), ip: undefined }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-o' || arg === '--output' || arg.startsWith('-o') || arg.startsWith('--output=')) {
      const format = arg === '-o' || arg === '--output' ? args[++i] : arg.replace(/^(-o=?|--output=)/, '')
      if (format === 'wide') options.wide = true
      else if (format === 'yaml' || format === 'yml') options.format = 'yaml'
      else if (format === 'json') options.format = 'json'
      else if (format !== 'ps') return `-o ${format ?? ''}`
    } else if (arg === '-f' || arg === '--filename') options.file = args[++i]
    else if (arg.startsWith('--filename=')) options.file = arg.slice(11)
    else if (arg === '-n' || arg === '--namespace') options.namespace = args[++i]
    else if (arg.startsWith('--namespace=')) options.namespace = arg.slice(12)
    else if (arg === '-a' || arg === '--all-namespaces' || arg === '-A') options.all = true
    else if (arg.startsWith('--ip=')) options.ip = arg.slice(5)
    else if (arg === '--ip') options.ip = args[++i]
    else if (arg === '--show-blocks' || arg === '--allow-version-mismatch') options.flags.add(arg)
    else if (arg.startsWith('-')) return arg
    else options.words.push(arg)
  }
  return options
}

function run(client: KubernetesClient, options: Options, content: string | undefined, status: () => Answer): Answer {
  const [verb, what = '', ...names] = options.words
  if (verb === 'version') return { stdout: `Client Version:    ${CALICO_VERSION}\nGit commit:        3302e8bfd\nCluster Version:   ${CALICO_VERSION}\nCluster Type:      k8s,bgp,kubeadm,kdd\n` }
  if (verb === 'node' && what === 'status') return status()
  if (verb === 'ipam' && what === 'show') return options.ip === undefined ? utilization(client, options.flags.has('--show-blocks')) : showIp(client, options.ip)
  if (verb === 'apply' || verb === 'create' || verb === 'replace' || verb === 'delete') return change(client, verb, what, names, options, content)
  const own = calicoKind(what)
  if (verb === 'get' && own && options.format !== undefined) return describe(client, own, names, options, options.format)
  const kind = KINDS[what.toLowerCase()]
  if (verb === 'get' && options.format === undefined && (own || kind !== undefined)) return get(client, own ?? kind!, names, options)
  return unsupported(options.words.join(' '))
}

// ---- get -----------------------------------------------------------------------------------------------------

function get(client: KubernetesClient, kind: CalicoKind | string, names: readonly string[], options: Options): Answer {
  const scope = options.all ? {} : { namespace: options.namespace ?? 'default' }
  const known: { key: string; namespace?: string; row: Record<string, string> }[] = []
  let columns: readonly string[]
  if (typeof kind !== 'string') {
    columns = options.wide ? kind.wide : kind.columns
    for (const { metadata: { name, namespace }, spec } of listed(client, kind, scope)) known.push({ key: name, ...(namespace === undefined ? {} : { namespace }), row: { NAME: name, ...kind.row(spec) } })
    if (kind.kind === 'NetworkPolicy') known.push(...client.list<NetworkPolicy>('networkpolicies', scope).items.map(({ metadata, spec }) => kubernetesPolicy(kind, metadata, spec)))
  } else if (kind === 'node') {
    columns = options.wide ? ['NAME', 'ASN', 'IPV4', 'IPV6'] : ['NAME']
    for (const { metadata } of client.list<Node>('nodes').items) known.push({ key: metadata.name, row: { NAME: metadata.name, ASN: '(64512)', IPV4: metadata.annotations?.[ADDRESS_ANNOTATIONS[4]] ?? '', IPV6: metadata.annotations?.[ADDRESS_ANNOTATIONS[6]] ?? '' } })
  } else if (kind === 'profile') {
    columns = ['NAME']
    const all = ['projectcalico-default-allow', ...client.list('namespaces').items.map((n) => `kns.${n.metadata.name}`), ...client.list('serviceaccounts').items.map((a) => `ksa.${a.metadata.namespace}.${a.metadata.name}`)]
    known.push(...all.map((name) => ({ key: name, row: { NAME: name } })))
  } else {
    columns = options.wide ? ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'] : ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE']
    for (const pod of client.list<Pod>('pods', scope).items) known.push(...endpointOf(pod))
  }
  const spaced = (options.all || options.namespace !== undefined) && (typeof kind === 'string' ? kind === 'wep' : kind.namespaced === true)
  const keyOf = (name: string): string => (known.some((k) => k.key === name) || typeof kind === 'string' ? name : storedName(kind, name))
  const missing = names.filter((n) => !known.some((k) => k.key === keyOf(n)))
  if (missing.length > 0) return { stdout: `Failed to get resources: resource does not exist: ${typeof kind === 'string' ? KIND_NAMES[kind]! : kind.kind}(${missing[0]!}) with error: <nil>\n`, code: 1 }
  const wanted = names.map(keyOf)
  const rows = names.length === 0 ? known : known.filter((k) => wanted.includes(k.key))
  const header = spaced ? ['NAMESPACE', ...columns] : columns
  return { stdout: `${tabbed([header, ...rows.map((r) => header.map((c) => (c === 'NAMESPACE' ? (r.namespace ?? '') : (r.row[c] ?? ''))))])}\n` }
}

const KIND_NAMES: Readonly<Record<string, string>> = byName({ node: 'Node', wep: 'WorkloadEndpoint', profile: 'Profile' })

/** Tiers by their order, everything else by name. */
function listed(client: KubernetesClient, kind: CalicoKind, scope: { namespace?: string }): Stored[] {
  const items = [...client.list<Stored>(calicoResource(kind.plural), kind.namespaced ? scope : {}).items]
  const order = ({ spec }: Stored): number => (typeof spec['order'] === 'number' ? spec['order'] : Infinity)
  return kind.kind === 'Tier' ? items.sort((a, b) => order(a) - order(b)) : items
}

function kubernetesPolicy(kind: CalicoKind, metadata: NetworkPolicy['metadata'], spec: NetworkPolicy['spec']): { key: string; namespace: string; row: Record<string, string> } {
  const labels = Object.entries(spec.podSelector?.matchLabels ?? {}).sort().map(([k, v]) => `${k} == '${v}'`)
  const key = `knp.default.${metadata.name}`
  return { key, namespace: metadata.namespace, row: { NAME: key, ...kind.row({ order: 1000, selector: ["projectcalico.org/orchestrator == 'k8s'", ...labels].join(' && ') }) } }
}

function describe(client: KubernetesClient, kind: CalicoKind, names: readonly string[], options: Options, format: 'yaml' | 'json'): Answer {
  if (names.length === 0) return { stdout: printObjects(format, kind, listed(client, kind, options.all ? {} : { namespace: options.namespace ?? 'default' }), false) }
  const found: Stored[] = []
  for (const name of names) {
    const object = findStored(client, kind, options.namespace ?? 'default', name)
    if (!object) return { stdout: `Failed to get resources: resource does not exist: ${kind.kind}(${storedName(kind, name)}) with error: ${kind.plural}.${CALICO_GROUP} "${storedName(kind, name)}" not found\n`, code: 1 }
    found.push(object)
  }
  return { stdout: printObjects(format, kind, found, found.length === 1) }
}

// ---- apply, create, replace, delete ------------------------------------------------------------------------------

function change(client: KubernetesClient, verb: Action, what: string, names: readonly string[], options: Options, content: string | undefined): Answer {
  const done = { apply: 'applied', create: 'created', replace: 'replaced', delete: 'deleted' }[verb]
  const own = calicoKind(what)
  if (content === undefined && (verb !== 'delete' || !own || names.length === 0)) return unsupported(options.words.join(' '))
  const given = content === undefined
    ? names.map((name) => ({ kind: own!, object: { apiVersion: 'projectcalico.org/v3', kind: own!.kind, metadata: { name, ...(own!.namespaced ? { namespace: options.namespace ?? 'default' } : {}) }, spec: {} } as Stored }))
    : readObjects(content, options.namespace)
  if (typeof given === 'string') return { stdout: `Failed to execute command: ${given}\n`, code: 1 }
  if (given.length === 0) return { stdout: 'No resources specified\n' }
  const kinds = new Set(given.map((g) => g.kind.kind))
  const single = kinds.size === 1 ? ` '${[...kinds][0]!}'` : ''
  const errors: string[] = []
  let handled = 0
  for (const each of given) {
    const error = act(client, verb, each)
    if (error === undefined) handled++
    else {
      errors.push(error)
      // what follows a failure is not looked at, but for delete
      if (verb !== 'delete') break
    }
  }
  if (errors.length === 0) return { stdout: `Successfully ${done} ${handled}${single} resource(s)\n` }
  if (verb === 'delete') return { stdout: `${handled > 0 ? `Successfully deleted ${handled}${single} resource(s)\n` : ''}${errors.map((e) => `Failed to delete${single} resource: ${e}\n`).join('')}\n`, code: 1 }
  if (handled === 0) return { stdout: `Failed to ${verb} ${given.length === 1 ? `${single.trim()} resource` : `any${single} resources`}: [${errors.join(' ')}]\n`, code: 1 }
  return { stdout: `Partial success: ${done} the first ${handled} out of ${given.length}${single} resources:\nHit error(s): [${errors.join(' ')}]\n`, code: 1 }
}

function endpointOf({ metadata, spec, status }: Pod): { key: string; namespace: string; row: Record<string, string> }[] {
  const ips = addressesOf({ metadata, spec, status } as Pod)
  if (spec.hostNetwork || ips.length === 0 || !spec.nodeName || status.phase === 'Succeeded' || status.phase === 'Failed') return []
  const dashed = (text: string): string => text.replaceAll('-', '--')
  const key = `${dashed(spec.nodeName)}-k8s-${dashed(metadata.name)}-eth0`
  const profiles = `kns.${metadata.namespace},ksa.${metadata.namespace}.${spec.serviceAccountName ?? 'default'}`
  return [{ key, namespace: metadata.namespace, row: { NAME: key, WORKLOAD: metadata.name, NODE: spec.nodeName, NETWORKS: ips.map(singleAddress).join(','), INTERFACE: workloadInterface(metadata.namespace, metadata.name), PROFILES: profiles, NATS: '' } }]
}

/** text/tabwriter with a minimum of five and three blanks between, also behind the last column. */
function tabbed(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(5, ...rows.map((r) => r[i]!.length + 3)))
  return rows.map((r) => `${r.map((cell, i) => cell.padEnd(widths[i]!)).join('')}\n`).join('')
}

// ---- node status ---------------------------------------------------------------------------------------------

function nodeStatus(uid: number, state: { running: boolean; birds: readonly Bird[] } | undefined, wall: (at: number) => number): Answer {
  if (uid !== 0) return { stdout: 'Need to run as root.\n', code: 1 }
  if (!state?.running) return { stdout: 'Calico process is not running.\n', code: 1 }
  let text = 'Calico process is running.\n'
  if (state.birds.length === 0) return { stdout: `${text}\nThe BGP backend process (BIRD) is not running.\n\n` }
  for (const version of [4, 6] as const) {
    const peers = (state.birds.find((b) => b.version === version)?.peers ?? []).map((s) => {
      const up = s.state === 'Established'
      return [s.address, 'node-to-node mesh', up ? 'up' : 'start', new Date(wall(s.since)).toISOString().slice(11, 19), up ? s.state : `${s.state}${s.lastError ? ` ${birdError(s.lastError)}` : ''}`]
    })
    text += `\nIPv${version} BGP status\n`
    text += peers.length === 0 ? `No IPv${version} peers found.\n` : boxed(['PEER ADDRESS', 'PEER TYPE', 'STATE', 'SINCE', 'INFO'], peers)
  }
  return { stdout: `${text}\n` }
}

// ---- ipam show -----------------------------------------------------------------------------------------------

function utilization(client: KubernetesClient, showBlocks: boolean): Answer {
  const blocks = client.list<IpamBlock>(calicoResource('ipamblocks')).items
  const row = (kind: string, cidr: string, used: number, capacity: number): string[] => {
    const share = (n: number): string => `${short(n)} (${Math.round((100 * n) / capacity)}%)`
    return [kind, cidr, short(capacity), share(used), share(capacity - used)]
  }
  const used = (b: IpamBlock): number => b.spec.allocations.length - b.spec.unallocated.length
  const rows = listPools(client).flatMap(({ spec: { cidr } }) => {
    const own = blocks.filter((b) => cidrContains(cidr, b.spec.cidr.split('/')[0]!))
    return [row('IP Pool', cidr, own.reduce((sum, b) => sum + used(b), 0), 2 ** ((cidr.includes(':') ? 128 : 32) - parseCidr(cidr).length)), ...(showBlocks ? own.map((b) => row('Block', b.spec.cidr, used(b), b.spec.allocations.length)) : [])]
  })
  return { stdout: boxed(['GROUPING', 'CIDR', 'IPS TOTAL', 'IPS IN USE', 'IPS FREE'], rows) }
}

/** Go's %.5g for whole numbers. */
function short(n: number): string {
  return n < 1e5 ? String(n) : n.toExponential(4).replace(/\.?0+e/, 'e').replace(/e\+(\d)$/, 'e+0$1')
}

function showIp(client: KubernetesClient, ip: string): Answer {
  if (!isValidIp(ip)) return { stdout: `Error executing command: invalid IP address specified: ${ip}\n`, code: 1 }
  for (const { spec } of client.list<IpamBlock>(calicoResource('ipamblocks')).items) {
    if (!cidrContains(spec.cidr, ip)) continue
    const index = spec.allocations[ordinalOf(spec.cidr, ip)]
    if (index === null || index === undefined) break
    const attributes = Object.entries(spec.attributes[index]?.secondary ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    return { stdout: `IP ${ip} is in use\n${attributes.length > 0 ? `Attributes:\n${attributes.map(([k, v]) => `  ${k}: ${v}\n`).join('')}` : 'No attributes defined\n'}` }
  }
  return { stdout: `${ip} is not assigned\n` }
}

/** The frames of olekukonko/tablewriter: headers in the middle, numbers on the right. */
function boxed(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)))
  const line = `+${widths.map((w) => '-'.repeat(w + 2)).join('+')}+\n`
  const centered = (text: string, width: number): string => text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width)
  const cell = (text: string, width: number): string => (/^-?[0-9.]+(e\+\d+)?$/.test(text) && !/\..*\./.test(text) ? text.padStart(width) : text.padEnd(width))
  const row = (cells: readonly string[], put: (text: string, width: number) => string): string => `| ${cells.map((c, i) => put(c, widths[i]!)).join(' | ')} |\n`
  return line + row(header, centered) + line + rows.map((r) => row(r, cell)).join('') + line
}
