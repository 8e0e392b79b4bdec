import { quote } from '../json.ts'
import type { Field, StructType, Type } from '../schema/notation.ts'
import { braces, ELLIPSIS, line, NIL, wrap, type Entry, type Node, type Side } from './text.ts'

/** Values as Go's internal types (pkg/apis/core) have them, and how go-cmp prints one: cmp/report_reflect.go. */
export type GoType =
  | { kind: 'struct'; name: string; fields: readonly GoField[] }
  | { kind: 'pointer'; to: GoType }
  | { kind: 'slice'; name: string; of: GoType }
  | { kind: 'map'; name: string; of: GoType; stringKeys: boolean }
  | { kind: 'scalar'; name: string; stringer: boolean }
  | { kind: 'quantity' }
  | { kind: 'intstr' }

export interface GoField {
  name: string
  /** The field of the object that it is; undefined for an embedded struct, which is the object itself. */
  from: string | undefined
  type: GoType
}

const WORDS: { readonly [json: string]: string } = {
  dnsPolicy: 'DNSPolicy', dnsConfig: 'DNSConfig', os: 'OS', tty: 'TTY', httpGet: 'HTTPGet', tcpSocket: 'TCPSocket', grpc: 'GRPC', ip: 'IP', fsGroup: 'FSGroup', seLinuxOptions: 'SELinuxOptions',
  fsType: 'FSType', nfs: 'NFS', csi: 'CSI', iscsi: 'ISCSI', rbd: 'RBD', apiVersion: 'APIVersion', httpHeaders: 'HTTPHeaders', fsGroupChangePolicy: 'FSGroupChangePolicy', seLinuxChangePolicy: 'SELinuxChangePolicy',
  hostPID: 'HostPID', hostIPC: 'HostIPC', gcePersistentDisk: 'GCEPersistentDisk', awsElasticBlockStore: 'AWSElasticBlockStore', cephfs: 'CephFS', fc: 'FC', storageos: 'StorageOS',
}
/** Where internal structs have another order than those of the API. */
const POD_SPEC = [
  'volumes', 'initContainers', 'containers', 'ephemeralContainers', 'restartPolicy', 'terminationGracePeriodSeconds', 'activeDeadlineSeconds', 'dnsPolicy', 'nodeSelector', 'serviceAccountName',
  'automountServiceAccountToken', 'nodeName', 'securityContext', 'imagePullSecrets', 'hostname', 'subdomain', 'setHostnameAsFQDN', 'affinity', 'schedulerName', 'tolerations', 'hostAliases',
  'priorityClassName', 'priority', 'preemptionPolicy', 'dnsConfig', 'readinessGates', 'runtimeClassName', 'overhead', 'enableServiceLinks', 'topologySpreadConstraints', 'os', 'schedulingGates',
  'resourceClaims', 'resources',
]
/** What the Pod spec of the API has and the internal one keeps in its security context. */
export const HOST_FIELDS = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers']
/** Embedded structs: the fields that are in them. */
const EMBEDDED: { readonly [struct: string]: { name: string; holds(field: string): boolean } } = {
  Volume: { name: 'VolumeSource', holds: (f) => f !== 'name' },
  Probe: { name: 'ProbeHandler', holds: (f) => ['exec', 'httpGet', 'tcpSocket', 'grpc'].includes(f) },
  EphemeralContainer: { name: 'EphemeralContainerCommon', holds: (f) => f !== 'targetContainerName' },
}
for (const name of ['ConfigMapVolumeSource', 'ConfigMapProjection', 'SecretProjection', 'ConfigMapKeySelector', 'SecretKeySelector', 'ConfigMapEnvSource', 'SecretEnvSource']) {
  ;(EMBEDDED as { [struct: string]: unknown })[name] = { name: 'LocalObjectReference', holds: (f: string) => f === 'name' }
}
const META_TYPES = new Set(['LabelSelector', 'LabelSelectorRequirement'])

const known = new Map<StructType, GoType>()

