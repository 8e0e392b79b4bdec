import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const POD = (name: string, context: string): string => `
kubectl apply -f - <<EOF
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  containers: [{name: c, image: amouat/network-utils, command: [sleep, "100000"], securityContext: ${context}}]
EOF`

describe('who may change a network', () => {
  let run: House['run']
  beforeAll(() => {
    ;({ run } = house())
    run(`${POD('plain', '{}')}${POD('admin', '{capabilities: {add: [NET_ADMIN]}}')}${POD('bare', '{capabilities: {drop: [ALL]}}')}
kubectl wait --for=condition=ready pod --all`)
  })
  const inPod = (pod: string, command: string): { output: string; code: number | undefined } => {
    const { output, code } = run(`kubectl exec ${pod} -- ${command}`)
    return { output: output.replace(/command terminated with exit code \d+\n$/, ''), code }
  }

  it.each([
    ['ip link set eth0 down', 2, 'RTNETLINK answers: Operation not permitted\n'],
    ['ip route del default', 2, 'RTNETLINK answers: Operation not permitted\n'],
    ['ip address add 10.0.0.1/24 dev eth0', 2, 'RTNETLINK answers: Operation not permitted\n'],
    ['ip neigh add 10.0.0.1 lladdr 00:11:22:33:44:55 dev eth0', 2, 'RTNETLINK answers: Operation not permitted\n'],
    ['iptables -L', 4, 'iptables v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n'],
    ['iptables-save', 4, 'iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n'],
    ['conntrack -L', 1, 'conntrack v1.4.7 (conntrack-tools): Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this\n'],
  ])('a plain Pod may not: %s', (command, code, output) => {
    expect(inPod('plain', command)).toEqual({ output, code })
  })

  it('but it may look, and capture what comes by', () => {
    expect(inPod('plain', 'ip route').code).toBe(0)
    expect(run('kubectl exec plain -- timeout 1 tcpdump -i eth0').output).toContain('listening on eth0')
    expect(inPod('bare', 'tcpdump -i eth0')).toEqual({ output: "tcpdump: eth0: You don't have permission to perform this capture on that device\n(socket: Operation not permitted)\n", code: 1 })
  })

  it('a Pod with NET_ADMIN, and root on a node, may', () => {
    expect(inPod('admin', 'ip route add 10.9.0.0/16 dev eth0')).toEqual({ output: '', code: 0 })
    expect(inPod('admin', 'iptables -A INPUT -p tcp --dport 81 -j DROP')).toEqual({ output: '', code: 0 })
    expect(run('hop node worker-1 -- iptables -S INPUT').code).toBe(0)
  })

  it('a student is not root on the laptop', () => {
    expect(run('ip link set eth0 down')).toEqual({ output: 'RTNETLINK answers: Operation not permitted\n', code: 2 })
    expect(run('nc -l 80')).toEqual({ output: 'nc: Permission denied\n', code: 1 })
  })
})

describe('on a node', () => {
  it('the entry of a node in the VXLAN’s table can be taken away and put back', () => {
    const { run } = house()
    run('kubectl create deployment web --image=nginx --replicas=4; kubectl rollout status deployment/web')
    const far = run("kubectl get pods -o jsonpath='{.items[?(@.spec.nodeName==\"worker-2\")].status.podIP}'").output.split(' ')[0]!
    const trace = (): string => run(`hop trace node/worker-1 ${far} -o json | jq -r '.verdict + " " + (.reason // "")'`).output
    expect(trace()).toBe('delivered \n')
    const entry = run("hop node worker-1 -- bridge fdb show dev flannel.1 | grep 172.18.0.4").output.split(' ')[0]!
    expect(run(`hop node worker-1 -- bridge fdb del ${entry} dev flannel.1 dst 172.18.0.4`)).toEqual({ output: '', code: 0 })
    expect(trace()).toBe('dropped drop-no-vtep\n')
    expect(run(`hop node worker-1 -- bridge fdb del ${entry} dev flannel.1`)).toEqual({ output: 'RTNETLINK answers: No such file or directory\n', code: 255 })
    expect(run(`hop node worker-1 -- bridge fdb append ${entry} dev flannel.1 dst 172.18.0.4`)).toEqual({ output: '', code: 0 })
    expect(trace()).toBe('delivered \n')
  })

  it('a link that was up once keeps its queue discipline', () => {
    const { run } = house()
    run('kubectl create deployment web --image=nginx --replicas=4; kubectl rollout status deployment/web')
    expect(run('hop node worker-1 -- sh -c "ip link set cni0 down; ip link show cni0"').output).toMatch(/cni0: <BROADCAST,MULTICAST> mtu 1450 qdisc noqueue state DOWN /)
  })

  it('an impossible prefix is no prefix', () => {
    expect(house().run('hop node worker-1 -- ip addr add 1.2.3.4/33 dev eth0').output).toBe('Error: any valid prefix is expected rather than "1.2.3.4/33".\n')
  })
})
