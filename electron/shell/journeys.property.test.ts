import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FaultError, type CapturedFrame, type Cluster, type Journey, type NetworkNamespace, type Trail } from '../engine/cluster.ts'
import { house } from './house.samples.ts'

/**
 * What holds of every packet, whatever is broken: its journey comes to an end, and it is in one place at a time. By
 * chance: plugins, proxy modes, policies, faults, senders and destinations. PODHOP_DEEP tries many more.
 */
const RUNS = process.env['PODHOP_DEEP'] === undefined ? 6 : 80

const PODS = ['a', 'b', 'c', 'd'].map((n, i) => `
apiVersion: v1
kind: Pod
metadata: {name: ${n}, labels: {app: web}}
spec:
  nodeName: worker-${(i % 2) + 1}
  containers: [{name: web, image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: [netexec, --http-port=80, --udp-port=81, --sctp-port=82]}]
---`).join('') + `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, clusterIP: 10.96.0.100, selector: {app: web}, ports: [{name: t, port: 80, nodePort: 30080}, {name: u, port: 81, protocol: UDP, nodePort: 30081}, {name: s, port: 82, protocol: SCTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec: {type: NodePort, clusterIP: 10.96.0.101, externalTrafficPolicy: Local, internalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, nodePort: 30082}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {clusterIP: 10.96.0.102, selector: {app: none}, ports: [{port: 80}]}
`
const SIX = `
apiVersion: v1
kind: Service
metadata: {name: six}
spec: {type: NodePort, ipFamilies: [IPv6], clusterIP: 'fd00:10:96::200', selector: {app: web}, ports: [{name: t, port: 80, nodePort: 30083}, {name: u, port: 81, protocol: UDP, nodePort: 30084}]}
`
const DENY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress]}
`

const nodes = ['control-plane', 'worker-1', 'worker-2'] as const
const node = fc.constantFrom(...nodes)
const pair = fc.tuple(node, node).filter(([a, b]) => a !== b)
const faultWords: fc.Arbitrary<string[]> = fc.oneof(
  node.map((n) => ['node-down', n]), node.map((n) => ['node-reboot', n]), pair.map(([a, b]) => ['link-down', a, b]), pair.map(([a, b]) => ['packet-loss', a, b, '--loss', '40%']),
  pair.map(([a, b]) => ['slow-link', a, b]), node.map((n) => ['mtu', n, '--mtu', '900']), node.map((n) => ['ip-forward-off', n]), node.map((n) => ['conntrack-full', n]),
  node.map((n) => ['proxy-stopped', n]), node.map((n) => ['cni-down', n]), fc.constant('dns-down').map((f) => [f]), fc.tuple(node, fc.constantFrom('10.244.1.0/24', '10.244.2.0/24')).map(([n, c]) => ['route-missing', n, c]),
)
const source = fc.constantFrom('default/a', 'default/b', 'default/c', 'worker-1', 'worker-2', 'control-plane', 'external', 'laptop')
const destination = fc.constantFrom('a', 'b', 'c', 'd', 'a6', 'b6', 'c6', 'd6', 'fd00:10:96::200', 'fd00:10:96::3', 'fd00:10:244:2::99', 'fc00:f853:ccd:e793::3', 'fc00:f853:ccd:e793::99', '2001:db8::14', '2001:db8:5::1', '::1', '10.96.0.100', '10.96.0.101', '10.96.0.102', '10.96.3.3', '10.244.2.250', '172.18.0.3', '172.18.0.4', '172.18.0.99', '192.0.2.20', '198.51.100.7', '127.0.0.1')
const connection = fc.record({ kind: fc.constant('connect' as const), from: source, to: destination, protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const, 'sctp' as const), port: fc.constantFrom(80, 81, 82, 83, 30080, 30081, 30082, 30083, 30084), bytes: fc.constantFrom(0, 10, 3000) })
const step = fc.oneof(
  { weight: 8, arbitrary: connection }, { weight: 2, arbitrary: faultWords.map((words) => ({ kind: 'fault' as const, words })) }, { weight: 1, arbitrary: fc.constant({ kind: 'mend' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'deny' as const }) }, { weight: 2, arbitrary: fc.constantFrom(1, 100, 3000, 40_000).map((ms) => ({ kind: 'wait' as const, ms })) },
)
const families = fc.constantFrom(['IPv4', 'IPv6'], ['IPv6', 'IPv4'], ['IPv6'])
const config: fc.Arbitrary<Record<string, unknown> & { ipFamilies?: readonly string[] }> = fc.oneof(
  fc.record({ cni: fc.constantFrom('flannel', 'bridge', 'calico'), proxyMode: fc.constantFrom('iptables', 'nftables', 'ipvs'), ipFamilies: families }), fc.record({ cni: fc.constantFrom<unknown>({ plugin: 'cilium', routing: 'native' }, 'antrea'), ipFamilies: families }),
  fc.constant({ cni: 'cilium', ipFamilies: ['IPv4', 'IPv6'] }),
  fc.constantFrom({ cni: 'weave' }, { cni: 'antrea' }, { cni: 'aws-vpc' }),
  fc.record({ cni: fc.constantFrom('flannel', 'bridge', 'calico', 'kube-router'), proxyMode: fc.constantFrom('iptables', 'nftables', 'ipvs') }), fc.constantFrom({ cni: 'cilium' }, { cni: { plugin: 'flannel', backend: 'host-gw' } }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Sends, and lets nobody wait for it: the journey has to end by itself. */
function send(cluster: Cluster, { from, to, protocol, port, bytes }: Extract<Step, { kind: 'connect' }>): void {
  const network = cluster.networks().find((n) => n.name === from)
  const [pod, six] = /^([a-d])(6?)$/.exec(to)?.slice(1) ?? []
  const address = pod === undefined ? to : cluster.podNetwork('default', pod)?.links.get('eth0')?.addresses.find((a) => a.address.includes(':') === (six === '6') && a.scope === 'global')?.address
  if (!network || address === undefined || network.off) return
  const data = new Uint8Array(bytes)
  try {
    if (protocol === 'icmp') network.sockets.ping({ owner: { pid: 1, program: 'ping' } }).send(address, 1, data)
    else if (protocol === 'udp') network.sockets.udp({ owner: { pid: 1, program: 'nc' } }).send(data, address, port)
    else (protocol === 'sctp' ? network.sockets.sctp : network.sockets).connect({ address, port, owner: { pid: 1, program: 'nc' } }, {}).send(data)
  } catch (error) {
    // what the kernel refuses at once has no packet
    if ((error as { code?: string }).code === undefined) throw error
  }
}

/** Follows every packet over all interfaces. */
class Whereabouts {
  readonly wrong: string[] = []
  #last = new WeakMap<Trail, { network: NetworkNamespace; direction: 'in' | 'out'; link: string }>()

  watch(network: NetworkNamespace): void {
    network.capture('any', (captured) => this.#see(network, captured))
  }

  #see(network: NetworkNamespace, { interface: link, direction, frame }: CapturedFrame): void {
    const trail = frame.payload.kind === 'ip' ? frame.payload.meta.trail : undefined
    // the copies of a flood are in several places
    if (!trail || (trail as { copied?: boolean }).copied) return
    const last = this.#last.get(trail)
    // bpf_redirect_peer: from the node straight into the Pod, past the veth pair
    const handed = direction === 'in' && network.links.get(link)?.peer?.namespace === last?.network
    const elsewhere = last && last.network !== network && !handed
    if (elsewhere && !(last.direction === 'out' && direction === 'in')) {
      this.wrong.push(`a packet of journey ${trail.journey.id} is ${direction} at ${network.name}/${link}, and was ${last.direction} at ${last.network.name}/${last.link}`)
    }
    this.#last.set(trail, { network, direction, link })
  }
}

const shown = (j: Journey): string => `${j.id} ${j.protocol} ${j.from} → ${j.destination}:${j.destinationPort ?? ''}: ${j.verdict}; ${j.hops.map((h) => `${h.machine} ${h.stage}`).join(', ')}`

describe('every packet', () => {
  it('comes to an end, and is in one place at a time', () => {
    fc.assert(fc.property(config, fc.array(step, { minLength: 5, maxLength: 25 }), (made, steps) => {
      const { cluster, run } = house(made)
      const only6 = made.ipFamilies?.length === 1
      const { output } = run('kubectl apply -f -', only6 ? PODS.replaceAll(/clusterIP: 10\.96\.0\.(\d+)/g, "clusterIP: 'fd00:10:96::$1'") : PODS)
      expect(output).not.toContain('Error')
      if (made.ipFamilies) run('kubectl apply -f -', SIX)
      cluster.settle()
      const whereabouts = new Whereabouts()
      for (const network of cluster.networks()) whereabouts.watch(network)
      const seen = new Map<number, Journey>()
      cluster.journeys.onChange((j) => seen.set(j.id, j))
      for (const s of steps) {
        if (s.kind === 'connect') send(cluster, s)
        else if (s.kind === 'wait') cluster.clock.runFor(s.ms)
        else if (s.kind === 'deny') run('kubectl apply -f -', DENY)
        else if (s.kind === 'mend') cluster.faults.clearAll()
        else {
          try {
            cluster.faults.apply(s.words)
          } catch (error) {
            if (!(error instanceof FaultError)) throw error
          }
        }
      }
      const until = cluster.clock.now
      cluster.clock.runFor(200_000)
      const own = [...seen.values()].filter((j) => j.at <= until)
      expect(own.filter((j) => j.verdict === 'pending').map(shown)).toEqual([])
      expect(own.filter((j) => j.hops.length === 0).map(shown)).toEqual([])
      // whatever failed says why
      expect(own.filter((j) => j.verdict !== 'delivered' && j.reason === undefined).map(shown)).toEqual([])
      expect(whereabouts.wrong).toEqual([])
    }), { numRuns: RUNS, endOnFailure: true })
  }, RUNS * 20_000)
})
