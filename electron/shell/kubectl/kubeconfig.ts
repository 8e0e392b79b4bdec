import { parse } from 'yaml'
import type { Cluster } from '../../engine/cluster.ts'
import { ConnectionError, type KubernetesClient } from '../../engine/kubernetes/client.ts'
import type { Filesystem, Process } from '../../engine/machine/types.ts'
import { ExitError, KubectlError, NotSimulatedError, quote } from './errors.ts'
import { ENTRIES, type EntryKind, joinPath, ordered } from './config-paths.ts'
import type { FlagSet } from './flags.ts'
import { at, isObject, type JsonObject, list, map, text } from './objects.ts'
import { toYaml } from './yaml.ts'

export interface Context { name: string; cluster: string; user: string; namespace: string }

interface Source { path: string; content: JsonObject }

/** kubeconfig files as client-go's clientcmd loads them: --kubeconfig, else $KUBECONFIG's list merged, else ~/.kube/config. */
export class Kubeconfig {
  readonly #fs: Filesystem
  readonly sources: readonly Source[]
  readonly #paths: readonly string[]

  constructor(fs: Filesystem, paths: readonly string[], sources: readonly Source[]) {
    this.#fs = fs
    this.#paths = paths
    this.sources = sources
  }

  get currentContext(): string {
    for (const { content } of this.sources) if (content['current-context']) return text(content['current-context'])
    return ''
  }
  entries(kind: 'clusters' | 'contexts' | 'users'): JsonObject[] {
    const found = new Map<string, JsonObject>()
    for (const { content } of this.sources) {
      for (const entry of list(content[kind])) if (isObject(entry) && !found.has(text(entry['name']))) found.set(text(entry['name']), entry)
    }
    return [...found.values()].sort((a, b) => (text(a['name']) < text(b['name']) ? -1 : 1))
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
    const parent = source.path.slice(0, source.path.lastIndexOf('/')) || '/'
    if (!this.#fs.exists(parent)) this.#fs.makeDirectory(parent, { parents: true })
    this.#fs.writeFile(source.path, toYaml(content), 0o600)
  }
  /** Where an entry is, or would be made. */
  fileOf(kind: 'clusters' | 'contexts' | 'users' | 'current-context', name: string): string {
    return this.#sourceOf(kind, name).path
  }
  #sourceOf(kind: 'clusters' | 'contexts' | 'users' | 'current-context', name: string): Source {
    const holds = (s: Source): boolean =>
      kind === 'current-context' ? s.content['current-context'] !== undefined && s.content['current-context'] !== '' : list(s.content[kind]).some((e) => at(e, 'name') === name)
    return this.sources.find(holds) ?? this.sources[0] ?? { path: this.#paths[this.#paths.length - 1]!, content: emptyConfig() }
  }

  /** The file that holds an entry (or the first there is, or the last of the list), changed by `change`. */
  modify(kind: 'clusters' | 'contexts' | 'users' | 'current-context', name: string, change: (content: JsonObject) => void): void {
    this.#write(this.#sourceOf(kind, name), change)
  }

  /** An entry's content with the paths in it told from its file's folder. */
  #absolute(kind: EntryKind, entry: JsonObject): JsonObject {
    const content = { ...map(entry[ENTRIES[kind].inner]) }
    const file = this.fileOf(kind, text(entry['name']))
    for (const field of ENTRIES[kind].paths) if (text(content[field]) !== '') content[field] = joinPath(file.slice(0, file.lastIndexOf('/')), text(content[field]))
    return content
  }

