/** Types of k8s.io/api policy/v1, scheduling/v1, storage/v1, and claims of core/v1 (v1.33), in the notation of notation.ts. */
export const POLICY = `
PodDisruptionBudget metadata:ObjectMeta spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec minAvailable:*intstr selector:*LabelSelector= maxUnavailable:*intstr
  unhealthyPodEvictionPolicy:*UnhealthyPodEvictionPolicyType
PodDisruptionBudgetStatus observedGeneration:l disruptedPods:{time} disruptionsAllowed:i! currentHealthy:i! desiredHealthy:i!
  expectedPods:i! conditions:[Condition]@type
UnhealthyPodEvictionPolicyType =s
PriorityClass metadata:ObjectMeta value:i! globalDefault:b description:s preemptionPolicy:*PreemptionPolicy
StorageClass metadata:ObjectMeta provisioner:s! parameters:{s} reclaimPolicy:*PersistentVolumeReclaimPolicy mountOptions:[s]
  allowVolumeExpansion:*b volumeBindingMode:*VolumeBindingMode allowedTopologies:[TopologySelectorTerm]
PersistentVolumeReclaimPolicy =s
VolumeBindingMode =s
TopologySelectorTerm% matchLabelExpressions:[TopologySelectorLabelRequirement]
TopologySelectorLabelRequirement key:s! values:[s]!
PersistentVolumeClaim metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
PersistentVolumeClaimStatus phase:PersistentVolumeClaimPhase accessModes:[PersistentVolumeAccessMode] capacity:ResourceList
  conditions:[PersistentVolumeClaimCondition]@type allocatedResources:ResourceList allocatedResourceStatuses:{s}
  currentVolumeAttributesClassName:*s modifyVolumeStatus:*ModifyVolumeStatus
PersistentVolumeClaimPhase =s
PersistentVolumeClaimCondition type:s! status:ConditionStatus! lastProbeTime:time lastTransitionTime:time reason:s message:s
ModifyVolumeStatus targetVolumeAttributesClassName:s status:s!
`
