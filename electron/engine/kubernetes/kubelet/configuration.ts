import { parse, parseDocument } from 'yaml'
import type { ClusterConfig } from '../../config.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import { KUBELET_CONFIG, kubeletConfig } from '../../node/files.ts'
import { isValidIp, nthAddress } from '../../network/address.ts'
import { CLUSTER_CA } from '../cluster-ca.ts'
import { encodeBase64 } from '../base64.ts'
import { encodeUtf8 } from '../../text.ts'
import { CONTAINERD_GONE, CONTAINERD_SOCKET } from './runtime-gone.ts'

/** kubeadm's staticPodPath. */
export const MANIFESTS = '/etc/kubernetes/manifests'
const BOOTSTRAP = '/etc/kubernetes/bootstrap-kubelet.conf'

/** As kubeadm's drop-in has it started. */
export const USUAL_COMMAND: readonly string[] = [
  '/usr/bin/kubelet', `--bootstrap-kubeconfig=${BOOTSTRAP}`, '--kubeconfig=/etc/kubernetes/kubelet.conf', `--config=${KUBELET_CONFIG}`,
  `--container-runtime-endpoint=unix://${CONTAINERD_SOCKET}`, '--pod-infra-container-image=registry.k8s.io/pause:3.10', '--v=2',
]

/** The kubelet ends with this: cmd/kubelet/app/server.go of v1.33. */
export class KubeletFailure extends Error {}

/** What of its command line and files a kubelet goes by. */
export interface KubeletSettings {
  /** Whom Pods ask for names; empty: nobody says. */
  readonly clusterDns: readonly string[]
  /** Where static Pods lie; undefined: nowhere. */
  readonly staticPodPath: string | undefined
  /** The API server of its kubeconfig; undefined: the cluster's own. */
  readonly server: ApiServerAt | undefined
  /** What has no effect here though the real one has. */
  readonly notSimulated: readonly string[]
}

export interface ApiServerAt { readonly host: string; readonly port: number; readonly isTrusted: boolean }

/** Without effect here, and nobody would expect one: flags of v1.33 about logs, and what kubeadm gives besides. */
const FREE = /^(v|vmodule|log-.*|logging-format|pod-infra-container-image|image-service-endpoint|bootstrap-kubeconfig|help|version)$/
/** The other flags of v1.33: kubernetes.io/docs/reference/command-line-tools-reference/kubelet. */
const KNOWN = /^(address|allowed-unsafe-sysctls|anonymous-auth|authentication-token-webhook.*|authorization-.*|cert-dir|cgroup.*|client-ca-file|cloud-.*|cluster-(dns|domain)|config-dir|container-(log-.*|hints|runtime)|containerd(-namespace)?|contention-profiling|cpu-.*|docker.*|enable-.*|enforce-node-allocatable|event-.*|eviction-.*|exit-on-lock-contention|experimental-.*|fail-(cgroupv1|swap-on)|feature-gates|file-check-frequency|hairpin-mode|healthz-.*|hostname-override|housekeeping-interval|http-check-frequency|image-.*|iptables-.*|kernel-memcg-notification|keep-terminated-pod-volumes|kube-(api-.*|reserved.*)|kubelet-cgroups|local-storage-capacity-isolation|lock-file|machine-id-file|make-iptables-util-chains|manifest-url.*|max-.*|maximum-dead-.*|memory-manager-policy|minimum-.*|node-.*|oom-score-adj|pod-(cidr|manifest-path|max-pids)|pods-per-core|port|profiling|protect-kernel-defaults|provider-id|qos-reserved|read-only-port|register-.*|registry-.*|reserved-.*|resolv-conf|root-dir|rotate-.*|runonce|runtime-cgroups|runtime-request-timeout|seccomp-default|serialize-image-pulls|storage-driver-.*|streaming-connection-idle-timeout|sync-frequency|system-.*|tls-.*|topology-manager-.*|volume-.*)$/

/** Reads what is there; throws {@link KubeletFailure} where the real one does before it says its version. */
export function readConfiguration(fs: MemoryFilesystem, argv: readonly string[], cluster: ClusterConfig): Omit<KubeletSettings, 'server'> {
  const flags = flagsOf(argv)
  const notSimulated: string[] = []
  for (const [name, value] of flags) {
    if (name === 'config' || name === 'kubeconfig' || name === 'container-runtime-endpoint' || FREE.test(name)) continue
    if (!KNOWN.test(name)) throw new KubeletFailure(`failed to parse kubelet flag: unknown flag: --${name}`)
    notSimulated.push(`the kubelet's flag --${name}=${value}`)
  }
  const path = flags.get('config')
  if (path === undefined) return { clusterDns: [], staticPodPath: undefined, notSimulated: [...notSimulated, 'a kubelet without --config'] }
  if (path === KUBELET_CONFIG && isUnseen(fs)) return { clusterDns: [nthAddress(cluster.serviceCIDR[0]!, 10)], staticPodPath: MANIFESTS, notSimulated }
  const given = decode(fs, path)
  const ca = (given['authentication'] as { x509?: { clientCAFile?: unknown } } | undefined)?.x509?.clientCAFile
  if (typeof ca === 'string' && ca !== '' && !fs.exists(ca)) throw new KubeletFailure(`failed to construct kubelet dependencies: unable to load client CA file ${ca}: open ${ca}: no such file or directory`)
  const staticPodPath = typeof given['staticPodPath'] === 'string' && given['staticPodPath'] !== '' ? given['staticPodPath'] : undefined
  for (const field of differences(given, parse(kubeletConfig(cluster)))) if (!READ.has(field)) notSimulated.push(`${field} in ${path}`)
  return { clusterDns: serversOf(given['clusterDNS']), staticPodPath: staticPodPath?.replace(/(.)\/+$/, '$1'), notSimulated }
}

