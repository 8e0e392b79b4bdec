/** The help of antctl in Antrea v2.4's containers (pkg/antctl/antctl.go), as cobra's template lays it out. */
export type Mode = 'agent' | 'controller'

/** Without a type: a flag that is there or not. */
export interface Flag { readonly name: string; readonly short?: string; readonly type?: 'string' | 'duration'; readonly usage: string; readonly default?: string }
export interface Topic {
  readonly short: string
  readonly long?: string
  readonly aliases?: readonly string[]
  /** "name": what the argument is called, and what is said of it. */
  readonly argument?: readonly [string, string]
  readonly examples?: string
  /** Missing: its flags are not known here. */
  readonly flags?: readonly Flag[]
  /** Where it is there; missing: everywhere. */
  readonly only?: Mode
}

export const GLOBAL: readonly Flag[] = [
  { name: 'kubeconfig', short: 'k', type: 'string', usage: 'absolute path to the kubeconfig file' },
  { name: 'server', short: 's', type: 'string', usage: 'address and port of the API server, taking precedence over the default endpoint and the one set in kubeconfig' },
  { name: 'timeout', short: 't', type: 'duration', usage: 'time limit of the execution of the command' },
  { name: 'verbose', short: 'v', usage: 'enable verbose output' },
]
const output = (value: string): Flag => ({ name: 'output', short: 'o', type: 'string', usage: 'output format: json|table|yaml|raw', default: value })
const string = (name: string, short: string, usage: string): Flag => ({ name, type: 'string', usage, ...(short ? { short } : {}) })
const SORT = string('sort-by', '', 'Get resources in specific order.')
const NAME = ['name', 'Retrieve resource by name'] as const
const TYPES = 'K8sNP, ACNP, ANNP, BANP or ANP'

const families = (what: string): Flag[] => [4, 6].map((version) => ({ name: `ipv${version}-only`, usage: `Get IPv${version} ${what} only` }))

/** What each line does, and its command after "antctl get". */
const examples = (lines: readonly (readonly [string, string])[]): string => lines.map(([what, command]) => `  ${what}\n  $ antctl get ${command}`).join('\n')

const groups = (name: string, title: string, aliases: readonly string[]): Topic => ({
  short: `Print ${title} groups`, long: `Print ${title} groups in \${component}`, aliases, argument: NAME, flags: [output('table'), SORT],
  examples: examples([[`Get the list of all ${name === 'addressgroup' ? 'AddressGroups' : 'AppliedToGroups'}`, name]]),
})

