import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

/** A Service with several Pods: the trace names all that it could have gone to, whoever chooses. */
const WEB = (name: string, affinity: string): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {type: NodePort, sessionAffinity: ${affinity}, selector: {app: web}, ports: [{port: 80}]}
---
`
const PODS = WEB('web', 'None') + WEB('sticky', 'ClientIP') + ['a', 'b', 'c'].map((n, i) => `
apiVersion: v1
kind: Pod
metadata: {name: web-${n}, labels: {app: web}}
spec: {nodeName: worker-${(i % 2) + 1}, containers: [{name: web, image: nginx}]}
---`).join('') + `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
`
interface Trace { verdict: string; finalDestination: string; possible: string[] }

describe.each([
  ['iptables', {}], ['nftables', { proxyMode: 'nftables' }], ['IPVS', { proxyMode: 'ipvs' }], ['eBPF', { cni: 'cilium' }],
])('the possible ends of a connection, by %s', (how, config) => {
  const { cluster, run } = house(config)
  run('kubectl apply -f -', PODS)
  cluster.settle()
  const web = run("kubectl get pods -l app=web -o jsonpath='{range .items[*]}{.status.podIP}:80 {end}'").output.trim().split(' ').sort()
  const trace = (from: string, to: string): Trace => JSON.parse(run(`hop trace ${from} ${to} -o json`).output) as Trace
  const nodePort = `$(kubectl get node worker-2 -o jsonpath={.status.addresses[0].address}):$(kubectl get svc web -o jsonpath={.spec.ports[0].nodePort})`

  it.each([['a Pod', 'default/client', 'web:80'], ['a node', 'node/worker-2', '$(kubectl get svc web -o jsonpath={.spec.clusterIP}):80'], ['outside', 'external', nodePort]])('are all of the Service, from %s', (_, from, to) => {
    const { verdict, possible, finalDestination } = trace(from, to)
    expect(verdict).toBe('delivered')
    expect([...possible].sort()).toEqual(web)
    expect(web).toContain(finalDestination)
    expect(run(`hop trace ${from} ${to}`).output).toMatch(new RegExp(`possible destinations: ${possible.join(', ').replaceAll('.', '\\.')}\n$`))
  })

  it('is one where the client is known already, or where there is no Service', () => {
    const first = trace('default/client', 'sticky:80').finalDestination
    const again = trace('default/client', 'sticky:80')
    expect(again.finalDestination).toBe(first)
    if (how === 'iptables' || how === 'nftables') expect(again.possible).toEqual([first])
    const direct = trace('default/client', web[0]!)
    expect(direct.possible).toEqual([web[0]])
    expect(run(`hop trace default/client ${web[0]!}`).output).not.toContain('possible')
  })
})
