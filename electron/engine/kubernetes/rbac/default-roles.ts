/**
 * The roles that every v1.33 cluster of kubeadm has: facts of plugin/pkg/auth/authorizer/rbac/bootstrappolicy and of
 * kubeadm's phases and add-ons, in the notation of default-objects.ts. A role a paragraph: its name, then its rules as
 * `verbs groups resources [names]` or `verbs /urls`; "-" is the core group, R get+list+watch, W the verbs that write.
 */
export const CLUSTER_ROLES = `
cluster-admin
 * * *
 * *
system:aggregate-to-admin >admin
 create authz localsubjectaccessreviews
 W,R rbac rolebindings,roles
system:aggregate-to-edit >edit
 R - pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
 impersonate - serviceaccounts
 W - pods,pods/attach,pods/exec,pods/portforward,pods/proxy
 create - pods/eviction
 W - configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy
 create - serviceaccounts/token
 W apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
 W autoscaling horizontalpodautoscalers
 W batch cronjobs,jobs
 W extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
 W policy poddisruptionbudgets
 W net ingresses,networkpolicies
 W,R coord leases
system:aggregate-to-view >view
 R - configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
 R - bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status
 R - namespaces
 R disc endpointslices
 R apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
 R autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
 R batch cronjobs,cronjobs/status,jobs,jobs/status
 R extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
 R policy poddisruptionbudgets,poddisruptionbudgets/status
 R net ingresses,ingresses/status,networkpolicies
system:auth-delegator
 create authn tokenreviews
 create authz subjectaccessreviews
system:basic-user
 create authz selfsubjectaccessreviews,selfsubjectrulesreviews
 create authn selfsubjectreviews
system:certificates.k8s.io:certificatesigningrequests:nodeclient
 create cert certificatesigningrequests/nodeclient
system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
 create cert certificatesigningrequests/selfnodeclient
system:certificates.k8s.io:kube-apiserver-client-approver
 approve cert signers kubernetes.io/kube-apiserver-client
system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
 approve cert signers kubernetes.io/kube-apiserver-client-kubelet
system:certificates.k8s.io:kubelet-serving-approver
 approve cert signers kubernetes.io/kubelet-serving
system:certificates.k8s.io:legacy-unknown-approver
 approve cert signers kubernetes.io/legacy-unknown
system:discovery
 get /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
system:heapster
 R - events,namespaces,nodes,pods
 R extensions deployments
system:kube-aggregator
 R - endpoints,services
system:kube-controller-manager
 E -,ev events
 create coord leases
 get,update coord leases kube-controller-manager
 create - secrets,serviceaccounts
 delete - secrets
 get - configmaps,namespaces,secrets,serviceaccounts
 update - secrets,serviceaccounts
 create authn tokenreviews
 create authz subjectaccessreviews
 list,watch * *
 create - serviceaccounts/token
system:kube-dns
 list,watch - endpoints,services
system:kube-scheduler
 E -,ev events
 create coord leases
 get,update coord leases kube-scheduler
 get,list,watch coord leasecandidates
 R - nodes
 delete,R - pods
 create - bindings,pods/binding
 patch,update - pods/status
 R - replicationcontrollers,services
 R apps,extensions replicasets
 R apps statefulsets
 R policy poddisruptionbudgets
 R - persistentvolumeclaims,persistentvolumes
 create authn tokenreviews
 create authz subjectaccessreviews
 R stor csinodes
 R - namespaces
 R stor csidrivers
 R stor csistoragecapacities
system:kubelet-api-admin
 R - nodes
 proxy - nodes
 * - nodes/log,nodes/metrics,nodes/proxy,nodes/stats
system:monitoring
 get /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*
system:node
 create authn tokenreviews
 create authz localsubjectaccessreviews,subjectaccessreviews
 R - services
 create,R - nodes
 patch,update - nodes/status
 patch,update - nodes
 E - events
 R - pods
 create,delete - pods
 patch,update - pods/status
 create - pods/eviction
 R - configmaps,secrets
 get - persistentvolumeclaims,persistentvolumes
 get - endpoints
 create,R cert certificatesigningrequests
 create,delete,get,patch,update coord leases
 get stor volumeattachments
 create - serviceaccounts/token
 get,patch,update - persistentvolumeclaims/status
 R stor csidrivers
 create,delete,get,patch,update stor csinodes
 R node runtimeclasses
system:node-bootstrapper
 create,R cert certificatesigningrequests
system:node-problem-detector
 get - nodes
 patch - nodes/status
 E -,ev events
system:node-proxier
 list,watch - endpoints,services
 R - nodes
 E -,ev events
 list,watch disc endpointslices
 list,watch net servicecidrs
system:persistent-volume-provisioner
 create,delete,R - persistentvolumes
 update,R - persistentvolumeclaims
 R stor storageclasses
 watch - events
 E -,ev events
system:public-info-viewer
 get /healthz,/livez,/readyz,/version,/version/
system:service-account-issuer-discovery
 get /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
system:volume-scheduler
 patch,update,R - persistentvolumes
 R stor storageclasses
 patch,update,R - persistentvolumeclaims
`

