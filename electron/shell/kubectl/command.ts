import type { Cluster } from '../../engine/cluster.ts'
import { type KubernetesClient, Undecided } from '../../engine/kubernetes/client.ts'
import { asManager } from '../../engine/kubernetes/managed-fields/as-manager.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { ClientConfig, confirmUsable, connect, type Dialled, hearing, serverUrl } from './client-config.ts'
import { KubectlError, quote, UnreachableError } from './errors.ts'
import type { Flag, FlagSet } from './flags.ts'
import { asIdentity, identityOf } from './identity.ts'
import { inCluster } from './in-cluster.ts'
import { type Kubeconfig, loadKubeconfig } from './kubeconfig.ts'
import { objectName } from './objects.ts'
import { recorded } from './recorded.ts'
import { blaming, gateLines, loadedLines, logging } from './request-log.ts'
import type { ServerSession } from './server-session.ts'

/** One verb: kubectl's options → complete → validate → run, in one file each. */
export interface Command {
  name: string
  aliases?: readonly string[]
  short: string
  /** The usage line after "kubectl " (and the parents' names). */
  use: string
  flags?: readonly Flag[]
  /** Flags that neither help nor completion show. */
  hiddenFlags?: readonly Flag[]
  required?: readonly string[]
  commands?: readonly Command[]
  /** For groups: where their help goes when no subcommand is named. */
  helpTo?: 'stdout' | 'stderr'
  /** Set for a verb that is not simulated: what to use instead. */
  instead?: string
  /** Returns the exit code, 0 by default. */
  run?: (k: Kubectl) => Task<number | void>
}

export interface KubectlOptions {
  /** 'deployment': `kubectl run` as it was before v1.18 (cluster.config.kubectlRun). */
  run: 'pod' | 'deployment'
}

export type DryRun = 'none' | 'client' | 'server'

/** One call of kubectl: what its verb sees. */
export class Kubectl {
  readonly process: Process
  readonly cluster: Cluster
  readonly command: Command
  /** "kubectl config view" */
  readonly path: string
  readonly flags: FlagSet
  readonly options: KubectlOptions
  readonly root: readonly Command[]
  #config: Kubeconfig | undefined
  #client: KubernetesClient | undefined
  /** What the server warned of and the log says, not printed yet. */
  readonly #heard: ({ warning: string } | { line: string })[] = []
  /** Whoever has no credentials has been asked for a name and a password. */
  askedForPassword = false
  /** For what kinds there are, though a cache says. */
  asksAgain = false
  /** Where the server's URL led, when that is not the cluster's own. */
  dialled: Dialled | undefined
  /** To the cluster's own API server. */
  session: ServerSession | undefined
  readonly #everHeard = new Set<string>()

  constructor(init: { process: Process; cluster: Cluster; command: Command; path: string; flags: FlagSet; options: KubectlOptions; root: readonly Command[] }) {
    this.process = init.process
    this.cluster = init.cluster
    this.command = init.command
    this.path = init.path
    this.flags = init.flags
    this.options = init.options
    this.root = init.root
  }

