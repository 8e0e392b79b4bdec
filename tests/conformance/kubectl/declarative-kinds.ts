/** As parity.ts: Ingress, NetworkPolicy, RBAC, budgets, priorities, claims, and the ranges of Services. */
export const DECLARATIVE_FILES: Record<string, string> = {
  'ingress.yaml': `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec:
  controller: k8s.io/ingress-nginx
  parameters: {apiGroup: k8s.example.com, kind: Settings, name: shared}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: web, port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, labels: {app: shop}, annotations: {example.com/rewrite: /}}
spec:
  defaultBackend: {service: {name: missing, port: {name: http}}}
  tls: [{hosts: [shop.example.com], secretName: shop-tls}, {hosts: [other.example.com]}]
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}
      - {path: /pictures, pathType: Exact, backend: {resource: {apiGroup: example.com, kind: Bucket, name: pictures}}}
  - http: {paths: [{pathType: ImplementationSpecific, backend: {service: {name: shop, port: {name: web}}}}]}
  - {host: a.example.com}
  - {host: b.example.com}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: old, annotations: {kubernetes.io/ingress.class: traefik}}
spec: {defaultBackend: {service: {name: shop, port: {number: 80}}}}
`,
  'requests.yaml': `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: jane, labels: {team: dev}}
spec: {request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQ1lqQ0NBVW9DQVFBd0hURU5NQXNHQTFVRUF3d0VhbUZ1WlRFTU1Bb0dBMVVFQ2d3RFpHVjJNSUlCSWpBTgpCZ2txaGtpRzl3MEJBUUVGQUFPQ0FROEFNSUlCQ2dLQ0FRRUE1aDRSYThKVnhOWGpPemJiL2t6SWNXTUxCM0JOCmxOVHFaa1BaTG8rdFJUK3paYWUxMmZ1Nk5NYjBJdE5oNGtjSWM3a09mYXpnanpFU3Y2ZGIxZmRkVGg0RXpvVkgKenhDbk9KeHRxS1VVWmtsNHZaWVg3MTBIbVpQR0pwMHZDRlB4a0ZFeU4yZ210VVh5MEc0NHJNOUdwQkpwQTBzTApkZVcwbWpSQWExKzBDUk5GbWVtdUxZVHB4V0FYcVBDdlFuWWh3djVWd1NPUE9XZDkwTGtaNmF3SWRydzlFVDhXCkFpQ1lYU2pqZndyQmtpMkl3eHU0MzJwT1Z5VHIvWml5amRseEVFR3VMeVFSQ2c5TDkwMjVXNkNVMnpZWlpaRVoKMExDM3BuRzB0Z2dPUlJLK0NFdHNpZkllVjd3bFhNaW1hNVcxN3lZMHpVZEtHeXRpa3Q1NWFidTdzd0lEQVFBQgpvQUF3RFFZSktvWklodmNOQVFFTEJRQURnZ0VCQUtXUDcvNGxWV2RKOEVVUFJYYlFUalNQMWpwMGRYbml2K0VLCkxOL3Q2VU1PQjUyYTcyczNPaGp4aFFIYnpLZHpLVkVRTzRNVHJBbEowQWRYR0tTOVd1TlhGaEVNQUhhZWNrNVEKY0ZBclh2b0lLc0UxaG1MZHV3a0xzL3EreVZ4VWRFRXFLQjF5QWRwWHlsemxDdHFRS1BkZkZ2ajZnM1I1d0djdAo5RGYyZ2FFSHhSYXZlYUIrOUtlUFBmMm90ZWRGdDNBWHpERzVQZWRQMGg2V3hXcjVyb3ozbm9qNGtqZFJYdkRWCkl5dGFobzZTMUg4RVpOa21FUVZ6Tmd1bjVGcDg0OCs5M2M3eTJoNlFHSHFZV2g2QkR0bk41NUxvV09Xbk0wL3kKVERSTFJaUE9QQW9ydTBVRXBteU9kbThVTi9hVHRXaVh1SHl6anpyNEFSa3VOZzBjVDNBPQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K, signerName: kubernetes.io/kube-apiserver-client, expirationSeconds: 86400, usages: [client auth]}
---
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: web}
spec: {request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQ3lUQ0NBYkVDQVFBd1RERUxNQWtHQTFVRUJoTUNSRVV4RlRBVEJnTlZCQW9NREhONWMzUmxiVHB1YjJSbApjekVNTUFvR0ExVUVDZ3dEWkdWMk1SZ3dGZ1lEVlFRRERBOXplWE4wWlcwNmJtOWtaVHAzWldJd2dnRWlNQTBHCkNTcUdTSWIzRFFFQkFRVUFBNElCRHdBd2dnRUtBb0lCQVFEbUhoRnJ3bFhFMWVNN050ditUTWh4WXdzSGNFMlUKMU9wbVE5a3VqNjFGUDdObHA3WForN28weHZRaTAySGlSd2h6dVE1OXJPQ1BNUksvcDF2VjkxMU9IZ1RPaFVmUApFS2M0bkcyb3BSUm1TWGk5bGhmdlhRZVprOFltblM4SVUvR1FVVEkzYUNhMVJmTFFiamlzejBha0Vta0RTd3QxCjViU2FORUJyWDdRSkUwV1o2YTR0aE9uRllCZW84SzlDZGlIQy9sWEJJNDg1WjMzUXVSbnByQWgydkQwUlB4WUMKSUpoZEtPTi9Dc0dTTFlqREc3amZhazVYSk92OW1MS04yWEVRUWE0dkpCRUtEMHYzVGJsYm9KVGJOaGxsa1JuUQpzTGVtY2JTMkNBNUZFcjRJUzJ5SjhoNVh2Q1ZjeUtacmxiWHZKalROUjBvYksyS1MzbmxwdTd1ekFnTUJBQUdnCk9EQTJCZ2txaGtpRzl3MEJDUTR4S1RBbk1DVUdBMVVkRVFRZU1CeUNEM2RsWWk1bGVHRnRjR3hsTG1OdmJZSUQKZDJWaWh3UUtBQUFCTUEwR0NTcUdTSWIzRFFFQkN3VUFBNElCQVFCekxNUCtSc3pWMUQ5UFovQ1BHeGQ3UGJwNwpGUDJMRUVoaElORGZUTnU1bkowU0NwMXJXWEFYZGNzdEtOeG5LbFp5bUIvWS9QQWRFQ1lHdnZnQUtWenFhUlpaCnV1SUYrSEZvR3lGdnMvSUFqOWZScnRDUEhZem40NkNmTkhiNXhtUzA2K0VCdmI1S2FGblIraGYzem5NbW5qQ3MKR3VUbWkyZDNXeGxZalFydTRzb2Q4WUFIdExSUkNYM0RSYUF2QU9UTFB6TlYrL1E2bjROdG11ZDFLWWl5bmZFUQpsTHgvTDZGOURDanBpcnRHemR6ejJMQ2pQMHN2T0MrZllienFLV1UxZnFOTkhGSXZRVUNDaWMzRkVsQjNheDhqCldQbFVENVM2TlJaT3hycWxOZHVLaVVoL2dTSXhFVExtRjh1WEhmeUc2VkdWMjAyZW1kWTdSM083RzdoRwotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K, signerName: kubernetes.io/kubelet-serving, usages: [digital signature, server auth]}
`,
  'policies.yaml': `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: shop, labels: {app: shop}}
spec:
  podSelector: {matchLabels: {app: shop}, matchExpressions: [{key: tier, operator: In, values: [web, api]}, {key: old, operator: DoesNotExist}]}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: front}}
      namespaceSelector: {}
    - namespaceSelector: {matchLabels: {team: a}}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/16]}
    ports: [{port: 80}, {port: http, protocol: UDP}, {port: 8000, endPort: 9000}, {protocol: SCTP}]
  - {}
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
  - ports: [{port: 53, protocol: UDP}]
`,
  'rbac.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, annotations: {note: mine}}
rules:
- {apiGroups: ["", apps], resources: [pods, pods/log, deployments], verbs: [get, list]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [settings, other], verbs: [update, get]}
- {apiGroups: [""], resources: [pods], verbs: [watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {kind: Role, name: reader}
subjects:
- {kind: User, name: jane}
- {kind: Group, name: devs}
- {kind: ServiceAccount, name: default, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: more-view, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}, {apiGroups: [example.com], resources: ["*"], verbs: ["*"]}]
`,
  'claims.yaml': `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: late}
provisioner: example.com/disk
parameters: {type: fast}
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, labels: {app: db}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: late}
spec: {accessModes: [ReadWriteMany], storageClassName: late, resources: {requests: {storage: "500M"}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: lost}
spec: {accessModes: [ReadWriteMany], storageClassName: nothing, resources: {requests: {storage: 2Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: db}
spec:
  containers: [{name: db, image: nginx}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
`,
  'range.yaml': `apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: more}
spec: {cidrs: [10.200.0.0/24]}
`,
  'bad.yaml': `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: bad}
spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}, {}], ports: [{port: 99999}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: bad}
spec: {rules: [{host: 10.0.0.1, http: {paths: [{path: x, pathType: Prefix, backend: {}}]}}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: bad}
spec: {accessModes: [Sometimes], resources: {requests: {storage: 0}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bad}
roleRef: {kind: Role, name: x}
subjects: [{kind: ServiceAccount, name: x}]
`,
}

export const DECLARATIVE = `
get clusterroles
get clusterrolebindings -o wide
get roles -A
get rolebindings -A -o wide
get clusterrole admin -o yaml
get clusterrole cluster-admin -o yaml
get clusterrolebinding system:node -o yaml
describe clusterrole view
describe clusterrole system:discovery
describe clusterrole system:node
describe clusterrolebinding cluster-admin
describe role -n kube-system kubeadm:kubelet-config
describe rolebinding -n kube-public
get priorityclasses
get pc system-node-critical -o yaml
describe pc
get servicecidrs
get servicecidr kubernetes -o yaml
describe servicecidr kubernetes
get ipaddresses
get ip 10.96.0.1 -o yaml
describe ip 10.96.0.1
get ip --field-selector spec.parentRef.name=kubernetes
auth can-i create pods
auth can-i create pods -A
auth can-i get nodes
auth can-i get pods/web --subresource=log
auth can-i fly pods
auth can-i get foo
auth can-i get foo.example.com
auth can-i impersonate users
auth can-i get /healthz
auth can-i fly /healthz
auth can-i get /healthz --subresource=log
auth can-i get
auth can-i --list
auth can-i --list --no-headers -n kube-system
auth can-i --list get pods
auth can-i --list -A
auth can-i get pods -q
auth can-i get pods --no-headers
auth whoami -o jsonpath={.status.userInfo.username}
auth
auth nothing
create -f requests.yaml
get csr
get csr --field-selector spec.signerName=kubernetes.io/kubelet-serving
describe csr
certificate approve
certificate approve nobody
certificate approve kube-system -o nothing
certificate deny web
certificate approve web
certificate approve -f requests.yaml -o name
get csr -o custom-columns=N:.metadata.name,C:.status.conditions[*].type,R:.status.conditions[*].reason,M:.status.conditions[*].message
certificate approve jane --force
describe csr jane
get csr jane -o jsonpath={.spec.username}{.spec.groups}
explain csr.spec.expirationSeconds
delete csr web
apply -f ingress.yaml
get ing
get ing -o wide
get ing shop -o yaml
get ing old -o yaml
get ingressclass
describe ingressclass nginx
describe ing
describe ing shop --show-events=false
apply -f policies.yaml
get netpol
get netpol shop -o yaml
describe netpol
apply -f rbac.yaml
get role,rolebinding
get rolebinding reader -o yaml
describe role reader
describe rolebinding reader
# wait 2
get clusterrole view -o jsonpath={.rules[0].resources}
patch rolebinding reader --type=merge -p {"roleRef":{"name":"other"}}
apply -f claims.yaml
# wait 20
get pvc
get pvc -o wide
get pvc data -o yaml
get sc
describe sc late
describe pvc data --show-events=false
describe pvc late lost --show-events=false
get pod db
patch pvc data --type=merge -p {"spec":{"accessModes":["ReadOnlyMany"]}}
delete pvc late --wait=false
# wait 2
get pvc
apply -f range.yaml
# wait 2
get servicecidr more -o jsonpath={.status.conditions[0].message}
create service clusterip far --tcp=80 --clusterip=10.200.0.9
get ip 10.200.0.9
delete servicecidr more --wait=false
# wait 2
describe servicecidr more
delete svc far
# wait 15
get servicecidr
create -f bad.yaml
create role r --verb=get,list,get --resource=pods,pods/log,deployments.apps,svc
create role r2 --verb=get --resource=pods --resource-name=a --resource-name=b --dry-run=client -o yaml
create role r3 --verb=fly --resource=pods --dry-run=client -o json
create role r4 --verb=get --resource=foo
create role r4 --verb=get --resource=foo.example.com
create role r4 --verb=bind --resource=pods
create role r4 --verb=impersonate --resource=users --dry-run=client -o yaml
create role r4 --verb=get
create role r4 --resource=pods
create role r4 --verb=* --resource=* --dry-run=client -o yaml
create role
create clusterrole c --verb=get --resource=nodes --non-resource-url=/healthz --non-resource-url=/logs/* --dry-run=client -o yaml
create clusterrole c --verb=fly --non-resource-url=/healthz
create clusterrole c --verb=get --non-resource-url=healthz
create clusterrole c --verb=get --non-resource-url=/a*b
create clusterrole c --verb=get
create clusterrole c --aggregation-rule=a=b --dry-run=client -o yaml
create clusterrole c --aggregation-rule=a=b --verb=get
create clusterrole c --aggregation-rule=a=b
get clusterrole c -o yaml
describe clusterrole c
label clusterrole c a=b
create rolebinding b --role=r --user=a --group=g --serviceaccount=default:x --dry-run=client -o yaml
create rolebinding b --clusterrole=view --user=a -n kube-system --dry-run=client -o yaml
create rolebinding b
create rolebinding b --role=r --serviceaccount=x
create rolebinding reader --role=r --user=a
create clusterrolebinding b --user=a
create clusterrolebinding b --clusterrole=view --user=a --user=b --dry-run=client -o json
create ingress i --rule=foo.com/bar=svc:80 --dry-run=client -o yaml
create ingress i --class=x --rule=foo.com/bar*=svc:http,tls=s --rule=foo.com/b=svc:80,tls --rule=/=svc:80 --annotation=a=b --annotation=c= --dry-run=client -o yaml
create ingress i --default-backend=svc:80 --dry-run=client -o json
create ingress i
create ingress i --rule=foo
create ingress i --default-backend=foo
create ingress i --default-backend=svc:80 --annotation=x
create ingress shop --default-backend=svc:80
create ingress Bad --default-backend=svc:80
create pdb p --selector=app=web,tier!=x --min-available=1
create pdb p --selector=app=web,tier --min-available=1 --dry-run=client -o yaml
create pdb p --selector=app=web --max-unavailable=50% --dry-run=client -o yaml
create pdb p --selector=app=web --max-unavailable=50%
create pdb p --min-available=1
create pdb p --selector=app=web
create pdb p --selector=app=web --min-available=1 --max-unavailable=1
create pdb p --selector=app=web --min-available=1G
get pdb
describe pdb p --show-events=false
create pc high --value=1000 --description=important --global-default --dry-run=client -o yaml
create pc high --value=1000 --global-default
create pc higher --value=2000 --global-default
create pc highest --value=2000000000
create pc low --preemption-policy=Never
create pc odd --preemption-policy=Sometimes
get pc
delete pc system-node-critical
create sa robot --dry-run=client -o yaml
create sa robot -n kube-system
create sa robot -n kube-system
create sa Robot
explain ingress.spec.rules.http.paths.pathType
explain netpol.spec.egress.to.ipBlock
explain clusterrole
explain pvc.spec.accessModes
explain pdb.spec --recursive
explain servicecidr.spec
explain ipaddress.spec.parentRef
explain priorityclass
explain sc.volumeBindingMode
apply --server-side -f ingress.yaml
apply --server-side -f policies.yaml
get netpol shop -o yaml --show-managed-fields
annotate netpol shop a=b
label ing shop tier=web
delete ing,netpol --all
delete role reader
delete clusterrole more-view
create deploy parts --image=nginx --replicas=0
get deploy parts --subresource=status
get deploy parts --subresource=scale
get deploy/parts --subresource=scale -o name
get deploy parts --subresource=scale -o jsonpath={.kind}/{.spec}
get deploy parts --subresource=scale --no-headers
get deploy parts --subresource=scale -o wide
get deploy parts nope --subresource=scale
get deploy parts --subresource=resize
get cm kube-root-ca.crt --subresource=status
get deploy --subresource=status
get deploy -l app=parts --subresource=status
delete deploy parts
get all
api-resources
api-resources --api-group=networking.k8s.io -o wide
api-resources --namespaced=false -o name
`
  .trim()
  .split('\n')
