/** Types of the groups apps (and ReplicationController, their elder), discovery.k8s.io, coordination.k8s.io and autoscaling (v1), in the notation of notation.ts. */
export const WORKLOADS = `
Deployment metadata:ObjectMeta spec:DeploymentSpec status:DeploymentStatus
ReplicaSet metadata:ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus
DaemonSet metadata:ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus
StatefulSet metadata:ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus
ControllerRevision metadata:ObjectMeta data:any revision:l!
ReplicationController metadata:ObjectMeta spec:ReplicationControllerSpec status:ReplicationControllerStatus
EndpointSlice metadata:ObjectMeta addressType:AddressType! endpoints:[Endpoint]! ports:[discovery.EndpointPort]!
Lease metadata:ObjectMeta spec:LeaseSpec
Scale metadata:ObjectMeta spec:ScaleSpec status:ScaleStatus
DeploymentSpec replicas:*i selector:*LabelSelector! template:PodTemplateSpec strategy:DeploymentStrategy~ minReadySeconds:i
  revisionHistoryLimit:*i paused:b progressDeadlineSeconds:*i
DeploymentStatus observedGeneration:l replicas:i updatedReplicas:i readyReplicas:i availableReplicas:i unavailableReplicas:i
  terminatingReplicas:*i conditions:[DeploymentCondition]@type collisionCount:*i
ReplicaSetSpec replicas:*i minReadySeconds:i selector:*LabelSelector! template:PodTemplateSpec
ReplicaSetStatus replicas:i! fullyLabeledReplicas:i readyReplicas:i availableReplicas:i terminatingReplicas:*i observedGeneration:l
  conditions:[ReplicaSetCondition]@type
DaemonSetSpec selector:*LabelSelector! template:PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy minReadySeconds:i
  revisionHistoryLimit:*i
DaemonSetStatus currentNumberScheduled:i! numberMisscheduled:i! desiredNumberScheduled:i! numberReady:i! observedGeneration:l
  updatedNumberScheduled:i numberAvailable:i numberUnavailable:i collisionCount:*i conditions:[DaemonSetCondition]@type
StatefulSetSpec replicas:*i selector:*LabelSelector! template:PodTemplateSpec volumeClaimTemplates:[template.PersistentVolumeClaim]
  serviceName:s! podManagementPolicy:PodManagementPolicyType updateStrategy:StatefulSetUpdateStrategy revisionHistoryLimit:*i
  minReadySeconds:i persistentVolumeClaimRetentionPolicy:*StatefulSetPersistentVolumeClaimRetentionPolicy ordinals:*StatefulSetOrdinals
StatefulSetStatus observedGeneration:l replicas:i! readyReplicas:i currentReplicas:i updatedReplicas:i currentRevision:s updateRevision:s
  collisionCount:*i conditions:[StatefulSetCondition]@type availableReplicas:i!
ReplicationControllerSpec replicas:*i minReadySeconds:i selector:{s}% template:*PodTemplateSpec
ReplicationControllerStatus replicas:i! fullyLabeledReplicas:i readyReplicas:i availableReplicas:i observedGeneration:l
  conditions:[ReplicationControllerCondition]@type
AddressType =s
Endpoint addresses:[s]!%set conditions:EndpointConditions hostname:*s targetRef:*ObjectReference deprecatedTopology:{s} nodeName:*s zone:*s
  hints:*EndpointHints
discovery.EndpointPort% name:*s protocol:*Protocol port:*i appProtocol:*s
LeaseSpec holderIdentity:*s leaseDurationSeconds:*i acquireTime:*micro renewTime:*micro leaseTransitions:*i
  strategy:*CoordinatedLeaseStrategy preferredHolder:*s
ScaleSpec replicas:i
ScaleStatus replicas:i! selector:s
DeploymentStrategy type:DeploymentStrategyType rollingUpdate:*RollingUpdateDeployment
DeploymentCondition type:DeploymentConditionType! status:ConditionStatus! lastUpdateTime:time lastTransitionTime:time reason:s message:s
ReplicaSetCondition type:ReplicaSetConditionType! status:ConditionStatus! lastTransitionTime:time reason:s message:s
DaemonSetUpdateStrategy type:DaemonSetUpdateStrategyType rollingUpdate:*RollingUpdateDaemonSet
DaemonSetCondition type:DaemonSetConditionType! status:ConditionStatus! lastTransitionTime:time reason:s message:s
EndpointConditions ready:*b serving:*b terminating:*b
EndpointHints forZones:[ForZone] forNodes:[ForNode]
CoordinatedLeaseStrategy =s
DeploymentStrategyType =s
RollingUpdateDeployment maxUnavailable:*intstr maxSurge:*intstr
DeploymentConditionType =s
ReplicaSetConditionType =s
DaemonSetUpdateStrategyType =s
RollingUpdateDaemonSet maxUnavailable:*intstr maxSurge:*intstr
DaemonSetConditionType =s
ForZone name:s!
ForNode name:s!
StatefulSetUpdateStrategy type:StatefulSetUpdateStrategyType rollingUpdate:*RollingUpdateStatefulSetStrategy
RollingUpdateStatefulSetStrategy partition:*i maxUnavailable:*intstr
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted:PersistentVolumeClaimRetentionPolicyType
  whenScaled:PersistentVolumeClaimRetentionPolicyType
StatefulSetOrdinals start:i!
StatefulSetCondition type:StatefulSetConditionType! status:ConditionStatus! lastTransitionTime:time reason:s message:s
ReplicationControllerCondition type:ReplicationControllerConditionType! status:ConditionStatus! lastTransitionTime:time reason:s message:s
template.PersistentVolumeClaim apiVersion:s kind:s metadata:ObjectMeta spec:PersistentVolumeClaimSpec status:template.PersistentVolumeClaimStatus
template.PersistentVolumeClaimStatus phase:s accessModes:[s] capacity:ResourceList
PodManagementPolicyType =s
StatefulSetUpdateStrategyType =s
PersistentVolumeClaimRetentionPolicyType =s
StatefulSetConditionType =s
ReplicationControllerConditionType =s
`
