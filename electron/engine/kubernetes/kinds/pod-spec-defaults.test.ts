import type * as core from 'kubernetes-types/core/v1'
import { expect, it } from 'vitest'
import { setPodSpecDefaults } from './pod-spec-defaults.ts'

it('sets what a volume leaves open, those of old plugins, claims of its own and images included', () => {
  const volumes = [
    { name: 'a', iscsi: { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2001-04.com.example:disk', lun: 0 } },
    { name: 'b', azureDisk: { diskName: 'd', diskURI: 'https://a/d.vhd' } },
    { name: 'c', rbd: { monitors: ['m'], image: 'i' } },
    { name: 'd', scaleIO: { gateway: 'g', system: 's', secretRef: { name: 's' } } },
    { name: 'e', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } },
    { name: 'f', image: { reference: 'quay.io/a/b' } },
    { name: 'g', image: { reference: 'quay.io/a/b:v1' } },
  ] as core.Volume[]
  setPodSpecDefaults({ containers: [], volumes })
  expect(volumes.map(({ name: _, ...source }) => Object.values(source)[0] as object)).toMatchObject([
    { iscsiInterface: 'default' },
    { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false },
    { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
    { storageMode: 'ThinProvisioned', fsType: 'xfs' },
    { volumeClaimTemplate: { spec: { volumeMode: 'Filesystem' } } },
    { pullPolicy: 'Always' },
    { pullPolicy: 'IfNotPresent' },
  ])
})
