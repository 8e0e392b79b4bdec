import { byName } from '../../engine/own.ts'
import type { FlagSet } from './flags.ts'
import { isObject, type JsonObject, list, map, text } from './objects.ts'

/** The fields of a kubeconfig (client-go's clientcmd/api/v1), in the order of their Go types. */
const CLUSTER_FIELDS = ['server', 'tls-server-name', 'insecure-skip-tls-verify', 'certificate-authority', 'certificate-authority-data', 'proxy-url', 'disable-compression', 'extensions']
const USER_FIELDS = ['client-certificate', 'client-certificate-data', 'client-key', 'client-key-data', 'token', 'tokenFile', 'as', 'as-uid', 'as-groups', 'as-user-extra', 'username', 'password', 'auth-provider', 'exec', 'extensions']
const EXEC_FIELDS = ['command', 'args', 'env', 'apiVersion', 'installHint', 'provideClusterInfo', 'interactiveMode']
const CONTEXT_FIELDS = ['cluster', 'user', 'namespace', 'extensions']

/** Each list of a kubeconfig: what an entry calls its content, and that content's fields. */
export const ENTRIES = byName({
  clusters: { inner: 'cluster', fields: CLUSTER_FIELDS, always: ['server'], paths: ['certificate-authority'] },
  users: { inner: 'user', fields: USER_FIELDS, always: [], paths: ['client-certificate', 'client-key', 'tokenFile'] },
  contexts: { inner: 'context', fields: CONTEXT_FIELDS, always: ['cluster', 'user'], paths: [] },
} as const)

export type EntryKind = keyof typeof ENTRIES

/** An object with the fields of a Go struct first, in its order. */
function inOrder(object: JsonObject, fields: readonly string[]): JsonObject {
  const known = fields.filter((field) => Object.hasOwn(object, field)).map((field): [string, unknown] => [field, object[field]])
  return Object.fromEntries([...known, ...Object.entries(object).filter(([field]) => !fields.includes(field))])
}

/** An entry's content in Go's order, without what is empty. */
export function ordered(kind: EntryKind, content: JsonObject): JsonObject {
  const { fields, always } = ENTRIES[kind]
  const out: JsonObject = {}
  for (const field of [...fields, ...Object.keys(content).filter((key) => !(fields as readonly string[]).includes(key))]) {
    const value = content[field]
    const empty = value === undefined || value === '' || value === false || value === null || (Array.isArray(value) && value.length === 0)
    if (!empty) out[field] = field === 'exec' && isObject(value) ? inOrder(value, EXEC_FIELDS) : value
    else if ((always as readonly string[]).includes(field)) out[field] = ''
  }
  return out
}

/** A kubeconfig's list with one entry made, changed or (with undefined) gone; sorted by name. */
export function withEntry(entries: unknown, kind: EntryKind, name: string, content: JsonObject | undefined): JsonObject[] {
  const others = list(entries).filter((e): e is JsonObject => isObject(e) && e['name'] !== name)
  const made = content === undefined ? others : [...others, { [ENTRIES[kind].inner]: ordered(kind, content), name }]
  return made.sort((a, b) => (text(a['name']) < text(b['name']) ? -1 : 1))
}

/** The content of the entry of that name, or undefined. */
export function entryOf(entries: unknown, kind: EntryKind, name: string): JsonObject | undefined {
  const found = list(entries).find((e) => isObject(e) && e['name'] === name) as JsonObject | undefined
  return found && map(found[ENTRIES[kind].inner])
}

/** filepath.Rel between absolute paths. */
export function relativePath(folder: string, path: string): string {
  const [from, to] = [folder, path].map((p) => p.split('/').filter((part) => part !== '')) as [string[], string[]]
  let same = 0
  while (same < from.length && same < to.length && from[same] === to[same]) same++
  return [...from.slice(same).map(() => '..'), ...to.slice(same)].join('/') || '.'
}

/** A folder and a path in it, or an absolute path. */
export function joinPath(folder: string, path: string): string {
  if (path.startsWith('/')) return path
  const parts: string[] = []
  for (const part of `${folder}/${path}`.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** What of these flags the command line sets, by their names. */
export function changedStrings(flags: FlagSet, names: readonly string[]): [string, string][] {
  return names.filter((name) => flags.changed(name)).map((name) => [name, flags.string(name)])
}
