import { encodeUtf8 } from '../../text.ts'
import { encodeBase64 } from '../base64.ts'
import { rootCa } from '../bootstrap.ts'
import { secretToken } from '../service-account-token.ts'
import type { KubeObject, Secret } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import type { Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

const TOKEN_SECRET = 'kubernetes.io/service-account-token'
const ACCOUNT_NAME = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'

/** Fills the Secrets that somebody made for a ServiceAccount's token, and takes them away with it: pkg/controller/serviceaccount/tokens_controller.go. */
export class ServiceAccountTokensController implements Controller {
  readonly #context: ControllerContext
  readonly #secrets: Informer<Secret>
  readonly #accounts: Informer<KubeObject>
  readonly #queue: WorkQueue
  /** Keys of the Secrets of this type: few clusters have any. */
  readonly #known = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('serviceaccount_tokens_service'))
    this.#accounts = context.informers.of<KubeObject>('serviceaccounts')
    this.#secrets = context.informers.of<Secret>('secrets')
    const changed = (secret: Secret): void => {
      if (secret.type !== TOKEN_SECRET) return
      const key = `${secret.metadata.namespace}/${secret.metadata.name}`
      this.#known.add(key)
      this.#queue.add(key)
    }
    this.#secrets.on({ onAdd: changed, onUpdate: changed, onDelete: ({ metadata: { namespace, name } }) => void this.#known.delete(`${namespace}/${name}`) })
    const all = (): void => {
      for (const key of this.#known) this.#queue.add(key)
    }
    this.#accounts.on({ onAdd: all, onUpdate: () => undefined, onDelete: all })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): void {
    const [namespace = '', name = ''] = key.split('/')
    const secret = this.#secrets.get(namespace, name)
    if (!secret || secret.metadata.deletionTimestamp) return
    const annotations = secret.metadata.annotations ?? {}
    const account = this.#accounts.get(namespace, annotations[ACCOUNT_NAME] ?? '')
    const { client } = this.#context
    if (!account || (annotations[ACCOUNT_UID] !== undefined && annotations[ACCOUNT_UID] !== account.metadata.uid)) {
      return void ignoringGone(() => client.delete('secrets', namespace, name, { preconditions: { uid: secret.metadata.uid } }))
    }
    const data = secret.data ?? {}
    const missing: Record<string, string> = {}
    if (data['ca.crt'] === undefined) missing['ca.crt'] = encodeBase64(encodeUtf8(rootCa().data['ca.crt']))
    if (data['namespace'] === undefined) missing['namespace'] = encodeBase64(encodeUtf8(namespace))
    if (data['token'] === undefined) missing['token'] = encodeBase64(encodeUtf8(secretToken(secret, account)))
    if (Object.keys(missing).length === 0 && annotations[ACCOUNT_UID] !== undefined) return
    ignoringGone(() => client.patch('secrets', namespace, name, 'application/merge-patch+json', { metadata: { annotations: { [ACCOUNT_UID]: account.metadata.uid } }, data: missing }))
  }
}
