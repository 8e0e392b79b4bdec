import type { PolicyRule } from 'kubernetes-types/rbac/v1'
import { deepEqual } from '../json.ts'
import { compileLabelSelector } from '../selectors.ts'
import type { ClusterRole } from '../types.ts'

/** The rules that a role with an aggregationRule has: those of all it selects, in the order of their names, each once. */
export function aggregatedRules({ metadata, aggregationRule }: ClusterRole, roles: readonly ClusterRole[]): PolicyRule[] {
  const rules: PolicyRule[] = []
  for (const selector of aggregationRule?.clusterRoleSelectors ?? []) {
    const compiled = compileLabelSelector(selector)
    for (const role of roles) {
      if (role.metadata.name === metadata.name || !compiled.matches(role.metadata.labels)) continue
      for (const rule of role.rules ?? []) if (!rules.some((r) => deepEqual(r, rule))) rules.push(rule)
    }
  }
  return rules
}
