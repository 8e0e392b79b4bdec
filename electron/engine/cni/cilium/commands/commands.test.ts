import { beforeAll, expect, it } from 'vitest'
import type { KubeObject, Pod, Service } from '../../../kubernetes/types.ts'
import { CallbackFile } from '../../../machine/files.ts'
import type { Process } from '../../../machine/types.ts'
import { decodeUtf8 } from '../../../text.ts'
import { World } from '../world.samples.ts'

/** `cilium-dbg` in the agent's container shows what the programs work with. */
let w: World
beforeAll(() => {
  w = new World()
  w.pod('web', 'worker-1', { app: 'web' })
  w.pod('client', 'worker-2', { app: 'client' })
  w.service('web', {})
})

function start(...argv: string[]): { process: Process; text: () => string } {
  const agent = w.cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
  let text = ''
  const sink = new CallbackFile(w.cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
  const process = w.cluster.container('kube-system', agent.metadata.name)!.start({ argv: ['cilium-dbg', ...argv], files: new Map([[1, sink], [2, sink]]) })
  w.cluster.clock.runFor(20)
  return { process, text: () => text }
}

const run = (...argv: string[]): string => start(...argv).text()

it('endpoints and identities', () => {
  const endpoint = w.maps('worker-1').endpoints.get(w.ip('web'))!
  const [, second] = run('endpoint', 'list').split('\n')
  expect(second).toMatch(/^ {11}ENFORCEMENT {8}ENFORCEMENT/)
  expect(run('endpoint', 'list')).toMatch(new RegExp(`^${endpoint.id} +Disabled {11}Disabled {10}${endpoint.identity} +k8s:app=web +${w.ip('web')} +ready +$`, 'm'))
  expect(run('identity', 'list')).toMatch(/^ID {6}LABELS\n1 {7}reserved:host\n2 {7}reserved:world\n/)
  expect(run('identity', 'get', String(endpoint.identity))).toContain('k8s:app=web')
})

it('Services', () => {
  const { clusterIP } = w.cluster.client.get<Service>('services', 'default', 'web').spec
  expect(run('service', 'list')).toMatch(new RegExp(`^\\d+ +${clusterIP}:80/TCP +ClusterIP {6}1 => ${w.ip('web')}:80/TCP \\(active\\)`, 'm'))
  expect(run('bpf', 'lb', 'list')).toMatch(new RegExp(`^${clusterIP}:80/TCP \\(1\\) +${w.ip('web')}:80/TCP \\(\\d+\\) \\(1\\)`, 'm'))
})

it('connections and addresses', () => {
  w.connect(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 80)
  const { identity } = w.maps('worker-2').endpoints.get(w.ip('client'))!
  expect(run('bpf', 'ct', 'list', 'global')).toMatch(new RegExp(`^TCP IN ${w.ip('client')}:\\d+ -> ${w.ip('web')}:80 expires=\\d+ .* SourceSecurityID=${identity} `, 'm'))
  expect(run('bpf', 'ipcache', 'get', w.ip('client'))).toBe(`${w.ip('client')} maps to identity identity=${identity} encryptkey=0 tunnelendpoint=172.18.0.4 flags=hastunnel\n`)
  expect(run('bpf', 'ipcache', 'list')).toContain('IP PREFIX/ADDRESS')
})

it('of a known connection the monitor shows what is new: monitor-aggregation is medium', () => {
  const monitor = start('monitor', '--type', 'trace')
  const socket = w.cluster.podNetwork('default', 'client')!.sockets.udp({})
  for (let i = 0; i < 5; i++) {
    socket.send(new Uint8Array(1), w.ip('web'), 9)
    w.cluster.clock.runFor(500)
  }
  const seen = (): number => monitor.text().split('\n').filter((line) => /^-> endpoint .*:9 udp$/.test(line)).length
  expect(seen()).toBe(1)
  w.cluster.clock.runFor(5_000)
  socket.send(new Uint8Array(1), w.ip('web'), 9)
  w.cluster.clock.runFor(100)
  expect(seen()).toBe(2)
  monitor.process.signal('SIGINT')
  expect(run('monitor', '--type', 'constructor')).toBe('Error: invalid argument "constructor" for "-t, --type" flag: Unknown type (constructor). Please use one of the following ones [agent capture debug drop l7 policy-verdict recorder trace trace-sock]\n')
  expect(run('monitor', '-t', 'debug')).toContain('podhop: not simulated: cilium-dbg monitor --type debug (use ')
  expect(run('monitor', '--to', 'web')).toBe('Error: invalid argument "web" for "--to" flag: strconv.Atoi: parsing "web": invalid syntax\n')
})

it('the policy map, and drops while they happen', () => {
  const spec = { endpointSelector: { matchLabels: { app: 'web' } }, ingress: [{ fromEntities: ['remote-node'], toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }] }] }] }
  w.cluster.client.create('ciliumnetworkpolicies.cilium.io', 'default', { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: 'nodes' }, spec } as unknown as KubeObject)
  w.cluster.settle()
  w.cluster.clock.runFor(20)
  const endpoint = w.maps('worker-1').endpoints.get(w.ip('web'))!
  expect(run('bpf', 'policy', 'get', String(endpoint.id))).toMatch(/^Allow +Ingress +reserved:remote-node +80\/TCP +NONE +disabled +0 +0 +24 +$/m)
  expect(run('endpoint', 'list')).toMatch(new RegExp(`^${endpoint.id} +Enabled {12}Disabled`, 'm'))
  expect(run('policy', 'get')).toContain('"value": "nodes"')
  const monitor = start('monitor', '--type', 'drop')
  w.connect(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 80)
  w.cluster.clock.runFor(20)
  expect(monitor.text()).toMatch(/xx drop \(Policy denied\) flow 0x[0-9a-f]+ to endpoint \d+, .* identity \d+->\d+: [\d.]+:\d+ -> [\d.]+:80 tcp SYN\n/)
  monitor.process.signal('SIGINT')
  const both = start('monitor', '-t', 'drop', '-t', 'policy-verdict', '--related-to', String(endpoint.id))
  w.connect(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 80)
  w.cluster.clock.runFor(20)
  expect([...new Set(both.text().split('\n').slice(2, -1).map((line) => line.split(' ').slice(0, 2).join(' ')))]).toEqual(['Policy verdict', 'xx drop'])
  both.process.signal('SIGINT')
})

