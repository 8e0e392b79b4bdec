import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { KubeApi } from '../session/api-calls.ts'

/** What the kubeconfig of this start has and nobody else: the administrator's token, and the name of the server (tls-server-name). */
export interface Secrets { token: string; serverName: string }

/**
 * Who asks on the host's port. The cluster's authority is the same in every lab, so a certificate alone opens nothing: whoever comes with one,
 * or with a ServiceAccount's token, has to ask for the server by the name that only the kubeconfig has.
 */
export class Callers {
  readonly #secrets: Secrets
  /** What a connection's client has shown; each request of it asks again. */
  readonly #certificates = new WeakMap<TLSSocket, Uint8Array | null>()

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  /** Whether he has read the kubeconfig. */
  isKnown(request: IncomingMessage): boolean {
    return this.#isAdministrator(request) || same(servernameOf(request.socket as TLSSocket), this.#secrets.serverName)
  }

  /** The way into the cluster of who is known; undefined: the API server knows nobody who shows this. */
  apiFor(api: KubeApi, request: IncomingMessage): KubeApi | undefined {
    const certificate = this.#certificateOf(request.socket as TLSSocket)
    const isAdministrator = this.#isAdministrator(request)
    if (!certificate && isAdministrator) return api
    const user = api.identify({ certificate, authorization: isAdministrator ? undefined : request.headers.authorization })
    if (user) return api.as(user)
    return isAdministrator ? api : undefined
  }

  #isAdministrator({ headers: { authorization = '' } }: IncomingMessage): boolean {
    const [scheme, given = ''] = authorization.split(' ')
    return scheme?.toLowerCase() === 'bearer' && same(given, this.#secrets.token)
  }

  #certificateOf(socket: TLSSocket): Uint8Array | undefined {
    let found = this.#certificates.get(socket)
    if (found === undefined) {
      // a client without one has an empty object
      const { raw } = socket.getPeerCertificate() as { raw?: Buffer }
      this.#certificates.set(socket, (found = raw ? new Uint8Array(raw) : null))
    }
    return found ?? undefined
  }
}

/** TLS' Server Name Indication. */
function servernameOf({ servername }: TLSSocket): string {
  return servername || ''
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}
