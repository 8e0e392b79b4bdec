import type { Filesystem, Process } from '../../engine/machine/types.ts'
import { owned } from '../coreutils/access.ts'
import { ENTRIES, type EntryKind, joinPath, ordered } from './config-paths.ts'
import { readConfig } from './config-reader.ts'
import { aggregate, KubectlError } from './errors.ts'
import type { FlagSet } from './flags.ts'
import { at, isObject, type JsonObject, list, map, text } from './objects.ts'
import { toYaml } from './yaml.ts'

export interface Context { name: string; cluster: string; user: string; namespace: string }

/** A kubeconfig file: `name` as it was given, which messages and -v say. */
interface Source { name: string; path: string; content: JsonObject }

/** kubeconfig files as client-go's clientcmd loads them: --kubeconfig, else $KUBECONFIG's list merged, else ~/.kube/config. */
export class Kubeconfig {
  readonly #process: Process
  readonly sources: readonly Source[]
  readonly #files: readonly NamedFile[]

  constructor(process: Process, files: readonly NamedFile[], sources: readonly Source[]) {
    this.#process = process
    this.#files = files
    this.sources = sources
  }

  get currentContext(): string {
    for (const { content } of this.sources) if (content['current-context']) return text(content['current-context'])
    return ''
  }
  entries(kind: EntryKind): JsonObject[] {
    const found = new Map<string, JsonObject>()
    for (const { content } of this.sources) {
      for (const entry of list(content[kind])) if (isObject(entry) && !found.has(text(entry['name']))) found.set(text(entry['name']), entry)
    }
    return [...found.values()].sort((a, b) => (text(a['name']) < text(b['name']) ? -1 : 1))
  }
  /** The content of the first entry of that name; undefined when there is none. */
  entry(kind: EntryKind, name: string): JsonObject | undefined {
    const found = this.entries(kind).find((e) => text(e['name']) === name)
    return found && map(found[ENTRIES[kind].inner])
  }
  get contexts(): Context[] {
    return this.entries('contexts').map((entry) => {
      const c = map(entry['context'])
      return { name: text(entry['name']), cluster: text(c['cluster']), user: text(c['user']), namespace: text(c['namespace']) }
    })
  }
  /** The named context, or the current one. */
  context(name = ''): Context | undefined {
    const wanted = name || this.currentContext
    return this.contexts.find((c) => c.name === wanted)
  }

  /** Every file, changed. */
  modifyAll(change: (content: JsonObject) => void): void {
    for (const source of this.sources) this.#write(source, change)
  }
  #write(source: Source, change: (content: JsonObject) => void): void {
    const content = { ...emptyConfig(), ...source.content }
    change(content)
    // an empty list is null in Go
    for (const kind of ['clusters', 'contexts', 'users']) if (list(content[kind]).length === 0) content[kind] = null
    const parent = source.path.slice(0, source.path.lastIndexOf('/')) || '/'
    const { fs } = this.#process
    if (!fs.exists(parent)) fs.makeDirectory(parent, { parents: true })
    const isNew = !fs.exists(source.path)
    fs.writeFile(source.path, toYaml(content), isNew ? 0o600 : undefined)
    if (isNew) owned(this.#process, source.path)
  }