it('status, and what is not simulated', () => {
  expect(run('status')).toMatch(/^KubeProxyReplacement: {4}True {3}\[eth0 {3}172\.18\.0\.3 \(Direct Routing\)\]$/m)
  expect(run('status')).toMatch(/^Routing: {17}Network: Tunnel \[vxlan\] {3}Host: BPF$/m)
  expect(run('bpf', 'bandwidth', 'list')).toContain('podhop: not simulated: cilium-dbg bpf bandwidth list (use ')
  expect(run('fqdn')).toContain('podhop: not simulated: cilium-dbg fqdn')
  expect(run('nonsense')).toBe('Error: unknown command "nonsense" for "cilium-dbg"\nRun \'cilium-dbg --help\' for usage.\n')
})

it('groups explain themselves, and one Service can be asked for', () => {
  expect(run('service')).toContain('Available Commands:\n  get         Display service information\n  list        List services\n')
  expect(run('endpoint', 'list', '-h')).toContain('Aliases:\n  list, ls\n\nFlags:\n  -h, --help            help for list\n')
  expect(run('service', 'get', '1').split('\n')).toHaveLength(3)
  expect(run('service', 'get', '999')).toContain("Cannot get service '999': [GET /service/{id}][404] getServiceIdNotFound")
  expect(run('encrypt', 'status')).toBe(`Encryption: ${'Disabled'.padEnd(26)}\n`)
})

