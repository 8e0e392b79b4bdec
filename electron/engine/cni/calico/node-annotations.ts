import type { Node } from '../../kubernetes/types.ts'
import type { NodeContext } from '../types.ts'

export const ADDRESS_ANNOTATIONS = { 4: 'projectcalico.org/IPv4Address', 6: 'projectcalico.org/IPv6Address' } as const

/** Writes what calico-node says of itself on its Node; undefined: no more. Does nothing when it stands there. */
export function writeNode({ client, name }: Pick<NodeContext, 'client' | 'name'>, wanted: Readonly<Record<string, string | undefined>>): void {
  const present = client.get<Node>('nodes', undefined, name).metadata.annotations ?? {}
  if (Object.entries(wanted).every(([key, value]) => present[key] === value)) return
  const annotations = Object.fromEntries(Object.entries(wanted).map(([key, value]) => [key, value ?? null]))
  client.patch('nodes', undefined, name, 'application/strategic-merge-patch+json', { metadata: { annotations } }, { subresource: 'status' })
}
