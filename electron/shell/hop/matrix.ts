import { notInForce, PolicyIndex, policyEnforcement, policyMatrix, sctpEnabled, type Cluster, type KubeObject, type NotInForce, type PolicyMatrix, type PolicyProtocol, type Process, type Task } from '../../engine/cluster.ts'
import { matrixJson, matrixText } from './matrix-print.ts'

const USAGE = `hop matrix: every Pod to every Pod, allowed or denied, and by which NetworkPolicy

  hop matrix [-n NAMESPACE,…] --port PORT[/PROTOCOL] [-o json|text]

  --port        a number or the name of a container port, with TCP, UDP or SCTP (default TCP): 80, 53/UDP, http
  -n            Pods of these namespaces only (default: all)
  -o            text (default) or json

  It says what the policies say; whether something listens there, and whether packets find their way, hop trace shows.
`

interface Options { namespaces?: string[]; port: number | string; protocol: PolicyProtocol; output: 'json' | 'text' }

/** `hop matrix` (design 5.4). It looks at the objects as they are stored, and changes nothing. */
export function* hopMatrix(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  if (args.some((a) => a === '-h' || a === '--help')) {
    yield* self.print(USAGE)
    return 0
  }
  const options = parse(args)
  if ('error' in options) {
    yield* self.printError(`hop matrix: ${options.error}\n`)
    return 2
  }
  const other = otherPolicies(cluster)
  if (other !== undefined) {
    yield* self.printError(`podhop: not simulated: hop matrix where there are other policies than NetworkPolicies: ${other} (use hop trace for each pair)\n`)
    return 69
  }
  const result = compute(cluster, options)
  if (typeof result === 'string') {
    yield* self.printError(`hop matrix: ${result}\n`)
    return 1
  }
  const { cni } = cluster.config
  const { matrix, idle } = result
  const notes = policyEnforcement(cni) ? idle.map((i) => i.text) : [`The network plugin ${cni} does not enforce NetworkPolicy: whatever the policies say, everything is allowed.`]
  yield* self.print(options.output === 'json' ? matrixJson(matrix, idle) : matrixText(matrix, notes))
  return 0
}

/** Why the plugin drops a whole protocol; undefined: it does not. */
function unfollowed(cluster: Cluster, protocol: PolicyProtocol): string | undefined {
  return protocol === 'SCTP' && cluster.config.cni === 'cilium' && !sctpEnabled(cluster.client) ? 'Cilium drops SCTP: enable-sctp is off' : undefined
}

function parse(args: readonly string[]): Options | { error: string } {
  let output = 'text'
  let port: string | undefined
  const namespaces: string[] = []
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i]!.startsWith('--') ? (args[i]!.split(/=(.*)/s) as [string, string?]) : /^-[no]./.test(args[i]!) ? ([args[i]!.slice(0, 2), args[i]!.slice(2).replace(/^=/, '')] as [string, string]) : [args[i]!, undefined]
    const known = ['-o', '--output', '-n', '--namespace', '--port'].includes(flag)
    if (!known) return { error: flag.startsWith('-') ? `unknown flag "${flag}"; allowed: -n, --port, -o` : `unexpected argument "${flag}"; every Pod is asked, -n NAMESPACE,… chooses` }
    const value = inline ?? args[++i]
    if (value === undefined || value === '') return { error: `${flag} needs a value` }
    if (flag === '--port') port = value
    else if (flag.startsWith('-o') || flag === '--output') output = value
    else namespaces.push(...value.split(',').map((n) => n.trim()).filter((n) => n !== ''))
  }
  if (output !== 'json' && output !== 'text') return { error: `-o ${output}: expected json or text` }
  if (port === undefined) return { error: 'which port? expected --port PORT[/PROTOCOL], as --port 80/TCP' }
  const parsed = parsePort(port)
  return 'error' in parsed ? parsed : { ...parsed, output, ...(namespaces.length > 0 ? { namespaces } : {}) }
}

