/**
 * The objects of config/master/aws-k8s-cni.yaml of amazon-vpc-cni-k8s v1.19, with --enable-network-policy=true, and the
 * network policy controller (aws/amazon-network-policy-controller-k8s), which EKS runs in its own control plane and
 * others as a Deployment. Custom networking (ENIConfig), Pods with ENIs of their own and prefixes are not simulated.
 */
const REGISTRY = '602401143452.dkr.ecr.us-west-2.amazonaws.com'
export const CNI_VERSION = 'v1.19.6'
const AGENT_VERSION = 'v1.2.2'
const CONTROLLER = 'amazon-network-policy-controller-k8s'

const text = { type: 'string' }
const port = { type: 'object', properties: { endPort: { type: 'integer', format: 'int32' }, port: { type: 'integer', format: 'int32' }, protocol: { type: 'string', default: 'TCP' } } }
const endpointInfo = { type: 'array', items: { type: 'object', properties: { cidr: text, except: { type: 'array', items: text }, ports: { type: 'array', items: port } }, required: ['cidr'] } }

/** policyendpoints.networking.k8s.aws */
const DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'policyendpoints.networking.k8s.aws' },
  spec: {
    group: 'networking.k8s.aws',
    names: { kind: 'PolicyEndpoint', listKind: 'PolicyEndpointList', plural: 'policyendpoints', singular: 'policyendpoint' },
    scope: 'Namespaced',
    versions: [{
      name: 'v1alpha1',
      schema: {
        openAPIV3Schema: {
          description: 'PolicyEndpoint is the Schema for the policyendpoints API',
          type: 'object',
          properties: {
            apiVersion: text,
            kind: text,
            metadata: { type: 'object' },
            spec: {
              type: 'object',
              required: ['policyRef'],
              properties: {
                egress: endpointInfo,
                ingress: endpointInfo,
                podIsolation: { type: 'array', items: text },
                podSelector: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                podSelectorEndpoints: { type: 'array', items: { type: 'object', properties: { hostIP: text, name: text, namespace: text, podIP: text }, required: ['hostIP', 'name', 'namespace', 'podIP'] } },
                policyRef: { type: 'object', properties: { name: text, namespace: text }, required: ['name', 'namespace'] },
              },
            },
            status: { type: 'object' },
          },
        },
      },
      served: true,
      storage: true,
      subresources: { status: {} },
    }],
  },
}

