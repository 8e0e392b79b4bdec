import type * as core from 'kubernetes-types/core/v1'
import type { Context } from '../kinds/kind.ts'
import { forbidden } from '../status.ts'
import type { KubeObject, Pod, PriorityClass } from '../types.ts'

const PODS = { name: 'pods', group: '' }

/** The admission plugins of v1.33 that change a new Pod, or look at what it needs: RuntimeClass, ServiceAccount, Priority, DefaultTolerationSeconds. */
export function admitPod(pod: Pod, context: Context): void {
  admitRuntimeClass(pod)
  admitServiceAccount(pod, context)
  admitPriority(pod, context)
  admitTolerations(pod)
}

/** What they do again when a Pod is changed. */
export function admitPodUpdate(pod: Pod, old: Pod): void {
  if (pod.spec === old.spec) return
  pod.spec = { ...pod.spec }
  if (old.spec.priority !== undefined) pod.spec.priority ??= old.spec.priority
  if (old.spec.preemptionPolicy !== undefined) pod.spec.preemptionPolicy ??= old.spec.preemptionPolicy
  admitTolerations(pod)
}

/** plugin/pkg/admission/runtimeclass, in a cluster that has no RuntimeClass: the kind is not simulated. */
function admitRuntimeClass({ spec, metadata }: Pod): void {
  const refuse = (why: string): Error => forbidden(PODS, metadata.name || (metadata.generateName ?? ''), `pod rejected: ${why}`)
  if (spec.runtimeClassName) throw refuse(`RuntimeClass "${spec.runtimeClassName}" not found`)
  if (spec.overhead) throw refuse('Pod Overhead set without corresponding RuntimeClass defined Overhead')
}

const MIRROR = 'kubernetes.io/config.mirror'
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
const TOKEN_SOURCES: core.VolumeProjection[] = [
  { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
  { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
]

interface Account extends KubeObject {
  automountServiceAccountToken?: boolean
  imagePullSecrets?: core.LocalObjectReference[]
}

/** plugin/pkg/admission/serviceaccount. */
function admitServiceAccount(pod: Pod, { store, random }: Context): void {
  const { spec, metadata } = pod
  // what the kubelet has from a file stays as it is there
  if (metadata.annotations?.[MIRROR] !== undefined) {
    if (spec.serviceAccountName) throw forbidden(PODS, metadata.name || (metadata.generateName ?? ''), 'a mirror pod may not reference service accounts')
    // one draw for each Pod, needed or not: which Pods are mirrors changes no other's name
    random.suffix(5)
    return
  }
  spec.serviceAccountName ??= 'default'
  spec.serviceAccount = spec.serviceAccountName
  const account = store.get('serviceaccounts', metadata.namespace, spec.serviceAccountName) as Account | undefined
  if (!account) {
    const why = `error looking up service account ${metadata.namespace}/${spec.serviceAccountName}: serviceaccount "${spec.serviceAccountName}" not found`
    throw forbidden(PODS, metadata.name || (metadata.generateName ?? ''), why)
  }
  if (account.imagePullSecrets && !spec.imagePullSecrets) spec.imagePullSecrets = account.imagePullSecrets
  if (!(spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const needing = containers.filter((c) => !c.volumeMounts?.some((m) => m.mountPath === TOKEN_PATH))
  if (needing.length === 0) return
  const name = `kube-api-access-${random.suffix(5)}`
  const mount: core.VolumeMount = { name, readOnly: true, mountPath: TOKEN_PATH }
  // Each Pod keeps these arrays: what a spread makes longer has room for a dozen more.
  for (const container of needing) container.volumeMounts = (container.volumeMounts ?? []).concat(mount)
  spec.volumes = (spec.volumes ?? []).concat({ name, projected: { sources: TOKEN_SOURCES, defaultMode: 0o644 } })
}

/** plugin/pkg/admission/priority. */
function admitPriority({ spec, metadata }: Pod, { store }: Context): void {
  const refuse = (why: string): Error => forbidden(PODS, metadata.name || (metadata.generateName ?? ''), why)
  let chosen: PriorityClass | undefined
  if (spec.priorityClassName) {
    chosen = store.get('priorityclasses', '', spec.priorityClassName) as PriorityClass | undefined
    if (!chosen) throw refuse(`no PriorityClass with name ${spec.priorityClassName} was found`)
  } else {
    chosen = (store.list('priorityclasses', '') as readonly PriorityClass[]).find((c) => c.globalDefault)
    if (chosen) spec.priorityClassName = chosen.metadata.name
  }
  const priority = chosen?.value ?? 0
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw refuse(`the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`)
  }
  const preemptionPolicy = chosen?.preemptionPolicy ?? 'PreemptLowerPriority'
  if (spec.preemptionPolicy && spec.preemptionPolicy !== preemptionPolicy) {
    throw refuse(`the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`)
  }
  spec.priority = priority
  spec.preemptionPolicy = preemptionPolicy
}

const NOT_READY: core.Toleration = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }
const UNREACHABLE: core.Toleration = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }

/** plugin/pkg/admission/defaulttolerationseconds. */
function admitTolerations({ spec }: Pod): void {
  const tolerates = (key: string): boolean =>
    spec.tolerations?.some((t) => (t.key === key || !t.key) && (t.effect === 'NoExecute' || !t.effect)) ?? false
  const added = [NOT_READY, UNREACHABLE].filter((t) => !tolerates(t.key!))
  if (added.length > 0) spec.tolerations = (spec.tolerations ?? []).concat(added)
}
