import { beforeEach, describe, expect, it } from 'vitest'
import { house } from './house.samples.ts'

/** Who asks the API server does so by packets: what holds those up, holds up the node, or kubectl. */
let lab: ReturnType<typeof house>
beforeEach(() => {
  lab = house({ nodes: 3 })
})

const run = (commands: string): string => lab.run(commands).output
const ready = (): string => run("kubectl get nodes -o jsonpath='{range .items[*]}{.metadata.name}={.status.conditions[?(@.type==\"Ready\")].status} {end}'").trim()
const ALL = 'control-plane=True worker-1=True worker-2=True'
const WITHOUT_FIRST = 'control-plane=True worker-1=Unknown worker-2=True'

describe('a node and the API server', () => {
  it('the kubelet has a connection that stands, and says something every ten seconds', () => {
    expect(run('hop node worker-1 -- ss -Htnp state established')).toMatch(/172\.18\.0\.3:\d+ +172\.18\.0\.2:6443 +users:\(\("kubelet",pid=\d+,fd=\d+\)\)/)
    // three kubelets, and CoreDNS twice from behind its nodes' addresses
    expect(run("hop node control-plane -- ss -Htn state established '( sport = :6443 )'").trim().split('\n')).toHaveLength(5)
    const seen = run('hop node worker-1 -- timeout 25 tcpdump -nt -i eth0 port 6443 2> /dev/null')
    expect(seen.match(/172\.18\.0\.3\.\d+ > 172\.18\.0\.2\.6443: Flags \[P\.\]/g)!.length).toBeGreaterThanOrEqual(2)
    expect(seen.match(/172\.18\.0\.2\.6443 > 172\.18\.0\.3\.\d+: Flags \[P\.\]/g)!.length).toBeGreaterThanOrEqual(2)
  })

  it('says at once that it has something to ask', () => {
    const seen = run('hop time +16s; hop node worker-1 -- timeout 3 tcpdump -nt -i eth0 port 6443 > /tmp/seen 2> /dev/null & sleep 1; kubectl run web --image=nginx --overrides=\'{"spec":{"nodeName":"worker-1"}}\' > /dev/null; wait; grep -c "172.18.0.2.6443: Flags .P" /tmp/seen')
    expect(Number(/^(\d+)\r?$/m.exec(seen)![1])).toBeGreaterThanOrEqual(1)
  })

  it.each([
    ['a rule of its own that drops what it sends', 'hop node worker-1 -- iptables -A OUTPUT -p tcp --dport 6443 -j DROP', 'hop node worker-1 -- iptables -F OUTPUT', 'i/o timeout'],
    ['a rule of the API server\'s node', 'hop node control-plane -- iptables -I INPUT -p tcp --dport 6443 -s 172.18.0.3 -j DROP', 'hop node control-plane -- iptables -D INPUT 1', 'i/o timeout'],
    ['a rule that rejects it', 'hop node control-plane -- iptables -I INPUT -p tcp --dport 6443 -s 172.18.0.3 -j REJECT', 'hop node control-plane -- iptables -D INPUT 1', 'connect: connection refused'],
    ['a route that leads nowhere', 'hop node worker-1 -- ip route add blackhole 172.18.0.2', 'hop node worker-1 -- ip route del blackhole 172.18.0.2', 'connect: '],
    ['an interface that is down', 'hop node worker-1 -- ip link set eth0 down', 'hop node worker-1 -- ip link set eth0 up', 'connect: '],
  ])('%s makes it NotReady, and the kubelet says why', (_, breaks, mends, why) => {
    run(`${breaks}; hop time +40s`)
    expect(ready()).toBe(ALL)
    run('hop time +30s')
    expect(ready()).toBe(WITHOUT_FIRST)
    const log = run('hop node worker-1 -- journalctl -u kubelet --no-pager | grep "Failed to update lease" | tail -1')
    expect(log).toContain('err="Put \\"https://172.18.0.2:6443/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/worker-1?timeout=10s\\": dial tcp 172.18.0.2:6443: ')
    expect(log).toContain(why)
    run(`${mends}; hop time +45s`)
    expect(ready()).toBe(ALL)
  })

  it('what waits for an answer has not been refused: first the time runs out, then the connection is given up', () => {
    run('hop node worker-1 -- iptables -A OUTPUT -p tcp --dport 6443 -j DROP; hop time +25s')
    expect(run('hop node worker-1 -- journalctl -u kubelet --no-pager | grep "Failed to update lease" | tail -1')).toContain(': context deadline exceeded"')
    const connection = run("hop node worker-1 -- ss -Htn '( dport = :6443 )'")
    expect(connection).toContain('ESTAB')
    // the path is whole again in time: the same connection goes on
    run('hop node worker-1 -- iptables -F OUTPUT; hop time +20s')
    expect(run("hop node worker-1 -- ss -Htn '( dport = :6443 )'").replace(/\s+/g, ' ').split(' ')[3]).toBe(connection.replace(/\s+/g, ' ').split(' ')[3])
    expect(ready()).toBe(ALL)
  })

  it('as long as it is cut off it learns nothing: its rules stay as they were', () => {
    run('kubectl create deployment web --image=nginx; kubectl rollout status deployment/web; hop node worker-1 -- iptables -A OUTPUT -p tcp --dport 6443 -j DROP; hop time +20s')
    run('kubectl expose deployment web --port=80; hop time +5s')
    const rules = (node: string): number => Number(run(`hop node ${node} -- iptables-save -t nat | grep -c default/web`).trim())
    expect(rules('worker-2')).toBeGreaterThan(0)
    expect(rules('worker-1')).toBe(0)
    run('hop node worker-1 -- iptables -F OUTPUT; hop time +60s')
    expect(rules('worker-1')).toBe(rules('worker-2'))
  })

  it("without a kubelet the connection is kube-proxy's", () => {
    run('hop node worker-1 -- systemctl stop kubelet; hop time +1s')
    expect(run('hop node worker-1 -- ss -Htnp state established')).toContain('"kube-proxy"')
    run('hop node worker-1 -- systemctl start kubelet; hop time +1s')
    expect(run('hop node worker-1 -- ss -Htnp state established')).toContain('"kubelet"')
  })

  it('goes with its machine, and comes back with it', () => {
    run('hop fault apply node-down worker-1; hop time +10m')
    expect(run("hop node control-plane -- ss -Htn state established '( sport = :6443 )'")).not.toContain('172.18.0.3')
    run('hop fault clear --all; hop time +20s')
    expect(run('hop node worker-1 -- ss -Htnp state established')).toContain('172.18.0.2:6443')
    expect(ready()).toBe(ALL)
  })
})

