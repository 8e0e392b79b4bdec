import type { ClusterConfig } from '../../config.ts'
import { replacesKubeProxy } from '../options.ts'
import { ciliumDefinitions } from './crds.ts'
import { hubbleManifests, relayManifests } from './hubble/relay-manifests.ts'

/**
 * What `cilium install` (Helm chart 1.17) makes with kubeProxyReplacement, bpf.masquerade and ipam.mode kubernetes, so
 * that Pods get addresses of their Node's spec.podCIDR. The endpoints of cilium-health and the init containers
 * that only touch the host's files are left out: they are not simulated.
 */
export const CILIUM_VERSION = 'v1.17.4'
const AGENT = `quay.io/cilium/cilium:${CILIUM_VERSION}`
const OPERATOR = `quay.io/cilium/operator-generic:${CILIUM_VERSION}`
const ENVOY = 'quay.io/cilium/cilium-envoy:v1.32.6-1746661844-0f602c28cb2aa57b29078195049fb257d5b5246c'

/** Where the agent says in kube-proxy's place that the node is well: the cloud's load balancer asks there. */
export function healthzAddress(config: Pick<ClusterConfig, 'cni' | 'cniOptions' | 'cloud'>): '' | '0.0.0.0:10256' {
  return config.cni === 'cilium' && config.cloud === 'loadbalancer' && replacesKubeProxy(config) ? '0.0.0.0:10256' : ''
}

