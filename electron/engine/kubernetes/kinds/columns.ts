import type * as core from 'kubernetes-types/core/v1'
import { ageOf } from '../human-duration.ts'
import { formatLabelSelector } from '../selectors.ts'
import type { KubeObject, LabelSelector } from '../types.ts'
import type { Column } from './kind.ts'

/** Columns that the kinds with a Pod template share. */
interface Workload extends KubeObject {
  spec: { selector?: LabelSelector; template?: core.PodTemplateSpec }
}

const containersOf = (object: Workload): readonly core.Container[] => object.spec.template?.spec?.containers ?? []

export const TEMPLATE_COLUMNS: readonly Column<Workload>[] = [
  { name: 'Containers', priority: 1, cell: (o) => containersOf(o).map((c) => c.name).join(',') },
  { name: 'Images', priority: 1, cell: (o) => containersOf(o).map((c) => c.image ?? '').join(',') },
  { name: 'Selector', priority: 1, cell: (o) => formatLabelSelector(o.spec.selector) },
]

export const NAME: Column<KubeObject> = { name: 'Name', format: 'name', cell: (o) => o.metadata.name }
export const AGE: Column<KubeObject> = { name: 'Age', cell: (o, { wall }) => ageOf(o.metadata.creationTimestamp, wall) }
