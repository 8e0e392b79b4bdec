import type { ClusterConfig } from '../../config.ts'
import { adminPolicyDefinitions } from '../admin-policy-api.ts'
import { calicoDefinitions } from './crds.ts'
import { CALICO_GROUP, CALICO_VERSION } from './names.ts'

/** The objects of Calico's own calico.yaml (manifests/calico.yaml), with the cluster file's encapsulation chosen as its documentation says. */
const CNI_IMAGE = `docker.io/calico/cni:${CALICO_VERSION}`
const NODE_IMAGE = `docker.io/calico/node:${CALICO_VERSION}`
const CONTROLLERS_IMAGE = `docker.io/calico/kube-controllers:${CALICO_VERSION}`

/** As it is in calico.yaml; with IPv6 as the documentation has it changed (networking/ipam/ipv6). */
function networkConfig({ ipFamilies }: ClusterConfig): string {
  const assign = ipFamilies.includes('IPv6') ? `,\n          "assign_ipv4": "${ipFamilies.includes('IPv4')}",\n          "assign_ipv6": "true"` : ''
  return NETWORK_CONFIG.replace('"type": "calico-ipam"', `"type": "calico-ipam"${assign}`)
}

const NETWORK_CONFIG = `{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "log_file_path": "/var/log/calico/cni/cni.log",
      "datastore_type": "kubernetes",
      "nodename": "__KUBERNETES_NODE_NAME__",
      "mtu": __CNI_MTU__,
      "ipam": {
          "type": "calico-ipam"
      },
      "policy": {
          "type": "k8s"
      },
      "kubernetes": {
          "kubeconfig": "__KUBECONFIG_FILEPATH__"
      }
    },
    {
      "type": "portmap",
      "snat": true,
      "capabilities": {"portMappings": true}
    }
  ]
}`

/** What the encapsulation means for the default pool, and whether routes come from BGP or from Felix. */
function modesOf(config: ClusterConfig): { ipip: string; vxlan: string; backend: 'bird' | 'vxlan' } {
  switch (config.cniOptions['encapsulation']) {
    case 'VXLAN': return { ipip: 'Never', vxlan: 'Always', backend: 'vxlan' }
    case 'VXLANCrossSubnet': return { ipip: 'Never', vxlan: 'CrossSubnet', backend: 'vxlan' }
    case 'None': return { ipip: 'Never', vxlan: 'Never', backend: 'bird' }
    case 'IPIPCrossSubnet': return { ipip: 'CrossSubnet', vxlan: 'Never', backend: 'bird' }
    default: return { ipip: 'Always', vxlan: 'Never', backend: 'bird' }
  }
}

export function calicoManifests(config: ClusterConfig): object[] {
  const { backend } = modesOf(config)
  return [
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'calico-kube-controllers', namespace: 'kube-system', labels: { 'k8s-app': 'calico-kube-controllers' } },
      spec: { maxUnavailable: 1, selector: { matchLabels: { 'k8s-app': 'calico-kube-controllers' } } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'calico-cni-plugin', namespace: 'kube-system' } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'calico-config', namespace: 'kube-system' },
      data: { calico_backend: backend, cni_network_config: networkConfig(config), typha_service_name: 'none', veth_mtu: '0' },
    },
    ...calicoDefinitions(),
    ...adminPolicyDefinitions(),
    ...roles(),
    node(config),
    controllers(),
  ]
}

function fromConfig(name: string, key: string): object {
  return { name, valueFrom: { configMapKeyRef: { name: 'calico-config', key } } }
}

const NODE_NAME = { valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }
const ENDPOINT = [{ configMapRef: { name: 'kubernetes-services-endpoint', optional: true } }]
const PRIVILEGED = { privileged: true }

