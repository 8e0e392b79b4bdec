import type { ApiResource } from '../../engine/kubernetes/client.ts'
import { decode } from '../../engine/kubernetes/schema/decode.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import { createStrategicMergePatch } from '../../engine/kubernetes/patch/three-way.ts'
import type { Json, JsonObject as PatchObject } from '../../engine/kubernetes/json.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { dryRunned, type DryRun, type Kubectl } from './command.ts'
import { KubectlError, messageOf } from './errors.ts'
import { at, equal, isObject, type JsonObject, list, map, text } from './objects.ts'
import { typedPrinter } from './printers/typed.ts'
import { recorded } from './record.ts'
import { folderOf, type Info, keyOf, LOCAL_ONLY, NO_RESOURCE, type Query, queryOf, resolve } from './resources.ts'

/* What the subcommands of `set` share: kubectl's pkg/cmd/set/helper.go. */

/** Those that do not look at arguments when --local is given. */
const HEEDLESS = ['env', 'serviceaccount']
/** Those that refuse arguments then, files or not. */
const REFUSING = ['image', 'subject']

/** The objects that -f, arguments, -l and --all name; with --local those of the files alone. */
export function* chosen(k: Kubectl, args: readonly string[], more: Query = {}): Task<{ infos: Info[]; errors: unknown[] }> {
  const { flags: f } = k
  const local = f.bool('local')
  if (local && args.length > 0 && REFUSING.includes(k.command.name)) throw new KubectlError(LOCAL_ONLY)
  if (local && f.list('filename').length === 0 && folderOf(f) === '' && (args.length === 0 || HEEDLESS.includes(k.command.name))) throw new KubectlError(NO_RESOURCE)
  return yield* resolve(k, local
    ? { filenames: f.list('filename'), kustomize: folderOf(f), recursive: f.bool('recursive'), local }
    : queryOf(k, { args, latest: true, all: false, everything: f.has('all') && f.bool('all'), ...more }))
}

/** What `resources` and `subject` both refuse, once they know the objects. */
export function refuseMixed(k: Kubectl, dryRun: DryRun): void {
  if (k.flags.bool('local') && dryRun === 'server') throw new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?')
  if (k.flags.bool('all') && k.flags.string('selector')) throw new KubectlError('cannot set --all and --selector at the same time')
}

/** Where a kind has a Pod's spec; undefined where there is none. */
function pathOf(kind: string): readonly string[] | undefined {
  switch (kind) {
    case 'Pod':
      return ['spec']
    case 'CronJob':
      return ['spec', 'jobTemplate', 'spec', 'template', 'spec']
    case 'DaemonSet':
    case 'Deployment':
    case 'Job':
    case 'ReplicaSet':
    case 'ReplicationController':
    case 'StatefulSet':
      return ['spec', 'template', 'spec']
  }
  return undefined
}

/** UpdatePodSpecForObject: the object with another Pod spec. */
export function withPodSpec(object: JsonObject, { kind, version }: ApiResource, change: (spec: JsonObject) => JsonObject): JsonObject {
  const path = pathOf(kind)
  if (!path) throw new KubectlError(`the object is not a pod or does not have a pod template: *${version}.${kind}`)
  const replace = (value: unknown, depth: number): JsonObject => {
    if (depth === path.length) return change(map(value))
    const [key, before] = [path[depth]!, at(value, path[depth]!)]
    const after = replace(before, depth + 1)
    // what was not there, and is nothing, stays away
    return !isObject(before) && Object.keys(after).length === 0 ? map(value) : { ...map(value), [key]: after }
  }
  return replace(object, 0)
}

/** "*" and names with wildcards. */
export function isSelected(name: string, pattern: string): boolean {
  if (pattern === '*') return true
  if (!pattern.includes('*')) return name === pattern
  const escaped = pattern.split('*').map((part) => part.replace(/[.\-[\]{}()+?^$|\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`).test(name)
}

/** The spec with each chosen container changed, and how many there were. */
export function changeContainers(spec: JsonObject, pattern: string, change: (container: JsonObject) => JsonObject): { spec: JsonObject; count: number } {
  let count = 0
  const out: JsonObject = { ...spec }
  for (const key of ['containers', 'initContainers']) {
    if (out[key] === undefined || out[key] === null) continue
    out[key] = list(out[key]).map((c) => {
      if (!isSelected(text(at(c, 'name')), pattern)) return c
      count++
      const before = map(c)
      const after = change(before)
      return equal(after, before) ? c : after
    })
  }
  return { spec: out, count }
}

export interface Change {
  /** "env updated" */
  operation: string
  /** What is said before the server's refusal. */
  failure: string
  /** Print also what did not change. */
  always?: boolean
  modify(object: JsonObject, info: Info): JsonObject
  /** Asked before something is said of a change. */
  check?(): void
}

/** Changes each object, by a patch or only in what is printed; errors are collected. */
export function* applyChange(k: Kubectl, infos: readonly Info[], errors: unknown[], dryRun: DryRun, change: Change): Task {
  const local = k.flags.bool('local')
  const printer = typedPrinter(k, dryRunned(change.operation, dryRun))
  // all are changed here before the first is changed there
  const changed = infos.map((info) => {
    try {
      return { info, after: recorded(k, change.modify(info.object!, info)) }
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error
      return { info, error }
    }
  })
  for (const { info, after, error } of changed) {
    if (!after) {
      errors.push(new KubectlError(`error: ${local ? localName(info) : `${info.resource.name}/${info.name}`} ${messageOf(error)}\n`))
      continue
    }
    const same = equal(after, info.object)
    if (same && !change.always) continue
    if (local || dryRun === 'client') {
      yield* k.out(printer.print(local ? typed(after) : after))
      continue
    }
    let actual: JsonObject
    try {
      const patch = createStrategicMergePatch(info.object as PatchObject, after as { [key: string]: Json }, schemaOf(info.resource.kind))
      const options = { dryRun: dryRun === 'server', fieldManager: k.flags.string('field-manager') }
      actual = (yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.namespace, info.name, 'application/strategic-merge-patch+json', patch, options))) as unknown as JsonObject
    } catch (error) {
      errors.push(change.failure ? new KubectlError(`${change.failure}${messageOf(error)}`) : error)
      continue
    }
    change.check?.()
    yield* k.out(printer.print(actual))
  }
}

/** What an object is called whose resource nobody was asked for: Info.ObjectName of cli-runtime ends it with a new line where there is a group. */
function localName({ resource, name }: Info): string {
  return resource.group ? `${resource.singular}.${resource.group}/${name}\n` : `${resource.singular}/${name}`
}

/** As Go writes the type: empty structs and the unset creation time are there. */
export function typed(object: JsonObject): JsonObject {
  const { value } = decode<JsonObject>(object, schemaOf(text(object['kind'])))
  const timed = (metadata: unknown): JsonObject => ({ creationTimestamp: null, ...map(metadata) })
  const inTemplates = (spec: unknown): unknown => {
    if (!isObject(spec)) return spec
    const out: JsonObject = { ...spec }
    for (const key of ['template', 'jobTemplate']) {
      const template = out[key]
      if (isObject(template)) out[key] = { ...template, metadata: timed(template['metadata']), spec: inTemplates(template['spec']) }
    }
    return out
  }
  return { ...value, metadata: timed(value['metadata']), spec: map(inTemplates(value['spec'])), status: map(value['status']) }
}
