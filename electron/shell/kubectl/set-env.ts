import { decodeBase64 } from '../../engine/kubernetes/base64.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { milliValue } from '../../engine/kubernetes/schema/quantity.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, messageOf, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { at, type JsonObject, list, map, nameOf, text } from './objects.ts'
import type { Info } from './resources.ts'
import { applyChange, changeContainers, chosen, withPodSpec } from './set-template.ts'

/** kubectl's pkg/cmd/set: set_env.go and env/. */
export const setEnv: Command = {
  name: 'env',
  short: 'Update environment variables on a pod template',
  use: 'env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, `
    --all bool
    -c --containers string=*
    -e --env array
    --field-manager string=kubectl-set
    --from string
    --keys slice
    --list bool
    --local bool
    --overwrite bool=true
    --prefix string
    --resolve bool
  `),
  run,
}

interface Variables { set: JsonObject[]; remove: string[] }

function* run(k: Kubectl): Task<number> {
  const { flags: f } = k
  if (f.bool('all') && f.string('selector')) throw new KubectlError('cannot set --all and --selector at the same time')
  const { resources, words } = split(k.args)
  const dryRun = yield* k.dryRun()
  if (f.bool('local') && dryRun === 'server') throw new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?')
  if (resources.length === 0 && f.list('filename').length === 0 && !f.string('kustomize')) throw new KubectlError('one or more resources must be specified as <resource> <name> or <resource>/<name>')
  if (f.bool('list') && f.string('output')) throw new KubectlError('--list and --output may not be specified together')
  if (f.list('keys').length > 0 && !f.string('from')) throw new KubectlError('when specifying --keys, a configmap or secret must be provided with --from')
  const variables = yield* parse(k, [...f.list('env'), ...words])
  if (f.string('from')) variables.set.push(...(yield* importFrom(k, f.string('from'))))
  for (const variable of variables.set) variable['name'] = f.string('prefix') + text(variable['name'])
  const { infos, errors } = yield* chosen(k, resources)
  throwAll(errors)
  const problems: unknown[] = []
  if (f.bool('list')) {
    for (const info of infos) yield* show(k, info, variables, problems)
    return 0
  }
  const warnings: string[] = []
  const change = {
    operation: 'env updated',
    failure: 'failed to patch env update to pod template: ',
    modify: (object: JsonObject, info: Info) => update(k, object, info, variables, warnings),
    check() {
      if (variables.set.length === 0 && words.length === 0) throw new KubectlError('at least one environment variable must be provided')
    },
  }
  yield* applyChange(k, infos, problems, dryRun, change)
  for (const warning of warnings) yield* k.warn(warning)
  throwAll(problems)
  return 0
}

/** Resources first, then KEY=value and KEY-. */
function split(args: readonly string[]): { resources: string[]; words: string[] } {
  const isVariable = (arg: string): boolean => /^[\s\S]+=[\s\S]*$/.test(arg) || arg.endsWith('-')
  const first = args.findIndex(isVariable)
  const at = first < 0 ? args.length : first
  if (args.slice(at).some((arg) => !isVariable(arg))) throw new KubectlError(`all resources must be specified before environment changes: ${args.join(' ')}`)
  return { resources: args.slice(0, at), words: args.slice(at) }
}

/** kubectl's own rule, which is narrower than the server's. */
const NAME = /^(?!\.$|\.\.)[-._a-zA-Z][-._a-zA-Z0-9]*$/
const NAME_ERROR =
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit " +
  "(e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"

function* parse(k: Kubectl, words: readonly string[]): Task<Variables> {
  const set: JsonObject[] = []
  const remove: string[] = []
  for (const word of words) {
    const at = word.indexOf('=')
    if (word === '-') set.push(...(yield* fromStdin(k)))
    else if (at >= 0) {
      const name = word.slice(0, at)
      if (!NAME.test(name)) throw new KubectlError(`${quote(name)} is not a valid key name: ${NAME_ERROR}`)
      set.push(variable(name, word.slice(at + 1)))
    } else if (word.endsWith('-')) remove.push(word.slice(0, -1))
    else throw new KubectlError(`unknown environment variable: ${word}`)
  }
  if (remove.some((name) => words.some((w) => w.startsWith(`${name}=`)))) throw new KubectlError('can not both modify and remove the same environment variable in the same command')
  return { set, remove }
}

function variable(name: string, value: string): JsonObject {
  return value === '' ? { name } : { name, value }
}

function* fromStdin(k: Kubectl): Task<JsonObject[]> {
  const found: JsonObject[] = []
  for (;;) {
    const line = yield* k.process.readLine()
    if (line === null) return found
    const words = line.split('#')[0]!
    const at = words.indexOf('=')
    if (at >= 0) found.push(variable(words.slice(0, at), words.slice(at + 1)))
  }
}

/** --from configmap/x or secret/x: a reference for each of its keys. */
function* importFrom(k: Kubectl, from: string): Task<JsonObject[]> {
  const { infos, errors } = yield* chosen(k, [from], { filenames: [], kustomize: '', labelSelector: '' })
  throwAll(errors)
  const wanted = k.flags.list('keys')
  const found: JsonObject[] = []
  for (const { resource, object, name } of infos) {
    const reference = { ConfigMap: 'configMapKeyRef', Secret: 'secretKeyRef' }[resource.kind]
    if (!reference) throw new KubectlError('unsupported resource specified in --from')
    // Go walks a map in an order of chance; here it is that of the keys.
    for (const key of Object.keys(map(object!['data'])).sort()) {
      if (wanted.length > 0 && !wanted.includes(key)) continue
      const variableName = key.replace(/[^a-zA-Z0-9_]/g, '_').toUpperCase()
      if (variableName !== key) yield* k.warn(`key ${key} transferred to ${variableName}`)
      found.push({ name: variableName, valueFrom: { [reference]: { name, key } } })
    }
  }
  return found
}

/** updateEnv: what is there keeps its place, what is new comes after it; of what is given twice the first holds. */
function updated(existing: readonly unknown[], { set, remove }: Variables): JsonObject[] {
  const covered = new Set(remove)
  const out: JsonObject[] = []
  const take = (v: JsonObject, name: string): void => {
    covered.add(name)
    out.push(v)
  }
  for (const present of existing.map(map)) {
    const name = text(present['name'])
    if (covered.has(name)) continue
    const newer = set.find((v) => v['name'] === name)
    if (newer) take(newer, name)
    else out.push(present)
  }
  for (const v of set) if (!covered.has(text(v['name']))) take(v, text(v['name']))
  return out
}

function update(k: Kubectl, object: JsonObject, info: Info, variables: Variables, warnings: string[]): JsonObject {
  const { flags: f } = k
  return withPodSpec(object, info.resource, (spec) => {
    const { spec: changed, count } = changeContainers(spec, f.string('containers'), (container) => {
      const existing = list(container['env'])
      if (!f.bool('overwrite')) refuseOverwrites(existing, variables.set)
      const env = updated(existing, variables)
      const { env: _, ...rest } = container
      return env.length > 0 ? { ...rest, env } : rest
    })
    if (count === 0) warnings.push(`${info.resource.kind}/${info.name} does not have any containers matching ${quote(f.string('containers'))}`)
    return changed
  })
}

function refuseOverwrites(existing: readonly unknown[], wanted: readonly JsonObject[]): void {
  for (const v of wanted) {
    const present = existing.map(map).find((e) => e['name'] === v['name'])
    if (present && text(present['value']) !== text(v['value'])) {
      throw new KubectlError(`'${text(present['name'])}' already has a value (${text(present['value'])}), and --overwrite is false`)
    }
  }
}

// ---- --list ------------------------------------------------------------------------------------------------------

function* show(k: Kubectl, info: Info, variables: Variables, problems: unknown[]): Task {
  const lines: string[] = []
  const failures = new Map<string, string[]>()
  try {
    withPodSpec(info.object!, info.resource, (spec) => changeContainers(spec, k.flags.string('containers'), (container) => {
      lines.push(`# ${info.resource.kind} ${nameOf(info.object)}, container ${text(container['name'])}`)
      for (const v of updated(list(container['env']), variables)) {
        const name = text(v['name'])
        const source = v['valueFrom']
        if (source === undefined) lines.push(`${name}=${text(v['value'])}`)
        else if (!k.flags.bool('resolve')) lines.push(`# ${name} from ${referenceText(source)}`)
        else {
          try {
            lines.push(`${name}=${resolveValue(k, info, container, source)}`)
          } catch (error) {
            lines.push(`# ${name} from ${referenceText(source)}`)
            failures.set(messageOf(error), [...(failures.get(messageOf(error)) ?? []), name])
          }
        }
      }
      return container
    }).spec)
  } catch (error) {
    problems.push(error)
  }
  yield* k.out(lines.map((line) => `${line}\n`).join(''))
  for (const line of [...failures].map(([why, names]) => `error retrieving reference for ${names.sort().join(', ')}: ${why}\n`).sort()) yield* k.err(line)
}