function node(config: ClusterConfig): object {
  const { ipip, vxlan, backend } = modesOf(config)
  const labels = { 'k8s-app': 'calico-node' }
  const bird = backend === 'bird'
  const [v4, v6] = [config.ipFamilies.includes('IPv4'), config.ipFamilies.includes('IPv6')]
  const probe = (kind: string): string[] => ['/bin/calico-node', `-felix-${kind}`, ...(bird ? [...(v4 ? [`-bird-${kind}`] : []), ...(v6 && (kind === 'ready' || !v4) ? [`-bird6-${kind}`] : [])] : [])]
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'calico-node', namespace: 'kube-system', labels },
    spec: {
      selector: { matchLabels: labels },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          hostNetwork: true,
          tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }, { key: 'CriticalAddonsOnly', operator: 'Exists' }, { effect: 'NoExecute', operator: 'Exists' }],
          serviceAccountName: 'calico-node',
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          terminationGracePeriodSeconds: 0,
          priorityClassName: 'system-node-critical',
          initContainers: [
            {
              name: 'upgrade-ipam',
              image: CNI_IMAGE,
              imagePullPolicy: 'IfNotPresent',
              command: ['/opt/cni/bin/calico-ipam', '-upgrade'],
              envFrom: ENDPOINT,
              env: [{ name: 'KUBERNETES_NODE_NAME', ...NODE_NAME }, fromConfig('CALICO_NETWORKING_BACKEND', 'calico_backend')],
              volumeMounts: [{ mountPath: '/var/lib/cni/networks', name: 'host-local-net-dir' }, { mountPath: '/host/opt/cni/bin', name: 'cni-bin-dir' }],
              securityContext: PRIVILEGED,
            },
            {
              name: 'install-cni',
              image: CNI_IMAGE,
              imagePullPolicy: 'IfNotPresent',
              command: ['/opt/cni/bin/install'],
              envFrom: ENDPOINT,
              env: [
                { name: 'CNI_CONF_NAME', value: '10-calico.conflist' },
                fromConfig('CNI_NETWORK_CONFIG', 'cni_network_config'),
                { name: 'KUBERNETES_NODE_NAME', ...NODE_NAME },
                fromConfig('CNI_MTU', 'veth_mtu'),
                { name: 'SLEEP', value: 'false' },
              ],
              volumeMounts: [{ mountPath: '/host/opt/cni/bin', name: 'cni-bin-dir' }, { mountPath: '/host/etc/cni/net.d', name: 'cni-net-dir' }],
              securityContext: PRIVILEGED,
            },
            {
              name: 'mount-bpffs',
              image: NODE_IMAGE,
              imagePullPolicy: 'IfNotPresent',
              command: ['calico-node', '-init', '-best-effort'],
              volumeMounts: [
                { mountPath: '/sys/fs', name: 'sys-fs', mountPropagation: 'Bidirectional' },
                { mountPath: '/var/run/calico', name: 'var-run-calico', mountPropagation: 'Bidirectional' },
                { mountPath: '/nodeproc', name: 'nodeproc', readOnly: true },
              ],
              securityContext: PRIVILEGED,
            },
          ],
          containers: [
            {
              name: 'calico-node',
              image: NODE_IMAGE,
              imagePullPolicy: 'IfNotPresent',
              envFrom: ENDPOINT,
              env: [
                { name: 'DATASTORE_TYPE', value: 'kubernetes' },
                { name: 'WAIT_FOR_DATASTORE', value: 'true' },
                { name: 'NODENAME', ...NODE_NAME },
                fromConfig('CALICO_NETWORKING_BACKEND', 'calico_backend'),
                { name: 'CLUSTER_TYPE', value: 'k8s,bgp' },
                { name: 'IP', value: v4 ? 'autodetect' : 'none' },
                ...(v6 ? [{ name: 'IP6', value: 'autodetect' }, ...(v4 ? [] : [{ name: 'CALICO_ROUTER_ID', value: 'hash' }]), { name: 'CALICO_IPV6POOL_NAT_OUTGOING', value: 'true' }] : []),
                { name: 'CALICO_IPV4POOL_IPIP', value: ipip },
                { name: 'CALICO_IPV4POOL_VXLAN', value: vxlan },
                { name: 'CALICO_IPV6POOL_VXLAN', value: v6 ? vxlan : 'Never' },
                fromConfig('FELIX_IPINIPMTU', 'veth_mtu'),
                fromConfig('FELIX_VXLANMTU', 'veth_mtu'),
                fromConfig('FELIX_WIREGUARDMTU', 'veth_mtu'),
                { name: 'CALICO_DISABLE_FILE_LOGGING', value: 'true' },
                { name: 'FELIX_DEFAULTENDPOINTTOHOSTACTION', value: 'ACCEPT' },
                { name: 'FELIX_IPV6SUPPORT', value: String(v6) },
                { name: 'FELIX_HEALTHENABLED', value: 'true' },
              ],
              securityContext: PRIVILEGED,
              resources: { requests: { cpu: '250m' } },
              lifecycle: { preStop: { exec: { command: ['/bin/calico-node', '-shutdown'] } } },
              livenessProbe: { exec: { command: probe('live') }, periodSeconds: 10, initialDelaySeconds: 10, failureThreshold: 6, timeoutSeconds: 10 },
              readinessProbe: { exec: { command: probe('ready') }, periodSeconds: 10, timeoutSeconds: 10 },
              volumeMounts: [
                { mountPath: '/host/etc/cni/net.d', name: 'cni-net-dir' },
                { mountPath: '/lib/modules', name: 'lib-modules', readOnly: true },
                { mountPath: '/run/xtables.lock', name: 'xtables-lock' },
                { mountPath: '/var/run/calico', name: 'var-run-calico' },
                { mountPath: '/var/lib/calico', name: 'var-lib-calico' },
                { name: 'policysync', mountPath: '/var/run/nodeagent' },
                { name: 'bpffs', mountPath: '/sys/fs/bpf' },
                { name: 'cni-log-dir', mountPath: '/var/log/calico/cni', readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: 'lib-modules', hostPath: { path: '/lib/modules' } },
            { name: 'var-run-calico', hostPath: { path: '/var/run/calico', type: 'DirectoryOrCreate' } },
            { name: 'var-lib-calico', hostPath: { path: '/var/lib/calico', type: 'DirectoryOrCreate' } },
            { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
            { name: 'sys-fs', hostPath: { path: '/sys/fs/', type: 'DirectoryOrCreate' } },
            { name: 'bpffs', hostPath: { path: '/sys/fs/bpf', type: 'Directory' } },
            { name: 'nodeproc', hostPath: { path: '/proc' } },
            { name: 'cni-bin-dir', hostPath: { path: '/opt/cni/bin', type: 'DirectoryOrCreate' } },
            { name: 'cni-net-dir', hostPath: { path: '/etc/cni/net.d' } },
            { name: 'cni-log-dir', hostPath: { path: '/var/log/calico/cni' } },
            { name: 'host-local-net-dir', hostPath: { path: '/var/lib/cni/networks' } },
            { name: 'policysync', hostPath: { type: 'DirectoryOrCreate', path: '/var/run/nodeagent' } },
          ],
        },
      },
    },
  }
}

