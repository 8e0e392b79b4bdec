import { parse } from 'yaml'
import { decodeUtf8, type Cluster, type NodeView, type Process, type Task } from '../../../engine/cluster.ts'
import { decodeBase64, encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { type KubernetesClient, StatusError } from '../../../engine/kubernetes/client.ts'
import { CONTAINERD_GONE, CONTAINERD_SOCKET } from '../../../engine/kubernetes/kubelet/runtime-gone.ts'
import { userOfToken } from '../../../engine/kubernetes/rbac/authenticate.ts'
import { asUser } from '../../../engine/kubernetes/rbac/as-user.ts'
import type { CertificateSigningRequest, ConfigMap, Node } from '../../../engine/kubernetes/types.ts'
import { KUBELET_FLAGS_FILE, KUBELET_FLAGS_TEXT } from '../../../engine/node/kubelet-unit.ts'
import { installServingPair, KUBELET_PKI } from '../../../engine/node/pki.ts'
import { encodeKey, makeKey } from '../../../engine/programs/tls/make.ts'
import { makeSigningRequest } from '../../../engine/programs/tls/signing-request.ts'
import { toPem } from '../../../engine/programs/tls/x509.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import { FlagSet, flags } from '../../kubectl/flags.ts'
import { at, list, text } from '../../kubectl/objects.ts'
import { KubeadmError, NotSimulated } from './client.ts'
import { discover, TOKEN } from './discovery.ts'

const FOLDER = '/etc/kubernetes'
const KUBELET_CONF = `${FOLDER}/kubelet.conf`
const BOOTSTRAP_CONF = `${FOLDER}/bootstrap-kubelet.conf`
const CA = `${FOLDER}/pki/ca.crt`
/** How long the kubelet may take to get its certificate, and how often that is looked at, in ms. */
const BOOTSTRAP_TIMEOUT = 300_000
const BOOTSTRAP_INTERVAL = 1_000

const FLAGS = `--token string=\n--discovery-token string=\n--tls-bootstrap-token string=\n--discovery-token-ca-cert-hash slice=\n--discovery-token-unsafe-skip-ca-verification bool
--ignore-preflight-errors slice=\n--node-name string=\n--cri-socket string=\n--control-plane bool\n--certificate-key string=\n--config string=\n--dry-run bool\n--discovery-file string=\n--patches string=\n--skip-phases slice=
--apiserver-advertise-address string=\n--apiserver-bind-port string=`
const AWAY = ['control-plane', 'certificate-key', 'config', 'dry-run', 'discovery-file', 'patches', 'skip-phases', 'apiserver-advertise-address', 'apiserver-bind-port']

const DONE = `
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.

`

/** kubeadm join of a worker: cmd/kubeadm/app/cmd/join.go and phases/join of v1.33. */
export function* join(process: Process, cluster: Cluster, words: readonly string[]): Task<string> {
  const given = new FlagSet(flags(FLAGS))
  given.parse(words)
  for (const flag of AWAY) if (given.changed(flag)) throw new NotSimulated(`kubeadm join --${flag} (a worker joins with --token and --discovery-token-ca-cert-hash)`)
  const view = cluster.nodeView(process.machine)
  if (!view) throw new NotSimulated('kubeadm join of a machine without a kubelet (use it on a node after kubeadm reset)')
  const name = given.string('node-name')
  if (name !== '' && name !== view.name) throw new NotSimulated(`kubeadm join --node-name=${name} (a node has the name of its machine)`)
  const [endpoint, ...more] = given.args
  if (more.length > 0) throw new KubeadmError(`accepts at most 1 arg(s), received ${given.args.length}`)
  if (endpoint === undefined) throw new KubeadmError('discovery: Invalid value: "": bootstrapToken or file must be set')
  const shared = given.string('token')
  const tokens = { discovery: given.string('discovery-token') || shared, bootstrap: given.string('tls-bootstrap-token') || shared }
  const hashes = given.list('discovery-token-ca-cert-hash')
  const wrong = [
    ...hashes.length === 0 && !given.bool('discovery-token-unsafe-skip-ca-verification') ? ['discovery.bootstrapToken: Invalid value: "": using token-based discovery without caCertHashes can be unsafe. Set unsafeSkipCAVerification as true in your kubeadm config file or pass --discovery-token-unsafe-skip-ca-verification flag to continue'] : [],
    ...[['discovery.bootstrapToken.token', tokens.discovery] as const, ['discovery.tlsBootstrapToken', tokens.bootstrap] as const].filter(([, token]) => !TOKEN.test(token)).map(([field, token]) => `${field}: Invalid value: ${JSON.stringify(token)}: the bootstrap token is invalid`),
  ]
  if (wrong.length > 0) throw new KubeadmError(wrong.length === 1 ? wrong[0]! : `[${wrong.join(', ')}]`)
  yield* process.print('[preflight] Running pre-flight checks\n')
  yield* preflight(process, view, given.list('ignore-preflight-errors'))
  const found = yield* discover(process, cluster, endpoint, tokens.discovery, hashes)
  const user = userOfToken(cluster.connection, tokens.bootstrap, process.clock.wall())
  if (!user) throw new KubeadmError('error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: failed to get config map: Unauthorized')
  const client = asUser(cluster.connection, user)
  yield* process.print('[preflight] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...\n[preflight] Use \'kubeadm init phase upload-config --config your-config-file\' to re-upload it.\n')
  const config = kubeletConfigOf(client)
  yield* kubeletStart(process, view, client, { found, token: tokens.bootstrap, config })
  return DONE
}

/** preflight.RunJoinNodeChecks, as far as these machines can fail them. */
function* preflight(process: Process, view: NodeView, ignored: readonly string[]): Task {
  const { fs } = process
  const problems: [string, string][] = []
  const manifests = `${FOLDER}/manifests`
  if (!view.services.get('containerd').active) problems.push(['CRI', `could not connect to the container runtime: failed to create new CRI runtime service: validate service connection: validate CRI v1 runtime API for endpoint "unix://${CONTAINERD_SOCKET}": ${CONTAINERD_GONE}`])
  if (fs.exists(manifests) && fs.readDirectory(manifests).length > 0) problems.push(['DirAvailable--etc-kubernetes-manifests', `${manifests} is not empty`])
  for (const path of [KUBELET_CONF, BOOTSTRAP_CONF]) if (fs.exists(path)) problems.push([fileCheck(path), `${path} already exists`])
  if (view.services.get('kubelet').active) problems.push(['Port-10250', 'Port 10250 is in use'])
  if (fs.exists(CA)) problems.push([fileCheck(CA), `${CA} already exists`])
  const isIgnored = ([check]: readonly [string, string]): boolean => ignored.some((each) => each.toLowerCase() === 'all' || each.toLowerCase() === check.toLowerCase())
  for (const [check, why] of problems.filter(isIgnored)) yield* process.printError(`\t[WARNING ${check}]: ${why}\n`)
  const fatal = problems.filter((each) => !isIgnored(each))
  if (fatal.length > 0) throw new KubeadmError(`error execution phase preflight: [preflight] Some fatal errors occurred:\n${fatal.map(([check, why]) => `\t[ERROR ${check}]: ${why}\n`).join('')}[preflight] If you know what you are doing, you can make a check non-fatal with \`--ignore-preflight-errors=...\``)
}

const fileCheck = (path: string): string => `FileAvailable-${path.replaceAll('/', '-')}`

function kubeletConfigOf(client: KubernetesClient): string {
  try {
    return client.get<ConfigMap>('configmaps', 'kube-system', 'kubelet-config').data?.['kubelet'] ?? ''
  } catch (error) {
    throw new KubeadmError(`error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: failed to get config map: ${(error as Error).message}`)
  }
}

interface Settings { found: string; token: string; config: string }

/** phases/join/kubelet.go: the kubelet gets its configuration, asks for its certificate with the token, and starts. */
function* kubeletStart(process: Process, view: NodeView, client: KubernetesClient, { found, token, config }: Settings): Task {
  const { fs } = process
  const phase = (why: string): KubeadmError => new KubeadmError(`error execution phase kubelet-start: ${why}`)
  const write = (path: string, content: string, mode: number): void => {
    fs.makeDirectory(path.slice(0, path.lastIndexOf('/')), { parents: true })
    fs.writeFile(path, encodeUtf8(content), mode)
  }
  const cluster = at(list(at(parse(found), 'clusters'))[0], 'cluster')
  const [server, authority] = [text(at(cluster, 'server')), text(at(cluster, 'certificate-authority-data'))]
  write(BOOTSTRAP_CONF, kubeconfig(server, authority, 'kubernetes', 'tls-bootstrap-token-user', `    token: ${token}\n`), 0o600)
  try {
    const bytes = decodeBase64(authority)
    if (!fs.exists(CA)) write(CA, typeof bytes === 'number' ? '' : decodeUtf8(bytes), 0o644)
    if (isReady(client, view.name)) throw phase(`a Node with name ${JSON.stringify(view.name)} and status "Ready" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node`)
    view.services.stop('kubelet')
    yield* process.print('[kubelet-start] Writing kubelet configuration to file "/var/lib/kubelet/config.yaml"\n')
    write('/var/lib/kubelet/config.yaml', config, 0o600)
    yield* process.print(`[kubelet-start] Writing kubelet environment file with flags to file "${KUBELET_FLAGS_FILE}"\n`)
    write(KUBELET_FLAGS_FILE, KUBELET_FLAGS_TEXT, 0o644)
    yield* process.print('[kubelet-start] Starting the kubelet\n[kubelet-check] Waiting for a healthy kubelet at http://127.0.0.1:10248/healthz. This can take up to 4m0s\n')
    yield* process.sleep(500, { background: false })
    yield* process.print('[kubelet-check] The kubelet is healthy after 500.712ms\n[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap\n')
    const certificate = yield* bootstrap(process, view, client)
    if (certificate === undefined) {
      const why = 'context deadline exceeded'
      yield* process.print(`\nUnfortunately, an error has occurred:\n\t${why}\n\nThis error is likely caused by:\n\t- The kubelet is not running\n\t- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)\n\nIf you are on a systemd-powered system, you can try to troubleshoot the error with the following commands:\n\t- 'systemctl status kubelet'\n\t- 'journalctl -xeu kubelet'\n\n`)
      throw phase(why)
    }
    const file = `${KUBELET_PKI}/kubelet-client-${new Date(process.clock.wall()).toISOString().slice(0, 19).replace(/[T:]/g, '-')}.pem`
    const current = `${KUBELET_PKI}/kubelet-client-current.pem`
    write(file, certificate, 0o600)
    if (fs.exists(current)) fs.remove(current)
    fs.symlink(file, current)
    installServingPair(fs, view.name, process.clock.wall())
    write(KUBELET_CONF, kubeconfig(server, authority, 'default-cluster', 'default-auth', `    client-certificate: ${current}\n    client-key: ${current}\n`), 0o600)
    view.services.start('kubelet')
  } finally {
    if (fs.exists(BOOTSTRAP_CONF)) fs.remove(BOOTSTRAP_CONF)
  }
}

function isReady(client: KubernetesClient, name: string): boolean {
  try {
    return client.get<Node>('nodes', undefined, name).status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 404) return false
    throw new KubeadmError(`error execution phase kubelet-start: cannot get Node ${JSON.stringify(name)}: ${(error as Error).message}`)
  }
}

