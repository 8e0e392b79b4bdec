import { nodeIps, type ClusterConfig, type NodeConfig } from '../config.ts'
import { CLUSTER_CA, FRONT_PROXY_CA } from '../kubernetes/cluster-ca.ts'
import type { Filesystem } from '../machine/types.ts'
import { isValidIp } from '../network/address.ts'
import type { MemoryFilesystem } from '../machine/filesystem.ts'
import { authorityKey, BORN, DAYS, serverNames } from '../programs/kube-apiserver/certificate.ts'
import { der, derBits, derInteger, derOid, readDer, readOne, TAG } from '../programs/tls/der.ts'
import { encodeKey, encodePublicKey, makeCertificate, makeKey, type RsaKey } from '../programs/tls/make.ts'
import { issueCertificate } from '../programs/tls/signing-request.ts'
import { OID, readCertificates, toPem, type Certificate, type NamePart } from '../programs/tls/x509.ts'
import { Random } from '../random.ts'
import { encodeUtf8 } from '../text.ts'

/** Where kubeadm puts keys and certificates (cmd/kubeadm/app/phases/certs/certlist.go). */
export const PKI = '/etc/kubernetes/pki'
const YEAR = 365

interface Pair { certificate: string; key: RsaKey }

/** Makes them when somebody reads them: each signature takes milliseconds. */
class Pki {
  readonly #config: ClusterConfig
  readonly #node: NodeConfig
  readonly #born: number
  readonly #made = new Map<string, Pair>()

  constructor(config: ClusterConfig, node: NodeConfig, born: number) {
    this.#config = config
    this.#node = node
    this.#born = Math.floor(born / 1000) * 1000
  }

