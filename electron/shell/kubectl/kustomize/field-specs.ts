/**
 * Which fields the transformers of a kustomization change: the defaults of kustomize v5.6
 * (api/internal/konfig/builtinpluginconsts). A path goes through lists without saying so.
 */
export interface FieldSpec {
  path: string
  kind?: string
  group?: string
  version?: string
  /** Made where it is not there. */
  create?: boolean
}

const TEMPLATED = ['ReplicationController', 'Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet', 'Job']
const GROUPS: Readonly<Record<string, string>> = { StatefulSet: 'apps', Job: 'batch', CronJob: 'batch' }

const spec = (kind: string, path: string, create: boolean): FieldSpec => ({ kind, path, create, ...(GROUPS[kind] ? { group: GROUPS[kind] } : {}) })

const below = (field: 'labels' | 'annotations'): FieldSpec[] => [
  ...TEMPLATED.map((kind) => spec(kind, `spec/template/metadata/${field}`, true)),
  spec('CronJob', `spec/jobTemplate/metadata/${field}`, true),
  spec('CronJob', `spec/jobTemplate/spec/template/metadata/${field}`, true),
]

export const METADATA_LABELS: FieldSpec = { path: 'metadata/labels', create: true }

const CLAIM_LABELS: FieldSpec = { kind: 'StatefulSet', group: 'apps', path: 'spec/volumeClaimTemplates/metadata/labels', create: true }

/** `includeTemplates` */
export const TEMPLATE_LABELS: readonly FieldSpec[] = [...below('labels'), CLAIM_LABELS]

export const ANNOTATIONS: readonly FieldSpec[] = [{ path: 'metadata/annotations', create: true }, ...below('annotations')]

const NEARBY = ['podAffinity', 'podAntiAffinity'].flatMap((affinity) => [
  `affinity/${affinity}/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels`,
  `affinity/${affinity}/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels`,
])

/** `commonLabels`, and labels with `includeSelectors`. */
export const SELECTING_LABELS: readonly FieldSpec[] = [
  { kind: 'Service', version: 'v1', path: 'spec/selector', create: true },
  { kind: 'ReplicationController', version: 'v1', path: 'spec/selector', create: true },
  ...['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet'].map((kind) => spec(kind, 'spec/selector/matchLabels', true)),
  ...['Deployment', 'StatefulSet'].flatMap((kind) =>
    [...NEARBY, 'topologySpreadConstraints/labelSelector/matchLabels'].map((path) => ({ kind, group: 'apps', path: `spec/template/spec/${path}` }))),
  spec('Job', 'spec/selector/matchLabels', false),
  spec('CronJob', 'spec/jobTemplate/spec/selector/matchLabels', false),
  { kind: 'PodDisruptionBudget', group: 'policy', path: 'spec/selector/matchLabels' },
  ...['spec/podSelector', 'spec/ingress/from/podSelector', 'spec/egress/to/podSelector'].map((path) => ({ kind: 'NetworkPolicy', group: 'networking.k8s.io', path: `${path}/matchLabels` })),
  METADATA_LABELS,
  ...TEMPLATE_LABELS,
]

export const REPLICAS: readonly FieldSpec[] = ['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController'].map((kind) => ({ kind, path: 'spec/replicas', create: true }))

/** Objects whose kind is one of these have the name of another in these fields. */
export interface NameReference { kind: string; group: string; referrers: readonly FieldSpec[] }

/** Where the Pods of a kind are specified. */
const POD_SPECS: Readonly<Record<string, string>> = {
  Pod: 'spec', PodTemplate: 'template/spec', CronJob: 'spec/jobTemplate/spec/template/spec',
  ...Object.fromEntries(TEMPLATED.map((kind) => [kind, 'spec/template/spec'])),
}

function inPods(kinds: readonly string[], paths: readonly string[]): FieldSpec[] {
  return kinds.flatMap((kind) => paths.map((path) => ({ kind, path: `${POD_SPECS[kind]}/${path}` })))
}

const OF_KEYS = ['Pod', 'PodTemplate', 'Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet', 'Job', 'CronJob']
const OF_CLAIMS = ['Pod', 'StatefulSet', 'Deployment', 'ReplicationController', 'CronJob', 'Job', 'DaemonSet']

const inContainers = (path: string): string[] => ['containers', 'initContainers'].map((containers) => `${containers}/${path}`)

