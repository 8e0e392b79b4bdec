import { DerError } from '../../engine/programs/tls/der.ts'
import { readKey, type RsaKey } from '../../engine/programs/tls/make.ts'
import { type Certificate, readCertificates } from '../../engine/programs/tls/x509.ts'
import type { KubernetesClient } from '../../engine/kubernetes/client.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { ANONYMOUS, userOfCertificate, userOfToken } from '../../engine/kubernetes/rbac/authenticate.ts'
import { asUser, become } from '../../engine/kubernetes/rbac/as-user.ts'
import { ADMIN, type User } from '../../engine/kubernetes/rbac/authorizer.ts'
import { failure } from '../../engine/kubernetes/status.ts'
import { KubectlError } from './errors.ts'
import type { ClientConfig } from './client-config.ts'
import { list, text } from './objects.ts'

/** The user of the kubeconfig shows nothing: kubectl asks for a name and a password. */
export class NoCredentials extends Error {}

/** clientcmd's PromptingAuthLoader. */
export function* askForPassword(process: Process): Task {
  yield* process.print('Please enter Username: ')
  if ((yield* process.readLine()) === null) throw new KubectlError('EOF')
  yield* process.print('Please enter Password: ')
  const terminal = process.terminalOf()
  if (!terminal) throw new KubectlError('error reading input for Password')
  terminal.echo = false
  try {
    yield* process.readLine()
  } finally {
    terminal.echo = true
  }
}

/** The client as the user of the kubeconfig, or as whom --token, --as, --as-group and --as-uid say. */
export function identified(client: KubernetesClient, config: ClientConfig, wall: number, asked: boolean): KubernetesClient {
  return asIdentity(client, identityOf(client, config, wall, asked))
}

export function asIdentity(client: KubernetesClient, { shown, as = shown }: Identity): KubernetesClient {
  return isAdministrator(as) ? client : asUser(client, as)
}

/** Whoever has kubeadm's admin.conf, or what is as good. */
function isAdministrator({ name, groups }: User): boolean {
  return name === ADMIN.name && ADMIN.groups.every((group) => groups.includes(group))
}

export interface Identity {
  /** Who the credentials say. */
  shown: User
  /** As whom he asks. */
  as?: User
}

/** clientcmd's AuthInfo and its overrides. */
export function identityOf(client: KubernetesClient, config: ClientConfig, wall: number, asked: boolean): Identity {
  const { user: entry } = config
  const [as, uid, token] = ['as', 'as-uid', 'token'].map((field) => text(entry[field])) as [string, string, string]
  const has = (...fields: readonly string[]): boolean => fields.some((field) => entry[field] !== undefined && entry[field] !== '')
  const hasCertificate = has('client-certificate-data', 'client-certificate')
  const isNamed = hasCertificate || token !== '' || has('tokenFile', 'auth-provider', 'exec')
  if (!isNamed && !has('username') && !asked) throw new NoCredentials()
  // the server knows no passwords; a certificate comes before a token
  const shown = !isNamed ? ANONYMOUS : hasCertificate ? holder(config, wall) : token ? userOfToken(client, token, wall) : ADMIN
  if (!shown) throw failure(401, 'Unauthorized', 'Unauthorized')
  return as ? { shown, as: become(client, shown, { user: as, groups: list(entry['as-groups']).map(text), ...(uid ? { uid } : {}) }) } : { shown }
}

/** Who shows a client's certificate. Throws what Go's TLS has against the files. */
function holder(config: ClientConfig, wall: number): User | undefined {
  return userOfCertificate(read(config.credential('client-certificate') ?? '', config.credential('client-key') ?? ''), wall)
}

/** What was read last is asked for with each command. */
let last: { certificate: string; key: string; read: Certificate } | undefined

/** tls.X509KeyPair. */
function read(certificate: string, key: string): Certificate {
  if (last?.certificate === certificate && last.key === key) return last.read
  const unread = (why: string): KubectlError => new KubectlError(`tls: ${why}`)
  if (!/-----BEGIN CERTIFICATE-----/.test(certificate)) throw unread('failed to find any PEM data in certificate input')
  const shown = readAll(certificate)
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) throw unread('failed to find any PEM data in key input')
  if (!shown[0]) throw unread('failed to parse certificate')
  const own = keyOf(key)
  if (own && shown[0].rsa && own.n !== shown[0].rsa.modulus) throw unread('private key does not match public key')
  last = { certificate, key, read: shown[0] }
  return shown[0]
}

function readAll(pem: string): Certificate[] {
  try {
    return readCertificates(pem)
  } catch (error) {
    if (error instanceof DerError) return []
    throw error
  }
}

function keyOf(pem: string): RsaKey | undefined {
  try {
    return readKey(pem)
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
