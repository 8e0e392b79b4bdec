import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../../engine/kubernetes/types.ts'
import { ruleRows } from '../policy-rules.ts'
import type { Description } from './writer.ts'

export function describeRole(d: Description, { metadata, rules }: Role | ClusterRole): void {
  d.field('Name', metadata.name)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.line(0, 'PolicyRule:')
  d.line(1, 'Resources\tNon-Resource URLs\tResource Names\tVerbs')
  d.line(1, '---------\t-----------------\t--------------\t-----')
  for (const row of ruleRows(rules ?? [])) d.line(1, row)
}

export function describeRoleBinding(d: Description, { metadata, roleRef, subjects = [] }: RoleBinding | ClusterRoleBinding): void {
  d.field('Name', metadata.name)
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.line(0, 'Role:')
  d.field('Kind', roleRef.kind, 1)
  d.field('Name', roleRef.name, 1)
  d.line(0, 'Subjects:')
  d.line(1, 'Kind\tName\tNamespace')
  d.line(1, '----\t----\t---------')
  for (const s of subjects) d.line(1, `${s.kind}\t${s.name}\t${s.namespace ?? ''}`)
}
