import type { ApiResource } from '../../engine/kubernetes/client.ts'
import { NOT_SIMULATED } from '../../engine/kubernetes/discovery.ts'
import { KINDS } from '../../engine/kubernetes/kinds/index.ts'
import { decode } from '../../engine/kubernetes/schema/decode.ts'
import { structOf } from '../../engine/kubernetes/schema/index.ts'
import { KubectlError, quote } from './errors.ts'
import { type JsonObject, text } from './objects.ts'

/** Go's types as kubectl knows them: k8s.io/kubectl/pkg/scheme, which is client-go's. */

/** Versions that are no longer served, of kinds that Podhop serves in another; client-go v0.33 still has their types. */
const FORMER: Readonly<Record<string, string>> = {
  'apps/v1beta1': 'ControllerRevision Deployment Scale StatefulSet',
  'apps/v1beta2': 'ControllerRevision DaemonSet Deployment ReplicaSet Scale StatefulSet',
  'batch/v1beta1': 'CronJob',
  'coordination.k8s.io/v1beta1': 'Lease',
  'discovery.k8s.io/v1beta1': 'EndpointSlice',
  'events.k8s.io/v1beta1': 'Event',
  'extensions/v1beta1': 'DaemonSet Deployment Ingress NetworkPolicy ReplicaSet Scale',
  'networking.k8s.io/v1beta1': 'IPAddress Ingress IngressClass ServiceCIDR',
  'policy/v1beta1': 'Eviction PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1alpha1': 'ClusterRole ClusterRoleBinding Role RoleBinding',
  'rbac.authorization.k8s.io/v1beta1': 'ClusterRole ClusterRoleBinding Role RoleBinding',
  'scheduling.k8s.io/v1alpha1': 'PriorityClass',
  'scheduling.k8s.io/v1beta1': 'PriorityClass',
  'storage.k8s.io/v1beta1': 'StorageClass',
  'autoscaling/v1': 'HorizontalPodAutoscaler Scale',
}

/** Groups whose types are in other modules than client-go. */
const ELSEWHERE = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io'])

export function notRegistered(kind: string, apiVersion: string): KubectlError {
  return new KubectlError(`no kind ${quote(kind)} is registered for version ${quote(apiVersion)} in scheme "pkg/scheme/scheme.go:28"`)
}

/** Verbs that decode what they get into Go's types, of which there are none for custom resources. */
export const TYPED = /^kubectl (attach|autoscale|exec|expose|logs|port-forward|rollout|run|set)\b/

/** What a typed decoder says of an object of a file, if it does not take it. */
export function typedProblem(object: JsonObject): KubectlError | undefined {
  const [apiVersion, kind] = [text(object['apiVersion']), text(object['kind'])]
  const isIt = (r: ApiResource): boolean => r.kind === kind && apiVersion === (r.group ? `${r.group}/${r.version}` : r.version) && !ELSEWHERE.has(r.group)
  const found = KINDS.find((k) => isIt(k.resource))
  if (!found) {
    const former = Object.hasOwn(FORMER, apiVersion) && FORMER[apiVersion]!.split(' ').includes(kind)
    return former || NOT_SIMULATED.some(isIt) || (apiVersion === 'v1' && kind.endsWith('List')) ? undefined : notRegistered(kind, apiVersion)
  }
  const { error } = decode(object, structOf(found))
  return error === undefined ? undefined : new KubectlError(error)
}
