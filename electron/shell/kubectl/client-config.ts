import { decodeBase64 } from '../../engine/kubernetes/base64.ts'
import type { Cluster } from '../../engine/cluster.ts'
import type { KubernetesClient } from '../../engine/kubernetes/client.ts'
import { CLUSTER_CA } from '../../engine/kubernetes/cluster-ca.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import { byName } from '../../engine/own.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Filesystem, Process } from '../../engine/machine/types.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { dialServer } from './dial-server.ts'
import { ConfigurationError, ContextNotFoundError, KubectlError, NotSimulatedError, quote, UnreachableError } from './errors.ts'
import type { FlagSet } from './flags.ts'
import { inCluster } from './in-cluster.ts'
import type { Kubeconfig } from './kubeconfig.ts'
import { isObject, type JsonObject, list, map, text } from './objects.ts'
import type { ServerSession } from './server-session.ts'

/** Where kubectl looks for a server when nothing names one. */
export const NOWHERE = 'http://localhost:8080'

/** From kubeconfig and flags to a way to a server: client-go's clientcmd/client_config.go and validation.go. */

/** What the command line changes of a cluster and of a user: flag, field. */
const CLUSTER_FLAGS = [['server', 'server'], ['certificate-authority', 'certificate-authority'], ['tls-server-name', 'tls-server-name']] as const
const USER_FLAGS = [['client-certificate', 'client-certificate'], ['client-key', 'client-key'], ['token', 'token'], ['username', 'username'], ['password', 'password'], ['as', 'as'], ['as-uid', 'as-uid']] as const

/** Verbs that need a server before they ask which namespace they work in. The others say first what is wrong with the configuration as a whole. */
const SERVER_FIRST = [
  'version', 'apply', 'create', 'explain', 'api-resources', 'api-versions', 'cluster-info', 'auth whoami', 'auth can-i', 'wait', 'drain', 'cordon', 'uncordon', 'diff', 'proxy', 'set env', 'expose', 'replace', 'run', 'top node', 'certificate',
]
const NAMESPACE_FIRST = ['apply view-last-applied', 'apply set-last-applied', 'apply edit-last-applied', 'create token']

/** The parts of the configuration that are in use, with what the command line changes. */
export class ClientConfig {
  readonly cluster: JsonObject
  readonly user: JsonObject
  readonly userName: string
  readonly #config: Kubeconfig
  readonly #flags: FlagSet
  readonly #fs: Filesystem
  readonly #clusterName: string