export const GET: ReadonlyMap<string, Topic> = new Map<string, Topic>([
  ['addressgroup', groups('addressgroup', 'address', ['addressgroups', 'ag'])],
  ['agentinfo', { short: "Print agent's basic information", long: "Print agent's basic information including version, deployment, Node subnet, OVS info, AgentConditions, etc.", aliases: ['agentinfos', 'ai'], only: 'agent', examples: '  Get the agentinfo\n  $ antctl get agentinfo\n', flags: [output('table')] }],
  ['appliedtogroup', groups('appliedtogroup', 'appliedto', ['appliedtogroups', 'atg'])],
  ['bgppeers', {
    short: 'Print the current status of bgp peers of effective bgppolicy', long: 'Print the current status of bgp peers of effective bgppolicy which includes peer IP address with port, asn and state', aliases: ['bgppeer'], only: 'agent',
    examples: '  Get the list of all bgp peers with their current status\n  $ antctl get bgppeers\n  Get the list of IPv4 bgp peers with their current status\n  $ antctl get bgppeers --ipv4-only\n  Get the list of IPv6 bgp peers with their current status\n  $ antctl get bgppeers --ipv6-only\n',
    flags: [...families('bgp peers'), output('table'), SORT],
  }],
  ['bgppolicy', { short: 'Print effective bgppolicy information', long: 'Print effective bgppolicy information including name, local ASN, router ID and listen port', only: 'agent', flags: [output('table')] }],
  ['bgproutes', {
    short: 'Print the advertised bgp routes.', aliases: ['bgproute'], only: 'agent',
    examples: '  Get the list of all advertised bgp routes\n  $ antctl get bgproutes\n  Get the list of advertised IPv4 bgp routes\n  $ antctl get bgproutes --ipv4-only\n  Get the list of advertised IPv6 bgp routes\n  $ antctl get bgproutes --ipv6-only\n  Get the list of all advertised routes of a specific type\n  $ antctl get bgproutes -T EgressIP\n',
    flags: [...families('advertised bgp routes').map((flag) => ({ ...flag, usage: flag.usage.replace(/Get (IPv.) advertised/, 'Get advertised $1') })), output('table'), SORT, string('type', 'T', 'Get advertised bgp routes of a specific type. Valid types are EgressIP, ServiceLoadBalancerIP, ServiceExternalIP, ServiceClusterIP or NodeIPAMPodCIDR.')],
  }],
  ['controllerinfo', { short: "Print Antrea controller's basic information", long: "Print Antrea controller's basic information including version, deployment, NetworkPolicy controller, ControllerConditions, etc.", aliases: ['controllerinfos', 'ci'], only: 'controller', examples: '  Get the controllerinfo\n  $ antctl get controllerinfo\n', flags: [output('table')] }],
  ['featuregates', { short: 'Print Antrea feature gates', long: 'Print current Antrea agent feature gates info', flags: [] }],
  ['fqdncache', {
    short: 'Print fqdn cache', long: 'Print effective fqdn cache information including fqdn name, IP addresses, and expiration time', only: 'agent',
    examples: '  Get the list of all fqdn rules currently applied\n  $ antctl get fqdncache\n  Get the list of all fqdn rules currently applied for a given domain name (wildcard supported)\n  $ antctl get fqdncache --domain example.com\n  $ antctl get fqdncache --domain *.antrea.io\n',
    flags: [string('domain', 'd', 'Get fqdn cache for only a specific domain'), output('table'), SORT],
  }],
  ['memberlist', { short: 'Print state of memberlist cluster', long: 'Print state of memberlist cluster of Antrea agent', aliases: ['ml'], only: 'agent', flags: [output('table'), SORT] }],
  ['networkpolicy', {
    short: 'Print control plane NetworkPolicies', long: "Print control plane NetworkPolicies in ${component}. 'namespace' is required if 'pod' is provided.", aliases: ['networkpolicies', 'netpol'], argument: ['name', 'Get NetworkPolicy by name.'],
    examples: examples([
      ['Get a specific control plane NetworkPolicy', 'networkpolicy 6001549b-ba63-4752-8267-30f52b4332db'], ['Get the list of all control plane NetworkPolicies', 'networkpolicy'],
      ['Get the control plane NetworkPolicy with a specific source (supported by agent only)', 'networkpolicy -S allow-http -n ns1'],
      ['Get the list of control plane NetworkPolicies whose source NetworkPolicies are in a Namespace (supported by agent only)', 'networkpolicy -n ns1'],
      ['Get the list of control plane NetworkPolicies with a specific source Type (supported by agent only)', 'networkpolicy -T acnp'],
      ['Get the list of control plane NetworkPolicies applied to a Pod (supported by agent only)', 'networkpolicy -p ns1/pod1'],
    ]),
    flags: [
      string('namespace', 'n', 'Get Networkpolicies from specific Namespace.'), output('table'), string('pod', 'p', 'Get NetworkPolicies applied to the Pod. Pod format is podNamespace/podName.'), SORT,
      string('source', 'S', 'Get NetworkPolicies for which the source has the provided name. The source of a control plane NetworkPolicy is the original policy resource (K8s NetworkPolicy or Antrea-native Policy) from which the control plane NetworkPolicy was derived.'),
      string('type', 'T', `Get NetworkPolicies with specific type. Type refers to the type of its source NetworkPolicy: ${TYPES}`),
    ],
  }],
  ['ovsflows', {
    short: 'Dump OVS flows', long: 'Dump all the OVS flows or the flows installed for the specified entity.', aliases: ['of'], only: 'agent',
    examples: examples([
      ['Dump all OVS flows', 'ovsflows'], ['Dump OVS table names only', 'ovsflows --table-names-only'], ['Dump OVS flows of a local Pod', 'ovsflows -p pod1 -n ns1'], ['Dump OVS flows of a Service', 'ovsflows -S svc1 -n ns1'],
      ['Dump OVS flows of a NetworkPolicy', 'ovsflows -N np1 -n ns1 --type K8sNP'], ['Dump OVS flows of a flow Table', 'ovsflows -T IngressRule'], ['Dump OVS groups', 'ovsflows -G 10,20'], ['Dump all OVS groups', 'ovsflows -G all'],
    ]),
    flags: [
      string('groups', 'G', "Comma separated OVS group IDs. Use 'all' to dump all groups"), string('namespace', 'n', 'Namespace of the entity'),
      string('networkpolicy', 'N', 'NetworkPolicy name. Namespace must be provided for non-cluster-scoped policy types if a type is specified.'), output('table'),
      string('pod', 'p', 'Name of a local Pod. If present, Namespace must be provided.'), string('service', 'S', 'Name of a Service. If present, Namespace must be provided.'),
      string('table', 'T', 'Comma separated Antrea OVS flow table names or numbers'), { name: 'table-names-only', usage: 'Print all Antrea OVS flow table names only, and nothing else' },
      string('type', '', `NetworkPolicy type. Valid types are ${TYPES}.`),
    ],
  }],
  ['podinterface', {
    short: "Print Pod's network interface information", long: 'Print information about the network interface(s) created by the Antrea agent for the specified Pod.', aliases: ['podinterfaces', 'pi'], only: 'agent',
    argument: ['name', 'Retrieve Pod interface by name. If present, Namespace must be provided.'],
    examples: examples([
      ['Get a pod-interface', 'podinterface pod1 -n ns1'], ['Get the list of podinterfaces in a Namespace', 'podinterface -n ns1'],
      ['Get the list of podinterfaces whose names match in all Namespaces', 'podinterface pod1'], ['Get the list of podinterfaces in all Namespaces', 'podinterface'],
    ]),
    flags: [string('namespace', 'n', 'Get Pod interfaces from specific Namespace'), output('table')],
  }],
  ['podmulticaststats', {
    short: 'Show multicast statistics', long: 'Show multicast traffic statistics of Pods', only: 'agent', argument: ['name', 'Retrieve Pod Multicast Statistics by name. If present, Namespace must be provided.'],
    examples: '  Show multicast traffic statistics of all local Pods on the Node\n$ antctl get podmulticaststats\nShow multicast traffic statistics of a given Pod\n$ antctl get podmulticaststats pod -n namespace',
    flags: [string('namespace', 'n', 'Get Pod Multicast Statistics from specific Namespace.'), output('table'), SORT],
  }],
  ['serviceexternalip', {
    short: 'Print Service external IP status', long: 'Print Service external IP status. It includes the external IP, external IP pool and the assigned Node for Services with type LoadBalancer managed by Antrea', aliases: ['seip', 'serviceexternalips'], only: 'agent',
    argument: ['name', 'Name of the Service; if present, Namespace must be provided as well.'], flags: [string('namespace', 'n', 'Only get the external IP status for Services in the provided Namespace.'), output('table'), SORT],
  }],
])

