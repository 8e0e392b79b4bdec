import type * as core from 'kubernetes-types/core/v1'
import { joinHostPort } from '../../network/address.ts'
import { deepEqual } from '../json.ts'
import type { EndpointSlice, KubeObject, StoredMeta } from '../types.ts'
import { validateEndpoints, validateEndpointSlice, validateEndpointSliceUpdate } from '../validation/endpoints.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

export type Endpoints = Omit<core.Endpoints, 'metadata'> & KubeObject & { metadata: StoredMeta & { namespace: string } }

/** How many are written out before "+ n more...". */
const SHOWN = 3

function some(items: readonly string[]): string {
  const shown = items.slice(0, SHOWN).join(',')
  return items.length > SHOWN ? `${shown} + ${items.length - SHOWN} more...` : shown
}

function addressesOf({ subsets }: Endpoints): string {
  const all: string[] = []
  for (const { addresses = [], ports = [] } of subsets ?? []) {
    if (ports.length === 0) all.push(...addresses.map((a) => a.ip))
    else for (const port of ports) all.push(...addresses.map(({ ip }) => joinHostPort(ip, port.port)))
  }
  // Endpoints that are all unready have a subset, and no name for its emptiness.
  return subsets?.length ? some(all) : '<none>'
}

/** core/v1 Endpoints. */
export const endpoints: Kind<Endpoints> = {
  resource: apiResource('Endpoints', 'endpoints', { shortNames: ['ep'], deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice' }),
  type: 'Endpoints',
  validName: dns1123Subdomain,
  createOnUpdate: true,
  setDefaults({ subsets }) {
    for (const subset of subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= 'TCP'
  },
  validate: validateEndpoints,
  columns: [NAME, { name: 'Endpoints', cell: addressesOf }, AGE],
}

const hasTopology = ({ endpoints }: EndpointSlice): boolean => endpoints.some((endpoint) => endpoint.deprecatedTopology !== undefined)

/** pkg/registry/discovery/endpointslice, dropTopologyOnV1: who writes v1 cannot set what v1beta1 had, and is not told. */
function dropTopology(object: EndpointSlice): void {
  if (hasTopology(object)) object.endpoints = object.endpoints.map(({ deprecatedTopology: _, ...endpoint }) => endpoint)
}

/** discovery.k8s.io/v1 EndpointSlice. */
export const endpointSlice: Kind<EndpointSlice> = {
  resource: apiResource('EndpointSlice', 'endpointslices', { group: 'discovery.k8s.io' }),
  type: 'EndpointSlice',
  validName: dns1123Subdomain,
  generationChanged: (o, old) =>
    !deepEqual(o.endpoints, old.endpoints) || !deepEqual(o.ports, old.ports) || !deepEqual(o.metadata.labels, old.metadata.labels) || !deepEqual(o.metadata.annotations, old.metadata.annotations),
  setDefaults({ ports }) {
    for (const port of ports ?? []) {
      port.name ??= ''
      port.protocol ??= 'TCP'
    }
  },
  prepareForCreate: dropTopology,
  prepareForUpdate(object, old) {
    if (hasTopology(object) && !deepEqual(object.endpoints, old.endpoints)) dropTopology(object)
  },
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
  columns: [
    NAME,
    { name: 'AddressType', cell: (o) => o.addressType },
    { name: 'Ports', cell: ({ ports }) => some((ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port)))) || '<unset>' },
    { name: 'Endpoints', cell: (o) => some(o.endpoints.flatMap((e) => e.addresses)) || '<unset>' },
    AGE,
  ],
}
