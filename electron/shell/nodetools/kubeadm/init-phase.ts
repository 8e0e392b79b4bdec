import type { Cluster, Node, Process, Task } from '../../../engine/cluster.ts'
import { nodeIps } from '../../../engine/config.ts'
import { encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { joinHostPort, isValidIp } from '../../../engine/network/address.ts'
import { agentConfig } from '../../../engine/node/files.ts'
import { kubeconfig } from '../../../engine/node/kubeconfig.ts'
import { FOR_CLIENTS, HOLDERS, type Holder, keyPem, PKI, type PkiLeaf, pkiLeaves } from '../../../engine/node/pki.ts'
import { encodePublicKey, makeKey, readKey } from '../../../engine/programs/tls/make.ts'
import { isIssuedBy, issueCertificate } from '../../../engine/programs/tls/signing-request.ts'
import { readCertificates, toPem } from '../../../engine/programs/tls/x509.ts'
import { own } from '../../../engine/own.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import { FlagSet, flags } from '../../kubectl/flags.ts'
import { addon, bootstrapToken, controlPlane, etcd, type Place, uploadConfig } from './cluster-phases.ts'
import { ADMIN_CONF, KubeadmError, NotSimulated, openAdmin, requestError } from './client.ts'

const FOLDER = '/etc/kubernetes'
const YEAR = 365 * 86_400_000
/** Digital signature and key encipherment. */
const KEY_USAGE = 0xa0
const AUTHORITIES = ['ca', 'front-proxy-ca', 'etcd/ca']
const LABELS = ['node-role.kubernetes.io/control-plane', 'node.kubernetes.io/exclude-from-external-load-balancers']
const TAINT = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }
const FLAGS = '--apiserver-cert-extra-sans slice=\n--node-name string=\n--kubeconfig string=/etc/kubernetes/admin.conf\n--config string=\n--cert-dir string=\n--kubeconfig-dir string=\n--dry-run bool\n--skip-token-print bool\n--pod-network-cidr string=\n--image-repository string=\n--patches string=\n--apiserver-extra-args string=\n--controller-manager-extra-args string=\n--scheduler-extra-args string=\n--print-manifest bool\n--apiserver-advertise-address string=\n--apiserver-bind-port string=\n--control-plane-endpoint string=\n--kubernetes-version string=v1.33.1\n--service-cidr string=\n--service-dns-domain string=\n--feature-gates string='
/** In kubeadm init's order. */
const PHASES = ['certs', 'kubeconfig', 'etcd', 'control-plane', 'upload-config', 'mark-control-plane', 'bootstrap-token', 'addon']
const WHOLE = ['mark-control-plane', 'bootstrap-token']
const AWAY = ['pod-network-cidr', 'image-repository', 'patches', 'apiserver-extra-args', 'controller-manager-extra-args', 'scheduler-extra-args', 'print-manifest', 'config', 'cert-dir', 'kubeconfig-dir', 'dry-run', 'apiserver-advertise-address', 'apiserver-bind-port', 'control-plane-endpoint', 'service-cidr', 'service-dns-domain', 'feature-gates']

/** kubeadm init phase, as far as it mends a control plane that stands: cmd/kubeadm/app/cmd/phases/init of v1.33. What is there is kept. */
export function* initPhase(process: Process, cluster: Cluster, words: readonly string[]): Task<string> {
  const given = new FlagSet(flags(FLAGS))
  given.parse(words)
  const [phase = '', part = '', ...more] = given.args
  const node = cluster.config.nodes.find(({ name, role }) => name === process.machine.hostname && role === 'control-plane')
  if (phase === '') throw new KubeadmError('missing subcommand; "phase" is not meant to be run on its own')
  if (!PHASES.includes(phase)) throw new NotSimulated(`kubeadm init phase ${phase} (certs, kubeconfig, etcd, control-plane, upload-config, mark-control-plane, bootstrap-token and addon are)`)
  if (!node) throw new NotSimulated(`kubeadm init phase ${phase} on a worker (use it on the control plane)`)
  const away = AWAY.find((name) => given.changed(name))
  if (away !== undefined) throw new NotSimulated(`kubeadm init phase --${away} (use it without: it finds what the cluster has)`)
  if (more.length > 0 || (WHOLE.includes(phase) && part !== '')) throw new KubeadmError(`unknown command ${JSON.stringify(more[0] ?? part)} for "kubeadm init phase ${phase}"`)
  const place = { process, cluster, node, given }
  if (phase === 'mark-control-plane') return yield* markControlPlane(place)
  if (phase === 'bootstrap-token') return yield* bootstrapToken(place)
  if (part === '') throw new KubeadmError(`missing subcommand; ${JSON.stringify(phase)} is not meant to be run on its own`)
  switch (phase) {
    case 'certs':
      return certs(place, part)
    case 'kubeconfig':
      return kubeconfigs(place, part)
    case 'control-plane':
      return controlPlane(place, part)
    case 'etcd':
      return etcd(place, part)
    case 'addon':
      return yield* addon(place, part)
    default:
      return yield* uploadConfig(place, part)
  }
}