export const ROOT: ReadonlyMap<string, Topic> = new Map<string, Topic>([
  ['completion', { short: 'Generate the autocompletion script for the specified shell' }],
  ['get', { short: 'Get the status or resource of a topic' }],
  ['help', { short: 'Help about any command' }],
  ['log-level', { short: 'Show or set log verbosity level' }],
  ['packetcapture', { short: 'Start capture packets' }],
  ['proxy', { short: 'Run a reverse proxy to access Antrea API', only: 'controller' }],
  ['query', { short: 'Execute a user-provided query', only: 'controller' }],
  ['supportbundle', { short: 'Generate support bundle' }],
  ['trace-packet', { short: 'OVS packet tracing', only: 'agent' }],
  ['traceflow', { short: 'Start a Traceflows', aliases: ['tf', 'traceflows'] }],
  ['version', { short: 'Print version information', long: 'Print version information of antctl and ${component}', examples: '  Get a version\n  $ antctl version [name]\n  Get the list of version\n  $ antctl version\n', flags: [output('yaml')] }],
])

/** A command by its name or one of its other names, where it is there. */
export function topicOf(topics: ReadonlyMap<string, Topic>, word: string, mode: Mode): [string, Topic] | undefined {
  for (const [name, topic] of topics) if ((topic.only ?? mode) === mode && (name === word || topic.aliases?.includes(word))) return [name, topic]
  return undefined
}

/** pflag's FlagUsages: sorted by name, usages in one column. */
function flagLines(flags: readonly Flag[]): string {
  const sorted = [...flags].sort((a, b) => (a.name < b.name ? -1 : 1))
  const heads = sorted.map(({ name, short, type }) => `  ${short === undefined ? '   ' : `-${short},`} --${name}${type === undefined ? '' : ` ${type}`}`)
  const width = Math.max(...heads.map((head) => head.length))
  return sorted.map(({ usage, default: value }, i) => `${heads[i]!.padEnd(width)}   ${usage}${value === undefined ? '' : ` (default "${value}")`}\n`).join('')
}

/** `antctl`, `antctl get`: what there is. */
export function groupHelp(name: string, about: string, topics: ReadonlyMap<string, Topic>, mode: Mode): string {
  const there = [...topics].filter(([, { only }]) => (only ?? mode) === mode)
  const width = Math.max(11, ...there.map(([each]) => each.length))
  const help: Flag = { name: 'help', short: 'h', usage: `help for ${name.split(' ').at(-1)!}` }
  const root = name === 'antctl'
  return `${about}\n\nUsage:\n  ${name} [command]\n\nAvailable Commands:\n${there.map(([each, { short }]) => `  ${each.padEnd(width)} ${short}\n`).join('')}\nFlags:\n${flagLines(root ? [help, ...GLOBAL] : [help])}${root ? '' : `\nGlobal Flags:\n${flagLines(GLOBAL)}`}\nUse "${name} [command] --help" for more information about a command.\n`
}

/** Undefined: its flags are not known here. */
export function topicHelp(name: string, topic: Topic, mode: Mode): string | undefined {
  const { long, short, argument, aliases, examples, flags } = topic
  if (!flags) return undefined
  const word = name.split(' ').at(-1)!
  const about = (long ?? short).replaceAll('${component}', mode)
  const parts = [
    `${about}${argument ? `\n\nArgs:\n  ${argument[0]}\t${argument[1]}` : ''}`,
    `Usage:\n  ${name}${argument ? ` [${argument[0]}]` : ''} [flags]`,
    ...(aliases ? [`Aliases:\n  ${[word, ...aliases].join(', ')}`] : []),
    ...(examples === undefined ? [] : [`Examples:\n${examples}`]),
    `Flags:\n${flagLines([...flags, { name: 'help', short: 'h', usage: `help for ${word}` }]).trimEnd()}`,
    `Global Flags:\n${flagLines(GLOBAL).trimEnd()}`,
  ]
  return `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`
}
