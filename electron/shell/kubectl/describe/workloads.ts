import { formatLabelSelector, formatScaleSelector } from '../../../engine/kubernetes/selectors.ts'
import type { DaemonSet, Deployment, KubeObject, Pod, ReplicaSet, ReplicationController } from '../../../engine/kubernetes/types.ts'
import { at, equal, isObject, type JsonObject } from '../objects.ts'
import { formatLabels } from '../printers/table.ts'
import { describePodTemplate } from './containers.ts'
import { controlledBy, type Description, rfc1123 } from './writer.ts'

export function describeDeployment(d: Description, deployment: Deployment): void {
  const { spec, status, metadata } = deployment
  d.head(deployment)
  d.field('CreationTimestamp', rfc1123(metadata.creationTimestamp))
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('Selector', formatLabelSelector(spec.selector))
  d.field('Replicas', `${spec.replicas ?? 1} desired | ${status.updatedReplicas ?? 0} updated | ${status.replicas ?? 0} total | ${status.availableReplicas ?? 0} available | ${status.unavailableReplicas ?? 0} unavailable`)
  d.field('StrategyType', spec.strategy?.type)
  d.field('MinReadySeconds', spec.minReadySeconds ?? 0)
  const rolling = spec.strategy?.rollingUpdate
  if (rolling) d.field('RollingUpdateStrategy', `${String(rolling.maxUnavailable)} max unavailable, ${String(rolling.maxSurge)} max surge`)
  describePodTemplate(d, spec.template)
  conditions(d, status.conditions)
  const { old, current } = replicaSetsOf(d, deployment)
  if (old.length > 0 || current.length > 0) {
    d.field('OldReplicaSets', replicaSetNames(old))
    d.field('NewReplicaSet', replicaSetNames(current))
  }
  d.events(deployment)
}

function conditions(d: Description, all: readonly { type: string; status: string; reason?: string }[] | undefined): void {
  if (!all || all.length === 0) return
  d.line(0, 'Conditions:\n  Type\tStatus\tReason')
  d.line(1, '----\t------\t------')
  for (const c of all) d.line(1, `${c.type} \t${c.status}\t${c.reason ?? ''}`)
}

/** deploymentutil.GetAllReplicaSets: those of this Deployment, and which of them has its template. */
export function replicaSetsOf(d: Pick<Description, 'k'>, deployment: Deployment): { old: ReplicaSet[]; current: ReplicaSet[] } {
  const owned = d.k.client.list<ReplicaSet>('replicasets', { namespace: deployment.metadata.namespace, labelSelector: formatLabelSelector(deployment.spec.selector) }).items
    .filter((rs) => rs.metadata.ownerReferences?.some((o) => o.controller && o.uid === deployment.metadata.uid))
    .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : a.metadata.name < b.metadata.name ? -1 : 1))
  const current = owned.find((rs) => equal(withoutHash(rs.spec.template), withoutHash(deployment.spec.template)))
  return { old: owned.filter((rs) => rs !== current), current: current ? [current] : [] }
}

function withoutHash(template: unknown): unknown {
  const labels = at(template, 'metadata', 'labels')
  if (!isObject(template) || !isObject(labels)) return template
  const kept: JsonObject = { ...labels }
  delete kept['pod-template-hash']
  const metadata: JsonObject = { ...(template['metadata'] as JsonObject), labels: kept }
  delete metadata['creationTimestamp']
  return { ...template, metadata }
}

function replicaSetNames(all: readonly ReplicaSet[]): string {
  return all.map((rs) => `${rs.metadata.name} (${rs.status.replicas ?? 0}/${rs.spec.replicas ?? 1} replicas created)`).join(', ') || '<none>'
}

/** "2 Running / 0 Waiting / 0 Succeeded / 0 Failed" */
export function podStatus(d: Description, object: KubeObject, selector: string): string {
  const pods = d.k.client.list<Pod>('pods', { namespace: object.metadata.namespace, labelSelector: selector }).items
    .filter((p) => p.metadata.ownerReferences?.some((o) => o.controller && o.uid === object.metadata.uid))
  const count = (phase: string): number => pods.filter((p) => p.status.phase === phase).length
  return `${count('Running')} Running / ${count('Pending')} Waiting / ${count('Succeeded')} Succeeded / ${count('Failed')} Failed`
}

export function describeReplicaSet(d: Description, rs: ReplicaSet): void {
  const selector = formatLabelSelector(rs.spec.selector)
  d.head(rs)
  d.field('Selector', selector)
  d.labels('Labels', rs.metadata.labels)
  d.annotations('Annotations', rs.metadata.annotations)
  const owner = controlledBy(rs)
  if (owner) d.field('Controlled By', owner)
  d.field('Replicas', `${rs.status.replicas ?? 0} current / ${rs.spec.replicas ?? 1} desired`)
  d.field('Pods Status', podStatus(d, rs, selector))
  describePodTemplate(d, rs.spec.template)
  conditions(d, rs.status.conditions)
  d.events(rs)
}

export function describeReplicationController(d: Description, rc: ReplicationController): void {
  const selector = formatLabels(rc.spec.selector)
  d.head(rc)
  d.field('Selector', selector)
  d.labels('Labels', rc.metadata.labels)
  d.annotations('Annotations', rc.metadata.annotations)
  d.field('Replicas', `${rc.status.replicas ?? 0} current / ${rc.spec.replicas ?? 1} desired`)
  d.field('Pods Status', podStatus(d, rc, selector))
  describePodTemplate(d, rc.spec.template)
  conditions(d, rc.status.conditions)
  d.events(rc)
}

export function describeDaemonSet(d: Description, ds: DaemonSet): void {
  const selector = formatScaleSelector(ds.spec.selector)
  const { status } = ds
  d.head(ds)
  d.field('Selector', selector)
  d.field('Node-Selector', formatLabels(ds.spec.template.spec?.nodeSelector as Record<string, string> | undefined))
  d.labels('Labels', ds.metadata.labels)
  d.annotations('Annotations', ds.metadata.annotations)
  d.line(0, `Desired Number of Nodes Scheduled: ${status.desiredNumberScheduled ?? 0}`)
  d.line(0, `Current Number of Nodes Scheduled: ${status.currentNumberScheduled ?? 0}`)
  d.line(0, `Number of Nodes Scheduled with Up-to-date Pods: ${status.updatedNumberScheduled ?? 0}`)
  d.line(0, `Number of Nodes Scheduled with Available Pods: ${status.numberAvailable ?? 0}`)
  d.line(0, `Number of Nodes Misscheduled: ${status.numberMisscheduled ?? 0}`)
  d.field('Pods Status', podStatus(d, ds, selector))
  describePodTemplate(d, ds.spec.template)
  d.events(ds)
}
