import { publishedName, publishedTypes } from '../../engine/kubernetes/openapi/published.ts'
import { own } from '../../engine/own.ts'
import { AggregateError, aggregate, KubectlError, quote } from './errors.ts'
import { byBytes, groupVersion, isObject } from './objects.ts'

/** What kubectl checks of an object before it sends it: k8s.io/kubectl/pkg/validation, and kube-openapi's util/proto/validation. */

export interface ObjectKind { group: string; version: string; kind: string }

/** getObjectKind: throws everything that is wrong. */
export function objectKind(value: unknown): ObjectKind {
  if (!isObject(value)) throw new KubectlError('invalid object to validate')
  const errors: KubectlError[] = []
  const { apiVersion, kind } = value
  if (apiVersion === undefined || apiVersion === null) errors.push(new KubectlError('apiVersion not set'))
  else if (typeof apiVersion !== 'string') errors.push(new KubectlError("apiVersion isn't string type"))
  else if (apiVersion.split('/').length > 2) errors.push(new KubectlError(`unexpected GroupVersion string: ${apiVersion}`))
  if (kind === undefined || kind === null) errors.push(new KubectlError('kind not set'))
  else if (typeof kind !== 'string') errors.push(new KubectlError("kind isn't string type"))
  if (errors.length > 0) throw new AggregateError(errors)
  return { ...groupVersion(apiVersion as string), kind: kind as string }
}

/** SchemaValidation: for what the API server cannot check itself, which are lists above all. */
export function validateHere(value: unknown, kind: ObjectKind): KubectlError | undefined {
  const errors: KubectlError[] = []
  if (kind.kind === 'List' && kind.group === '' && kind.version === 'v1') {
    if (!isObject(value) || !Array.isArray(value['items'])) return new KubectlError('invalid object to validate')
    for (const item of value['items'] as unknown[]) {
      try {
        errors.push(...resourceErrors(item, objectKind(item)))
      } catch (error) {
        if (!(error instanceof KubectlError)) throw error
        errors.push(...(error instanceof AggregateError ? (error.errors as KubectlError[]) : [error]))
      }
    }
  } else errors.push(...resourceErrors(value, kind))
  return errors.length === 0 ? undefined : (aggregate(errors) as KubectlError)
}

function resourceErrors(value: unknown, { group, version, kind }: ObjectKind): KubectlError[] {
  const list = kind.endsWith('List') ? publishedName(group, version, kind.slice(0, -4)) : undefined
  const name = publishedName(group, version, kind)
  const errors: KubectlError[] = []
  if (name !== undefined) check(value, `#${name}`, '', kind, errors)
  else if (list !== undefined && isObject(value)) {
    for (const key of Object.keys(value).sort(byBytes)) {
      if (!['apiVersion', 'items', 'kind', 'metadata'].includes(key)) errors.push(new KubectlError(`ValidationError(${kind}): unknown field ${quote(key)} in ${list}List`))
      else if (key === 'items') check(value[key], `[#${list}]`, `${list}List.items`, `${kind}.items`, errors)
    }
    if (value['items'] === undefined || value['items'] === null) errors.push(new KubectlError(`ValidationError(${kind}): missing required field "items" in ${list}List`))
  }
  return errors
}

/** `type`: as the published types write it; `schema`: the path of its schema; `place`: that of the value. */
function check(value: unknown, type: string, schema: string, place: string, errors: KubectlError[]): void {
  const fail = (why: string): void => void errors.push(new KubectlError(`ValidationError(${place}): ${why}`))
  const mismatch = (got: string, expected: string): void => fail(`invalid type for ${schema}: got ${quote(got)}, expected ${quote(expected)}`)
  const got = Array.isArray(value) ? 'array' : isObject(value) ? 'map' : typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value
  if (type.startsWith('[')) {
    if (!Array.isArray(value)) return mismatch(got, 'array')
    return (value as unknown[]).forEach((item, i) => {
      if (item === null) errors.push(new KubectlError(`ValidationError(${place}[${i}]): unknown object type "nil" in ${place}[${i}]`))
      else check(item, type.slice(1, -1), schema, `${place}[${i}]`, errors)
    })
  }
  if (type.startsWith('{')) {
    if (!isObject(value)) return mismatch(got, 'map')
    for (const key of Object.keys(value).sort(byBytes)) {
      if (value[key] === null) fail(`unknown object type "nil" in ${place}.${key}`)
      else check(value[key], type.slice(1, -1), schema, `${place}.${key}`, errors)
    }
    return
  }
  if (!type.startsWith('#')) return primitive(got, type, mismatch)
  const name = type.slice(1)
  const found = own(publishedTypes(), name)
  if (!found || found.s === 'object' || found.s === 'any') return
  if (found.s) return primitive(got, 'string', (actual, expected) => fail(`invalid type for ${name}: got ${quote(actual)}, expected ${quote(expected)}`))
  if (!isObject(value)) return fail(`invalid type for ${name}: got ${quote(got)}, expected "map"`)
  const fields = found.p ?? {}
  for (const key of Object.keys(value).sort(byBytes)) {
    if (value[key] === null) continue
    const field = own(fields, key)
    if (!field) errors.push(new KubectlError(`ValidationError(${place}): unknown field ${quote(key)} in ${name}`))
    else check(value[key], field[0], `${name}.${key}`, `${place}.${key}`, errors)
  }
  for (const required of found.r ?? []) {
    if (value[required] === undefined || value[required] === null) fail(`missing required field ${quote(required)} in ${name}`)
  }
}

/** A text may be any scalar. */
function primitive(got: string, type: string, mismatch: (got: string, expected: string) => void): void {
  const wanted = type === 'int32' || type === 'int64' ? 'integer' : type === 'double' ? 'number' : type
  if (got === 'array' || got === 'map' ? true : wanted === 'boolean' ? got !== 'boolean' : wanted !== 'string' && got !== 'integer' && got !== 'number') mismatch(got, wanted)
}
