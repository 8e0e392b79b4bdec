import { encodeBase64 } from '../kubernetes/base64.ts'
import { CLUSTER_CA } from '../kubernetes/cluster-ca.ts'
import { joinHostPort } from '../network/address.ts'
import { encodeUtf8 } from '../text.ts'
import { clientCredentials, type Holder } from './pki.ts'

/** The one context name of `run`, `serve` and the app (design 5.3). */
const CONTEXT = 'kubernetes-admin@podhop'

/** A kubeconfig as kubeadm writes it, with the certificate within. `born`: ms since 1970. */
export function kubeadmConfig(holder: Extract<Holder, 'admin' | 'super-admin'>, { apiServer, seed, born }: { apiServer: string; seed: number; born: number }): string {
  const { certificate, key } = clientCredentials(holder, seed, born)
  const text = kubeconfig({
    server: `https://${joinHostPort(apiServer, 6443)}`,
    certificateAuthority: inBase64(CLUSTER_CA),
    user: { 'client-certificate-data': inBase64(certificate), 'client-key-data': inBase64(key) },
  })
  return holder === 'admin' ? text : text.replaceAll('kubernetes-admin', 'kubernetes-super-admin')
}

const inBase64 = (text: string): string => encodeBase64(encodeUtf8(text))

/** A kubeconfig for the cluster: the lab terminal's and those of real clients differ in how they get in only. `tlsServerName`: as what the server is asked for, where that is not its address. */
export function kubeconfig(access: { server: string; certificateAuthority: string; tlsServerName?: string; user: Record<string, string> }): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${access.certificateAuthority}
    server: ${access.server}
${access.tlsServerName === undefined ? '' : `    tls-server-name: ${access.tlsServerName}\n`}  name: podhop
contexts:
- context:
    cluster: podhop
    user: kubernetes-admin
  name: ${CONTEXT}
current-context: ${CONTEXT}
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
${Object.entries(access.user).map(([key, value]) => `    ${key}: ${value}\n`).join('')}`
}