  /** One config of all files, as `config view` shows it. */
  merged(): JsonObject {
    const orNull = (kind: EntryKind): JsonObject[] | null => {
      const entries = this.entries(kind).map((e) => ({ name: e['name'], [ENTRIES[kind].inner]: ordered(kind, this.#absolute(kind, e)) }))
      return entries.length > 0 ? entries : null
    }
    return {
      kind: 'Config',
      apiVersion: 'v1',
      preferences: map(this.sources[0]?.content['preferences']),
      clusters: orNull('clusters'),
      users: orNull('users'),
      contexts: orNull('contexts'),
      'current-context': this.currentContext,
    }
  }
}

function emptyConfig(): JsonObject {
  return { apiVersion: 'v1', kind: 'Config', clusters: [], contexts: [], 'current-context': '', preferences: {}, users: [] }
}

export function kubeconfigPaths(process: Process, flags: FlagSet): { paths: string[]; explicit: boolean } {
  const named = flags.string('kubeconfig')
  if (named) return { paths: [process.resolve(named)], explicit: true }
  const variable = process.env.get('KUBECONFIG') ?? ''
  if (variable) return { paths: [...new Set(variable.split(':').filter((p) => p !== ''))].map((p) => process.resolve(p)), explicit: false }
  return { paths: [`${process.env.get('HOME') ?? '/root'}/.kube/config`], explicit: false }
}

/** `configuring`: a file that is not there is one to be made. */
export function loadKubeconfig(process: Process, flags: FlagSet, configuring = false): Kubeconfig {
  const { paths, explicit } = kubeconfigPaths(process, flags)
  const sources: Source[] = []
  for (const path of paths) {
    if (!process.fs.exists(path)) {
      if (explicit && !configuring) throw new KubectlError(`stat ${flags.string('kubeconfig')}: no such file or directory`)
      continue
    }
    if (process.fs.stat(path).type === 'device') continue
    const raw = process.fs.readText(path)
    if (raw.trim() === '') continue
    let content: unknown
    try {
      content = parse(raw, { version: '1.1' })
    } catch {
      throw new KubectlError(`error loading config file ${quote(path)}: couldn't get version/kind; json parse error: invalid YAML`)
    }
    if (!isObject(content)) {
      throw new KubectlError(`error loading config file ${quote(explicit ? flags.string('kubeconfig') : path)}: couldn't get version/kind; json parse error: json: cannot unmarshal ${typeof content} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`)
    }
    sources.push({ path, content })
  }
  return new Kubeconfig(process.fs, paths, sources)
}

/** The API server behind the context in use. Podhop has one cluster; a kubeconfig that names another is said so. */
export function connect(cluster: Cluster, config: Kubeconfig, flags: FlagSet): KubernetesClient {
  const wanted = flags.string('context')
  const context = config.context(wanted)
  if (wanted && !context) throw new ExitError(1, `Error in configuration: context was not found for specified context: ${wanted}`)
  const current = config.currentContext
  if (!wanted && !context && current) throw new ExitError(1, `Error in configuration: context was not found for specified context: ${current}`)
  const clusterName = flags.string('cluster') || context?.cluster || ''
  const entry = config.entries('clusters').find((c) => c['name'] === clusterName)
  if (flags.string('cluster') && !entry) throw new KubectlError(`no server found for cluster ${quote(clusterName)}`)
  const user = flags.global('user')
  if (user && !config.entries('users').some((u) => u['name'] === user)) throw new KubectlError(`auth info ${quote(user)} does not exist`)
  const server = text(at(entry, 'cluster', 'server'))
  const asked = flags.global('server')
  if (asked !== '' && asked.replace(/\/$/, '') !== serverUrl(cluster)) throw new NotSimulatedError(`the server ${asked}`, `the cluster's API server is ${serverUrl(cluster)}`)
  if (server === '') throw new ConnectionError('dial tcp localhost:8080: connect: connection refused')
  if (server.replace(/\/$/, '') !== serverUrl(cluster)) {
    throw new NotSimulatedError(`a kubeconfig for ${server}`, `the cluster's API server is ${serverUrl(cluster)}`)
  }
  return cluster.connection
}

/** Where the options stand among the arguments of the calls that an answer may warn about. */
const OPTIONS_AT: Record<string, number> = { create: 3, update: 4, patch: 5 }

/** The same client, with what its answers warn of told to `tell`. */
export function hearing(client: KubernetesClient, tell: (text: string) => void): KubernetesClient {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      const at = OPTIONS_AT[String(key)]
      return (...args: unknown[]): unknown => {
        if (at !== undefined) args[at] = { onWarning: tell, ...(args[at] as object | undefined) }
        return (value as (...args: unknown[]) => unknown).apply(target, args)
      }
    },
  })
}

export function serverUrl(cluster: Cluster): string {
  const node = cluster.config.nodes.find((n) => n.role === 'control-plane') ?? cluster.config.nodes[0]
  return `https://${node?.ip.includes(':') ? `[${node.ip}]` : (node?.ip ?? '127.0.0.1')}:6443`
}
