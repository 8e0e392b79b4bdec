import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { humanDuration } from './human-duration.ts'
import type { Pod } from './types.ts'

const clock = new Clock({ seed: 1 })
const api = new ApiServer(clock)

function cells(resource: string, object: object, wide = false): unknown[] {
  const table = api.tableOf(resource, [{ ...object, metadata: { name: 'x', creationTimestamp: '2026-01-05T08:00:00Z', ...(object as { metadata?: object }).metadata } } as never])
  return table.rows[0]!.cells.filter((_, i) => wide || table.columnDefinitions[i]!.priority === 0)
}

const T = '2026-01-05T08:00:00Z'
const pod = (status: object, spec: object = {}, metadata: object = {}): Partial<Pod> =>
  ({ metadata, spec: { containers: [{ name: 'a' }], ...spec }, status }) as unknown as Partial<Pod>
const row = (status: object, spec?: object, metadata?: object): string => cells('pods', pod(status, spec, metadata)).slice(1, 4).join(' | ')
const waiting = (reason: string, extra: object = {}): object => ({ name: 'a', ready: false, restartCount: 0, state: { waiting: { reason } }, ...extra })
const running = (extra: object = {}): object => ({ name: 'a', ready: true, restartCount: 0, state: { running: { startedAt: T } }, ...extra })
const ended = (reason: string, exitCode: number, extra: object = {}): object => ({ name: 'a', ready: false, restartCount: 0, state: { terminated: { reason, exitCode, finishedAt: T } }, ...extra })

