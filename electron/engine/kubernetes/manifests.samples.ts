/** A valid manifest of every kind that is served, with much of what it can have: what is mutated when manifests are fuzzed. */
const labels = { app: 'web', 'app.kubernetes.io/part-of': 'shop' }
const selector = { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['cache'] }] }

const podSpec = {
  initContainers: [{ name: 'wait', image: 'busybox', command: ['sh', '-c', 'true'] }, { name: 'log', image: 'busybox', restartPolicy: 'Always' }],
  containers: [
    {
      name: 'web',
      image: 'nginx:1.27',
      args: ['-g', 'daemon off;'],
      ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }, { containerPort: 53, protocol: 'UDP' }],
      env: [
        { name: 'A', value: 'b' }, { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } }, { name: 'KEY', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k', optional: true } } },
      ],
      envFrom: [{ prefix: 'X_', secretRef: { name: 'keys', optional: true } }],
      resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '1', memory: '128Mi' } },
      readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
      livenessProbe: { tcpSocket: { port: 80 }, initialDelaySeconds: 3 },
      startupProbe: { exec: { command: ['true'] }, failureThreshold: 30 },
      lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
      volumeMounts: [{ name: 'scratch', mountPath: '/tmp/x' }, { name: 'settings', mountPath: '/etc/settings', readOnly: true }],
      securityContext: { capabilities: { add: ['NET_ADMIN'] }, runAsUser: 0 },
    },
  ],
  volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Gi' } }, { name: 'settings', configMap: { name: 'settings', optional: true, items: [{ key: 'k', path: 'p' }] } }],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }] } },
    podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { labelSelector: selector, topologyKey: 'kubernetes.io/hostname' } }] },
  },
  tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' }, { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }],
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: selector }],
  hostAliases: [{ ip: '10.0.0.1', hostnames: ['db.local'] }],
  dnsPolicy: 'None',
  dnsConfig: { nameservers: ['10.96.0.10'], searches: ['svc.cluster.local'], options: [{ name: 'ndots', value: '5' }] },
  terminationGracePeriodSeconds: 5,
}
const template = { metadata: { labels: { ...labels, tier: 'front' } }, spec: podSpec }
/** `openssl req -new -subj /CN=jane/O=dev`, of an Ed25519 key, as kubectl sends it. */
const CSR = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHY01GQUNBUUF3SFRFTk1Bc0dBMVVFQXd3RWFtRnVaVEVNTUFvR0ExVUVDZ3dEWkdWMk1Db3dCUVlESzJWdwpBeUVBbU9vRmdDV09PV2pmVWxmUDY1a0xNcjRUemNWMXM0VG5tT1EyK2ZQK1BTZWdBREFGQmdNclpYQURRUUJWCmZpbVlOZk9pMlFTWDhKOHBwZE9NK2Z3UUU3d3lFRERJM3ZZQWZqd1Zna1B0cmpOME0zeXhqUDFuQzBqeGptQlAKYXp0WHdJZ3MwN1JoMDhxMlhYb0wKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg=='
const jobTemplate = { metadata: { labels }, spec: { ...podSpec, restartPolicy: 'OnFailure' } }
const metadata = { name: 'web', labels, annotations: { 'example.com/note': 'a note' } }
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }]