export function awsManifests(): object[] {
  const labels = { 'app.kubernetes.io/name': 'aws-node', 'app.kubernetes.io/instance': 'aws-vpc-cni', 'k8s-app': 'aws-node' }
  const metadata = { name: 'aws-node', labels: { ...labels, 'app.kubernetes.io/version': CNI_VERSION } }
  const read = ['list', 'watch', 'get']
  const subject = (name: string): object[] => [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }]
  return [
    DEFINITION,
    {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, name: 'amazon-vpc-cni', namespace: 'kube-system' },
      data: { 'enable-windows-ipam': 'false', 'enable-network-policy-controller': 'true', 'enable-windows-prefix-delegation': 'false', 'warm-prefix-target': '0', 'warm-ip-target': '1', 'minimum-ip-target': '3', 'branch-eni-cooldown': '60' },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata,
      rules: [
        { apiGroups: ['crd.k8s.amazonaws.com'], resources: ['eniconfigs'], verbs: read },
        { apiGroups: [''], resources: ['namespaces'], verbs: read },
        { apiGroups: [''], resources: ['pods'], verbs: read },
        { apiGroups: [''], resources: ['nodes'], verbs: read },
        { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'list'] },
        { apiGroups: ['networking.k8s.aws'], resources: ['policyendpoints'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['networking.k8s.aws'], resources: ['policyendpoints/status'], verbs: ['get'] },
        { apiGroups: ['vpcresources.k8s.aws'], resources: ['cninodes'], verbs: ['get', 'list', 'watch', 'patch'] },
      ],
    },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'aws-node' }, subjects: subject('aws-node') },
    { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { ...metadata, namespace: 'kube-system' }, spec: daemonSet(labels) },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: CONTROLLER },
      rules: [
        { apiGroups: [''], resources: ['namespaces', 'pods', 'services'], verbs: read },
        { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: [...read, 'patch', 'update'] },
        { apiGroups: ['networking.k8s.aws'], resources: ['policyendpoints'], verbs: ['create', 'delete', ...read, 'patch', 'update'] },
      ],
    },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: CONTROLLER }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: CONTROLLER }, subjects: subject(CONTROLLER) },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: CONTROLLER, namespace: 'kube-system', labels: { 'app.kubernetes.io/component': 'controller', 'app.kubernetes.io/name': CONTROLLER } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { 'app.kubernetes.io/component': 'controller', 'app.kubernetes.io/name': CONTROLLER } },
        template: {
          metadata: { annotations: { 'kubectl.kubernetes.io/default-container': 'controller' }, labels: { 'app.kubernetes.io/component': 'controller', 'app.kubernetes.io/name': CONTROLLER } },
          spec: {
            containers: [{
              name: 'controller', image: `public.ecr.aws/eks/${CONTROLLER}:v1.1.2`, args: ['--enable-configmap-check=false'],
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              livenessProbe: { httpGet: { path: '/healthz', port: 8081 }, initialDelaySeconds: 15, periodSeconds: 20 },
              readinessProbe: { httpGet: { path: '/readyz', port: 8081 }, initialDelaySeconds: 5, periodSeconds: 10 },
            }],
            hostNetwork: true,
            priorityClassName: 'system-cluster-critical',
            tolerations: [{ operator: 'Exists' }],
            serviceAccountName: CONTROLLER,
            terminationGracePeriodSeconds: 10,
          },
        },
      },
    },
  ]
}

