import { beforeEach, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** kube-proxy in ipvs mode as a student meets it: the tools on the nodes, the configuration, both families. */
const MANIFEST = `kubectl apply -f - >/dev/null <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: web}}
spec: {nodeName: worker-1, containers: [{name: c, image: registry.k8s.io/e2e-test-images/agnhost:2.53, args: [netexec, --http-port=80]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: web}}
spec: {nodeName: worker-2, containers: [{name: c, image: registry.k8s.io/e2e-test-images/agnhost:2.53, args: [netexec, --http-port=80]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ipFamilyPolicy: PreferDualStack, clusterIP: 10.96.0.80, ports: [{port: 80, nodePort: 30080}]}
EOF
kubectl wait --for=condition=Ready pod --all >/dev/null; sleep 3`

let lab: House
const run = (script: string): string => lab.run(script).output
const names = (url: string, n = 4): string[] => run(`kubectl exec client -- sh -c 'for i in $(seq ${n}); do curl -s -m 2 http://${url}/hostname; echo; done'`).trim().split('\n')

describe('with proxyMode: ipvs', () => {
  beforeEach(() => {
    lab = house({ proxyMode: 'ipvs', ipFamilies: ['IPv4', 'IPv6'] })
    expect(run(MANIFEST)).toBe('')
  })

  it('a Service answers by name, by its addresses of both families and on the nodes, in turn', () => {
    const v6 = run("kubectl get svc web -o jsonpath='{.spec.clusterIPs[1]}'")
    for (const url of ['web', '10.96.0.80', `[${v6}]`, '172.18.0.4:30080', '[fc00:f853:ccd:e793::4]:30080']) {
      const [first, second, ...rest] = names(url)
      expect([url, [first, second].sort(), rest]).toEqual([url, ['a', 'b'], [first, second]])
    }
    expect(run('curl -s http://172.18.0.3:30080/hostname')).toMatch(/^[ab]$/)
  })

  it('the node shows it with ipvsadm, ipset, ip and sysctl, and hop trace tells the row', () => {
    const node = (command: string): string => run(`hop node worker-1 -- ${command}`)
    expect(node('ipvsadm -Ln -t 10.96.0.80:80')).toMatch(/^Prot LocalAddress:Port Scheduler Flags\n.*\nTCP {2}10\.96\.0\.80:80 rr\n {2}-> 10\.244\.1\.\d+:80 +Masq {4}1 {6}0 {10}0 {9}\n {2}-> 10\.244\.2\.\d+:80 /)
    expect(node('ipset test KUBE-CLUSTER-IP 10.96.0.80,tcp:80')).toBe('Warning: 10.96.0.80,tcp:80 is in set KUBE-CLUSTER-IP.\n')
    expect(node('ip addr show kube-ipvs0')).toMatch(/^\d+: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN group default(?: qlen 1000)?\n[^]* inet 10\.96\.0\.80\/32 scope global kube-ipvs0\n/)
    expect(node('sysctl net.ipv4.vs.conntrack net.ipv4.vs.nope')).toBe('net.ipv4.vs.conntrack = 1\nsysctl: cannot stat /proc/sys/net/ipv4/vs/nope: No such file or directory\n')
    expect(run('hop trace default/client 10.96.0.80:80')).toMatch(/dnat +IPVS sends the connection to the real server 10\.244\.\d\.\d+:80, one of 2 by its scheduler rr \(round robin\)\.\n +by rule in ipvs\/LOCAL_IN: TCP {2}10\.96\.0\.80:80 rr {2}-> 10\.244\.\d\.\d+:80 +Masq/)
    expect(node('ipvsadm -Lnc')).toContain('10.96.0.80:80')
  })

  it('takes the scheduler and the mode from the ConfigMap when its Pods start anew', () => {
    const change = (from: string, to: string): string => run(`kubectl get cm -n kube-system kube-proxy -o yaml | sed 's/${from}/${to}/' | kubectl apply -f - 2>/dev/null >/dev/null
      kubectl rollout restart ds/kube-proxy -n kube-system >/dev/null; kubectl rollout status ds/kube-proxy -n kube-system >/dev/null; sleep 3; hop node worker-1 -- ipvsadm -Ln -t 10.96.0.80:80`)
    expect(change('scheduler: ""', 'scheduler: sh')).toContain('TCP  10.96.0.80:80 sh\n')
    expect(new Set(names('10.96.0.80', 6)).size).toBe(1)
    expect(run('kubectl logs -n kube-system -l k8s-app=kube-proxy --tail=-1 | grep -c "Using ipvs Proxier"')).toBe('3\n')
  })
})
