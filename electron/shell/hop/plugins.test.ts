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
