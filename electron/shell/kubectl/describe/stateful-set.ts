import { formatScaleSelector } from '../../../engine/kubernetes/selectors.ts'
import type { StatefulSet } from '../../../engine/kubernetes/types.ts'
import { at, list, map, text } from '../objects.ts'
import { describePodTemplate } from './containers.ts'
import { podStatus } from './workloads.ts'
import { type Description, rfc1123 } from './writer.ts'

export function describeStatefulSet(d: Description, set: StatefulSet): void {
  const { spec, status, metadata } = set
  const selector = formatScaleSelector(spec.selector)
  d.head(set)
  d.field('CreationTimestamp', rfc1123(metadata.creationTimestamp))
  d.field('Selector', selector)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('Replicas', `${spec.replicas ?? 1} desired | ${status.replicas} total`)
  d.field('Update Strategy', spec.updateStrategy?.type)
  const partition = spec.updateStrategy?.rollingUpdate?.partition
  if (partition !== undefined) d.field('Partition', partition, 1)
  d.field('Pods Status', podStatus(d, set, selector))
  describePodTemplate(d, spec.template)
  claims(d, spec.volumeClaimTemplates ?? [])
  d.events(set)
}

function claims(d: Description, templates: readonly unknown[]): void {
  if (templates.length === 0) return d.field('Volume Claims', '<none>')
  d.line(0, 'Volume Claims:')
  for (const template of templates) {
    const annotations = map(at(template, 'metadata', 'annotations'))
    d.field('Name', at(template, 'metadata', 'name'), 1)
    d.field('StorageClass', annotations['volume.beta.kubernetes.io/storage-class'] ?? at(template, 'spec', 'storageClassName') ?? '', 1)
    for (const [title, values] of [['Labels', at(template, 'metadata', 'labels')], ['Annotations', annotations]] as const) {
      const lines = Object.entries(map(values)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${text(value)}`)
      d.line(0, `  ${title}:\t${lines.join('\n  \t') || '<none>'}`)
    }
    d.field('Capacity', at(template, 'spec', 'resources', 'requests', 'storage') ?? '<default>', 1)
    d.field('Access Modes', `[${list(at(template, 'spec', 'accessModes')).map(text).join(' ')}]`, 1)
  }
}
