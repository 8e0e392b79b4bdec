import { formatLabelSelector } from '../../../engine/kubernetes/selectors.ts'
import type { PodDisruptionBudget, PriorityClass } from '../../../engine/kubernetes/types.ts'
import { formatLabels } from '../printers/table.ts'
import type { Description } from './writer.ts'

export function describeDisruptionBudget(d: Description, budget: PodDisruptionBudget): void {
  const { spec, status } = budget
  d.head(budget)
  if (spec.minAvailable !== undefined) d.field('Min available', spec.minAvailable)
  else if (spec.maxUnavailable !== undefined) d.field('Max unavailable', spec.maxUnavailable)
  d.field('Selector', spec.selector ? formatLabelSelector(spec.selector) : '<unset>')
  d.line(0, 'Status:')
  d.field('Allowed disruptions', status.disruptionsAllowed, 2)
  d.field('Current', status.currentHealthy, 2)
  d.field('Desired', status.desiredHealthy, 2)
  d.field('Total', status.expectedPods, 2)
  d.events(budget)
}

export function describePriorityClass(d: Description, priority: PriorityClass): void {
  d.field('Name', priority.metadata.name)
  d.field('Value', priority.value)
  d.field('GlobalDefault', priority.globalDefault ?? false)
  d.field('PreemptionPolicy', priority.preemptionPolicy)
  d.field('Description', priority.description)
  d.field('Annotations', formatLabels(priority.metadata.annotations))
  d.events(priority)
}
