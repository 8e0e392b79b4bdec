import type { KubeObject, Node } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { qualifiedName } from '../../engine/kubernetes/validation/names.ts'
import { type Command, type DryRun, dryRunned, type Kubectl } from './command.ts'
import { ExitError, KubectlError, messageOf, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import type { JsonObject } from './objects.ts'
import { typedPrinter } from './printers/typed.ts'
import { gvr, type Info, queryOf, resolve } from './resources.ts'

/** What is done to nodes: cordon, uncordon, taint. */

function cordoner(name: 'cordon' | 'uncordon', short: string, wanted: boolean): Command {
  return {
    name,
    short,
    use: `${name} NODE`,
    flags: flags(SELECTOR_FLAG, DRY_RUN_FLAG),
    *run(k): Task<number> {
      yield* setSchedulable(k, yield* nodesOf(k, name), wanted, yield* k.dryRun())
      return 0
    },
  }
}

/** The nodes that cordon, uncordon and drain are for. `check` judges the verb's own flags, before the server is asked. */
export function* nodesOf(k: Kubectl, verb: string, check?: () => void): Task<Info[]> {
  const selector = k.flags.string('selector')
  if (k.args.length === 0 && !k.flags.changed('selector')) throw k.usageError(`USAGE: ${verb} NODE [flags]`)
  if (k.args.length > 0 && selector) throw k.usageError('error: cannot specify both a node name and a --selector option')
  yield* k.dryRun()
  check?.()
  const args = selector ? ['nodes'] : k.args.map((a) => (a.includes('/') ? a : `node/${a}`))
  const { infos, errors } = yield* resolve(k, { args, labelSelector: selector })
  throwAll(errors)
  const other = infos.find((info) => info.resource.kind !== 'Node')
  if (other) throw new KubectlError(`expected resource of type node, got ${quote(gvr(other.resource))}`)
  return infos
}

/** Cordons nodes, or takes it back. */
export function* setSchedulable(k: Kubectl, infos: readonly Info[], cordoned: boolean, dryRun: DryRun): Task {
  for (const info of infos) {
    const node = info.object as unknown as Node
    let operation = cordoned ? 'cordoned' : 'uncordoned'
    if ((node.spec.unschedulable ?? false) === cordoned) operation = `already ${operation}`
    else if (dryRun !== 'client') {
      try {
        yield* k.decided(() => k.client.patch<KubeObject>('nodes', undefined, info.name, 'application/strategic-merge-patch+json', { spec: { unschedulable: cordoned || null } }, { dryRun: dryRun === 'server' }))
      } catch (error) {
        yield* k.err(`error: unable to ${cordoned ? 'cordon' : 'uncordon'} node ${quote(info.name)}: ${messageOf(error)}\n`)
        continue
      }
    }
    yield* k.out(`node/${info.name} ${dryRunned(operation, dryRun)}\n`)
  }
}

export const cordon = cordoner('cordon', 'Mark node as unschedulable', true)
export const uncordon = cordoner('uncordon', 'Mark node as schedulable', false)

interface Taint { key: string; value?: string; effect: string }

export const taint: Command = {
  name: 'taint',
  short: 'Update the taints on one or more nodes',
  use: 'taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N',
  flags: flags(SELECTOR_FLAG, DRY_RUN_FLAG, PRINT_FLAGS, `
    --all bool
    --field-manager string=kubectl-taint
    --overwrite bool
    --validate string=strict?strict -
  `),
  run: runTaint,
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

function* runTaint(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const dryRun = yield* k.dryRun()
  const isTaint = (arg: string): boolean => arg.includes('=') || arg.includes(':') || arg.endsWith('-')
  const first = args.findIndex(isTaint)
  const resources = first < 0 ? [...args] : args.slice(0, first)
  const specs = first < 0 ? [] : args.slice(first)
  const stray = specs.find((s) => !isTaint(s))
  if (stray) throw new KubectlError(`all resources must be specified before taint changes: ${stray}`)
  if (resources.length === 0) throw new KubectlError('one or more resources must be specified as <resource> <name>')
  if (specs.length === 0) throw new KubectlError('at least one taint update is required')
  const add: Taint[] = []
  const remove: Taint[] = []
  for (const spec of specs) {
    if (spec.endsWith('-')) remove.push(parseTaint(k, spec.slice(0, -1)))
    else {
      const taint = parseTaint(k, spec)
      if (taint.effect === '') throw k.usageError(`invalid taint spec: ${spec}`)
      if (add.some((t) => t.key === taint.key && t.effect === taint.effect)) throw k.usageError(`duplicated taints with the same key and effect: {${taint.key} ${taint.value ?? ''} ${taint.effect} <nil>}`)
      add.push(taint)
    }
  }
  if (f.bool('all') && f.string('selector')) throw new KubectlError("setting 'all' parameter with a non empty selector is prohibited")
  k.validation()
  const resource = k.client.findResource(resources[0]!)
  if (!resource) throw new ExitError(1, `the server doesn't have a resource type ${quote(resources[0]!)}`)
  if (resource.kind !== 'Node') throw new KubectlError(`invalid resource type ${resource.name}, only node types are supported`)
  // a selector is asked for whatever names there are
  const chosen = f.bool('all') || f.string('selector') !== ''
  if (!chosen && resources.length < 2) throw new KubectlError("at least one resource name must be specified since 'all' parameter is not set")
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: chosen ? resources.slice(0, 1) : resources }))
  for (const info of infos) {
    try {
      const node = info.object as unknown as Node
      const held = (node.spec.taints ?? []) as Taint[]
      const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect
      const taken = add.filter((t) => held.some((h) => same(h, t)))
      if (taken.length > 0 && !f.bool('overwrite')) throw new KubectlError(`node ${info.name} already has ${taken.map((t) => t.key).join(',')} taint(s) with same effect(s) and --overwrite is false`)
      const gone = (h: Taint): boolean => remove.some((r) => r.key === h.key && (r.effect === '' || r.effect === h.effect))
      for (const r of remove) if (!held.some((h) => r.key === h.key && (r.effect === '' || r.effect === h.effect))) throw new KubectlError(`taint ${quote(`${r.key}${r.effect ? `:${r.effect}` : ''}`)} not found`)
      const taints = [...add, ...held.filter((h) => !gone(h) && !add.some((t) => same(h, t)))]
      const operation = add.length > 0 && (remove.length > 0 || taken.length > 0) ? 'modified' : add.length > 0 ? 'tainted' : 'untainted'
      const after: JsonObject = { ...info.object, spec: { ...node.spec, taints } }
      if (dryRun !== 'client') {
        const options = { dryRun: dryRun === 'server', fieldManager: k.flags.string('field-manager'), fieldValidation: k.validation() }
        yield* k.decided(() => k.client.patch('nodes', undefined, info.name, 'application/strategic-merge-patch+json', { spec: { taints: taints.length > 0 ? taints : null } }, options))
      }
      // kubectl does not say here that it was only tried
      yield* k.out(typedPrinter(k, dryRun === 'client' ? operation : dryRunned(operation, dryRun)).print(after))
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  return 0
}

/** "key=value:Effect", "key:Effect", "key". */
function parseTaint(k: Kubectl, spec: string): Taint {
  const parts = spec.split(':')
  if (parts.length === 1) {
    const wrong = qualifiedName(spec)
    if (wrong.length > 0) throw k.usageError(`invalid taint spec: ${spec}, ${wrong.join('; ')}`)
    return { key: spec, effect: '' }
  }
  if (parts.length > 2) throw k.usageError(`invalid taint spec: ${spec}`)
  const effect = parts[1] ?? ''
  if (parts.length === 2 && !EFFECTS.includes(effect)) throw k.usageError(`invalid taint effect: ${effect}, unsupported taint effect`)
  const [key, value, more] = parts[0]!.split('=') as [string, string?, string?]
  const wrong = qualifiedName(key)
  if (more !== undefined) throw k.usageError(`invalid taint spec: ${spec}`)
  if (wrong.length > 0) throw k.usageError(`invalid taint spec: ${spec}, ${wrong.join('; ')}`)
  return value ? { key, value, effect } : { key, effect }
}
