import { resourceKey } from '../../engine/kubernetes/kinds/kind.ts'
import type { Cluster } from '../../engine/cluster.ts'
import type { ApiResource, KubernetesClient } from '../../engine/kubernetes/client.ts'
import type { Process, ProgramTable } from '../../engine/machine/types.ts'
import type { Pod } from '../../engine/kubernetes/types.ts'
import { fileNames, registerCompletion } from '../editor/completion.ts'
import type { Command } from './command.ts'
import { FlagSet, GLOBAL_FLAGS, type Flag } from './flags.ts'
import { connect, loadKubeconfig } from './kubeconfig.ts'
import { containersOf } from './pods.ts'
import { find } from './program.ts'

/** Which cluster a process's kubectl speaks to: its machine's programs tell. */
const clusters = new WeakMap<ProgramTable, Cluster>()

/** Verbs that take TYPE NAME…, those that take a Pod (or TYPE/NAME), those that take a node. */
const TYPED = ['get', 'describe', 'delete', 'label', 'annotate', 'patch', 'scale', 'expose', 'wait', 'status', 'history', 'restart', 'undo', 'pause', 'resume', 'image', 'taint']
const PODS = ['logs', 'exec', 'attach', 'port-forward']
const NODES = ['cordon', 'uncordon']

export function registerKubectlCompletion(cluster: Cluster, commands: readonly Command[]): void {
  clusters.set(cluster.programs, cluster)
  registerCompletion('kubectl', (words, index, process) => {
    const known = clusters.get(process.machine.programs)
    return known ? complete(known, commands, words.slice(1, index), words[index] ?? '', process) : []
  })
}

function complete(cluster: Cluster, commands: readonly Command[], before: readonly string[], word: string, process: Process): readonly string[] {
  if (before.includes('--')) return fileNames(process, word)
  const { command, rest, unknown } = find(commands, before)
  if (!command && unknown !== undefined) return []
  const flags = [...(command?.flags ?? []), ...GLOBAL_FLAGS]
  const known = new FlagSet(flags)
  let pending: Flag | undefined
  const last = before[before.length - 1]
  const isValue = (f: Flag): boolean => f.bare === undefined && (last === `--${f.name}` || (f.short !== undefined && last === `-${f.short}`))
  if (last?.startsWith('-') && !last.includes('=')) pending = flags.find(isValue)
  try {
    known.parse(pending ? rest.slice(0, -1) : rest)
  } catch {
    return []
  }
  const scene = new Scene(cluster, process, known)
  if (pending) return scene.valuesOf(pending, command)
  const inline = /^--([\w-]+)=/.exec(word)
  if (inline) {
    const flag = flags.find((f) => f.name === inline[1])
    return flag ? scene.valuesOf(flag, command, word.slice(inline[0].length)).map((value) => inline[0] + value) : []
  }
  if (word.startsWith('-')) {
    return flags.filter((f) => f.simulated && !known.changed(f.name)).flatMap((f) => [`--${f.name}${f.bare === undefined ? '=' : ''}`, ...(f.short && word.length < 2 ? [`-${f.short}`] : [])]).sort()
  }
  if (!command) return commands.filter((c) => c.instead === undefined).map((c) => c.name).sort()
  if (command.commands && known.args.length === 0) {
    const names = command.commands.filter((c) => c.instead === undefined).map((c) => c.name)
    if (names.length > 0) return names.sort()
  }
  return scene.argumentsOf(command, word)
}

class Scene {
  readonly #cluster: Cluster
  readonly #process: Process
  readonly #flags: FlagSet

  constructor(cluster: Cluster, process: Process, flags: FlagSet) {
    this.#cluster = cluster
    this.#process = process
    this.#flags = flags
  }