function controllers(): object {
  const labels = { 'k8s-app': 'calico-kube-controllers' }
  const noSchedule = (key: string): object => ({ key, effect: 'NoSchedule' })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'calico-kube-controllers', namespace: 'kube-system', labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      strategy: { type: 'Recreate' },
      template: {
        metadata: { name: 'calico-kube-controllers', namespace: 'kube-system', labels },
        spec: {
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }, noSchedule('node-role.kubernetes.io/master'), noSchedule('node-role.kubernetes.io/control-plane')],
          serviceAccountName: 'calico-kube-controllers',
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          priorityClassName: 'system-cluster-critical',
          containers: [
            {
              name: 'calico-kube-controllers',
              image: CONTROLLERS_IMAGE,
              imagePullPolicy: 'IfNotPresent',
              env: [{ name: 'ENABLED_CONTROLLERS', value: 'node,loadbalancer' }, { name: 'DATASTORE_TYPE', value: 'kubernetes' }],
              livenessProbe: { exec: { command: ['/usr/bin/check-status', '-l'] }, periodSeconds: 10, initialDelaySeconds: 10, failureThreshold: 6, timeoutSeconds: 10 },
              readinessProbe: { exec: { command: ['/usr/bin/check-status', '-r'] }, periodSeconds: 10 },
              securityContext: { runAsNonRoot: true },
            },
          ],
        },
      },
    },
  }
}

