import type { ApiResource } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { dryRunned, type DryRun, type Kubectl } from './command.ts'
import { cascade, deleteInfos } from './delete.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { LAST_APPLIED } from './last-applied.ts'
import { at, type JsonObject, namespaceOf, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { infoOf, keyOf } from './resources.ts'

/** `apply --prune`: kubectl's pkg/cmd/apply/prune.go. What was once applied, is selected, and is not among the files goes. */
export const PRUNE_FLAGS = `
  --prune bool
  --prune-allowlist array
`

/** What is pruned where no --prune-allowlist says otherwise, in order; those with a namespace come first. Podhop has no volumes to prune. */
const USUAL = ['/v1/ConfigMap', '/v1/Endpoints', '/v1/Pod', '/v1/ReplicationController', '/v1/Secret', '/v1/Service', 'batch/v1/Job', 'batch/v1/CronJob', 'networking.k8s.io/v1/Ingress', 'apps/v1/DaemonSet', 'apps/v1/Deployment', 'apps/v1/ReplicaSet', 'apps/v1/StatefulSet', '/v1/Namespace']

export function checkPrune(k: Kubectl): void {
  if (k.flags.bool('prune') && !k.flags.bool('all') && k.flags.string('selector') === '') {
    throw new KubectlError('all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector')
  }
  if (k.flags.bool('prune')) prunable(k)
}

function prunable(k: Kubectl): ApiResource[] {
  const allowed = k.flags.list('prune-allowlist').map((spec) => (spec.startsWith('core/') ? spec.slice('core'.length) : spec))
  return (allowed.length > 0 ? allowed : USUAL).map((spec) => {
    const parts = spec.split('/')
    if (parts.length !== 3) throw new KubectlError(`invalid GroupVersionKind format: ${spec}, please follow <group/version/kind>`)
    const [group, version, kind] = parts as [string, string, string]
    const found = k.client.resources().find((r) => r.group === group && r.version === version && r.kind === kind)
    if (!found) throw new KubectlError(`no matches for kind ${quote(kind)} in version ${quote(group ? `${group}/${version}` : version)}`)
    return found
  })
}

/** What is to go, with its kind; `applied`: what the files have. */
export function* prunedObjects(k: Kubectl, applied: readonly JsonObject[]): Task<{ resource: ApiResource; object: JsonObject }[]> {
  const { flags: f } = k
  if (f.list('prune-allowlist').length === 0) {
    yield* k.err(`${k.logHead('W')} prune.go:71] Deprecated: kubectl apply will no longer prune non-namespaced resources by default when used with the --namespace flag in a future release. To preserve the current behaviour, list the resources you want to target explicitly in the --prune-allowlist flag.\n`)
  }
  const kept = new Set(applied.map((object) => text(at(object, 'metadata', 'uid'))))
  const namespaces = [...new Set(applied.map(namespaceOf))].filter((name) => name !== '').sort()
  const resources = prunable(k)
  const found: { resource: ApiResource; object: JsonObject }[] = []
  const places = [...namespaces.flatMap((namespace) => resources.filter((r) => r.namespaced).map((resource) => ({ resource, namespace }))), ...resources.filter((r) => !r.namespaced).map((resource) => ({ resource, namespace: undefined }))]
  for (const { resource, namespace } of places) {
    const labelSelector = f.string('selector')
    for (const object of k.client.list<KubeObject>(keyOf(resource), { ...(namespace ? { namespace } : {}), ...(labelSelector ? { labelSelector } : {}) }).items) {
      if (object.metadata.annotations?.[LAST_APPLIED] === undefined || kept.has(object.metadata.uid)) continue
      found.push({ resource, object: object as unknown as JsonObject })
    }
  }
  return found
}

export function* prune(k: Kubectl, applied: readonly JsonObject[], dryRun: DryRun): Task {
  const printer = printerFor(k, { operation: dryRunned('pruned', dryRun) })
  const gone = yield* prunedObjects(k, applied)
  const propagation = yield* cascade(k, k.flags.string('cascade'))
  for (const { resource, object } of gone) {
    const errors: unknown[] = []
    yield* deleteInfos(k, [infoOf(resource, object)], { grace: k.flags.int('grace-period'), dryRun, propagation, ignoreMissing: true, errors, quiet: true })
    throwAll(errors)
    yield* k.out(printer.print(object))
  }
}