  get unreachable(): UnreachableError | undefined {
    return this.dialled instanceof UnreachableError ? this.dialled : undefined
  }
  get args(): readonly string[] {
    return this.flags.args
  }
  get now(): number {
    return this.process.clock.wall()
  }
  get config(): Kubeconfig {
    if (this.#config) return this.#config
    this.#config = loadKubeconfig(this.process, this.flags, this.path.startsWith('kubectl config'))
    this.#heard.push({ line: loadedLines(this, this.#config.sources.map((s) => s.name)) })
    return this.#config
  }
  /** What kubeconfig and flags make of it, when that can be used. */
  get clientConfig(): ClientConfig {
    const config = new ClientConfig(this.process, this.config, this.flags)
    confirmUsable(config, this.path, this.flags)
    return config
  }
  /** The API server that the kubeconfig points at. */
  get client(): KubernetesClient {
    if (this.#client) return this.#client
    const config = this.clientConfig
    const connection = connect(this.cluster, config, this.dialled, this.session)
    const identity = identityOf(connection, config, this.now, this.askedForPassword)
    const client = asManager(hearing(asIdentity(connection, identity), (text) => this.#hear(text)), 'kubectl')
    this.#heard.push({ line: gateLines(this) })
    const logged = logging(this, blaming(this, client, serverUrl(this.cluster)), serverUrl(this.cluster), (line) => void this.#heard.push({ line }))
    return (this.#client = recorded(logged, connection.requests, identity, this.process.network))
  }

  /** What a write comes to, when webhooks that have to judge it have answered. */
  *decided<T>(write: () => T): Task<T> {
    for (;;) {
      const told = this.#heard.length
      try {
        return write()
      } catch (error) {
        if (!(error instanceof Undecided)) throw error
        // it is one request still
        this.#heard.length = told
        yield (wake) => error.settle(wake)
      }
    }
  }

  /** Whether there was something to ask the server. */
  get hasClient(): boolean {
    return this.#client !== undefined
  }

  /** The namespace to work in, and whether the command line says so. */
  get namespace(): { name: string; explicit: boolean } {
    const named = this.flags.string('namespace')
    if (named) return { name: named, explicit: true }
    const context = this.config.context(this.flags.string('context'))
    return { name: context?.namespace || inCluster(this.process, this.config)?.namespace || 'default', explicit: false }
  }

  *out(text: string): Task {
    yield* this.tellWarnings()
    if (text !== '') yield* this.process.print(text)
  }
  *err(text: string): Task {
    yield* this.tellWarnings()
    if (text !== '') yield* this.process.printError(text)
  }

  /** What the server warned of and was not printed yet (each text once, as rest.WarningWriter does), and the log's lines. */
  *tellWarnings(): Task {
    for (const heard of this.#heard.splice(0)) {
      if ('warning' in heard) yield* this.warn(heard.warning)
      else if (heard.line !== '') yield* this.process.printError(heard.line)
    }
  }
  #hear(text: string): void {
    if (this.#everHeard.has(text)) return
    this.#everHeard.add(text)
    this.#heard.push({ warning: text })
  }
  *warn(text: string): Task {
    if (this.flags.bool('warnings-as-errors')) this.#warned++
    yield* this.err(`Warning: ${text}\n`)
  }
  #warned = 0
  get warnings(): number {
    return this.#warned
  }

  usageError(message: string): KubectlError {
    return new KubectlError(`${message}\nSee '${this.path} -h' for help and examples`)
  }

  #dryRun: DryRun | undefined
  /** GetDryRunStrategy; what it warns of is said once. */
  *dryRun(): Task<DryRun> {
    return (this.#dryRun ??= yield* this.#readDryRun())
  }
  *#readDryRun(): Task<DryRun> {
    const value = this.flags.string('dry-run')
    if (value === 'client' || value === 'server' || value === 'none') return value
    if (value === 'unchanged') {
      yield* this.err(`${this.logHead('W')} helpers.go:703] --dry-run is deprecated and can be replaced with --dry-run=client.\n`)
      return 'client'
    }
    if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) {
      yield* this.err(`${this.logHead('W')} helpers.go:711] --dry-run=${value} is deprecated (boolean value) and can be replaced with --dry-run=client.\n`)
      return 'client'
    }
    if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) {
      yield* this.err(`${this.logHead('W')} helpers.go:715] --dry-run=${value} is deprecated (boolean value) and can be replaced with --dry-run=none.\n`)
      return 'none'
    }
    throw new KubectlError(`Invalid dry-run value (${value}). Must be "none", "server", or "client".`)
  }

  /** --request-timeout in ms; Infinity without one. A number alone is of seconds. */
  get requestTimeout(): number {
    const text = this.flags.string('request-timeout')
    const given = /^\d+$/.test(text) ? Number(text) * 1000 : this.flags.duration('request-timeout')
    // net/http's Client: none, where it is not positive
    return given > 0 ? given : Infinity
  }

  /** klog's "W0105 08:00:00.000000    1234". */
  logHead(level: 'I' | 'W' | 'E' | 'F'): string {
    const wall = this.now
    const date = new Date(wall)
    const two = (n: number): string => String(n).padStart(2, '0')
    const micros = String(Math.floor((wall % 1000) * 1000)).padStart(6, '0')
    const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}.${micros}`
    return `${level}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())} ${time} ${String(this.process.pid).padStart(7)}`
  }

  /** GetValidationDirective. */
  validation(): 'Strict' | 'Warn' | 'Ignore' {
    const value = this.flags.string('validate')
    if (value === 'strict' || value === 'true') return 'Strict'
    if (value === 'warn') return 'Warn'
    if (value === 'ignore' || value === 'false') return 'Ignore'
    throw new KubectlError(`invalid - validate option ${quote(value)}; must be one of: strict (or true), warn, ignore (or false)`)
  }
}

/** What an operation is called under --dry-run. */
export function dryRunned(operation: string, dryRun: DryRun): string {
  return dryRun === 'client' ? `${operation} (dry run)` : dryRun === 'server' ? `${operation} (server dry run)` : operation
}

/** "pod/web created" */
export function did(object: unknown, operation: string, dryRun: DryRun): string {
  return `${objectName(object)} ${dryRunned(operation, dryRun)}\n`
}
