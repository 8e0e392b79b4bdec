import { beforeEach, expect, it } from 'vitest'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { CallbackFile } from '../../machine/files.ts'
import { decodeUtf8 } from '../../text.ts'
import { World } from './world.samples.ts'

/** The host firewall: Documentation/security/host-firewall.rst of cilium/cilium v1.17, with its policy. */
let w: World
const NODE = '172.18.0.3'
beforeEach(() => {
  w = new World({ cni: { plugin: 'cilium', hostFirewall: true } })
  w.pod('one', 'worker-1', { app: 'one' })
  w.pod('two', 'worker-2', { app: 'two' })
  for (const port of [2379, 8080]) w.node('worker-1').sockets.listen({ port }, () => undefined)
  w.node('worker-2').sockets.listen({ port: 8080 }, () => undefined)
  w.cluster.client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { metadata: { labels: { 'node-access': 'ssh' } } })
  w.cluster.settle()
})

const demo = { nodeSelector: { matchLabels: { 'node-access': 'ssh' } }, ingress: [{ fromEntities: ['cluster'] }, { toPorts: [{ ports: [{ port: '22', protocol: 'TCP' }] }] }, { icmps: [{ fields: [{ type: 'EchoRequest', family: 'IPv4' }] }] }] }
function policy(spec: object, name = 'demo-host-policy'): void {
  w.cluster.client.create('ciliumclusterwidenetworkpolicies.cilium.io', undefined, { apiVersion: 'cilium.io/v2', kind: 'CiliumClusterwideNetworkPolicy', metadata: { name }, spec } as unknown as KubeObject)
  w.cluster.settle()
  w.cluster.clock.runFor(100)
}
const outside = (port: number, to = NODE): ReturnType<World['connect']> => w.connect(w.cluster.external.network, to, port)
const from = (pod: string, port: number, to = NODE): string => w.connect(w.cluster.podNetwork('default', pod)!, to, port).verdict

