import type { ClusterConfig } from '../../config.ts'
import { admissionManifests } from './admission-manifests.ts'

/**
 * The NGINX Ingress controller v1.12.2 as its published manifests lay it out (kubernetes/ingress-nginx,
 * deploy/static/provider/{baremetal,cloud}).
 */
const VERSION = '1.12.2'
export const IMAGE = `registry.k8s.io/ingress-nginx/controller:v${VERSION}`
export const NAMESPACE = 'ingress-nginx'
export const NAME = 'ingress-nginx-controller'

const INSTANCE = { 'app.kubernetes.io/instance': 'ingress-nginx', 'app.kubernetes.io/name': 'ingress-nginx' }
const SELECTOR = { 'app.kubernetes.io/component': 'controller', ...INSTANCE }
const LABELS = { ...SELECTOR, 'app.kubernetes.io/part-of': 'ingress-nginx', 'app.kubernetes.io/version': VERSION }
const COMMON = { ...INSTANCE, 'app.kubernetes.io/part-of': 'ingress-nginx', 'app.kubernetes.io/version': VERSION }
const RBAC = 'rbac.authorization.k8s.io'
const READ = ['get', 'list', 'watch']

const rule = (group: string, resources: string[], verbs: string[]): object => ({ apiGroups: [group], resources, verbs })

const SHARED_RULES = [
  rule('', ['services'], READ),
  rule('networking.k8s.io', ['ingresses'], READ),
  rule('networking.k8s.io', ['ingresses/status'], ['update']),
  rule('networking.k8s.io', ['ingressclasses'], READ),
  rule('', ['events'], ['create', 'patch']),
  rule('discovery.k8s.io', ['endpointslices'], ['list', 'watch', 'get']),
]

function accessObjects(): object[] {
  const subjects = [{ kind: 'ServiceAccount', name: 'ingress-nginx', namespace: NAMESPACE }]
  const roleRef = (kind: string): object => ({ apiGroup: RBAC, kind, name: 'ingress-nginx' })
  return [
    {
      apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: { name: 'ingress-nginx', namespace: NAMESPACE, labels: LABELS },
      rules: [
        rule('', ['namespaces'], ['get']),
        rule('', ['configmaps', 'pods', 'secrets', 'endpoints'], READ),
        ...SHARED_RULES,
        { ...rule('coordination.k8s.io', ['leases'], ['get', 'update']), resourceNames: ['ingress-nginx-leader'] },
        rule('coordination.k8s.io', ['leases'], ['create']),
      ],
    },
    {
      apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: 'ingress-nginx', labels: COMMON },
      rules: [
        rule('', ['configmaps', 'endpoints', 'nodes', 'pods', 'secrets', 'namespaces'], ['list', 'watch']),
        rule('coordination.k8s.io', ['leases'], ['list', 'watch']),
        rule('', ['nodes'], ['get']),
        ...SHARED_RULES,
      ],
    },
    { apiVersion: `${RBAC}/v1`, kind: 'RoleBinding', metadata: { name: 'ingress-nginx', namespace: NAMESPACE, labels: LABELS }, roleRef: roleRef('Role'), subjects },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name: 'ingress-nginx', labels: COMMON }, roleRef: roleRef('ClusterRole'), subjects },
  ]
}

function deployment(publishService: boolean): object {
  const probe = { httpGet: { path: '/healthz', port: 10254, scheme: 'HTTP' }, initialDelaySeconds: 10, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1 }
  const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
    spec: {
      minReadySeconds: 0,
      revisionHistoryLimit: 10,
      selector: { matchLabels: SELECTOR },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      template: {
        metadata: { labels: LABELS },
        spec: {
          containers: [
            {
              name: 'controller',
              image: IMAGE,
              imagePullPolicy: 'IfNotPresent',
              args: [
                '/nginx-ingress-controller',
                ...(publishService ? [`--publish-service=$(POD_NAMESPACE)/${NAME}`] : []),
                '--election-id=ingress-nginx-leader',
                '--controller-class=k8s.io/ingress-nginx',
                '--ingress-class=nginx',
                `--configmap=$(POD_NAMESPACE)/${NAME}`,
                '--validating-webhook=:8443',
                '--validating-webhook-certificate=/usr/local/certificates/cert',
                '--validating-webhook-key=/usr/local/certificates/key',
              ],
              env: [field('POD_NAME', 'metadata.name'), field('POD_NAMESPACE', 'metadata.namespace'), { name: 'LD_PRELOAD', value: '/usr/local/lib/libmimalloc.so' }],
              lifecycle: { preStop: { exec: { command: ['/wait-shutdown'] } } },
              livenessProbe: { ...probe, failureThreshold: 5 },
              readinessProbe: { ...probe, failureThreshold: 3 },
              ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }, { name: 'https', containerPort: 443, protocol: 'TCP' }, { name: 'webhook', containerPort: 8443, protocol: 'TCP' }],
              resources: { requests: { cpu: '100m', memory: '90Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
                readOnlyRootFilesystem: false,
                runAsGroup: 82,
                runAsNonRoot: true,
                runAsUser: 101,
                seccompProfile: { type: 'RuntimeDefault' },
              },
              volumeMounts: [{ mountPath: '/usr/local/certificates/', name: 'webhook-cert', readOnly: true }],
            },
          ],
          dnsPolicy: 'ClusterFirst',
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          serviceAccountName: 'ingress-nginx',
          terminationGracePeriodSeconds: 300,
          volumes: [{ name: 'webhook-cert', secret: { secretName: 'ingress-nginx-admission' } }],
        },
      },
    },
  }
}

/** None for a cluster without it. */
export function ingressNginxManifests({ ingressController, cloud, ipFamilies }: ClusterConfig): object[] {
  if (ingressController !== 'nginx') return []
  const balanced = cloud === 'loadbalancer'
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: INSTANCE } },
    ...accessObjects(),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
      spec: {
        ...(balanced ? { externalTrafficPolicy: 'Local' } : {}),
        // IPv4 in the published file, and what its user writes there for other clusters
        ipFamilies: [ipFamilies[0]!],
        ipFamilyPolicy: 'SingleStack',
        ports: [
          { appProtocol: 'http', name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' },
          { appProtocol: 'https', name: 'https', port: 443, protocol: 'TCP', targetPort: 'https' },
        ],
        selector: SELECTOR,
        type: balanced ? 'LoadBalancer' : 'NodePort',
      },
    },
    deployment(balanced),
    { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'nginx', labels: LABELS }, spec: { controller: 'k8s.io/ingress-nginx' } },
    ...admissionManifests({ namespace: NAMESPACE, controller: NAME, selector: SELECTOR, labels: COMMON, controllerLabels: LABELS }),
  ]
}
