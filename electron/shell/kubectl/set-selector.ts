import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { put } from '../../engine/own.ts'
import { type Command, dryRunned } from './command.ts'
import { KubectlError, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, flags, PRINT_FLAGS, RECORD_FLAG } from './flags.ts'
import { at, equal, type JsonObject, list, map } from './objects.ts'
import { keyOf } from './resources.ts'
import { typedPrinter } from './printers/typed.ts'
import { chosen, typed } from './set-template.ts'

/** kubectl's pkg/cmd/set/set_selector.go. */
export const setSelector: Command = {
  name: 'selector',
  short: 'Set the selector on a resource',
  use: 'selector (-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]',
  flags: flags('-f --filename slice\n-R --recursive bool=true', PRINT_FLAGS, DRY_RUN_FLAG, RECORD_FLAG, `
    --all bool
    --field-manager string=kubectl-set
    --local bool
    --resource-version string
  `),
  *run(k): Task<number> {
    const { flags: f, args } = k
    const dryRun = yield* k.dryRun()
    if (args.length === 0) throw new KubectlError('one selector is required')
    const selector = parseSelector(args.at(-1)!)
    const printer = typedPrinter(k, dryRunned('selector updated', dryRun))
    const { infos, errors } = yield* chosen(k, args.slice(0, -1))
    throwAll(errors)
    const problems: unknown[] = []
    for (const info of infos) {
      if (info.resource.kind !== 'Service') {
        problems.push(new KubectlError('setting a selector is only supported for Services'))
        continue
      }
      if (typeof selector === 'string') throw new KubectlError(selector)
      const before = map(info.object!['spec'])
      const after: JsonObject = { ...info.object, spec: { ...before, selector } }
      if (f.bool('local') || dryRun === 'client') {
        yield* k.out(printer.print(f.bool('local') ? { ...typed(after), spec: withTargetPorts(map(typed(after)['spec'])) } : after))
        continue
      }
      const gone = Object.keys(map(before['selector'])).filter((key) => !Object.hasOwn(selector, key))
      const change = { ...selector, ...Object.fromEntries(gone.map((key) => [key, null])) }
      const version = f.string('resource-version')
      const patch = { ...(equal(before['selector'], selector) ? {} : { spec: { selector: change } }), ...(version ? { metadata: { resourceVersion: version } } : {}) }
      const actual = yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.namespace, info.name, 'application/strategic-merge-patch+json', patch, { dryRun: dryRun === 'server', fieldManager: f.string('field-manager') }))
      yield* k.out(printer.print(actual as unknown as JsonObject))
    }
    throwAll(problems)
    return 0
  },
}

/** A port of Go's type has a target port, even when it was not given. */
function withTargetPorts(spec: JsonObject): JsonObject {
  return spec['ports'] === undefined ? spec : { ...spec, ports: list(spec['ports']).map((p) => ({ ...map(p), targetPort: at(p, 'targetPort') ?? 0 })) }
}

/** metav1.ParseToLabelSelector; a text says why a Service cannot have what is not a plain label. */
function parseSelector(text: string): Record<string, string> | string {
  const labels: Record<string, string> = {}
  if (text.trim() === '') return labels
  let refused: string | undefined
  for (const part of text.split(/,(?![^()]*\))/).map((p) => p.trim())) {
    const set = /^([\w./-]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part)
    if (set) {
      refused ??= `match expression [{${set[1]!} ${set[2] === 'in' ? 'In' : 'NotIn'} [${set[3]!.split(',').map((v) => v.trim()).sort().join(' ')}]}] not supported on this object`
      continue
    }
    if (/^[\w./-]+\s*!=/.test(part)) throw new KubectlError('"!=" is not a valid label selector operator')
    const match = /^([^=!<>\s]+)\s*==?\s*([^=!<>\s]*)$/.exec(part)
    const exists = /^(!?)\s*([\w./-]+)$/.exec(part)
    if (exists) {
      refused ??= `match expression [{${exists[2]!} ${exists[1] ? 'DoesNotExist' : 'Exists'} []}] not supported on this object`
      continue
    }
    if (!match) throw new KubectlError(`couldn't parse the selector string "${text}": unable to parse requirement: found '${part}', expected: identifier, '=' and a value`)
    put(labels, match[1]!, match[2]!)
  }
  return refused ?? labels
}
