import { beforeEach, expect, test } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import type { WatchEvent } from './client.ts'
import { ApiConnection } from './connection.ts'
import { WATCH_BROKE } from './connection-watch.ts'

let clock: Clock
let api: ApiServer
beforeEach(() => {
  clock = new Clock({ seed: 1 })
  api = new ApiServer(clock, { freeze: true })
  clock.settle()
})

const connect = (kind: 'agent' | 'user'): ApiConnection => new ApiConnection(clock, api, { address: '172.18.0.2:6443', kind })
const map = (name: string, value = ''): object => ({ metadata: { name }, data: { value } })
const shown = (event: WatchEvent): string => {
  if (event.type === 'ERROR') return `ERROR ${event.status.reason}`
  return 'object' in event ? `${event.type} ${event.object.metadata.name}` : event.type
}
/** Of the namespace that the tests use alone. */
function follow(client: ApiConnection): string[] {
  const seen: string[] = []
  client.watch('configmaps', { namespace: 'kube-public', fieldSelector: 'metadata.name!=kube-root-ca.crt' }, (event) => seen.push(shown(event)))
  return seen
}

test('while nothing listens, requests end as Go says it', () => {
  const client = connect('user')
  client.block('kube-apiserver')
  expect(client.reachable).toBe(false)
  expect(() => client.list('pods')).toThrow('dial tcp 172.18.0.2:6443: connect: connection refused')
  expect(() => client.watch('pods', {}, () => undefined)).toThrow('connection refused')
  client.unblock('kube-apiserver')
  expect(client.list('pods').items).toEqual([])
})

test('two causes block until both are gone', () => {
  const client = connect('agent')
  client.block('kube-apiserver')
  client.block('link-down', 'i/o timeout')
  client.unblock('kube-apiserver')
  expect(() => client.list('pods')).toThrow('dial tcp 172.18.0.2:6443: i/o timeout')
  client.unblock('link-down')
  expect(client.list('pods').items).toEqual([])
})

test("an agent's watch outlives a break and learns what changed, each object once", () => {
  for (const name of ['stays', 'changes', 'goes', 'returns']) api.create('configmaps', 'kube-public', map(name))
  const client = connect('agent')
  const seen = follow(client)
  clock.settle()
  seen.length = 0
  client.block('link-down')
  for (const value of ['1', '2', '3']) api.update('configmaps', 'kube-public', 'changes', map('changes', value))
  for (const name of ['goes', 'returns']) api.delete('configmaps', 'kube-public', name)
  for (const name of ['returns', 'new', 'fleeting']) api.create('configmaps', 'kube-public', map(name))
  api.delete('configmaps', 'kube-public', 'fleeting')
  clock.runFor(5_000)
  expect(seen).toEqual([])
  client.unblock('link-down')
  expect(seen).toEqual([])
  clock.settle()
  expect(seen).toEqual(['MODIFIED changes', 'DELETED goes', 'DELETED returns', 'ADDED returns', 'ADDED new'])
  api.update('configmaps', 'kube-public', 'stays', map('stays', '1'))
  clock.settle()
  expect(seen.at(-1)).toBe('MODIFIED stays')
})

test('it connects again when its next try falls: tries come at growing distances, up to half a minute', () => {
  const client = connect('agent')
  const seen = follow(client)
  client.block('kube-apiserver')
  clock.runFor(60_000)
  api.create('configmaps', 'kube-public', map('new'))
  client.unblock('kube-apiserver')
  const from = clock.now
  clock.settle()
  expect(seen).toEqual(['ADDED new'])
  expect(clock.now - from).toBeGreaterThan(20_000)
  expect(clock.now - from).toBeLessThanOrEqual(30_000)
})

test('an agent that starts during a break learns everything afterwards', () => {
  const client = connect('agent')
  client.block('kube-apiserver')
  api.create('configmaps', 'kube-public', map('there'))
  const seen = follow(client)
  clock.settle()
  expect(seen).toEqual([])
  client.unblock('kube-apiserver')
  clock.settle()
  expect(seen).toEqual(['ADDED there'])
})

test("a user's watch is told that its stream broke", () => {
  const client = connect('user')
  const seen = follow(client)
  clock.settle()
  client.block('kube-apiserver')
  expect(seen).toEqual([`ERROR ${WATCH_BROKE}`])
})
