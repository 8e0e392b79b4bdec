import { decodeBase64, encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { byName, own } from '../../engine/own.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { ENTRIES, type EntryKind, entryOf, withEntry } from './config-paths.ts'
import { KubectlError, quote } from './errors.ts'
import { flags, parseBool } from './flags.ts'
import { helpOf } from './help.ts'
import { define, isObject, type JsonObject, list, map, text } from './objects.ts'

/** `config set` and `config unset`: one value by its dotted path (kubectl's pkg/cmd/config/navigation_step_parser.go). */

/** What helpErrorf does: the help first, then what is wrong. */
export function* helpAnd(k: Kubectl, message: string): Task<never> {
  yield* k.out(helpOf(k.command, k.path))
  throw new KubectlError(message)
}

type Property =
  | { at: 'top'; field: 'current-context' | 'kind' | 'apiVersion' | 'clusters' | 'users' | 'contexts' | 'preferences' | 'extensions' }
  | { at: 'colors' }
  | { at: 'entry'; kind: EntryKind; name: string; path: readonly string[] }

const TOP = ['kind', 'apiVersion', 'preferences', 'clusters', 'users', 'contexts', 'current-context', 'extensions']
const GO_TYPES: Record<EntryKind, string> = { clusters: 'api.Cluster', users: 'api.AuthInfo', contexts: 'api.Context' }
/** Fields that hold more than a text. */
const INNER: Record<string, readonly string[]> = byName({
  'auth-provider': ['name', 'config'],
  exec: ['command', 'args', 'env', 'apiVersion', 'installHint', 'provideClusterInfo', 'interactiveMode'],
})

function propertyOf(name: string): Property {
  const parts = name.split('.')
  const first = parts[0]!
  if (!TOP.includes(first)) throw new KubectlError(`unable to parse ${name} after [] at api.Config`)
  if (!Object.hasOwn(ENTRIES, first)) {
    if (parts.length === 1) return { at: 'top', field: first as 'kind' }
    if (first === 'preferences' && parts[1] === 'colors' && parts.length === 2) return { at: 'colors' }
    throw new KubectlError(`unable to parse ${parts.slice(1).join('.')} after [{${first} }] at ${first === 'preferences' ? 'api.Preferences' : 'string'}`)
  }
  if (parts.length === 1) return { at: 'top', field: first as 'clusters' }
  const kind = first as EntryKind
  const { fields } = ENTRIES[kind]
  // a name may have dots: it ends before the first word that is a field
  const rest = parts.slice(1)
  const end = rest.findIndex((part, i) => i > 0 && (fields as readonly string[]).includes(part))
  const entry = end < 0 ? rest.join('.') : rest.slice(0, end).join('.')
  const path = end < 0 ? [] : rest.slice(end)
  if (path.length > 1 && !INNER[path[0]!]?.includes(path[1]!)) {
    throw new KubectlError(`unable to parse ${path.slice(1).join('.')} after [{${kind} } {${entry} ${GO_TYPES[kind]}} {${path[0]!} }] at string`)
  }
  return { at: 'entry', kind, name: entry, path }
}

const BOOLS = ['insecure-skip-tls-verify', 'disable-compression', 'provideClusterInfo']
const BYTES = ['certificate-authority-data', 'client-certificate-data', 'client-key-data']

function valueFor(k: Kubectl, field: string, value: string): unknown {
  if (BOOLS.includes(field)) return boolOf(value)
  if (field === 'as-groups' || field === 'args') return value.split(',').filter((v) => v !== '')
  if (!BYTES.includes(field)) return value
  if (k.flags.bool('set-raw-bytes')) return encodeBase64(encodeUtf8(value))
  const decoded = decodeBase64(value)
  if (typeof decoded === 'number') throw new KubectlError(`error decoding input value: illegal base64 data at input byte ${decoded}`)
  return encodeBase64(decoded)
}

function boolOf(value: string): boolean {
  const parsed = parseBool(value)
  if (parsed === undefined) throw new KubectlError(`strconv.ParseBool: parsing ${quote(value)}: invalid syntax`)
  return parsed
}

/** The object with a value at a path, or (undefined) with nothing there. */
function put(object: JsonObject, path: readonly string[], value: unknown): JsonObject {
  const [first, ...rest] = path
  const out = { ...object }
  if (rest.length > 0) define(out, first!, put(map(own(out, first!)), rest, value))
  else if (value === undefined) delete out[first!]
  else define(out, first!, value)
  return out
}

export const configSet: Command = {
  name: 'set',
  short: 'Set an individual value in a kubeconfig file',
  use: 'set PROPERTY_NAME PROPERTY_VALUE',
  flags: flags('--set-raw-bytes bool?true'),
  *run(k): Task<number> {
    if (k.args.length !== 2) return yield* helpAnd(k, `Unexpected args: [${k.args.join(' ')}]`)
    const [name, value] = k.args as readonly [string, string]
    const property = propertyOf(name)
    if (property.at === 'colors') {
      const colors = boolOf(value)
      k.config.setPreferences(colors ? { colors } : {})
    } else if (property.at === 'top') {
      if (property.field === 'current-context') k.config.setCurrentContext(value)
      else if (property.field in ENTRIES || property.field === 'preferences' || property.field === 'extensions') throw new KubectlError(`can't set a map to a value: map[${k.config.merged()[property.field] ? list(k.config.merged()[property.field]).map((e) => text(map(e)['name'])).sort().join(' ') : ''}]`)
    } else {
      const { kind, name: entry, path } = property
      if (path.length === 0) throw new KubectlError(`can't set a map to a value: map[${k.config.entries(kind).map((e) => text(e['name'])).join(' ')}]`)
      const made = valueFor(k, path.at(-1)!, value)
      k.config.modify(kind, entry, (content) => void (content[kind] = withEntry(content[kind], kind, entry, put(entryOf(content[kind], kind, entry) ?? {}, path, made))))
    }
    yield* k.out(`Property ${quote(name)} set.\n`)
    return 0
  },
}

export const configUnset: Command = {
  name: 'unset',
  short: 'Unset an individual value in a kubeconfig file',
  use: 'unset PROPERTY_NAME',
  *run(k): Task<number> {
    if (k.args.length !== 1) return yield* helpAnd(k, `Unexpected args: [${k.args.join(' ')}]`)
    const name = k.args[0]!
    const property = propertyOf(name)
    if (property.at === 'colors') k.config.setPreferences({})
    else if (property.at === 'top' && property.field === 'current-context') k.config.setCurrentContext('')
    else if (property.at === 'top') {
      const { field } = property
      k.config.modifyAll((content) => void (content[field] = field in ENTRIES ? null : content[field]))
    } else {
      const { kind, name: entry, path } = property
      const there = k.config.entries(kind).find((e) => e['name'] === entry)
      if (path.length > 0 && !there) throw new KubectlError(`current map key \`${entry}\` is invalid`)
      if (there && isObject(there)) {
        k.config.modify(kind, entry, (content) => {
          const now = entryOf(content[kind], kind, entry) ?? {}
          content[kind] = withEntry(content[kind], kind, entry, path.length === 0 ? undefined : put(now, path, undefined))
        })
      }
    }
    yield* k.out(`Property ${quote(name)} unset.\n`)
    return 0
  },
}
