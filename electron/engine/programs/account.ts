import { ConnectionError, type KubernetesClient } from '../kubernetes/client.ts'
import { TOKEN } from '../kubernetes/in-cluster-client.ts'
import { asManager } from '../kubernetes/managed-fields/as-manager.ts'
import { accountClient, type AccountClient } from '../kubernetes/rbac/account-client.ts'
import type { ReflectorFailure } from '../kubernetes/rbac/account-reflector.ts'
import { userOfToken } from '../kubernetes/rbac/authenticate.ts'
import type { User } from '../kubernetes/rbac/authorizer.ts'
import type { Pod } from '../kubernetes/types.ts'
import type { Process } from '../machine/types.ts'

/** The k8s.io/client-go that a program is built with, and how its reflectors call themselves. */
export interface ClientGo {
  minor: 31 | 32 | 33
  /** "k8s.io/client-go/informers/factory.go:160" of Kubernetes' own parts; absent: that of a module in Go's cache. */
  name?: string
  patch?: number
}

export type KlogWriter = (severity: 'W' | 'E', source: string, message: string) => void

/** Where reflectors say what fails, and where they are: tools/cache/reflector.go of each version. */
const PLACES = { 31: { warning: 561, error: 158, at: 243 }, 32: { warning: 569, error: 166, at: 251 }, 33: { warning: 569, error: 200, at: 285 } }

/** What a reflector's watch error handler writes through klog: before v0.33 a warning of the list goes before it. */
export function tellFailure({ minor, name, patch = 0 }: ClientGo, { type, error, list }: ReflectorFailure, log: KlogWriter): void {
  const { warning, error: line, at } = PLACES[minor]
  const reflector = name ?? `pkg/mod/k8s.io/client-go@v0.${minor}.${patch}/tools/cache/reflector.go:${at}`
  if (minor === 33) return log('E', `reflector.go:${line}`, `"Failed to watch" err=${JSON.stringify(error)} logger="UnhandledError" reflector="${reflector}" type="${type}"`)
  if (list !== undefined) log('W', `reflector.go:${warning}`, `${reflector}: failed to list ${type}: ${list}`)
  log('E', `reflector.go:${line}`, `"Unhandled Error" err=${JSON.stringify(`${reflector}: Failed to watch ${type}: ${error}`)} logger="UnhandledError"`)
}

/**
 * The API for the program of a container, as the ServiceAccount of its Pod may use it; it writes under the name `manager`. `tell` says what fails. Where nobody
 * knows the Pod, it is the client itself.
 */
export function accountOf(process: Process, whose: KubernetesClient, tell: (failure: ReflectorFailure) => void, options: { manager: string; selects?: boolean; onlyLists?: boolean }): AccountClient {
  const user = userOf(process, whose)
  const client = asManager(whose, options.manager)
  if (!user) return { ...client, refusal: () => undefined, *untilSynced() {}, onceSynced: (_resource, _options, done) => done(), stopReflectors: () => undefined }
  const account = accountClient(client, { clock: process.clock, user, isKnown: tokenCheck(process, whose), seed: process.machine.name, onFailure: tell, ...options })
  process.onExit(() => account.stopReflectors())
  return account
}

/** Whom the token in the container is of. */
function userOf({ machine }: Process, client: KubernetesClient): User | undefined {
  const [namespace, name] = machine.kind === 'container' ? machine.name.split('/') : []
  if (namespace === undefined || name === undefined) return undefined
  const pod = (client.way?.server ?? client).list<Pod>('pods', { namespace, fieldSelector: `metadata.name=${name}` }).items[0]
  const account = pod?.spec.serviceAccountName
  return account === undefined ? undefined : { name: `system:serviceaccount:${namespace}:${account}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'] }
}

/** Whether the token in the container is good now. */
function tokenCheck({ fs, clock }: Process, client: KubernetesClient): () => boolean {
  const server = client.way?.server ?? client
  return () => {
    try {
      return !fs.exists(TOKEN) || userOfToken(server, fs.readText(TOKEN).trim(), clock.wall()) !== undefined
    } catch (error) {
      if (error instanceof ConnectionError) return true
      throw error
    }
  }
}