/** Where the API server is said to be, and whether containerd is; throws as the real one does after it has said its version. */
export function readConnections(fs: MemoryFilesystem, argv: readonly string[], usual: string, runtimeDown: boolean): ApiServerAt | undefined {
  const flags = flagsOf(argv)
  const server = readKubeconfig(fs, flags.get('kubeconfig') ?? '', flags.get('bootstrap-kubeconfig'), usual)
  const endpoint = flags.get('container-runtime-endpoint') ?? `unix://${CONTAINERD_SOCKET}`
  const socket = endpoint.replace(/^unix:\/\//, '')
  if (runtimeDown || socket !== CONTAINERD_SOCKET) throw new KubeletFailure(`failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint ${JSON.stringify(endpoint)}: ${CONTAINERD_GONE.replace(CONTAINERD_SOCKET, socket)}`)
  return server
}

function readKubeconfig(fs: MemoryFilesystem, path: string, bootstrap: string | undefined, usual: string): ApiServerAt | undefined {
  if (path === '/etc/kubernetes/kubelet.conf' && isUnseen(fs)) return undefined
  const config = fs.exists(path) ? fieldsOf(fs.readText(path)) : undefined
  const cluster = (config?.['clusters'] as { cluster?: Fields }[] | undefined)?.[0]?.cluster
  const [, host, port] = /^https?:\/\/(\[[^\]]+\]|[^/:]+)(?::(\d+))?\/?$/.exec(String(cluster?.['server'] ?? '')) ?? []
  if (!cluster || host === undefined) {
    const from = bootstrap ?? BOOTSTRAP
    throw new KubeletFailure(`failed to run Kubelet: unable to load bootstrap kubeconfig: stat ${from}: no such file or directory`)
  }
  const isTrusted = cluster['certificate-authority-data'] === undefined ? cluster['insecure-skip-tls-verify'] === true || typeof cluster['certificate-authority'] === 'string' : cluster['certificate-authority-data'] === encodeBase64(encodeUtf8(CLUSTER_CA))
  const at = { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 443), isTrusted }
  return at.host === usual && at.port === 6443 && isTrusted ? undefined : at
}

type Fields = Record<string, unknown>

const READ: ReadonlySet<string> = new Set(['clusterDNS', 'staticPodPath', 'authentication.x509.clientCAFile'])

/** The kubelet's files come when somebody visits the node. */
const isUnseen = (fs: MemoryFilesystem): boolean => !fs.exists('/var/lib/kubelet/kubeadm-flags.env') && !fs.exists(KUBELET_CONFIG) && !fs.exists('/etc/kubernetes/kubelet.conf') && !fs.exists('/etc/containerd/config.toml')

/** What is no address is left out (NewMainKubelet). */
const serversOf = (list: unknown): string[] => (Array.isArray(list) ? list.map(String).filter(isValidIp) : [])

function flagsOf(argv: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>()
  for (let i = 1; i < argv.length; i++) {
    const [, name, value] = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(argv[i]!) ?? []
    if (name === undefined) continue
    if (value !== undefined) flags.set(name, value)
    else if (argv[i + 1] !== undefined && !argv[i + 1]!.startsWith('-')) flags.set(name, argv[++i]!)
    else flags.set(name, 'true')
  }
  return flags
}

/** pkg/kubelet/kubeletconfig: configfiles.go, util/codec. */
function decode(fs: MemoryFilesystem, path: string): Fields {
  const fail = (why: string): KubeletFailure => new KubeletFailure(`failed to load kubelet config file, path: ${path}, error: failed to load Kubelet config file ${path}, error ${why}`)
  if (!fs.exists(path)) throw fail(`failed to read kubelet config file ${JSON.stringify(path)}, error: open ${path}: no such file or directory`)
  const text = fs.readText(path)
  if (text === '') throw fail(`kubelet config file ${JSON.stringify(path)} was empty`)
  const problem = parseDocument(text).errors[0]
  if (problem) throw fail(`failed to decode: yaml: ${problem.linePos ? `line ${problem.linePos[0].line}: ` : ''}${problem.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')}`)
  const fields = fieldsOf(text)
  if (!fields) throw fail(`failed to decode: couldn't get version/kind; json parse error: json: cannot unmarshal ${text.trim().startsWith('-') ? 'array' : 'string'} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`)
  const { kind, apiVersion } = fields
  if (kind === undefined) throw fail(`failed to decode: Object 'Kind' is missing in '${JSON.stringify(fields)}'`)
  if (kind !== 'KubeletConfiguration' || apiVersion !== 'kubelet.config.k8s.io/v1beta1') throw fail(`failed to decode: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion ?? '')} in scheme "pkg/kubelet/apis/config/scheme/scheme.go:33"`)
  const dns = fields['clusterDNS']
  if (dns !== undefined && dns !== null && !Array.isArray(dns)) throw fail(`failed to decode: json: cannot unmarshal ${typeof dns} into Go struct field KubeletConfiguration.clusterDNS of type []string`)
  return fields
}

function fieldsOf(text: string): Fields | undefined {
  try {
    const fields = parse(text) as unknown
    return typeof fields === 'object' && fields !== null && !Array.isArray(fields) ? (fields as Fields) : undefined
  } catch {
    return undefined
  }
}

/** The paths of what is not alike, as "authentication.x509.clientCAFile"; lists are looked at as a whole. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isMap(a) || !isMap(b)) return JSON.stringify(a) === JSON.stringify(b) ? [] : [path]
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => differences(a[key], b[key], path === '' ? key : `${path}.${key}`))
}