  /** The file that a new entry goes to: the only one, the first that is there, or the last of the list (GetDefaultFilename). */
  get #default(): Source {
    const there = this.#files.find((file) => this.#files.length === 1 || this.#process.fs.exists(file.path)) ?? this.#files.at(-1)!
    return this.sources.find((s) => s.path === there.path) ?? { ...there, content: emptyConfig() }
  }
  get defaultFile(): string {
    return this.#default.name
  }
  /** Where an entry is, or would be made, as messages name it. */
  fileOf(kind: EntryKind, name: string): string {
    return this.#sourceOf(kind, name).name
  }
  #sourceOf(kind: EntryKind, name: string): Source {
    return this.sources.find((s) => list(s.content[kind]).some((e) => at(e, 'name') === name)) ?? this.#default
  }
  /** The folder from which the paths of an entry count. */
  folderOf(kind: EntryKind, name: string): string {
    const { path } = this.#sourceOf(kind, name)
    return path.slice(0, path.lastIndexOf('/')) || '/'
  }

  /** The file that holds an entry, or that would, changed by `change`. */
  modify(kind: EntryKind, name: string, change: (content: JsonObject) => void): void {
    this.#write(this.#sourceOf(kind, name), change)
  }
  /** A new context goes to the default file; to have none, the first file that names one loses it (writeCurrentContext). */
  setCurrentContext(name: string): void {
    if (name === this.currentContext) return
    const holder = name === '' ? this.sources.find((s) => text(s.content['current-context']) !== '')! : this.#default
    this.#write(holder, (content) => void (content['current-context'] = name))
  }
  setPreferences(preferences: JsonObject): void {
    const file = this.#files[0]!
    this.#write(this.sources.find((s) => s.path === file.path) ?? { ...file, content: emptyConfig() }, (content) => void (content['preferences'] = preferences))
  }

  /** An entry's content with the paths in it told from its file's folder. */
  absolute(kind: EntryKind, name: string): JsonObject | undefined {
    const entry = this.entry(kind, name)
    if (!entry) return undefined
    const content = { ...entry }
    for (const field of ENTRIES[kind].paths) if (text(content[field]) !== '') content[field] = joinPath(this.folderOf(kind, name), text(content[field]))
    return content
  }

  /** One config of all files, as `config view` shows it. */
  merged(): JsonObject {
    const orNull = (kind: EntryKind): JsonObject[] | null => {
      const entries = this.entries(kind).map((e) => ({ name: e['name'], [ENTRIES[kind].inner]: ordered(kind, map(e[ENTRIES[kind].inner])) }))
      return entries.length > 0 ? entries : null
    }
    return {
      kind: 'Config',
      apiVersion: 'v1',
      preferences: Object.assign({}, ...[...this.sources].reverse().map((s) => map(s.content['preferences']))) as JsonObject,
      clusters: orNull('clusters'),
      users: orNull('users'),
      contexts: orNull('contexts'),
      'current-context': this.currentContext,
    }
  }
}

function emptyConfig(): JsonObject {
  return { apiVersion: 'v1', kind: 'Config', clusters: null, contexts: null, 'current-context': '', preferences: {}, users: null }
}

interface NamedFile { name: string; path: string }

function kubeconfigFiles(process: Process, flags: FlagSet): { files: NamedFile[]; explicit: boolean } {
  const file = (name: string): NamedFile => ({ name, path: process.resolve(name) })
  const named = flags.string('kubeconfig')
  if (named) return { files: [file(named)], explicit: true }
  const variable = process.env.get('KUBECONFIG') ?? ''
  if (variable) return { files: [...new Set(variable.split(':'))].map(file), explicit: false }
  return { files: [file(`${process.env.get('HOME') ?? '/root'}/.kube/config`)], explicit: false }
}

/** `configuring`: a file that is not there is one to be made. */
export function loadKubeconfig(process: Process, flags: FlagSet, configuring = false): Kubeconfig {
  const { files, explicit } = kubeconfigFiles(process, flags)
  const sources: Source[] = []
  const errors: unknown[] = []
  for (const file of files) {
    if (file.name === '' || !process.fs.exists(file.path)) {
      if (explicit && !configuring) throw new KubectlError(`stat ${file.name}: no such file or directory`)
      continue
    }
    try {
      sources.push({ ...file, content: contentOf(process.fs, file) })
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw aggregate(errors)
  return new Kubeconfig(process, files, sources)
}

function contentOf(fs: Filesystem, { name, path }: NamedFile): JsonObject {
  const { type } = fs.stat(path)
  if (type === 'device') return {}
  const problem = (why: string): KubectlError => new KubectlError(`error loading config file "${name}": ${why}`)
  if (type === 'directory') throw problem(`read ${name}: is a directory`)
  const read = readConfig(fs.readText(path))
  if (typeof read === 'string') throw problem(read)
  return read
}
