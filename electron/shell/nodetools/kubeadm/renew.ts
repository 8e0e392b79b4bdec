import { parse } from 'yaml'
import { decodeUtf8, type Process } from '../../../engine/cluster.ts'
import { decodeBase64, encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { keyPem } from '../../../engine/node/pki.ts'
import { readDer, readOne, TAG } from '../../../engine/programs/tls/der.ts'
import { encodePublicKey, makeKey, readKey } from '../../../engine/programs/tls/make.ts'
import { issueCertificate } from '../../../engine/programs/tls/signing-request.ts'
import { type Certificate, OID, oidOf, readCertificates, toPem } from '../../../engine/programs/tls/x509.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import { at, list, text } from '../../kubectl/objects.ts'
import { KubeadmError } from './client.ts'

const FOLDER = '/etc/kubernetes'
const YEAR = 365 * 86_400_000
/** Digital signature and key encipherment. */
const KEY_USAGE = 0xa0

/** Name, file below the folder, authority, what kubeadm calls it: phases/certs/renewal, phases/certs/certlist.go. A kubeconfig has its certificate within. */
export const LEAVES = [
  ['admin.conf', 'admin.conf', 'ca', 'certificate embedded in the kubeconfig file for the admin to use and for kubeadm itself'],
  ['apiserver', 'pki/apiserver.crt', 'ca', 'certificate for serving the Kubernetes API'],
  ['apiserver-etcd-client', 'pki/apiserver-etcd-client.crt', 'etcd-ca', 'certificate the apiserver uses to access etcd'],
  ['apiserver-kubelet-client', 'pki/apiserver-kubelet-client.crt', 'ca', 'certificate for the API server to connect to kubelet'],
  ['controller-manager.conf', 'controller-manager.conf', 'ca', 'certificate embedded in the kubeconfig file for the controller manager to use'],
  ['etcd-healthcheck-client', 'pki/etcd/healthcheck-client.crt', 'etcd-ca', 'certificate for liveness probes to healthcheck etcd'],
  ['etcd-peer', 'pki/etcd/peer.crt', 'etcd-ca', 'certificate for etcd nodes to communicate with each other'],
  ['etcd-server', 'pki/etcd/server.crt', 'etcd-ca', 'certificate for serving etcd'],
  ['front-proxy-client', 'pki/front-proxy-client.crt', 'front-proxy-ca', 'certificate for the front proxy client'],
  ['scheduler.conf', 'scheduler.conf', 'ca', 'certificate embedded in the kubeconfig file for the scheduler manager to use'],
  ['super-admin.conf', 'super-admin.conf', 'ca', 'certificate embedded in the kubeconfig file for the super-admin'],
] as const
export type Leaf = (typeof LEAVES)[number]
/** Name, and path without its ending. */
export const AUTHORITIES = [['ca', 'pki/ca'], ['etcd-ca', 'pki/etcd/ca'], ['front-proxy-ca', 'pki/front-proxy-ca']] as const

/** The certificate of a file, or within a kubeconfig; undefined: there is none. */
export function certificateIn({ fs }: Pick<Process, 'fs'>, path: string): Certificate | undefined {
  const content = fs.readText(path)
  if (!path.endsWith('.conf')) return readCertificates(content)[0]
  const bytes = decodeBase64(text(at(list(at(parse(content), 'users'))[0], 'user', 'client-certificate-data')))
  return typeof bytes === 'number' ? undefined : readCertificates(decodeUtf8(bytes))[0]
}

/** One certificate is made anew, with a new key, and what kubeadm says of it. */
export function renew(process: Process, [name, file, authority, called]: Leaf): string {
  const { fs, clock } = process
  const path = `${FOLDER}/${file}`
  if (!fs.exists(path)) return `MISSING! ${called}\n`
  const base = AUTHORITIES.find(([each]) => each === authority)![1]
  if (!fs.exists(`${FOLDER}/${base}.key`)) return `Detected external ${base.slice('pki/'.length)}, ${called} can't be renewed\n`
  const issuer = { certificate: readCertificates(fs.readText(`${FOLDER}/${base}.crt`))[0]!, key: readKey(fs.readText(`${FOLDER}/${base}.key`))! }
  const before = certificateIn(process, path)
  if (!before) throw new KubeadmError(`failed to renew certificate ${name}: ${file.endsWith('.conf') ? `failed to parse the client certificate from ${path}` : `failed to load existing certificate ${name}`}`)
  const key = makeKey(clock.random)
  const now = Math.floor(clock.wall() / 1000) * 1000
  const pem = toPem('CERTIFICATE', issueCertificate({
    request: { subject: before.subject, publicKey: encodePublicKey(key), dnsNames: before.dnsNames, ipAddresses: before.ipAddresses },
    issuer, notBefore: now, notAfter: now + YEAR, keyUsage: KEY_USAGE, extendedKeyUsage: purposesOf(before), random: clock.random,
  }).der)
  if (!file.endsWith('.conf')) {
    fs.writeFile(path, encodeUtf8(pem), 0o644)
    fs.writeFile(path.replace(/\.crt$/, '.key'), encodeUtf8(keyPem(key)), 0o600)
  } else {
    const data = (field: string, value: string, content: string): string => content.replace(new RegExp(`(${field}: ).*`), (_, head: string) => `${head}${encodeBase64(encodeUtf8(value))}`)
    fs.writeFile(path, encodeUtf8(data('client-key-data', keyPem(key), data('client-certificate-data', pem, fs.readText(path)))), 0o600)
  }
  return `${called} renewed\n`
}

function purposesOf({ extensions }: Certificate): string[] {
  const found = extensions.find(({ oid }) => oid === OID.extendedKeyUsage)
  return found ? readDer(readOne(found.value, TAG.sequence).content).map(oidOf) : []
}
