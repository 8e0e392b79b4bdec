/** Kubeconfigs, most of them with something wrong, and roles to reconcile: what corners/configuration.txt speaks of. */
export const CONFIGURATION_FILES: Readonly<Record<string, string>> = {
  'a.yaml': `apiVersion: v1
kind: Config
clusters:
- name: a
  cluster: {server: "https://a.example:6443", certificate-authority: ca/a.crt}
contexts:
- name: a
  context: {cluster: a, user: ua, namespace: na}
- name: both
  context: {cluster: a, user: ua, namespace: froma}
users:
- name: ua
  user: {token: secret-a}
preferences: {}
`,
  'b.yaml': `apiVersion: v1
kind: Config
current-context: b
clusters:
- name: b
  cluster: {server: "https://b.example:6443", insecure-skip-tls-verify: true, extensions: [{name: x, extension: {a: b}}]}
contexts:
- name: b
  context: {cluster: b, user: ub}
- name: both
  context: {cluster: b, user: ub, namespace: fromb}
users:
- name: ub
  user: {username: joe, password: pw}
- name: ux
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token], env: [{name: A, value: b}], interactiveMode: Never, provideClusterInfo: false, installHint: hint me}
preferences: {colors: true}
`,
  'broken.yaml': `apiVersion: v1
kind: Config
clusters: [
`,
  'wrongkind.yaml': `apiVersion: v1
kind: Pod
metadata: {name: x}
`,
  'wrongver.yaml': `apiVersion: v2
kind: Config
`,
  'nokind.yaml': `clusters: []
`,
  'list.yaml': `- a
- b
`,
  'scalar.yaml': `hello
`,
  'wrongtype.yaml': `apiVersion: v1
kind: Config
clusters: {a: b}
`,
  'dangling.yaml': `apiVersion: v1
kind: Config
current-context: d
contexts:
- {name: d, context: {cluster: nope, user: nope}}
- {name: e, context: {cluster: nocl, user: ""}}
- {name: g, context: {cluster: emp, user: x}}
clusters:
- {name: emp, cluster: {}}
`,
  'rbac.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r1, namespace: default, labels: {a: b}}
rules:
- {apiGroups: [""], resources: [pods, services], verbs: [get, list]}
- {apiGroups: [apps], resources: [deployments], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b1, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r1}
subjects:
- {kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}
- {kind: ServiceAccount, name: x, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cr1}
rules:
- {nonResourceURLs: [/x], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: crb1}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cr1}
subjects:
- {kind: Group, name: g, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: nothing}
`,
  'rbac2.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r1, namespace: default, labels: {c: d}}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b1, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r2}
subjects:
- {kind: User, name: joe, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: crb1}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cr1}
subjects:
- {kind: Group, name: h, apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r3, namespace: fresh}
rules: []
`,
}
