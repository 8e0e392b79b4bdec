import type { ClusterConfig } from '../../config.ts'
import { CONTROLLER } from './configuration.ts'

/** The HAProxy Ingress Controller v3.1 as its published manifest lays it out (haproxytech/kubernetes-ingress, deploy/haproxy-ingress.yaml). */
const NAMESPACE = 'haproxy-controller'
const NAME = 'haproxy-kubernetes-ingress'
const RUN = { run: 'haproxy-ingress' }
const RBAC = 'rbac.authorization.k8s.io'

function access(): object[] {
  const rule = (apiGroups: string[], resources: string[], verbs: string[]): object => ({ apiGroups, resources, verbs })
  return [
    {
      apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: NAME },
      rules: [
        rule([''], ['configmaps', 'nodes', 'pods', 'namespaces', 'events', 'serviceaccounts', 'services', 'endpoints'], ['get', 'list', 'watch']),
        rule(['extensions', 'networking.k8s.io'], ['ingresses', 'ingresses/status', 'ingressclasses'], ['get', 'list', 'watch', 'update']),
        rule([''], ['secrets'], ['get', 'list', 'watch', 'create', 'patch', 'update']),
        rule(['discovery.k8s.io'], ['endpointslices'], ['get', 'list', 'watch']),
      ],
    },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name: NAME }, roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: NAME }, subjects: [{ kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE }] },
  ]
}

function deployment(balanced: boolean): object {
  const env = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  const port = (name: string, containerPort: number): object => ({ name, containerPort })
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAME, namespace: NAMESPACE, labels: RUN },
    spec: {
      replicas: 1,
      selector: { matchLabels: RUN },
      template: {
        metadata: { labels: RUN },
        spec: {
          serviceAccountName: NAME,
          containers: [
            {
              name: NAME,
              image: 'haproxytech/kubernetes-ingress:3.1.6',
              args: [`--configmap=${NAMESPACE}/${NAME}`, '--ingress.class=haproxy', ...(balanced ? [`--publish-service=${NAMESPACE}/${NAME}`] : [])],
              securityContext: { runAsUser: 1000, runAsGroup: 1000, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
              resources: { requests: { cpu: '500m', memory: '50Mi' } },
              livenessProbe: { httpGet: { path: '/healthz', port: 1042 } },
              ports: [port('http', 8080), port('https', 8443), port('stat', 1024)],
              env: [env('POD_NAME', 'metadata.name'), env('POD_NAMESPACE', 'metadata.namespace'), env('POD_IP', 'status.podIP')],
            },
          ],
        },
      },
    },
  }
}

/** None for a cluster without it. */
export function haproxyManifests({ ingressController, cloud }: ClusterConfig): object[] {
  if (ingressController !== 'haproxy') return []
  const balanced = cloud === 'loadbalancer'
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    ...access(),
    // requests are logged to the container's output
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, namespace: NAMESPACE }, data: { 'ssl-redirect-port': '443', 'syslog-server': 'address:stdout, format: raw, facility:daemon' } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: NAME, namespace: NAMESPACE, labels: RUN },
      spec: {
        selector: RUN,
        type: balanced ? 'LoadBalancer' : 'NodePort',
        ports: [
          { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 },
          { name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 },
          { name: 'stat', port: 1024, protocol: 'TCP', targetPort: 1024 },
        ],
      },
    },
    deployment(balanced),
    { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'haproxy' }, spec: { controller: `${CONTROLLER}/haproxy` } },
  ]
}
