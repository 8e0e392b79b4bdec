import { expect, it } from 'vitest'
import { REDIRECT_POLICIES } from './local-redirect.ts'
import { World } from './world.samples.ts'

/** Local redirect policies: an address or a Service is a Pod of the own node. */
it('redirects an address and a Service to the Pod of the own node, and leaves both alone where there is none', () => {
  const w = new World({ cni: { plugin: 'cilium', localRedirectPolicy: true } })
  for (const [name, node, app] of [['proxy', 'worker-1', 'proxy'], ['web', 'worker-2', 'web'], ['near', 'worker-1', 'client'], ['far', 'worker-2', 'client']] as const) w.pod(name, node, { app })
  const { clusterIP } = w.service('web', {}).spec
  const policy = (name: string, redirectFrontend: object): void => {
    w.create(REDIRECT_POLICIES, { apiVersion: 'cilium.io/v2', kind: 'CiliumLocalRedirectPolicy', metadata: { name, namespace: 'default' }, spec: { redirectFrontend, redirectBackend: { localEndpointSelector: { matchLabels: { app: 'proxy' } }, toPorts: [{ port: '80', protocol: 'TCP' }] } } })
    w.cluster.clock.runFor(100)
  }
  const goes = (from: string, to: string, port = 80): string | undefined => w.connect(w.cluster.podNetwork('default', from)!, to, port).finalDestination
  policy('address', { addressMatcher: { ip: '169.254.169.254', toPorts: [{ port: '8080', protocol: 'TCP' }] } })
  policy('service', { serviceMatcher: { serviceName: 'web', namespace: 'default' } })
  expect([goes('near', '169.254.169.254', 8080), goes('near', clusterIP!)]).toEqual([`${w.ip('proxy')}:80`, `${w.ip('proxy')}:80`])
  expect(goes('far', clusterIP!)).toBe(`${w.ip('web')}:80`)
  const hop = w.connect(w.cluster.podNetwork('default', 'near')!, clusterIP!, 80).hops.find((h) => h.explanation === 'cilium-socket-lb')!
  expect(hop.text).toContain('by the CiliumLocalRedirectPolicy default/service')
  expect(w.maps('worker-1').lb.shown().filter((f) => f.type === 'LocalRedirect').map((f) => f.service)).toEqual(['default/address', 'default/service'])
  w.cluster.client.delete('pods', 'default', 'proxy')
  w.cluster.settle()
  w.cluster.clock.runFor(1_000)
  expect(goes('near', clusterIP!)).toBe(`${w.ip('web')}:80`)
})