  constructor(process: Process, config: Kubeconfig, flags: FlagSet) {
    this.#config = config
    this.#flags = flags
    this.#fs = process.fs
    const context = config.context(flags.string('context'))
    this.#clusterName = flags.string('cluster') || (context?.cluster ?? '')
    this.userName = flags.global('user') || (context?.user ?? '')
    const inside = inCluster(process, config)
    const cluster: JsonObject = { ...inside?.cluster, ...config.absolute('clusters', this.#clusterName) }
    const insecure = flags.global('insecure-skip-tls-verify') === 'true'
    const authority = flags.global('certificate-authority')
    if (insecure || authority !== '') {
      for (const field of ['certificate-authority', 'certificate-authority-data', 'insecure-skip-tls-verify']) delete cluster[field]
      if (insecure) cluster['insecure-skip-tls-verify'] = true
    }
    const user: JsonObject = { ...inside?.user, ...config.absolute('users', this.userName) }
    for (const [flag, field] of CLUSTER_FLAGS) if (flags.global(flag) !== '') cluster[field] = flags.global(flag)
    for (const [flag, field] of USER_FLAGS) {
      if (flags.global(flag) === '') continue
      user[field] = flags.global(flag)
      if (field.startsWith('client-')) delete user[`${field}-data`]
    }
    if (flags.list('as-group').length > 0) user['as-groups'] = [...flags.list('as-group')]
    this.cluster = cluster
    this.user = user
    this.#process = process
  }
  readonly #process: Process

  /** The server's URL; empty when nothing names one. */
  get server(): string {
    const server = text(this.cluster['server'])
    return server === '' || server.includes('://') ? server : `http://${server}`
  }

  /** What of the names on the command line does not exist. */
  missing(): KubectlError | undefined {
    const { string } = { string: (name: string): string => this.#flags.global(name) }
    if (string('user') && !this.#config.entry('users', string('user'))) return new KubectlError(`auth info ${quote(string('user'))} does not exist`)
    const context = this.#flags.string('context')
    if (context && !this.#config.context(context)) return new KubectlError(`context ${quote(context)} does not exist`)
    if (string('cluster') && !this.#config.entry('clusters', string('cluster'))) return new KubectlError(`cluster ${quote(string('cluster'))} does not exist`)
    return undefined
  }

  /** Everything that is wrong with what is in use (ConfirmUsable). */
  problems(): KubectlError | undefined {
    const errors: KubectlError[] = []
    const name = this.#flags.string('context') || this.#config.currentContext
    if (name && !this.#config.context(name)) errors.push(new ContextNotFoundError(name))
    errors.push(...this.#userProblems().map((why) => new KubectlError(why)), ...this.#clusterProblems().map((why) => new KubectlError(why)))
    return errors.length > 1 ? new ConfigurationError(errors) : errors[0]
  }

  /** What Go's TLS says of the server's certificate, if it does not trust it. */
  distrust(url: string): string | undefined {
    if (!url.startsWith('https://') || this.cluster['insecure-skip-tls-verify'] === true) return undefined
    const path = text(this.cluster['certificate-authority'])
    const data = decodeBase64(text(this.cluster['certificate-authority-data']))
    const authority = text(this.cluster['certificate-authority-data']) !== '' ? (typeof data === 'number' ? '' : decodeUtf8(data)) : path !== '' ? this.#fs.readText(this.#process.resolve(path)) : undefined
    if (authority?.includes(CLUSTER_CA.trim())) return undefined
    if (authority !== undefined && !authority.includes('-----BEGIN CERTIFICATE-----')) throw new KubectlError('unable to load root certificates: unable to parse bytes as PEM block')
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  }

  /** What a file of the user's holds, or what stands in the kubeconfig in its place; undefined where there is neither. */
  credential(field: 'client-certificate' | 'client-key'): string | undefined {
    const given = text(this.user[`${field}-data`])
    if (given !== '') {
      const bytes = decodeBase64(given)
      return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
    }
    const path = text(this.user[field])
    return path === '' ? undefined : this.#fs.readText(this.#process.resolve(path))
  }

  #unreadable(entry: JsonObject, field: string, as: string, name: string): string[] {
    const path = text(entry[field])
    return path === '' || this.#fs.exists(this.#process.resolve(path)) ? [] : [`unable to read ${as} ${path} for ${name} due to open ${path}: no such file or directory`]
  }
  #userProblems(): string[] {
    const { user, userName: name } = this
    const has = (field: string): boolean => text(user[field]) !== ''
    const found: string[] = []
    if (has('client-certificate') || has('client-certificate-data')) {
      if (has('client-certificate') && has('client-certificate-data')) found.push(`client-cert-data and client-cert are both specified for ${name}. client-cert-data will override.`)
      if (has('client-key') && has('client-key-data')) found.push(`client-key-data and client-key are both specified for ${name}; client-key-data will override`)
      if (!has('client-key') && !has('client-key-data')) found.push(`client-key-data or client-key must be specified for ${name} to use the clientCert authentication method.`)
      found.push(...this.#unreadable(user, 'client-certificate', 'client-cert', name), ...this.#unreadable(user, 'client-key', 'client-key', name))
    }
    if (isObject(user['exec'])) {
      const exec = user['exec']
      if (user['auth-provider'] !== undefined) found.push(`authProvider cannot be provided in combination with an exec plugin for ${name}`)
      for (const field of ['command', 'apiVersion']) if (text(exec[field]) === '') found.push(`${field} must be specified for ${name} to use exec authentication plugin`)
      for (const variable of list(exec['env'])) if (text(map(variable)['name']) === '') found.push(`env variable name must be specified for ${name} to use exec authentication plugin`)
      const mode = text(exec['interactiveMode'])
      if (mode !== '' && !['Never', 'IfAvailable', 'Always'].includes(mode)) found.push(`invalid interactiveMode for ${name}: ${quote(mode)}`)
    }
    if (has('token') && (has('username') || has('password'))) found.push(`more than one authentication method found for ${name}; found [token basicAuth], only one is allowed`)
    if ((has('as-uid') || list(user['as-groups']).length > 0) && !has('as')) found.push(`requesting uid, groups or user-extra for ${name} without impersonating a user`)
    return found
  }
  #clusterProblems(): string[] {
    const { cluster } = this
    const name = this.#clusterName
    const found: string[] = []
    // no cluster at all is localhost:8080; a name that is none has no server
    if (text(cluster['server']) === '' && this.#flags.string('cluster') && !this.#config.entry('clusters', name)) found.push(`no server found for cluster ${quote(name)}`)
    if (text(cluster['certificate-authority']) !== '' && text(cluster['certificate-authority-data']) !== '') found.push(`certificate-authority-data and certificate-authority are both specified for ${name}. certificate-authority-data will override.`)
    return [...found, ...this.#unreadable(cluster, 'certificate-authority', 'certificate-authority', name)]
  }
}

/** Says what is wrong with the configuration, in the words and the order of the verb. */
export function confirmUsable(client: ClientConfig, path: string, flags: FlagSet): void {
  const verb = path.slice('kubectl '.length)
  const within = (verbs: readonly string[]): boolean => verbs.some((v) => verb === v || verb.startsWith(`${v} `))
  const raw = verb === 'get' && flags.string('raw') !== ''
  const serverFirst = raw || flags.global('namespace') !== '' || (within(SERVER_FIRST) && !within(NAMESPACE_FIRST))
  const problem = serverFirst ? (client.missing() ?? client.problems()) : (client.problems() ?? client.missing())
  if (problem) throw problem
}

/** Nobody knows yet who answers at a URL. */
export class NotDialled extends Error {
  readonly url: string
  constructor(url: string) {
    super(`not dialled: ${url}`)
    this.url = url
  }
}

/** Where a URL led: to the API server, to somebody else, or nowhere. */
export type Dialled = { url: string; reached: 'api' | 'other' } | UnreachableError

export function* tryServer(process: Process, cluster: Cluster, url: string, patience: number): Task<Dialled> {
  const tried = yield* dialServer(process, url, patience)
  if ('error' in tried) return new UnreachableError(url, tried.error)
  const service = cluster.client.get<{ spec: { clusterIPs: string[] } } & KubeObject>('services', 'default', 'kubernetes')?.spec.clusterIPs ?? []
  const isApi = (tried.port === 6443 && cluster.config.nodes.some((n) => n.role === 'control-plane' && n.ip === tried.address)) || (tried.port === 443 && service.includes(tried.address))
  return { url, reached: isApi && url.startsWith('https://') ? 'api' : 'other' }
}

/** The API server that the configuration leads to. Podhop has one: what else answers is said not to be simulated. */
export function connect(cluster: Cluster, client: ClientConfig, dialled: Dialled | undefined, session: ServerSession | undefined): KubernetesClient {
  const url = client.server || NOWHERE
  if (dialled instanceof UnreachableError) throw dialled
  if (url.replace(/\/$/, '') !== serverUrl(cluster)) {
    if (!dialled) throw new NotDialled(url)
    if (dialled.reached === 'other') throw new NotSimulatedError(`the server ${url}`, `the cluster's API server is ${serverUrl(cluster)}`)
  } else if (session && !session.isTried) throw new NotDialled(url)
  const distrust = client.distrust(url)
  if (distrust !== undefined) throw new UnreachableError(url, distrust)
  return session?.connection ?? cluster.connection
}

/** Where the options stand among the arguments of the calls that an answer may warn about. */
const OPTIONS_AT: Record<string, number> = byName({ create: 3, update: 4, patch: 5 })

/** Calls whose third argument is a name, which client-go sends no request without. */
const NAMED = new Set(['get', 'update', 'patch', 'delete', 'scale'])

/** The same client, with what its answers warn of told to `tell`. */
export function hearing(client: KubernetesClient, tell: (text: string) => void): KubernetesClient {
  return new Proxy(client, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      const at = OPTIONS_AT[String(key)]
      return (...args: unknown[]): unknown => {
        if (args[2] === '' && NAMED.has(String(key))) throw new KubectlError('resource name may not be empty')
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