/** phases/certs: certlist.go has the order. */
function certs(place: Place, part: string): string {
  const leaves = pkiLeaves(place.cluster.config, place.node)
  const steps = AUTHORITIES.flatMap((authority): [string, () => string][] => [
    [authority, () => existingAuthority(place, authority)],
    ...leaves.filter((leaf) => leaf.authority === authority).map((leaf): [string, () => string] => [leaf.path, () => certificate(place, leaf)]),
  ])
  const all: [string, () => string][] = [...steps, ['sa', () => accounts(place)]]
  if (part === 'all') return `[certs] Using certificateDir folder "${PKI}"\n${all.map(([, step]) => step()).join('')}`
  const step = all.find(([path]) => path.replace('/', '-') === part)
  if (!step) throw new KubeadmError(`invalid subcommand ${JSON.stringify(part)}`)
  return step[1]()
}

function existingAuthority({ process: { fs } }: Place, path: string): string {
  if (!fs.exists(`${PKI}/${path}.crt`)) throw new NotSimulated(`kubeadm init phase certs of a new authority ${path} (nothing that stands would trust it: put ${PKI}/${path}.crt back)`)
  return `[certs] Using existing ${path} ${fs.exists(`${PKI}/${path}.key`) ? 'certificate authority' : 'keyless certificate authority'}\n`
}

function accounts({ process: { fs } }: Place): string {
  if (!fs.exists(`${PKI}/sa.key`)) throw new NotSimulated(`kubeadm init phase certs sa of a new key (no token that there is would be good: put ${PKI}/sa.key back)`)
  return '[certs] Using the existing "sa" key\n'
}

/** What signs: its certificate and key as they are on the disk. */
function issuerOf({ process: { fs } }: Place, path: string, phase: string): Parameters<typeof issueCertificate>[0]['issuer'] {
  const missing = ['crt', 'key'].find((ending) => !fs.exists(`${PKI}/${path}.${ending}`))
  if (missing !== undefined) throw new KubeadmError(`error execution phase ${phase}: couldn't load CA ${missing === 'crt' ? 'certificate' : 'key'} ${path}: couldn't load the ${missing === 'crt' ? 'certificate' : 'private key'} file ${PKI}/${path}.${missing}: open ${PKI}/${path}.${missing}: no such file or directory`)
  return { certificate: readCertificates(fs.readText(`${PKI}/${path}.crt`))[0]!, key: readKey(fs.readText(`${PKI}/${path}.key`))! }
}

function made({ process: { clock } }: Place, issuer: ReturnType<typeof issuerOf>, { subject, purposes, names }: Pick<PkiLeaf, 'subject' | 'purposes' | 'names'>): { certificate: string; key: string } {
  const key = makeKey(clock.random)
  const now = Math.floor(clock.wall() / 1000) * 1000
  const request = { subject, publicKey: encodePublicKey(key), dnsNames: names.filter((name) => !isValidIp(name)), ipAddresses: names.filter(isValidIp) }
  return { key: keyPem(key), certificate: toPem('CERTIFICATE', issueCertificate({ request, issuer, notBefore: now, notAfter: now + YEAR, keyUsage: KEY_USAGE, extendedKeyUsage: purposes, random: clock.random }).der) }
}

