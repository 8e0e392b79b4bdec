import type { Task } from '../../engine/machine/task.ts'
import { parseSelector, SelectorError } from '../../engine/kubernetes/selectors.ts'
import { put } from '../../engine/own.ts'
import type { Command } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { KubectlError } from './errors.ts'
import { flags } from './flags.ts'
import { intOrString } from './generators.ts'
import type { JsonObject } from './objects.ts'
import { createNamed, metadataOf } from './saving.ts'

/** kubectl's pkg/cmd/create/create_pdb.go, create_priorityclass.go. */
export const createDisruptionBudget: Command = {
  name: 'poddisruptionbudget',
  aliases: ['pdb'],
  short: 'Create a pod disruption budget with the specified name',
  use: 'poddisruptionbudget NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, `
    --max-unavailable string
    --min-available string
    --selector string
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    const name = yield* started(k)
    const [selector, least, most] = [f.string('selector'), f.string('min-available'), f.string('max-unavailable')]
    if (selector === '') throw new KubectlError('a selector must be specified')
    if (least === '' && most === '') throw new KubectlError('one of min-available or max-unavailable must be specified')
    if (least !== '' && most !== '') throw new KubectlError('min-available and max-unavailable cannot be both specified')
    const amount = /^[0-9]+%?$/
    if (least !== '' && !amount.test(least)) throw new KubectlError('invalid format specified for min-available')
    if (most !== '' && !amount.test(most)) throw new KubectlError('invalid format specified for max-unavailable')
    const spec: JsonObject = { ...(least === '' ? {} : { minAvailable: intOrString(least) }), selector: labelSelector(selector) }
    if (most !== '') spec['maxUnavailable'] = intOrString(most)
    const status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
    return yield* createNamed(k, { kind: 'PodDisruptionBudget', apiVersion: 'policy/v1', metadata: metadataOf(name), spec, status }, 'poddisruptionbudgets')
  },
}

/** metav1.ParseToLabelSelector. */
function labelSelector(text: string): JsonObject {
  let parsed
  try {
    parsed = parseSelector(text)
  } catch (error) {
    if (error instanceof SelectorError) throw new KubectlError(`couldn't parse the selector string "${text}": ${error.message}`)
    throw error
  }
  const matchLabels: Record<string, string> = {}
  const matchExpressions: JsonObject[] = []
  const operators: Record<string, string> = { in: 'In', notin: 'NotIn', exists: 'Exists', '!': 'DoesNotExist' }
  for (const { key, operator, values } of parsed.requirements) {
    if (operator === '=' || operator === '==') put(matchLabels, key, values[0]!)
    else if (operator === 'gt' || operator === 'lt') throw new KubectlError(`"${operator}" isn't supported in label selectors`)
    else if (operators[operator] === undefined) throw new KubectlError(`"${operator}" is not a valid label selector operator`)
    else matchExpressions.push({ key, operator: operators[operator], ...(values.length > 0 ? { values: [...values].sort() } : {}) })
  }
  return { ...(Object.keys(matchLabels).length > 0 ? { matchLabels } : {}), ...(matchExpressions.length > 0 ? { matchExpressions } : {}) }
}

export const createPriorityClass: Command = {
  name: 'priorityclass',
  aliases: ['pc'],
  short: 'Create a priority class with the specified name',
  use: 'priorityclass NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS, `
    --description string
    --global-default bool
    --preemption-policy string=PreemptLowerPriority
    --value int32
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    const object: JsonObject = { kind: 'PriorityClass', apiVersion: 'scheduling.k8s.io/v1', metadata: metadataOf(yield* started(k)), value: f.int('value') }
    if (f.bool('global-default')) object['globalDefault'] = true
    if (f.string('description')) object['description'] = f.string('description')
    object['preemptionPolicy'] = f.string('preemption-policy')
    return yield* createNamed(k, object, 'priorityclass')
  },
}
