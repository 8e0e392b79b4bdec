import type { KubeObject } from '../../../engine/kubernetes/types.ts'
import type { Kubectl } from '../command.ts'
import type { Info } from '../resources.ts'
import { keyOf } from '../resources.ts'
import { describeEndpoints, describeEndpointSlice } from './endpoints.ts'
import { describeNode } from './node.ts'
import { describeConfigMap, describeGeneric, describeNamespace } from './others.ts'
import { describePod } from './pod.ts'
import { describeService } from './service.ts'
import { describeDaemonSet, describeDeployment, describeReplicaSet } from './workloads.ts'
import { Description } from './writer.ts'

const DESCRIBERS: Record<string, (d: Description, object: never) => void> = {
  Pod: describePod,
  Service: describeService,
  Endpoints: describeEndpoints,
  'EndpointSlice.discovery.k8s.io': describeEndpointSlice,
  'Deployment.apps': describeDeployment,
  'ReplicaSet.apps': describeReplicaSet,
  'DaemonSet.apps': describeDaemonSet,
  Node: describeNode,
  Namespace: describeNamespace,
  ConfigMap: describeConfigMap,
}

/** The text of describe, for the object as the server has it now. */
export function describeObject(k: Kubectl, info: Info): string {
  const { resource } = info
  const object = k.client.get<KubeObject>(keyOf(resource), resource.namespaced ? info.namespace : undefined, info.name)
  const d = new Description(k)
  const describer = DESCRIBERS[resource.group ? `${resource.kind}.${resource.group}` : resource.kind] ?? (describeGeneric as (d: Description, object: never) => void)
  describer(d, object as never)
  return d.toString()
}
