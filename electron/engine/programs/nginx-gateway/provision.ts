import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import { AGENT_WRITE } from '../../kubernetes/controllers/context.ts'
import { ignoringGone } from '../../kubernetes/controllers/ownership.ts'
import { deepEqual } from '../../kubernetes/json.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import type { Gateway, NginxProxy } from './types.ts'

/** The Pods and the Service that carry a Gateway's traffic, in its own namespace (internal/controller/provisioner/objects.go). */
export interface ProvisionOptions {
  /** Of the control plane's Pod: "ghcr.io/nginx/nginx-gateway-fabric:2.2.2". */
  image: string
  instance: string
  /** Of the control plane, which the agents ask. */
  service: string
  namespace: string
}

const DEFAULT_IMAGE = 'ghcr.io/nginx/nginx-gateway-fabric/nginx'
const VERSION = '2.2.2'

export function resourceNameOf({ metadata, spec }: Gateway): string {
  return `${metadata.name}-${spec.gatewayClassName}`
}

/** [resource, object], in the order in which they are made. */
export function nginxObjects(gateway: Gateway, proxy: NginxProxy | undefined, options: ProvisionOptions): [string, KubeObject][] {
  const name = resourceNameOf(gateway)
  const { namespace } = gateway.metadata
  const infrastructure = gateway.spec.infrastructure ?? {}
  const selector = {
    'app.kubernetes.io/instance': options.instance,
    'app.kubernetes.io/managed-by': `${options.instance}-${gateway.spec.gatewayClassName}`,
    'app.kubernetes.io/name': name,
    'gateway.networking.k8s.io/gateway-name': gateway.metadata.name,
  }
  const labels = { ...selector, ...infrastructure.labels }
  const annotations = infrastructure.annotations && Object.keys(infrastructure.annotations).length > 0 ? { annotations: infrastructure.annotations } : {}
  const meta = (suffix = ''): object => ({ name: `${name}${suffix}`, namespace, labels, ...annotations })
  const ports = [...new Set(gateway.spec.listeners.map((l) => l.port))].sort((a, b) => a - b)
  const { service = {}, deployment = {} } = proxy?.spec.kubernetes ?? {}
  const type = service.type ?? 'LoadBalancer'
  const agent = `command:\n    server:\n        host: ${options.service}.${options.namespace}.svc\n        port: 443\nallowed_directories:\n- /etc/nginx\n- /usr/share/nginx\n- /var/run/nginx\nfeatures:\n- configuration\n- certificates\n- metrics\n`
  const externalIPs = (gateway.spec.addresses ?? []).flatMap((a) => (a.type === 'IPAddress' && a.value ? [a.value] : []))
  const objects: [string, object][] = [
    ['configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('-includes-bootstrap'), data: { 'events.conf': '\nworker_connections 1024;', 'main.conf': '\nerror_log stderr info;' } }],
    ['configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('-agent-config'), data: { 'nginx-agent.conf': agent } }],
    ['serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(), automountServiceAccountToken: false }],
    ['services', {
      apiVersion: 'v1', kind: 'Service', metadata: meta(),
      spec: {
        type, selector, ipFamilyPolicy: 'PreferDualStack',
        ...(type === 'ClusterIP' ? {} : { externalTrafficPolicy: service.externalTrafficPolicy ?? 'Local' }),
        ...(externalIPs.length > 0 ? { externalIPs } : {}),
        ...(service.loadBalancerIP ? { loadBalancerIP: service.loadBalancerIP } : {}),
        ...(service.loadBalancerClass ? { loadBalancerClass: service.loadBalancerClass } : {}),
        ...(service.loadBalancerSourceRanges ? { loadBalancerSourceRanges: service.loadBalancerSourceRanges } : {}),
        ports: ports.map((port) => {
          const nodePort = type === 'ClusterIP' ? undefined : service.nodePorts?.find((n) => n.listenerPort === port)?.port
          return { name: `port-${port}`, port, protocol: 'TCP', targetPort: port, ...(nodePort === undefined ? {} : { nodePort }) }
        }),
      },
    }],
    ['deployments', {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: meta(),
      spec: { ...(deployment.replicas === undefined ? {} : { replicas: deployment.replicas }), selector: { matchLabels: selector }, template: { metadata: { labels, ...annotations }, spec: podSpec(name, ports, proxy, options) } },
    }],
  ]
  return objects as [string, KubeObject][]
}

function podSpec(name: string, ports: readonly number[], proxy: NginxProxy | undefined, options: ProvisionOptions): object {
  const { repository = DEFAULT_IMAGE, tag = VERSION, pullPolicy = 'IfNotPresent' } = proxy?.spec.kubernetes?.deployment?.container?.image ?? {}
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true, runAsGroup: 1001, runAsUser: 101, seccompProfile: { type: 'RuntimeDefault' } }
  const mounts = (paths: Record<string, string>): object[] => Object.entries(paths).map(([mountPath, volume]) => ({ mountPath, name: volume }))
  const empty = ['nginx-agent', 'nginx-agent-log', 'nginx-agent-lib', 'nginx-conf', 'nginx-stream-conf', 'nginx-main-includes', 'nginx-events-includes', 'nginx-secrets', 'nginx-run', 'nginx-cache', 'nginx-includes']
  return {
    containers: [{
      name: 'nginx', image: `${repository}:${tag}`, imagePullPolicy: pullPolicy,
      ports: ports.map((port) => ({ name: `port-${port}`, containerPort: port })),
      readinessProbe: { httpGet: { path: '/readyz', port: 8081 }, initialDelaySeconds: 3 },
      securityContext,
      volumeMounts: mounts({
        '/etc/nginx-agent': 'nginx-agent', '/var/log/nginx-agent': 'nginx-agent-log', '/var/lib/nginx-agent': 'nginx-agent-lib', '/etc/nginx/conf.d': 'nginx-conf', '/etc/nginx/stream-conf.d': 'nginx-stream-conf',
        '/etc/nginx/main-includes': 'nginx-main-includes', '/etc/nginx/events-includes': 'nginx-events-includes', '/etc/nginx/secrets': 'nginx-secrets', '/var/run/nginx': 'nginx-run', '/var/cache/nginx': 'nginx-cache',
        '/etc/nginx/includes': 'nginx-includes',
      }),
    }],
    initContainers: [{
      name: 'init', image: options.image, imagePullPolicy: pullPolicy,
      command: [
        '/usr/bin/gateway', 'initialize', '--source', '/agent/nginx-agent.conf', '--destination', '/etc/nginx-agent',
        '--source', '/includes/main.conf', '--destination', '/etc/nginx/main-includes', '--source', '/includes/events.conf', '--destination', '/etc/nginx/events-includes',
      ],
      env: [{ name: 'POD_UID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } }],
      securityContext,
      volumeMounts: mounts({ '/agent': 'nginx-agent-config', '/etc/nginx-agent': 'nginx-agent', '/includes': 'nginx-includes-bootstrap', '/etc/nginx/main-includes': 'nginx-main-includes', '/etc/nginx/events-includes': 'nginx-events-includes' }),
    }],
    securityContext: { fsGroup: 1001, runAsNonRoot: true, sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
    serviceAccountName: name,
    volumes: [
      ...empty.map((volume) => ({ name: volume, emptyDir: {} })),
      { name: 'nginx-agent-config', configMap: { name: `${name}-agent-config` } },
      { name: 'nginx-includes-bootstrap', configMap: { name: `${name}-includes-bootstrap` } },
    ],
  }
}

/** What was written last for each object: only what changes is written again. */
export class Provisioner {
  readonly #client: KubernetesClient
  readonly #written = new Map<string, KubeObject>()

  constructor(client: KubernetesClient) {
    this.#client = client
  }

  /** True when something was written. */
  ensure(objects: readonly [string, KubeObject][]): boolean {
    let changed = false
    for (const [resource, object] of objects) {
      const { namespace, name } = object.metadata
      const key = `${resource}/${namespace}/${name}`
      if (deepEqual(this.#written.get(key), object)) continue
      const present = this.#present(resource, namespace, name)
      if (!present) this.#client.create(resource, namespace, object, AGENT_WRITE)
      else this.#client.patch(resource, namespace, name, 'application/merge-patch+json', object, AGENT_WRITE)
      this.#written.set(key, object)
      changed = true
    }
    return changed
  }

  /** Of a Gateway that is gone. */
  remove(namespace: string, resourceName: string): void {
    for (const [resource, suffix] of [['deployments', ''], ['services', ''], ['serviceaccounts', ''], ['configmaps', '-agent-config'], ['configmaps', '-includes-bootstrap']] as const) {
      ignoringGone(() => this.#client.delete(resource, namespace, `${resourceName}${suffix}`, { propagationPolicy: 'Background' }))
      this.#written.delete(`${resource}/${namespace}/${resourceName}${suffix}`)
    }
  }

  #present(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    try {
      return this.#client.get(resource, namespace, name)
    } catch (error) {
      if (error instanceof StatusError && error.status.code === 404) return undefined
      throw error
    }
  }
}

/** What of an NginxProxy makes no difference here. */
export function unsimulated({ spec }: NginxProxy): string[] {
  const { kubernetes = {}, ipFamily, ...others } = spec
  const { deployment = {}, service = {}, ...kinds } = kubernetes
  const { replicas: _, container = {}, ...rest } = deployment
  const { image: __, ...more } = container
  const known = new Set(['type', 'externalTrafficPolicy', 'nodePorts', 'loadBalancerIP', 'loadBalancerClass', 'loadBalancerSourceRanges'])
  const paths = (prefix: string, object: object): string[] => Object.keys(object).map((key) => `${prefix}${key}`)
  return [...(ipFamily === undefined || ipFamily === 'dual' ? [] : ['ipFamily']), ...paths('', others), ...paths('kubernetes.', kinds), ...paths('kubernetes.deployment.', rest), ...paths('kubernetes.deployment.container.', more), ...paths('kubernetes.service.', service).filter((p) => !known.has(p.split('.').at(-1)!))]
}
