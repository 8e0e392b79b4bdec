import type { Container, Pod } from '../../../engine/kubernetes/types.ts'
import { describeContainers } from './containers.ts'
import { describeVolumes } from './volumes.ts'
import { controlledBy, type Description, rfc1123 } from './writer.ts'

export function describePod(d: Description, pod: Pod): void {
  const { spec, status, metadata } = pod
  d.head(pod)
  if (spec.priority !== undefined) d.field('Priority', spec.priority)
  if (spec.priorityClassName) d.field('Priority Class Name', spec.priorityClassName)
  if (spec.runtimeClassName) d.field('Runtime Class Name', spec.runtimeClassName)
  if (spec.serviceAccountName) d.field('Service Account', spec.serviceAccountName)
  d.field('Node', spec.nodeName ? `${spec.nodeName}/${status.hostIP ?? ''}` : '<none>')
  if (status.startTime) d.field('Start Time', rfc1123(status.startTime))
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  if (metadata.deletionTimestamp && status.phase !== 'Failed' && status.phase !== 'Succeeded') {
    d.field('Status', `Terminating (lasts ${d.age(metadata.deletionTimestamp)})`)
    d.field('Termination Grace Period', `${metadata.deletionGracePeriodSeconds ?? 0}s`)
  } else d.field('Status', status.phase)
  if (status.reason) d.field('Reason', status.reason)
  if (status.message) d.field('Message', status.message)
  if (spec.securityContext?.seccompProfile) d.field('SeccompProfile', spec.securityContext.seccompProfile.type)
  d.field('IP', status.podIP)
  if (status.podIPs?.length) {
    d.line(0, 'IPs:')
    for (const { ip } of status.podIPs) d.field('IP', ip, 1)
  } else d.field('IPs', '<none>')
  const owner = controlledBy(pod)
  if (owner) d.field('Controlled By', owner)
  if (status.nominatedNodeName) d.field('NominatedNodeName', status.nominatedNodeName)
  if (spec.initContainers?.length) describeContainers(d, 'Init Containers', spec.initContainers, status.initContainerStatuses, pod)
  describeContainers(d, 'Containers', spec.containers, status.containerStatuses, pod)
  if (spec.ephemeralContainers?.length) describeContainers(d, 'Ephemeral Containers', spec.ephemeralContainers as Container[], status.ephemeralContainerStatuses, pod)
  if (spec.readinessGates?.length) {
    d.line(0, 'Readiness Gates:\n  Type\tStatus')
    for (const gate of spec.readinessGates) d.line(1, `${gate.conditionType} \t${status.conditions?.find((c) => c.type === gate.conditionType)?.status ?? '<none>'} `)
  }
  if (status.conditions?.length) {
    d.line(0, 'Conditions:\n  Type\tStatus')
    for (const c of status.conditions) d.line(1, `${c.type} \t${c.status} `)
  }
  describeVolumes(d, spec.volumes)
  d.field('QoS Class', status.qosClass)
  d.labels('Node-Selectors', spec.nodeSelector)
  d.tolerations('Tolerations', spec.tolerations)
  // events of a static Pod are about the Pod itself, which has the manifest's hash for a uid
  const mirrored = pod.metadata.annotations?.['kubernetes.io/config.mirror']
  d.events(pod, { kind: '', ...(mirrored ? { uid: mirrored } : {}) })
}
