import type { ClusterConfig } from '../../config.ts'
import { adminPolicyDefinitions, ADMIN_GROUP } from '../admin-policy-api.ts'
import { antreaDefinitions } from './crds.ts'

/** The objects of Antrea's antrea.yml, v2.4 (build/yamls/antrea.yml): what is simulated of them. */
export const VERSION = 'v2.4.0'
const AGENT = `antrea/antrea-agent-ubuntu:${VERSION}`
const CONTROLLER = `antrea/antrea-controller-ubuntu:${VERSION}`

export const CNI_CONF = `{
    "cniVersion":"0.3.0",
    "name": "antrea",
    "plugins": [
        {
            "type": "antrea",
            "ipam": {
                "type": "host-local"
            }
        }
        ,
        {
            "type": "portmap",
            "capabilities": {"portMappings": true}
        }
        ,
        {
            "type": "bandwidth",
            "capabilities": {"bandwidth": true}
        }
    ]
}
`

export function agentConf(config: ClusterConfig): string {
  const encapsulation = config.cniOptions['encapsulation'] ?? 'geneve'
  return [
    'featureGates:', 'ovsBridge: "br-int"', 'hostGateway: "antrea-gw0"', `trafficEncapMode: "${encapsulation === 'none' ? 'noEncap' : 'encap'}"`, 'noSNAT: false',
    `tunnelType: "${encapsulation === 'none' ? 'geneve' : encapsulation}"`, 'tunnelPort: 0', 'tunnelCsum: false', 'trafficEncryptionMode: "none"', 'enableBridgingMode: false', 'disableTXChecksumOffload: false', 'defaultMTU: 0',
    `serviceCIDR: "${config.serviceCIDR.find((c) => !c.includes(':')) ?? ''}"`, ...config.serviceCIDR.filter((c) => c.includes(':')).map((c) => `serviceCIDRv6: "${c}"`), 'apiPort: 10350', 'enablePrometheusMetrics: true', 'antreaProxy:', '  enable: true', '  proxyAll: false', '  nodePortAddresses: []', '  skipServices: []',
    '  proxyLoadBalancerIPs: true', '  defaultLoadBalancerMode: "nat"', 'nodePortLocal:', `  enable: ${config.cniOptions['nodePortLocal'] ?? 'false'}`, '  portRange: "61000-62000"', '',
  ].join('\n')
}

export const controllerConf = (config: ClusterConfig): string => `featureGates:\n${config.cniOptions['adminNetworkPolicy'] === 'true' ? '  AdminNetworkPolicy: true\n' : ''}apiPort: 10349\nenablePrometheusMetrics: true\nselfSignedCert: true\nnodeIPAM:\n  enableNodeIPAM: false\n`

