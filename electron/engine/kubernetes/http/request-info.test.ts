import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import { requestInfo } from './request-info.ts'

// RequestInfoFactory of k8s.io/apiserver takes a path apart by its form: whether there is such a resource is asked after the caller's rights
test('a path of the form of an object is one, of whatever resource', () => {
  const resources = new ApiServer(new Clock({ seed: 1 })).resources()
  const of = (path: string): unknown => {
    const info = requestInfo(path, resources)
    return info.resource ? info.resource.name : info.unknown && [info.unknown.group, info.unknown.resource, info.unknown.namespace, info.unknown.name, info.unknown.subresource].map((word) => word ?? '').join(' ')
  }
  expect(of('/api/v1/namespaces/default/resourcequotas')).toBe(' resourcequotas default  ')
  expect(of('/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/web/status')).toBe('autoscaling horizontalpodautoscalers shop web status')
  expect(of('/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/x')).toBe('flowcontrol.apiserver.k8s.io flowschemas  x ')
  expect(of('/api/v1/pods/web')).toBe(' pods  web ')
  for (const path of ['/api/v1/namespaces/default/status', '/api/v1/namespaces/default', '/api/v1/namespaces']) expect(of(path)).toBe('namespaces')
  expect(of('/api/v1/namespaces/default/pods')).toBe('pods')
  for (const path of ['/api/v1', '/apis/apps/v1', '/apis', '/version', '/metrics']) expect(of(path)).toBeUndefined()
})
