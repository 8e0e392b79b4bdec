import type { Json } from '../../../engine/kubernetes/json.ts'
import { KubectlError, NotSimulatedError } from '../errors.ts'
import { isObject, type JsonObject, text } from '../objects.ts'
import { parseManifest } from '../manifests.ts'
import { byName, own } from '../../../engine/own.ts'
import type { Loader } from './loader.ts'

/** Which resources: patterns that match the whole of a name. */
export interface Selector { group?: string; version?: string; kind?: string; name?: string; namespace?: string; labelSelector?: string; annotationSelector?: string }

export interface GeneratorOptions { labels?: Record<string, string>; annotations?: Record<string, string>; disableNameSuffixHash?: boolean; immutable?: boolean }

export interface KeyArgs {
  name?: string
  namespace?: string
  behavior?: string
  type?: string
  literals?: string[]
  files?: string[]
  envs?: string[]
  env?: string
  options?: GeneratorOptions
}

export interface PatchArgs { path?: string; patch?: string; target?: Selector; options?: { allowNameChange?: boolean; allowKindChange?: boolean } }

export interface LabelArgs { pairs?: Record<string, string>; includeSelectors?: boolean; includeTemplates?: boolean; fields?: { path: string; kind?: string; group?: string; version?: string; create?: boolean }[] }

export interface ImageArgs { name?: string; newName?: string; newTag?: string; tagSuffix?: string; digest?: string }

export interface ReplacementArgs { path?: string; source?: Selector & { fieldPath?: string; options?: FieldOptions }; sourceValue?: string; targets?: ReplacementTarget[] }
export interface FieldOptions { delimiter?: string; index?: number; encoding?: string; create?: boolean }
export interface ReplacementTarget { select?: Selector; reject?: Selector[]; fieldPaths?: string[]; options?: FieldOptions }

/** A kustomization file (kustomize.config.k8s.io/v1beta1, kustomize v5.6 api/types/kustomization.go). */
export interface Kustomization {
  apiVersion?: string
  kind?: string
  metadata?: JsonObject
  resources?: string[]
  bases?: string[]
  components?: string[]
  namespace?: string
  namePrefix?: string
  nameSuffix?: string
  labels?: LabelArgs[]
  commonLabels?: Record<string, string>
  commonAnnotations?: Record<string, string>
  configMapGenerator?: KeyArgs[]
  secretGenerator?: KeyArgs[]
  generatorOptions?: GeneratorOptions
  patches?: PatchArgs[]
  patchesStrategicMerge?: string[]
  patchesJson6902?: PatchArgs[]
  images?: ImageArgs[]
  imageTags?: ImageArgs[]
  replicas?: { name?: string; count?: number }[]
  replacements?: ReplacementArgs[]
  sortOptions?: { order?: string; legacySortOptions?: { orderFirst?: string[]; orderLast?: string[] } }
}

/** What a field is in Go: a text, or how it is to be read. */
const FIELDS: Readonly<Record<string, 'string' | '[]string' | 'map[string]string' | 'list' | 'object'>> = byName({
  apiVersion: 'string', kind: 'string', metadata: 'object', resources: '[]string', bases: '[]string', components: '[]string', namespace: 'string', namePrefix: 'string', nameSuffix: 'string',
  labels: 'list', commonLabels: 'map[string]string', commonAnnotations: 'map[string]string', configMapGenerator: 'list', secretGenerator: 'list', generatorOptions: 'object', patches: 'list',
  patchesStrategicMerge: '[]string', patchesJson6902: 'list', images: 'list', imageTags: 'list', replicas: 'list', replacements: 'list', sortOptions: 'object',
})

/** Plugins, charts and what needs schemas of its own. */
const NOT_SIMULATED = ['openapi', 'vars', 'crds', 'configurations', 'generators', 'transformers', 'validators', 'helmCharts', 'helmGlobals', 'helmChartInflationGenerator', 'buildMetadata']

const NAMES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']

const FIX = "Run 'kustomize edit fix' to update your Kustomization automatically."
const DEPRECATED: readonly (readonly [string, string])[] = [['bases', 'resources'], ['commonLabels', 'labels'], ['imageTags', 'images'], ['patchesJson6902', 'patches'], ['patchesStrategicMerge', 'patches']]

