import { KubectlError, quote } from '../errors.ts'
import { at, isObject, byBytes, type JsonObject, text } from '../objects.ts'
import { decodeStream } from '../manifest-stream.ts'
import { generate } from './generate.ts'
import { type Kustomization, type PatchArgs, readKustomization } from './kustomization.ts'
import type { Loader } from './loader.ts'
import { addHashes, mendReferences } from './names.ts'
import { applyPatch, type ReadPatch, readPatch } from './patches.ts'
import { replace } from './replacements.ts'
import { type Id, idText, Resource, sameId } from './resource.ts'
import { setImage, setReplicas, transform } from './transform.ts'
import { toYaml } from '../yaml.ts'
import { GO_TAGS_3 } from '../yaml-scalars.ts'

/**
 * What `kubectl kustomize` makes of a folder (kustomize v5.6, api/krusty): the objects in their order. `warn` gets what it
 * has to say on stderr, a line each without its end.
 */
export function build(loader: Loader, warn: (line: string) => void): JsonObject[] {
  const kustomization = readKustomization(loader, warn)
  const resources = accumulate(loader, kustomization, [], warn)
  addHashes(resources)
  mendReferences(resources)
  const kept = resources.filter((resource) => resource.strings('annotations')['config.kubernetes.io/local-config'] !== 'true')
  return sorted(kept, kustomization).map((resource) => resource.object)
}

/** The resources of a folder and of those below it, as its kustomization changes them. A component changes `around`, too. */
function accumulate(loader: Loader, kustomization: Kustomization, around: readonly Resource[], warn: (line: string) => void): Resource[] {
  let resources = [...around]
  for (const path of [...(kustomization.resources ?? []), ...(kustomization.bases ?? [])]) {
    within('accumulating resources', () => {
      for (const resource of loaded(loader, path, warn)) append(resources, resource)
    })
  }
  for (const [kind, list] of [['ConfigMap', kustomization.configMapGenerator], ['Secret', kustomization.secretGenerator]] as const) {
    for (const args of list ?? []) absorb(resources, generate(loader, kind, args, kustomization.generatorOptions))
  }
  for (const path of kustomization.components ?? []) {
    resources = within('accumulating components', () => {
      const folder = loader.into(path)
      const component = readKustomization(folder, warn)
      if (component.kind !== 'Component') throw new KubectlError(`accumulateDirectory: ${quote(`expected kind 'Component' for path '${folder.root}' but got 'Kustomization'`)}`)
      return accumulate(folder, component, resources, warn)
    })
  }
  for (const inline of kustomization.patchesStrategicMerge ?? []) resources = applyPatch(resources, readPatch(loader.has(inline) ? loader.text(inline) : inline, `[path: ${quote(inline)}]`), undefined, { rename: false, change: false })
  for (const args of kustomization.patches ?? []) resources = patched(loader, resources, args)
  transform(resources, kustomization)
  for (const args of kustomization.patchesJson6902 ?? []) resources = patched(loader, resources, args)
  for (const { name = '', count = 0 } of kustomization.replicas ?? []) setReplicas(resources, name, count)
  for (const image of [...(kustomization.images ?? []), ...(kustomization.imageTags ?? [])]) setImage(resources, image)
  for (const replacement of kustomization.replacements ?? []) replace(loader, resources, replacement)
  return resources
}

function within<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    throw new KubectlError(`${what}: ${error.message}`)
  }
}

/** A file's objects, or what another folder comes to. */
function loaded(loader: Loader, path: string, warn: (line: string) => void): Resource[] {
  let problem: KubectlError
  try {
    return within(`accumulating resources from '${path}'`, () => objects(loader.text(path), path))
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    problem = error
    if (problem.message.includes('MalformedYAMLError')) throw problem
  }
  return within(`accumulation err='${problem.message}'`, () => {
    const folder = loader.into(path)
    const kustomization = within(`couldn't make target for path '${folder.root}'`, () => readKustomization(folder, warn))
    if (kustomization.kind === 'Component') throw new KubectlError(`expected kind != 'Component' for path '${folder.root}'`)
    return within(`recursed accumulation of path '${folder.root}'`, () => accumulate(folder, kustomization, [], warn))
  })
}

function objects(content: string, path: string): Resource[] {
  let values: unknown[]
  try {
    values = [...decodeStream(content, GO_TAGS_3)].map(({ value }) => value)
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    throw new KubectlError(`MalformedYAMLError: yaml: ${error.message.replace(/^error converting YAML to JSON: yaml: /, '')} in File: ${path}`)
  }
  return values.filter((value) => value !== null && value !== undefined).flatMap((value) => {
    if (!isObject(value)) throw new KubectlError(`invalid document in ${path}: it is no object`)
    if (/List$/.test(text(value['kind'])) && Array.isArray(value['items'])) return (value['items'] as JsonObject[]).map(checked)
    return [checked(value)]
  })
}

