/** The help of cilium-dbg v1.17 (Documentation/cmdref of cilium/cilium), as cobra's template lays it out. */
interface Topic { about: string; aliases?: string; use?: string; flags?: readonly string[]; commands?: readonly (readonly [string, string])[] }

const OUTPUT = "  -o, --output string   json| yaml| jsonpath='{}'"
const GLOBAL = ['      --config string   Config file (default is $HOME/.cilium.yaml)', '  -D, --debug           Enable debug messages', '  -H, --host string     URI to server-side API']

const TOPICS: ReadonlyMap<string, Topic> = new Map<string, Topic>([
  ['', { about: 'CLI for interacting with the local Cilium Agent', commands: [
    ['bgp', 'Access to BGP control plane'], ['bpf', 'Direct access to local BPF maps'], ['build-config', 'Resolve all of the configuration sources that apply to this node'], ['cgroups', 'Cgroup metadata'],
    ['cleanup', 'Remove system state installed by Cilium at runtime'], ['completion', 'Output shell completion code'], ['config', 'Cilium configuration options'],
    ['debuginfo', 'Request available debugging information from agent'], ['encrypt', 'Manage transparent encryption'], ['endpoint', 'Manage endpoints'], ['fqdn', 'Manage fqdn proxy'], ['help', 'Help about any command'],
    ['identity', 'Manage security identities'], ['ip', 'Manage IP addresses and associated information'], ['kvstore', 'Direct access to the kvstore'], ['lrp', 'Manage local redirect policies'],
    ['map', 'Access userspace cached content of BPF maps'], ['metrics', 'Access metric status'], ['monitor', 'Display BPF program events'], ['node', 'Manage cluster nodes'],
    ['nodeid', 'List node IDs and associated information'], ['policy', 'Manage security policies'], ['prefilter', 'Manage XDP CIDR filters'], ['preflight', 'Cilium upgrade helper'],
    ['recorder', 'Introspect or mangle pcap recorder'], ['service', 'Manage services & loadbalancers'], ['shell', 'Connect to the Cilium shell'], ['statedb', 'Inspect StateDB'], ['status', 'Display status of daemon'], ['version', 'Print version information'],
  ] }],
  ['bgp', { about: 'Access to BGP control plane', commands: [['peers', 'List current state of all peers'], ['route-policies', 'List all configured route policies'], ['routes', "List routes in the BGP Control Plane's RIBs"]] }],
  ['bpf', { about: 'Direct access to local BPF maps', commands: [
    ['auth', 'Manage authenticated connections between identities'], ['bandwidth', 'BPF datapath bandwidth settings'], ['config', 'Manage runtime config'], ['ct', 'Connection tracking tables'],
    ['egress', 'Manage the egress routing rules'], ['endpoint', 'Local endpoint map'], ['fs', 'BPF filesystem mount'], ['ipcache', 'Manage the IPCache mappings for IP/CIDR <-> Identity'], ['ipmasq', 'ip-masq-agent CIDRs'],
    ['lb', 'Load-balancing configuration'], ['metrics', 'BPF datapath traffic metrics'], ['nat', 'NAT mapping tables'], ['nodeid', 'Manage the node IDs'], ['policy', 'Manage policy related BPF maps'],
    ['recorder', 'PCAP recorder'], ['sha', 'Manage compiled BPF template objects'], ['srv6', 'Manage the SRv6 routing rules'], ['tunnel', 'Tunnel endpoint map'], ['vtep', 'Manage the VTEP mappings for IP/CIDR <-> VTEP MAC/IP'],
  ] }],
  ['encrypt', { about: 'Manage transparent encryption', commands: [['flush', 'Flushes the current IPsec state'], ['status', 'Display the current encryption state']] }],
  ['endpoint', { about: 'Manage endpoints', commands: [
    ['config', 'View & modify endpoint configuration'], ['disconnect', 'Disconnect an endpoint from the network'], ['get', 'Display endpoint information'], ['health', 'View endpoint health'],
    ['labels', 'Manage label configuration of endpoint'], ['list', 'List all endpoints'], ['log', 'View endpoint status log'],
  ] }],
  ['endpoint list', { about: 'List all endpoints', aliases: 'list, ls', flags: ['  -h, --help            help for list', '      --no-headers      Do not print headers', OUTPUT] }],
  ['endpoint get', { about: 'Display endpoint information', use: 'get ( <endpoint identifier> | -l <endpoint labels> )', flags: ['  -h, --help             help for get', '  -l, --labels strings   list of labels', "  -o, --output string    json| yaml| jsonpath='{}'"] }],
  ['identity', { about: 'Manage security identities', commands: [['get', 'Retrieve information about an identity'], ['list', 'List identities']] }],
  ['map', { about: 'Access userspace cached content of BPF maps', commands: [['events', 'Display cached list of events for a BPF map'], ['get', 'Display cached content of given BPF map'], ['list', 'List all open BPF maps']] }],
  ['node', { about: 'Manage cluster nodes', commands: [['list', 'List nodes']] }],
  ['policy', { about: 'Manage security policies', commands: [
    ['delete', 'Delete policy rules'], ['get', 'Display policy node information'], ['import', 'Import security policy in JSON format'], ['selectors', 'Display cached information about selectors'],
    ['validate', 'Validate a policy'], ['wait', 'Wait for all endpoints to have updated to a given policy revision'],
  ] }],
  ['service', { about: 'Manage services & loadbalancers', commands: [['get', 'Display service information'], ['list', 'List services']] }],
  ['service list', { about: 'List services', aliases: 'list, ls', flags: ['      --clustermesh-affinity   Print clustermesh affinity if available', '  -h, --help                   help for list', "  -o, --output string          json| yaml| jsonpath='{}'"] }],
  ['service get', { about: 'Display service information', use: 'get <service id>', flags: ['  -h, --help            help for get', OUTPUT] }],
  ['monitor', { about: `The monitor displays notifications and events emitted by the BPF
programs attached to endpoints and devices. This includes:
  * Dropped packet notifications
  * Captured packet traces
  * Policy verdict notifications
  * Debugging information`, flags: [
    '      --from []uint16           Filter by source endpoint id', '  -h, --help                    help for monitor', '      --hex                     Do not dissect, print payload in HEX',
    '  -j, --json                    Enable json output. Shadows -v flag', '      --monitor-socket string   Configure monitor socket path', '  -n, --numeric                 Display all security identities as numeric values',
    '      --related-to []uint16     Filter by either source or destination endpoint id', '      --to []uint16             Filter by destination endpoint id',
    '  -t, --type []string           Filter by event types [agent capture debug drop l7 policy-verdict recorder trace trace-sock]', '  -v, --verbose bools[=false]   Enable verbose output (-v, -vv) (default [])',
  ] }],
  ['status', { about: 'Display status of daemon', flags: [
    '      --all-addresses      Show all allocated addresses, not just count', '      --all-clusters       Show all clusters', '      --all-controllers    Show all controllers, not just failing',
    '      --all-health         Show all health status, not just failing', '      --all-nodes          Show all nodes, not just localhost', '      --all-redirects      Show all redirects',
    '      --brief              Only print a one-line status message', '  -h, --help               help for status', "  -o, --output string      json| yaml| jsonpath='{}'",
    '      --timeout duration   Sets the timeout to use when querying for health (default 30s)', '      --verbose            Equivalent to --all-addresses --all-controllers --all-nodes --all-redirects --all-clusters --all-health',
  ] }],
])