function run(...argv: string[]): string {
  const agent = w.cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium', fieldSelector: 'spec.nodeName=worker-1' }).items[0]!
  let text = ''
  const sink = new CallbackFile(w.cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
  w.cluster.container('kube-system', agent.metadata.name)!.start({ argv, files: new Map([[1, sink], [2, sink]]) })
  w.cluster.clock.runFor(20)
  return text
}

it('lets in what the policy allows, and drops the rest with the policy’s name; other nodes are free', () => {
  expect([outside(8080).verdict, outside(8080, '172.18.0.4').verdict]).toEqual(['delivered', 'delivered'])
  policy(demo)
  expect([outside(22).verdict, from('one', 8080), from('two', 8080), w.connect(w.node('worker-2'), NODE, 2379).verdict]).toEqual(['delivered', 'delivered', 'delivered', 'delivered'])
  const denied = outside(8080)
  expect(denied).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-host-policy' })
  expect(denied.hops.at(-1)).toMatchObject({ machine: 'worker-1', interface: 'eth0', policies: ['demo-host-policy'] })
  expect(denied.hops.at(-1)!.text).toMatch(/^demo-host-policy selects the node worker-1 for ingress, and no rule of it allows 8080\/TCP from world \(identity 2\)\. Cilium's reason: "Policy denied"\.$/)
  expect(outside(8080, '172.18.0.4').verdict).toBe('delivered')
  // Pods are not the node's affair, and the node may ask whom it likes
  expect(from('two', 80, w.ip('one'))).toBe('delivered')
  expect(w.connect(w.node('worker-1'), '172.18.0.4', 8080).verdict).toBe('delivered')
  expect(w.connect(w.node('worker-1'), w.ip('one'), 80).verdict).toBe('delivered')
  // a node that loses the label is free again
  w.cluster.client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { metadata: { labels: { 'node-access': null } } })
  w.cluster.settle()
  expect(outside(8080).verdict).toBe('delivered')
})

it('knows who asks: Pods of this node, other nodes with all that they translate, and what tunnels bring', () => {
  policy({ ...demo, ingress: [{ fromEndpoints: [{ matchLabels: { 'k8s:io.kubernetes.pod.namespace': 'default', app: 'one' } }], toPorts: [{ ports: [{ port: '8080', protocol: 'TCP' }] }] }, { toPorts: [{ ports: [{ port: '8472', protocol: 'UDP' }] }] }] })
  expect([from('one', 8080), from('one', 22), from('two', 8080)]).toEqual(['delivered', 'dropped', 'dropped'])
  expect(w.connect(w.node('worker-2'), NODE, 8080).hops.at(-1)!.text).toContain('from remote-node (identity 6)')
  expect(from('two', 80, w.ip('one'))).toBe('delivered')
})

it('without a rule for VXLAN nothing comes through the tunnel', () => {
  policy({ ...demo, ingress: [{ fromEntities: ['health'] }] })
  const journey = w.connect(w.cluster.podNetwork('default', 'two')!, w.ip('one'), 80)
  expect(journey).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-host-policy' })
  expect(journey.hops.at(-1)!.text).toContain('8472/UDP')
})

it('decides about what leaves, too; answers pass', () => {
  policy({ nodeSelector: demo.nodeSelector, egress: [{ toEntities: ['kube-apiserver'] }, { toCIDR: ['192.0.2.0/24'] }] })
  const denied = w.connect(w.node('worker-1'), '172.18.0.4', 8080)
  expect(denied).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-host-policy' })
  expect(denied.hops.at(-1)!.text).toContain('no rule of it allows 8080/TCP to remote-node')
  expect(w.connect(w.node('worker-1'), '172.18.0.2', 6443).verdict).toBe('delivered')
  expect(w.connect(w.node('worker-1'), w.ip('one'), 80)).toMatchObject({ verdict: 'dropped' })
  expect(outside(8080).verdict).toBe('delivered')
  // what Pods send is not the node's
  expect(from('one', 8080, '172.18.0.4')).toBe('delivered')
})

it('in audit mode passes and reports; the endpoint list says so', () => {
  policy(demo)
  const id = run('cilium-dbg', 'endpoint', 'list', '-o', 'jsonpath={[?(@.status.identity.id==1)].id}')
  expect(id).toMatch(/^\d+$/)
  const row = (): string => run('cilium-dbg', 'endpoint', 'list').split('\n').find((l) => l.startsWith(`${id} `))!.replace(/ +/g, ' ')
  expect(row()).toBe(`${id} Enabled Disabled 1 k8s:node-access=ssh ready `)
  expect(run('cilium-dbg', 'endpoint', 'config', id, 'PolicyAuditMode=Enabled')).toBe(`Endpoint ${id} configuration updated successfully\n`)
  expect(run('cilium-dbg', 'endpoint', 'config', id)).toContain('PolicyAuditMode                   : Enabled\n')
  expect(row()).toContain(' Disabled (Audit) Disabled 1 ')
  let lines = ''
  const stop = w.maps('worker-1').onMonitor(({ kind, text }) => (lines += kind === 'verdict' ? `${text}\n` : ''))
  const audited = outside(8080)
  expect(audited.verdict).toBe('delivered')
  expect(audited.hops.some((h) => h.explanation === 'cilium-policy-audit')).toBe(true)
  expect(lines).toMatch(new RegExp(`local EP ID ${id}, remote ID 2, proto 6, ingress, action audit, auth: disabled, match none, [0-9.]+:\\d+ -> 172\\.18\\.0\\.3:8080 tcp SYN\n`))
  expect(run('hubble', 'observe', '--verdict', 'AUDIT')).toMatch(/policy-verdict:none INGRESS AUDITED \(TCP Flags: SYN\)/)
  run('cilium-dbg', 'endpoint', 'config', id, 'PolicyAuditMode=Disabled')
  lines = ''
  expect(outside(8080).verdict).toBe('dropped')
  expect(lines).toContain('ingress, action deny, auth: disabled, match none,')
  stop()
  expect(run('cilium-dbg', 'status')).toContain('Host firewall:           Enabled   [eth0]\n')
})

it('node ports are seen as what is behind them, and policies that cannot be are refused', () => {
  w.service('web', { type: 'NodePort', selector: { app: 'two' }, ports: [{ port: 80, nodePort: 30080 }] })
  policy({ nodeSelector: demo.nodeSelector, ingress: [{ fromEntities: ['cluster'] }] })
  expect(outside(30080).verdict).toBe('delivered')
  policy({ nodeSelector: {}, ingress: [{ toPorts: [{ ports: [{ port: '80', protocol: 'TCP' }], rules: { http: [{}] } }] }] }, 'seven')
  expect(w.cluster.client.get('ciliumclusterwidenetworkpolicies.cilium.io', undefined, 'seven')).toMatchObject({ status: { conditions: [{ type: 'Valid', status: 'False', message: 'host policies do not support L7 rules yet' }] } })
})

it('is off unless it is asked for', () => {
  w = new World()
  w.node('worker-1').sockets.listen({ port: 8080 }, () => undefined)
  policy({ nodeSelector: {}, ingress: [{ fromEntities: ['cluster'] }] })
  expect(outside(8080).verdict).toBe('delivered')
  expect(run('cilium-dbg', 'status')).toContain('Host firewall:           Disabled\n')
})
