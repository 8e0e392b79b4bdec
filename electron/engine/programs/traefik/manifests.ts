import type { ClusterConfig } from '../../config.ts'
import { traefikCrds } from './crds.ts'
import { CONTROLLER } from './providers.ts'

/** Traefik v3.3 as its Helm chart (34.5.0) lays it out in the namespace traefik, with an access log. */
const NAMESPACE = 'traefik'
const SELECTOR = { 'app.kubernetes.io/name': 'traefik', 'app.kubernetes.io/instance': 'traefik-traefik' }
const LABELS = { ...SELECTOR, 'helm.sh/chart': 'traefik-34.5.0', 'app.kubernetes.io/managed-by': 'Helm' }
const RBAC = 'rbac.authorization.k8s.io'
const READ = ['get', 'list', 'watch']

const ARGS = [
  '--entryPoints.metrics.address=:9100/tcp',
  '--entryPoints.traefik.address=:8080/tcp',
  '--entryPoints.web.address=:8000/tcp',
  '--entryPoints.websecure.address=:8443/tcp',
  '--api.dashboard=true',
  '--ping=true',
  '--metrics.prometheus=true',
  '--metrics.prometheus.entrypoint=metrics',
  '--providers.kubernetescrd',
  '--providers.kubernetescrd.allowEmptyServices=true',
  '--providers.kubernetesingress',
  '--providers.kubernetesingress.allowEmptyServices=true',
  '--providers.kubernetesingress.ingressendpoint.publishedservice=traefik/traefik',
  '--entryPoints.websecure.http.tls=true',
  '--log.level=INFO',
  '--accesslog=true',
]

function access(): object[] {
  const rule = (apiGroups: string[], resources: string[], verbs: string[]): object => ({ apiGroups, resources, verbs })
  const custom = ['ingressroutes', 'ingressroutetcps', 'ingressrouteudps', 'middlewares', 'middlewaretcps', 'serverstransports', 'serverstransporttcps', 'tlsoptions', 'tlsstores', 'traefikservices']
  return [
    {
      apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: 'traefik-traefik', labels: LABELS },
      rules: [
        rule([''], ['configmaps', 'nodes', 'services'], READ),
        rule(['discovery.k8s.io'], ['endpointslices'], ['list', 'watch']),
        rule([''], ['secrets'], READ),
        rule(['extensions', 'networking.k8s.io'], ['ingressclasses', 'ingresses'], READ),
        rule(['extensions', 'networking.k8s.io'], ['ingresses/status'], ['update']),
        rule(['traefik.io'], custom, READ),
      ],
    },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name: 'traefik-traefik', labels: LABELS }, roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'traefik-traefik' }, subjects: [{ kind: 'ServiceAccount', name: 'traefik', namespace: NAMESPACE }] },
  ]
}

function deployment(): object {
  const probe = { httpGet: { path: '/ping', port: 8080, scheme: 'HTTP' }, initialDelaySeconds: 2, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 2 }
  const port = (name: string, containerPort: number): object => ({ name, containerPort, protocol: 'TCP' })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'traefik', namespace: NAMESPACE, labels: LABELS },
    spec: {
      replicas: 1,
      selector: { matchLabels: SELECTOR },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      minReadySeconds: 0,
      template: {
        metadata: { labels: LABELS, annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/path': '/metrics', 'prometheus.io/port': '9100' } },
        spec: {
          serviceAccountName: 'traefik',
          automountServiceAccountToken: true,
          terminationGracePeriodSeconds: 60,
          containers: [
            {
              name: 'traefik',
              image: 'docker.io/traefik:v3.3.6',
              imagePullPolicy: 'IfNotPresent',
              args: ARGS,
              env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
              ports: [port('metrics', 9100), port('traefik', 8080), port('web', 8000), port('websecure', 8443)],
              readinessProbe: { ...probe, failureThreshold: 1 },
              livenessProbe: { ...probe, failureThreshold: 3 },
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
            },
          ],
          securityContext: { runAsGroup: 65532, runAsNonRoot: true, runAsUser: 65532 },
        },
      },
    },
  }
}

/** None for a cluster without it. */
export function traefikManifests({ ingressController, cloud }: ClusterConfig): object[] {
  if (ingressController !== 'traefik') return []
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    ...traefikCrds(),
    ...access(),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'traefik', namespace: NAMESPACE, labels: LABELS },
      spec: {
        type: cloud === 'loadbalancer' ? 'LoadBalancer' : 'NodePort',
        selector: SELECTOR,
        ports: [{ port: 80, name: 'web', targetPort: 'web', protocol: 'TCP' }, { port: 443, name: 'websecure', targetPort: 'websecure', protocol: 'TCP' }],
      },
    },
    deployment(),
    { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'traefik', labels: LABELS, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } }, spec: { controller: CONTROLLER } },
  ]
}
