import { beforeAll, expect, it } from 'vitest'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { Journey } from '../../journey/types.ts'
import { EGRESS_POLICIES } from './egress-gateway.ts'
import { World } from './world.samples.ts'

/** Egress gateways: selected Pods leave the cluster through one node. */
let w: World
const INTERNET = '192.0.2.53'
const gateway = { nodeSelector: { matchLabels: { 'kubernetes.io/hostname': 'worker-2' } } }

beforeAll(() => {
  w = new World({ cni: { plugin: 'cilium', egressGateway: true } })
  for (const [name, node, app] of [['one', 'worker-1', 'web'], ['two', 'worker-2', 'web'], ['other', 'worker-1', 'other']] as const) w.pod(name, node, { app })
})

function policy(spec: object): void {
  try {
    w.cluster.client.delete(EGRESS_POLICIES, undefined, 'out')
  } catch {
    // It is the first.
  }
  w.cluster.client.create(EGRESS_POLICIES, undefined, { apiVersion: 'cilium.io/v2', kind: 'CiliumEgressGatewayPolicy', metadata: { name: 'out' }, spec: { selectors: [{ podSelector: { matchLabels: { app: 'web' } } }], destinationCIDRs: ['0.0.0.0/0'], egressGateway: gateway, ...spec } } as unknown as KubeObject)
  w.cluster.settle()
  w.cluster.clock.runFor(100)
}
const out = (pod: string, to = INTERNET): Journey => w.connect(w.cluster.podNetwork('default', pod)!, to, 80)

it('sends what selected Pods ask for outside through the tunnel to one node, which gives it its address; the answers come back', () => {
  expect([out('one').sourceSeenByServer, out('two').sourceSeenByServer]).toEqual(['172.18.0.3', '172.18.0.4'])
  policy({})
  const journey = out('one')
  expect(journey).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '172.18.0.4' })
  expect(journey.hops.filter((h) => h.explanation === 'cilium-egress-gateway').map((h) => [h.machine, h.stage, h.decidedBy?.text])).toEqual([
    ['worker-1', 'route', `${w.ip('one')}   0.0.0.0/0   0.0.0.0   172.18.0.4`],
    ['worker-2', 'snat', expect.stringContaining('XLATE_SRC 172.18.0.4:') as string],
  ])
  expect(journey.hops.some((h) => h.explanation === 'cilium-encapsulate')).toBe(false)
  expect(w.http(w.cluster.podNetwork('default', 'one')!, INTERNET, 'GET /')).toMatch(/^HTTP\/1\.1 \d/)
  expect([out('two').sourceSeenByServer, out('other').sourceSeenByServer]).toEqual(['172.18.0.4', '172.18.0.3'])
  expect(out('one', w.ip('two'))).toMatchObject({ verdict: 'delivered', sourceSeenByServer: w.ip('one') })
})

it('excluded destinations leave from the Pod’s own node', () => {
  policy({ excludedCIDRs: ['192.0.2.0/24'] })
  expect(out('one').sourceSeenByServer).toBe('172.18.0.3')
})

it('an egress IP of the gateway’s own is used, another one is not let out; so without a gateway', () => {
  w.node('worker-2').addAddress('eth0', '172.18.0.77/16')
  policy({ egressGateway: { ...gateway, egressIP: '172.18.0.77' } })
  expect(out('one').sourceSeenByServer).toBe('172.18.0.77')
  policy({ egressGateway: { ...gateway, egressIP: '172.18.0.78' } })
  const dropped = out('one')
  expect(dropped).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-egress-gateway' })
  expect(dropped.hops.at(-1)!.text).toContain('"No Egress IP configured"')
  policy({ egressGateway: { nodeSelector: { matchLabels: { egress: 'yes' } } } })
  expect(out('one').hops.at(-1)!.text).toContain('"No Egress Gateway found"')
})

it('with native routing, too, the way to the gateway is a tunnel, and only that', () => {
  const native = new World({ cni: { plugin: 'cilium', routing: 'native', egressGateway: true } })
  for (const [name, node] of [['one', 'worker-1'], ['two', 'worker-2']] as const) native.pod(name, node, { app: 'web' })
  const connect = (to: string): Journey => native.connect(native.cluster.podNetwork('default', 'one')!, to, 80)
  expect(connect(INTERNET).sourceSeenByServer).toBe('172.18.0.3')
  native.cluster.client.create(EGRESS_POLICIES, undefined, { apiVersion: 'cilium.io/v2', kind: 'CiliumEgressGatewayPolicy', metadata: { name: 'out' }, spec: { selectors: [{ podSelector: { matchLabels: { app: 'web' } } }], destinationCIDRs: ['0.0.0.0/0'], egressGateway: gateway } } as unknown as KubeObject)
  native.cluster.settle()
  native.cluster.clock.runFor(100)
  expect(connect(INTERNET)).toMatchObject({ verdict: 'delivered', sourceSeenByServer: '172.18.0.4' })
  const direct = connect(native.ip('two'))
  expect(direct).toMatchObject({ verdict: 'delivered', sourceSeenByServer: native.ip('one') })
  expect(direct.hops.some((h) => h.stage === 'encapsulate')).toBe(false)
})
