import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'

const rule = (resources: string[], operations = ['*']): object => ({ apiGroups: ['*'], apiVersions: ['*'], operations, resources })
const hook = (kind: 'Mutating' | 'Validating', name: string, rules: object[]): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1', kind: `${kind}WebhookConfiguration`, metadata: { name },
  webhooks: [{ name: `${name}.example.com`, rules, clientConfig: { url: 'https://192.0.2.1/' }, sideEffects: 'None', admissionReviewVersions: ['v1'] }],
})

test('only writes that somebody has a rule for are judged', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const judged = (): boolean[] => [['pods', 'status'], ['nodes', 'status'], ['pods', '']].map(([resource, part]) => api.admission.judgesUpdatesOf(api.kind(resource!), part!))
  expect(judged()).toEqual([false, false, false])
  api.create('validatingwebhookconfigurations', undefined, hook('Validating', 'ingresses', [rule(['ingresses'])]))
  expect(judged()).toEqual([false, false, false])
  api.create('mutatingwebhookconfigurations', undefined, hook('Mutating', 'sidecar', [rule(['pods'], ['CREATE'])]))
  expect(judged()).toEqual([false, false, false])
  api.create('mutatingwebhookconfigurations', undefined, hook('Mutating', 'labels', [rule(['pods'], ['UPDATE'])]))
  expect(judged()).toEqual([false, false, true])
  api.create('validatingadmissionpolicies', undefined, { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'nodes' }, spec: { matchConstraints: { resourceRules: [rule(['nodes/status'])] }, validations: [{ expression: 'true' }] } })
  expect(judged()).toEqual([false, true, true])
  api.create('validatingwebhookconfigurations', undefined, hook('Validating', 'everything', [rule(['*/*'])]))
  expect(judged()).toEqual([true, true, true])
  for (const name of ['ingresses', 'everything']) api.delete('validatingwebhookconfigurations', undefined, name)
  for (const name of ['sidecar', 'labels']) api.delete('mutatingwebhookconfigurations', undefined, name)
  // a policy that nothing binds
  expect(judged()).toEqual([false, false, false])
})
