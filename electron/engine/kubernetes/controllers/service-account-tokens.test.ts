import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { decodeUtf8 } from '../../text.ts'
import { ApiServer } from '../api-server.ts'
import { decodeBase64 } from '../base64.ts'
import { userOfToken } from '../rbac/authenticate.ts'
import type { Secret } from '../types.ts'
import { startControllerManager } from './index.ts'

function world() {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  startControllerManager(clock, api, parseClusterConfig({}))
  clock.settle()
  const make = (name: string, account: string): void => {
    api.create('secrets', 'default', { apiVersion: 'v1', kind: 'Secret', metadata: { name, annotations: { 'kubernetes.io/service-account.name': account } }, type: 'kubernetes.io/service-account-token' })
    clock.settle()
  }
  const text = (value = ''): string => decodeUtf8(decodeBase64(value) as Uint8Array)
  const secrets = (): readonly Secret[] => api.list<Secret>('secrets', { namespace: 'default' }).items
  return { clock, api, make, text, secrets }
}

test('a Secret for the token of a ServiceAccount is filled, and its token shows who he is as long as both are there', () => {
  const { clock, api, make, text, secrets } = world()
  api.create('serviceaccounts', 'default', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } })
  make('robot-token', 'robot')
  const [{ data = {}, metadata } = {} as Secret] = secrets()
  expect(Object.keys(data).sort()).toEqual(['ca.crt', 'namespace', 'token'])
  expect(text(data['namespace'])).toBe('default')
  expect(text(data['ca.crt'])).toMatch(/^-----BEGIN CERTIFICATE-----/)
  expect(metadata.annotations!['kubernetes.io/service-account.uid']).toBe(api.get('serviceaccounts', 'default', 'robot').metadata.uid)
  const token = text(data['token'])
  // an administrator's token of this kind has no end
  expect(userOfToken(api, token, clock.wall() + 400 * 24 * 3_600_000)).toMatchObject({ name: 'system:serviceaccount:default:robot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] })
  api.delete('secrets', 'default', 'robot-token')
  expect(userOfToken(api, token, clock.wall())).toBeUndefined()
  make('again', 'robot')
  expect(secrets()).toHaveLength(1)
  api.delete('serviceaccounts', 'default', 'robot')
  clock.settle()
  expect(secrets()).toEqual([])
})

test('one of a ServiceAccount that is not there goes at once; other Secrets are left alone', () => {
  const { api, make, secrets } = world()
  api.create('secrets', 'default', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'other', annotations: { 'kubernetes.io/service-account.name': 'nobody' } }, type: 'Opaque' })
  make('lonely', 'nobody')
  expect(secrets().map((s) => s.metadata.name)).toEqual(['other'])
})