/** The kubelet's request, and what came of it: certificate and key; undefined: nobody has signed it in time. */
function* bootstrap(process: Process, view: NodeView, client: KubernetesClient): Task<string | undefined> {
  const { clock } = process
  const key = makeKey(clock.random)
  const request = toPem('CERTIFICATE REQUEST', makeSigningRequest({ subject: [['O', 'system:nodes'], ['CN', `system:node:${view.name}`]], key }))
  let name: string
  try {
    name = client.create<CertificateSigningRequest>('certificatesigningrequests', undefined, {
      apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { generateName: 'csr-' },
      spec: { request: encodeBase64(encodeUtf8(request)), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'key encipherment', 'client auth'] },
    }, { fieldManager: 'kubelet' }).metadata.name
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    yield* process.sleep(BOOTSTRAP_TIMEOUT, { background: false })
    return undefined
  }
  const until = clock.now + BOOTSTRAP_TIMEOUT
  while (clock.now < until) {
    yield* process.sleep(BOOTSTRAP_INTERVAL, { background: false })
    let certificate: string | undefined
    try {
      certificate = client.get<CertificateSigningRequest>('certificatesigningrequests', undefined, name).status.certificate
    } catch {
      // the API is away, or somebody deleted the request
    }
    const bytes = decodeBase64(certificate ?? '')
    if (certificate && typeof bytes !== 'number') return `${decodeUtf8(bytes)}${toPem('PRIVATE KEY', encodeKey(key))}`
  }
  return undefined
}

function kubeconfig(server: string, authority: string, cluster: string, user: string, access: string): string {
  const context = cluster === 'kubernetes' ? `${user}@${cluster}` : 'default-context'
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${authority}
    server: ${server}
  name: ${cluster}
contexts:
- context:
    cluster: ${cluster}
    ${cluster === 'kubernetes' ? '' : 'namespace: default\n    '}user: ${user}
  name: ${context}
current-context: ${context}
kind: Config
preferences: {}
users:
- name: ${user}
  user:
${access}`
}
