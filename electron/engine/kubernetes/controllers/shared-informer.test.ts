import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import { ApiConnection } from '../connection.ts'
import type { ConfigMap } from '../types.ts'
import { SharedInformer } from './shared-informer.ts'

function world() {
  const clock = new Clock({ seed: 1 })
  const server = new ApiServer(clock)
  const connect = (): ApiConnection => new ApiConnection(clock, server, { address: '172.18.0.2:6443', kind: 'agent' })
  const put = (name: string, value: string): void => void server.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } })
  const change = (name: string, value: string): void => void server.patch('configmaps', 'default', name, 'application/merge-patch+json', { data: { value } })
  return { clock, server, connect, put, change }
}

const values = (informer: SharedInformer<ConfigMap>): Record<string, string> => Object.fromEntries(informer.inNamespace('default').map((o) => [o.metadata.name, o.data!['value']!]).sort())

test('an agent without a way to the API server knows what it knew, and learns the rest afterwards', () => {
  const { clock, server, connect, put, change } = world()
  const [cut, whole] = [connect(), connect()]
  const updated: string[] = []
  const mine = new SharedInformer<ConfigMap>(cut, 'configmaps', (o) => void (o.metadata.namespace === 'default' && o.data!['value'] && updated.push(`${o.metadata.name} ${o.data!['value']}`)))
  const other = new SharedInformer<ConfigMap>(whole, 'configmaps')
  for (const name of ['changed', 'deleted', 'kept', 'replaced']) put(name, 'old')
  clock.runFor(10)
  expect(updated.splice(0)).toEqual(['changed old', 'deleted old', 'kept old', 'replaced old'])
  cut.block('test')
  change('changed', 'newer')
  change('changed', 'newest')
  put('added', 'new')
  for (const name of ['deleted', 'replaced']) server.delete('configmaps', 'default', name)
  put('replaced', 'new')
  clock.runFor(10)
  expect(values(mine)).toEqual({ changed: 'old', deleted: 'old', kept: 'old', replaced: 'old' })
  expect(mine.get('default', 'added')).toBeUndefined()
  expect(mine.get('default', 'changed')!.data).toEqual({ value: 'old' })
  const now = { added: 'new', changed: 'newest', kept: 'old', replaced: 'new' }
  expect(values(other)).toEqual(now)
  expect(updated).toEqual([])
  cut.unblock('test')
  clock.runFor(60_000)
  expect(values(mine)).toEqual(now)
  expect(updated.splice(0).sort()).toEqual(['added new', 'changed newest', 'deleted old', 'replaced new'])
  change('kept', 'new')
  clock.runFor(10)
  expect(updated).toEqual(['kept new'])
})

test('one that starts without a way knows nothing, and one that comes last takes the picture along', () => {
  const { clock, connect, put } = world()
  const [cut, whole] = [connect(), connect()]
  const other = new SharedInformer<ConfigMap>(whole, 'configmaps')
  put('web', '1')
  clock.runFor(10)
  cut.block('test')
  const mine = new SharedInformer<ConfigMap>(cut, 'configmaps')
  expect(values(mine)).toEqual({})
  cut.unblock('test')
  clock.runFor(60_000)
  expect(values(mine)).toEqual({ web: '1' })
  mine.stop()
  other.stop()
  const again = new SharedInformer<ConfigMap>(whole, 'configmaps')
  expect(values(again)).toEqual({})
  clock.runFor(10)
  expect(values(again)).toEqual({ web: '1' })
})