export const NAME_REFERENCES: readonly NameReference[] = [
  ...['Deployment', 'ReplicationController', 'ReplicaSet', 'StatefulSet'].map((kind) => ({ kind, group: kind === 'ReplicationController' ? '' : 'apps', referrers: [{ kind: 'HorizontalPodAutoscaler', path: 'spec/scaleTargetRef/name' }] })),
  {
    kind: 'ConfigMap', group: '', referrers: [
      ...inPods(OF_KEYS, ['volumes/configMap/name', ...inContainers('env/valueFrom/configMapKeyRef/name'), ...inContainers('envFrom/configMapRef/name'), 'volumes/projected/sources/configMap/name']),
      { kind: 'Role', path: 'rules/resourceNames' },
      { kind: 'ClusterRole', path: 'rules/resourceNames' },
      { kind: 'Ingress', path: 'metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap' },
    ],
  },
  {
    kind: 'Secret', group: '', referrers: [
      ...inPods(OF_KEYS, ['volumes/secret/secretName', ...inContainers('env/valueFrom/secretKeyRef/name'), ...inContainers('envFrom/secretRef/name'), 'imagePullSecrets/name', 'volumes/projected/sources/secret/name']),
      { kind: 'Ingress', path: 'spec/tls/secretName' },
      ...['ingress.kubernetes.io\\/auth-secret', 'nginx.ingress.kubernetes.io\\/auth-secret', 'nginx.ingress.kubernetes.io\\/auth-tls-secret'].map((name) => ({ kind: 'Ingress', path: `metadata/annotations/${name}` })),
      { kind: 'ServiceAccount', path: 'imagePullSecrets/name' },
      { kind: 'Role', path: 'rules/resourceNames' },
      { kind: 'ClusterRole', path: 'rules/resourceNames' },
    ],
  },
  {
    kind: 'Service', group: '', referrers: [
      { kind: 'StatefulSet', group: 'apps', path: 'spec/serviceName' },
      { kind: 'Ingress', path: 'spec/rules/http/paths/backend/service/name' },
      { kind: 'Ingress', path: 'spec/defaultBackend/service/name' },
      { kind: 'APIService', group: 'apiregistration.k8s.io', path: 'spec/service/name' },
      { kind: 'ValidatingWebhookConfiguration', group: 'admissionregistration.k8s.io', path: 'webhooks/clientConfig/service' },
      { kind: 'MutatingWebhookConfiguration', group: 'admissionregistration.k8s.io', path: 'webhooks/clientConfig/service' },
    ],
  },
  { kind: 'Role', group: 'rbac.authorization.k8s.io', referrers: [{ kind: 'RoleBinding', path: 'roleRef/name' }] },
  { kind: 'ClusterRole', group: 'rbac.authorization.k8s.io', referrers: ['RoleBinding', 'ClusterRoleBinding'].map((kind) => ({ kind, path: 'roleRef/name' })) },
  {
    kind: 'ServiceAccount', group: '', referrers: [
      ...['RoleBinding', 'ClusterRoleBinding'].map((kind) => ({ kind, path: 'subjects' })),
      ...inPods(OF_CLAIMS, ['serviceAccountName']),
    ],
  },
  { kind: 'PersistentVolumeClaim', group: '', referrers: inPods(OF_CLAIMS, ['volumes/persistentVolumeClaim/claimName']) },
  { kind: 'PersistentVolume', group: '', referrers: [{ kind: 'PersistentVolumeClaim', path: 'spec/volumeName' }, { kind: 'ClusterRole', path: 'rules/resourceNames' }] },
  {
    kind: 'StorageClass', group: 'storage.k8s.io', referrers: [
      { kind: 'PersistentVolume', path: 'spec/storageClassName' },
      { kind: 'PersistentVolumeClaim', path: 'spec/storageClassName' },
      { kind: 'StatefulSet', path: 'spec/volumeClaimTemplates/spec/storageClassName' },
    ],
  },
  { kind: 'PriorityClass', group: 'scheduling.k8s.io', referrers: inPods(OF_CLAIMS, ['priorityClassName']) },
  { kind: 'IngressClass', group: 'networking.k8s.io', referrers: [{ kind: 'Ingress', path: 'spec/ingressClassName' }] },
]