function referenceText(source: unknown): string {
  const part = (key: string, field: string): string => text(at(source, key, field))
  if (at(source, 'configMapKeyRef')) return `configmap ${part('configMapKeyRef', 'name')}, key ${part('configMapKeyRef', 'key')}`
  if (at(source, 'secretKeyRef')) return `secret ${part('secretKeyRef', 'name')}, key ${part('secretKeyRef', 'key')}`
  if (at(source, 'fieldRef')) return `field path ${part('fieldRef', 'fieldPath')}`
  const container = part('resourceFieldRef', 'containerName')
  if (at(source, 'resourceFieldRef')) return `resource field ${container ? `${container}/` : ''}${part('resourceFieldRef', 'resource')}`
  return 'invalid valueFrom'
}

function resolveValue(k: Kubectl, info: Info, container: JsonObject, source: unknown): string {
  for (const [field, resource, what] of [['configMapKeyRef', 'configmaps', 'config map'], ['secretKeyRef', 'secrets', 'secret']] as const) {
    const reference = at(source, field)
    if (!reference) continue
    const [name, key] = [text(at(reference, 'name')), text(at(reference, 'key'))]
    const value = at(k.client.get<KubeObject>(resource, k.namespace.name, name), 'data', key)
    if (value === undefined) throw new KubectlError(`key ${key} not found in ${what} ${name}`)
    if (resource === 'configmaps') return text(value)
    const bytes = decodeBase64(text(value))
    return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
  }
  const amount = at(source, 'resourceFieldRef')
  if (amount) return containerResource(container, amount)
  const path = text(at(source, 'fieldRef', 'fieldPath'))
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path)
  if (subscript) return text(at(info.object, 'metadata', subscript[1]!, subscript[2]!))
  if (/^metadata\.(?:name|namespace|uid)$/.test(path)) return text(at(info.object, ...path.split('.')))
  if (/^metadata\.(?:labels|annotations)$/.test(path)) return Object.entries(map(at(info.object, ...path.split('.')))).sort().map(([key, value]) => `${key}=${quote(text(value))}`).join('\n')
  throw new KubectlError(`unsupported fieldPath: ${path}`)
}

/** How much of a resource a container may have or asks for, in units of the divisor, rounded up; nothing is 0. */
function containerResource(container: JsonObject, reference: unknown): string {
  const resource = text(at(reference, 'resource'))
  const [, which, name] = /^(limits|requests)\.(cpu|memory|ephemeral-storage)$/.exec(resource) ?? []
  if (!name) throw new KubectlError(`unsupported container resource : ${resource}`)
  const amount = milliValue(text(at(container, 'resources', which!, name)) || '0')
  const given = milliValue(text(at(reference, 'divisor')) || '0')
  const divisor = given === 0 ? 1000 : given
  // cpu is reckoned in thousandths, the others in whole bytes
  return String(name === 'cpu' ? Math.ceil(amount / divisor) : Math.ceil(Math.ceil(amount / 1000) / Math.ceil(divisor / 1000)))
}
