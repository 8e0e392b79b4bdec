import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** Plugins and IP families as a student meets them: whichever families a cluster has, its parts reach each other by all of them. */
const MANIFEST = `
kubectl apply -f - >/dev/null <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeName: worker-2
  containers:
  - name: c
    image: registry.k8s.io/e2e-test-images/agnhost:2.53
    args: [netexec, --http-port=80]
    ports: [{name: http, containerPort: 80}]
    readinessProbe: {httpGet: {path: /hostname, port: 80}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {nodeName: worker-1, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: near, labels: {app: near}}
spec: {nodeName: worker-2, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ipFamilyPolicy: PreferDualStack, ports: [{port: 80, nodePort: 30080}]}
EOF
kubectl wait --for=condition=Ready pod --all >/dev/null
`
const POLICY = `
kubectl apply -f - >/dev/null <<'EOF'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: friends}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]}
EOF
sleep 2
`
const PREFIX = { IPv4: /^10\.244\./, IPv6: /^fd00:10:244:/ }
const ENFORCING = ['calico', 'cilium', 'antrea', 'kube-router']
const OPTIONS: Record<string, string> = { cilium: 'routing', flannel: 'backend', calico: 'encapsulation', antrea: 'encapsulation' }
type Family = keyof typeof PREFIX
const url = (address: string): string => (address.includes(':') ? `[${address}]` : address)

describe.each<[string, string, Family[]]>([
  ['calico', 'VXLAN', ['IPv4', 'IPv6']],
  ['calico', 'IPIP', ['IPv6']],
  ['cilium', 'tunnel', ['IPv4', 'IPv6']],
  ['antrea', 'geneve', ['IPv4', 'IPv6']],
  ['flannel', 'vxlan', ['IPv6', 'IPv4']],
  ['bridge', '', ['IPv6']],
])('%s (%s) with %j', (plugin, option, ipFamilies) => {
  let lab: House
  let pods: string[]
  let services: string[]
  let nodes: string[]
  const run = (script: string): string => lab.run(script).output
  const words = (script: string): string[] => run(script).split(/\s+/).filter(Boolean)
  const get = (pod: string, host: string, path = '/hostname'): string => run(`kubectl exec ${pod} -- curl -s -m 3 http://${url(host)}${path}`)
  beforeAll(() => {
    lab = house({ cni: option === '' ? plugin : { plugin, [OPTIONS[plugin]!]: option }, ipFamilies })
    expect(run(MANIFEST)).toBe('')
    pods = words("kubectl get pod web -o jsonpath='{.status.podIPs[*].ip}'")
    services = words("kubectl get service web -o jsonpath='{.spec.clusterIPs[*]}'")
    nodes = words("kubectl get node worker-1 -o jsonpath='{.status.addresses[?(@.type==\"InternalIP\")].address}'")
  })

  it('a Pod has an address of each family, the first one first, and answers at them from near and far', () => {
    expect(pods.map((ip, i) => PREFIX[ipFamilies[i]!].test(ip))).toEqual(ipFamilies.map(() => true))
    for (const from of ['client', 'near']) for (const ip of pods) expect([from, ip, get(from, ip)]).toEqual([from, ip, 'web'])
    for (const ip of pods) expect(get('client', ip, '/clientip')).toMatch(ip.includes(':') ? /^\[fd00:10:244:/ : /^10\.244\./)
  })

  it('a Service answers by its name, at each of its addresses, and at the nodes\'', () => {
    expect(services).toHaveLength(ipFamilies.length)
    for (const host of ['web', ...services]) expect([host, get('client', host)]).toEqual([host, 'web'])
    expect(nodes).toHaveLength(ipFamilies.length)
    for (const ip of nodes) expect([ip, run(`curl -s -m 3 http://${url(ip)}:30080/hostname`)]).toEqual([ip, 'web'])
    for (const ip of services) expect(run(`hop trace default/client http://${url(ip)}`)).toContain('verdict: delivered')
  })

  it('DNS knows every address and its name', () => {
    for (const [i, type] of ipFamilies.map((f) => (f === 'IPv4' ? 'A' : 'AAAA')).entries()) expect(run(`kubectl exec client -- dig +short web.default.svc.cluster.local ${type}`)).toBe(`${services[i]!}\n`)
    for (const ip of services) expect(run(`kubectl exec client -- dig +short -x ${ip}`)).toBe('web.default.svc.cluster.local.\n')
  })

  it.runIf(ENFORCING.includes(plugin))('policies count in each', () => {
    run(POLICY)
    for (const ip of [...pods, ...services]) expect([ip, get('client', ip), get('near', ip).includes('web')]).toEqual([ip, 'web', false])
    for (const ip of pods) expect(run(`hop trace default/near http://${url(ip)}`)).toContain('default/friends')
    run('kubectl delete networkpolicy friends; sleep 2')
    for (const ip of pods) expect(get('near', ip)).toBe('web')
  })
})