/** Reads the kustomization of a folder; `warn` gets a line without its end. */
export function readKustomization(loader: Loader, warn: (line: string) => void): Kustomization {
  const there = NAMES.filter((name) => loader.has(name))
  if (there.length === 0) throw new KubectlError(`unable to find one of ${NAMES.map((name) => `'${name}'`).join(', ').replace(/, (?='Kust)/, ' or ')} in directory '${loader.root}'`)
  if (there.length > 1) throw new KubectlError(`Found multiple kustomization files under: ${loader.root}\n`)
  const value = parsed(loader.text(there[0]!))
  if (value !== null && value !== undefined && !isObject(value)) throw new KubectlError(`invalid Kustomization: json: cannot unmarshal ${goKind(value as Json)} into Go value of type types.Kustomization`)
  const file: JsonObject = (value as JsonObject | undefined) ?? {}
  for (const [key, given] of Object.entries(file)) check(key, given)
  for (const [old, use] of DEPRECATED) if (file[old] !== undefined && file[old] !== null) warn(`# Warning: '${old}' is deprecated. Please use '${use}' instead. ${FIX}`)
  const kustomization = file as Kustomization
  if (!Object.keys(file).some((key) => !['apiVersion', 'kind'].includes(key) && !isEmpty(file[key]))) throw new KubectlError('kustomization.yaml is empty')
  enforce(kustomization, loader)
  const { order } = kustomization.sortOptions ?? {}
  if (order !== undefined && order !== 'fifo' && order !== 'legacy') throw new KubectlError("the field 'sortOptions.order' must be one of [fifo, legacy]")
  return kustomization
}

function parsed(content: string): unknown {
  try {
    return parseManifest(content)
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    throw new KubectlError(`invalid Kustomization: ${error.message.replace(/^error converting YAML to JSON: /, '')}`)
  }
}

const isEmpty = (value: unknown): boolean => value === null || value === undefined || value === ''

function check(key: string, value: unknown): void {
  if (NOT_SIMULATED.includes(key)) {
    if (isEmpty(value) || (Array.isArray(value) && value.length === 0)) return
    throw new NotSimulatedError(`${key} in a kustomization`, 'write plain resources and patches')
  }
  const type = FIELDS[key]
  if (type === undefined) throw new KubectlError(`invalid Kustomization: json: unknown field "${key}"`)
  if (value === null) return
  const wrong = (given: unknown, of: string): never => {
    throw new KubectlError(`invalid Kustomization: json: cannot unmarshal ${goKind(given as Json)} into Go struct field Kustomization.${key} of type ${of}`)
  }
  if (type === 'string' && typeof value !== 'string') wrong(value, 'string')
  if ((type === '[]string' || type === 'list') && !Array.isArray(value)) wrong(value, type === 'list' ? goList(key) : key === 'patchesStrategicMerge' ? '[]types.PatchStrategicMerge' : '[]string')
  if (type === 'object') checkBelow(key, value)
  if (type === 'list') for (const item of value as unknown[]) checkItem(key, item)
  if (type === '[]string') for (const item of value as unknown[]) if (typeof item !== 'string') wrong(item, key === 'patchesStrategicMerge' ? 'types.PatchStrategicMerge' : 'string')
  if (type === 'map[string]string') {
    if (!isObject(value)) wrong(value, 'map[string]string')
    for (const item of Object.values(value as JsonObject)) if (typeof item !== 'string') wrong(item, 'string')
  }
}

const OF_GENERATORS = { name: 'GeneratorArgs.name', namespace: 'GeneratorArgs.namespace', behavior: 'GeneratorArgs.behavior', literals: '', files: '', envs: '', env: '', options: '' }
const OF_IMAGES = { name: 'name', newName: 'newName', newTag: 'newTag', tagSuffix: 'tagSuffix', digest: 'digest' }
const OF_PATCHES = { path: 'path', patch: 'patch', target: '', options: '' }

/** The fields of what lists hold; where they are texts, what Go calls them. */
const BELOW: Readonly<Record<string, Readonly<Record<string, string>>>> = byName({
  labels: { pairs: '', includeSelectors: '', includeTemplates: '', fields: '' },
  configMapGenerator: OF_GENERATORS, secretGenerator: { ...OF_GENERATORS, type: 'type' },
  patches: OF_PATCHES, patchesJson6902: OF_PATCHES, images: OF_IMAGES, imageTags: OF_IMAGES,
  replicas: { name: 'name', count: '' }, replacements: { path: 'path', source: '', sourceValue: 'sourceValue', targets: '' },
})

const SELECTOR = ['group', 'version', 'kind', 'name', 'namespace', 'labelSelector', 'annotationSelector']
const OPTIONS = ['labels', 'annotations', 'disableNameSuffixHash', 'immutable']
const OF_PATCH = ['allowNameChange', 'allowKindChange']
const OF_FIELD = ['delimiter', 'index', 'encoding', 'create']

