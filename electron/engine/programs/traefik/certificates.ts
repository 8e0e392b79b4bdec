import type { Clock } from '../../clock.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import type { TlsServerOptions } from '../tls/socket.ts'
import { ALERTS } from '../tls/wire.ts'
import { matchingName, type Certificate } from '../tls/x509.ts'
import type { Dynamic, Router } from './model.ts'
import { optionFor, optionProblem } from './tls-options.ts'

type Selected = ReturnType<TlsServerOptions['select']>

/** Which certificate a handshake gets, and under which TLS options: by the server name in it (pkg/tls/tlsmanager.go). */
export class CertificateChoice {
  readonly #clock: Clock
  readonly #dynamic: () => Dynamic
  readonly #routers: () => readonly Router[]
  /** TRAEFIK DEFAULT CERT, made when first somebody gets it. */
  #own: Certificate | undefined

  /** `routers`: with those whose TLS options are not to be had. */
  constructor(clock: Clock, dynamic: () => Dynamic, routers: () => readonly Router[]) {
    this.#clock = clock
    this.#dynamic = dynamic
    this.#routers = routers
  }

  /** With the TLS options of the name's routers. */
  select(name: string | undefined): Selected {
    return this.under(optionFor(name, this.#routers()), name)
  }

  /** With TLS options that are known. */
  under(wanted: string, name: string | undefined): Selected {
    const dynamic = this.#dynamic()
    const option = dynamic.tlsOptions.get(wanted)
    if (optionProblem(wanted, dynamic) !== undefined) return { alert: undefined }
    if (option?.strict && !this.#certified(name)) return { alert: ALERTS.unrecognizedName }
    return { chain: this.chainFor(name), clients: option?.clients, alpn: option?.alpn }
  }

  chainFor(name: string | undefined): readonly Certificate[] {
    const exact = this.#certified(name) ?? this.#dynamic().ownCertificate
    if (exact) return exact
    const { random } = this.#clock
    this.#own ??= makeCertificate({
      subject: [['CN', 'TRAEFIK DEFAULT CERT']], key: makeKey(random), notBefore: Math.floor(this.#clock.wall() / 1000) * 1000, days: 365, alternativeNames: [`${random.hex(32)}.${random.hex(32)}.traefik.default`], serverOnly: true, random,
    })
    return [this.#own]
  }

  #certified(name: string | undefined): readonly Certificate[] | undefined {
    const { certificates } = this.#dynamic()
    return name === undefined ? undefined : (certificates.find(([own]) => own!.dnsNames.includes(name)) ?? certificates.find(([own]) => matchingName(own!, name) !== undefined))
  }
}
