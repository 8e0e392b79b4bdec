import type * as core from 'kubernetes-types/core/v1'
import { expect, it } from 'vitest'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

it('sets what a volume leaves open, those of old plugins, claims of its own included', () => {
  const volumes = [
    { name: 'a', iscsi: { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2001-04.com.example:disk', lun: 0 } },
    { name: 'b', azureDisk: { diskName: 'd', diskURI: 'https://a/d.vhd' } },
    { name: 'c', rbd: { monitors: ['m'], image: 'i' } },
    { name: 'd', scaleIO: { gateway: 'g', system: 's', secretRef: { name: 's' } } },
    { name: 'e', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } },
  ] as core.Volume[]
  setPodSpecDefaults({ containers: [], volumes })
  expect(volumes.map(({ name: _, ...source }) => Object.values(source)[0] as object)).toMatchObject([
    { iscsiInterface: 'default' },
    { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false },
    { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
    { storageMode: 'ThinProvisioned', fsType: 'xfs' },
    { volumeClaimTemplate: { spec: { volumeMode: 'Filesystem' } } },
  ])
})

it('takes out what gates that are off in v1.33 would allow, image volumes with their mounts', () => {
  const spec = {
    resources: { requests: { cpu: '1' } },
    resourceClaims: [{ name: 'gpu' }],
    volumes: [{ name: 'v', image: { reference: 'quay.io/a/b' } }, { name: 'e', emptyDir: {} }],
    containers: [{
      name: 'c', image: 'nginx:1', volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'e', mountPath: '/e' }],
      resources: { claims: [{ name: 'gpu' }] }, lifecycle: { stopSignal: 'SIGINT' },
    }],
  } as unknown as core.PodSpec
  setPodSpecDefaults(spec)
  expect(spec).not.toHaveProperty('resources')
  expect(spec).not.toHaveProperty('resourceClaims')
  expect(spec.volumes).toEqual([{ name: 'e', emptyDir: {} }])
  expect(spec.containers[0]).toMatchObject({ volumeMounts: [{ name: 'e', mountPath: '/e' }], resources: {} })
  expect(spec.containers[0]).not.toHaveProperty('lifecycle')
})
