import type * as core from 'kubernetes-types/core/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { goSyntax } from '../go-diff/syntax.ts'
import { deepEqual } from '../json.ts'
import { schemaOf } from '../schema/index.ts'
import { goStringMap } from './go-values.ts'

/** What of a Pod with scheduling gates may change besides: where it may run, and only to fewer nodes (ValidatePodUpdate of pkg/apis/core/validation, v1.33). */
export function validateGated(spec: core.PodSpec, before: core.PodSpec, errors: FieldErrors): void {
  const { nodeSelector = {} } = spec
  if (Object.entries(before.nodeSelector ?? {}).some(([key, value]) => nodeSelector[key] !== value)) errors.invalid('spec.nodeSelector', goStringMap(nodeSelector), 'only additions to spec.nodeSelector are allowed (no mutations or deletions)')
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  const [terms, old] = [termsOf(spec), termsOf(before)]
  if (old.length === 0) return
  const go = (term: core.NodeSelectorTerm): string => goSyntax(term, schemaOf('NodeSelectorTerm'))
  if (terms.length !== old.length) {
    const value = terms.length === 0 ? '[]core.NodeSelectorTerm(nil)' : `[]core.NodeSelectorTerm{${terms.map(go).join(', ')}}`
    return errors.invalid(path, new GoValue(value), 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')
  }
  for (const [i, term] of terms.entries()) {
    if (!onlyAdds(term, old[i]!)) errors.invalid(`${path}[${i}]`, new GoValue(go(term)), 'only additions are allowed (no mutations or deletions)')
  }
}

function termsOf({ affinity }: core.PodSpec): readonly core.NodeSelectorTerm[] {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
}

/** A term that selects nothing stays one. */
function onlyAdds(term: core.NodeSelectorTerm, old: core.NodeSelectorTerm): boolean {
  const parts = ['matchExpressions', 'matchFields'] as const
  if (parts.every((part) => !old[part]?.length)) return parts.every((part) => !term[part]?.length)
  return parts.every((part) => deepEqual((term[part] ?? []).slice(0, old[part]?.length ?? 0), old[part] ?? []))
}

/** The new affinity with what may change put back to what it was: a Pod's wishes about other Pods stay. */
export function affinityBefore(affinity: core.Affinity | undefined, before: core.Affinity | undefined): core.Affinity | undefined {
  if (deepEqual(affinity?.nodeAffinity, before?.nodeAffinity)) return affinity
  if (!affinity) return { nodeAffinity: before!.nodeAffinity! }
  if (!before && !affinity.podAffinity && !affinity.podAntiAffinity) return undefined
  const { nodeAffinity: _, ...others } = affinity
  return before?.nodeAffinity ? { nodeAffinity: before.nodeAffinity, ...others } : others
}
