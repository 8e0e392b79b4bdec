import { hmac } from '../../programs/scram.ts'
import { encodeUtf8 } from '../../text.ts'
import { encodeBase64 } from '../base64.ts'
import { BOOTSTRAP_TOKEN, bootstrapTokenOf, hasExpired, type BootstrapToken } from '../bootstrap-token.ts'
import { StatusError } from '../client.ts'
import type { ConfigMap, Secret } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import type { Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

const INFO = { namespace: 'kube-public', name: 'cluster-info' }
const SIGNATURE = 'jws-kubeconfig-'

/**
 * Bootstrap tokens (pkg/controller/bootstrap): with those that may sign, cluster-info's kubeconfig is signed; those whose time is
 * over are deleted.
 */
export class BootstrapTokensController implements Controller {
  readonly #context: ControllerContext
  readonly #secrets: Informer<Secret>
  readonly #queue: WorkQueue
  /** Keys of the Secrets of this type. */
  readonly #known = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, () => this.#sync())
    this.#secrets = context.informers.of<Secret>('secrets')
    const keyOf = ({ metadata: { namespace, name } }: Secret): string => `${namespace}/${name}`
    const changed = (secret: Secret): void => {
      if (secret.type !== BOOTSTRAP_TOKEN) return
      this.#known.add(keyOf(secret))
      this.#queue.add('all')
    }
    this.#secrets.on({
      onAdd: changed,
      onUpdate: changed,
      onDelete: (secret) => {
        if (this.#known.delete(keyOf(secret))) this.#queue.add('all')
      },
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(): void {
    const wall = this.#context.clock.wall()
    const signers: BootstrapToken[] = []
    let next = Infinity
    for (const key of this.#known) {
      const [namespace, name = ''] = key.split('/')
      const secret = this.#secrets.get(namespace, name)
      const token = secret && bootstrapTokenOf(secret)
      if (!token) continue
      if (hasExpired(token, wall)) {
        ignoringGone(() => this.#context.client.delete('secrets', namespace, name, { preconditions: { uid: secret.metadata.uid } }))
        continue
      }
      if (token.expires !== undefined) next = Math.min(next, Date.parse(token.expires) - wall)
      if (token.usages.includes('signing')) signers.push(token)
    }
    if (next < Infinity) this.#queue.addAfter('all', next, { background: true })
    this.#sign(signers)
  }

  #sign(tokens: readonly BootstrapToken[]): void {
    const { client } = this.#context
    let info: ConfigMap
    try {
      info = client.get<ConfigMap>('configmaps', INFO.namespace, INFO.name)
    } catch (error) {
      if (error instanceof StatusError && error.status.code === 404) return
      throw error
    }
    const { kubeconfig, ...others } = info.data ?? {}
    if (kubeconfig === undefined) return
    const signed = new Map(tokens.map((token) => [`${SIGNATURE}${token.id}`, signature(kubeconfig, token)]))
    const changes: Record<string, string | null> = {}
    for (const key of Object.keys(others)) if (key.startsWith(SIGNATURE) && !signed.has(key)) changes[key] = null
    for (const [key, value] of signed) if (others[key] !== value) changes[key] = value
    if (Object.keys(changes).length > 0) ignoringGone(() => client.patch('configmaps', INFO.namespace, INFO.name, 'application/merge-patch+json', { data: changes }))
  }
}

/** A JWS with its payload left out (RFC 7515, appendix F), by HMAC with SHA-256. */
export function signature(content: string, { id, secret }: Pick<BootstrapToken, 'id' | 'secret'>): string {
  const url = (bytes: Uint8Array): string => encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  const head = url(encodeUtf8(JSON.stringify({ alg: 'HS256', kid: id })))
  return `${head}..${url(hmac(encodeUtf8(secret), encodeUtf8(`${head}.${url(encodeUtf8(content))}`)))}`
}
