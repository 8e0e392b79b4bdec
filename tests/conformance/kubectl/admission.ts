/** Policies and webhooks: how kubectl shows them, and what it says of their refusals. */
const POLICY = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: replicas.example.com
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments, deployments/scale]}
  paramKind: {apiVersion: v1, kind: ConfigMap}
  validations:
  - expression: object.spec.replicas <= int(params.data.most)
    messageExpression: "'no more than ' + params.data.most"
`
const BINDING = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: replicas
spec:
  policyName: replicas.example.com
  validationActions: [Deny]
  paramRef: {name: limits, namespace: default, parameterNotFoundAction: Deny}
`
const WEBHOOK = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: lost
webhooks:
- name: lost.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: nobody, namespace: default, path: /judge}}
  rules:
  - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE, DELETE], resources: [configmaps]}
  objectSelector: {matchLabels: {judge: "yes"}}
`

export const ADMISSION_FILES: Readonly<Record<string, string>> = {
  'policy.yaml': POLICY,
  'binding.yaml': BINDING,
  'warn.yaml': BINDING.replace('[Deny]', '[Warn, Audit]'),
  'wrong-binding.yaml': BINDING.replace('[Deny]', '[Deny, Warn]').replace('parameterNotFoundAction: Deny', 'namespce: x'),
  'wrong-policy.yaml': POLICY.replace('object.spec.replicas', 'objct.spec.replicas'),
  'webhook.yaml': WEBHOOK,
  'wrong-webhook.yaml': WEBHOOK.replace('sideEffects: None', 'timeoutSeconds: 31').replace('lost.example.com', 'lost'),
  'judged.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: judged\n  labels: {judge: "yes"}\ndata: {a: b}\n',
}

export const ADMISSION: readonly string[] = [
  'apply -f policy.yaml -f binding.yaml',
  'get validatingadmissionpolicies,validatingadmissionpolicybindings',
  'create deployment web --image=nginx',
  'create configmap limits --from-literal=most=3',
  '# wait 200',
  'create deployment web --image=nginx --replicas=4',
  'create deployment web --image=nginx --replicas=3',
  'scale deployment web --replicas=4',
  `patch deployment web -p '{"spec":{"replicas":5}}'`,
  `patch deployment web -p '{"spec":{"replicas":5}}' --dry-run=server`,
  'apply -f warn.yaml',
  '# wait 200',
  `patch deployment web -p '{"spec":{"replicas":5}}'`,
  'scale deployment web --replicas=2',
  'apply -f wrong-binding.yaml',
  'apply -f wrong-policy.yaml',
  'describe validatingadmissionpolicybinding replicas',
  'get validatingadmissionpolicybinding replicas -o jsonpath={.spec}',
  'get validatingadmissionpolicy replicas.example.com -o jsonpath={.spec}',
  'delete -f policy.yaml -f binding.yaml',
  'apply -f webhook.yaml',
  'apply -f wrong-webhook.yaml',
  'get validatingwebhookconfigurations,mutatingwebhookconfigurations',
  'get validatingwebhookconfiguration lost -o jsonpath={.webhooks}',
  '# wait 200',
  'apply -f judged.yaml',
  'create -f judged.yaml',
  'create configmap free --from-literal=a=b',
  'label configmap free judge=yes',
  'apply -f judged.yaml --dry-run=server',
  'explain validatingwebhookconfiguration.webhooks.clientConfig',
  'delete validatingwebhookconfiguration lost',
  'apply -f judged.yaml',
]
