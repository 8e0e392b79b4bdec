/** What the published manifests lay out for the validating webhook: its Service, the Jobs that make and spread its certificate, and its configuration. */
interface Names {
  namespace: string
  controller: string
  /** Labels of the controller's Pods. */
  selector: object
  labels: Record<string, string>
  controllerLabels: object
}

const CERTGEN = 'registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.5.3'
const NAME = 'ingress-nginx-admission'
const RBAC = 'rbac.authorization.k8s.io'

function job(namespace: string, step: 'create' | 'patch', args: readonly string[], labels: object): object {
  const name = `${NAME}-${step}`
  return {
    apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace, labels },
    spec: {
      template: {
        metadata: { name, labels },
        spec: {
          automountServiceAccountToken: true,
          containers: [{
            name: step, image: CERTGEN, imagePullPolicy: 'IfNotPresent', args: [step, ...args],
            env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true, runAsGroup: 65532, runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
          }],
          nodeSelector: { 'kubernetes.io/os': 'linux' },
          restartPolicy: 'OnFailure',
          serviceAccountName: NAME,
        },
      },
    },
  }
}

export function admissionManifests({ namespace, controller, selector, labels: common, controllerLabels }: Names): object[] {
  const labels = { 'app.kubernetes.io/component': 'admission-webhook', ...common }
  const service = `${controller}-admission`
  const named = { name: NAME, labels }
  const home = { ...named, namespace }
  const subjects = [{ kind: 'ServiceAccount', name: NAME, namespace }]
  const roleRef = (kind: string): object => ({ apiGroup: RBAC, kind, name: NAME })
  const own = ['--namespace=$(POD_NAMESPACE)', `--secret-name=${NAME}`]
  return [
    { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata: home, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create'] }] },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: named, rules: [{ apiGroups: ['admissionregistration.k8s.io'], resources: ['validatingwebhookconfigurations'], verbs: ['get', 'update'] }] },
    { apiVersion: `${RBAC}/v1`, kind: 'RoleBinding', metadata: home, roleRef: roleRef('Role'), subjects },
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: named, roleRef: roleRef('ClusterRole'), subjects },
    {
      apiVersion: 'v1', kind: 'Service', metadata: { name: service, namespace, labels: controllerLabels },
      spec: { ports: [{ appProtocol: 'https', name: 'https-webhook', port: 443, targetPort: 'webhook' }], selector, type: 'ClusterIP' },
    },
    job(namespace, 'create', [`--host=${service},${service}.$(POD_NAMESPACE).svc`, ...own], labels),
    job(namespace, 'patch', [`--webhook-name=${NAME}`, own[0]!, '--patch-mutating=false', own[1]!, '--patch-failure-policy=Fail'], labels),
    {
      apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: named,
      webhooks: [{
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { name: service, namespace, path: '/networking/v1/ingresses', port: 443 } },
        failurePolicy: 'Fail', matchPolicy: 'Equivalent', name: 'validate.nginx.ingress.kubernetes.io',
        rules: [{ apiGroups: ['networking.k8s.io'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['ingresses'] }],
        sideEffects: 'None',
      }],
    },
  ]
}
