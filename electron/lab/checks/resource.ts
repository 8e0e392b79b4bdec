import { StatusError } from '../../engine/cluster.ts'
import type { KubeObject } from '../../engine/cluster.ts'
import type { CheckOf } from '../model.ts'
import { failing, fill, inRange, passed, rangeText, unmet, type CheckContext, type CheckResult } from './context.ts'

/** Looks at objects as `kubectl get` would. */
export function checkResource(check: CheckOf<'resource'>, context: CheckContext): CheckResult {
  const found = findObjects(check, context)
  if ('error' in found) return failing(found.error)
  const reasons: string[] = []
  const good = found.objects.filter((object) => {
    const reason = check.where.map((c) => unmet(object, c, context.variables)).find((r) => r !== undefined)
    if (reason) reasons.push(`${nameOf(object)}: ${reason}`)
    return reason === undefined
  })
  const range = check.count ?? { atLeast: 1 }
  if (inRange(good.length, range)) return passed(good[0])
  if (found.objects.length === 0) return failing(`there is no ${describe(check, context)}`)
  if (reasons.length > 0) return failing(reasons.slice(0, 3).join('; '))
  return failing(`there ${good.length === 1 ? 'is' : 'are'} ${good.length} of ${describe(check, context)}, not ${rangeText(range)}`)
}

interface Reference { resource: string; namespace: string; name?: string; selector?: string }

export function findObjects(reference: Reference, context: CheckContext): { objects: KubeObject[] } | { error: string } {
  const { client } = context.cluster
  const resource = client.findResource(reference.resource)
  if (!resource) return { error: `the cluster has no resource "${reference.resource}"` }
  const namespace = resource.namespaced && reference.namespace !== '*' ? { namespace: reference.namespace } : {}
  try {
    const selector = reference.selector ? { labelSelector: fill(reference.selector, context.variables) } : {}
    const items = client.list(resource.name, { ...namespace, ...selector }).items
    const name = reference.name === undefined ? undefined : fill(reference.name, context.variables)
    return { objects: items.filter((o) => name === undefined || o.metadata.name === name) }
  } catch (error) {
    if (error instanceof StatusError) return { error: error.message }
    throw error
  }
}

const nameOf = (object: KubeObject): string => `${object.kind} ${object.metadata.name}`

function describe(reference: Reference, context: CheckContext): string {
  const kind = context.cluster.client.findResource(reference.resource)?.kind ?? reference.resource
  const name = reference.name ? ` "${fill(reference.name, context.variables)}"` : ''
  return `${kind}${name}${reference.selector ? ` with ${fill(reference.selector, context.variables)}` : ''}`
}
