import { KubectlError } from '../errors.ts'
import { isObject, map, text } from '../objects.ts'
import { tenLetters } from '../name-hash.ts'
import { type NameReference, NAME_REFERENCES } from './field-specs.ts'
import { changeField } from './fields.ts'
import { idText, isClusterScoped, namespaceOfId, type Resource } from './resource.ts'

/** Names of generated objects end with the hash of what is in them. */
export function addHashes(resources: readonly Resource[]): void {
  for (const resource of resources) {
    if (resource.needsHash) resource.rename({ name: `${resource.id.name}-${hashOf(resource)}` })
  }
}

/** As kubectl's --append-hash, but the name is no part of it, and what is not there is a text. */
function hashOf({ object }: Resource): string {
  const { kind, data = '', type = '', binaryData } = object
  return tenLetters({ data, kind, name: '', ...(kind === 'Secret' ? { type } : {}), ...(isObject(binaryData) ? { binaryData } : {}) })
}

/** Whoever names an object by what it was called before calls it by its name (kustomize's api/filters/nameref). */
export function mendReferences(resources: readonly Resource[]): void {
  for (const reference of NAME_REFERENCES) {
    for (const spec of reference.referrers) {
      for (const referrer of resources) changeField(referrer, spec, (current) => named(referrer, reference, resources, spec.path, current))
    }
  }
}

function named(referrer: Resource, reference: NameReference, resources: readonly Resource[], path: string, current: unknown): unknown {
  if (Array.isArray(current)) return current.map((item: unknown) => named(referrer, reference, resources, path, item) ?? item)
  if (typeof current === 'string') return referred(referrer, reference, resources, path, current)?.id.name
  if (!isObject(current)) return undefined
  const old = text(current['name'])
  const near = 'namespace' in current ? resources.filter((one) => namespaceOfId(one.original) === current['namespace'] || namespaceOfId(one.id) === current['namespace']) : resources
  const found = referred(referrer, reference, near, path, old)
  if (!found) return undefined
  const { name, namespace } = found.id
  return { ...current, name, ...(namespace ? { namespace } : {}) }
}

function referred(referrer: Resource, { kind, group }: NameReference, candidates: readonly Resource[], path: string, name: string): Resource | undefined {
  const role = path.endsWith('roleRef/name') ? map(referrer.object['roleRef']) : undefined
  const own = referrer.id
  const fits = (one: Resource): boolean =>
    one.previous.some((id) => id.name === name) && one.previous.some((id) => id.kind === kind && (group === '' || id.group === group)) && (!role || role['kind'] === kind) &&
    (isClusterScoped(own) || isClusterScoped(one.id) || one.id.kind === 'ServiceAccount' || namespaceOfId(one.id) === namespaceOfId(own))
  let found = candidates.filter(fits)
  if (found.length <= 1) return found[0]
  for (const allowEmpty of [true, false]) if (found.length > 1) found = found.filter((one) => isNearby(one.prefixes, referrer.prefixes, allowEmpty) && isNearby(one.suffixes, referrer.suffixes, allowEmpty))
  if (found.length <= 1 || found.every((one) => one.id.name === found[0]!.id.name)) return found[0]
  throw new KubectlError(`found multiple possible referrals: ${found.map((one) => idText(one.id)).join(', ')}`)
}

/** Both came through the same folders: what was added to one's name last was added to the other's. */
function isNearby(a: readonly string[], b: readonly string[], allowEmpty: boolean): boolean {
  if (allowEmpty && (a.length === 0 || b.length === 0)) return true
  return a.join('\n') === b.join('\n') || a.join('\n').startsWith(b.join('\n')) || b.join('\n').startsWith(a.join('\n'))
}

