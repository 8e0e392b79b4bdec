import { beforeAll, describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../../cluster.ts'
import { parseClusterConfig } from '../../../config.ts'
import type { KubeObject, Pod } from '../../../kubernetes/types.ts'
import { sleep, Thread, type Task } from '../../../machine/task.ts'
import { datapathOf, type Datapath } from '../datapath.ts'
import { agentOf } from '../agent.ts'
import { antctl } from './antctl.ts'
import { appctl } from './appctl.ts'
import { CommandError } from '../../command-error.ts'
import type { Command } from './command.ts'
import { ofctl } from './ofctl.ts'
import { vsctl } from './vsctl.ts'

/** What the tools of the container antrea-ovs, and antctl, show of a node's bridge. */
let cluster: Cluster
let datapath: Datapath
let web: string

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'antrea' }))
  cluster.settle()
  const spec = { nodeName: 'worker-1', containers: [{ name: 'main', image: 'nginx' }] }
  cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-frontend', labels: { app: 'web' } }, spec } as unknown as KubeObject)
  cluster.settle()
  web = cluster.client.get<Pod>('pods', 'default', 'web-frontend').status.podIP!
  datapath = datapathOf(cluster.nodes.get('worker-1')!.network)!
})

function run(command: Command, line: string, environment: Record<string, string> = {}): string {
  const process = {
    terminalOf: () => undefined, clock: cluster.clock, env: new Map(Object.entries(environment)),
    *sleep(ms: number): Task {
      yield sleep(cluster.clock, ms, { background: false })
    },
  } as never
  try {
    const said = command({ process, datapath, agent: agentOf(datapath.context.network) }, line.split(' '))
    if (typeof said === 'string') return said
    const { outcome } = ((thread) => (cluster.clock.runFor(30_000), thread))(new Thread(cluster.clock, said))
    if (outcome?.kind === 'threw') throw outcome.error
    return outcome?.kind === 'returned' ? outcome.value : ''
  } catch (error) {
    if (error instanceof CommandError) return `${error.message} [${error.code}]`
    throw error
  }
}

const port = (): { name: string; port: number; mac: string } => [...datapath.pods.values()].find((p) => p.ip === web)!