export function goType(type: Type): GoType {
  switch (type.kind) {
    case 'struct':
      return known.get(type) ?? structType(type)
    case 'list':
      return { kind: 'slice', name: `[]${nameOf(goType(type.of))}`, of: goType(type.of) }
    case 'map':
      return { kind: 'map', name: type.go.startsWith('v1.') ? `core.${type.go.slice(3)}` : `map[string]${nameOf(goType(type.of))}`, of: goType(type.of), stringKeys: !type.go.startsWith('v1.ResourceList') }
    case 'quantity':
      return { kind: 'quantity' }
    case 'intstr':
      return { kind: 'intstr' }
    default:
      return { kind: 'scalar', name: type.go.replace(/^v1\./, 'core.'), stringer: type.go === 'v1.ResourceName' }
  }
}

function structType(type: StructType): GoType {
  const out = { kind: 'struct' as const, name: META_TYPES.has(type.name) ? `v1.${type.name}` : `core.${type.name}`, fields: [] as GoField[] }
  known.set(type, out)
  const make = (field: Field): GoField => ({ name: WORDS[field.name] ?? field.name[0]!.toUpperCase() + field.name.slice(1), from: field.name, type: field.pointer ? { kind: 'pointer', to: goType(field.type) } : goType(field.type) })
  let fields = [...type.fields.values()]
  if (type.name === 'Volume') fields = fields.flatMap((f) => (f.name === 'quobyte' ? [] : f.name === 'rbd' && type.fields.has('quobyte') ? [f, type.fields.get('quobyte')!] : [f]))
  if (type.name === 'PodSpec') {
    for (const name of POD_SPEC) if (type.fields.has(name)) out.fields.push(make(type.fields.get(name)!))
    const context = out.fields.find((f) => f.from === 'securityContext')!.type as unknown as { to: { fields: GoField[] } }
    context.to.fields = [...HOST_FIELDS.map((name) => make(type.fields.get(name)!)), ...context.to.fields]
    return out
  }
  const embedded = EMBEDDED[type.name]
  let inner: GoField[] | undefined
  for (const field of fields) {
    if (!embedded?.holds(field.name)) out.fields.push(make(field))
    else if (inner) inner.push(make(field))
    else {
      inner = [make(field)]
      out.fields.push({ name: embedded.name, from: undefined, type: { kind: 'struct', name: `core.${embedded.name}`, fields: inner } })
    }
  }
  return out
}

export function nameOf(type: GoType): string {
  if (type.kind === 'pointer') return `*${nameOf(type.to)}`
  if (type.kind === 'quantity') return 'resource.Quantity'
  if (type.kind === 'intstr') return 'intstr.IntOrString'
  return type.name
}

export function fieldOf(value: unknown, { from }: GoField): unknown {
  return from === undefined ? value : (value as { [key: string]: unknown } | undefined)?.[from]
}

export function isZero(type: GoType, value: unknown): boolean {
  if (type.kind === 'struct') return type.fields.every((field) => isZero(field.type, fieldOf(value, field)))
  if (value === undefined || value === null) return true
  return type.kind === 'scalar' ? value === '' || value === 0 || value === false : type.kind === 'intstr' ? value === 0 : false
}

/** Elided, always there, or there for structs, lists and maps only. */
export type Naming = 'elide' | 'emit' | 'auto'

export interface Options {
  naming: Naming
  side: Side | 'identical'
  verbosity: number
}