function certificate(place: Place, leaf: PkiLeaf): string {
  const { process: { fs }, given } = place
  const { path, authority } = leaf
  const phase = `certs/${path.replace('/', '-')}`
  const file = (ending: string): string => `${PKI}/${path}.${ending}`
  const issuer = (): ReturnType<typeof issuerOf> => issuerOf(place, authority, phase)
  const [hasCertificate, hasKey] = [fs.exists(file('crt')), fs.exists(file('key'))]
  if (hasCertificate && hasKey) {
    const [found] = readCertificates(fs.readText(file('crt')))
    if (!found || !isIssuedBy(found, readCertificates(fs.readText(`${PKI}/${authority}.crt`))[0]!)) throw new KubeadmError(`error execution phase ${phase}: [certs] certificate ${path} not signed by CA certificate ${authority}: x509: certificate signed by unknown authority`)
    return `[certs] Using existing ${path} certificate and key on disk\n`
  }
  if (hasCertificate || hasKey) {
    const missing = hasKey ? 'crt' : 'key'
    throw new KubeadmError(`error execution phase ${phase}: [certs] failure loading ${path} certificate: couldn't load the ${hasKey ? 'certificate' : 'private key'} file ${file(missing)}: open ${file(missing)}: no such file or directory`)
  }
  const extra = path === 'apiserver' ? given.list('apiserver-cert-extra-sans') : []
  const names = [...new Set([...leaf.names, ...extra])]
  const pair = made(place, issuer(), { ...leaf, names })
  fs.writeFile(file('crt'), encodeUtf8(pair.certificate), 0o644)
  fs.writeFile(file('key'), encodeUtf8(pair.key), 0o600)
  const serving = names.length > 0 ? `[certs] ${path} serving cert is signed for DNS names [${names.filter((name) => !isValidIp(name)).join(' ')}] and IPs [${names.filter(isValidIp).join(' ')}]\n` : ''
  return `[certs] Generating ${JSON.stringify(path)} certificate and key\n${serving}`
}

/** phases/kubeconfig. */
function kubeconfigs(place: Place, part: string): string {
  const parts = ['admin', 'super-admin', 'kubelet', 'controller-manager', 'scheduler']
  if (part !== 'all' && !parts.includes(part)) throw new KubeadmError(`invalid subcommand ${JSON.stringify(part)}`)
  if (part === 'all') return `[kubeconfig] Using kubeconfig folder "${FOLDER}"\n${parts.map((each) => kubeconfigOf(place, each)).join('')}`
  return kubeconfigOf(place, part)
}

function kubeconfigOf(place: Place, part: string): string {
  const { process: { fs }, node } = place
  const path = `${FOLDER}/${part}.conf`
  const authority = fs.exists(`${PKI}/ca.crt`) ? encodeBase64(fs.readFile(`${PKI}/ca.crt`)) : ''
  if (fs.exists(path)) {
    if (!fs.readText(path).includes(`certificate-authority-data: ${authority}`)) throw new KubeadmError(`error execution phase kubeconfig/${part}: a kubeconfig file ${JSON.stringify(path)} exists already but has got the wrong CA cert`)
    return `[kubeconfig] Using existing kubeconfig file: ${JSON.stringify(path)}\n`
  }
  const holder = own(HOLDERS, part as Holder)
  const subject = holder ?? ([['O', 'system:nodes'], ['CN', `system:node:${node.name}`]] as const)
  const pair = made(place, issuerOf(place, 'ca', `kubeconfig/${part}`), { subject, purposes: [FOR_CLIENTS], names: [] })
  const data = { 'client-certificate-data': encodeBase64(encodeUtf8(pair.certificate)), 'client-key-data': encodeBase64(encodeUtf8(pair.key)) }
  const address = nodeIps(node)[0]!
  const name = subject.find(([type]) => type === 'CN')![1]
  const isAdmin = part === 'admin' || part === 'super-admin'
  const text = isAdmin ? kubeconfig({ server: `https://${joinHostPort(address, 6443)}`, certificateAuthority: authority, user: data }).replaceAll('kubernetes-admin', name)
    : agentConfig(address, name, name, Object.entries(data).map(([field, value]) => `    ${field}: ${value}\n`).join(''))
  fs.writeFile(path, encodeUtf8(text), 0o600)
  return `[kubeconfig] Writing "${part}.conf" kubeconfig file\n`
}

/** phases/markcontrolplane. */
function* markControlPlane({ process, cluster, node, given }: Place): Task<string> {
  const name = given.string('node-name') || node.name
  const { client, server } = yield* openAdmin(process, cluster, given.changed('kubeconfig') ? given.string('kubeconfig') : ADMIN_CONF)
  try {
    const { spec } = client.get<Node>('nodes', undefined, name)
    const taints = (spec.taints ?? []).some(({ key, effect }) => key === TAINT.key && effect === TAINT.effect) ? spec.taints : [TAINT, ...(spec.taints ?? [])]
    client.patch('nodes', undefined, name, 'application/strategic-merge-patch+json', { metadata: { labels: Object.fromEntries(LABELS.map((label) => [label, ''])) }, spec: { taints } }, { fieldManager: 'kubeadm' })
  } catch (error) {
    throw new KubeadmError(`error execution phase mark-control-plane: error applying control-plane label and taints: ${requestError(error, 'Get', `${server}/api/v1/nodes/${name}?timeout=10s`)}`)
  }
  const head = `[mark-control-plane] Marking the node ${name} as control-plane by adding the`
  return `${head} labels: [${LABELS.join(' ')}]\n${head} taints [${TAINT.key}:${TAINT.effect}]\n`
}
