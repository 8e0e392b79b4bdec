/** The other types of k8s.io/api core/v1 (v1.33), in the notation of notation.ts. */
export const CORE = `
Namespace metadata:ObjectMeta spec:NamespaceSpec status:NamespaceStatus
Node metadata:ObjectMeta spec:NodeSpec status:NodeStatus
Pod metadata:ObjectMeta spec:PodSpec status:PodStatus
Service metadata:ObjectMeta spec:ServiceSpec status:ServiceStatus
Endpoints metadata:ObjectMeta subsets:[EndpointSubset]
ConfigMap metadata:ObjectMeta immutable:*b data:{s} binaryData:{bytes}
Secret metadata:ObjectMeta immutable:*b data:{bytes} stringData:{s} type:SecretType
ServiceAccount metadata:ObjectMeta secrets:[ObjectReference]@name imagePullSecrets:[LocalObjectReference]
  automountServiceAccountToken:*b
Event metadata:ObjectMeta involvedObject:ObjectReference reason:s message:s source:EventSource firstTimestamp:time lastTimestamp:time
  count:i type:s eventTime:micro series:*EventSeries action:s related:*ObjectReference reportingComponent:s! reportingInstance:s!
EventV1 metadata:ObjectMeta eventTime:micro series:*EventSeries reportingController:s reportingInstance:s action:s reason:s
  regarding:ObjectReference related:*ObjectReference note:s type:s deprecatedSource:EventSource deprecatedFirstTimestamp:time
  deprecatedLastTimestamp:time deprecatedCount:i
Binding metadata:ObjectMeta target:ObjectReference
ComponentStatus metadata:ObjectMeta conditions:[ComponentCondition]@type
ComponentCondition type:ComponentConditionType! status:ConditionStatus! message:s error:s
ComponentConditionType =s
NamespaceSpec finalizers:[FinalizerName]
NamespaceStatus phase:NamespacePhase conditions:[NamespaceCondition]@type
NodeSpec podCIDR:s podCIDRs:[s]@ providerID:s unschedulable:b taints:[Taint] configSource:*NodeConfigSource externalID:s
NodeStatus capacity:ResourceList allocatable:ResourceList phase:NodePhase conditions:[NodeCondition]@type addresses:[NodeAddress]@type
  daemonEndpoints:NodeDaemonEndpoints nodeInfo:NodeSystemInfo images:[ContainerImage] volumesInUse:[UniqueVolumeName]
  volumesAttached:[AttachedVolume] config:*NodeConfigStatus runtimeHandlers:[NodeRuntimeHandler] features:*NodeFeatures
PodStatus observedGeneration:l phase:PodPhase conditions:[PodCondition]@type message:s reason:s nominatedNodeName:s hostIP:s
  hostIPs:[HostIP]@ip% podIP:s podIPs:[PodIP]@ip startTime:*time initContainerStatuses:[ContainerStatus]
  containerStatuses:[ContainerStatus] qosClass:PodQOSClass ephemeralContainerStatuses:[ContainerStatus] resize:PodResizeStatus
  resourceClaimStatuses:[PodResourceClaimStatus]@name~
ServiceSpec ports:[ServicePort]@port%port,protocol=TCP selector:{s}% clusterIP:s clusterIPs:[s] type:ServiceType externalIPs:[s]
  sessionAffinity:ServiceAffinity loadBalancerIP:s loadBalancerSourceRanges:[s] externalName:s
  externalTrafficPolicy:ServiceExternalTrafficPolicy healthCheckNodePort:i publishNotReadyAddresses:b
  sessionAffinityConfig:*SessionAffinityConfig ipFamilies:[IPFamily] ipFamilyPolicy:*IPFamilyPolicy allocateLoadBalancerNodePorts:*b
  loadBalancerClass:*s internalTrafficPolicy:*ServiceInternalTrafficPolicy trafficDistribution:*s
ServiceStatus loadBalancer:LoadBalancerStatus conditions:[Condition]@type
EndpointSubset addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
SecretType =s
ObjectReference% kind:s namespace:s name:s uid:s apiVersion:s resourceVersion:s fieldPath:s
EventSource component:s host:s
EventSeries count:i lastObservedTime:micro
FinalizerName =s
NamespacePhase =s
NamespaceCondition type:NamespaceConditionType! status:ConditionStatus! lastTransitionTime:time reason:s message:s
Taint key:s! value:s effect:TaintEffect! timeAdded:*time
NodeConfigSource configMap:*ConfigMapNodeConfigSource
NodePhase =s
NodeCondition type:NodeConditionType! status:ConditionStatus! lastHeartbeatTime:time lastTransitionTime:time reason:s message:s
NodeAddress type:NodeAddressType! address:s!
NodeDaemonEndpoints kubeletEndpoint:DaemonEndpoint
NodeSystemInfo machineID:s! systemUUID:s! bootID:s! kernelVersion:s! osImage:s! containerRuntimeVersion:s! kubeletVersion:s!
  kubeProxyVersion:s! operatingSystem:s! architecture:s! swap:*NodeSwapStatus
ContainerImage names:[s]! sizeBytes:l
UniqueVolumeName =s
AttachedVolume name:UniqueVolumeName! devicePath:s!
NodeConfigStatus assigned:*NodeConfigSource active:*NodeConfigSource lastKnownGood:*NodeConfigSource error:s
NodeRuntimeHandler name:s! features:*NodeRuntimeHandlerFeatures
NodeFeatures supplementalGroupsPolicy:*b
PodPhase =s
PodCondition type:PodConditionType! observedGeneration:l status:ConditionStatus! lastProbeTime:time lastTransitionTime:time reason:s
  message:s
HostIP ip:s!
PodIP ip:s!
ContainerStatus name:s! state:ContainerState lastState:ContainerState ready:b! restartCount:i! image:s! imageID:s! containerID:s
  started:*b allocatedResources:ResourceList resources:*ResourceRequirements volumeMounts:[VolumeMountStatus]@mountPath
  user:*ContainerUser allocatedResourcesStatus:[ResourceStatus]@name stopSignal:*Signal
PodQOSClass =s
PodResizeStatus =s
PodResourceClaimStatus name:s! resourceClaimName:*s
ServicePort name:s protocol:Protocol appProtocol:*s port:i! targetPort:intstr nodePort:i
ServiceType =s
ServiceAffinity =s
ServiceExternalTrafficPolicy =s
SessionAffinityConfig clientIP:*ClientIPConfig
IPFamily =s
IPFamilyPolicy =s
ServiceInternalTrafficPolicy =s
LoadBalancerStatus ingress:[LoadBalancerIngress]
EndpointAddress% ip:s! hostname:s nodeName:*s targetRef:*ObjectReference
EndpointPort% name:s port:i! protocol:Protocol appProtocol:*s
NamespaceConditionType =s
ConditionStatus =s
ConfigMapNodeConfigSource namespace:s! name:s! uid:s resourceVersion:s kubeletConfigKey:s!
NodeConditionType =s
NodeAddressType =s
DaemonEndpoint Port:i!
NodeSwapStatus capacity:*l
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:*b userNamespaces:*b
ContainerState waiting:*ContainerStateWaiting running:*ContainerStateRunning terminated:*ContainerStateTerminated
VolumeMountStatus name:s! mountPath:s! readOnly:b recursiveReadOnly:*RecursiveReadOnlyMode
ContainerUser linux:*LinuxContainerUser
ResourceStatus name:ResourceName! resources:[ResourceHealth]%resourceID
ClientIPConfig timeoutSeconds:*i
LoadBalancerIngress ip:s hostname:s ipMode:*LoadBalancerIPMode ports:[PortStatus]
ContainerStateWaiting reason:s message:s
ContainerStateRunning startedAt:time
ContainerStateTerminated exitCode:i! signal:i reason:s message:s startedAt:time finishedAt:time containerID:s
LinuxContainerUser uid:l! gid:l! supplementalGroups:[l]
ResourceHealth resourceID:ResourceID! health:ResourceHealthStatus
LoadBalancerIPMode =s
PortStatus port:i! protocol:Protocol! error:*s
ResourceID =s
ResourceHealthStatus =s
`
