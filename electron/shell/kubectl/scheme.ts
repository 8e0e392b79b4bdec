import type { ApiResource } from '../../engine/kubernetes/client.ts'
import { NOT_SIMULATED } from '../../engine/kubernetes/discovery.ts'
import { KINDS } from '../../engine/kubernetes/kinds/index.ts'
import { decode } from '../../engine/kubernetes/schema/decode.ts'
import { structOf } from '../../engine/kubernetes/schema/index.ts'
import { KubectlError, quote } from './errors.ts'
import { isObject, type JsonObject, text } from './objects.ts'
import { jsonKind } from './unstructured.ts'

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
  v1: 'Binding DeleteOptions PodTemplate Status',
}

/** Groups whose types are in other modules than client-go. */
const ELSEWHERE = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io'])

export function notRegistered(kind: string, apiVersion: string): KubectlError {
  return new KubectlError(`no kind ${quote(kind)} is registered for version ${quote(apiVersion)} in scheme "pkg/scheme/scheme.go:28"`)
}

/** Verbs that decode what they get into Go's types, of which there are none for custom resources. */
export const TYPED = /^kubectl (attach|autoscale|exec|expose|logs|port-forward|rollout|run|set)\b/

const FIND_KIND = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

/** An object of a file as its Go type, in the words of apimachinery's JSON serializer where it is none. `raw`: its JSON text. */
export function decodeTyped(value: unknown, raw: string): JsonObject {
  if (!isObject(value)) throw new KubectlError(`couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(value)} into Go value of type ${FIND_KIND}`)
  // these two are found however they are written
  const find = (name: string): string => {
    const key = name in value ? name : Object.keys(value).find((k) => k.toLowerCase() === name.toLowerCase())
    const found = key === undefined ? undefined : value[key]
    if (found !== undefined && found !== null && typeof found !== 'string') throw new KubectlError(`couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(found)} into Go struct field .${name} of type string`)
    return text(found)
  }
  const [apiVersion, kind] = [find('apiVersion'), find('kind')]
  if (apiVersion.split('/').length > 2) throw new KubectlError(`unexpected GroupVersion string: ${apiVersion}`)
  if (kind === '') throw new KubectlError(`Object 'Kind' is missing in '${raw}'`)
  if (apiVersion === '') throw new KubectlError(`Object 'apiVersion' is missing in '${raw}'`)
  const object = { ...value, apiVersion, kind }
  const isIt = (r: ApiResource): boolean => r.kind === kind && apiVersion === (r.group ? `${r.group}/${r.version}` : r.version) && !ELSEWHERE.has(r.group)
  const found = KINDS.find((k) => isIt(k.resource))
  if (!found) {
    const former = Object.hasOwn(FORMER, apiVersion) && FORMER[apiVersion]!.split(' ').includes(kind)
    if (!former && !NOT_SIMULATED.some(isIt) && !(apiVersion === 'v1' && kind.endsWith('List'))) throw notRegistered(kind, apiVersion)
    return object
  }
  const { error } = decode(object, structOf(found))
  if (error !== undefined) throw new KubectlError(error)
  return object
}
