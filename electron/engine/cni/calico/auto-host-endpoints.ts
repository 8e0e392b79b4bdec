import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import { ADDRESS_ANNOTATIONS } from './node-annotations.ts'
import { calicoObject, calicoResource } from './datastore.ts'
import { DEFAULT_ALLOW } from './felix-endpoints.ts'
import type { HostEndpoint } from './felix-hosts.ts'
import { IPIP_ANNOTATION, VXLAN_ANNOTATIONS } from './tunnels.ts'

/** A HostEndpoint for each Node, where the KubeControllersConfiguration asks for it (kube-controllers/pkg/controllers/node/hostendpoints.go). */
interface Configuration extends KubeObject { spec: { controllers: { node?: { hostEndpoint?: { autoCreate?: string } } } } }
const [CREATED_BY, OURS] = ['projectcalico.org/created-by', 'calico-kube-controllers']

/** Returns what ends it. */
export function autoHostEndpoints(client: KubernetesClient, failed: (error: Error) => void): () => void {
  const nodes = new Map<string, Node>()
  const resource = calicoResource('hostendpoints')
  let enabled = false
  /** As they were written last. */
  const written = new Map<string, string>()
  const sync = (): void => {
    const wanted = new Map<string, HostEndpoint>(enabled ? [...nodes.values()].map((node) => [`${node.metadata.name}-auto-hep`, endpointOf(node)]) : [])
    if (wanted.size === written.size && [...wanted].every(([name, object]) => written.get(name) === JSON.stringify(object))) return
    try {
      const present = new Map(client.list<HostEndpoint>(resource).items.filter((h) => h.metadata.labels?.[CREATED_BY] === OURS).map((h) => [h.metadata.name, h] as const))
      for (const name of present.keys()) if (!wanted.has(name)) client.delete(resource, undefined, name)
      for (const [name, object] of wanted) {
        const old = present.get(name)
        if (!old) client.create(resource, undefined, object)
        else if (JSON.stringify([old.metadata.labels, old.spec]) !== JSON.stringify([object.metadata.labels, object.spec])) client.update(resource, undefined, name, { ...old, metadata: { ...old.metadata, labels: object.metadata.labels! }, spec: object.spec })
      }
      written.clear()
      for (const [name, object] of wanted) written.set(name, JSON.stringify(object))
    } catch (error) {
      failed(error as Error)
    }
  }
  const stops = [
    client.watch<Configuration>(calicoResource('kubecontrollersconfigurations'), {}, (event) => {
      if (!('object' in event) || event.object.metadata.name !== 'default') return
      const before = enabled
      enabled = event.type !== 'DELETED' && event.object.spec.controllers.node?.hostEndpoint?.autoCreate === 'Enabled'
      if (enabled && !before) written.set('', '')
      if (enabled !== before) sync()
    }),
    client.watch<Node>('nodes', {}, (event) => {
      if (!('object' in event)) return
      if (event.type === 'DELETED') nodes.delete(event.object.metadata.name)
      else nodes.set(event.object.metadata.name, event.object)
      if (enabled) sync()
    }),
    // what somebody else deletes or changes comes back
    client.watch<HostEndpoint>(resource, {}, (event) => {
      if (!enabled || !('object' in event) || !written.has(event.object.metadata.name)) return
      const { metadata: { name, labels }, spec } = event.object
      const { metadata, spec: own } = JSON.parse(written.get(name)!) as HostEndpoint
      if (event.type !== 'DELETED' && JSON.stringify([labels, spec]) === JSON.stringify([metadata.labels, own])) return
      written.delete(name)
      sync()
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

function endpointOf({ metadata: { name, labels, annotations = {} }, status }: Node): HostEndpoint {
  const told = [ADDRESS_ANNOTATIONS[4], ADDRESS_ANNOTATIONS[6], IPIP_ANNOTATION, VXLAN_ANNOTATIONS[4], VXLAN_ANNOTATIONS[6]].flatMap((key) => annotations[key]?.split('/')[0] ?? [])
  const internal = (status?.addresses ?? []).flatMap((a) => (a.type === 'InternalIP' ? [a.address] : []))
  const object = calicoObject<HostEndpoint>('HostEndpoint', `${name}-auto-hep`, { expectedIPs: [...new Set([...told, ...internal])], interfaceName: '*', node: name, profiles: [DEFAULT_ALLOW] })
  return { ...object, metadata: { ...object.metadata, labels: { ...labels, [CREATED_BY]: OURS } } }
}
