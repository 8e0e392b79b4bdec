import { AGE, NAME } from './kinds/columns.ts'
import type { Column, Kind } from './kinds/kind.ts'
import type { Scale } from './subresources.ts'
import type { KubeObject, Table } from './types.ts'

/** Of the subresource scale, whatever it belongs to (printersinternal.go). */
const SCALE_COLUMNS: readonly Column<Scale>[] = [
  NAME,
  { name: 'Desired', type: 'integer', description: 'replicas is the desired number of instances for the scaled object.', cell: ({ spec }) => spec.replicas ?? 0 },
  { name: 'Available', type: 'integer', description: 'replicas is the actual number of observed instances of the scaled object.', cell: ({ status }) => status.replicas },
  AGE,
]

/** metav1.Table: the server's own printing. */
export function printTable(of: Kind, objects: readonly KubeObject[], wall: number, metadata: Table['metadata']): Table {
  const context = { wall }
  const kind: Pick<Kind, 'columns'> = objects[0]?.kind === 'Scale' && of.resource.kind !== 'Scale' ? { columns: SCALE_COLUMNS as readonly Column<KubeObject>[] } : of
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: kind.columns.map(({ name, type = 'string', format = '', priority = 0, description = '' }) => ({ name, type, format, description, priority })),
    rows: objects.map((object) => ({ cells: kind.columns.map((column) => column.cell(object, context)), object })),
  }
}
