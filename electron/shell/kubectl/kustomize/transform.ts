import { KubectlError } from '../errors.ts'
import { at, define, isObject, type JsonObject, map } from '../objects.ts'
import { ANNOTATIONS, type FieldSpec, METADATA_LABELS, REPLICAS, SELECTING_LABELS, TEMPLATE_LABELS } from './field-specs.ts'
import { changeField } from './fields.ts'
import type { ImageArgs, Kustomization, LabelArgs } from './kustomization.ts'
import { goJson } from '../json.ts'
import { gvkText, isClusterScoped, type Resource, sameId } from './resource.ts'

/** The transformers that change all resources, in kustomize's order after patches; replacements come last and are not here. */
export function transform(resources: readonly Resource[], { namespace, namePrefix, nameSuffix, labels, commonLabels, commonAnnotations }: Kustomization): void {
  if (namespace) for (const resource of resources) {
    setNamespace(resource, namespace)
    const same = resources.filter((one) => sameId(one.id, resource.id))
    if (same.length > 1) throw new KubectlError(`namespace transformation produces ID conflict: ${goJson(same.map((one) => one.object))}`)
  }
  for (const resource of resources) {
    if (namePrefix && isNamed(resource)) {
      resource.rename({ name: namePrefix + resource.id.name })
      resource.prefixes.push(namePrefix)
    }
    if (nameSuffix && isNamed(resource)) {
      resource.rename({ name: resource.id.name + nameSuffix })
      resource.suffixes.push(nameSuffix)
    }
    for (const label of labels ?? []) addStrings(resource, label.pairs ?? {}, specsOf(label))
    addStrings(resource, commonLabels ?? {}, SELECTING_LABELS)
    addStrings(resource, commonAnnotations ?? {}, ANNOTATIONS)
  }
}

/** Those whose names are somebody else's matter. */
const isNamed = (resource: Resource): boolean => !['CustomResourceDefinition', 'Namespace', 'APIService'].includes(resource.original.kind)

function setNamespace(resource: Resource, namespace: string): void {
  const { id } = resource
  const isNamespace = id.kind === 'Namespace' && resource.object['apiVersion'] === 'v1'
  if (isNamespace) resource.rename({ name: namespace })
  else if (!isClusterScoped(id)) resource.rename({ namespace })
  const setIt = (): string => namespace
  if (id.kind === 'RoleBinding' || id.kind === 'ClusterRoleBinding') changeField(resource, { path: 'subjects' }, (subjects) =>
    Array.isArray(subjects) ? subjects.map((subject: unknown) => (isObject(subject) && subject['name'] === 'default' ? { ...subject, namespace } : subject)) : undefined)
  changeField(resource, { kind: 'APIService', group: 'apiregistration.k8s.io', path: 'spec/service/namespace', create: true }, setIt)
  changeField(resource, { kind: 'CustomResourceDefinition', group: 'apiextensions.k8s.io', path: 'spec/conversion/webhook/clientConfig/service/namespace' }, setIt)
}

function specsOf({ includeSelectors, includeTemplates, fields }: LabelArgs): readonly FieldSpec[] {
  const own = fields ?? []
  return includeSelectors ? [...own, ...SELECTING_LABELS] : [...own, ...(includeTemplates ? TEMPLATE_LABELS : []), METADATA_LABELS]
}

function addStrings(resource: Resource, strings: Readonly<Record<string, string>>, specs: readonly FieldSpec[]): void {
  if (Object.keys(strings).length === 0) return
  for (const spec of specs) {
    changeField(resource, spec, (current) => {
      const out: JsonObject = { ...map(current) }
      for (const [key, value] of Object.entries(strings)) define(out, key, value)
      return out
    })
  }
}

/** `replicas`: by the name now or before. */
export function setReplicas(resources: readonly Resource[], name: string, count: number): void {
  const named = resources.filter((resource) => resource.ids.some((id) => id.name === name) && REPLICAS.some((spec) => resource.isSelected(spec)))
  if (named.length === 0) {
    const kinds = REPLICAS.map(({ kind }) => gvkText({ kind: kind!, group: '', version: '' }))
    throw new KubectlError(`resource with name ${name} does not match a config with the following GVK [${kinds.join(' ')}]`)
  }
  for (const resource of named) for (const spec of REPLICAS) changeField(resource, spec, () => count)
}

/** `images`: wherever containers are, in kinds of others too. */
export function setImage(resources: readonly Resource[], image: ImageArgs): void {
  for (const resource of resources) {
    if (resource.id.kind === 'CustomResourceDefinition') continue
    resource.object = withImage(resource.object, image) as JsonObject
  }
}

function withImage(value: unknown, image: ImageArgs): unknown {
  if (Array.isArray(value)) return value.map((item) => withImage(item, image))
  if (!isObject(value)) return value
  const out: JsonObject = {}
  for (const [key, item] of Object.entries(value)) {
    const below = withImage(item, image)
    if ((key === 'containers' || key === 'initContainers') && Array.isArray(below)) {
      define(out, key, below.map((container: unknown) => (isObject(container) && typeof container['image'] === 'string' ? { ...container, image: renamed(container['image'], image) } : container)))
    } else if (key === 'volumes' && Array.isArray(below)) {
      define(out, key, below.map((volume: unknown) => {
        const reference = at(volume, 'image', 'reference')
        return typeof reference === 'string' ? { ...map(volume), image: { ...map(at(volume, 'image')), reference: renamed(reference, image) } } : volume
      }))
    } else define(out, key, below)
  }
  return out
}

function renamed(written: string, { name = '', newName, newTag, tagSuffix, digest }: ImageArgs): string {
  if (!isImage(written, name)) return written
  const { path, tag, hash } = partsOf(written)
  const [newest, sum] = newTag ? [newTag, digest ?? ''] : digest ? ['', digest] : tagSuffix ? [tag + tagSuffix, ''] : [tag, hash]
  return (newName || path) + (newest === '' ? '' : `:${newest}`) + (sum === '' ? '' : `@${sum}`)
}

/** The name is a pattern, as in kustomize. */
function isImage(written: string, name: string): boolean {
  try {
    return new RegExp(`^${name}(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`).test(written)
  } catch {
    return false
  }
}

/** [[host[:port]/]component/]component[:tag][@digest] */
function partsOf(written: string): { path: string; tag: string; hash: string } {
  const from = Math.max(written.indexOf('/'), 0)
  const digest = written.indexOf('@', from)
  const whole = digest < 0 ? written : written.slice(0, digest)
  const colon = whole.indexOf(':', from)
  return { path: colon < 0 ? whole : whole.slice(0, colon), tag: colon < 0 ? '' : whole.slice(colon + 1), hash: digest < 0 ? '' : written.slice(digest + 1) }
}
