import { expect, it } from 'vitest'
import { KINDS } from '../kinds/index.ts'
import { printTable } from '../tables.ts'
import { withDescriptions } from './column-descriptions.ts'

it('gives columns the documentation of the fields that they show', () => {
  const service = KINDS.find(({ resource }) => resource.kind === 'Service')!
  const columns = withDescriptions(printTable(service, [], 0, {}), service.resource).columnDefinitions
  expect(columns.find(({ name }) => name === 'Cluster-IP')!.description).toMatch(/^clusterIP is the IP address of the service/)
  expect(columns.find(({ name }) => name === 'Age')!.description).toMatch(/^CreationTimestamp is a timestamp/)
})

it('finds every field that it names', () => {
  for (const kind of KINDS) {
    const table = printTable(kind, [], 0, {})
    for (const { name, description } of withDescriptions(table, kind.resource).columnDefinitions) if (name === 'Name' || name === 'Age') expect(description, `${kind.resource.kind} ${name}`).not.toBe('')
  }
})