export const MANIFESTS: { readonly [resource: string]: object } = {
  configmaps: { metadata, data: { k: 'v', 'file.txt': 'line\n' }, binaryData: { b: 'AAEC' } },
  endpoints: { metadata, subsets: [{ addresses: [{ ip: '10.0.0.1', targetRef: { kind: 'Pod', name: 'x' } }], notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }] },
  events: { metadata, involvedObject: { kind: 'Pod', namespace: 'default', name: 'x' }, reason: 'Because', message: 'text', type: 'Normal', count: 1, firstTimestamp: '2026-01-05T08:00:00Z', source: { component: 'me' }, reportingComponent: '', reportingInstance: '' },
  namespaces: { metadata },
  nodes: { metadata, spec: { podCIDR: '10.244.9.0/24', podCIDRs: ['10.244.9.0/24'], taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }], unschedulable: true } },
  persistentvolumeclaims: { metadata, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'standard' } },
  pods: { metadata, spec: podSpec },
  replicationcontrollers: { metadata, spec: { replicas: 2, selector: { app: 'web' }, template } },
  secrets: { metadata, type: 'Opaque', data: { k: 'dg==' }, stringData: { plain: 'text' } },
  serviceaccounts: { metadata, automountServiceAccountToken: false, imagePullSecrets: [{ name: 'registry' }] },
  services: {
    metadata,
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }, { name: 'dns', port: 53, protocol: 'UDP', targetPort: 5353 }], sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } }, externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.1'] },
  },
  controllerrevisions: { metadata, revision: 1, data: { spec: {} } },
  daemonsets: { metadata, spec: { selector, template, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } } } },
  deployments: { metadata, spec: { replicas: 2, selector, template, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } }, revisionHistoryLimit: 3, progressDeadlineSeconds: 60 } },
  replicasets: { metadata, spec: { replicas: 2, selector, template, minReadySeconds: 1 } },
  statefulsets: { metadata, spec: { serviceName: 'web', replicas: 2, selector, template, podManagementPolicy: 'Parallel', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } } },
  cronjobs: { metadata, spec: { schedule: '*/5 * * * *', concurrencyPolicy: 'Forbid', jobTemplate: { spec: { template: jobTemplate } } } },
  jobs: { metadata, spec: { completions: 3, parallelism: 2, backoffLimit: 1, template: jobTemplate } },
  leases: { metadata, spec: { holderIdentity: 'me', leaseDurationSeconds: 40, renewTime: '2026-01-05T08:00:00.000000Z' } },
  endpointslices: { metadata, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true }, nodeName: 'node-1', zone: 'a' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  ingressclasses: { metadata, spec: { controller: 'example.com/ingress' } },
  ingresses: {
    metadata,
    spec: { ingressClassName: 'web', tls: [{ hosts: ['shop.example.com'], secretName: 'tls' }], rules: [{ host: 'shop.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { name: 'http' } } } }] } }] },
  },
  ipaddresses: { metadata: { ...metadata, name: '10.96.7.7' }, spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } } },
  networkpolicies: {
    metadata,
    spec: {
      podSelector: selector, policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: selector, namespaceSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80, endPort: 90, protocol: 'TCP' }] }],
      egress: [{ to: [{ namespaceSelector: selector }], ports: [{ port: 'http' }] }],
    },
  },
  servicecidrs: { metadata, spec: { cidrs: ['10.200.0.0/24'] } },
  poddisruptionbudgets: { metadata, spec: { minAvailable: '50%', selector } },
  customresourcedefinitions: {
    metadata: { ...metadata, name: 'pools.example.com' },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { plural: 'pools', singular: 'pool', kind: 'Pool', shortNames: ['pl'] },
      versions: [{
        name: 'v1', served: true, storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', required: ['cidr'], properties: { cidr: { type: 'string', pattern: '^[0-9./]+$' }, size: { type: 'integer', minimum: 1, default: 26 } } } } } },
        subresources: { status: {} }, additionalPrinterColumns: [{ name: 'CIDR', type: 'string', jsonPath: '.spec.cidr' }],
      }],
    },
  },
  certificatesigningrequests: { metadata, spec: { request: CSR, signerName: 'kubernetes.io/kube-apiserver-client', expirationSeconds: 86_400, usages: ['client auth', 'digital signature'] } },
  apiservices: { metadata: { ...metadata, name: 'v1.example.com' }, spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 15 } },
  mutatingwebhookconfigurations: {
    metadata,
    webhooks: [{
      name: 'add.example.com', admissionReviewVersions: ['v1'], sideEffects: 'NoneOnDryRun', reinvocationPolicy: 'IfNeeded', failurePolicy: 'Ignore', clientConfig: { url: 'https://192.0.2.1:8443/add', caBundle: 'LS0tLS1CRUdJTg==' },
      rules: [{ apiGroups: ['example.com'], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: ['things', 'things/status'], scope: 'Namespaced' }],
    }],
  },
  validatingwebhookconfigurations: {
    metadata,
    webhooks: [{
      name: 'check.example.com', admissionReviewVersions: ['v1', 'v1beta1'], sideEffects: 'None', timeoutSeconds: 5, matchPolicy: 'Exact', namespaceSelector: selector, objectSelector: { matchLabels: { checked: 'yes' } },
      clientConfig: { service: { namespace: 'default', name: 'checker', path: '/check', port: 8443 } }, matchConditions: [{ name: 'not-mine', expression: 'request.userInfo.username != "me"' }],
      rules: [{ apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['*'], resources: ['*'] }],
    }],
  },
  validatingadmissionpolicies: {
    metadata,
    spec: {
      failurePolicy: 'Fail', paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: { resourceRules: [{ apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] }] },
      variables: [{ name: 'replicas', expression: 'object.spec.replicas' }], validations: [{ expression: 'variables.replicas <= 5', message: 'too many', reason: 'Forbidden' }, { expression: 'has(object.spec)', messageExpression: '"none in " + namespaceObject.metadata.name' }],
      auditAnnotations: [{ key: 'replicas', valueExpression: 'string(variables.replicas)' }], matchConditions: [{ name: 'named', expression: 'object.metadata.name != ""' }],
    },
  },
  validatingadmissionpolicybindings: { metadata, spec: { policyName: 'web', paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' }, validationActions: ['Deny', 'Audit'], matchResources: { namespaceSelector: selector } } },
  clusterrolebindings: { metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }] },
  clusterroles: { metadata, rules: [...rules, { nonResourceURLs: ['/healthz'], verbs: ['get'] }] },
  rolebindings: { metadata, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }] },
  roles: { metadata, rules },
  priorityclasses: { metadata, value: 1000, description: 'important', preemptionPolicy: 'Never' },
  storageclasses: { metadata, provisioner: 'example.com/disk', volumeBindingMode: 'WaitForFirstConsumer', reclaimPolicy: 'Delete' },
}
