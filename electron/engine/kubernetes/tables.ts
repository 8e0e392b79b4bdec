import type { Kind } from './kinds/kind.ts'
import type { KubeObject, Table } from './types.ts'

/** metav1.Table: the server's own printing. */
export function printTable(kind: Kind, objects: readonly KubeObject[], wall: number, metadata: Table['metadata']): Table {
  const context = { wall }
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: kind.columns.map(({ name, type = 'string', format = '', priority = 0, description = '' }) => ({ name, type, format, description, priority })),
    rows: objects.map((object) => ({ cells: kind.columns.map((column) => column.cell(object, context)), object })),
  }
}
