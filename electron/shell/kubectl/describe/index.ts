import type { KubeObject } from '../../../engine/kubernetes/types.ts'
import { byName } from '../../../engine/own.ts'
import type { Kubectl } from '../command.ts'
import type { Info } from '../resources.ts'
import { keyOf } from '../resources.ts'
import { describeSigningRequest } from './certificate-signing-request.ts'
import { describeEndpoints, describeEndpointSlice } from './endpoints.ts'
import { describeSecret, describeServiceAccount } from './identity.ts'
import { describeIngress, describeIngressClass } from './ingress.ts'
import { describeNetworkPolicy } from './network-policy.ts'
import { describeCronJob, describeJob } from './job.ts'
import { describeNode } from './node.ts'
import { describeConfigMap, describeGeneric, describeNamespace } from './others.ts'
import { describePod } from './pod.ts'
import { describeDisruptionBudget, describePriorityClass } from './policy.ts'
import { describeRole, describeRoleBinding } from './rbac.ts'
import { describeIpAddress, describeServiceCidr } from './service-cidr.ts'
import { describeService } from './service.ts'
import { describeClaim, describeStorageClass } from './storage.ts'
import { describeStatefulSet } from './stateful-set.ts'
import { describeDaemonSet, describeDeployment, describeReplicaSet, describeReplicationController } from './workloads.ts'
import { Description } from './writer.ts'

const DESCRIBERS: Record<string, (d: Description, object: never) => void> = byName({
  Pod: describePod,
  Service: describeService,
  Endpoints: describeEndpoints,
  'EndpointSlice.discovery.k8s.io': describeEndpointSlice,
  'Deployment.apps': describeDeployment,
  'ReplicaSet.apps': describeReplicaSet,
  'DaemonSet.apps': describeDaemonSet,
  'StatefulSet.apps': describeStatefulSet,
  ReplicationController: describeReplicationController,
  'Job.batch': describeJob,
  'CronJob.batch': describeCronJob,
  Node: describeNode,
  Namespace: describeNamespace,
  ConfigMap: describeConfigMap,
  Secret: describeSecret,
  ServiceAccount: describeServiceAccount,
  PersistentVolumeClaim: describeClaim,
  'Ingress.networking.k8s.io': describeIngress,
  'IngressClass.networking.k8s.io': describeIngressClass,
  'NetworkPolicy.networking.k8s.io': describeNetworkPolicy,
  'CertificateSigningRequest.certificates.k8s.io': describeSigningRequest,
  'ServiceCIDR.networking.k8s.io': describeServiceCidr,
  'IPAddress.networking.k8s.io': describeIpAddress,
  'PodDisruptionBudget.policy': describeDisruptionBudget,
  'ClusterRole.rbac.authorization.k8s.io': describeRole,
  'ClusterRoleBinding.rbac.authorization.k8s.io': describeRoleBinding,
  'Role.rbac.authorization.k8s.io': describeRole,
  'RoleBinding.rbac.authorization.k8s.io': describeRoleBinding,
  'PriorityClass.scheduling.k8s.io': describePriorityClass,
  'StorageClass.storage.k8s.io': describeStorageClass,
})

/** The text of describe, for the object as the server has it now. */
export function describeObject(k: Kubectl, info: Info): string {
  const { resource } = info
  const object = k.client.get<KubeObject>(keyOf(resource), resource.namespaced ? info.namespace : undefined, info.name)
  const d = new Description(k)
  const describer = DESCRIBERS[resource.group ? `${resource.kind}.${resource.group}` : resource.kind] ?? (describeGeneric as (d: Description, object: never) => void)
  describer(d, object as never)
  return d.toString()
}
