/**
 * The roles of kube-controller-manager's controllers in v1.33 (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go),
 * in the notation of default-roles.ts: `system:controller:NAME`, each bound to the ServiceAccount kube-system/NAME. "!" is the right to write Events.
 */
export const CONTROLLER_ROLES = `
attachdetach-controller
 list,watch - persistentvolumeclaims,persistentvolumes
 R - nodes
 patch,update - nodes/status
 list,watch - pods
 !
 create,delete,R stor volumeattachments
 R stor csidrivers
 R stor csinodes
certificate-controller
 delete,R cert certificatesigningrequests
 update cert certificatesigningrequests/approval,certificatesigningrequests/status
 approve cert signers kubernetes.io/kube-apiserver-client-kubelet
 sign cert signers kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
 create authz subjectaccessreviews
 !
clusterrole-aggregation-controller
 escalate,patch,update,R rbac clusterroles
cronjob-controller
 update,R batch cronjobs
 create,delete,patch,update,R batch jobs
 update batch cronjobs/status
 update batch cronjobs/finalizers
 delete,list,watch - pods
 !
daemon-set-controller
 R apps,extensions daemonsets
 update apps,extensions daemonsets/status
 update apps,extensions daemonsets/finalizers
 list,watch - nodes
 create,delete,list,patch,watch - pods
 create - pods/binding
 create,delete,patch,update,R apps controllerrevisions
 !
deployment-controller
 update,R apps,extensions deployments
 update apps,extensions deployments/status
 update apps,extensions deployments/finalizers
 create,delete,patch,update,R apps,extensions replicasets
 update,R - pods
 !
disruption-controller
 R apps,extensions deployments
 R apps,extensions replicasets
 R - replicationcontrollers
 R policy poddisruptionbudgets
 R apps statefulsets
 update policy poddisruptionbudgets/status
 patch,update - pods/status
 get * */scale
 !
endpoint-controller
 R - pods,services
 create,delete,update,R - endpoints
 create - endpoints/restricted
 !
endpointslice-controller
 R - nodes,pods,services
 update - services/finalizers
 create,delete,update,R disc endpointslices
 !
endpointslicemirroring-controller
 R - endpoints,services
 update - services/finalizers
 update - endpoints/finalizers
 create,delete,update,R disc endpointslices
 !
ephemeral-volume-controller
 R - pods
 update - pods/finalizers
 create,R - persistentvolumeclaims
 !
expand-controller
 patch,update,R - persistentvolumes
 patch,update - persistentvolumeclaims/status
 R - persistentvolumeclaims
 R stor storageclasses
 get - endpoints,services
 get - secrets
 !
generic-garbage-collector
 delete,patch,update,R * *
 !
horizontal-pod-autoscaler
 R autoscaling horizontalpodautoscalers
 update autoscaling horizontalpodautoscalers/status
 get,update * */scale
 list,watch - pods
 list metrics.k8s.io pods
 get,list custom.metrics.k8s.io *
 get,list external.metrics.k8s.io *
 !
job-controller
 patch,update,R batch jobs
 update batch jobs/status
 update batch jobs/finalizers
 create,delete,list,patch,watch - pods
 !
legacy-service-account-token-cleaner
 get - configmaps kube-apiserver-legacy-service-account-token-tracking
 delete,patch - secrets
namespace-controller
 delete,R - namespaces
 update - namespaces/finalize,namespaces/status
 delete,deletecollection,R * *
node-controller
 delete,patch,update,R - nodes
 patch,update - nodes/status
 patch,update - pods/status
 delete,R - pods
 !
persistent-volume-binder
 create,delete,update,R - persistentvolumes
 update - persistentvolumes/status
 update,R - persistentvolumeclaims
 update - persistentvolumeclaims/status
 create,delete,R - pods
 R stor storageclasses
 list,watch - nodes
 !
 watch - events
 create,delete,get,update - endpoints,services
 get,list - secrets
pod-garbage-collector
 delete,list,watch - pods
 R - nodes
 patch - pods/status
pv-protection-controller
 update,R - persistentvolumes
 !
pvc-protection-controller
 update,R - persistentvolumeclaims
 R - pods
 !
replicaset-controller
 update,R apps,extensions replicasets
 update apps,extensions replicasets/status
 update apps,extensions replicasets/finalizers
 create,delete,list,patch,watch - pods
 !
replication-controller
 update,R - replicationcontrollers
 update - replicationcontrollers/status
 update - replicationcontrollers/finalizers
 create,delete,list,patch,watch - pods
 !
resourcequota-controller
 list,watch * *
 update - resourcequotas/status
 !
root-ca-cert-publisher
 create,update - configmaps
 !
route-controller
 list,watch - nodes
 patch - nodes/status
 !
selinux-warning-controller
 !
 R - persistentvolumes
 R - persistentvolumeclaims
 R - pods
 R stor csidrivers
service-account-controller
 create - serviceaccounts
 !
service-cidrs-controller
 patch,update,R net servicecidrs
 patch,update net servicecidrs/finalizers
 patch,update net servicecidrs/status
 R net ipaddresses
 !
service-controller
 R - services
 patch,update - services/status
 list,watch - nodes
 !
statefulset-controller
 list,watch - pods
 R apps statefulsets
 update apps statefulsets/status
 update apps statefulsets/finalizers
 create,delete,get,patch,update - pods
 create,delete,patch,update,R apps controllerrevisions
 create,R - persistentvolumeclaims
 delete,update - persistentvolumeclaims
 !
ttl-after-finished-controller
 delete,R batch jobs
 !
ttl-controller
 list,patch,update,watch - nodes
 !
validatingadmissionpolicy-status-controller
 R adm validatingadmissionpolicies
 get,patch,update adm validatingadmissionpolicies/status
 !
`
