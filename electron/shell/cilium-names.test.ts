import { beforeEach, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** CiliumNetworkPolicies about names: the DNS proxy sees the answers, and their addresses become identities. */
let lab: House
const run = (script: string): string => lab.run(script).output

beforeEach(() => {
  lab = house({ cni: 'cilium' })
  run(`kubectl run client --image=nicolaka/netshoot --overrides='{"spec":{"nodeName":"worker-1"}}' -- sleep infinity; kubectl wait --for=condition=Ready pod/client`)
})

const toDns = (dns: string): string => `{toEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': kube-system, 'k8s:k8s-app': kube-dns}}], toPorts: [{ports: [{port: '53', protocol: ANY}], rules: {dns: [${dns}]}}]}`

function policy(...egress: string[]): void {
  const yaml = `{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: names}, spec: {endpointSelector: {matchLabels: {run: client}}, egress: [${egress.join(', ')}]}}`
  expect(run(`kubectl apply -f - <<'EOF'\n${yaml}\nEOF\nsleep 1`)).toBe('ciliumnetworkpolicy.cilium.io/names created\n')
}

const inPod = (command: string): string => run(`kubectl exec client -- ${command} 2>/dev/null`)
const cilium = (command: string): string => run(`kubectl -n kube-system exec $(kubectl -n kube-system get pods -l k8s-app=cilium --field-selector spec.nodeName=worker-1 -o name) -c cilium-agent -- cilium-dbg ${command}`)

it('only the name that a rule means can be connected to, once it was asked for', () => {
  policy(toDns("{matchPattern: '*'}"), '{toFQDNs: [{matchName: example.com}]}')
  expect(run('hop trace default/client http://192.0.2.53 -o json | jq -r .reason')).toBe('drop-policy\n')
  expect(inPod('curl -s -m 3 http://example.com')).toContain('This page of example.com')
  expect(inPod("curl -s -m 3 -w '%{exitcode}' http://google.com")).toBe('28')
  const cache = cilium('fqdn cache list')
  expect(cache).toMatch(/^Endpoint {3}Source {3}FQDN +TTL {3}ExpirationTime +IPs +$/m)
  expect(cache).toMatch(/^\d+ +lookup +example\.com\. +\d+ +2026-\S+Z +192\.0\.2\.53 +$/m)
  expect(cilium('identity list')).toMatch(/^16777217 +fqdn:example\.com\n +reserved:world$/m)
  expect(run('hop trace default/client http://google.com -o json | jq -r ".hops[-1].text"')).toContain('no rule of it allows 80/TCP to world')
  expect(run('hop trace default/client http://example.com')).toContain('the other side is example.com (identity 16777217)')
})

it('names below a site’s have addresses of their own: a pattern lets them all through, a name one', () => {
  const codes = (): string => ['api.github.com', 'support.github.com', 'github.com'].map((name) => inPod(`curl -s -o /dev/null -m 3 -w '%{exitcode} ' http://${name}`)).join('')
  policy(toDns("{matchPattern: '*'}"), '{toFQDNs: [{matchName: api.github.com}]}')
  expect(codes()).toBe('0 28 28 ')
  run(`kubectl patch cnp names --type json -p '[{"op":"replace","path":"/spec/egress/1/toFQDNs/0","value":{"matchPattern":"*.github.com"}}]'; sleep 1`)
  expect(codes()).toBe('0 0 28 ')
})

it('the administrator’s cilium tells how its parts are, and waits for them', () => {
  expect(run('cilium status --wait')).toBe(`    /¯¯\\
 /¯¯\\__/¯¯\\    Cilium:             OK
 \\__/¯¯\\__/    Operator:           OK
 /¯¯\\__/¯¯\\    Envoy DaemonSet:    OK
 \\__/¯¯\\__/    Hubble Relay:       disabled
    \\__/       ClusterMesh:        disabled

DaemonSet              cilium                   Desired: 3, Ready: 3/3, Available: 3/3
DaemonSet              cilium-envoy             Desired: 3, Ready: 3/3, Available: 3/3
Deployment             cilium-operator          Desired: 1, Ready: 1/1, Available: 1/1
Containers:            cilium                   Running: 3
                       cilium-envoy             Running: 3
                       cilium-operator          Running: 1
                       clustermesh-apiserver    
                       hubble-relay             
Cluster Pods:          3/3 managed by Cilium
Helm chart version:    1.17.4
Image versions         cilium             quay.io/cilium/cilium:v1.17.4: 3
                       cilium-envoy       quay.io/cilium/cilium-envoy:v1.32.6-1746661844-0f602c28cb2aa57b29078195049fb257d5b5246c: 3
                       cilium-operator    quay.io/cilium/operator-generic:v1.17.4: 1
`)
  expect(run('kubectl -n kube-system set image ds/cilium cilium-agent=quay.io/cilium/cilium:v9 >/dev/null; sleep 30; cilium status; echo $?')).toMatch(/Cilium: +1 errors\n[^]*Errors: +cilium +\d pods of DaemonSet cilium are not ready\n1\n$/)
  expect(run('cilium connectivity test; hubble observe')).toMatch(/^podhop: not simulated: cilium connectivity \(.*\nfailed to connect to 'localhost:4245'/)
})

it('asking for another name is refused, by UDP and by TCP', () => {
  policy(toDns('{matchName: example.com}'), "{toFQDNs: [{matchPattern: '*.com'}]}")
  expect(inPod('dig +short example.com')).toBe('192.0.2.53\n')
  expect(inPod('dig google.com')).toContain('status: REFUSED')
  expect(inPod('dig +tcp +short example.com')).toBe('192.0.2.53\n')
  expect(inPod('dig +tcp google.com')).toContain('status: REFUSED')
})

it('monitor tells of questions and answers', () => {
  policy(toDns('{matchName: example.com}'))
  const monitored = run(`kubectl exec client -- sh -c 'sleep 1; dig +short example.com; dig +short google.com' >/dev/null & ${`kubectl -n kube-system exec $(kubectl -n kube-system get pods -l k8s-app=cilium --field-selector spec.nodeName=worker-1 -o name) -c cilium-agent -- timeout 3 cilium-dbg monitor -t l7`}; wait`)
  expect(monitored).toMatch(/^-> Request dns from \d+ \(\[.*k8s:run=client\]\) to \d+ \(\[.*\]\), identity \d+->\d+, verdict Forwarded DNS Query: example\.com\. A$/m)
  expect(monitored).toMatch(/^<- Response dns to \d+ .* verdict Forwarded DNS Query: example\.com\. A TTL: \d+ Answer: '192\.0\.2\.53'$/m)
  expect(monitored).toMatch(/verdict Denied DNS Query: google\.com\. A$/m)
})

it('an address is forgotten after its time, unless a connection lasts', () => {
  policy(toDns("{matchPattern: '*'}"), '{toFQDNs: [{matchName: github.com}]}')
  run(`kubectl exec client -- sh -c 'sleep 900 | nc github.com 80' &`)
  run('sleep 600')
  expect(cilium('fqdn cache list')).toMatch(/^\d+ +connection +github\.com\. +0 /m)
  run('kubectl exec client -- killall nc; sleep 180')
  expect(cilium('fqdn cache list')).not.toContain('github.com')
})

it('cilium config changes what the agents heed, and starts them anew: L2 announcements', () => {
  expect(run('cilium config view | grep -E "^(enable-l2|ipam|tunnel-protocol)"')).toMatch(/^ipam {2,}kubernetes\ntunnel-protocol {2,}vxlan\n$/)
  expect(run('cilium config set enable-l2-announcements true')).toBe('✨ Patching ConfigMap cilium-config with enable-l2-announcements=true...\n♻️  Restarted Cilium pods\n')
  run(`sleep 30; kubectl create service loadbalancer web --tcp=80; kubectl run web --image=nginx --labels=app=web; kubectl wait --for=condition=Ready pod/web
kubectl apply -f - <<'EOF'
{apiVersion: v1, kind: List, items: [
  {apiVersion: cilium.io/v2alpha1, kind: CiliumLoadBalancerIPPool, metadata: {name: pool}, spec: {blocks: [{start: 172.18.255.200, stop: 172.18.255.250}]}},
  {apiVersion: cilium.io/v2alpha1, kind: CiliumL2AnnouncementPolicy, metadata: {name: all}, spec: {loadBalancerIPs: true}}]}
EOF
sleep 2`)
  expect(run('kubectl get svc web -o jsonpath={.status.loadBalancer.ingress}')).toBe('[{"ip":"172.18.255.200","ipMode":"VIP"}]')
  expect(run("curl -s -o /dev/null -w '%{http_code}' http://172.18.255.200")).toBe('200')
  const holder = run("kubectl -n kube-system get lease cilium-l2announce-default-web -o jsonpath='{.spec.holderIdentity}'")
  expect(run(`kubectl -n kube-system exec $(kubectl -n kube-system get pods -l k8s-app=cilium --field-selector spec.nodeName=${holder} -o name) -c cilium-agent -- cilium-dbg shell -- db/show l2-announce`)).toBe('# IP             NetworkInterface\n172.18.255.200   eth0\n')
  expect(run('cilium config set routing-mode native')).toContain('podhop: not simulated: cilium config set routing-mode')
  expect(run('cilium config delete nothing-there; cilium config delete enable-l2-announcements --restart=false')).toContain('⚠️  Restart Cilium pods for configmap changes to take effect\n')
})
