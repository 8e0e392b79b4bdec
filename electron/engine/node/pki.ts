import { nodeIps, type ClusterConfig, type NodeConfig } from '../config.ts'
import { CLUSTER_CA, FRONT_PROXY_CA } from '../kubernetes/cluster-ca.ts'
import type { MemoryFilesystem } from '../machine/filesystem.ts'
import { authorityKey, BORN, DAYS, serverNames } from '../programs/kube-apiserver/certificate.ts'
import { der, derBits, derInteger, derOid, readDer, readOne, TAG } from '../programs/tls/der.ts'
import { encodeKey, makeCertificate, makeKey, type RsaKey } from '../programs/tls/make.ts'
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
    const { name } = this.#node
    const own = [...new Set(['localhost', name, ...nodeIps(this.#node), '127.0.0.1', '::1'])]
    const files: Record<string, () => string> = {}
    const pair = (path: string, make: () => Pair): void => {
      files[`${path}.crt`] = () => this.#pair(path, make).certificate
      files[`${path}.key`] = () => keyPem(this.#pair(path, make).key)
    }
    const leaf = (path: string, authority: string, subject: readonly NamePart[], names: readonly string[] = []): void => pair(path, () => this.#leaf(path, this.#authority(authority), subject, names))
    for (const authority of ['ca', 'front-proxy-ca', 'etcd/ca']) pair(authority, () => this.#authority(authority))
    leaf('apiserver', 'ca', [['CN', 'kube-apiserver']], serverNames(this.#config))
    leaf('apiserver-kubelet-client', 'ca', [['O', 'kubeadm:cluster-admins'], ['CN', 'kube-apiserver-kubelet-client']])
    leaf('front-proxy-client', 'front-proxy-ca', [['CN', 'front-proxy-client']])
    leaf('apiserver-etcd-client', 'etcd/ca', [['CN', 'kube-apiserver-etcd-client']])
    leaf('etcd/healthcheck-client', 'etcd/ca', [['CN', 'kube-etcd-healthcheck-client']])
    for (const each of ['etcd/server', 'etcd/peer']) leaf(each, 'etcd/ca', [['CN', name]], own)
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

  #leaf(path: string, authority: Pair, subject: readonly NamePart[], alternativeNames: readonly string[]): Pair {
    const random = new Random(this.#config.seed).fork(`pki ${path} ${this.#node.name}`)
    const key = makeKey(random)
    const issuer = { key: authority.key, certificate: readCertificates(authority.certificate)[0]! }
    return { key, certificate: pem(makeCertificate({ subject, key, notBefore: this.#born, days: YEAR, alternativeNames, issuer, random })) }
  }
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
function keyPem(key: RsaKey): string {
  return toPem('RSA PRIVATE KEY', readDer(readOne(encodeKey(key), TAG.sequence).content)[2]!.content)
}

function publicPem({ n }: RsaKey): string {
  const algorithm = der(TAG.sequence, derOid(OID.rsa), der(TAG.nothing))
  return toPem('PUBLIC KEY', der(TAG.sequence, algorithm, derBits(der(TAG.sequence, derInteger(n), derInteger(65_537n)))))
}