  /** Path below {@link PKI} → its content. */
  files(): Record<string, () => string> {
    const files: Record<string, () => string> = {}
    const pair = (path: string, make: () => Pair): void => {
      files[`${path}.crt`] = () => this.#pair(path, make).certificate
      files[`${path}.key`] = () => keyPem(this.#pair(path, make).key)
    }
    const leaf = (path: string, authority: string, subject: readonly NamePart[], purposes: readonly string[], names: readonly string[] = []): void => pair(path, () => this.#leaf(path, this.#authority(authority), subject, purposes, names))
    for (const authority of ['ca', 'front-proxy-ca', 'etcd/ca']) pair(authority, () => this.#authority(authority))
    for (const { path, authority, subject, purposes, names } of pkiLeaves(this.#config, this.#node)) leaf(path, authority, subject, purposes, names)
    const accounts = (): RsaKey => makeKey(new Random(this.#config.seed).fork('sa'))
    files['sa.key'] = () => keyPem(accounts())
    files['sa.pub'] = () => publicPem(accounts())
    return files
  }

  #pair(path: string, make: () => Pair): Pair {
    let made = this.#made.get(path)
    if (!made) this.#made.set(path, (made = make()))
    return made
  }

  #authority(path: string): Pair {
    return this.#pair(path, () => {
      if (path === 'ca') return { certificate: CLUSTER_CA, key: authorityKey() }
      if (path === 'front-proxy-ca') return { certificate: FRONT_PROXY_CA, key: makeKey(new Random(1)) }
      const random = new Random(0).fork(path)
      const key = makeKey(random)
      return { key, certificate: pem(makeCertificate({ subject: [['CN', 'etcd-ca']], key, notBefore: BORN, days: DAYS, alternativeNames: ['etcd-ca'], isCa: true, random })) }
    })
  }

  #leaf(path: string, authority: Pair, subject: readonly NamePart[], purposes: readonly string[], names: readonly string[]): Pair {
    return leafOf(new Random(this.#config.seed).fork(`pki ${path} ${this.#node.name}`), authority, subject, purposes, names, this.#born)
  }
}

/** A certificate that an authority of kubeadm's signs; the paths are below {@link PKI}, without their endings. */
export interface PkiLeaf { path: string; authority: string; subject: readonly NamePart[]; purposes: readonly string[]; names: readonly string[] }

/** Those of a control-plane node, in the order in which kubeadm makes them. */
export function pkiLeaves(config: ClusterConfig, node: NodeConfig): PkiLeaf[] {
  const own = [...new Set(['localhost', node.name, ...nodeIps(node), '127.0.0.1', '::1'])]
  return [
    { path: 'apiserver', authority: 'ca', subject: [['CN', 'kube-apiserver']], purposes: [FOR_SERVERS], names: serverNames(config) },
    { path: 'apiserver-kubelet-client', authority: 'ca', subject: [['O', 'kubeadm:cluster-admins'], ['CN', 'kube-apiserver-kubelet-client']], purposes: [FOR_CLIENTS], names: [] },
    { path: 'front-proxy-client', authority: 'front-proxy-ca', subject: [['CN', 'front-proxy-client']], purposes: [FOR_CLIENTS], names: [] },
    ...['etcd/server', 'etcd/peer'].map((path): PkiLeaf => ({ path, authority: 'etcd/ca', subject: [['CN', node.name]], purposes: [FOR_SERVERS, FOR_CLIENTS], names: own })),
    { path: 'etcd/healthcheck-client', authority: 'etcd/ca', subject: [['CN', 'kube-etcd-healthcheck-client']], purposes: [FOR_CLIENTS], names: [] },
    { path: 'apiserver-etcd-client', authority: 'etcd/ca', subject: [['CN', 'kube-apiserver-etcd-client']], purposes: [FOR_CLIENTS], names: [] },
  ]
}

const FOR_SERVERS = '1.3.6.1.5.5.7.3.1'
export const FOR_CLIENTS = '1.3.6.1.5.5.7.3.2'
/** Digital signature and key encipherment. */
const KEY_USAGE = 0xa0

/** A year from `born` on. */
function leafOf(random: Random, authority: Pair, subject: readonly NamePart[], purposes: readonly string[], names: readonly string[], born: number): Pair {
  const key = makeKey(random)
  const issuer = { key: authority.key, certificate: readCertificates(authority.certificate)[0]! }
  const request = { subject, publicKey: encodePublicKey(key), dnsNames: names.filter((name) => !isValidIp(name)), ipAddresses: names.filter(isValidIp) }
  return { key, certificate: pem(issueCertificate({ request, issuer, notBefore: born, notAfter: born + YEAR * 86_400_000, keyUsage: KEY_USAGE, extendedKeyUsage: purposes, random })) }
}

/** Whom kubeadm makes kubeconfigs for (cmd/kubeadm/app/phases/kubeconfig/kubeconfig.go); the laptop has the administrator's, too. */
export const HOLDERS = {
  admin: [['O', 'kubeadm:cluster-admins'], ['CN', 'kubernetes-admin']],
  'super-admin': [['O', 'system:masters'], ['CN', 'kubernetes-super-admin']],
  'controller-manager': [['CN', 'system:kube-controller-manager']],
  scheduler: [['CN', 'system:kube-scheduler']],
} as const satisfies Record<string, readonly NamePart[]>
export type Holder = keyof typeof HOLDERS

/** Of the seeds and times asked for last: whoever asks again, in the same cluster or one like it, gets the same. */
const made = new Map<string, { certificate: string; key: string }>()
const MOST_MADE = 32

/** What a kubeconfig shows to the API server, in PEM. `born`: ms since 1970. */
export function clientCredentials(holder: Holder, seed: number, born: number): { certificate: string; key: string } {
  const second = Math.floor(born / 1000) * 1000
  const id = `${holder} ${seed} ${second}`
  let found = made.get(id)
  if (!found) {
    const { certificate, key } = leafOf(new Random(seed).fork(`kubeconfig ${holder}`), { certificate: CLUSTER_CA, key: authorityKey() }, HOLDERS[holder], [FOR_CLIENTS], [], second)
    if (made.size >= MOST_MADE) made.clear()
    made.set(id, (found = { certificate, key: keyPem(key) }))
  }
  return found
}

export const KUBELET_PKI = '/var/lib/kubelet/pki'

/** A certificate of its own that a kubelet makes when it starts and has none. */
export function installServingPair(fs: Filesystem, node: string, wall: number): void {
  const files = kubeletPki(Math.floor(wall / 1000), node, wall)
  for (const name of ['kubelet.crt', 'kubelet.key']) fs.writeFile(`${KUBELET_PKI}/${name}`, encodeUtf8(files[name]!()), name.endsWith('.crt') ? 0o644 : 0o600)
}

/** What a kubelet shows to the API server, which the cluster's authority has signed, and to those who call it, which its own has; path → content. */
export function kubeletPki(seed: number, node: string, born: number): Record<string, () => string> {
  const second = Math.floor(born / 1000)
  const random = (what: string): Random => new Random(seed).fork(`kubelet ${what} ${node}`)
  let client: Pair | undefined
  let serving: Pair | undefined
  const served = (): Pair => {
    const key = makeKey(random('ca'))
    const own = { key, certificate: pem(makeCertificate({ subject: [['CN', `${node}-ca@${second}`]], key, notBefore: second * 1000, days: YEAR, isCa: true, random: random('ca') })) }
    return (serving ??= leafOf(random('serving'), own, [['CN', `${node}@${second}`]], [FOR_SERVERS], [node], second * 1000))
  }
  const shown = (): Pair => (client ??= leafOf(random('client'), { certificate: CLUSTER_CA, key: authorityKey() }, [['O', 'system:nodes'], ['CN', `system:node:${node}`]], [FOR_CLIENTS], [], second * 1000))
  const name = `kubelet-client-${new Date(second * 1000).toISOString().slice(0, 19).replace(/[T:]/g, '-')}.pem`
  return { [name]: () => `${shown().certificate}${keyPem(shown().key)}`, 'kubelet.crt': () => served().certificate, 'kubelet.key': () => keyPem(served().key) }
}

/** What `kubeadm init` leaves in {@link PKI}. `born`: ms since 1970. */
export function installPki(fs: MemoryFilesystem, config: ClusterConfig, node: NodeConfig, born: number): void {
  fs.makeDirectory(`${PKI}/etcd`, { parents: true })
  for (const [path, make] of Object.entries(new Pki(config, node, born).files())) {
    fs.writeLate(`${PKI}/${path}`, () => encodeUtf8(make()))
    fs.chmod(`${PKI}/${path}`, path.endsWith('.key') ? 0o600 : 0o644)
  }
}

function pem(certificate: Certificate): string {
  return toPem('CERTIFICATE', certificate.der)
}

/** PKCS #1, as kubeadm writes it. */
export function keyPem(key: RsaKey): string {
  return toPem('RSA PRIVATE KEY', readDer(readOne(encodeKey(key), TAG.sequence).content)[2]!.content)
}

function publicPem({ n }: RsaKey): string {
  const algorithm = der(TAG.sequence, derOid(OID.rsa), der(TAG.nothing))
  return toPem('PUBLIC KEY', der(TAG.sequence, algorithm, derBits(der(TAG.sequence, derInteger(n), derInteger(65_537n)))))
}
