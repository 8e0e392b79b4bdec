import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { goFormat } from '../../engine/kubernetes/json.ts'
import { StatusError } from '../../engine/kubernetes/client.ts'
import type { Command, Kubectl } from './command.ts'
import { waitForDeletion } from './delete.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { FIELD_SELECTOR_FLAG, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { JsonPath, relaxed } from './jsonpath.ts'
import { at, isObject, type JsonObject, list, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { ignoreNotFound, type Info, keyOf, queryOf, resolve } from './resources.ts'
import { fetch } from './fetch.ts'
import { Watch } from './watching.ts'

export const wait: Command = {
  name: 'wait',
  short: 'Experimental: Wait for a specific condition on one or many resources',
  use: "wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
  flags: flags(PRINT_FLAGS, SELECTOR_FLAG, FIELD_SELECTOR_FLAG, `
    --all bool
    -A --all-namespaces bool
    -f --filename slice
    --for string
    --local bool ~
    -R --recursive bool=true
    --timeout duration=30s
  `),
  run,
}

const WEEK = 168 * 3_600_000
type Condition = (object: unknown) => boolean

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  const wanted = f.string('for')
  const kind = wanted.toLowerCase()
  const printer = printerFor(k, { operation: 'condition met' })
  const condition = kind === 'delete' || kind === 'create' ? undefined : conditionOf(wanted)
  const timeout = f.duration('timeout') < 0 ? WEEK : f.duration('timeout')
  const deadline = k.process.clock.now + timeout
  const query = queryOf(k, { args: k.args, latest: true })
  if (kind === 'create') {
    for (;;) {
      const { infos, errors } = yield* resolve(k, query)
      const other = ignoreNotFound(errors)
      throwAll(other)
      if (infos.length > 0 && errors.length === 0) break
      if (k.process.clock.now >= deadline) throw new KubectlError('timed out waiting for the condition')
      yield* k.process.sleep(500)
    }
  }
  const result = yield* resolve(k, query)
  const errors = kind === 'delete' ? ignoreNotFound(result.errors) : [...result.errors]
  for (const info of result.infos) {
    try {
      let object: JsonObject = info.object!
      // all share one time limit; those that come after it are not looked at
      if (timeout > 0 && condition && k.process.clock.now >= deadline) throw new KubectlError(`timed out waiting for the condition on ${objectName(info)}`)
      if (kind === 'delete') {
        if (timeout === 0) throw new KubectlError(`condition not met for ${objectName(info)}`)
        yield* waitForDeletion(k, info, text(at(info.object, 'metadata', 'uid')), deadline)
      } else if (condition) object = timeout === 0 ? checkOnce(k, info, condition) : yield* waitFor(k, info, condition, deadline)
      yield* k.out(printer.print(object))
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  if (result.infos.length === 0 && kind !== 'delete') throw new KubectlError('no matching resources found')
  return 0
}

function objectName(info: Info): string {
  return `${info.resource.name}/${info.name}`
}

function checkOnce(k: Kubectl, info: Info, condition: Condition): JsonObject {
  const { object } = fetch(k, info)
  if (!condition(object)) throw new KubectlError(`condition not met for ${objectName(info)}`)
  return object!
}

function* waitFor(k: Kubectl, info: Info, condition: Condition, deadline: number): Task<JsonObject> {
  const key = keyOf(info.resource)
  const namespace = info.resource.namespaced ? info.namespace : undefined
  const options = { namespace, fieldSelector: `metadata.name=${info.name}` }
  const listed = k.client.list<KubeObject>(key, options)
  const missing = (): StatusError => {
    const resource = info.resource.group ? `${info.resource.name}.${info.resource.group}` : info.resource.name
    return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `${resource} ${quote(info.name)} not found`, reason: 'NotFound', code: 404 })
  }
  const first = listed.items[0]
  if (!first) throw missing()
  if (condition(first)) return first as unknown as JsonObject
  const watch = new Watch(k, key, { ...options, resourceVersion: listed.resourceVersion })
  try {
    for (;;) {
      const event = yield* watch.next(deadline)
      if (!event) throw new KubectlError(`timed out waiting for the condition on ${info.resource.name}/${info.name}`)
      if ((event.type === 'ADDED' || event.type === 'MODIFIED') && condition(event.object)) return event.object as unknown as JsonObject
    }
  } finally {
    watch.close()
  }
}

function conditionOf(wanted: string): Condition {
  if (wanted.startsWith('condition=')) {
    const [name, ...rest] = wanted.slice('condition='.length).split('=')
    const value = rest.length > 0 ? rest.join('=') : 'true'
    return (object) => {
      const found = list(at(object, 'status', 'conditions')).find((c) => text(at(c, 'type')).toLowerCase() === name!.toLowerCase())
      if (!found) return false
      const generation = at(object, 'metadata', 'generation')
      const observed = at(found, 'observedGeneration') ?? at(object, 'status', 'observedGeneration')
      if (typeof generation === 'number' && typeof observed === 'number' && observed < generation) return false
      return text(at(found, 'status')).toLowerCase() === value.toLowerCase()
    }
  }
  if (wanted.startsWith('jsonpath=')) return jsonpathCondition(wanted.slice('jsonpath='.length))
  throw new KubectlError(`unrecognized condition: ${quote(wanted)}`)
}

function jsonpathCondition(input: string): Condition {
  const parts = splitAtEquals(input)
  if (parts.length > 2) throw new KubectlError("jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'")
  const expression = relaxed(parts[0]!)
  if (expression === '') throw new KubectlError('jsonpath expression cannot be empty')
  const value = parts[1]?.replace(/^['"]+|['"]+$/g, '')
  if (value === '') throw new KubectlError("jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3")
  const path = new JsonPath(expression)
  return (object) => {
    const results = path.find(object)
    if (results.length === 0 || results[0]!.length === 0) return false
    if (results.length > 1) throw new KubectlError('given jsonpath expression matches more than one list')
    if (results[0]!.length > 1) throw new KubectlError('given jsonpath expression matches more than one value')
    const found = results[0]![0]
    if (value === undefined) return true
    if (isObject(found) || Array.isArray(found)) throw new KubectlError('jsonpath leads to a nested object or list which is not supported')
    return goFormat(found).trim() === value.trim()
  }
}

/** At single "="; "==" does not part. */
function splitAtEquals(input: string): string[] {
  const parts: string[] = []
  let part = ''
  for (let i = 0; i < input.length; i++) {
    if (input[i] !== '=') part += input[i]!
    else if (input[i + 1] === '=') {
      part += '=='
      i++
    } else {
      parts.push(part)
      part = ''
    }
  }
  return [...parts, part]
}

