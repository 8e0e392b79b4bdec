import type * as core from 'kubernetes-types/core/v1'
import { canonicalQuantity } from '../schema/quantity.ts'

/** pkg/apis/core/v1/helper/qos: from cpu and memory of all containers. */
export function qosClass(spec: core.PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  let guaranteed = true
  let any = false
  for (const { resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    for (const name of ['cpu', 'memory']) {
      const limit = amount(resources?.limits?.[name])
      const request = amount(resources?.requests?.[name])
      if (limit || request) any = true
      if (!limit || limit !== request) guaranteed = false
    }
  }
  return any ? (guaranteed ? 'Guaranteed' : 'Burstable') : 'BestEffort'
}

function amount(quantity: string | undefined): string {
  const canonical = quantity === undefined ? '' : (canonicalQuantity(quantity) ?? '')
  return canonical === '0' ? '' : canonical
}