function daemonSet(labels: Record<string, string>): object {
  const environment: Record<string, string> = {
    ADDITIONAL_ENI_TAGS: '{}', AWS_VPC_CNI_NODE_PORT_SUPPORT: 'true', AWS_VPC_ENI_MTU: '1500', AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'false', AWS_VPC_K8S_CNI_EXTERNALSNAT: 'false',
    AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG', AWS_VPC_K8S_CNI_LOG_FILE: '/host/var/log/aws-routed-eni/ipamd.log', AWS_VPC_K8S_CNI_RANDOMIZESNAT: 'prng', AWS_VPC_K8S_CNI_VETHPREFIX: 'eni',
    AWS_VPC_K8S_PLUGIN_LOG_FILE: '/var/log/aws-routed-eni/plugin.log', AWS_VPC_K8S_PLUGIN_LOG_LEVEL: 'DEBUG', DISABLE_INTROSPECTION: 'false', DISABLE_METRICS: 'false',
    DISABLE_NETWORK_RESOURCE_PROVISIONING: 'false', ENABLE_IPv4: 'true', ENABLE_IPv6: 'false', ENABLE_POD_ENI: 'false', ENABLE_PREFIX_DELEGATION: 'false', ENABLE_SUBNET_DISCOVERY: 'true',
    NETWORK_POLICY_ENFORCING_MODE: 'standard', VPC_CNI_VERSION: CNI_VERSION, WARM_ENI_TARGET: '1', WARM_PREFIX_TARGET: '1',
  }
  const nodeName = { name: 'MY_NODE_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } }
  const probe = (initialDelaySeconds: number): object => ({ exec: { command: ['/app/grpc-health-probe', '-addr=:50051', '-connect-timeout=5s', '-rpc-timeout=5s'] }, initialDelaySeconds, timeoutSeconds: 10 })
  const requests = { requests: { cpu: '25m' } }
  const hostPath = (name: string, path: string, type?: string): object => ({ name, hostPath: { path, ...(type ? { type } : {}) } })
  return {
    updateStrategy: { rollingUpdate: { maxUnavailable: '10%' }, type: 'RollingUpdate' },
    selector: { matchLabels: { 'k8s-app': 'aws-node' } },
    template: {
      metadata: { labels },
      spec: {
        priorityClassName: 'system-node-critical',
        serviceAccountName: 'aws-node',
        hostNetwork: true,
        initContainers: [{
          name: 'aws-vpc-cni-init', image: `${REGISTRY}/amazon-k8s-cni-init:${CNI_VERSION}`, env: [{ name: 'DISABLE_TCP_EARLY_DEMUX', value: 'false' }, { name: 'ENABLE_IPv6', value: 'false' }],
          securityContext: { privileged: true }, resources: requests, volumeMounts: [{ mountPath: '/host/opt/cni/bin', name: 'cni-bin-dir' }],
        }],
        terminationGracePeriodSeconds: 10,
        tolerations: [{ operator: 'Exists' }],
        securityContext: {},
        containers: [
          {
            name: 'aws-node', image: `${REGISTRY}/amazon-k8s-cni:${CNI_VERSION}`, ports: [{ containerPort: 61678, name: 'metrics' }],
            livenessProbe: probe(60), readinessProbe: probe(1),
            env: [...Object.entries(environment).map(([name, value]) => ({ name, value })), nodeName, { name: 'MY_POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
            resources: requests, securityContext: { capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
            volumeMounts: [
              { mountPath: '/host/opt/cni/bin', name: 'cni-bin-dir' }, { mountPath: '/host/etc/cni/net.d', name: 'cni-net-dir' }, { mountPath: '/host/var/log/aws-routed-eni', name: 'log-dir' },
              { mountPath: '/var/run/aws-node', name: 'run-dir' }, { mountPath: '/run/xtables.lock', name: 'xtables-lock' },
            ],
          },
          {
            name: 'aws-eks-nodeagent', image: `${REGISTRY}/amazon/aws-network-policy-agent:${AGENT_VERSION}`, ports: [{ containerPort: 8162, name: 'agentmetrics' }], env: [nodeName],
            args: [
              '--enable-ipv6=false', '--enable-network-policy=true', '--enable-cloudwatch-logs=false', '--enable-policy-event-logs=false', '--log-file=/var/log/aws-routed-eni/network-policy-agent.log',
              '--metrics-bind-addr=:8162', '--health-probe-bind-addr=:8163', '--conntrack-cache-cleanup-period=300', '--conntrack-cache-table-size=524288', '--log-level=debug',
            ],
            resources: requests, securityContext: { capabilities: { add: ['NET_ADMIN'] }, privileged: true },
            volumeMounts: [
              { mountPath: '/host/opt/cni/bin', name: 'cni-bin-dir' }, { mountPath: '/sys/fs/bpf', name: 'bpf-pin-path' }, { mountPath: '/var/log/aws-routed-eni', name: 'log-dir' }, { mountPath: '/var/run/aws-node', name: 'run-dir' },
            ],
          },
        ],
        volumes: [
          hostPath('bpf-pin-path', '/sys/fs/bpf'), hostPath('cni-bin-dir', '/opt/cni/bin'), hostPath('cni-net-dir', '/etc/cni/net.d'), hostPath('log-dir', '/var/log/aws-routed-eni', 'DirectoryOrCreate'),
          hostPath('run-dir', '/var/run/aws-node', 'DirectoryOrCreate'), hostPath('xtables-lock', '/run/xtables.lock', 'FileOrCreate'),
        ],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{
                matchExpressions: [
                  { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }, { key: 'kubernetes.io/arch', operator: 'In', values: ['amd64', 'arm64'] },
                  { key: 'eks.amazonaws.com/compute-type', operator: 'NotIn', values: ['fargate', 'hybrid', 'auto'] },
                ],
              }],
            },
          },
        },
      },
    },
  }
}