it('counts what passes and what is dropped, as the map cilium_metrics', () => {
  interface Row { reason: string; direction: string; packets: number; bytes: number; file: string }
  const counted = (): Map<string, number> => new Map((JSON.parse(run('bpf', 'metrics', 'list', '-o', 'json')) as Row[]).map((r) => [`${r.reason} ${r.direction} ${r.file}`, r.packets]))
  const more = (ask: () => void): string[] => {
    const before = counted()
    ask()
    return [...counted()].filter(([key, n]) => n > (before.get(key) ?? 0) && !/from-network|bpf_host/.test(key)).map(([key]) => key).sort()
  }
  const client = w.cluster.podNetwork('default', 'client')!
  w.pod('open', 'worker-1', { app: 'open' })
  expect(more(() => w.connect(client, w.ip('open'), 80))).toEqual(['Interface ingress bpf_overlay.c', 'Success egress encap.h', 'Success ingress bpf_lxc.c'])
  w.cluster.client.create('ciliumnetworkpolicies.cilium.io', 'default', { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: 'shut' }, spec: { endpointSelector: { matchLabels: { app: 'open' } }, ingress: [{}] } } as unknown as KubeObject)
  w.cluster.settle()
  w.cluster.clock.runFor(20)
  expect(more(() => w.connect(client, w.ip('open'), 80))).toEqual(['Interface ingress bpf_overlay.c', 'Policy denied ingress bpf_lxc.c'])
  const lines = run('bpf', 'metrics', 'list').split('\n')
  expect(lines[0]).toMatch(/^REASON +DIRECTION +PACKETS +BYTES +LINE +FILE$/)
  expect(lines.slice(1, -1)).toEqual([...lines.slice(1, -1)].sort())
})

it('tells the maps of Services one by one, and what the agent has of each map', () => {
  const { clusterIP } = w.cluster.client.get<Service>('services', 'default', 'web').spec
  const id = /^(\d+) /.exec(run('service', 'list').split('\n').find((line) => line.includes(`${clusterIP}:80`))!)![1]!
  expect(run('bpf', 'lb', 'list', '--revnat')).toMatch(new RegExp(`^${id} +${clusterIP}:80 *$`, 'm'))
  expect(run('bpf', 'lb', 'list', '--frontends')).toMatch(new RegExp(`^${clusterIP}:80/TCP \\(0\\) +0 1\\[0\\] \\(${id}\\) \\[0x0 0x0\\] *$`, 'm'))
  const backend = new RegExp(`^(\\d+) +TCP://${w.ip('web')}:80 *$`, 'm').exec(run('bpf', 'lb', 'list', '--backends'))![1]!
  expect(run('bpf', 'lb', 'list', '--frontends')).toMatch(new RegExp(`^${clusterIP}:80/TCP \\(1\\) +${backend} 0\\[0\\] \\(${id}\\) `, 'm'))
  expect(run('bpf', 'lb', 'list', '--source-ranges')).toMatch(/^SOURCE RANGE \(REVNAT_ID\) *\n$/)
  expect(run('map', 'get', 'cilium_lb4_backends_v3')).toMatch(new RegExp(`^${backend} +TCP://${w.ip('web')}:80 +sync +$`, 'm'))
  expect(run('map', 'list')).toMatch(/^Name +Num entries +Num errors +Cache enabled\n(?:.*\n)*cilium_ct4_global +0 +0 +false\n/)
  expect(run('map', 'get', 'cilium_metrics')).toBe('Cache is disabled\n\n')
  expect(run('map', 'get', 'nothing')).toBe('Error: [GET /map/{name}][404] getMapNameNotFound \n')
  w.connect(w.cluster.podNetwork('default', 'client')!, w.ip('web'), 80)
  expect(run('bpf', 'ct', 'flush', 'global')).toMatch(/^Flushed [1-9]\d* entries from \/sys\/fs\/bpf\/tc\/globals\/cilium_ct4_global\n/)
  expect(run('bpf', 'ct', 'list', 'global').includes(w.ip('client'))).toBe(false)
  const nodes = JSON.parse(run('node', 'list', '-o', 'json')) as { name: string; 'primary-address': { ipv4: { ip: string } } }[]
  expect(nodes.map((n) => [n.name, n['primary-address'].ipv4.ip])).toEqual([['default/control-plane', '172.18.0.2'], ['default/worker-1', '172.18.0.3'], ['default/worker-2', '172.18.0.4']])
})
