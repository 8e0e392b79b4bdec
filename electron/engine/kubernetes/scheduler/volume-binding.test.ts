import { describe, expect, it } from 'vitest'
import { SmallCluster } from './small-cluster.samples.ts'

const LATE = { volumeBindingMode: 'WaitForFirstConsumer' }

function cluster(provisioner: string, more: object): SmallCluster {
  const made = new SmallCluster().node('worker-1').node('worker-2', { unschedulable: true })
  made.api.create('storageclasses', undefined, { metadata: { name: 'disk' }, provisioner, ...more })
  made.api.create('persistentvolumeclaims', 'default', { metadata: { name: 'data' }, spec: { storageClassName: 'disk', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } })
  return made.pod('x', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] })
}

const bound = (c: SmallCluster): unknown => c.api.patch('persistentvolumeclaims', 'default', 'data', 'application/merge-patch+json', { status: { phase: 'Bound' } }, { subresource: 'status' })

describe('a Pod with a claim that is not bound', () => {
  it('waits for a claim whose class binds at once', () => {
    expect(cluster('example.com/disk', {}).where('x')).toBe('0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.')
  })

  it('finds no volume where nobody makes them', () => {
    expect(cluster('kubernetes.io/no-provisioner', LATE).where('x')).toBe(
      "0/2 nodes are available: 1 node(s) didn't find available persistent volumes to bind, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    )
  })

  it('has its node and waits there until its volume was made', () => {
    const c = cluster('example.com/disk', LATE)
    expect(c.where('x')).toBe('nothing')
    expect(c.api.get('persistentvolumeclaims', 'default', 'data').metadata.annotations).toMatchObject({ 'volume.kubernetes.io/selected-node': 'worker-1' })
    bound(c)
    expect(c.where('x')).toBe('worker-1')
  })

  it('gives up after ten minutes, and tries again', () => {
    const c = cluster('example.com/disk', LATE)
    c.clock.settle()
    c.clock.runFor(601_000)
    expect(c.where('x')).toBe('running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded')
    expect(c.get('x').status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'SchedulerError' }])
    bound(c)
    expect(c.where('x')).toBe('worker-1')
  })
})
