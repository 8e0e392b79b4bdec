import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Policy } from '../admission/registration.ts'
import { ApiServer } from '../api-server.ts'
import { startControllerManager } from './index.ts'

test('a policy that names a field that is not there is told so in its status, until it is mended', () => {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  startControllerManager(clock, api, parseClusterConfig({}))
  const status = (): unknown => {
    clock.settle()
    return api.get<Policy>('validatingadmissionpolicies', undefined, 'demo').status
  }
  const resourceRules = [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] }]
  api.create('validatingadmissionpolicies', undefined, { metadata: { name: 'demo' }, spec: { matchConstraints: { resourceRules }, validations: [{ expression: 'object.replicas > 1' }] } })
  const warning = "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n"
  expect(status()).toEqual({ observedGeneration: 1, typeChecking: { expressionWarnings: [{ fieldRef: 'spec.validations[0].expression', warning }] } })
  const { managedFields } = api.get('validatingadmissionpolicies', undefined, 'demo').metadata
  expect(managedFields?.map(({ manager, operation, subresource }) => [manager, operation, subresource])).toContainEqual(['validatingadmissionpolicy-status', 'Apply', 'status'])
  api.patch('validatingadmissionpolicies', undefined, 'demo', 'application/merge-patch+json', { spec: { validations: [{ expression: 'object.spec.replicas > 1' }] } })
  // what the controller no longer applies goes with all that it was in
  expect(status()).toEqual({ observedGeneration: 2 })
})
