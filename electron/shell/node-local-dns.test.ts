import { expect, test } from 'vitest'
import { house, type House } from './house.samples.ts'
import { NODE_LOCAL_DNS } from './node-local-dns.samples.ts'

/** The tutorial "Using NodeLocal DNSCache in Kubernetes Clusters" with what it is for: fewer tracked connections, and answers from the node. */
function install(lab: House): void {
  const manifest = NODE_LOCAL_DNS.replaceAll('__PILLAR__LOCAL__DNS__', '169.254.20.10').replaceAll('__PILLAR__DNS__DOMAIN__', 'cluster.local').replaceAll('__PILLAR__DNS__SERVER__', '10.96.0.10')
  const { code } = lab.run(`kubectl run client --image=busybox --command -- sleep infinity >/dev/null
    kubectl create deploy web --image=nginx >/dev/null; kubectl expose deploy web --port=80 >/dev/null
    cat <<'EOF' | kubectl apply -f - >/dev/null
${manifest}EOF
    kubectl -n kube-system rollout status ds/node-local-dns >/dev/null && kubectl wait --for=condition=Ready pod/client >/dev/null; sleep 5`)
  expect(code).toBe(0)
}
const nodeOfClient = "$(kubectl get pod client -o jsonpath='{.spec.nodeName}')"
const lookUp = (lab: House, name: string): string => lab.run(`kubectl exec client -- nslookup -type=a ${name}`).output

test('queries to the address of kube-dns end on the node, untracked, and their answers are kept', () => {
  const lab = house({})
  install(lab)
  lab.run(`hop node ${nodeOfClient} -- conntrack -F`)
  expect(lookUp(lab, 'web.default.svc.cluster.local')).toMatch(/^Server:\t\t10\.96\.0\.10\n[^]*Name:\tweb\.default\.svc\.cluster\.local\nAddress: 10\.\d+\.\d+\.\d+\n/)
  expect(lab.run(`hop node ${nodeOfClient} -- conntrack -L 2>/dev/null | grep -c 'dst=10.96.0.10 '`).output).toBe('0\n')
  // with the cluster's DNS it talks by TCP, through the Service of its own
  expect(lab.run(`hop node ${nodeOfClient} -- conntrack -L -p tcp 2>/dev/null | grep -c "dst=$(kubectl -n kube-system get svc kube-dns-upstream -o jsonpath='{.spec.clusterIP}') "`).output).not.toBe('0\n')
  const { hops, verdict } = JSON.parse(lab.run('hop trace default/client 10.96.0.10:53/udp -o json').output) as { hops: { decidedBy?: { text: string } }[]; verdict: string }
  expect(verdict).toBe('delivered')
  expect(hops.map((h) => h.decidedBy?.text ?? '').filter((t) => t.includes('NodeLocal'))).toEqual([
    '-A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK',
    '-A INPUT -d 10.96.0.10/32 -p udp -m udp --dport 53 -m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT',
  ])

  lab.run('kubectl -n kube-system scale deploy coredns --replicas=0; sleep 10')
  expect(lookUp(lab, 'web.default.svc.cluster.local')).toContain('Address: 10.')
  expect(lookUp(lab, 'kubernetes.default.svc.cluster.local')).toContain('SERVFAIL')
  lab.run('sleep 30')
  expect(lookUp(lab, 'web.default.svc.cluster.local')).toContain('SERVFAIL')
})

test('taken away it leaves nothing, and kube-dns answers as before', () => {
  const lab = house({})
  install(lab)
  const links = (): string => lab.run(`hop node ${nodeOfClient} -- ip -br addr show nodelocaldns`).output
  expect(links()).toBe('nodelocaldns     DOWN           169.254.20.10/32 10.96.0.10/32 \n')
  const rules = (): string => lab.run(`hop node ${nodeOfClient} -- iptables-save | grep -c NodeLocal`).output
  expect(rules()).toBe('24\n')
  lab.run('kubectl -n kube-system delete ds node-local-dns; sleep 40')
  expect([links(), rules()]).toEqual(['Device "nodelocaldns" does not exist.\n', '0\n'])
  expect(lookUp(lab, 'web.default.svc.cluster.local')).toContain('Address: 10.')
})

test('the ConfigMap kube-dns names servers for a domain; its log says what it runs with', () => {
  const lab = house({})
  install(lab)
  lab.run(`kubectl -n kube-system create configmap kube-dns --from-literal=stubDomains='{"example.com": ["10.96.0.10"]}'; sleep 200`)
  expect(lab.run('kubectl -n kube-system logs ds/node-local-dns --tail=60').output).toContain('[INFO] Updated Corefile with 1 custom stubdomains and upstream servers /etc/resolv.conf\n')
  expect(lab.run('kubectl -n kube-system logs ds/node-local-dns --tail=60').output).toContain('\nexample.com:53 {\n    errors\n    cache 30\n    bind 169.254.20.10 10.96.0.10\n    forward . 10.96.0.10\n}\n')
  expect(lab.run('kubectl -n kube-system logs ds/node-local-dns --tail=60').output).toContain('[INFO] Reloading complete\n')
})

test('without its Service it has nobody to ask, and says so', () => {
  const lab = house({})
  const manifest = NODE_LOCAL_DNS.slice(NODE_LOCAL_DNS.indexOf('---') + 4).replaceAll('__PILLAR__LOCAL__DNS__', '169.254.20.10').replaceAll('__PILLAR__DNS__DOMAIN__', 'cluster.local').replaceAll(',__PILLAR__DNS__SERVER__', '')
  lab.run(`cat <<'EOF' | kubectl apply -f - >/dev/null\n${manifest}EOF\nsleep 20`)
  const { output } = lab.run('kubectl -n kube-system logs ds/node-local-dns')
  expect(output).toContain('[WARNING] Unable to lookup IP address of Upstream service kube-dns-upstream, env $KUBE_DNS_UPSTREAM_SERVICE_HOST ``\n')
  expect(output).toContain('plugin/forward: not an IP address or file: "<nil>"\n')
  expect(lab.run('kubectl -n kube-system get pods -l k8s-app=node-local-dns').output).toMatch(/0\/1 +(Error|CrashLoopBackOff) /)
})

test('it needs NET_ADMIN for its interface', () => {
  const lab = house({})
  const manifest = NODE_LOCAL_DNS.replace('        securityContext: {capabilities: {add: [NET_ADMIN]}}\n', '').replaceAll('__PILLAR__LOCAL__DNS__', '169.254.20.10').replaceAll('__PILLAR__DNS__DOMAIN__', 'cluster.local').replaceAll(',__PILLAR__DNS__SERVER__', '')
  lab.run(`cat <<'EOF' | kubectl apply -f - >/dev/null\n${manifest}EOF\nsleep 20`)
  const { output } = lab.run('kubectl -n kube-system logs ds/node-local-dns')
  expect(output).toContain('[ERROR] Failed to add non-existent interface nodelocaldns: operation not permitted\n')
  expect(output).toContain('Listen: listen tcp 169.254.20.10:53: bind: cannot assign requested address\n')
})