/** The fields of what is deeper, by its path; lists have those of their items. */
const DEEPER: Readonly<Record<string, readonly string[]>> = byName({
  generatorOptions: OPTIONS, 'configMapGenerator.options': OPTIONS, 'secretGenerator.options': OPTIONS,
  'patches.target': SELECTOR, 'patchesJson6902.target': SELECTOR, 'patches.options': OF_PATCH, 'patchesJson6902.options': OF_PATCH,
  'labels.fields': ['path', 'kind', 'group', 'version', 'create'],
  'replacements.source': [...SELECTOR, 'fieldPath', 'options'], 'replacements.source.options': OF_FIELD,
  'replacements.targets': ['select', 'reject', 'fieldPaths', 'options'], 'replacements.targets.select': SELECTOR, 'replacements.targets.reject': SELECTOR, 'replacements.targets.options': OF_FIELD,
  sortOptions: ['order', 'legacySortOptions'], 'sortOptions.legacySortOptions': ['orderFirst', 'orderLast'],
})
const STRINGS = ['labels.pairs', 'generatorOptions.labels', 'generatorOptions.annotations', ...['configMapGenerator', 'secretGenerator'].flatMap((of) => ['labels', 'annotations'].map((what) => `${of}.options.${what}`))]

/** Nobody's misspelt field means nothing: a target without its kind would be everything. */
function checkBelow(path: string, value: unknown): void {
  const wrong = (given: unknown): never => {
    throw new KubectlError(`invalid Kustomization: json: cannot unmarshal ${goKind(given as Json)} into Go struct field ${goPath(path)}`)
  }
  if (value === null) return
  if (STRINGS.includes(path)) {
    if (!isObject(value)) wrong(value)
    for (const item of Object.values(value as JsonObject)) if (typeof item !== 'string') throw new KubectlError(`invalid Kustomization: json: cannot unmarshal ${goKind(item as Json)} into Go struct field ${goPath(path)} of type string`)
  }
  const fields = DEEPER[path]
  if (!fields) return
  for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
    if (!isObject(item)) wrong(item)
    for (const [name, below] of Object.entries(item as JsonObject)) {
      if (!fields.includes(name)) throw new KubectlError(`invalid Kustomization: json: unknown field "${name}"`)
      if (name === 'encoding') throw new NotSimulatedError('encoding in a replacement', 'delimiter and index are')
      checkBelow(`${path}.${name}`, below)
    }
  }
}

/** "labels.pairs" → Label.labels.pairs */
function goPath(path: string): string {
  const go = LISTS[path.split('.')[0]!]
  return `${go ?? 'Kustomization'}.${path}`
}

function checkItem(key: string, item: unknown): void {
  const go = LISTS[key]!
  if (!isObject(item)) throw new KubectlError(`invalid Kustomization: json: cannot unmarshal ${goKind(item as Json)} into Go struct field Kustomization.${key} of type types.${go}`)
  for (const [name, value] of Object.entries(item)) {
    const known = own(BELOW[key]!, name)
    if (known === undefined) throw new KubectlError(`invalid Kustomization: json: unknown field "${name}"`)
    checkBelow(`${key}.${name}`, value)
    if (known !== '' && value !== null && typeof value !== 'string') throw new KubectlError(`invalid Kustomization: json: cannot unmarshal ${goKind(value as Json)} into Go struct field ${go}.${key}.${known} of type string`)
  }
}

const LISTS: Readonly<Record<string, string>> = { labels: 'Label', configMapGenerator: 'ConfigMapArgs', secretGenerator: 'SecretArgs', patches: 'Patch', patchesJson6902: 'Patch', images: 'Image', imageTags: 'Image', replicas: 'Replica', replacements: 'ReplacementField' }
const goList = (key: string): string => `[]types.${LISTS[key]}`

function goKind(value: Json): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value === 'boolean' ? 'bool' : typeof value
}

function enforce({ kind = '', apiVersion = '' }: Kustomization, loader: Loader): void {
  const errors: string[] = []
  if (!['', 'Kustomization', 'Component'].includes(kind)) errors.push('kind should be Kustomization or Component')
  const wanted = kind === 'Component' ? 'kustomize.config.k8s.io/v1alpha1' : 'kustomize.config.k8s.io/v1beta1'
  if (apiVersion !== '' && apiVersion !== wanted) errors.push(`apiVersion for ${text(kind) || 'Kustomization'} should be ${wanted}`)
  if (errors.length > 0) throw new KubectlError(`Failed to read kustomization file under ${loader.root}:\n${errors.join('\n')}`)
}
