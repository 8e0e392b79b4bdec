import type { Clock } from '../../clock.ts'
import { encodeBase64 } from '../../kubernetes/base64.ts'
import { digestResponse, parseDigest } from '../http/digest.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'

/** The middleware digestAuth (pkg/middlewares/auth/digest_auth.go, abbot/go-http-auth): nonces of its own, each good for requests with growing numbers. */
export class DigestGuard {
  readonly #clock: Clock
  readonly #nonces = new Map<string, number>()
  readonly #opaque: string

  constructor(clock: Clock) {
    this.#clock = clock
    this.#opaque = this.#key()
  }

  /** `users`: lines "user:realm:hash". The user, or the challenge for who is none. */
  check(users: string, realm: string, request: HttpRequest): { user: string } | { challenge: string } {
    const given = parseDigest(headerOf(request.headers, 'authorization'))
    const of = (name: string): string => given?.get(name) ?? ''
    const last = this.#nonces.get(of('nonce'))
    const number = Number.parseInt(of('nc'), 16)
    const secret = users.split('\n').map((line) => line.trim().split(':')).find(([user, where]) => user === of('username') && where === realm)?.[2]
    const good = secret !== undefined && of('qop') === 'auth' && (of('algorithm') || 'MD5') === 'MD5' && of('opaque') === this.#opaque && of('uri') === request.target
      && of('response') === digestResponse(secret, request.method, of('uri'), of('nonce'), { qop: 'auth', nc: of('nc'), cnonce: of('cnonce') })
    const known = last !== undefined && number > last
    if (good && known) {
      this.#nonces.set(of('nonce'), number)
      return { user: of('username') }
    }
    const nonce = this.#key()
    this.#nonces.set(nonce, 0)
    return { challenge: `Digest realm="${realm}", nonce="${nonce}", opaque="${this.#opaque}", algorithm=MD5, qop="auth"${good ? ', stale=true' : ''}` }
  }

  /** RandomKey: twelve bytes. */
  #key(): string {
    return encodeBase64(Uint8Array.from({ length: 12 }, () => this.#clock.random.below(256)))
  }
}