describe('the STATUS of a Pod', () => {
  it('follows its life', () => {
    expect(row({ phase: 'Pending' })).toBe('0/1 | Pending | 0')
    expect(row({ phase: 'Pending', containerStatuses: [waiting('ContainerCreating')] })).toBe('0/1 | ContainerCreating | 0')
    expect(row({ phase: 'Running', containerStatuses: [running()] })).toBe('1/1 | Running | 0')
    expect(row({ phase: 'Succeeded', containerStatuses: [ended('Completed', 0)] })).toBe('0/1 | Completed | 0')
    expect(row({ phase: 'Failed', containerStatuses: [ended('', 3)] })).toBe('0/1 | ExitCode:3 | 0')
    expect(row({ phase: 'Failed', reason: 'Evicted' })).toBe('0/1 | Evicted | 0')
  })

  it('says how often, and how long ago, a container was restarted', () => {
    clock.runUntil(5_000)
    const lastState = { terminated: { reason: 'Error', exitCode: 1, finishedAt: T } }
    expect(row({ phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff', { restartCount: 2, lastState })] })).toBe('0/1 | CrashLoopBackOff | 2 (5s ago)')
  })

  it('counts init containers', () => {
    const spec = { initContainers: [{ name: 'i' }, { name: 'j' }] }
    expect(row({ phase: 'Pending', initContainerStatuses: [running({ name: 'i' })] }, spec)).toBe('0/1 | Init:0/2 | 0')
    expect(row({ phase: 'Pending', initContainerStatuses: [ended('Completed', 0, { name: 'i' }), waiting('CrashLoopBackOff', { name: 'j' })] }, spec)).toBe('0/1 | Init:CrashLoopBackOff | 0')
    expect(row({ phase: 'Pending', initContainerStatuses: [ended('Error', 1, { name: 'i' })] }, spec)).toBe('0/1 | Init:Error | 0')
  })

  it('of one that is being deleted is Terminating', () => {
    expect(row({ phase: 'Running', containerStatuses: [running()] }, {}, { deletionTimestamp: T })).toBe('1/1 | Terminating | 0')
  })

  it('of one with a container that ended and one that runs is Running or NotReady', () => {
    const containers = [{ name: 'a' }, { name: 'b' }]
    const containerStatuses = [ended('Completed', 0), running({ name: 'b' })]
    expect(row({ phase: 'Running', containerStatuses }, { containers })).toBe('1/2 | NotReady | 0')
    expect(row({ phase: 'Running', containerStatuses, conditions: [{ type: 'Ready', status: 'True' }] }, { containers })).toBe('1/2 | Running | 0')
  })

  it('with -o wide has address and node', () => {
    expect(cells('pods', pod({ phase: 'Running', podIPs: [{ ip: '10.244.1.2' }] }, { nodeName: 'worker-1' }), true).slice(5)).toEqual(['10.244.1.2', 'worker-1', '<none>', '<none>'])
  })
})

describe('other rows', () => {
  it('of Services', () => {
    const service = (spec: object, status: object = {}): unknown[] => cells('services', { spec, status }).slice(1, 5)
    expect(service({ type: 'ClusterIP', clusterIPs: ['10.96.0.9'], ports: [{ port: 80, protocol: 'TCP' }, { port: 53, protocol: 'UDP' }] })).toEqual(['ClusterIP', '10.96.0.9', '<none>', '80/TCP,53/UDP'])
    expect(service({ type: 'NodePort', clusterIPs: ['10.96.0.9'], ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }] })[3]).toBe('80:30080/TCP')
    expect(service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.9'], ports: [] })).toEqual(['LoadBalancer', '10.96.0.9', '<pending>', '<none>'])
    expect(service({ type: 'LoadBalancer', clusterIPs: ['10.96.0.9'], ports: [] }, { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } })[2]).toBe('203.0.113.7')
    expect(service({ type: 'ExternalName', externalName: 'db.example.com' })).toEqual(['ExternalName', '<none>', 'db.example.com', '<none>'])
    expect(service({ type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], ports: [{ port: 80, protocol: 'TCP' }] })[1]).toBe('None')
  })

  it('of Nodes', () => {
    const status = { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.33.1' } }
    const labels = { 'node-role.kubernetes.io/control-plane': '' }
    expect(cells('nodes', { metadata: { labels }, spec: { unschedulable: true }, status })).toEqual(['x', 'Ready,SchedulingDisabled', 'control-plane', '5s', 'v1.33.1'])
  })

  it('of EndpointSlices show three endpoints and count the rest', () => {
    const endpoints = ['1', '2', '3', '4', '5'].map((n) => ({ addresses: [`10.244.0.${n}`] }))
    expect(cells('endpointslices', { addressType: 'IPv4', endpoints, ports: [{ port: 80 }] })).toEqual(['x', 'IPv4', '80', '10.244.0.1,10.244.0.2,10.244.0.3 + 2 more...', '5s'])
    expect(cells('endpointslices', { addressType: 'IPv4', endpoints: [] })).toEqual(['x', 'IPv4', '<unset>', '<unset>', '5s'])
  })

  it('of Events', () => {
    const event = { involvedObject: { kind: 'Pod', name: 'web' }, type: 'Normal', reason: 'Started', message: 'Started container web\n', firstTimestamp: T, lastTimestamp: T, count: 1, source: { component: 'kubelet', host: 'worker-1' } }
    expect(cells('events', event)).toEqual(['5s', 'Normal', 'Started', 'pod/web', 'Started container web'])
    expect(cells('events', event, true)[5]).toBe('kubelet, worker-1')
  })
})

it('ages are as Kubernetes shows them', () => {
  const s = 1000
  const [m, h, d] = [60 * s, 3600 * s, 86400 * s]
  const ages = [0, 119 * s, 120 * s, 125 * s, 10 * m, 179 * m, 3 * h, 3 * h + 5 * m, 8 * h, 47 * h, 2 * d, 2 * d + 3 * h, 8 * d, 700 * d, 730 * d, 800 * d, 2920 * d]
  expect(ages.map(humanDuration)).toEqual(['0s', '119s', '2m', '2m5s', '10m', '179m', '3h', '3h5m', '8h', '47h', '2d', '2d3h', '8d', '700d', '2y', '2y70d', '8y'])
})
