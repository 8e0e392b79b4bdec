import { KubectlError, quote } from '../errors.ts'
import { at, define, isObject, type JsonObject, text } from '../objects.ts'
import { parseManifest } from '../manifests.ts'
import type { FieldOptions, ReplacementArgs, Selector } from './kustomization.ts'
import type { Loader } from './loader.ts'
import { type Id, type Resource } from './resource.ts'

/** Copies a value of one resource to fields of others (kustomize's api/filters/replacement). */
export function replace(loader: Loader, resources: readonly Resource[], replacement: ReplacementArgs): void {
  if (replacement.path !== undefined) {
    if (replacement.source || replacement.targets) throw new KubectlError('cannot specify both path and inline replacement')
    const read = parseManifest(loader.text(replacement.path))
    for (const one of Array.isArray(read) ? read : [read]) replace(loader, resources, one as ReplacementArgs)
    return
  }
  if ((!replacement.source && replacement.sourceValue === undefined) || !replacement.targets) throw new KubectlError('replacements must specify a source and at least one target')
  const value = replacement.sourceValue ?? valueOf(resources, replacement.source!)
  for (const { select, reject, fieldPaths, options } of replacement.targets) {
    if (!select) throw new KubectlError('target must specify resources to select')
    for (const resource of resources) {
      if (!resource.ids.some((id) => isSelected(id, select)) || (reject ?? []).some((one) => resource.ids.some((id) => isSelected(id, one)))) continue
      for (const path of fieldPaths ?? ['metadata.name']) {
        const before = resource.id
        const { found, value: made } = put(resource.object, pathOf(path), value, options)
        if (!found) throw new KubectlError(`unable to find field ${quote(path)} in replacement target`)
        resource.object = made as JsonObject
        if (before.name !== resource.id.name || before.namespace !== resource.id.namespace) resource.previous.push(before)
      }
    }
  }
}

function isSelected(id: Id, wanted: Selector): boolean {
  return (['group', 'version', 'kind', 'name', 'namespace'] as const).every((key) => !wanted[key] || id[key] === wanted[key])
}

function valueOf(resources: readonly Resource[], source: NonNullable<ReplacementArgs['source']>): unknown {
  const found = resources.filter((resource) => resource.ids.some((id) => isSelected(id, source)))
  const wanted = `${source.kind || '[noKind]'}.${source.version || '[noVer]'}.${source.group || '[noGrp]'}/${source.name || '[noName]'}.${source.namespace || '[noNs]'}`
  if (found.length > 1) throw new KubectlError(`multiple matches for selector ${wanted}`)
  if (found.length === 0) throw new KubectlError(`nothing selected by ${wanted}`)
  const path = source.fieldPath ?? 'metadata.name'
  const value = pathOf(path).reduce<unknown>((current, part) => (Array.isArray(current) ? elementOf(current, part) : at(current, part)), found[0]!.object)
  if (value === undefined) throw new KubectlError(`fieldPath \`${path}\` is missing for replacement source ${wanted}`)
  const { delimiter, index = 0 } = source.options ?? {}
  return delimiter ? text(value).split(delimiter)[index] : value
}

/** a.b.[name=x].0.*; a point in brackets or after a backslash is part of a name. */
function pathOf(path: string): string[] {
  return [...path.matchAll(/(?:\[[^\]]*\]|\\.|[^.])+/g)].map(([part]) => part.replaceAll('\\.', '.').replace(/^\[([^=]*)\]$/, '$1'))
}

function elementOf(list: readonly unknown[], part: string): unknown {
  const match = /^\[(.*?)=(.*)\]$/.exec(part)
  return match ? list.find((item) => text(at(item, match[1]!)) === match[2]) : list[Number(part)]
}

function put(current: unknown, path: readonly string[], value: unknown, options: FieldOptions | undefined): { found: boolean; value: unknown } {
  const [part, ...rest] = path
  if (part === undefined) return { found: true, value: spliced(current, value, options) }
  if (Array.isArray(current)) {
    let found = false
    const match = /^\[(.*?)=(.*)\]$/.exec(part)
    const made = current.map((item: unknown, i) => {
      if (!(part === '*' || (match ? text(at(item, match[1]!)) === match[2] : String(i) === part))) return item
      const below = put(item, rest, value, options)
      found ||= below.found
      return below.value
    })
    return { found, value: made }
  }
  if (!isObject(current)) return { found: false, value: current }
  if (part === '*') {
    const out: JsonObject = {}
    let found = false
    for (const [key, item] of Object.entries(current)) {
      const below = put(item, rest, value, options)
      found ||= below.found
      define(out, key, below.value)
    }
    return { found, value: out }
  }
  const has = Object.hasOwn(current, part)
  if (!has && !options?.create) return { found: false, value: current }
  const below = put(has ? current[part] : rest.length > 0 ? {} : undefined, rest, value, options)
  const out = { ...current }
  if (below.found) define(out, part, below.value)
  return { found: below.found, value: out }
}

/** With a delimiter a part of a text is replaced. */
function spliced(current: unknown, value: unknown, { delimiter, index = 0 }: FieldOptions = {}): unknown {
  if (!delimiter) return value
  const parts = text(current).split(delimiter)
  if (index < 0) parts.unshift(text(value))
  else if (index >= parts.length) parts.push(text(value))
  else parts[index] = text(value)
  return parts.join(delimiter)
}