export function antreaManifests(config: ClusterConfig): object[] {
  const meta = (name: string, component?: string): object => ({ name, namespace: 'kube-system', labels: { app: 'antrea', ...(component ? { component } : {}) } })
  const hostPath = (name: string, path: string, type?: string): object => ({ name, hostPath: { path, ...(type ? { type } : {}) } })
  const environment = [['POD_NAME', 'metadata.name'], ['POD_NAMESPACE', 'metadata.namespace'], ['NODE_NAME', 'spec.nodeName']].map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } }))
  const arguments_ = (part: string): string[] => [`--config=/etc/antrea/antrea-${part}.conf`, '--logtostderr=false', '--log_dir=/var/log/antrea', '--alsologtostderr', '--log_file_max_size=100', '--log_file_max_num=4']
  const agentLabels = { app: 'antrea', component: 'antrea-agent' }
  const controllerLabels = { app: 'antrea', component: 'antrea-controller' }
  return [
    ...antreaDefinitions(), ...(config.cniOptions['adminNetworkPolicy'] === 'true' ? adminPolicyDefinitions({ networks: false }) : []),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('antrea-config'), data: { 'antrea-agent.conf': agentConf(config), 'antrea-cni.conflist': CNI_CONF, 'antrea-controller.conf': controllerConf(config) } },
    {
      apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: meta('antrea-agent', 'antrea-agent'),
      spec: {
        selector: { matchLabels: agentLabels }, updateStrategy: { type: 'RollingUpdate' },
        template: {
          metadata: { annotations: { 'kubectl.kubernetes.io/default-container': 'antrea-agent' }, labels: agentLabels },
          spec: {
            hostNetwork: true, priorityClassName: 'system-node-critical', nodeSelector: { 'kubernetes.io/os': 'linux' },
            tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }, { effect: 'NoSchedule', operator: 'Exists' }, { effect: 'NoExecute', operator: 'Exists' }],
            serviceAccountName: 'antrea-agent',
            initContainers: [{
              name: 'install-cni', image: AGENT, imagePullPolicy: 'IfNotPresent', resources: { requests: { cpu: '100m' } }, command: ['install_cni'], securityContext: { capabilities: { add: ['SYS_MODULE'] } },
              env: [{ name: 'SKIP_CNI_BINARIES', value: '' }, { name: 'CONFIG_FILE_MODE', value: '644' }],
              volumeMounts: [
                { name: 'antrea-config', mountPath: '/etc/antrea/antrea-cni.conflist', subPath: 'antrea-cni.conflist', readOnly: true }, { name: 'host-cni-conf', mountPath: '/host/etc/cni/net.d' },
                { name: 'host-cni-bin', mountPath: '/host/opt/cni/bin' }, { name: 'host-var-run-antrea', mountPath: '/var/run/antrea' },
              ],
            }],
            containers: [
              {
                name: 'antrea-agent', image: AGENT, imagePullPolicy: 'IfNotPresent', command: ['antrea-agent'], args: arguments_('agent'), env: environment, resources: { requests: { cpu: '200m' } },
                ports: [{ containerPort: 10_350, name: 'api', protocol: 'TCP' }], securityContext: { privileged: true },
                volumeMounts: [{ name: 'antrea-config', mountPath: '/etc/antrea/antrea-agent.conf', subPath: 'antrea-agent.conf', readOnly: true }, { name: 'host-var-run-antrea', mountPath: '/var/run/antrea' }, { name: 'host-var-log-antrea', mountPath: '/var/log/antrea' }],
              },
              {
                name: 'antrea-ovs', image: AGENT, imagePullPolicy: 'IfNotPresent', command: ['start_ovs'], args: ['--log_file_max_size=100', '--log_file_max_num=4'], resources: { requests: { cpu: '200m' } },
                securityContext: { capabilities: { add: ['SYS_NICE', 'NET_ADMIN', 'SYS_ADMIN', 'IPC_LOCK'] } }, volumeMounts: [{ name: 'host-var-run-antrea', mountPath: '/var/run/antrea' }, { name: 'host-var-log-antrea', mountPath: '/var/log/openvswitch', subPath: 'openvswitch' }],
              },
            ],
            volumes: [
              { name: 'antrea-config', configMap: { name: 'antrea-config' } }, hostPath('host-cni-conf', '/etc/cni/net.d'), hostPath('host-cni-bin', '/opt/cni/bin'),
              hostPath('host-var-run-antrea', '/var/run/antrea', 'DirectoryOrCreate'), hostPath('host-var-log-antrea', '/var/log/antrea', 'DirectoryOrCreate'),
            ],
          },
        },
      },
    },
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: meta('antrea-controller', 'antrea-controller'),
      spec: {
        strategy: { type: 'Recreate' }, selector: { matchLabels: controllerLabels }, replicas: 1,
        template: {
          metadata: { labels: controllerLabels },
          spec: {
            nodeSelector: { 'kubernetes.io/os': 'linux' }, hostNetwork: true, priorityClassName: 'system-cluster-critical',
            tolerations: [
              { key: 'CriticalAddonsOnly', operator: 'Exists' }, { effect: 'NoSchedule', key: 'node-role.kubernetes.io/master' }, { effect: 'NoSchedule', key: 'node-role.kubernetes.io/control-plane' },
              { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 },
            ],
            serviceAccountName: 'antrea-controller',
            containers: [{
              name: 'antrea-controller', image: CONTROLLER, imagePullPolicy: 'IfNotPresent', resources: { requests: { cpu: '200m', memory: '100Mi' } }, command: ['antrea-controller'], args: arguments_('controller'),
              env: [...environment, { name: 'ANTREA_CONFIG_MAP_NAME', value: 'antrea-config' }], ports: [{ containerPort: 10_349, name: 'api', protocol: 'TCP' }],
              volumeMounts: [{ name: 'antrea-config', mountPath: '/etc/antrea/antrea-controller.conf', subPath: 'antrea-controller.conf', readOnly: true }, { name: 'host-var-log-antrea', mountPath: '/var/log/antrea' }],
            }],
            volumes: [{ name: 'antrea-config', configMap: { name: 'antrea-config' } }, hostPath('host-var-log-antrea', '/var/log/antrea', 'DirectoryOrCreate')],
          },
        },
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'antrea', namespace: 'kube-system', labels: { app: 'antrea' } }, spec: { ports: [{ port: 443, protocol: 'TCP', targetPort: 'api' }], selector: controllerLabels } },
    ...account('antrea-agent', [{ apiGroups: [''], resources: ['pods/status'], verbs: ['patch', 'update'] }]), ...account('antrea-controller'),
  ]
}

function account(name: string, more: readonly object[] = []): object[] {
  const read = ['get', 'watch', 'list']
  const rules = [
    { apiGroups: [''], resources: ['nodes', 'pods', 'services', 'endpoints', 'namespaces'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
    { apiGroups: ['crd.antrea.io'], resources: ['*'], verbs: ['get', 'watch', 'list', 'create', 'update', 'patch', 'delete'] },
    { apiGroups: [ADMIN_GROUP], resources: ['adminnetworkpolicies', 'baselineadminnetworkpolicies'], verbs: read },
    ...more,
  ]
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels: { app: 'antrea' } }, rules },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name, labels: { app: 'antrea' } }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name }, subjects: [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }] },
  ]
}
