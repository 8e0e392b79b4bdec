import type * as apps from 'kubernetes-types/apps/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { deepEqual, quote } from '../json.ts'
import { compileLabelSelector } from '../selectors.ts'
import type { ControllerRevision, StatefulSet } from '../types.ts'
import { notNegative } from './common.ts'
import { goLabelSelector, goStringMap } from './go-values.ts'
import { validateAnnotations, validateLabels, validateLabelSelector } from './object-meta.ts'

/** StatefulSets and ControllerRevisions: pkg/apis/apps/validation (v1.33). */
export function validateStatefulSet({ spec }: StatefulSet, errors: FieldErrors): void {
  if (!spec.podManagementPolicy) errors.required('spec.podManagementPolicy')
  else if (spec.podManagementPolicy !== 'OrderedReady' && spec.podManagementPolicy !== 'Parallel') {
    errors.invalid('spec.podManagementPolicy', spec.podManagementPolicy, "must be 'OrderedReady' or 'Parallel'")
  }
  validateUpdateStrategy(spec.updateStrategy, errors)
  validateRetention(spec.persistentVolumeClaimRetentionPolicy, errors)
  notNegative(spec.replicas, 'spec.replicas', errors)
  notNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  notNegative(spec.ordinals?.start, 'spec.ordinals.start', errors)
  if (!spec.selector) errors.required('spec.selector')
  else {
    validateLabelSelector(spec.selector, 'spec.selector', errors)
    const { matchLabels = {}, matchExpressions = [] } = spec.selector
    if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
      errors.invalid('spec.selector', goLabelSelector(spec.selector), 'empty selector is invalid for statefulset')
    }
  }
  validateTemplate(spec, errors)
}

/** Upstream leaves the Pod's own validation to the Pods: a volume may be one of the claims. */
function validateTemplate({ template, selector }: apps.StatefulSetSpec, errors: FieldErrors): void {
  const path = 'spec.template'
  const labels = template.metadata?.labels
  if (selector && !compileLabelSelector(selector).matches(labels)) {
    errors.invalid(`${path}.metadata.labels`, goStringMap(labels), '`selector` does not match template `labels`')
  }
  validateLabels(labels, `${path}.labels`, errors)
  validateAnnotations(template.metadata?.annotations, `${path}.annotations`, errors)
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {}
  if (restartPolicy !== 'Always') errors.notSupported(`${path}.spec.restartPolicy`, restartPolicy ?? '', ['Always'])
  if (activeDeadlineSeconds !== undefined) errors.forbidden(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in StatefulSet is not Supported')
}

function validateUpdateStrategy(strategy: apps.StatefulSetUpdateStrategy | undefined, errors: FieldErrors): void {
  const { type, rollingUpdate } = strategy ?? {}
  const path = 'spec.updateStrategy'
  const nested = rollingUpdate ? `{Partition:${rollingUpdate.partition ?? 0}, MaxUnavailable:(*intstr.IntOrString)(nil)}` : ''
  if (!type) errors.required(path)
  else if (type === 'OnDelete') {
    if (rollingUpdate) errors.invalid(`${path}.rollingUpdate`, new GoValue(`apps.RollingUpdateStatefulSetStrategy${nested}`), "only allowed for updateStrategy 'RollingUpdate'")
  } else if (type === 'RollingUpdate') notNegative(rollingUpdate?.partition, `${path}.rollingUpdate.partition`, errors)
  else {
    const pointer = `(*apps.RollingUpdateStatefulSetStrategy)(${rollingUpdate ? '0xc000a2e0f0' : 'nil'})`
    errors.invalid(path, new GoValue(`apps.StatefulSetUpdateStrategy{Type:${quote(type)}, RollingUpdate:${pointer}}`), "must be 'RollingUpdate' or 'OnDelete'")
  }
}

function validateRetention(policy: apps.StatefulSetPersistentVolumeClaimRetentionPolicy | undefined, errors: FieldErrors): void {
  if (!policy) return
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = policy[field] ?? ''
    if (value !== 'Retain' && value !== 'Delete') errors.notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, value, ['Retain', 'Delete'])
  }
}

/** What may change of a StatefulSet's spec. */
const MUTABLE = ['replicas', 'template', 'updateStrategy', 'minReadySeconds', 'ordinals', 'persistentVolumeClaimRetentionPolicy'] as const

export function validateStatefulSetUpdate(object: StatefulSet, old: StatefulSet, errors: FieldErrors): void {
  if (object.spec === old.spec) return
  validateStatefulSet(object, errors)
  const [next, before]: Record<string, unknown>[] = [{ ...object.spec }, { ...old.spec }]
  for (const field of MUTABLE) {
    delete next![field]
    delete before![field]
  }
  if (deepEqual(next, before)) return
  errors.forbidden('spec', "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")
}

export function validateControllerRevision({ data, revision }: ControllerRevision, errors: FieldErrors): void {
  if (data === undefined || data === null) errors.required('data', 'data is mandatory')
  notNegative(revision, 'revision', errors)
}

export function validateControllerRevisionUpdate(object: ControllerRevision, old: ControllerRevision, errors: FieldErrors): void {
  validateControllerRevision(object, errors)
  if (!deepEqual(object.data, old.data)) errors.invalid('data', new GoValue(JSON.stringify(object.data ?? null)), 'field is immutable')
}
