import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'

it('warns of what a Pod says twice, and of what counts otherwise than it says', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const warnings: string[] = []
  const options = { onWarning: (text: string) => warnings.push(text) }
  const containers = [
    { name: 'a', image: 'nginx', ports: [{ containerPort: 80 }, { containerPort: 80, name: 'web' }], env: [{ name: 'A', value: '1' }, { name: 'A', value: '2' }, { name: 'B', value: '1' }, { name: 'B', value: '$(B)2' }] },
    { name: 'b', image: 'nginx', ports: [{ containerPort: 80, hostPort: 80 }, { containerPort: 80, protocol: 'UDP' }], resources: { requests: { memory: '100m' } } },
  ]
  const spec = { nodeSelector: { 'beta.kubernetes.io/os': 'linux' }, terminationGracePeriodSeconds: -1, containers }
  const told = (before: string): string[] => [
    `${before}spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`,
    `${before}spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`,
    `${before}spec.containers[1].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`,
    `${before}spec.containers[0].ports[1]: duplicate port definition with ${before}spec.containers[0].ports[0]`,
    `${before}spec.containers[1].ports[0]: overlapping port definition with ${before}spec.containers[0].ports[0]`,
    `${before}spec.containers[1].ports[0]: overlapping port definition with ${before}spec.containers[0].ports[1]`,
    `${before}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
  ]
  api.create('pods', 'default', { metadata: { name: 'web' }, spec }, options)
  expect(warnings.splice(0)).toEqual(told(''))
  api.create('deployments', 'default', { metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec } } }, options)
  expect(warnings.splice(0)).toEqual(told('spec.template.'))
  api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { metadata: { labels: { a: 'b' } } }, options)
  expect(warnings).toEqual([])
})
