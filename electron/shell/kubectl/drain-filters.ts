import type { Pod } from '../../engine/kubernetes/types.ts'
import type { Kubectl } from './command.ts'
import { isNotFound, KubectlError, messageOf } from './errors.ts'

/** Which Pods of a node `kubectl drain` takes, and what it says of the others: pkg/drain/filters.go. */
export interface Drainable {
  pods: Pod[]
  /** "ignoring DaemonSet-managed Pods: ns/name, …; deleting Pods …". */
  warning: string
  errors: KubectlError[]
}

/** What a filter makes of a Pod: the last that says something counts, the first that keeps it ends the row. */
interface Verdict {
  take: boolean
  warning?: string
  error?: string
}

type Filter = (k: Kubectl, pod: Pod) => Verdict

const TAKE: Verdict = { take: true }
const SKIP: Verdict = { take: false }
const FILTERS: readonly Filter[] = [deleted, daemonSet, mirror, localStorage, unreplicated]

export function drainable(k: Kubectl, pods: readonly Pod[]): Drainable {
  const warnings = new Map<string, string[]>()
  const errors = new Map<string, string[]>()
  const out: Pod[] = []
  for (const pod of pods) {
    let verdict = TAKE
    for (const filter of FILTERS) {
      verdict = filter(k, pod)
      if (!verdict.take) break
    }
    const name = `${pod.metadata.namespace}/${pod.metadata.name}`
    if (verdict.warning !== undefined) add(warnings, verdict.warning, name)
    if (verdict.error !== undefined) add(errors, verdict.error, name)
    if (verdict.take) out.push(pod)
  }
  return {
    pods: out,
    warning: [...warnings].map(([text, names]) => `${text}: ${names.join(', ')}`).join('; '),
    errors: [...errors].map(([text, names]) => new KubectlError(`cannot delete ${text}: ${names.join(', ')}`)),
  }
}

function add(map: Map<string, string[]>, key: string, name: string): void {
  const names = map.get(key)
  if (names) names.push(name)
  else map.set(key, [name])
}

function deleted(k: Kubectl, { metadata }: Pod): Verdict {
  const limit = k.flags.int('skip-wait-for-delete-timeout')
  if (limit <= 0 || !metadata.deletionTimestamp) return TAKE
  return Math.floor((k.now - Date.parse(metadata.deletionTimestamp)) / 1000) > limit ? SKIP : TAKE
}

function daemonSet(k: Kubectl, pod: Pod): Verdict {
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller)
  if (owner?.kind !== 'DaemonSet' || isFinished(pod)) return TAKE
  try {
    k.client.get('daemonsets', pod.metadata.namespace, owner.name)
  } catch (error) {
    if (isNotFound(error) && k.flags.bool('force')) return { take: true, warning: messageOf(error) }
    return { take: false, error: messageOf(error) }
  }
  if (!k.flags.bool('ignore-daemonsets')) return { take: false, error: 'DaemonSet-managed Pods (use --ignore-daemonsets to ignore)' }
  return { take: false, warning: 'ignoring DaemonSet-managed Pods' }
}

function mirror(_k: Kubectl, { metadata }: Pod): Verdict {
  return metadata.annotations?.['kubernetes.io/config.mirror'] === undefined ? TAKE : SKIP
}

function localStorage(k: Kubectl, pod: Pod): Verdict {
  if (!pod.spec.volumes?.some((v) => v.emptyDir) || isFinished(pod)) return TAKE
  if (!k.flags.bool('delete-emptydir-data')) return { take: false, error: 'Pods with local storage (use --delete-emptydir-data to override)' }
  return { take: true, warning: 'deleting Pods with local storage' }
}

function unreplicated(k: Kubectl, pod: Pod): Verdict {
  if (isFinished(pod) || pod.metadata.ownerReferences?.some((o) => o.controller)) return TAKE
  if (k.flags.bool('force')) return { take: true, warning: 'deleting Pods that declare no controller' }
  return { take: false, error: 'cannot delete Pods that declare no controller (use --force to override)' }
}

function isFinished({ status }: Pod): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed'
}
