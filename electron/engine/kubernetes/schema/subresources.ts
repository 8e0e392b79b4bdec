/** What is sent to subresources: policy/v1 Eviction, authentication.k8s.io/v1 TokenRequest, meta/v1 DeleteOptions (v1.33). */
export const SUBRESOURCES = `
Eviction metadata:ObjectMeta deleteOptions:*DeleteOptions
DeleteOptions kind:s apiVersion:s gracePeriodSeconds:*l preconditions:*Preconditions orphanDependents:*b propagationPolicy:*DeletionPropagation
  dryRun:[s] ignoreStoreReadErrorWithClusterBreakingPotential:*b
Preconditions uid:*UID resourceVersion:*s
DeletionPropagation =s
UID =s
TokenRequest metadata:ObjectMeta spec:TokenRequestSpec status:TokenRequestStatus
TokenRequestSpec audiences:[s] expirationSeconds:*l boundObjectRef:*BoundObjectReference
TokenRequestStatus token:s! expirationTimestamp:time
BoundObjectReference kind:s apiVersion:s name:s uid:UID
`