/** Of kubeadm and its add-ons: without the labels of what the API server itself keeps up. */
export const KUBEADM_CLUSTER_ROLES = `
kubeadm:get-nodes
 get - nodes
system:coredns
 list,watch - endpoints,services,pods,namespaces
 list,watch disc endpointslices
`

/** NAMESPACE/NAME. */
export const ROLES = `
kube-public/system:controller:bootstrap-signer
 R - configmaps
 update - configmaps cluster-info
 !
kube-system/extension-apiserver-authentication-reader
 R - configmaps extension-apiserver-authentication
kube-system/system::leader-locking-kube-controller-manager
 watch - configmaps
 get,update - configmaps kube-controller-manager
kube-system/system::leader-locking-kube-scheduler
 watch - configmaps
 get,update - configmaps kube-scheduler
kube-system/system:controller:bootstrap-signer
 R - secrets
kube-system/system:controller:cloud-provider
 create,R - configmaps
kube-system/system:controller:token-cleaner
 delete,R - secrets
 !
`

export const KUBEADM_ROLES = `
kube-public/kubeadm:bootstrap-signer-clusterinfo
 get - configmaps cluster-info
kube-system/kube-proxy
 get - configmaps kube-proxy
kube-system/kubeadm:kubelet-config
 get - configmaps kubelet-config
kube-system/kubeadm:nodes-kubeadm-config
 get - configmaps kubeadm-config
`

/** NAME [ROLE] SUBJECT…: "G:" a group, "U:" a user, "S:" a ServiceAccount of kube-system. */
export const CLUSTER_ROLE_BINDINGS = `
cluster-admin = G:system:masters
system:basic-user = G:system:authenticated
system:discovery = G:system:authenticated
system:kube-controller-manager = U:system:kube-controller-manager
system:kube-dns = S:kube-dns
system:kube-scheduler = U:system:kube-scheduler
system:monitoring = G:system:monitoring
system:node =
system:node-proxier = U:system:kube-proxy
system:public-info-viewer = G:system:authenticated G:system:unauthenticated
system:service-account-issuer-discovery = G:system:serviceaccounts
system:volume-scheduler = U:system:kube-scheduler
`

const TOKEN = 'G:system:bootstrappers:kubeadm:default-node-token'

export const KUBEADM_CLUSTER_ROLE_BINDINGS = `
kubeadm:cluster-admins cluster-admin G:kubeadm:cluster-admins
kubeadm:get-nodes kubeadm:get-nodes ${TOKEN}
kubeadm:kubelet-bootstrap system:node-bootstrapper ${TOKEN}
kubeadm:node-autoapprove-bootstrap system:certificates.k8s.io:certificatesigningrequests:nodeclient ${TOKEN}
kubeadm:node-autoapprove-certificate-rotation system:certificates.k8s.io:certificatesigningrequests:selfnodeclient G:system:nodes
kubeadm:node-proxier system:node-proxier S:kube-proxy
system:coredns system:coredns S:coredns
`

export const ROLE_BINDINGS = `
kube-public/system:controller:bootstrap-signer = S:bootstrap-signer
kube-system/system::extension-apiserver-authentication-reader extension-apiserver-authentication-reader U:system:kube-controller-manager U:system:kube-scheduler
kube-system/system::leader-locking-kube-controller-manager = U:system:kube-controller-manager S:kube-controller-manager
kube-system/system::leader-locking-kube-scheduler = U:system:kube-scheduler S:kube-scheduler
kube-system/system:controller:bootstrap-signer = S:bootstrap-signer
kube-system/system:controller:cloud-provider = S:cloud-provider
kube-system/system:controller:token-cleaner = S:token-cleaner
`

export const KUBEADM_ROLE_BINDINGS = `
kube-public/kubeadm:bootstrap-signer-clusterinfo = U:system:anonymous
kube-system/kube-proxy = ${TOKEN}
kube-system/kubeadm:kubelet-config = G:system:nodes ${TOKEN}
kube-system/kubeadm:nodes-kubeadm-config = ${TOKEN} G:system:nodes
`
