// What Kubernetes publishes about its types, taken from the npm package kubernetes-models (made from the OpenAPI documents of v1.33)
// while Podhop is built: no prose of upstream is kept in this repository. As a plugin of Vite it serves the module
// `virtual:kubernetes-openapi`, whose default export is one JSON string (see published.d.ts for what is in it).
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

const require = createRequire(import.meta.url)

/** Kinds that Podhop serves or may serve, as files of the package, with their group and version. */
const ROOTS = [
  ['', 'v1', 'Binding ComponentStatus ConfigMap Endpoints Event Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController Secret Service ServiceAccount LimitRange ResourceQuota'],
  ['admissionregistration.k8s.io', 'v1', 'MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration'],
  ['apiextensions.k8s.io', 'v1', 'CustomResourceDefinition'],
  ['apiregistration.k8s.io', 'v1', 'APIService'],
  ['apps', 'v1', 'ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet'],
  ['authentication.k8s.io', 'v1', 'SelfSubjectReview TokenReview'],
  ['authorization.k8s.io', 'v1', 'LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview'],
  ['autoscaling', 'v1', 'Scale'],
  ['batch', 'v1', 'CronJob Job'],
  ['certificates.k8s.io', 'v1', 'CertificateSigningRequest'],
  ['coordination.k8s.io', 'v1', 'Lease'],
  ['discovery.k8s.io', 'v1', 'EndpointSlice'],
  ['events.k8s.io', 'v1', 'Event'],
  ['networking.k8s.io', 'v1', 'Ingress IngressClass IPAddress NetworkPolicy ServiceCIDR'],
  ['policy', 'v1', 'Eviction PodDisruptionBudget'],
  ['rbac.authorization.k8s.io', 'v1', 'ClusterRole ClusterRoleBinding Role RoleBinding'],
  ['scheduling.k8s.io', 'v1', 'PriorityClass'],
  ['storage.k8s.io', 'v1', 'StorageClass'],
]

const MODELS = dirname(require.resolve('kubernetes-models/package.json'))
const MACHINERY = dirname(require.resolve('@kubernetes-models/apimachinery/package.json'))

/** Scalars that are types of their own: what they are on the wire. */
const SCALARS = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'intstr',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'object',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'object',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'any',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': 'any',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': 'any',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': 'any',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceStatus': 'object',
}

/** The name of a file's type in the OpenAPI documents: "io.k8s.api.core.v1.Pod". */
function nameOf(file) {
  const parts = relative(file.startsWith(MACHINERY) ? MACHINERY : MODELS, file).split(/[\\/]/)
  if (file.startsWith(MACHINERY)) return ['io.k8s.apimachinery.pkg', ...parts].join('.')
  const [group, ...rest] = parts.length === 2 ? ['core', ...parts] : parts
  if (group === 'apiextensions.k8s.io') return ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions', ...rest].join('.')
  if (group === 'apiregistration.k8s.io') return ['io.k8s.kube-aggregator.pkg.apis.apiregistration', ...rest].join('.')
  return ['io.k8s.api', group.split('.')[0], ...rest].join('.')
}

/** The text of a JSDoc comment, as it was before it became one. */
function prose(lines) {
  // a tag of JSDoc's own
  return lines.map((line) => line.replace(/^ *\* ?/, '')).filter((line) => line !== '@deprecated').join('\n').replaceAll('\\*', '*').trimEnd()
}

/** One declaration file: its description, fields, and the files that it refers to. */
function read(file) {
  const text = readFileSync(`${file}.d.ts`, 'utf8').replace(/\r/g, '')
  const files = new Map()
  for (const [, names, from] of text.matchAll(/^import \{ (.+) \} from "(.+)";$/gm)) {
    const path = from.startsWith('.') ? join(dirname(file), from) : from.startsWith('@kubernetes-models/apimachinery/') ? join(MACHINERY, from.slice(32)) : undefined
    if (path) for (const name of names.split(', ')) files.set(name, path)
  }
  const lines = text.slice(0, text.indexOf('export declare class') < 0 ? text.length : text.indexOf('export declare class')).split('\n')
  const type = { description: '', fields: {}, required: [], isKind: false }
  let comment = []
  let own = ''
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]
    if (/^ *\/\*\*$/.test(line)) {
      comment = []
      while (!/\*\/$/.test(lines[++i])) comment.push(lines[i])
      continue
    }
    const head = /^export (?:interface|declare type) (I\w+)/.exec(line)
    if (head && !own) {
      own = head[1]
      type.description = prose(comment)
      type.isKind = line.includes('TypeMeta')
      comment = []
      if (line.endsWith('{}')) break
      continue
    }
    const field = /^ {4}"([^"]+)"(\??): (.*)$/.exec(line)
    if (!field) continue
    let [, name, optional, written] = field
    while (!written.endsWith(';') || written.split('{').length !== written.split('}').length) written += lines[++i].trim()
    const { type: of, values } = parse(written.slice(0, -1), (word) => (word === own ? file : files.get(word)))
    type.fields[name] = { type: of, description: prose(comment), values }
    if (!optional) type.required.push(name)
    comment = []
  }
  return { type, files: [...files.values()] }
}