export function ciliumManifests(config: ClusterConfig): object[] {
  const [ipv4, ipv6] = [config.ipFamilies.includes('IPv4'), config.ipFamilies.includes('IPv6')]
  const native = config.cniOptions['routing'] === 'native'
  const l2 = config.cniOptions['l2announcements'] === 'true'
  const server = config.nodes.find((n) => n.role === 'control-plane')?.ip ?? config.nodes[0]!.ip
  const configuration: Record<string, string> = {
    'agent-not-ready-taint-key': 'node.cilium.io/agent-not-ready',
    'auto-direct-node-routes': String(native),
    'bpf-lb-acceleration': 'disabled',
    'bpf-lb-algorithm-annotation': 'false',
    'bpf-lb-external-clusterip': 'false',
    'bpf-lb-mode-annotation': 'false',
    'cluster-id': '0',
    'cluster-name': 'default',
    'cni-exclusive': 'true',
    'cni-log-file': '/var/run/cilium/cilium-cni.log',
    'custom-cni-conf': 'false',
    'datapath-mode': 'veth',
    'debug': 'false',
    ...(config.cniOptions['bgpControlPlane'] === 'true' ? { 'enable-bgp-control-plane': 'true', 'bgp-secrets-namespace': 'kube-system' } : {}),
    'enable-bpf-masquerade': 'true',
    'enable-endpoint-health-checking': 'false',
    'enable-health-checking': 'false',
    'enable-hubble': 'true',
    'enable-ipv4': String(ipv4),
    'enable-ipv4-masquerade': String(ipv4),
    'enable-ipv6': String(ipv6),
    ...(ipv6 ? { 'enable-ipv6-masquerade': 'true' } : {}),
    ...(l2 ? { 'enable-l2-announcements': 'true', 'l2-announcements-lease-duration': '15s', 'l2-announcements-renew-deadline': '5s', 'l2-announcements-retry-period': '2s' } : {}),
    ...(config.cniOptions['localRedirectPolicy'] === 'true' ? { 'enable-local-redirect-policy': 'true' } : {}),
    ...(config.cniOptions['egressGateway'] === 'true' ? { 'enable-ipv4-egress-gateway': 'true' } : {}),
    ...(config.cniOptions['hostFirewall'] === 'true' ? { 'enable-host-firewall': 'true' } : {}),
    'enable-l7-proxy': 'true',
    'enable-policy': 'default',
    'enable-svc-source-range-check': 'true',
    'external-envoy-proxy': 'true',
    'hubble-disable-tls': 'false',
    'hubble-listen-address': ':4244',
    'hubble-socket-path': '/var/run/cilium/hubble.sock',
    'identity-allocation-mode': 'crd',
    'identity-gc-interval': '15m0s',
    'identity-heartbeat-timeout': '30m0s',
    'ipam': 'kubernetes',
    'kube-proxy-replacement': String(replacesKubeProxy(config)),
    'kube-proxy-replacement-healthz-bind-address': healthzAddress(config),
    'monitor-aggregation': 'medium',
    'monitor-aggregation-flags': 'all',
    'monitor-aggregation-interval': '5s',
    'node-port-bind-protection': 'true',
    'operator-api-serve-addr': '127.0.0.1:9234',
    'policy-cidr-match-mode': '',
    'routing-mode': native ? 'native' : 'tunnel',
    'service-no-backend-response': 'reject',
    ...(native ? Object.fromEntries(config.podCIDR.map((cidr) => [`ipv${cidr.includes(':') ? 6 : 4}-native-routing-cidr`, cidr])) : { 'tunnel-protocol': 'vxlan', 'tunnel-source-port-range': '0-0' }),
    'vtep-endpoint': '',
    'write-cni-conf-when-ready': '/host/etc/cni/net.d/05-cilium.conflist',
  }
  const environment = [
    { name: 'K8S_NODE_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } },
    { name: 'CILIUM_K8S_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
    { name: 'KUBERNETES_SERVICE_HOST', value: server },
    { name: 'KUBERNETES_SERVICE_PORT', value: '6443' },
  ]
  return [
    ...ciliumDefinitions(),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cilium-config', namespace: 'kube-system' }, data: configuration },
    daemonSet('cilium', 'cilium', { 'k8s-app': 'cilium' }, { 'app.kubernetes.io/name': 'cilium-agent', 'app.kubernetes.io/part-of': 'cilium' }, {
      name: 'cilium-agent',
      image: AGENT,
      command: ['cilium-agent'],
      args: ['--config-dir=/tmp/cilium/config-map'],
      env: environment,
      securityContext: { privileged: true },
      volumeMounts: [
        { name: 'cilium-run', mountPath: '/var/run/cilium' }, { name: 'etc-cni-netd', mountPath: '/host/etc/cni/net.d' },
        { name: 'cilium-config-path', mountPath: '/tmp/cilium/config-map', readOnly: true }, { name: 'hubble-tls', mountPath: '/var/lib/cilium/tls/hubble', readOnly: true },
      ],
    }, [
      { name: 'cilium-run', hostPath: { path: '/var/run/cilium', type: 'DirectoryOrCreate' } }, { name: 'etc-cni-netd', hostPath: { path: '/etc/cni/net.d', type: 'DirectoryOrCreate' } },
      { name: 'cilium-config-path', configMap: { name: 'cilium-config' } },
      { name: 'hubble-tls', projected: { defaultMode: 0o400, sources: [{ secret: { name: 'hubble-server-certs', optional: true, items: [{ key: 'tls.crt', path: 'server.crt' }, { key: 'tls.key', path: 'server.key' }, { key: 'ca.crt', path: 'client-ca.crt' }] } }] } },
    ]),
    daemonSet('cilium-envoy', 'cilium-envoy', { 'k8s-app': 'cilium-envoy' }, { 'app.kubernetes.io/name': 'cilium-envoy', 'app.kubernetes.io/part-of': 'cilium' }, {
      name: 'cilium-envoy', image: ENVOY, command: ['/usr/bin/cilium-envoy-starter'],
      args: ['--', '-c /var/run/cilium/envoy/bootstrap-config.json', '--base-id 0', '--log-level info'],
      env: environment, securityContext: { capabilities: { add: ['NET_ADMIN', 'SYS_ADMIN'], drop: ['ALL'] } },
    }, []),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'cilium-operator', namespace: 'kube-system', labels: { 'io.cilium/app': 'operator', name: 'cilium-operator', 'app.kubernetes.io/part-of': 'cilium', 'app.kubernetes.io/name': 'cilium-operator' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { 'io.cilium/app': 'operator', name: 'cilium-operator' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '100%' } },
        template: {
          metadata: { labels: { 'io.cilium/app': 'operator', name: 'cilium-operator', 'app.kubernetes.io/part-of': 'cilium', 'app.kubernetes.io/name': 'cilium-operator' } },
          spec: {
            containers: [{ name: 'cilium-operator', image: OPERATOR, command: ['cilium-operator-generic'], args: ['--config-dir=/tmp/cilium/config-map', '--debug=$(CILIUM_DEBUG)'], env: [...environment, { name: 'CILIUM_DEBUG', value: 'false' }], volumeMounts: [{ name: 'cilium-config-path', mountPath: '/tmp/cilium/config-map', readOnly: true }] }],
            hostNetwork: true,
            restartPolicy: 'Always',
            priorityClassName: 'system-cluster-critical',
            serviceAccountName: 'cilium-operator',
            tolerations: [{ operator: 'Exists' }],
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            volumes: [{ name: 'cilium-config-path', configMap: { name: 'cilium-config' } }],
          },
        },
      },
    },
    // As the chart has them with l2announcements.enabled: here `cilium config set` alone switches that on.
    ...account('cilium', [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'update', 'list', 'delete'] }]),
    ...hubbleManifests(),
    ...(config.cniOptions['hubbleRelay'] === 'true' ? relayManifests() : []),
    ...account('cilium-operator', [{ apiGroups: [''], resources: ['services/status'], verbs: ['update', 'patch'] }]),
  ]
}

function daemonSet(name: string, serviceAccountName: string, selector: Record<string, string>, more: Record<string, string>, container: object, volumes: object[]): object {
  const labels = { ...selector, ...more, name }
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'kube-system', labels },
    spec: {
      selector: { matchLabels: selector },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } },
      template: {
        metadata: { labels },
        spec: {
          containers: [container], restartPolicy: 'Always', priorityClassName: 'system-node-critical', serviceAccountName, hostNetwork: true,
          nodeSelector: { 'kubernetes.io/os': 'linux' }, tolerations: [{ operator: 'Exists' }], ...(volumes.length > 0 ? { volumes } : {}),
        },
      },
    },
  }
}

function account(name: string, more: readonly object[]): object[] {
  const read = ['get', 'list', 'watch']
  const rules = [
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: [''], resources: ['namespaces', 'services', 'pods', 'endpoints', 'nodes'], verbs: read },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
    { apiGroups: ['cilium.io'], resources: ['*'], verbs: ['*'] },
    ...more,
  ]
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels: { 'app.kubernetes.io/part-of': 'cilium' } }, rules },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name, labels: { 'app.kubernetes.io/part-of': 'cilium' } }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }, subjects: [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }] },
  ]
}
