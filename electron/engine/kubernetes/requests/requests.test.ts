import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { StatusError } from '../client.ts'
import { notFound } from '../status.ts'
import type { Asked } from './asked.ts'
import { Requests } from './requests.ts'

const pods = (verb: string, more: Partial<Asked> = {}): Asked => ({
  method: 'GET', uri: '/api/v1/namespaces/default/pods', version: 'v1', user: { name: 'jane', groups: [] }, userAgent: 'test', sourceIp: '', dryRun: false,
  attributes: { verb, group: '', resource: 'pods', subresource: undefined, namespace: 'default', name: verb === 'get' ? 'web' : undefined }, ...more,
})
const lines = (requests: Requests, name: string): string[] => requests.text().split('\n').filter((line) => line.startsWith(name)).map((line) => line.replaceAll(/component="apiserver",|dry_run="",|group="",|subresource="",|,version="v1"/g, ''))

it('requests are counted by verb, scope and code, one by one or by the thousand', () => {
  const requests = new Requests(new Clock({ seed: 1 }))
  requests.asked(pods('list'), 200, () => [])
  for (let i = 0; i < 1000; i++) requests.often('create pods', () => pods('create'), 201, () => undefined)
  const absent = (): never => {
    throw notFound({ name: 'pods', group: '' }, 'web')
  }
  expect(() => requests.asked(pods('get'), 200, absent)).toThrow(StatusError)
  requests.asked(pods('patch', { applies: true }), 200, () => undefined)
  const counted = [
    'apiserver_request_total{code="200",resource="pods",scope="namespace",verb="APPLY"} 1',
    'apiserver_request_total{code="200",resource="pods",scope="namespace",verb="LIST"} 1',
    'apiserver_request_total{code="201",resource="pods",scope="resource",verb="POST"} 1000',
    'apiserver_request_total{code="404",resource="pods",scope="resource",verb="GET"} 1',
  ]
  expect(lines(requests, 'apiserver_request_total')).toEqual(counted)
  // asking does not count twice
  expect(lines(requests, 'apiserver_request_total')).toEqual(counted)
  expect(lines(requests, 'apiserver_request_duration_seconds_bucket').find((line) => /verb="POST",le="0.005"/.test(line))).toMatch(/ 1000$/)
})

it('what lasts is seen while it lasts, also by the server that starts after', () => {
  const clock = new Clock({ seed: 1 })
  const requests = new Requests(clock)
  const end = requests.watching(pods('watch'))
  const running = (): string[] => lines(requests, 'apiserver_longrunning_requests')
  expect(running()).toEqual(['apiserver_longrunning_requests{resource="pods",scope="namespace",verb="WATCH"} 1'])
  clock.runFor(3000)
  requests.stop()
  expect(running()).toEqual(['apiserver_longrunning_requests{resource="pods",scope="namespace",verb="WATCH"} 0'])
  expect(lines(requests, 'apiserver_request_duration_seconds_sum')).toEqual(['apiserver_request_duration_seconds_sum{resource="pods",scope="namespace",verb="WATCH"} 3'])
  requests.restart(undefined)
  expect(running()).toEqual(['apiserver_longrunning_requests{resource="pods",scope="namespace",verb="WATCH"} 1'])
  end()
  expect(running()).toEqual(['apiserver_longrunning_requests{resource="pods",scope="namespace",verb="WATCH"} 0'])
})
