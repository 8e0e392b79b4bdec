import { schemaOf } from '../schema/index.ts'
import type { Field, StructType, Type } from '../schema/notation.ts'
import { dumpedQuantity } from './go-quantity.ts'

/**
 * A pod template as Go's spew writes it for a hash (k8s.io/apimachinery pkg/util/dump ForHash: types and field names of
 * every value, nil apart from empty, no addresses). The kinds and the order of the fields are those of the schema; what
 * is here is what Go calls them where that is not the name in JSON with a capital, and which fields lie in a struct of
 * their own (k8s.io/api core/v1/types.go, v1.33).
 */
const GO_NAMES = new Map<string, string>(`
metadata ObjectMeta, dnsPolicy DNSPolicy, serviceAccount DeprecatedServiceAccount, dnsConfig DNSConfig, os OS, ip IP, uid UID, tty TTY, httpGet HTTPGet,
tcpSocket TCPSocket, httpHeaders HTTPHeaders, grpc GRPC, apiVersion APIVersion, apiGroup APIGroup, seLinuxOptions SELinuxOptions,
seLinuxChangePolicy SELinuxChangePolicy, fsGroup FSGroup, fsGroupChangePolicy FSGroupChangePolicy, fsType FSType,
gmsaCredentialSpecName GMSACredentialSpecName, gmsaCredentialSpec GMSACredentialSpec, gcePersistentDisk GCEPersistentDisk,
awsElasticBlockStore AWSElasticBlockStore, nfs NFS, iscsi ISCSI, rbd RBD, cephfs CephFS, fc FC, storageos StorageOS, csi CSI, sslEnabled SSLEnabled,
diskURI DataDiskURI, wwids WWIDs, pdName PDName, iqn IQN, iscsiInterface ISCSIInterface, chapAuthDiscovery DiscoveryCHAPAuth,
chapAuthSession SessionCHAPAuth, GlusterfsVolumeSource.endpoints EndpointsName, RBDVolumeSource.monitors CephMonitors,
RBDVolumeSource.image RBDImage, RBDVolumeSource.pool RBDPool, RBDVolumeSource.user RadosUser`
  .split(',').map((pair) => pair.trim().split(' ') as [string, string]))

/** Structs of which a part lies in an embedded one: its name, and the fields in it (or all but one). */
const EMBEDDED = new Map<string, { name: string; has: (field: string) => boolean }>([
  ['Volume', { name: 'VolumeSource', has: (field) => field !== 'name' }],
  ['Probe', { name: 'ProbeHandler', has: (field) => field === 'exec' || field === 'httpGet' || field === 'tcpSocket' || field === 'grpc' }],
  ...['SecretKeySelector', 'ConfigMapKeySelector', 'SecretEnvSource', 'ConfigMapEnvSource', 'ConfigMapProjection', 'SecretProjection', 'ConfigMapVolumeSource']
    .map((struct) => [struct, { name: 'LocalObjectReference', has: (field: string) => field === 'name' }] as const),
])

const ZERO_TIME = '{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}'

/** Writes a value without its type. Undefined is Go's zero value. */
type Writer = (value: unknown) => string
/** Made from the schema once: they hold nothing of what is written. */
const writers = new Map<StructType, Writer>()

export function dumpPodTemplate(template: object): string {
  const type = schemaOf('PodTemplateSpec')
  return `(${type.go})${writerOf(type)(template)}`
}

function writerOf(type: Type): Writer {
  switch (type.kind) {
    case 'struct': {
      let writer = writers.get(type)
      if (!writer) writers.set(type, (writer = structWriter(type)))
      return writer
    }
    case 'list': {
      const item = writerOf(type.of)
      // What is empty was nil on the wire.
      return (value) => Array.isArray(value) && value.length > 0 ? `[${value.map(item).join(' ')}]` : '<nil>'
    }
    case 'map': {
      const item = writerOf(type.of)
      return (value) => {
        const keys = Object.keys(value ?? {}).sort(byBytes)
        return keys.length > 0 ? `map[${keys.map((key) => `${key}:${item((value as Record<string, unknown>)[key])}`).join(' ')}]` : '<nil>'
      }
    }
    case 'int32':
    case 'int64':
      return (value) => String(value ?? 0)
    case 'bool':
      return (value) => String(value ?? false)
    case 'quantity':
      return (value) => dumpedQuantity(String(value ?? '0'))
    case 'intstr':
      return (value) => typeof value === 'string'
        ? `{Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string)${value}}`
        : `{Type:(intstr.Type)0 IntVal:(int32)${String(value ?? 0)} StrVal:(string)}`
    case 'time':
    case 'micro':
      return () => ZERO_TIME
    default:
      return (value) => String(value ?? '')
  }
}

function structWriter(type: StructType): Writer {
  const embedded = EMBEDDED.get(type.name)
  const parts: { prefix: string; fields: { name: string; prefix: string; nil: string | undefined; write: () => Writer }[]; inner: boolean }[] = []
  for (const field of type.fields.values()) {
    const inner = embedded?.has(field.name) ?? false
    if (parts.at(-1)?.inner !== inner) parts.push({ prefix: inner ? `${embedded!.name}:(v1.${embedded!.name})` : '', fields: [], inner })
    parts.at(-1)!.fields.push(fieldWriter(type, field))
  }
  return (value) => {
    const object = value as Record<string, unknown> | undefined
    const texts = parts.map((part) => {
      const text = part.fields.map((field) => {
        const given = object?.[field.name] ?? undefined
        return given === undefined && field.nil !== undefined ? field.nil : field.prefix + field.write()(given)
      }).join(' ')
      return part.inner ? `${part.prefix}{${text}}` : text
    })
    return `{${texts.join(' ')}}`
  }
}

function fieldWriter(type: StructType, field: Field) {
  const name = GO_NAMES.get(`${type.name}.${field.name}`) ?? GO_NAMES.get(field.name) ?? field.name[0]!.toUpperCase() + field.name.slice(1)
  const go = field.name === 'uid' ? 'types.UID' : field.type.go
  const prefix = `${name}:(${field.pointer ? '*' : ''}${go})`
  let writer: Writer | undefined
  return { name: field.name, prefix, nil: field.pointer ? `${prefix}<nil>` : undefined, write: () => (writer ??= writerOf(field.type)) }
}

/** Go sorts strings by their bytes; so do code points, and all but the rarest text by code units. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
