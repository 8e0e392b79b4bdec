import { describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** One client on worker-1, one server on worker-2, and a Service before it. */
const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: main, image: nicolaka/netshoot:v0.13, command: [sleep, '100000']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec: {nodeName: worker-2, containers: [{name: main, image: nginx:1.27.5}]}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, clusterIP: 10.96.0.80, ports: [{port: 80}]}
`

function small(config: Record<string, unknown> = {}): House & { sh(script: string): string } {
  const made = house(config)
  const sh = (script: string): string => made.run(script).output
  made.run('kubectl apply -f -', PODS)
  made.cluster.settle()
  return { ...made, sh }
}

const TRACE = "hop trace default/client http://10.96.0.80 -o json | jq -r '.verdict + \" \" + (.reason // \"-\")'"

describe('hop fault', () => {
  it('lists what can be broken and what is, for people and for programs', () => {
    const { sh } = small()
    expect(sh('hop fault list')).toMatch(/^FAULT +EFFECT\nnode-down NODE +switches a machine off.*\n[^]*packet-loss A B \[--loss PERCENT\][^]*\n\nNo fault is active\.\n$/)
    sh('hop fault apply packet-loss worker-2 worker-1 --loss=5')
    expect(sh('hop fault list')).toMatch(/ACTIVE +SINCE +WHAT IS BROKEN\npacket-loss\/worker-1\/worker-2 +\d+s +5% of the packets between worker-1 and worker-2 are lost\n$/)
    expect(JSON.parse(sh('hop fault list -o json'))).toMatchObject({ active: [{ id: 'packet-loss/worker-1/worker-2', wire: { a: 'worker-1', b: 'worker-2', cut: false } }] })
    expect(sh('hop fault apply mtu --help')).toMatch(/^mtu NODE \[--mtu BYTES\]: lowers/)
  })

  it.each([
    ['apply', 'which fault? allowed: node-down, '],
    ['apply node-donw worker-1', 'there is no fault "node-donw"; allowed: node-down, '],
    ['apply node-down', 'node-down takes one argument: node-down NODE'],
    ['apply node-down worker-9', 'there is no node "worker-9"; allowed: control-plane, worker-1, worker-2'],
    ['apply node-down outside', 'there is no node "outside"; allowed: control-plane, worker-1, worker-2'],
    ['apply link-down worker-1 worker-1', 'link-down is about the wire between two machines, and worker-1 was given twice'],
    ['apply packet-loss worker-1 worker-2 --loss 0', '--loss 0: expected more than 0% and at most 100%'],
    ['apply slow-link worker-1 worker-2 --delay 3', '--delay 3: expected a duration such as 200ms or 2s, at most 10s'],
    ['apply mtu worker-1 --mtu 9000', '--mtu 9000: eth0 of worker-1 has an MTU of 1500; expected less'],
    ['apply mtu worker-1 --loss 1', 'unknown option "--loss"; allowed: --mtu BYTES'],
    ['apply dns-down --now', 'unknown option "--now"; dns-down has no options'],
    ['apply route-missing worker-1 10.244.9.0/24', 'worker-1 has no route to 10.244.9.0/24; it has '],
    ['apply route-missing worker-1 nonsense', '"nonsense" is no prefix; expected one such as 10.244.2.0/24'],
    ['clear node-down/worker-1', 'there is no active fault "node-down/worker-1"; none is active'],
  ])('%s is refused with what is allowed, and nothing changes', (words, message) => {
    const { run, cluster } = small()
    const result = run(`hop fault ${words}`)
    expect(result.output).toContain(`hop fault: ${message}`)
    expect(result.code).toBe(1)
    expect(cluster.faults.active).toEqual([])
  })

  it('applied twice is an error, and the first stays', () => {
    const { sh, run } = small()
    sh('hop fault apply link-down worker-1 worker-2')
    expect(run('hop fault apply link-down worker-2 worker-1')).toEqual({ output: 'hop fault: link-down/worker-1/worker-2 is active already: the wire between worker-1 and worker-2 is cut; clear it first\n', code: 1 })
    // nobody knows the other's MAC address yet, and the question for it is lost on the wire
    expect(sh(TRACE)).toBe('unreachable drop-no-neighbour\n')
    expect(sh('hop trace default/client http://10.96.0.80')).toContain('The wire between worker-1 and worker-2 is cut')
    expect(sh('hop fault clear link-down worker-2 worker-1; hop fault clear --all')).toBe('link-down/worker-1/worker-2 cleared\nno fault is active\n')
  })

  it.each([
    ['link-down worker-1 worker-2', 'dropped drop-wire-cut'],
    ['packet-loss worker-1 worker-2 --loss 100%', 'dropped drop-packet-loss'],
    ['route-missing worker-1 10.244.2.0/24', 'dropped drop-outside'],
    ['ip-forward-off worker-2', 'dropped drop-forwarding-off'],
    ['conntrack-full worker-1', 'dropped drop-conntrack-full'],
  ])('%s: the trace names it (%s), and clearing mends it', (words, expected) => {
    const { sh } = small()
    expect(sh(TRACE)).toBe('delivered -\n')
    sh(`hop fault apply ${words}`)
    expect(sh(TRACE)).toBe(`${expected}\n`)
    sh('hop fault clear --all')
    expect(sh(TRACE)).toBe('delivered -\n')
  })

  it('what was only in a kernel is forgotten when its node restarts, and what /etc/sysctl.d says is not', () => {
    const { sh } = small()
    sh('hop fault apply conntrack-full worker-1; hop fault apply ip-forward-off worker-1')
    sh("hop node worker-1 -- sh -c 'echo net.ipv4.tcp_keepalive_time = 600 > /etc/sysctl.d/99-mine.conf; sysctl -w net.ipv4.tcp_fin_timeout=7'")
    sh('hop fault apply node-reboot worker-1; sleep 90')
    expect(sh('hop fault list')).toContain('No fault is active.')
    expect(sh('hop node worker-1 -- sysctl net.netfilter.nf_conntrack_max net.ipv4.ip_forward net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_time')).toBe('net.netfilter.nf_conntrack_max = 131072\nnet.ipv4.ip_forward = 1\nnet.ipv4.tcp_fin_timeout = 60\nnet.ipv4.tcp_keepalive_time = 600\n')
    expect(sh(TRACE)).toBe('delivered -\n')
  })

  it.each(['calico', 'antrea'])('cni-down of %s lasts over a restart, whose init container brings the executable back, until it is cleared', (cni) => {
    const { sh, cluster } = small({ cni })
    sh('hop fault apply cni-down worker-1; hop fault apply node-reboot worker-1 --for 5s; sleep 90')
    expect(cluster.faults.active.map((f) => f.id)).toEqual(['cni-down/worker-1'])
    sh('hop fault clear --all; sleep 400')
    expect(sh(`kubectl get pods -A -o wide | grep worker-1 | grep -v Running`)).toBe('')
  })

  it('a node of the plugin "bridge" masquerades again after a restart', () => {
    const { sh } = small({ cni: 'bridge' })
    sh('hop fault apply node-reboot worker-1; sleep 120')
    expect(sh('hop trace default/client http://example.com -o json | jq -r .verdict')).toBe('delivered\n')
  })

  it('conntrack-full leaves the kernel a message, and raising the limit mends it', () => {
    const { sh } = small()
    sh('hop fault apply conntrack-full worker-1')
    sh(TRACE)
    expect(sh('hop node worker-1 -- dmesg | tail -1')).toMatch(/^\[ +\d+\.\d{6}\] nf_conntrack: nf_conntrack: table full, dropping packet\n$/)
  })

  it('mtu lets small packets pass and loses long ones', () => {
    const { sh } = small()
    sh('hop fault apply mtu worker-2 --mtu 1000')
    expect(sh(TRACE)).toBe('delivered -\n')
    expect(sh("kubectl exec client -- ping -c1 -W1 -s 1200 10.244.2.3 | grep transmitted")).toContain('100% packet loss')
    sh('hop fault clear mtu/worker-2')
    expect(sh("kubectl exec client -- ping -c1 -W1 -s 1200 10.244.2.3 | grep transmitted")).toContain(' 0% packet loss')
  })

  it('slow-link makes a round trip twice as much longer', () => {
    const { sh } = small()
    sh('hop fault apply slow-link worker-1 worker-2 --delay 300ms')
    expect(sh("kubectl exec client -- ping -c2 10.244.2.3 | grep seq=2 | grep -o 'time=60'")).toBe('time=60\n')
  })

  it('mended by hand it is over', () => {
    const { sh, cluster } = small()
    sh('hop fault apply ip-forward-off worker-2; hop fault apply dns-down')
    expect(cluster.faults.active.map((f) => f.id)).toEqual(['ip-forward-off/worker-2', 'dns-down'])
    sh('kubectl -n kube-system scale deployment coredns --replicas=2')
    expect(cluster.faults.active.map((f) => f.id)).toEqual(['ip-forward-off/worker-2'])
  })

  it.each([['flannel', 'kube-flannel-ds'], ['calico', 'calico-node'], ['cilium', 'cilium'], ['weave', 'weave-net'], ['kube-router', 'kube-router'], ['antrea', 'antrea-agent'], ['aws-vpc', 'aws-node']])('cni-down stops the agent of %s on its node, and clearing starts it again', (cni, daemonSet) => {
    const { sh } = small({ cni })
    const agent = (): string => sh(`kubectl get pods -A -o wide | grep ' ${daemonSet}-.* worker-1 '`)
    expect(agent()).toMatch(/ (\d)\/\1 +Running +0 /)
    sh('hop fault apply cni-down worker-1; sleep 60')
    expect(agent()).toMatch(/ [01]\/[12] +(CrashLoopBackOff|RunContainerError|Error) /)
    sh('hop fault clear --all; sleep 60')
    expect(agent()).toMatch(/ (\d)\/\1 +Running +[1-9]/)
  })

  it('proxy-stopped: the rules of the node stay as they were', () => {
    const { sh, run } = small()
    sh('hop fault apply proxy-stopped worker-1; sleep 8')
    expect(sh('kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide | grep worker-1')).toContain('CrashLoopBackOff')
    expect(sh(TRACE)).toBe('delivered -\n')
    run('kubectl delete pod server --now; kubectl apply -f -; sleep 5', PODS)
    expect(sh(TRACE)).not.toContain('delivered')
    sh('hop fault clear --all; sleep 5')
    expect(sh(TRACE)).toBe('delivered -\n')
  })

  it('cni-down: new Pods wait for a network, the others keep theirs', () => {
    for (const cni of ['flannel', 'bridge']) {
      const { sh, run } = small({ cni })
      sh('hop fault apply cni-down worker-1')
      run('kubectl apply -f -; sleep 10', PODS.split('---')[0]!.replace('name: client', 'name: late'))
      expect(sh('kubectl get pod late --no-headers')).toContain('ContainerCreating')
      expect(sh('kubectl describe pod late')).toMatch(/Warning +FailedCreatePodSandBox .*Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "[0-9a-f]{64}": plugin type="\w+" failed \(add\): failed to find plugin "\w+" in path \[\/opt\/cni\/bin\]/)
      expect(sh(TRACE)).toBe('delivered -\n')
      sh('hop fault clear cni-down/worker-1; sleep 20')
      expect(sh('kubectl get pod late --no-headers')).toContain('Running')
    }
  })

  it('apiserver-down: kubectl is refused, and traffic goes on', () => {
    const { sh } = small()
    sh('hop fault apply apiserver-down')
    expect(sh('kubectl get pods')).toBe('The connection to the server 172.18.0.2:6443 was refused - did you specify the right host or port?\n')
    // what it knows of a server it knows for six hours: then it asks for the kinds, too
    expect(sh('kubectl --cache-dir /tmp/none get pods 2>&1 | grep -c "memcache.go:265"')).toBe('5\n')
    expect(sh('kubectl api-resources 2>&1 | grep -c "memcache.go:265"; ls .kube/cache/discovery/172.18.0.2_6443')).toBe('1\nservergroups.json\n')
    expect(sh(TRACE)).toBe('delivered -\n')
    sh('sleep 300; hop fault clear apiserver-down; sleep 40')
    expect(sh('kubectl get nodes --no-headers | grep -c " Ready "')).toBe('3\n')
  })

  it('apiserver-down ends what kubectl streams through it, at once and in the words of the real one', () => {
    const { sh } = small()
    const streaming = (command: string): string => sh(`${command} >/tmp/out 2>&1 & sleep 2; hop fault apply apiserver-down >/dev/null; sleep 1; wait %1; echo "exit $?" >>/tmp/out; cat /tmp/out; hop fault clear --all >/dev/null; sleep 40`)
    expect(streaming('kubectl port-forward pod/server 8080:80')).toMatch(/^Forwarding from 127\.0\.0\.1:8080 -> 80\n(.*\n)?error: lost connection to pod\nexit 1\n/)
    expect(streaming('kubectl logs -f server')).toMatch(/error: unexpected EOF\nexit 1\n$/)
    const lost = 'next reader: websocket: close 1006 (abnormal closure): unexpected EOF'
    expect(streaming('kubectl exec server -- sleep 600').replace(/^E\d.*? v2/gm, 'v2')).toBe(`v2.go:150] "Unhandled Error" err="${lost}"\nv2.go:167] "Unhandled Error" err="${lost}"\nerror: error reading from error stream: ${lost}\nexit 1\n`)
  })

  it('node-down: NotReady after a while, evicted later, and all is back after clearing', () => {
    const { sh } = small()
    expect(sh('hop fault apply node-down worker-2')).toBe('node-down/worker-2: worker-2 is switched off\n')
    expect(sh('hop node worker-2')).toBe('hop: node "worker-2" is switched off\n')
    expect(sh(TRACE)).toMatch(/^(dropped drop-node-down|unreachable drop-no-neighbour)\n$/)
    sh('sleep 30')
    expect(sh('kubectl get node worker-2 --no-headers')).toContain(' Ready ')
    sh('sleep 30')
    expect(sh('kubectl get node worker-2 --no-headers')).toContain('NotReady')
    sh('hop fault clear node-down/worker-2; sleep 15')
    expect(sh('kubectl get node worker-2 --no-headers')).toContain(' Ready ')
    sh('sleep 20')
    expect(sh(TRACE)).toBe('delivered -\n')
    expect(sh('kubectl get pod server --no-headers')).toMatch(/Running +1 \(/)
  })

  it('node-reboot is over by itself', () => {
    const { sh, cluster } = small()
    sh('hop fault apply node-reboot worker-2 --for 10s; sleep 9')
    expect(cluster.faults.active.map((f) => f.id)).toEqual(['node-reboot/worker-2'])
    sh('sleep 20')
    expect(cluster.faults.active).toEqual([])
    expect(sh(TRACE)).toBe('delivered -\n')
  })

  it('a node that is cut off from the control plane goes NotReady, and comes back', () => {
    const { sh } = small()
    sh('hop fault apply link-down worker-1 control-plane; sleep 70')
    expect(sh('kubectl get node worker-1 --no-headers')).toContain('NotReady')
    sh('hop fault clear --all; sleep 45')
    expect(sh('kubectl get node worker-1 --no-headers')).toContain(' Ready ')
  })

  it('the same packets are lost in the same story', () => {
    const story = (): string => {
      const { sh } = small()
      sh('hop fault apply packet-loss worker-1 worker-2 --loss 50%')
      return sh('kubectl exec client -- ping -c20 -i 0.2 -W1 10.244.2.3')
    }
    const once = story()
    expect(once).toMatch(/icmp_seq/)
    expect(story()).toBe(once)
  })
})
