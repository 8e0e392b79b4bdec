import { at, list, map, text } from '../objects.ts'
import type { Describe } from './volumes.ts'

/** Volumes of the plugins that were once built in, as kubectl's describe has them (pkg/describe/describe.go, v1.33). */

const bool = (value: unknown): string => String(value ?? false)
/** Go's %v of a []string. */
const strings = (value: unknown): string => `[${list(value).map(text).join(' ')}]`
/** Go's %v of a *LocalObjectReference, whose String() protobuf wrote. */
const reference = (value: unknown): string => (value === undefined ? 'nil' : `&LocalObjectReference{Name:${text(at(value, 'name'))},}`)
/** Go's %v of a map[string]string. */
const options = (value: unknown): string => `map[${Object.entries(map(value)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}:${text(v)}`).join(' ')}]`
const orNone = (value: unknown): string => (value === undefined ? '<none>' : text(value))
const joined = (value: unknown): string => list(value).map(text).join(', ')
const number = (value: unknown): string => text(value ?? 0)

type Row = readonly [label: string, key: string, show?: (value: unknown) => string]
const READ_ONLY: Row = ['ReadOnly:', 'readOnly', bool]
const FS: Row = ['FSType:', 'fsType']
const SECRET: Row = ['SecretRef:', 'secretRef', reference]

const source = (type: string, rows: readonly Row[]): Describe => (d, given) => {
  d.field('Type', type, 2)
  for (const [label, key, show = text] of rows) d.line(2, `${label}\t${show(at(given, key))}`)
}

export const OLD_SOURCES: ReadonlyMap<string, Describe> = new Map([
  ['gcePersistentDisk', source('GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)', [['PDName:', 'pdName'], FS, ['Partition:', 'partition', number], READ_ONLY])],
  ['awsElasticBlockStore', source('AWSElasticBlockStore (a Persistent Disk resource in AWS)', [['VolumeID:', 'volumeID'], FS, ['Partition:', 'partition', number], READ_ONLY])],
  ['iscsi', source("ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)", [
    ['TargetPortal:', 'targetPortal'], ['IQN:', 'iqn'], ['Lun:', 'lun', number], ['ISCSIInterface', 'iscsiInterface'], FS, READ_ONLY, ['Portals:', 'portals', strings],
    ['DiscoveryCHAPAuth:', 'chapAuthDiscovery', bool], ['SessionCHAPAuth:', 'chapAuthSession', bool], SECRET, ['InitiatorName:', 'initiatorName', orNone],
  ])],
  ['glusterfs', source("Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)", [['EndpointsName:', 'endpoints'], ['Path:', 'path'], READ_ONLY])],
  ['rbd', source("RBD (a Rados Block Device mount on the host that shares a pod's lifetime)", [
    ['CephMonitors:', 'monitors', strings], ['RBDImage:', 'image'], FS, ['RBDPool:', 'pool'], ['RadosUser:', 'user'], ['Keyring:', 'keyring'], SECRET, READ_ONLY,
  ])],
  ['quobyte', source("Quobyte (a Quobyte mount on the host that shares a pod's lifetime)", [['Registry:', 'registry'], ['Volume:', 'volume'], READ_ONLY])],
  ['azureDisk', source('AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)', [
    ['DiskName:', 'diskName'], ['DiskURI:', 'diskURI'], ['Kind: ', 'kind'], FS, ['CachingMode:', 'cachingMode'], READ_ONLY,
  ])],
  ['vsphereVolume', source('vSphereVolume (a Persistent Disk resource in vSphere)', [['VolumePath:', 'volumePath'], FS, ['StoragePolicyName:', 'storagePolicyName']])],
  ['cinder', source('Cinder (a Persistent Disk resource in OpenStack)', [['VolumeID:', 'volumeID'], FS, READ_ONLY, SECRET])],
  ['photonPersistentDisk', source('PhotonPersistentDisk (a Persistent Disk resource in photon platform)', [['PdID:', 'pdID'], FS])],
  ['portworxVolume', source('PortworxVolume (a Portworx Volume resource)', [['VolumeID:', 'volumeID']])],
  ['scaleIO', source('ScaleIO (a persistent volume backed by a block device in ScaleIO)', [
    ['Gateway:', 'gateway'], ['System:', 'system'], ['Protection Domain:', 'protectionDomain'], ['Storage Pool:', 'storagePool'], ['Storage Mode:', 'storageMode'],
    ['VolumeName:', 'volumeName'], FS, READ_ONLY,
  ])],
  ['cephfs', source("CephFS (a CephFS mount on the host that shares a pod's lifetime)", [
    ['Monitors:', 'monitors', strings], ['Path:', 'path'], ['User:', 'user'], ['SecretFile:', 'secretFile'], SECRET, READ_ONLY,
  ])],
  ['storageos', source('StorageOS (a StorageOS Persistent Disk resource)', [['VolumeName:', 'volumeName'], ['VolumeNamespace:', 'volumeNamespace'], FS, READ_ONLY])],
  ['fc', source('FC (a Fibre Channel disk)', [['TargetWWNs:', 'targetWWNs', joined], ['LUN:', 'lun', orNone], FS, READ_ONLY])],
  ['azureFile', source('AzureFile (an Azure File Service mount on the host and bind mount to the pod)', [['SecretName:', 'secretName'], ['ShareName:', 'shareName'], READ_ONLY])],
  ['flexVolume', source('FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)', [['Driver:', 'driver'], FS, SECRET, READ_ONLY, ['Options:', 'options', options]])],
  ['flocker', source('Flocker (a Flocker volume mounted by the Flocker agent)', [['DatasetName:', 'datasetName'], ['DatasetUUID:', 'datasetUUID']])],
])