function checked(object: JsonObject): Resource {
  if (text(object['kind']) === '') throw new KubectlError(`missing Resource metadata`)
  if (text(at(object, 'metadata', 'name')) === '') throw new KubectlError(`missing metadata.name in object ${goObject(object)}`)
  return new Resource(object)
}

/** "{{apps/v1 Deployment} {{ } map[] map[]}}" */
function goObject(object: JsonObject): string {
  return `{{${text(object['apiVersion'])} ${text(object['kind'])}} {{ ${text(at(object, 'metadata', 'namespace'))}} map[] map[]}}`
}

function append(resources: Resource[], resource: Resource): void {
  if (resources.some((one) => sameId(one.id, resource.id))) throw new KubectlError(`may not add resource with an already registered id: ${idText(resource.id)}`)
  resources.push(resource)
}

/** What is generated may be merged with what another folder made. */
function absorb(resources: Resource[], made: Resource): void {
  const at = resources.findIndex((one) => one.ids.some((id) => sameId(id, made.id)))
  const old = resources[at]
  if (!old) {
    if (made.behavior !== 'create') throw new KubectlError(`merging from ${GENERATOR}: id ${goId(made.id)} does not exist; cannot merge or replace`)
    resources.push(made)
    return
  }
  if (made.behavior === 'create') throw new KubectlError(`merging from ${GENERATOR}: id ${goId(made.id)} exists; behavior must be merge or replace`)
  const strings = (field: 'labels' | 'annotations'): JsonObject => ({ ...old.strings(field), ...made.strings(field) })
  const metadata: JsonObject = { ...(old.object['metadata'] as JsonObject) }
  for (const field of ['labels', 'annotations'] as const) if (Object.keys(strings(field)).length > 0) metadata[field] = strings(field)
  const merged: JsonObject = { ...made.object, metadata }
  if (made.behavior === 'merge') for (const field of ['data', 'binaryData']) {
    if (isObject(old.object[field])) merged[field] = { ...old.object[field], ...(made.object[field] as JsonObject | undefined) }
  }
  old.object = merged
  old.needsHash ||= made.needsHash
}

/** Go prints where the generator is in memory. */
const GENERATOR = 'generator &{0xc000a51d40 <nil>}'

function goId({ group, version, kind, name, namespace }: Id): string {
  return `resid.ResId{Gvk:resid.Gvk{Group:${quote(group)}, Version:${quote(version)}, Kind:${quote(kind)}, isClusterScoped:false}, Name:${quote(name)}, Namespace:${quote(namespace)}}`
}

function patched(loader: Loader, resources: readonly Resource[], { path, patch, target, options }: PatchArgs): Resource[] {
  const inline = patch?.trim()
  const config = (why: string): KubectlError => {
    const given = toYaml({ ...(options ? { options } : {}), ...(inline ? { patch: inline } : {}), ...(path ? { path } : {}), ...(target ? { target } : {}) })
    return new KubectlError(`trouble configuring builtin PatchTransformer with config: \`\n${given}\`: ${why.replace('CONFIG', given.trimEnd())}`)
  }
  if (!inline && !path) throw config('must specify one of patch and path in\nCONFIG')
  if (inline && path) throw config("patch and path can't be set at the same time\nCONFIG")
  const source = inline ? `[patch: ${quote(inline)}]` : `[path: ${quote(path ?? '')}]`
  let read: ReadPatch
  try {
    read = readPatch(inline || within(`failed to get the patch file from path(${path})`, () => loader.text(path!)), source)
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    throw config(error.message)
  }
  return applyPatch(resources, read, target, { rename: options?.allowNameChange === true, change: options?.allowKindChange === true })
}

const FIRST = [
  'Namespace', 'ResourceQuota', 'StorageClass', 'CustomResourceDefinition', 'ServiceAccount', 'PodSecurityPolicy', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding', 'ConfigMap', 'Secret',
  'Endpoints', 'Service', 'LimitRange', 'PriorityClass', 'PersistentVolume', 'PersistentVolumeClaim', 'Deployment', 'StatefulSet', 'CronJob', 'PodDisruptionBudget',
]
const LAST = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']

/** kubectl's order is the old one unless the kustomization says `fifo`. */
function sorted(resources: readonly Resource[], { sortOptions }: Kustomization): Resource[] {
  if (sortOptions?.order === 'fifo') return [...resources]
  const first = sortOptions?.legacySortOptions?.orderFirst ?? FIRST
  const last = sortOptions?.legacySortOptions?.orderLast ?? LAST
  const rank = ({ kind }: Id): number => (first.includes(kind) ? first.indexOf(kind) - first.length : last.indexOf(kind) + 1)
  const type = ({ group, version, kind }: Id): string => `${group || '~G'}_${version || '~V'}_${kind || '~K'}`
  const place = (id: Id): string => `${id.namespace || '~X'}|${id.name || '~N'}`
  return [...resources].sort(({ id: a }, { id: b }) => rank(a) - rank(b) || byBytes(type(a), type(b)) || byBytes(place(a), place(b)))
}