function parsePort(text: string): { port: number | string; protocol: PolicyProtocol } | { error: string } {
  const [first, second = 'TCP', ...rest] = text.split('/')
  const protocol = second.toUpperCase()
  if (rest.length > 0 || !['TCP', 'UDP', 'SCTP'].includes(protocol)) return { error: `--port ${text}: expected PORT/TCP, PORT/UDP or PORT/SCTP` }
  const named = { protocol: protocol as PolicyProtocol }
  if (/^\d+$/.test(first!)) {
    const port = Number(first)
    return port >= 1 && port <= 65_535 ? { port, ...named } : { error: `--port ${text}: expected a port from 1 to 65535` }
  }
  // IANA_SVC_NAME, as container ports are named
  if (!/^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(first!)) return { error: `--port ${text}: expected a number, or the name of a container port` }
  return { port: first!, ...named }
}

/** Kinds that say something of reachability, too: the plugins' own. */
const OTHER_POLICIES = [
  'ciliumnetworkpolicies.cilium.io', 'ciliumclusterwidenetworkpolicies.cilium.io', 'networkpolicies.crd.projectcalico.org', 'globalnetworkpolicies.crd.projectcalico.org', 'hostendpoints.crd.projectcalico.org',
  'adminnetworkpolicies.policy.networking.k8s.io', 'baselineadminnetworkpolicies.policy.networking.k8s.io', 'networkpolicies.crd.antrea.io', 'clusternetworkpolicies.crd.antrea.io',
]

/** "CiliumNetworkPolicy default/l7": the first of them; undefined: there are none. */
function otherPolicies(cluster: Cluster): string | undefined {
  for (const word of OTHER_POLICIES) {
    const resource = cluster.client.findResource(word)
    const found = resource && cluster.client.list(resource.key ?? resource.name).items[0]
    if (found) return `${found.kind} ${found.metadata.namespace ? `${found.metadata.namespace}/` : ''}${found.metadata.name}`
  }
  return undefined
}

/** `idle`: policies that are not in force, of the namespaces that are asked for. */
function compute(cluster: Cluster, { namespaces, port, protocol }: Options): { matrix: PolicyMatrix; idle: readonly NotInForce[] } | string {
  const list = (resource: string): readonly KubeObject[] => cluster.client.list(resource).items
  const existing = list('namespaces')
  const missing = namespaces?.find((name) => !existing.some((n) => n.metadata.name === name))
  if (missing !== undefined) return `there is no namespace "${missing}"; there are ${existing.map((n) => n.metadata.name).join(', ')}`
  const view = PolicyIndex.of({ namespaces: existing, pods: list('pods'), policies: list('networkpolicies') } as Parameters<typeof PolicyIndex.of>[0])
  const enforcement = policyEnforcement(cluster.config.cni)
  const sourceOf: Parameters<typeof policyMatrix>[1]['sourceOf'] = ({ node }, { ips: [ip] }) => (ip === undefined ? undefined : cluster.nodes.get(node ?? '')?.network.routes.resolve(ip)?.source)
  const matrix = policyMatrix(view, { ...enforcement, enforced: enforcement !== undefined, port, protocol, sourceOf, unfollowed: unfollowed(cluster, protocol), ...(namespaces ? { namespaces } : {}) })
  if (matrix.pods.length === 0) return `no Pod${namespaces ? ` in ${namespaces.join(', ')}` : ''} has an address`
  if (typeof port === 'string' && !matrix.pods.some((p) => p.namedPorts.has(`${protocol}/${port}`))) {
    const names = [...new Set(matrix.pods.flatMap((p) => [...p.namedPorts.keys()]))].map((key) => key.split('/').reverse().join('/')).sort()
    return `no container port is named ${port}/${protocol}; there ${names.length > 0 ? `are ${names.join(', ')}` : 'is none with a name'}`
  }
  return { matrix, idle: notInForce(view, cluster.config.cni).filter((i) => namespaces?.includes(i.policy.split('/')[0]!) ?? true) }
}
