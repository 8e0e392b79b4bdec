/** The Pod spec and what it is made of, k8s.io/api core/v1 (v1.33), in the notation of notation.ts. */
export const POD = `
PodSpec volumes:[Volume]@name~ initContainers:[Container]@name containers:[Container]!@name
  ephemeralContainers:[EphemeralContainer]@name restartPolicy:RestartPolicy terminationGracePeriodSeconds:*l activeDeadlineSeconds:*l
  dnsPolicy:DNSPolicy nodeSelector:{s}% serviceAccountName:s serviceAccount:s automountServiceAccountToken:*b nodeName:s hostNetwork:b
  hostPID:b hostIPC:b shareProcessNamespace:*b securityContext:*PodSecurityContext imagePullSecrets:[LocalObjectReference]@name
  hostname:s subdomain:s affinity:*Affinity schedulerName:s tolerations:[Toleration] hostAliases:[HostAlias]@ip priorityClassName:s
  priority:*i dnsConfig:*PodDNSConfig readinessGates:[PodReadinessGate] runtimeClassName:*s enableServiceLinks:*b
  preemptionPolicy:*PreemptionPolicy overhead:ResourceList topologySpreadConstraints:[TopologySpreadConstraint]@topologyKey%topologyKey,whenUnsatisfiable
  setHostnameAsFQDN:*b os:*PodOS hostUsers:*b schedulingGates:[PodSchedulingGate]@name resourceClaims:[PodResourceClaim]@name~
  resources:*ResourceRequirements
PodTemplateSpec metadata:ObjectMeta spec:PodSpec
Affinity nodeAffinity:*NodeAffinity podAffinity:*PodAffinity podAntiAffinity:*PodAntiAffinity
Container name:s! image:s command:[s] args:[s] workingDir:s ports:[ContainerPort]@containerPort%containerPort,protocol=TCP envFrom:[EnvFromSource]
  env:[EnvVar]@name resources:ResourceRequirements resizePolicy:[ContainerResizePolicy] restartPolicy:*ContainerRestartPolicy
  volumeMounts:[VolumeMount]@mountPath volumeDevices:[VolumeDevice]@devicePath livenessProbe:*Probe readinessProbe:*Probe
  startupProbe:*Probe lifecycle:*Lifecycle terminationMessagePath:s terminationMessagePolicy:TerminationMessagePolicy
  imagePullPolicy:PullPolicy securityContext:*SecurityContext stdin:b stdinOnce:b tty:b
DNSPolicy =s
EphemeralContainer name:s! image:s command:[s] args:[s] workingDir:s ports:[ContainerPort]@containerPort%containerPort,protocol=TCP envFrom:[EnvFromSource]
  env:[EnvVar]@name resources:ResourceRequirements resizePolicy:[ContainerResizePolicy] restartPolicy:*ContainerRestartPolicy
  volumeMounts:[VolumeMount]@mountPath volumeDevices:[VolumeDevice]@devicePath livenessProbe:*Probe readinessProbe:*Probe
  startupProbe:*Probe lifecycle:*Lifecycle terminationMessagePath:s terminationMessagePolicy:TerminationMessagePolicy
  imagePullPolicy:PullPolicy securityContext:*SecurityContext stdin:b stdinOnce:b tty:b targetContainerName:s
HostAlias ip:s! hostnames:[s]
PodDNSConfig nameservers:[s] searches:[s] options:[PodDNSConfigOption]
PodOS name:OSName!
PodReadinessGate conditionType:PodConditionType!
PodResourceClaim name:s! resourceClaimName:*s resourceClaimTemplateName:*s
PodSchedulingGate name:s!
PodSecurityContext seLinuxOptions:*SELinuxOptions windowsOptions:*WindowsSecurityContextOptions runAsUser:*l runAsGroup:*l
  runAsNonRoot:*b supplementalGroups:[l] supplementalGroupsPolicy:*SupplementalGroupsPolicy fsGroup:*l sysctls:[Sysctl]
  fsGroupChangePolicy:*PodFSGroupChangePolicy seccompProfile:*SeccompProfile appArmorProfile:*AppArmorProfile
  seLinuxChangePolicy:*PodSELinuxChangePolicy
PreemptionPolicy =s
ResourceRequirements limits:ResourceList requests:ResourceList claims:[ResourceClaim]%name
RestartPolicy =s
Toleration key:s operator:TolerationOperator value:s effect:TaintEffect tolerationSeconds:*l
TopologySpreadConstraint maxSkew:i! topologyKey:s! whenUnsatisfiable:UnsatisfiableConstraintAction! labelSelector:*LabelSelector
  minDomains:*i nodeAffinityPolicy:*NodeInclusionPolicy nodeTaintsPolicy:*NodeInclusionPolicy matchLabelKeys:[s]
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:*NodeSelector
  preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm]
PodAffinity requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
ContainerPort name:s hostPort:i containerPort:i! protocol:Protocol hostIP:s
ContainerResizePolicy resourceName:ResourceName! restartPolicy:ResourceResizeRestartPolicy!
ContainerRestartPolicy =s
EnvFromSource prefix:s configMapRef:*ConfigMapEnvSource secretRef:*SecretEnvSource
EnvVar name:s! value:s valueFrom:*EnvVarSource
Lifecycle postStart:*LifecycleHandler preStop:*LifecycleHandler stopSignal:*Signal
Probe exec:*ExecAction httpGet:*HTTPGetAction tcpSocket:*TCPSocketAction grpc:*GRPCAction initialDelaySeconds:i timeoutSeconds:i
  periodSeconds:i successThreshold:i failureThreshold:i terminationGracePeriodSeconds:*l
SecurityContext capabilities:*Capabilities privileged:*b seLinuxOptions:*SELinuxOptions windowsOptions:*WindowsSecurityContextOptions
  runAsUser:*l runAsGroup:*l runAsNonRoot:*b readOnlyRootFilesystem:*b allowPrivilegeEscalation:*b procMount:*ProcMountType
  seccompProfile:*SeccompProfile appArmorProfile:*AppArmorProfile
TerminationMessagePolicy =s
VolumeDevice name:s! devicePath:s!
VolumeMount name:s! readOnly:b recursiveReadOnly:*RecursiveReadOnlyMode mountPath:s! subPath:s mountPropagation:*MountPropagationMode
  subPathExpr:s
PodDNSConfigOption name:s value:*s
OSName =s
PodConditionType =s
AppArmorProfile type:AppArmorProfileType! localhostProfile:*s
PodFSGroupChangePolicy =s
PodSELinuxChangePolicy =s
SELinuxOptions user:s role:s type:s level:s
SeccompProfile type:SeccompProfileType! localhostProfile:*s
SupplementalGroupsPolicy =s
Sysctl name:s! value:s!
WindowsSecurityContextOptions gmsaCredentialSpecName:*s gmsaCredentialSpec:*s runAsUserName:*s hostProcess:*b
ResourceClaim name:s! request:s
TaintEffect =s
TolerationOperator =s
NodeInclusionPolicy =s
UnsatisfiableConstraintAction =s
NodeSelector% nodeSelectorTerms:[NodeSelectorTerm]!
PreferredSchedulingTerm weight:i! preference:NodeSelectorTerm
PodAffinityTerm labelSelector:*LabelSelector namespaces:[s] topologyKey:s! namespaceSelector:*LabelSelector matchLabelKeys:[s]
  mismatchLabelKeys:[s]
WeightedPodAffinityTerm weight:i! podAffinityTerm:PodAffinityTerm
Protocol =s
ResourceName =s
ResourceResizeRestartPolicy =s
ConfigMapEnvSource name:s optional:*b
SecretEnvSource name:s optional:*b
EnvVarSource fieldRef:*ObjectFieldSelector resourceFieldRef:*ResourceFieldSelector configMapKeyRef:*ConfigMapKeySelector
  secretKeyRef:*SecretKeySelector
LifecycleHandler exec:*ExecAction httpGet:*HTTPGetAction tcpSocket:*TCPSocketAction sleep:*SleepAction
Signal =s
ExecAction command:[s]
GRPCAction port:i! service:*s!
HTTPGetAction path:s port:intstr! host:s scheme:URIScheme httpHeaders:[HTTPHeader]
TCPSocketAction port:intstr! host:s
Capabilities add:[Capability] drop:[Capability]
ProcMountType =s
MountPropagationMode =s
RecursiveReadOnlyMode =s
AppArmorProfileType =s
SeccompProfileType =s
NodeSelectorTerm% matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
ConfigMapKeySelector% name:s key:s! optional:*b
SecretKeySelector% name:s key:s! optional:*b
SleepAction seconds:l!
HTTPHeader name:s! value:s!
URIScheme =s
Capability =s
NodeSelectorRequirement key:s! operator:NodeSelectorOperator! values:[s]
NodeSelectorOperator =s
PullPolicy =s
ObjectFieldSelector% apiVersion:s fieldPath:s!
ResourceFieldSelector% containerName:s resource:s! divisor:quantity!
ResourceList ={quantity}
`