  #client(): KubernetesClient | undefined {
    try {
      return connect(this.#cluster, loadKubeconfig(this.#process, this.#flags), this.#flags)
    } catch {
      return undefined
    }
  }
  #namespace(): string {
    try {
      return this.#flags.string('namespace') || loadKubeconfig(this.#process, this.#flags).context(this.#flags.string('context'))?.namespace || 'default'
    } catch {
      return 'default'
    }
  }
  #names(resource: ApiResource | undefined): string[] {
    if (!resource) return []
    try {
      return this.#client()!.list(resourceKey(resource), resource.namespaced ? { namespace: this.#namespace() } : {}).items.map((o) => o.metadata.name)
    } catch {
      return []
    }
  }
  #resource(word: string): ApiResource | undefined {
    return this.#client()?.findResource(word)
  }
  #contexts(): string[] {
    try {
      return loadKubeconfig(this.#process, this.#flags).contexts.map((c) => c.name)
    } catch {
      return []
    }
  }

  valuesOf(flag: Flag, command: Command | undefined, word = ''): string[] {
    switch (flag.name) {
      case 'namespace':
        return this.#names(this.#resource('namespaces'))
      case 'filename':
      case 'kubeconfig':
      case 'patch-file':
      case 'from-file':
      case 'from-env-file':
        return fileNames(this.#process, word)
      case 'context':
        return this.#contexts()
      case 'output':
        return command?.name === 'get' ? ['custom-columns=', 'json', 'jsonpath=', 'name', 'wide', 'yaml'] : ['json', 'jsonpath=', 'name', 'yaml']
      case 'dry-run':
        return ['client', 'none', 'server']
      case 'restart':
        return ['Always', 'Never', 'OnFailure']
      case 'type':
        return command?.name === 'expose' ? ['ClusterIP', 'LoadBalancer', 'NodePort'] : ['json', 'merge', 'strategic']
      case 'for':
        return ['condition=', 'create', 'delete', 'jsonpath=']
      case 'container':
        return this.#containers()
      default:
        return []
    }
  }

  #containers(): string[] {
    const name = this.#flags.args[0]?.replace(/^pods?\//, '')
    try {
      return name ? containersOf(this.#client()!.get<Pod>('pods', this.#namespace(), name)).map((c) => c.name) : []
    } catch {
      return []
    }
  }

  argumentsOf(command: Command, word: string): string[] {
    const { args } = this.#flags
    const verb = command.name
    const slash = word.indexOf('/')
    if (slash > 0 && [...TYPED, ...PODS].includes(verb)) {
      const type = word.slice(0, slash)
      return this.#names(this.#resource(type)).map((name) => `${type}/${name}`)
    }
    if (PODS.includes(verb)) {
      if (args.length === 0) return this.#names(this.#resource('pods'))
      return verb === 'port-forward' ? this.#ports(args[0]!) : []
    }
    if (NODES.includes(verb)) return this.#names(this.#resource('nodes')).filter((name) => !args.includes(name))
    if (verb === 'use-context' || verb === 'delete-context' || verb === 'get-contexts' || verb === 'set-context') return this.#contexts()
    if (!TYPED.includes(verb)) return []
    if (args.length === 0) return this.#types(word)
    if (args[0]!.includes('/')) return []
    return this.#names(this.#resource(args[0]!)).filter((name) => !args.slice(1).includes(name))
  }

  /** Types of objects; in a list ("pods,sv") the last one. */
  #types(word: string): string[] {
    const comma = word.lastIndexOf(',') + 1
    const names = this.#client()?.resources().filter((r) => r.verbs.includes('list')).map((r) => r.name) ?? []
    return names.sort().map((name) => word.slice(0, comma) + name)
  }

  /** The ports that the containers (or the Service) declare. */
  #ports(target: string): string[] {
    const [type, name] = target.includes('/') ? (target.split('/') as [string, string]) : ['pods', target]
    const resource = this.#resource(type)
    try {
      const object = this.#client()!.get<Pod>(resourceKey(resource!), this.#namespace(), name)
      const declared = resource!.kind === 'Service' ? (object.spec as unknown as { ports?: { port: number }[] }).ports?.map((p) => p.port) : object.spec.containers?.flatMap((c) => c.ports ?? []).map((p) => p.containerPort)
      return (declared ?? []).map(String)
    } catch {
      return []
    }
  }
}