function roles(): object[] {
  const role = (name: string, rules: object[]): object[] => [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }],
    },
  ]
  const rule = (apiGroup: string, resources: string[], verbs: string[]): object => ({ apiGroups: [apiGroup], resources, verbs })
  const read = ['get', 'list', 'watch']
  const ipam = ['blockaffinities', 'ipamblocks', 'ipamhandles']
  return [
    ...role('calico-kube-controllers', [
      rule('', ['nodes'], read),
      rule('', ['pods'], read),
      rule('', ['services'], [...read, 'update']),
      rule('', ['services/status'], [...read, 'update', 'patch']),
      rule(CALICO_GROUP, ['ippools', 'ipreservations'], ['list']),
      rule(CALICO_GROUP, [...ipam, 'ipamconfigs', 'tiers'], [...read, 'create', 'update', 'delete']),
      rule(CALICO_GROUP, ['ippools'], ['list', 'watch']),
      rule(CALICO_GROUP, ['hostendpoints'], ['get', 'list', 'create', 'update', 'delete']),
      rule(CALICO_GROUP, ['clusterinformations'], ['get', 'list', 'create', 'update', 'watch']),
      rule(CALICO_GROUP, ['kubecontrollersconfigurations'], ['get', 'list', 'create', 'update', 'watch']),
    ]),
    ...role('calico-node', [
      { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['calico-cni-plugin'], verbs: ['create'] },
      rule('', ['pods', 'nodes', 'namespaces'], ['get']),
      rule('discovery.k8s.io', ['endpointslices'], ['watch', 'list']),
      rule('', ['endpoints', 'services'], ['watch', 'list', 'get']),
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
      rule('', ['nodes/status'], ['patch', 'update']),
      rule('networking.k8s.io', ['networkpolicies'], ['watch', 'list']),
      rule('', ['pods', 'namespaces', 'serviceaccounts'], ['list', 'watch']),
      rule('', ['pods/status'], ['patch']),
      rule('policy.networking.k8s.io', ['adminnetworkpolicies', 'baselineadminnetworkpolicies'], ['watch', 'list']),
      rule(CALICO_GROUP, ['globalfelixconfigs', 'felixconfigurations', 'bgppeers', 'bgpfilters', 'globalbgpconfigs', 'bgpconfigurations', 'ippools', 'ipreservations', 'ipamblocks', 'globalnetworkpolicies', 'globalnetworksets', 'networkpolicies', 'networksets', 'clusterinformations', 'hostendpoints', 'blockaffinities', 'caliconodestatuses', 'tiers'], read),
      rule(CALICO_GROUP, ['tiers'], ['create']),
      rule(CALICO_GROUP, ['ippools', 'felixconfigurations', 'clusterinformations'], ['create', 'update']),
      rule(CALICO_GROUP, ['caliconodestatuses'], ['update']),
      rule('', ['nodes'], read),
      rule(CALICO_GROUP, ['bgpconfigurations', 'bgppeers'], ['create', 'update']),
      rule(CALICO_GROUP, ipam, ['get', 'list', 'create', 'update', 'delete']),
      rule(CALICO_GROUP, ['ipamconfigs'], ['get', 'create']),
      rule(CALICO_GROUP, ['blockaffinities'], ['watch']),
      rule('apps', ['daemonsets'], ['get']),
    ]),
    ...role('calico-cni-plugin', [
      rule('', ['pods', 'nodes', 'namespaces'], ['get']),
      rule('', ['pods/status'], ['patch']),
      rule(CALICO_GROUP, [...ipam, 'clusterinformations', 'ippools', 'ipreservations', 'ipamconfigs'], ['get', 'list', 'create', 'update', 'delete']),
    ]),
  ]
}
