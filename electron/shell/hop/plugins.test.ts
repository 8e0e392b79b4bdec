import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

/** The same Service by its name, and the same two Pods, in clusters that differ in the plugin alone. */
const MANIFESTS = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {nodeName: worker-1, containers: [{name: main, image: nginx:1.27.5}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-2, containers: [{name: main, image: nginx:1.27.5}]}
`

/** What only the plugin's own way has. */
const WAYS: [string, { has: string[]; hasNot: string[] }][] = [
  ['weave', { has: ['WEAVE-NPC-EGRESS', 'The datapath has seen', 'vxlan-6784 packs the whole frame'], hasNot: ['169.254.1.1'] }],
  ['aws-vpc', { has: ['169.254.1.1 dev eth0 lladdr'], hasNot: ['packs the whole frame'] }],
]

describe.each(WAYS)('three nodes with %s', (cni, { has, hasNot }) => {
  it('serve a Service by its name; hop trace shows the plugin’s way', () => {
    const { run, cluster } = house({ cni, nodes: 3 })
    run('kubectl apply -f -', MANIFESTS)
    cluster.settle()
    expect(run("kubectl exec client -- curl -s -o /dev/null -w '%{http_code}' http://web.default.svc.cluster.local").output).toBe('200')
    const trace = run('hop trace default/client web:80').output
    expect(trace).toContain('verdict: delivered')
    for (const text of has) expect(trace).toContain(text)
    for (const text of hasNot) expect(trace).not.toContain(text)
  })
})

/** As `ip address` shows them in kind with each plugin; addresses without a network have no broadcast address. */
it.each([
  ['flannel', 'eth0 10.244.1.3/24 brd 10.244.1.255', 'cni0 10.244.1.1/24 brd 10.244.1.255\nflannel.1 10.244.1.0/32\n'],
  ['weave', 'eth0 10.244.0.3/16 brd 10.244.255.255', 'weave 10.244.0.1/16 brd 10.244.255.255\n'],
  ['antrea', 'eth0 10.244.1.3/24 brd 10.244.1.255', 'antrea-gw0 10.244.1.1/24 brd 10.244.1.255\n'],
])('%s gives addresses with the broadcast address of their network, as the nodes’ own have it', (cni, ofPod, ofNode) => {
  const { run, cluster } = house({ cni, nodes: 2 })
  run('kubectl run web --image=nicolaka/netshoot --overrides=\'{"spec":{"nodeName":"worker-1"}}\' -- sleep 3600')
  cluster.settle()
  const addresses = (where: string): string => run(`${where} ip -4 -o address | awk '$2 != "lo" {print $2, $4 ($5 == "brd" ? " brd " $6 : "")}' | sort`).output
  expect(addresses('kubectl exec web --')).toBe(`${ofPod}\n`)
  expect(addresses('hop node worker-1 --')).toBe(['eth0 172.18.0.3/16 brd 172.18.255.255', ...ofNode.trim().split('\n')].sort().join('\n') + '\n')
  expect(addresses('')).toBe('eth0 192.0.2.10/24 brd 192.0.2.255\n')
})
