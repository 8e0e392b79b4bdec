import { parse } from 'yaml'
import { decodeUtf8, type Cluster, type Process, type Task } from '../../../engine/cluster.ts'
import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { signature } from '../../../engine/kubernetes/controllers/bootstrap-tokens.ts'
import { ANONYMOUS } from '../../../engine/kubernetes/rbac/authenticate.ts'
import { asUser } from '../../../engine/kubernetes/rbac/as-user.ts'
import type { ConfigMap } from '../../../engine/kubernetes/types.ts'
import { tryServer } from '../../kubectl/client-config.ts'
import { UnreachableError } from '../../kubectl/errors.ts'
import { at, list, text } from '../../kubectl/objects.ts'
import { KubeadmError, requestError } from './client.ts'
import { authorityPin } from './token.ts'

export const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const PATH = '/api/v1/namespaces/kube-public/configmaps/cluster-info?timeout=10s'
/** In ms: cmd/kubeadm/app/constants, and the timeout discovery. */
const RETRY = 5_000
const TIMEOUT = 300_000

/** Finds the cluster with a token, and whether it is the right one: cmd/kubeadm/app/discovery/token. The kubeconfig of cluster-info. */
export function* discover(process: Process, cluster: Cluster, endpoint: string, token: string, hashes: readonly string[]): Task<string> {
  const [, id = '', secret = ''] = TOKEN.exec(token) ?? []
  const fail = (why: string): KubeadmError => new KubeadmError(`error execution phase preflight: couldn't validate the identity of the API Server: ${why}`)
  const info = yield* received(process, cluster, endpoint, id)
  if (typeof info === 'string') throw fail(info)
  const pins = hashes.map((hash) => pinOf(hash))
  const bad = pins.find((pin) => pin.startsWith('!'))
  if (bad !== undefined) throw fail(`invalid discovery token CA certificate hash: ${bad.slice(1)}`)
  const { kubeconfig = '', [`jws-kubeconfig-${id}`]: signed } = info.data ?? {}
  if (kubeconfig === '') throw fail("there is no kubeconfig key in the cluster-info ConfigMap. This API Server isn't set up for token bootstrapping, can't connect")
  if (signed !== signature(kubeconfig, { id, secret })) throw fail("failed to verify JWS signature of received cluster info object, can't trust this API Server")
  if (pins.length === 0) return kubeconfig
  const bytes = decodeBase64(text(at(list(at(parse(kubeconfig), 'clusters'))[0], 'cluster', 'certificate-authority-data')))
  const pin = authorityPin(typeof bytes === 'number' ? '' : decodeUtf8(bytes))
  if (!pins.includes(pin)) throw fail(`cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "sha256:${pin}" are pinned`)
  return kubeconfig
}

/** The ConfigMap once it is signed for this token, or what went wrong the last time. */
function* received(process: Process, cluster: Cluster, endpoint: string, id: string): Task<ConfigMap | string> {
  const url = `https://${endpoint}`
  const until = process.clock.now + TIMEOUT
  for (;;) {
    let why: string
    const dialled = yield* tryServer(process, cluster, url, 10_000)
    if (dialled instanceof UnreachableError) why = `failed to request the cluster-info ConfigMap: Get ${JSON.stringify(`${url}${PATH}`)}: ${dialled.message}`
    else if (dialled.reached === 'other') why = `failed to request the cluster-info ConfigMap: Get ${JSON.stringify(`${url}${PATH}`)}: http: server gave HTTP response to HTTPS client`
    else {
      try {
        const info = asUser(cluster.connection, ANONYMOUS).get<ConfigMap>('configmaps', 'kube-public', 'cluster-info')
        if (info.data?.[`jws-kubeconfig-${id}`] !== undefined) return info
        why = `could not find a JWS signature in the cluster-info ConfigMap for token ID ${JSON.stringify(id)}`
      } catch (error) {
        why = `failed to request the cluster-info ConfigMap: ${requestError(error, 'Get', `${url}${PATH}`)}`
      }
    }
    if (process.clock.now + RETRY >= until) return why
    yield* process.sleep(RETRY, { background: false })
  }
}

/** cmd/kubeadm/app/util/pubkeypin: the hash, or behind "!" what is wrong with it. */
function pinOf(hash: string): string {
  const [format = '', value, ...more] = hash.split(':')
  if (value === undefined || more.length > 0) return '!invalid public key hash, expected "format:value"'
  if (format.toLowerCase() !== 'sha256') return `!unknown hash format ${JSON.stringify(format)}, known format(s) are: sha256`
  if (Math.floor(value.length / 2) !== 32) return `!expected a 32 byte SHA-256 hash, found ${Math.floor(value.length / 2)} bytes`
  const odd = /[^0-9a-fA-F]/.exec(value)?.[0]
  return odd === undefined ? value.toLowerCase() : `!could not decode SHA-256 from public key hash: encoding/hex: invalid byte: U+${odd.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} '${odd}'`
}