/** The commands of a group; empty: it is none. */
export function commandsOf(path: string): readonly string[] {
  return TOPICS.get(path)?.commands?.map(([name]) => name) ?? []
}

/** Undefined: no help is known here. */
export function helpOf(path: string): string | undefined {
  const topic = TOPICS.get(path)
  if (!topic) return undefined
  const name = `cilium-dbg${path === '' ? '' : ` ${path}`}`
  const last = name.split(' ').at(-1)!
  const line = topic.commands ? `${name} [command]` : `${topic.use === undefined ? name : `${name.slice(0, -last.length)}${topic.use}`} [flags]`
  const width = Math.max(11, ...(topic.commands ?? []).map(([each]) => each.length))
  const commands = topic.commands ? `\nAvailable Commands:\n${topic.commands.map(([each, about]) => `  ${each.padEnd(width)} ${about}\n`).join('')}` : ''
  const own = path === '' ? [...GLOBAL.slice(0, 2), '  -h, --help            help for cilium-dbg', GLOBAL[2]!] : (topic.flags ?? [`  -h, --help   help for ${last}`])
  const more = topic.commands ? `\nUse "${name} [command] --help" for more information about a command.\n` : ''
  return `${topic.about}\n\nUsage:\n  ${line}\n${topic.aliases === undefined ? '' : `\nAliases:\n  ${topic.aliases}\n`}${commands}\nFlags:\n${own.join('\n')}\n${path === '' ? '' : `\nGlobal Flags:\n${GLOBAL.join('\n')}\n`}${more}`
}