describe('the tools', () => {
  it('antctl get memberlist: nodes that are alive, and those that are not', () => {
    expect(run(antctl, 'get memberlist')).toBe('NODE          IP         STATUS\ncontrol-plane 172.18.0.2 Alive \nworker-1      172.18.0.3 Alive \nworker-2      172.18.0.4 Alive \n')
  })

  it('antctl tells of feature gates: the agent of its own, the controller of both, as the ConfigMap has them now', () => {
    const agent = run(antctl, 'get featuregates')
    expect(agent).toContain('Antrea Agent Feature Gates\nFEATUREGATE                     STATUS       VERSION\nAntreaIPAM                      Disabled     ALPHA\nAntreaPolicy                    Enabled      BETA\n')
    expect(agent).not.toContain('Controller')
    cluster.client.patch('configmaps', 'kube-system', 'antrea-config', 'application/merge-patch+json', { data: { 'antrea-controller.conf': 'featureGates:\n  AdminNetworkPolicy: true\n' } })
    expect(run(antctl, 'get featuregates', { POD_NAME: 'antrea-controller-1' })).toMatch(/\n\nAntrea Controller Feature Gates\nFEATUREGATE +STATUS +VERSION\nAdminNetworkPolicy          Enabled      ALPHA\n/)
  })

  it('antctl traceflow asks, waits, prints what was seen, and leaves nothing behind', () => {
    expect(run(antctl, 'traceflow -S web-frontend -D 192.0.2.53 -f tcp,tcp_dst=80')).toMatch(new RegExp(`^name: web-frontend-to-192.0.2.53-\\w{8}\nphase: Succeeded\nsource: default/web-frontend\ndestination: 192.0.2.53\nresults:\n- node: worker-1\n  timestamp: \\d+\n  observations:\n  - component: SpoofGuard\n    action: Forwarded\n    srcPodIP: ${web}\n  - component: Forwarding\n    componentInfo: Output\n    action: ForwardedOutOfNetwork\n$`))
    expect(run(antctl, 'traceflow -D web-frontend')).toBe('Please provide source')
    expect(cluster.client.list('traceflows.crd.antrea.io').items).toEqual([])
  })

  it('list the bridge’s ports', () => {
    expect(port().name).toMatch(/^web-fron-[0-9a-f]{6}$/)
    expect(run(vsctl, 'list-br')).toBe('br-int\n')
    expect(run(vsctl, 'list-ports br-int').split('\n')).toEqual(expect.arrayContaining(['antrea-gw0', 'antrea-tun0', port().name]))
    expect(run(vsctl, 'show')).toContain('        Port antrea-tun0\n            Interface antrea-tun0\n                type: geneve\n                options: {key=flow, remote_ip=flow}\n')
    expect(run(vsctl, `get Interface ${port().name} ofport external_ids`)).toBe(`${port().port}\n{}\n`)
    expect(run(vsctl, `get Port ${port().name} external_ids:pod-name`)).toBe('web-frontend\n')
    expect(run(vsctl, `get Port ${port().name} external_ids:x`)).toBe(`ovs-vsctl: no key "x" in Port record "${port().name}" column external_ids [1]`)
    expect(run(vsctl, '--columns=name,ofport,type find Interface external_ids={} type=internal')).toBe('name                : antrea-gw0\nofport              : 32769\ntype                : internal\n')
    expect(run(vsctl, 'list Bridge')).toMatch(/^_uuid {15}: [0-9a-f-]{36}\nauto_attach {9}: \[\]\ncontroller {10}: \[\]\n[^]*\nprotocols {11}: \[OpenFlow10, OpenFlow15\]\n/)
    expect(run(vsctl, '--bare --columns=name find Port external_ids:pod-name=web-frontend')).toBe(`${port().name}\n`)
    expect(run(vsctl, 'list QoS')).toBe('')
    expect(run(vsctl, 'list Foo')).toBe('ovs-vsctl: unknown table "Foo" [1]')
    expect(run(vsctl, 'get Interface antrea-gw0 foo')).toBe('ovs-vsctl: Interface does not contain a column whose name matches "foo" [1]')
    expect(run(vsctl, 'frobnicate')).toBe("ovs-vsctl: unknown command 'frobnicate'; use --help for help [1]")
    expect(run(vsctl, 'list-br x')).toBe("ovs-vsctl: 'list-br' command takes at most 0 arguments [1]")
    expect(run(vsctl, 'add-port br-int x')).toMatch(/^podhop: not simulated: ovs-vsctl add-port .* \[69\]$/)
    expect(run(vsctl, 'list-ports br0')).toBe('ovs-vsctl: no bridge named br0 [1]')
  })

  it('dump flows by number or by name', () => {
    expect(run(ofctl, 'dump-flows br-int table=SpoofGuard,priority=200 --no-stats')).toBe('')
    expect(run(ofctl, `dump-flows br-int table=4,in_port=${port().name} --no-stats`)).toBe(` cookie=0x1010000000000, table=4, priority=200,ip,in_port=${port().port},dl_src=${port().mac},nw_src=${web} actions=goto_table:5\n`)
    expect(run(ofctl, `dump-flows br-int table=SpoofGuard,in_port=${port().name} --names --no-stats`)).toBe(` cookie=0x1010000000000, table=SpoofGuard, priority=200,ip,in_port="${port().name}",dl_src=${port().mac},nw_src=${web} actions=goto_table:UnSNAT\n`)
    expect(run(ofctl, 'dump-flows br-int table=Output --names')).toMatch(/ cookie=0x1010000000000, duration=[\d.]+s, table=Output, n_packets=\d+, n_bytes=\d+, priority=200,reg0=0x200000\/0x600000 actions=output:NXM_NX_REG1\[\]\n/)
    expect(run(ofctl, 'mod-flows br-int x')).toMatch(/^podhop: not simulated: ovs-ofctl mod-flows .*\[69\]$/)
  })

  it('break and mend flows', () => {
    const ping = (): string => {
      const connection = cluster.nodes.get('worker-1')!.network.sockets.connect({ address: web, port: 80 }, {})
      cluster.clock.runFor(300)
      connection.abort()
      return connection.journey!.verdict
    }
    expect(ping()).toBe('delivered')
    expect(run(ofctl, `add-flow br-int table=Classifier,priority=300,ip,nw_dst=${web},actions=drop`)).toBe('')
    expect(ping()).toBe('dropped')
    expect(run(ofctl, `del-flows br-int table=Classifier,nw_dst=${web}`)).toBe('')
    expect(ping()).toBe('delivered')
    expect(run(ofctl, 'add-flow br-int table=Classifier,actions=fly')).toBe('podhop: not simulated: the action fly [69]')
  })

  it('trace a packet that nobody sends', () => {
    const before = run(ofctl, 'dump-flows br-int')
    const trace = run(appctl, `ofproto/trace br-int tcp,in_port=${port().name},dl_src=${port().mac},nw_src=${web},nw_dst=10.244.2.9,tp_dst=80`)
    expect(trace).toContain('bridge("br-int")\n----------------\n 0. ip, priority 200, cookie 0x1000000000000\n    goto_table:Classifier\n')
    expect(trace).toContain('set_field:172.18.0.4->tun_dst')
    expect(trace.trimEnd().endsWith('-> output to antrea-tun0')).toBe(true)
    expect(run(appctl, `ofproto/trace br-int tcp,in_port=${port().name},dl_src=${port().mac},nw_src=10.9.9.9,nw_dst=10.244.2.9,tp_dst=80`).trimEnd()).toMatch(/ 4\. No match\. priority 0, cookie 0x1000000000000\n {4}drop$/)
    expect(run(ofctl, 'dump-flows br-int')).toBe(before)
  })

  it('tell Pods and flows by name', () => {
    expect(run(antctl, 'get podinterface web-frontend -n default').split('\n')[1]).toContain(`default   web-frontend ${port().name} ${web}`)
    expect(run(antctl, 'get ovsflows -p web-frontend -n default').match(/table=\w+/g)).toEqual(['table=ARPSpoofGuard', 'table=Classifier', 'table=SpoofGuard', 'table=L3Forwarding', 'table=L2ForwardingCalc'])
    const dns = run(antctl, 'get ovsflows -S kube-dns -n kube-system')
    expect([dns.includes('nw_dst=10.96.0.10,tp_dst=53'), /\ngroup_id=\d+,type=select,bucket=bucket_id:0,weight:100,actions=set_field:/.test(dns)]).toEqual([true, true])
    expect(run(antctl, `get ovsflows -G ${/group_id=(\d+)/.exec(dns)![1]!}`)).toMatch(/^\ngroup_id=\d+,type=select,[^\n]*\n$/)
    expect(run(antctl, 'get ovsflows -G all').split('\n').length).toBe(datapath.bridge.groups.size + 2)
    expect(['-G x', '-T Nowhere', '-p web-frontend', '-p no -n default', '-S no -n default', '-N no', '-N no --type annp', '-N no --type acnp -n default', '-N no --type x'].map((flags) => run(antctl, `get ovsflows ${flags}`).replace('Error: request to server failed: ', ''))).toEqual([
      'Bad Request: invalid group ID [1]', 'Bad Request: invalid table name or number [1]', 'Bad Request: namespace must be provided [1]', ...['Pod', 'Service', 'policy'].map(() => 'Not Found: the server could not find the requested resource [1]'),
      'Bad Request: policy Namespace must be provided for policy type ANNP [1]', 'Bad Request: policy Namespace should not be provided for cluster-scoped policy type ACNP [1]', 'Error: unsupported value x for flag type [1]',
    ])
    expect(['serviceexternalip', 'bgppeers --ipv4-only', 'podmulticaststats'].map((what) => run(antctl, `get ${what}`))).toEqual(['ServiceExternalIP', 'bgp', 'Multicast'].map((what) => `Error: request to server failed: Service Unavailable: ${what} is not enabled [1]`))
    expect(run(antctl, 'get agentinfo')).toContain('worker-1 Healthy 10.244.1.0/24')
    expect(run(antctl, 'supportbundle')).toMatch(/^podhop: not simulated: antctl supportbundle/)
  })

  it('antctl explains itself, and meets wrong words as cobra does', () => {
    expect(run(antctl, '--help')).toMatch(/^antctl is the command line tool for Antrea that supports showing status of agent\n\nUsage:\n {2}antctl \[command\]\n\nAvailable Commands:\n {2}completion {4}Generate [^]*\n {2}version {7}Print version information\n\nFlags:\n {2}-h, --help {16}help for antctl\n {2}-k, --kubeconfig string {3}absolute path/)
    expect(run(antctl, 'get')).toContain('  networkpolicy     Print control plane NetworkPolicies\n')
    expect(run(antctl, 'get pi -h')).toMatch(/^Print information about the network interface\(s\) [^\n]*\n\nArgs:\n {2}name\t[^\n]*\n\nUsage:\n {2}antctl get podinterface \[name\] \[flags\]\n\nAliases:\n {2}podinterface, podinterfaces, pi\n\nExamples:\n[^]*\n\nFlags:\n {2}-h, --help {15}help for podinterface\n {2}-n, --namespace string {3}Get Pod interfaces from specific Namespace\n {2}-o, --output string {6}output format: json\|table\|yaml\|raw \(default "table"\)\n\nGlobal Flags:/)
    expect(run(antctl, 'frobnicate')).toBe('Error: unknown command "frobnicate" for "antctl"\nRun \'antctl --help\' for usage. [1]')
    expect(run(antctl, 'get agentinfo --frob')).toBe('Error: unknown flag: --frob [1]')
    expect(run(antctl, 'get podinterface -n')).toBe("Error: flag needs an argument: 'n' in -n [1]")
    expect(run(antctl, 'proxy')).toMatch(/^Error: unknown command "proxy"/)
    expect(run(antctl, 'version')).toBe('agentVersion: v2.4.0\nantctlVersion: v2.4.0\n')
  })

  it('antctl tells policies of both kinds with their groups: the agent its own, the controller all', () => {
    const app = { podSelector: { matchLabels: { app: 'web' } } }
    const made = [
      ['networkpolicies', 'default', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'closed' }, spec: { ...app, policyTypes: ['Ingress', 'Egress'], egress: [{ to: [{ namespaceSelector: {} }] }] } }],
      ['networkpolicies', 'default', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'nobody' }, spec: { podSelector: { matchLabels: { app: 'none' } } } }],
      ['clusternetworkpolicies.crd.antrea.io', undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'ClusterNetworkPolicy', metadata: { name: 'audit' }, spec: { priority: 5.5, tier: 'securityops', appliedTo: [app], ingress: [{ action: 'Drop', from: [app] }] } }],
    ] as const
    for (const [resource, namespace, object] of made) cluster.client.create(resource, namespace, object)
    cluster.settle()
    const rows = (text: string): string[][] => text.trimEnd().split('\n').slice(1).map((row) => row.trim().split(/ +/))
    expect(rows(run(antctl, 'get networkpolicy')).map((row) => row.slice(2))).toEqual([['1', 'AntreaClusterNetworkPolicy:audit', '100', '5.5'], ['2', 'K8sNetworkPolicy:default/closed', '<NONE>', '<NONE>']])
    expect(rows(run(antctl, 'get netpol -T acnp')).map(([, , , source]) => source)).toEqual(['AntreaClusterNetworkPolicy:audit'])
    expect(rows(run(antctl, 'get netpol -p default/web-frontend -S closed')).length).toBe(1)
    expect(rows(run(antctl, 'get netpol -p default/web-frontend')).length).toBe(2)
    expect(rows(run(antctl, 'get atg')).map(([, pods]) => pods)).toEqual(['default/web-frontend', 'default/web-frontend'])
    expect(run(antctl, 'get ag')).toContain(web)
    expect(run(antctl, 'get agentinfo')).toMatch(/ 2 +2 +2 +\d+ *\n$/)
    expect(rows(run(antctl, 'get netpol --sort-by effectivePriority')).map(([, , , source]) => source)).toEqual(['AntreaClusterNetworkPolicy:audit', 'K8sNetworkPolicy:default/closed'])
    const flows = run(antctl, 'get ovsflows -N audit --type acnp')
    expect(flows.match(/table=\w+/g)!.filter((t) => t !== 'table=AntreaPolicyIngressRule')).toEqual(['table=IngressMetric'])
    expect(run(antctl, 'get ovsflows -N closed')).toBe(run(antctl, 'get ovsflows -N closed -n default --type K8sNP'))
    const controller = { POD_NAME: 'antrea-controller-5d8c7b9f4-x2x4z', POD_NAMESPACE: 'kube-system' }
    expect(rows(run(antctl, 'get networkpolicy', controller)).map(([, , , source]) => source)).toEqual(['AntreaClusterNetworkPolicy:audit', 'K8sNetworkPolicy:default/closed', 'K8sNetworkPolicy:default/nobody'])
    expect(run(antctl, 'get controllerinfo', controller)).toMatch(/\nkube-system\/antrea-controller-5d8c7b9f4-x2x4z worker-1 Healthy 3 +2 +3 +3 *\n$/)
    expect(run(antctl, 'get podinterface', controller)).toContain('Available Commands:\n  addressgroup ')
    for (const [resource, namespace, { metadata }] of made) cluster.client.delete(resource, namespace, metadata.name)
    cluster.settle()
  })
})
