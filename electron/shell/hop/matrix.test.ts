import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const PODS = ['web', 'client', 'stranger'].map((name) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec: {containers: [{name: main, image: nginx:1.27.5, ports: [{name: http, containerPort: 80}]}]}
`).join('---')
const POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-client}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: http}]}]}
`

function world(cni: string) {
  const made = house({ cni, nodes: 2 })
  made.run('kubectl apply -f -', `${PODS}---${POLICY}`)
  made.cluster.settle()
  return made
}

describe('hop matrix', () => {
  it('says that a plugin without policies denies nothing', () => {
    const { run } = world('flannel')
    const { output, code } = run('hop matrix -n default --port 80')
    expect(code).toBe(0)
    expect(output).toBe(`80/TCP: may the Pod of the row connect to the Pod of the column?

The network plugin flannel does not enforce NetworkPolicy: whatever the policies say, everything is allowed.

  FROM              1 2 3
1 default/client    . . .
2 default/stranger  . . .
3 default/web       . . .

. allowed 9   X denied 0
`)
    expect(JSON.parse(run('hop matrix -n default --port 80/TCP -o json').output)).toMatchObject({ port: 80, protocol: 'TCP', pods: ['default/client', 'default/stranger', 'default/web'], reasons: {} })
  })

  it('is refused with what is allowed', () => {
    const { run } = world('flannel')
    const message = (args: string): string => run(`hop matrix ${args}`).output
    expect(message('')).toBe('hop matrix: which port? expected --port PORT[/PROTOCOL], as --port 80/TCP\n')
    expect(message('--port 70000')).toBe('hop matrix: --port 70000: expected a port from 1 to 65535\n')
    expect(message('--port 80/icmp')).toBe('hop matrix: --port 80/icmp: expected PORT/TCP, PORT/UDP or PORT/SCTP\n')
    expect(message('--port 80 -n nope')).toMatch(/^hop matrix: there is no namespace "nope"; there are default, kube-flannel, /)
    expect(message('--port metric -n default')).toBe('hop matrix: no container port is named metric/TCP; there are http/TCP\n')
    expect(message('--port 80 -o yaml')).toBe('hop matrix: -o yaml: expected json or text\n')
    expect(message('--port 80 web')).toContain('unexpected argument "web"')
    expect(run('hop matrix --port 80 --wide').code).toBe(2)
  })
})

describe('hop matrix of a plugin that enforces', () => {
  it('marks each pair and names the policy behind each denial', () => {
    const { run } = world('kube-router')
    expect(run('hop matrix -n default --port 80').output).toBe(`80/TCP: may the Pod of the row connect to the Pod of the column?

  FROM              1 2 3
1 default/client    . . .
2 default/stranger  . . X
3 default/web       . . .

. allowed 8   X denied 1

ingress: default/only-client allows only pods app=client on http/TCP
  X default/stranger → default/web
`)
    const json = JSON.parse(run('hop matrix -n default,kube-system --port=http -o json').output) as { pods: string[]; cells: Record<string, Record<string, string>>; reasons: Record<string, Record<string, string>> }
    expect(json.pods).toContain('kube-system/etcd-control-plane')
    expect(json.cells['default/stranger']!['default/web']).toBe('denied')
    expect(json.reasons['default/stranger']).toMatchObject({ 'default/web': 'ingress: default/only-client allows only pods app=client on http/TCP', 'kube-system/etcd-control-plane': 'no container port of it is named http/TCP' })
  })

  it('a trace that a policy ends names the Pod that was asked as its destination, and none where no endpoint was chosen', () => {
    const { run } = world('calico')
    const ip = run("kubectl get pod web -o jsonpath='{.status.podIP}'").output
    expect(JSON.parse(run(`hop trace default/stranger ${ip}:80 -o json`).output)).toMatchObject({ verdict: 'dropped', finalDestination: `${ip}:80`, sourceSeenByServer: null })
    run('kubectl create service clusterip nobody --tcp=80')
    expect(JSON.parse(run('hop trace default/stranger nobody:80 -o json').output)).toMatchObject({ verdict: 'rejected', finalDestination: null })
  })

  it('and one that the plugin rejected is named where it would have decided', () => {
    const { run } = world('weave')
    const why = 'NetworkPolicy default/only-client is not in force: weave does not know named ports (http/TCP) and rejects the whole policy, as the log of its agent says.'
    expect(run('hop matrix -n default --port 80').output).toContain(`\n\n${why}\n\n  FROM              1 2 3\n1 default/client    . . .\n`)
    expect(JSON.parse(run('hop matrix --port 80 -o json').output)).toMatchObject({ reasons: {}, notInForce: { 'default/only-client': why } })
    const ip = run("kubectl get pod web -o jsonpath='{.status.podIP}'").output
    const traced = run(`hop trace default/stranger ${ip}:80`).output
    expect(traced).toContain('\nverdict: delivered\n')
    expect(traced.endsWith(`\nnote: ${why}\n`)).toBe(true)
    expect(run(`hop trace default/web $(kubectl get pod client -o jsonpath='{.status.podIP}'):80`).output).not.toContain('note:')
  })

  it('does not answer where other kinds of policies have a say', () => {
    const { run } = world('kube-router')
    run('kubectl apply -f -', `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ciliumnetworkpolicies.cilium.io}
spec:
  group: cilium.io
  scope: Namespaced
  names: {plural: ciliumnetworkpolicies, singular: ciliumnetworkpolicy, kind: CiliumNetworkPolicy}
  versions: [{name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`)
    run('sleep 5')
    expect(run('hop matrix --port 80').code).toBe(0)
    run('kubectl apply -f -', '{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7}, spec: {}}')
    expect(run('hop matrix --port 80')).toEqual({ code: 69, output: 'podhop: not simulated: hop matrix where there are other policies than NetworkPolicies: CiliumNetworkPolicy default/l7 (use hop trace for each pair)\n' })
  })

  it("and a trace to a Pod's name says what to write instead", () => {
    const { run } = world('kube-router')
    const ip = run("kubectl get pod web -o jsonpath='{.status.podIP}'").output
    expect(run('hop trace default/stranger web:80')).toEqual({ code: 1, output: `hop: web: Name or service not known (web is a Pod, and DNS knows names of Services; write the Pod's address: ${ip}:80)\n` })
    expect(run('hop trace default/stranger nobody:80').output).toBe('hop: nobody: Name or service not known\n')
  })

  it('but where no DNS server answers it is no matter of names', () => {
    const { run } = world('kube-router')
    run('kubectl apply -f -', '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: mute}, spec: {podSelector: {matchLabels: {app: stranger}}, policyTypes: [Egress]}}')
    run('sleep 5')
    const told = 'hop: web: Temporary failure in name resolution (no DNS server answered: hop trace default/stranger NAMESERVER:53/udp, with the nameserver of its /etc/resolv.conf, says why)\n'
    expect(run('hop trace default/stranger web:80')).toEqual({ code: 1, output: told })
  })

  it('and a trace of the same pair is rejected for the same reason', () => {
    const { run } = world('kube-router')
    const ip = run("kubectl get pod web -o jsonpath='{.status.podIP}'").output
    const { verdict, reason, hops } = JSON.parse(run(`hop trace default/stranger ${ip}:80 -o json`).output) as { verdict: string; reason: string; hops: { text: string; policies?: string[] }[] }
    expect([verdict, reason, hops.at(-1)!.policies]).toEqual(['rejected', 'reject-policy', ['default/only-client']])
    expect(hops.at(-1)!.text).toBe('A rule rejects the packet (reject-with icmp-port-unreachable) and the sender is told. NetworkPolicy denies ingress to default/web: default/only-client allows only pods app=client on http/TCP.')
    expect(run(`kubectl exec client -- curl -sS -o /dev/null -w '%{http_code}' ${ip}`).output).toBe('200')
  })
})
