import type { Cluster } from '../../engine/cluster.ts'
import { isPreferred, resourceKey } from '../../engine/kubernetes/kinds/kind.ts'
import type { ApiResource, KubernetesClient } from '../../engine/kubernetes/client.ts'
import type { Process } from '../../engine/machine/types.ts'
import type { Pod, Service } from '../../engine/kubernetes/types.ts'
import { byName } from '../../engine/own.ts'
import type { Described } from '../editor/completion.ts'
import type { Flag, FlagSet } from './flags.ts'
import { ClientConfig, connect } from './client-config.ts'
import { type Kubeconfig, loadKubeconfig } from './kubeconfig.ts'
import { byBytes } from './objects.ts'
import { containersOf } from './pods.ts'

/** Cobra's directives, which may be added: no space after a candidate, no file names, only files with these extensions. */
export const DEFAULT = 0
export const NO_SPACE = 2
export const NO_FILES = 4
export const FILTER_EXTENSIONS = 8

export interface Answer { candidates: readonly Described[]; directive: number }

const OUTPUTS = ['json', 'yaml', 'name', 'go-template', 'go-template-file', 'template', 'templatefile', 'jsonpath', 'jsonpath-as-json', 'jsonpath-file', 'custom-columns', 'custom-columns-file', 'wide']
/** Verbs that take TYPE NAME… of any type (ResourceTypeAndNameCompletionFunc). */
const TYPED = ['get', 'describe', 'delete', 'edit', 'label', 'annotate', 'patch', 'debug', 'apply view-last-applied', 'apply edit-last-applied']
/** Those that take a few types (SpecifiedResourceTypeAndNameCompletionFunc). */
const SPECIFIED: Record<string, readonly string[]> = byName({
  scale: ['deployment', 'replicaset', 'replicationcontroller', 'statefulset'],
  autoscale: ['deployment', 'replicaset', 'replicationcontroller', 'statefulset'],
  'rollout status': ['deployment', 'daemonset', 'statefulset'],
  'rollout history': ['deployment', 'daemonset', 'statefulset'],
  'rollout undo': ['deployment', 'daemonset', 'statefulset'],
  'rollout restart': ['deployment', 'daemonset', 'statefulset'],
  'rollout pause': ['deployment'],
  'rollout resume': ['deployment'],
  expose: ['pod', 'service', 'replicationcontroller', 'deployment', 'replicaset'],
  'set image': ['daemonsets', 'deployments', 'pods', 'cronjobs', 'replicasets', 'replicationcontrollers', 'statefulsets'],
  taint: ['node'],
})
/** What can stand before "/" where a Pod is wanted. */
const WITH_PODS = ['daemonsets/', 'deployments/', 'pods/', 'jobs/', 'replicasets/', 'replicationcontrollers/', 'services/', 'statefulsets/']
const PODS = ['logs', 'exec', 'attach', 'port-forward']
const SUBRESOURCED: readonly string[] = ['get', 'apply', 'patch', 'edit', 'replace']
const ONE_NAME: Record<string, string> = byName({ cordon: 'nodes', uncordon: 'nodes', drain: 'nodes', 'top node': 'nodes', 'top pod': 'pods', 'create token': 'serviceaccounts' })
const OF_CONFIG: Record<string, 'contexts' | 'clusters' | 'users'> = {
  'config use-context': 'contexts', 'config delete-context': 'contexts', 'config rename-context': 'contexts', 'config set-context': 'contexts', 'config delete-cluster': 'clusters', 'config delete-user': 'users',
}

/** kubectl's pkg/util/completion: what there is now, for a verb's arguments and flags. */
export class CompletionScene {
  readonly #cluster: Cluster
  readonly #process: Process
  readonly #flags: FlagSet

  constructor(cluster: Cluster, process: Process, flags: FlagSet) {
    this.#cluster = cluster
    this.#process = process
    this.#flags = flags
  }