describe('kubectl and the API server', () => {
  it('asks it by packets, from where it runs', () => {
    const seen = run('hop node control-plane -- timeout 2 tcpdump -nt -i eth0 port 6443 and host 192.0.2.10 2> /dev/null > /tmp/seen & sleep 1; kubectl get nodes > /dev/null; wait; cat /tmp/seen')
    expect(seen).toMatch(/IP 192\.0\.2\.10\.\d+ > 172\.18\.0\.2\.6443: Flags \[S\]/)
    expect(seen).toMatch(/IP 192\.0\.2\.10\.\d+ > 172\.18\.0\.2\.6443: Flags \[F\.\]/)
    expect(run('ss -Htn')).not.toContain('ESTAB')
  })

  it('what asks no server opens no connection', () => {
    const seen = run('hop node control-plane -- timeout 2 tcpdump -nt -i eth0 port 6443 and host 192.0.2.10 2> /dev/null > /tmp/seen & sleep 1; kubectl config view > /dev/null; kubectl version --client > /dev/null; kubectl completion bash > /dev/null; wait; cat /tmp/seen')
    expect(seen).not.toContain('172.18.0.2.6443')
  })

  it('behind a firewall it waits half a minute, or as long as it is told', () => {
    run('kubectl get nodes; hop node control-plane -- iptables -I INPUT -p tcp --dport 6443 -s 192.0.2.10 -j DROP')
    // who knows what kinds there are asks once
    expect(run('a=$(date +%s); kubectl get nodes; echo $(( $(date +%s) - a ))')).toBe('Unable to connect to the server: dial tcp 172.18.0.2:6443: i/o timeout\n30\n')
    expect(run('a=$(date +%s); kubectl get nodes --request-timeout=3; echo $(( $(date +%s) - a ))')).toBe('Unable to connect to the server: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)\n3\n')
    expect(run('kubectl create deployment x --image=nginx --dry-run=client -o name')).toBe('deployment.apps/x\n')
    expect(run('hop node control-plane -- kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes -o name')).toContain('node/worker-2')
    run('hop node control-plane -- iptables -D INPUT 1')
    expect(ready()).toBe(ALL)
  })

  it('what is rejected is refused', () => {
    run('kubectl get nodes; hop node control-plane -- iptables -I INPUT -p tcp --dport 6443 -s 192.0.2.10 -j REJECT')
    expect(run('kubectl get nodes')).toBe('The connection to the server 172.18.0.2:6443 was refused - did you specify the right host or port?\n')
    expect(run('echo "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}" | kubectl apply -f -')).toContain('connection refused')
  })

  it('what it reads from a pipe is not lost while it waits', () => {
    run('hop node control-plane -- iptables -I INPUT -p tcp --dport 6443 -s 192.0.2.10 -j DROP')
    const { output } = lab.run('(sleep 6; hop node control-plane -- iptables -D INPUT 1) & echo "{apiVersion: v1, kind: ConfigMap, metadata: {name: piped}}" | kubectl apply -f -; wait')
    expect(output).toContain('configmap/piped created')
  })

  it('who watches is told when the way breaks', () => {
    const { output } = lab.run('(sleep 3; hop node control-plane -- iptables -I INPUT -p tcp --dport 6443 -s 192.0.2.10 -j DROP) & kubectl get pods -w; wait; date +%M:%S')
    expect(output).toMatch(/00:\d\d\r?\n$|01:\d\d\r?\n$/)
  })
})