/** `Array<X>`, `{[key: string]: X;}`, a name or a union of texts (the values of an enum, or of a list's items). */
function parse(text, fileOf) {
  let match = /^Array<(.*)>$/s.exec(text)
  if (match) {
    const of = parse(match[1], fileOf)
    return { ...of, type: `[${of.type}]` }
  }
  match = /^\{ ?\[key: string\]: (.*?);? ?\}$/s.exec(text)
  if (match) return { type: `{${parse(match[1], fileOf).type}}` }
  if (text.startsWith('"')) return { type: 'string', values: text.split(' | ').map((word) => JSON.parse(word)) }
  if (['string', 'number', 'boolean'].includes(text)) return { type: text }
  // volumeClaimTemplates has its type written out, because apiVersion and kind may be absent there
  if (text.startsWith('{') && text.includes('PersistentVolumeClaimSpec;')) return { type: '#io.k8s.api.core.v1.PersistentVolumeClaim' }
  const file = fileOf(text)
  if (!file) throw new Error(`kubernetes-models: unknown type ${text}`)
  return { type: `#${nameOf(file)}` }
}

/** Which numbers are int32, int64 or double: only the package's validators know. */
function formats(file, fields) {
  const name = nameOf(file)
  const camel = name.replace(/(^|[.-])(\w)/g, (_, __, letter) => letter.toUpperCase())
  const path = join(file.startsWith(MACHINERY) ? MACHINERY : MODELS, '_schemas', `${camel}.mjs`)
  if (!Object.values(fields).some((f) => f.type.includes('number')) || !existsSync(path)) return
  const code = readFileSync(path, 'utf8')
  for (const [field, value] of Object.entries(fields)) {
    if (!value.type.includes('number')) continue
    const inline = new RegExp(`schemaPath:"#/properties/${field}/format",keyword:"format",params:\\{format:"(\\w+)"`).exec(code)?.[1]
    const called = new RegExp(`(validate\\d+)\\(data\\.${field}[,)]`).exec(code)?.[1]
    value.type = value.type.replace('number', inline ?? (called && formatIn(code, called)) ?? 'integer')
  }
}

/** The format that a function of the validators checks, or one that it calls for the items of a list. */
function formatIn(code, name) {
  const body = new RegExp(`(?:function |const )${name}\\b.*?${name}\\.errors=vErrors`, 's').exec(code)?.[0] ?? ''
  const own = /format:"(int32|int64|double|float)"/.exec(body)?.[1]
  const items = /(validate\d+)\(data\[i0\]/.exec(body)?.[1]
  return own ?? (items && formatIn(code, items))
}

/** Everything that the roots reach, in the compact form that published.d.ts describes. */
export function publishedTypes() {
  const out = {}
  const queue = []
  for (const [group, version, kinds] of ROOTS) {
    for (const kind of kinds.split(' ')) queue.push({ file: join(MODELS, ...(group ? [group] : []), version, kind), gvk: [group, version, kind] })
  }
  const typeMeta = typeMetaProse()
  const seen = new Set(queue.map((q) => q.file))
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { file, gvk } = next
    const { type, files } = read(file)
    for (const other of files) {
      if (seen.has(other)) continue
      seen.add(other)
      queue.push({ file: other })
    }
    formats(file, type.fields)
    const name = nameOf(file)
    const entry = { d: type.description }
    if (SCALARS[name]) entry.s = SCALARS[name]
    const fields = {}
    for (const field of Object.keys(type.fields).sort()) {
      const { type: of, description, values } = type.fields[field]
      if (type.isKind && (field === 'apiVersion' || field === 'kind')) fields[field] = ['string', typeMeta[field]]
      else fields[field] = values ? [of, description, values] : [of, description]
    }
    if (Object.keys(fields).length > 0) entry.p = fields
    const required = type.isKind ? type.required.filter((f) => f !== 'apiVersion' && f !== 'kind') : type.required
    if (required.length > 0) entry.r = required.sort()
    if (gvk) entry.k = gvk
    out[name] = entry
  }
  return out
}

/** What every kind says about apiVersion and kind; the package leaves it out there, but not in Status. */
function typeMetaProse() {
  const text = readFileSync(join(MACHINERY, 'apis/meta/v1/Status.d.ts'), 'utf8')
  const of = (field) => prose(new RegExp(`/\\*\\*\\n((?: +\\* [^\\n]*\\n)+?) +\\*/\\n +"${field}"`).exec(text)[1].trimEnd().split('\n'))
  return { apiVersion: of('apiVersion'), kind: of('kind') }
}

const ID = 'virtual:kubernetes-openapi'

/** The plugin, for every place where Vite builds the engine. */
export function kubernetesOpenApi() {
  return {
    name: 'podhop-kubernetes-openapi',
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) => (id === `\0${ID}` ? `export default ${JSON.stringify(JSON.stringify(publishedTypes()))}` : undefined),
  }
}
