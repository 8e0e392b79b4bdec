import { describe, expect, test } from 'vitest'
import { house } from '../../electron/shell/house.samples.ts'

/**
 * Faults on every plugin and proxy mode, alone and in pairs: while they last each shows what it is said to do, and after
 * them the cluster is as one that never had any, by real packets from every node and by what stands in its kernels.
 */
const WORLDS: readonly [name: string, config: Record<string, unknown>][] = [
  ['bridge', { cni: 'bridge' }],
  ['flannel vxlan', { cni: 'flannel' }],
  ['flannel host-gw, ipvs', { cni: { plugin: 'flannel', backend: 'host-gw' }, proxyMode: 'ipvs' }],
  ['flannel, nftables, dual stack', { cni: 'flannel', proxyMode: 'nftables', ipFamilies: ['IPv4', 'IPv6'] }],
  ['calico IPIP', { cni: 'calico' }],
  ['calico VXLAN, nftables', { cni: { plugin: 'calico', encapsulation: 'VXLAN' }, proxyMode: 'nftables' }],
  ['cilium', { cni: 'cilium' }],
  ['cilium beside kube-proxy, native routing', { cni: { plugin: 'cilium', kubeProxyReplacement: 'false', routing: 'native' } }],
  ['weave', { cni: 'weave' }],
  ['kube-router', { cni: 'kube-router' }],
  ['antrea', { cni: 'antrea' }],
  ['aws-vpc', { cni: 'aws-vpc' }],
]
const daemon = (app: string, container: string): string => `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ${app}}
spec:
  selector: {matchLabels: {app: ${app}}}
  template:
    metadata: {labels: {app: ${app}}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers: [{name: main, ${container}}]
---`
const MANIFESTS = `${daemon('net', 'image: nicolaka/netshoot:v0.13, command: [sleep, "1000000"]')}${daemon('srv', 'image: nginx:1.27.5, readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}')}
apiVersion: v1
kind: Service
metadata: {name: srv}
spec: {type: NodePort, selector: {app: srv}, ports: [{port: 80, nodePort: 30080}]}
`
const NODES = ['control-plane', 'worker-1', 'worker-2']

describe.each(WORLDS)('%s', (_, config) => {
  test('faults come and go', () => {
    const { run, cluster } = house(config)
    const sh = (script: string): string => run(script).output
    run('kubectl apply -f -', MANIFESTS)
    cluster.settle()
    sh('sleep 40')

    /** "worker-1>srv@worker-2", and whether it was answered. */
    const reach = (): Record<string, boolean> => {
      const pods = sh(`kubectl get pods -l app=srv -o jsonpath='{range .items[*]}{.spec.nodeName} {.status.podIP}{"\\n"}{end}'`).trim().split('\n').map((line) => line.split(' '))
      const targets = [...pods.map(([node, ip]) => [`srv@${node}`, ip]), ['name', 'srv'], ['outside', 'example.com'], ['api', 'https://kubernetes.default/healthz']]
      const script = targets.map(([name, to]) => `echo ${name} $(curl -sk -o /dev/null -m 6 -w %{http_code} ${to})`).join(';')
      const found = NODES.flatMap((node) => {
        const lines = sh(`kubectl exec $(kubectl get pods -l app=net --field-selector spec.nodeName=${node} -o name) -- sh -c '${script}'`).trim().split('\n').filter((line) => / \d{3}$/.test(line))
        const outside = sh(`hop trace external http://${cluster.config.nodes.find((n) => n.name === node)!.ip}:30080 -o json | jq -r .verdict`).trim()
        return [...lines.map((line): [string, boolean] => [`${node}>${line.split(' ')[0]}`, line.endsWith('200')]), [`external>${node}`, outside === 'delivered'] as [string, boolean]]
      })
      return Object.fromEntries(found)
    }
    const health = (): string => sh(`kubectl get nodes --no-headers | grep -v ' Ready '; kubectl get pods -A --no-headers | awk '{split($3, n, "/"); if (n[1] != n[2]) print}'; kubectl get nodes -o jsonpath='{.items[*].spec.taints[*].key}' | tr ' ' '\\n' | grep -v role.kubernetes.io/control-plane`).trim()
    const serving = (): string => sh(`kubectl get endpointslices -l kubernetes.io/service-name=srv -o json | jq '[.items[] | select(.addressType == "IPv4") | .endpoints[] | select(.conditions.ready)] | length'`).trim()
    const kernels = (): string => NODES.map((node) => sh(`hop node ${node} -- sh -c 'iptables-save | grep -c ^-A; ip route | wc -l; ip rule | wc -l; ip -br link | wc -l; ipvsadm -Sn 2>/dev/null | wc -l; sysctl -n net.ipv4.ip_forward net.netfilter.nf_conntrack_max'`).split('\n').join(' ')).join('\n')

    const before = { reach: reach(), kernels: kernels() }
    expect(Object.values(before.reach).filter((ok) => !ok)).toEqual([])
    expect(Object.keys(before.reach)).toHaveLength(21)
    expect(health()).toBe('')
    const healed = (): void => {
      expect(health()).toBe('')
      expect(reach()).toEqual(before.reach)
      expect(serving()).toBe('3')
      expect(kernels()).toBe(before.kernels)
      expect(cluster.faults.active).toEqual([])
    }

    sh('hop fault apply node-down worker-2; sleep 10')
    expect(reach()).toMatchObject({ 'control-plane>srv@worker-2': false, 'external>worker-2': false, 'control-plane>srv@worker-1': true, 'worker-1>srv@control-plane': true })
    sh('hop fault clear --all; sleep 150')
    healed()

    sh('hop fault apply link-down control-plane worker-2; sleep 60')
    expect(health()).toMatch(/^worker-2 +NotReady/)
    expect(serving()).toBe('2')
    sh('hop fault clear --all; sleep 150')
    healed()

    // one that needs the agent while another keeps it from starting
    sh('hop fault apply cni-down worker-1; hop fault apply node-reboot worker-1 --for 5s; sleep 60; kubectl delete pod -l app=srv --field-selector spec.nodeName=worker-1 --wait=false; sleep 30')
    expect(health()).not.toBe('')
    expect(reach()).toMatchObject({ 'worker-2>srv@control-plane': true, 'control-plane>srv@worker-2': true })
    sh('hop fault clear cni-down/worker-1; sleep 400')
    healed()

    sh('hop fault apply conntrack-full worker-2; hop fault apply ip-forward-off worker-1; hop fault apply mtu worker-1; sleep 20; hop fault clear ip-forward-off/worker-1; hop fault clear conntrack-full/worker-2; hop fault clear mtu/worker-1; sleep 60')
    healed()
  })
})
