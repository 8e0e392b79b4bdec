import { expect, it } from 'vitest'
import type { Journey } from '../../journey/types.ts'
import { enableSctp, World } from './world.samples.ts'

/** SCTP with Cilium: bpf/lib/ipv4.h knows it with ENABLE_SCTP only. */
const NETEXEC = { containers: [{ name: 'c', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--sctp-port=82'] }] }

function associate(w: World, address: string, port: number): Journey {
  const connection = w.cluster.podNetwork('default', 'client')!.sockets.sctp.connect({ address, port }, {})
  w.cluster.clock.runFor(300)
  const journey = connection.journey!
  connection.abort()
  w.cluster.clock.runFor(100)
  return journey
}

it('is dropped as a protocol that nobody knows until enable-sctp, then follows Services and policies', () => {
  const w = new World()
  w.pod('web', 'worker-2', { app: 'web' }, NETEXEC)
  w.pod('client', 'worker-1', { app: 'client' }, NETEXEC)
  const { clusterIP } = w.service('web', { ports: [{ port: 82, protocol: 'SCTP' }] }).spec
  const dropped = associate(w, w.ip('web'), 82)
  expect(dropped).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-protocol' })
  expect(dropped.hops.at(-1)!.text).toContain('CT: Unknown L4 protocol')
  expect(associate(w, clusterIP!, 82).verdict).toBe('dropped')
  enableSctp(w.cluster)
  expect(associate(w, w.ip('web'), 82).verdict).toBe('delivered')
  expect(associate(w, clusterIP!, 82)).toMatchObject({ verdict: 'delivered', finalDestination: `${w.ip('web')}:82` })
  const other = w.service('other', { selector: { app: 'web' }, ports: [{ port: 9082, targetPort: 82, protocol: 'SCTP' }] }).spec.clusterIP!
  const unchanged = associate(w, other, 9082)
  expect(unchanged).toMatchObject({ verdict: 'dropped', reason: 'drop-cilium-protocol' })
  expect(unchanged.hops.at(-1)!.text).toMatch(/Cilium cannot change a port of SCTP.*"Error while correcting L4 checksum"/)
  w.create('networkpolicies', { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'deny' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] } })
  expect(associate(w, clusterIP!, 82)).toMatchObject({ verdict: 'dropped', reason: 'drop-policy' })
})
