import type { Ingress, Secret } from '../../kubernetes/types.ts'
import type { Process } from '../../machine/types.ts'
import { makeCertificate, makeKey } from '../tls/make.ts'
import { hostnameError, tlsSecret } from '../tls/secrets.ts'
import type { Certificate } from '../tls/x509.ts'

export interface HostCertificate {
  chain: readonly Certificate[] | undefined
  /** klog's source, severity and text. */
  note?: { source: string; severity: 'I' | 'W' | 'E'; text: string }
}

/** What the NGINX controller shows for a host of an Ingress; undefined when no `tls` speaks of it; an undefined chain stands for its own certificate. */
export function certificateFor(ingress: Ingress, host: string, secret: (namespace: string, name: string) => Secret | undefined): HostCertificate | undefined {
  const { namespace = '' } = ingress.metadata
  const tls = ingress.spec.tls ?? []
  const lower = host.toLowerCase()
  let section = tls.find(({ hosts }) => hosts?.some((h) => h.toLowerCase() === lower))
  section ??= tls.find(({ secretName }) => {
    const found = secretName ? secret(namespace, secretName) : undefined
    const loaded = found && tlsSecret(found)
    return loaded && 'chain' in loaded && hostnameError(loaded.chain[0]!, host) === undefined
  })
  if (!section) return undefined
  const warn = (source: string, text: string): HostCertificate => ({ chain: undefined, note: { source, severity: 'W', text } })
  if (!section.secretName) return { chain: undefined, note: { source: 'controller.go:1458', severity: 'I', text: `Host "${host}" is listed in the TLS section but secretName is empty. Using default certificate` } }
  const key = `${namespace}/${section.secretName}`
  const found = secret(namespace, section.secretName)
  if (!found) return warn('controller.go:1468', `Error getting SSL certificate "${key}": local SSL certificate ${key} was not found. Using default certificate`)
  const loaded = tlsSecret(found)
  if ('error' in loaded) return warn('controller.go:1468', `Error getting SSL certificate "${key}": local SSL certificate ${key} was not found. Using default certificate`)
  const problem = hostnameError(loaded.chain[0]!, host)
  const common = loaded.chain[0]!.subject.findLast(([type]) => type === 'CN')?.[1]
  if (problem !== undefined && common !== host) {
    return warn('controller.go:1484', `SSL certificate "${key}" does not contain a Common Name or Subject Alternative Name for server "${host}": ${problem}`)
  }
  return { chain: loaded.chain }
}

/** The one for hosts without any (internal/net/ssl: GetFakeSSLCert). */
export function makeFake({ clock }: Process): Certificate {
  return makeCertificate({
    subject: [['O', 'Acme Co'], ['CN', 'Kubernetes Ingress Controller Fake Certificate']],
    key: makeKey(clock.random), notBefore: Math.floor(clock.wall() / 1000) * 1000, days: 365, alternativeNames: ['ingress.local'], serverOnly: true, random: clock.random,
  })
}