/** FormatType. */
export function named(type: GoType, node: Node, { naming, side }: Options): Node {
  if (naming === 'elide') return node
  if (naming === 'auto') {
    if (!['struct', 'slice', 'map', 'quantity', 'intstr'].includes(type.kind) || node === NIL || side === 'identical') return node
  }
  const closed = node.kind === 'wrap' && /^[({]/.test(node.prefix)
  return wrap(nameOf(type), closed ? node : wrap('(', node, ')'))
}

/** FormatValue. */
export function formatValue(type: GoType, value: unknown, options: Options): Node {
  const most = ((1 << Math.max(0, options.verbosity)) >> 1) << 2
  const below = (naming: Naming): Options => ({ ...options, naming, verbosity: options.verbosity - 1 })
  switch (type.kind) {
    case 'pointer':
      return value === undefined || value === null ? NIL : type.to.kind === 'intstr' || type.to.kind === 'quantity' ? line(`s${quote(String(value))}`) : wrap('&', formatValue(type.to, value, options))
    case 'struct':
      return named(type, limited(type.fields.filter((f) => !isZero(f.type, fieldOf(value, f))), most, (f) => ({ side: '', key: f.name, value: formatValue(f.type, fieldOf(value, f), below('auto')) })), options)
    case 'slice':
      if (!Array.isArray(value)) return NIL
      return named(type, limited(value as unknown[], most, (each) => ({ side: '', key: '', value: formatValue(type.of, each, below('elide')) })), options)
    case 'map':
      if (value === undefined || value === null) return NIL
      return named(type, limited(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)), most, ([k, v]) => ({ side: '', key: mapKey(type, k), value: formatValue(type.of, v, below('elide')) })), options)
    case 'intstr':
      return named(type, typeof value === 'string' ? fieldsOf([['Type', '1'], ['StrVal', quote(value)]]) : fieldsOf(value === 0 ? [] : [['IntVal', String(value)]]), options)
    case 'quantity':
      return named(type, quantity(String(value ?? '0'), options), options)
    case 'scalar': {
      const shown = value === undefined || value === null ? zeroText(type.name) : typeof value === 'string' ? text(value, options) : String(value)
      return named(type, line(type.stringer ? `s${shown}` : shown), options)
    }
  }
}

function limited<T>(items: readonly T[], most: number, make: (item: T) => Entry): Node {
  const records = items.slice(0, most).map(make)
  return braces(items.length > most ? [...records, ELLIPSIS] : records)
}

function fieldsOf(fields: readonly [string, string][]): Node {
  return braces(fields.map(([key, value]) => ({ side: '', key, value: line(value) })))
}

export function mapKey(type: { stringKeys: boolean }, key: string): string {
  return type.stringKeys ? quote(key) : `s${quote(key)}`
}

function zeroText(name: string): string {
  return name === 'bool' ? 'false' : /^u?int/.test(name) ? '0' : '""'
}

/** strconv.Quote, or a raw string where that is shorter; long ones are cut. */
function text(value: string, { verbosity }: Options): string {
  const most = (1 << Math.max(0, verbosity)) << 5
  const cut = value.length > most + 3
  const shown = cut ? value.slice(0, most) : value
  const quoted = quote(shown)
  const raw = quoted.length !== shown.length + 2 && !/[`\n\p{C}]/u.test(shown) ? `\`${shown}\`` : quoted
  return cut ? `${raw}...` : raw
}

/** What resource.Quantity makes of a text: its int64Amount and its Format. */
export function parseQuantityParts(value: string): { number: bigint; scale: number; format: string } {
  const [, sign, whole = '', fraction = '', suffix = ''] = /^([+-]?)(\d*)(?:\.(\d+))?([A-Za-z]*)/.exec(value)!
  const powers: { readonly [suffix: string]: number } = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
  const binary = suffix.endsWith('i')
  const amount = BigInt(`${sign === '-' ? '-' : ''}${whole}${fraction || ''}` || '0')
  const scale = binary ? 0 : (powers[suffix] ?? 0) - fraction.length
  const number = binary ? amount * 1024n ** BigInt('KMGTPE'.indexOf(suffix[0]!) + 1) : amount
  return { number, scale, format: binary ? 'BinarySI' : 'DecimalSI' }
}

/** As it was parsed: {i: {value: 500, scale: -3}, s: "500m", Format: "DecimalSI"}. */
function quantity(value: string, options: Options): Node {
  const { number, scale, format } = parseQuantityParts(value)
  const inner: [string, string][] = [['value', String(number)], ...(scale === 0 ? [] : ([['scale', String(scale)]] as [string, string][]))]
  const i = options.verbosity <= 1 ? braces(number === 0n ? [] : [ELLIPSIS]) : fieldsOf(number === 0n ? [] : inner)
  const own = options.side === 'identical' ? i : wrap('resource.int64Amount', i)
  const records: Entry[] = [
    ...(number === 0n ? [] : [{ side: '' as Side, key: 'i', value: own }]),
    { side: '', key: 's', value: line(quote(value)) },
    { side: '', key: 'Format', value: line(quote(format)) },
  ]
  return braces(records)
}