  valuesOf(verb: string, flag: Flag): Answer {
    switch (flag.name) {
      case 'namespace':
        return closed(this.#names(this.#resource('namespaces')))
      case 'context':
        return closed(this.#entries('contexts'))
      case 'cluster':
        return closed(this.#entries('clusters'))
      case 'user':
        return this.#flags.isGlobal('user') ? closed(this.#entries('users')) : open([])
      case 'filename':
        return { candidates: ['json', 'yaml', 'yml'].map((name) => ({ name })), directive: FILTER_EXTENSIONS }
      case 'output':
        return verb === 'get' ? closed(OUTPUTS) : open([])
      case 'clusterrole':
        return verb === 'create clusterrolebinding' ? closed(this.#names(this.#resource('clusterroles'))) : open([])
      case 'subresource':
        return SUBRESOURCED.includes(verb) ? closed(['status', 'scale', 'resize']) : open([])
      case 'container':
        return verb === 'exec' ? closed(this.#containers()) : open([])
      default:
        return open([])
    }
  }

  argumentsOf(verb: string, word: string): Answer {
    const { args } = this.#flags
    if (TYPED.includes(verb)) return this.#typesAndNames(word, () => this.#types(word))
    const few = SPECIFIED[verb]
    if (few) return this.#typesAndNames(word, () => few)
    if (PODS.includes(verb)) {
      if (args.length === 0) return this.#podsAndTypes(word)
      if (verb === 'logs' && args.length === 1) return closed(this.#containers())
      return verb === 'port-forward' && args.length === 1 ? closed(this.#ports(args[0]!)) : closed([])
    }
    const one = ONE_NAME[verb]
    if (one) return closed(args.length === 0 ? this.#names(this.#resource(one)) : [])
    const kind = OF_CONFIG[verb]
    if (kind) return closed(args.length === 0 ? this.#entries(kind) : [])
    if (verb === 'completion') return args.length === 0 ? closed(['bash', 'zsh', 'fish', 'powershell']) : open([])
    // of a verb with verbs below it
    if (verb === 'top' && args.length === 0) return closed([])
    if (verb === 'cp') return this.#copied(word)
    return open([])
  }

  #client(): KubernetesClient | undefined {
    try {
      return connect(this.#cluster, new ClientConfig(this.#process, loadKubeconfig(this.#process, this.#flags), this.#flags), undefined, undefined)
    } catch {
      return undefined
    }
  }
  #config(): Kubeconfig | undefined {
    try {
      return loadKubeconfig(this.#process, this.#flags)
    } catch {
      return undefined
    }
  }
  #namespace(): string {
    return this.#flags.string('namespace') || this.#config()?.context(this.#flags.string('context'))?.namespace || 'default'
  }
  #entries(kind: 'contexts' | 'clusters' | 'users'): string[] {
    return this.#config()?.entries(kind).map((entry) => String(entry['name'])) ?? []
  }
  #resource(word: string): ApiResource | undefined {
    return this.#client()?.findResource(word)
  }
  #names(resource: ApiResource | undefined, namespace = this.#namespace()): string[] {
    if (!resource) return []
    try {
      return this.#client()!.list(resourceKey(resource), resource.namespaced ? { namespace } : {}).items.map((o) => o.metadata.name)
    } catch {
      return []
    }
  }
  /** Names of a type, of several with commas, or of a category. */
  #namesOf(type: string): string[] {
    return type.split(',').flatMap((word) => {
      const found = this.#resource(word)
      if (found) return this.#names(found)
      const order = ['pods', 'replicationcontrollers', 'services', 'daemonsets', 'deployments', 'replicasets', 'statefulsets', 'cronjobs', 'jobs']
      const members = this.#client()?.resources().filter((r) => r.categories.includes(word) && isPreferred(r)) ?? []
      return [...members].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)).flatMap((r) => this.#names(r))
    })
  }

  /** What api-resources names, with what stands before the last comma kept. */
  #types(word: string): readonly string[] {
    const comma = word.lastIndexOf(',') + 1
    const all = this.#client()?.resources().filter((r) => isPreferred(r) && r.verbs.includes('get')) ?? []
    return [...all].sort((a, b) => byBytes(a.group, b.group) || byBytes(a.name, b.name)).map((r) => word.slice(0, comma) + (r.group ? `${r.name}.${r.group}` : r.name))
  }

  #typesAndNames(word: string, types: () => readonly string[]): Answer {
    const { args } = this.#flags
    const slash = word.indexOf('/')
    const inForm = args.length > 0 && args[0]!.includes('/')
    if (args.length === 0 || inForm) {
      if (slash > 0) {
        const type = word.slice(0, slash)
        return closed(this.#namesOf(type).map((name) => `${type}/${name}`).filter((name) => !args.includes(name)))
      }
      return inForm ? { candidates: types().map((name) => ({ name: `${name}/` })), directive: NO_FILES | NO_SPACE } : closed(types())
    }
    return closed(this.#namesOf(args[0]!).filter((name) => !args.slice(1).includes(name)))
  }

  #podsAndTypes(word: string): Answer {
    const slash = word.indexOf('/')
    if (slash > 0) {
      const type = word.slice(0, slash)
      return closed(this.#namesOf(type).map((name) => `${type}/${name}`))
    }
    const pods = this.#names(this.#resource('pods')).filter((name) => name.startsWith(word))
    const types = WITH_PODS.filter((type) => type.startsWith(word))
    return { candidates: [...pods, ...types].map((name) => ({ name })), directive: pods.length === 0 ? NO_FILES | NO_SPACE : NO_FILES }
  }

  /** The Pod that an argument means: by its name, or the first of a workload or Service. */
  #pod(): Pod | undefined {
    const [type, name] = (this.#flags.args[0] ?? '').includes('/') ? (this.#flags.args[0]!.split('/') as [string, string]) : ['pods', this.#flags.args[0] ?? '']
    const resource = this.#resource(type)
    try {
      const object = this.#client()!.get<Pod>(resourceKey(resource!), this.#namespace(), name)
      if (resource!.kind === 'Pod') return object
      const { selector } = object.spec as unknown as { selector?: { matchLabels?: Record<string, string> } & Record<string, unknown> }
      const labels = (selector?.matchLabels ?? selector ?? {}) as Record<string, string>
      const labelSelector = Object.entries(labels).map(([key, value]) => `${key}=${value}`).join(',')
      return this.#client()!.list<Pod>('pods', { namespace: this.#namespace(), labelSelector }).items[0]
    } catch {
      return undefined
    }
  }
  #containers(): string[] {
    const pod = this.#pod()
    return pod ? containersOf(pod).map((c) => c.name) : []
  }

  /** The ports that the containers (or the Service) declare, here and there the same. */
  #ports(target: string): string[] {
    const twice = (port: number): string => `${port}:${port}`
    if (/^(?:svc|services?)\//.test(target)) {
      try {
        const service = this.#client()!.get<Service>('services', this.#namespace(), target.slice(target.indexOf('/') + 1))
        return (service.spec.ports ?? []).map((p) => twice(p.port))
      } catch {
        return []
      }
    }
    return (this.#pod()?.spec.containers ?? []).flatMap((c) => c.ports ?? []).map((p) => twice(p.containerPort))
  }

  /** cp: namespaces, Pods, and files of this machine. */
  #copied(word: string): Answer {
    const [, namespace] = /^([^/.:][^/:]*)\/[^:/]*$/.exec(word) ?? []
    if (namespace !== undefined && this.#flags.args.length === 0) return { candidates: this.#names(this.#resource('pods'), namespace).map((name) => ({ name: `${namespace}/${name}:` })), directive: NO_SPACE }
    if (this.#flags.args.length > 0 || /[:/]/.test(word)) return { candidates: [], directive: NO_SPACE }
    const names = [...this.#names(this.#resource('namespaces')).map((name) => `${name}/`), ...this.#names(this.#resource('pods')).map((name) => `${name}:`)]
    const files = word === '' ? ['./', '/'] : this.#process.fs.readDirectory(this.#process.resolve('.')).filter((name) => name.startsWith(word))
    return { candidates: [...names, ...files].map((name) => ({ name })), directive: NO_SPACE }
  }
}

function closed(names: readonly string[]): Answer {
  return { candidates: names.map((name) => ({ name })), directive: NO_FILES }
}
function open(names: readonly string[]): Answer {
  return { candidates: names.map((name) => ({ name })), directive: DEFAULT }
}
