import { quote } from '../json.ts'
import { sendText, type Exchange } from './exchange.ts'

/** The checks of kube-apiserver by their names (k8s.io/apiserver/pkg/server/healthz); while it answers they pass. */
const HOOKS = [
  'start-apiserver-admission-initializer', 'generic-apiserver-start-informers', 'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter', 'storage-object-count-tracker-hook', 'start-apiextensions-informers', 'start-apiextensions-controllers',
  'crd-informer-synced', 'start-system-namespaces-controller', 'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller', 'start-kube-apiserver-identity-lease-garbage-collector',
  'start-legacy-token-tracking-controller', 'start-service-ip-repair-controllers', 'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes', 'priority-and-fairness-config-producer', 'bootstrap-controller',
  'start-kubernetes-service-cidr-controller', 'aggregator-reload-proxy-client-cert', 'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller', 'apiservice-status-remote-available-controller', 'apiservice-registration-controller',
  'apiservice-discovery-controller', 'kube-apiserver-autoregistration', 'autoregister-completion', 'apiservice-openapi-controller',
  'apiservice-openapiv3-controller',
]

/** /healthz, /livez and /readyz, with ?verbose, ?exclude and single checks below them. False: another path. */
export function serveHealth(exchange: Exchange): boolean {
  const { path, query } = exchange.info
  const [, root = '', ...rest] = path.replace(/\/$/, '').split('/')
  if (!['healthz', 'livez', 'readyz'].includes(root)) return false
  const informers = root === 'readyz' ? ['informer-sync'] : []
  const checks = ['ping', 'log', 'etcd', ...(root === 'readyz' ? ['etcd-readiness'] : []), ...informers, ...HOOKS.map((hook) => `poststarthook/${hook}`), ...(root === 'readyz' ? ['shutdown'] : [])]
  if (rest.length > 0) {
    if (checks.includes(rest.join('/'))) sendText(exchange, 200, 'ok')
    else sendText(exchange, 404, '404 page not found\n')
    return true
  }
  if (query.get('verbose') === undefined) {
    sendText(exchange, 200, 'ok')
    return true
  }
  const left = new Set(query.all('exclude'))
  const lines = checks.map((check) => (left.delete(check) ? `[+]${check} excluded: ok` : `[+]${check} ok`))
  if (left.size > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${[...left].sort().map(quote).join(',')}`)
  sendText(exchange, 200, `${lines.join('\n')}\n${root} check passed\n`)
  return true
}
