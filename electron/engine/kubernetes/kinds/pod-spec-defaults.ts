import type * as core from 'kubernetes-types/core/v1'
import { dropDisabledFields } from './disabled-fields.ts'

/** What SetDefaults_PodSpec and its parts set, in Pods and in templates: pkg/apis/core/v1/defaults.go (v1.33). */
type Container = core.Container

export function setPodSpecDefaults(spec: core.PodSpec): void {
  dropDisabledFields(spec)
  spec.dnsPolicy ??= 'ClusterFirst'
  spec.restartPolicy ??= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ??= 'default-scheduler'
  // The old name of the field is kept beside the new one.
  const account = spec.serviceAccountName ?? spec.serviceAccount
  if (account && spec.serviceAccountName !== account) spec.serviceAccountName = account
  if (account && spec.serviceAccount !== account) spec.serviceAccount = account
  for (const container of spec.initContainers ?? []) setContainerDefaults(container)
  for (const container of spec.containers) setContainerDefaults(container)
  for (const container of spec.ephemeralContainers ?? []) setContainerDefaults(container as Container)
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume)
}

function setContainerDefaults(container: Container): void {
  if (container.image) container.imagePullPolicy ??= imageTag(container.image) === 'latest' ? 'Always' : 'IfNotPresent'
  else container.imagePullPolicy ??= 'IfNotPresent'
  container.terminationMessagePath ??= '/dev/termination-log'
  container.terminationMessagePolicy ??= 'File'
  for (const port of container.ports ?? []) port.protocol ??= 'TCP'
  for (const variable of container.env ?? []) if (variable.valueFrom?.fieldRef) variable.valueFrom.fieldRef.apiVersion ??= 'v1'
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe) setProbeDefaults(probe)
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) if (handler?.httpGet) setHttpGetDefaults(handler.httpGet)
}

/** The tag of an image reference; "latest" when it has neither tag nor digest. */
function imageTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1)
  if (name.includes('@')) return ''
  const colon = name.indexOf(':')
  return colon < 0 ? 'latest' : name.slice(colon + 1)
}

function setProbeDefaults(probe: core.Probe): void {
  probe.timeoutSeconds ??= 1
  probe.periodSeconds ??= 10
  probe.successThreshold ??= 1
  probe.failureThreshold ??= 3
  if (probe.httpGet) setHttpGetDefaults(probe.httpGet)
  if (probe.grpc) probe.grpc.service ??= ''
}

function setHttpGetDefaults(action: core.HTTPGetAction): void {
  action.path ??= '/'
  action.scheme ??= 'HTTP'
}

const DEFAULT_MODE = 0o644

function setVolumeDefaults(volume: core.Volume): void {
  const { secret, configMap, downwardAPI, projected, hostPath, iscsi, ephemeral } = volume
  if (Object.keys(volume).length === 1) volume.emptyDir = {}
  if (secret) secret.defaultMode ??= DEFAULT_MODE
  if (configMap) configMap.defaultMode ??= DEFAULT_MODE
  if (hostPath) hostPath.type ??= ''
  if (downwardAPI) {
    downwardAPI.defaultMode ??= DEFAULT_MODE
    for (const item of downwardAPI.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ??= 'v1'
  }
  if (iscsi && !iscsi.iscsiInterface) iscsi.iscsiInterface = 'default'
  if (ephemeral?.volumeClaimTemplate?.spec) ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem'
  setOldVolumeDefaults(volume)
  if (!projected) return
  projected.defaultMode ??= DEFAULT_MODE
  for (const source of projected.sources ?? []) {
    for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ??= 'v1'
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600
  }
}

/** Of plugins that were once built in. */
function setOldVolumeDefaults({ azureDisk, rbd, scaleIO }: core.Volume): void {
  if (azureDisk) {
    azureDisk.cachingMode ??= 'ReadWrite'
    azureDisk.kind ??= 'Shared'
    azureDisk.fsType ??= 'ext4'
    azureDisk.readOnly ??= false
  }
  if (rbd) {
    rbd.pool ||= 'rbd'
    rbd.user ||= 'admin'
    rbd.keyring ||= '/etc/ceph/keyring'
  }
  if (scaleIO) {
    scaleIO.storageMode ||= 'ThinProvisioned'
    scaleIO.fsType ||= 'xfs'
  }
}

/** What only Pods get, not templates: SetDefaults_Pod. */
export function setPodDefaults(spec: core.PodSpec): void {
  setPodSpecDefaults(spec)
  spec.enableServiceLinks ??= true
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    setRequestsFromLimits(container)
    setResizePolicy(container)
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ??= port.containerPort
  }
}

function setRequestsFromLimits(container: Container): void {
  const { resources } = container
  if (!resources?.limits) return
  const missing = Object.entries(resources.limits).filter(([name]) => resources.requests?.[name] === undefined)
  if (missing.length > 0) resources.requests = { ...resources.requests, ...Object.fromEntries(missing) }
}

function setResizePolicy(container: Container): void {
  const { requests } = container.resources ?? {}
  for (const resourceName of ['cpu', 'memory']) {
    if (requests?.[resourceName] === undefined || container.resizePolicy?.some((p) => p.resourceName === resourceName)) continue
    container.resizePolicy = [...(container.resizePolicy ?? []), { resourceName, restartPolicy: 'NotRequired' }]
  }
}
