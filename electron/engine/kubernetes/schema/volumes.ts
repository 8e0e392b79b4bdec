/** Volumes and their sources, k8s.io/api core/v1 (v1.33), in the notation of notation.ts. */
export const VOLUMES = `
Volume name:s! hostPath:*HostPathVolumeSource emptyDir:*EmptyDirVolumeSource gcePersistentDisk:*GCEPersistentDiskVolumeSource
  awsElasticBlockStore:*AWSElasticBlockStoreVolumeSource gitRepo:*GitRepoVolumeSource secret:*SecretVolumeSource nfs:*NFSVolumeSource
  iscsi:*ISCSIVolumeSource glusterfs:*GlusterfsVolumeSource persistentVolumeClaim:*PersistentVolumeClaimVolumeSource
  rbd:*RBDVolumeSource flexVolume:*FlexVolumeSource cinder:*CinderVolumeSource cephfs:*CephFSVolumeSource flocker:*FlockerVolumeSource
  downwardAPI:*DownwardAPIVolumeSource fc:*FCVolumeSource azureFile:*AzureFileVolumeSource configMap:*ConfigMapVolumeSource
  vsphereVolume:*VsphereVirtualDiskVolumeSource quobyte:*QuobyteVolumeSource azureDisk:*AzureDiskVolumeSource
  photonPersistentDisk:*PhotonPersistentDiskVolumeSource projected:*ProjectedVolumeSource portworxVolume:*PortworxVolumeSource
  scaleIO:*ScaleIOVolumeSource storageos:*StorageOSVolumeSource csi:*CSIVolumeSource ephemeral:*EphemeralVolumeSource
  image:*ImageVolumeSource
HostPathVolumeSource path:s! type:*HostPathType
EmptyDirVolumeSource medium:StorageMedium sizeLimit:*quantity
GCEPersistentDiskVolumeSource pdName:s! fsType:s partition:i readOnly:b
AWSElasticBlockStoreVolumeSource volumeID:s! fsType:s partition:i readOnly:b
GitRepoVolumeSource repository:s! revision:s directory:s
SecretVolumeSource secretName:s items:[KeyToPath] defaultMode:*i optional:*b
NFSVolumeSource server:s! path:s! readOnly:b
ISCSIVolumeSource targetPortal:s! iqn:s! lun:i! iscsiInterface:s fsType:s readOnly:b portals:[s] chapAuthDiscovery:b chapAuthSession:b
  secretRef:*LocalObjectReference initiatorName:*s
GlusterfsVolumeSource endpoints:s! path:s! readOnly:b
PersistentVolumeClaimVolumeSource claimName:s! readOnly:b
RBDVolumeSource monitors:[s]! image:s! fsType:s pool:s user:s keyring:s secretRef:*LocalObjectReference readOnly:b
FlexVolumeSource driver:s! fsType:s secretRef:*LocalObjectReference readOnly:b options:{s}
CinderVolumeSource volumeID:s! fsType:s readOnly:b secretRef:*LocalObjectReference
CephFSVolumeSource monitors:[s]! path:s user:s secretFile:s secretRef:*LocalObjectReference readOnly:b
FlockerVolumeSource datasetName:s datasetUUID:s
DownwardAPIVolumeSource items:[DownwardAPIVolumeFile] defaultMode:*i
FCVolumeSource targetWWNs:[s] lun:*i fsType:s readOnly:b wwids:[s]
AzureFileVolumeSource secretName:s! shareName:s! readOnly:b
ConfigMapVolumeSource name:s items:[KeyToPath] defaultMode:*i optional:*b
VsphereVirtualDiskVolumeSource volumePath:s! fsType:s storagePolicyName:s storagePolicyID:s
QuobyteVolumeSource registry:s! volume:s! readOnly:b user:s group:s tenant:s
AzureDiskVolumeSource diskName:s! diskURI:s! cachingMode:*AzureDataDiskCachingMode fsType:*s readOnly:*b kind:*AzureDataDiskKind
PhotonPersistentDiskVolumeSource pdID:s! fsType:s
ProjectedVolumeSource sources:[VolumeProjection]! defaultMode:*i
PortworxVolumeSource volumeID:s! fsType:s readOnly:b
ScaleIOVolumeSource gateway:s! system:s! secretRef:*LocalObjectReference! sslEnabled:b protectionDomain:s storagePool:s storageMode:s
  volumeName:s fsType:s readOnly:b
StorageOSVolumeSource volumeName:s volumeNamespace:s fsType:s readOnly:b secretRef:*LocalObjectReference
CSIVolumeSource driver:s! readOnly:*b fsType:*s volumeAttributes:{s} nodePublishSecretRef:*LocalObjectReference
EphemeralVolumeSource volumeClaimTemplate:*PersistentVolumeClaimTemplate
ImageVolumeSource reference:s pullPolicy:PullPolicy
HostPathType =s
StorageMedium =s
KeyToPath key:s! path:s! mode:*i
LocalObjectReference% name:s
DownwardAPIVolumeFile path:s! fieldRef:*ObjectFieldSelector resourceFieldRef:*ResourceFieldSelector mode:*i
AzureDataDiskCachingMode =s
AzureDataDiskKind =s
VolumeProjection secret:*SecretProjection downwardAPI:*DownwardAPIProjection configMap:*ConfigMapProjection
  serviceAccountToken:*ServiceAccountTokenProjection clusterTrustBundle:*ClusterTrustBundleProjection
PersistentVolumeClaimTemplate metadata:ObjectMeta spec:PersistentVolumeClaimSpec
ClusterTrustBundleProjection name:*s signerName:*s labelSelector:*LabelSelector optional:*b path:s!
ConfigMapProjection name:s items:[KeyToPath] optional:*b
DownwardAPIProjection items:[DownwardAPIVolumeFile]
SecretProjection name:s items:[KeyToPath] optional:*b
ServiceAccountTokenProjection audience:s expirationSeconds:*l path:s!
PersistentVolumeClaimSpec accessModes:[PersistentVolumeAccessMode] selector:*LabelSelector resources:VolumeResourceRequirements
  volumeName:s storageClassName:*s volumeMode:*PersistentVolumeMode dataSource:*TypedLocalObjectReference
  dataSourceRef:*TypedObjectReference volumeAttributesClassName:*s
PersistentVolumeAccessMode =s
PersistentVolumeMode =s
TypedLocalObjectReference% apiGroup:*s! kind:s! name:s!
TypedObjectReference apiGroup:*s! kind:s! name:s! namespace:*s
VolumeResourceRequirements limits:ResourceList requests:ResourceList
`
