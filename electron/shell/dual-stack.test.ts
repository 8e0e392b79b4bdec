import { beforeEach, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** A dual-stack cluster as a student meets it: both families from Pod to Pod, through Services, by name, from outside. */
const MANIFEST = `
cat > web.yaml <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: worker-2, containers: [{name: c, image: registry.k8s.io/e2e-test-images/agnhost:2.53, args: [netexec, --http-port=80]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: alpine}
spec: {nodeName: worker-1, containers: [{name: c, image: curlimages/curl, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: debian}
spec: {nodeName: worker-1, containers: [{name: c, image: amouat/network-utils, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: on-host}
spec: {nodeName: worker-1, hostNetwork: true, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ipFamilyPolicy: RequireDualStack, clusterIPs: [10.96.0.80, 'fd00:10:96::80'], ports: [{port: 80, nodePort: 30080}], clusterIP: 10.96.0.80}
---
apiVersion: v1
kind: Service
metadata: {name: peers}
spec: {clusterIP: None, selector: {app: web}, ipFamilyPolicy: PreferDualStack, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: nobody}, ipFamilies: [IPv6], clusterIP: 'fd00:10:96::81', ports: [{port: 80}]}
EOF
kubectl apply -f web.yaml >/dev/null; kubectl wait --for=condition=Ready pod --all >/dev/null
`

describe.each(['flannel', 'bridge'])('with %s', (cni) => {
  let lab: House
  let web6: string
  const run = (script: string): string => lab.run(script).output
  const inPod = (pod: string, command: string): string => run(`kubectl exec ${pod} -- ${command}`)
  beforeEach(() => {
    lab = house({ ipFamilies: ['IPv4', 'IPv6'], cni })
    expect(run(MANIFEST)).toBe('')
    web6 = run("kubectl get pod web -o jsonpath='{.status.podIPs[1].ip}'")
  })

  it('Pods reach each other on other nodes, and the world outside', () => {
    expect(web6).toMatch(/^fd00:10:244:2::[0-9a-f]+$/)
    expect(inPod('client', `ping -6 -c 1 ${web6}`)).toContain(`64 bytes from ${web6}: icmp_seq=1 ttl=62`)
    expect(inPod('client', `curl -s http://[${web6}]/clientip`)).toMatch(/^\[fd00:10:244:1::[0-9a-f]+\]:\d+$/)
    expect(inPod('client', 'ping -c 1 2001:db8::a')).toContain('1 received')
  })

  it('a Service answers on both its addresses, and on the nodes\' own', () => {
    expect(inPod('client', 'curl -s http://[fd00:10:96::80]/clientip')).toMatch(/^\[fd00:10:244:1::/)
    expect(inPod('client', 'curl -s http://10.96.0.80/clientip')).toMatch(/^10\.244\.1\./)
    expect(run('curl -s http://[fc00:f853:ccd:e793::3]:30080/hostname')).toBe('web')
    expect(run('curl -s http://172.18.0.3:30080/hostname')).toBe('web')
    expect(inPod('client', "curl -s -o /dev/null -w '%{exitcode}' http://[fd00:10:96::81]/")).toMatch(/^7/)
  })

  it('a hostPort is open at the node\'s addresses of both families', () => {
    run(`kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: hosted}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx, ports: [{containerPort: 80, hostPort: 8080}]}]}
EOF
sleep 5`)
    const get = (host: string): number | undefined => lab.run(`curl -s -m 2 http://${host}:8080/`).code
    expect([get('172.18.0.3'), get('[fc00:f853:ccd:e793::3]')]).toEqual([0, 0])
    run('kubectl delete pod hosted --now; sleep 2')
    expect([get('172.18.0.3'), get('[fc00:f853:ccd:e793::3]')]).toEqual([7, 7])
  })

  it('by name glibc goes to IPv6 first, and musl to IPv4, for the address is a unique local one', () => {
    expect(inPod('debian', 'curl -s http://web/clientip')).toMatch(/^\[fd00:/)
    expect(inPod('alpine', 'curl -s http://web/clientip')).toMatch(/^10\.244\./)
  })

  it('a node that was switched off has both families again; a route of IPv6 can be taken away', () => {
    run('hop fault apply node-down worker-1; sleep 20; hop fault clear --all; sleep 60')
    expect(inPod('client', 'curl -s http://[fd00:10:96::80]/hostname')).toBe('web')
    expect(run('hop fault apply route-missing worker-1 fd00:10:244:2::/64')).toContain('worker-1 has no route to fd00:10:244:2::/64')
    const six = lab.run(`kubectl exec client -- curl -s -m 2 http://[${web6}]/`).code
    expect([six, inPod('client', 'curl -s -m 2 http://10.96.0.80/hostname')]).toEqual([28, 'web'])
    run('hop fault clear --all')
    expect(inPod('client', `curl -s -m 2 http://[${web6}]/hostname`)).toBe('web')
  })

  it('outside, a Pod goes by IPv4 first, for its own address is unique local; the laptop by IPv6', () => {
    expect(inPod('client', 'curl -s http://example.com/ | grep came')).toContain('You came from 172.18.0.3.')
    expect(inPod('client', 'curl -s -6 http://example.com/ | grep came')).toContain('You came from fc00:f853:ccd:e793::3.')
    expect(inPod('client', "sh -c 'curl -s -6 http://github.com/; echo $?'")).toBe('6\n')
    expect(run('curl -s http://example.com/ | grep came')).toContain('You came from 2001:db8::a.')
  })

  it('CoreDNS knows addresses and names of both families', () => {
    expect(inPod('client', 'dig +short web.default.svc.cluster.local AAAA')).toBe('fd00:10:96::80\n')
    expect(inPod('client', 'dig +short peers.default.svc.cluster.local AAAA')).toBe(`${web6}\n`)
    expect(inPod('client', 'dig +short -x fd00:10:96::80')).toBe('web.default.svc.cluster.local.\n')
    // only endpoints with a hostname of their own have a name in reverse (coredns plugin/kubernetes/reverse.go)
    expect(inPod('client', `dig +short -x ${web6}`)).toBe('')
    expect(inPod('client', `dig +short ${web6.replaceAll(':', '-')}.default.pod.cluster.local AAAA`)).toBe(`${web6}\n`)
    expect(inPod('client', 'dig +short empty.default.svc.cluster.local A')).toBe('')
    expect(inPod('client', 'dig +short _http._tcp.peers.default.svc.cluster.local SRV').split('\n').filter(Boolean)).toHaveLength(2)
  })

  it('the objects say so', () => {
    expect(run("kubectl get pod on-host -o jsonpath='{.status.podIPs[*].ip} {.status.hostIPs[*].ip}'")).toBe('172.18.0.3 fc00:f853:ccd:e793::3 172.18.0.3 fc00:f853:ccd:e793::3')
    expect(run('kubectl describe node worker-1 | grep -A2 Addresses')).toBe('Addresses:\n  InternalIP:  172.18.0.3\n  InternalIP:  fc00:f853:ccd:e793::3\n')
    expect(run('kubectl describe node worker-1 | grep PodCIDRs')).toBe('PodCIDRs:                     10.244.1.0/24,fd00:10:244:1::/64\n')
    expect(run('kubectl describe service web | grep IP')).toBe('IP Family Policy:         RequireDualStack\nIP Families:              IPv4,IPv6\nIP:                       10.96.0.80\nIPs:                      10.96.0.80,fd00:10:96::80\n')
    expect(inPod('client', 'cat /etc/hosts').split('\n').filter((l) => l.endsWith('\tclient'))).toHaveLength(2)
  })
})

it('flannel has a tunnel of its own for IPv6; its longer headers are found out on the way', () => {
  const lab = house({ ipFamilies: ['IPv4', 'IPv6'] })
  const run = (script: string): string => lab.run(script).output
  expect(run(MANIFEST)).toBe('')
  expect(run('hop node worker-1 -- ip -6 addr show flannel-v6.1')).toMatch(/mtu 1430 [^]*inet6 fd00:10:244:1::\/128 scope global/)
  expect(run('hop node worker-1 -- bridge fdb show dev flannel-v6.1')).toMatch(/dst fc00:f853:ccd:e793::4 self permanent/)
  expect(run('hop node worker-1 -- cat /run/flannel/subnet.env')).toBe('FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_IPV6_NETWORK=fd00:10:244::/56\nFLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n')
  expect(run('hop node worker-1 -- ls /var/lib/cni/networks/cbr0')).toMatch(/fd00:10:244:1::2[^]*last_reserved_ip\.0\nlast_reserved_ip\.1\nlock/)
  expect(run('kubectl exec client -- ip -6 route')).toContain('fd00:10:244::/56 via fd00:10:244:1::1 dev eth0 metric 1024')
  expect(run("kubectl get node worker-1 -o jsonpath='{.metadata.annotations.flannel\\.alpha\\.coreos\\.com/public-ipv6}'")).toBe('fc00:f853:ccd:e793::3')
  run(`kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: files}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
EOF
kubectl wait --for=condition=Ready pod/files; kubectl exec files -- sh -c 'head -c 100000 /dev/zero > /usr/share/nginx/html/big'`)
  const files = run("kubectl get pod files -o jsonpath='{.status.podIPs[1].ip}'")
  expect(run(`kubectl exec client -- ping -6 -c 1 -s 1400 ${files}`)).toContain('From fd00:10:244:1::1 icmp_seq=1 Packet too big: mtu=1430')
  expect(run(`kubectl exec client -- curl -s -m 5 -o /dev/null -w '%{size_download}' http://[${files}]/big`)).toBe('100000')
})
