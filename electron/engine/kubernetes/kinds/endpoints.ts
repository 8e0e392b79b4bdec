import type * as core from 'kubernetes-types/core/v1'
import { joinHostPort } from '../../network/address.ts'
import { deepEqual } from '../json.ts'
import type { EndpointSlice, KubeObject, StoredMeta } from '../types.ts'
import { validateEndpoints, validateEndpointSlice, validateEndpointSliceUpdate } from '../validation/endpoints.ts'
import { ipWarnings } from '../validation/networking.ts'
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

/** What controllers write is not looked at: they put right what they copy. */
function endpointsWarnings({ metadata, subsets }: Endpoints): string[] {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return []
  return (subsets ?? []).flatMap((subset, i) => (['addresses', 'notReadyAddresses'] as const).flatMap((list) => (subset[list] ?? []).flatMap(({ ip }, j) => ipWarnings(ip, `subsets[${i}].${list}[${j}].ip`))))
}

const CONTROLLED: ReadonlySet<string | undefined> = new Set(['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'])

/** pkg/registry/discovery/endpointslice, warnOnDeprecatedAddressType and warnOnBadIPs (KEP-4858). */
function sliceWarnings({ metadata, addressType, endpoints }: EndpointSlice, old: EndpointSlice | undefined): string[] {
  if (CONTROLLED.has(metadata.labels?.['endpointslice.kubernetes.io/managed-by'])) return []
  const deprecated = addressType === 'FQDN' && !old ? ['spec.addressType: FQDN endpoints are deprecated'] : []
  return [...deprecated, ...endpoints.flatMap((endpoint, i) => endpoint.addresses.flatMap((text, j) => ipWarnings(text, `endpoints[${i}].addresses[${j}]`)))]
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
  warnings: endpointsWarnings,
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
  warnings: sliceWarnings,
  columns: [
    NAME,
    { name: 'AddressType', cell: (o) => o.addressType },
    { name: 'Ports', cell: ({ ports }) => some((ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port)))) || '<unset>' },
    { name: 'Endpoints', cell: (o) => some(o.endpoints.flatMap((e) => e.addresses)) || '<unset>' },
    AGE,
  ],
}