describe("a Pod's program and the API server", () => {
  const restart = 'kubectl rollout restart -n kube-system deployment coredns > /dev/null'
  const logs = 'kubectl logs -n kube-system $(kubectl get pods -n kube-system -l k8s-app=kube-dns --sort-by=.metadata.creationTimestamp -o name | tail -1)'

  it("CoreDNS asks the Service kubernetes, through kube-proxy's rules", () => {
    const node = run("kubectl get pods -n kube-system -l k8s-app=kube-dns -o jsonpath='{.items[0].spec.nodeName}'")
    expect(run(`hop node ${node} -- conntrack -L -d 10.96.0.1 2> /dev/null`)).toMatch(/ESTABLISHED src=10\.244\.\d+\.\d+ dst=10\.96\.0\.1 sport=\d+ dport=443 src=172\.18\.0\.2 dst=/)
  })

  it('where a policy keeps it from there, it says so, is not ready, and knows no names; without the policy it finds its way', () => {
    lab = house({ nodes: 3, cni: 'calico' })
    run("echo '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: kube-system}, spec: {podSelector: {matchLabels: {k8s-app: kube-dns}}, policyTypes: [Egress]}}' | kubectl apply -f -")
    run(`${restart}; sleep 12`)
    const log = run(logs)
    expect(log).toContain('failed to list *v1.Service: Get "https://10.96.0.1:443/api/v1/services?limit=500&resourceVersion=0": dial tcp 10.96.0.1:443: i/o timeout')
    expect(log).toContain('[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API')
    expect(run('kubectl get pods -n kube-system -l k8s-app=kube-dns --no-headers')).toMatch(/0\/1 +Running/)
    run('kubectl delete networkpolicy -n kube-system deny; sleep 60')
    expect(run('kubectl get pods -n kube-system -l k8s-app=kube-dns --no-headers')).not.toMatch(/0\/1/)
    expect(run('kubectl run c --image=busybox --restart=Never -- sleep 1d; sleep 3; kubectl exec c -- nslookup kubernetes.default.svc.cluster.local')).toContain('Address: 10.96.0.1')
  })

  it('what it knew before it keeps while it is cut off', () => {
    run("kubectl create deployment web --image=nginx; kubectl expose deployment web --port=80; kubectl run c --image=busybox --restart=Never -- sleep 1d; kubectl wait --for=condition=Ready pod/c; for n in worker-1 worker-2; do hop node $n -- iptables -I FORWARD -p tcp --dport 6443 -j DROP; done; hop time +30s")
    run('kubectl expose deployment web --port=81 --name=late; sleep 2')
    expect(run('kubectl exec c -- nslookup web.default.svc.cluster.local')).toMatch(/Address: 10\.\d+/)
    expect(run('kubectl exec c -- nslookup late.default.svc.cluster.local')).toContain('NXDOMAIN')
    run('for n in worker-1 worker-2; do hop node $n -- iptables -D FORWARD 1; done; sleep 40')
    expect(run('kubectl exec c -- nslookup late.default.svc.cluster.local')).toMatch(/Address: 10\.\d+/)
  })
})
