import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { deepEqual } from '../json.ts'
import { compileLabelSelector } from '../selectors.ts'
import type { DaemonSet, Deployment, LabelSelector, ReplicaSet, ReplicationController } from '../types.ts'
import { NOT_NEGATIVE, notNegative } from './common.ts'
import { goIntOrString, goLabelSelector, goStrategy, goStringMap } from './go-values.ts'
import { percent } from './names.ts'
import { validateAnnotations, validateLabels, validateLabelSelector } from './object-meta.ts'
import { validatePodAnnotations, validateProfilesMatch } from './pod-annotations.ts'
import { validatePodSpec } from './pod-spec.ts'

/** Deployments, ReplicaSets, ReplicationControllers and DaemonSets: pkg/apis/apps/validation (v1.33). */
export function validateDeployment({ spec }: Deployment, errors: FieldErrors): void {
  notNegative(spec.replicas, 'spec.replicas', errors)
  validateSelector(spec.selector, 'deployment', errors)
  validateTemplate(spec.template, spec.selector, 'Deployment', errors)
  validateStrategy(spec.strategy, errors)
  notNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors)
  const { progressDeadlineSeconds: deadline } = spec
  if (deadline === undefined) return
  notNegative(deadline, 'spec.progressDeadlineSeconds', errors)
  if (deadline <= (spec.minReadySeconds ?? 0)) errors.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')
}

export function validateDeploymentUpdate(object: Deployment, old: Deployment, errors: FieldErrors): void {
  if (object.spec === old.spec) return
  validateDeployment(object, errors)
  immutableSelector(object.spec.selector, old.spec.selector, errors)
}

export function validateReplicaSet({ spec }: ReplicaSet, errors: FieldErrors): void {
  notNegative(spec.replicas, 'spec.replicas', errors)
  notNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  validateSelector(spec.selector, 'deployment', errors)
  validateTemplate(spec.template, spec.selector, 'ReplicaSet', errors)
}

export function validateReplicaSetUpdate(object: ReplicaSet, old: ReplicaSet, errors: FieldErrors): void {
  if (object.spec === old.spec) return
  validateReplicaSet(object, errors)
  immutableSelector(object.spec.selector, old.spec.selector, errors)
}

export function validateDaemonSet({ spec }: DaemonSet, errors: FieldErrors): void {
  validateLabelSelector(spec.selector, 'spec.selector', errors)
  if (spec.selector && isEmpty(spec.selector)) errors.invalid('spec.selector', goLabelSelector(spec.selector), 'empty selector is invalid for daemonset')
  if (!spec.selector) errors.required('spec.selector')
  validateTemplate(spec.template, spec.selector, 'DaemonSet', errors)
  notNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  const { type, rollingUpdate } = spec.updateStrategy ?? {}
  if (type === 'RollingUpdate') {
    if (!rollingUpdate) errors.required('spec.updateStrategy.rollingUpdate')
    else {
      validateShare(rollingUpdate.maxUnavailable, 'spec.updateStrategy.rollingUpdate.maxUnavailable', errors)
      validateShare(rollingUpdate.maxSurge, 'spec.updateStrategy.rollingUpdate.maxSurge', errors)
      const [unavailable, surge] = [isZero(rollingUpdate.maxUnavailable), isZero(rollingUpdate.maxSurge)]
      if (unavailable && surge) errors.required('spec.updateStrategy.rollingUpdate.maxUnavailable', 'cannot be 0 when maxSurge is 0')
      else if (!unavailable && !surge) {
        errors.invalid('spec.updateStrategy.rollingUpdate.maxSurge', goIntOrString(rollingUpdate.maxSurge), 'may not be set when maxUnavailable is non-zero')
      }
    }
  } else if (type !== 'OnDelete') errors.notSupported('spec.updateStrategy', goStrategy('DaemonSet', type, rollingUpdate), ['RollingUpdate', 'OnDelete'])
  notNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors)
}

export function validateDaemonSetUpdate(object: DaemonSet, old: DaemonSet, errors: FieldErrors): void {
  if (object.spec === old.spec) return
  validateDaemonSet(object, errors)
  immutableSelector(object.spec.selector, old.spec.selector, errors)
}

function isEmpty(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0) === 0
}

function validateSelector(selector: LabelSelector | undefined, what: string, errors: FieldErrors): void {
  if (!selector) return errors.required('spec.selector')
  validateLabelSelector(selector, 'spec.selector', errors)
  if (isEmpty(selector)) errors.invalid('spec.selector', goLabelSelector(selector), `empty selector is invalid for ${what}`)
}

function immutableSelector(selector: LabelSelector, old: LabelSelector, errors: FieldErrors): void {
  if (!deepEqual(selector, old)) errors.invalid('spec.selector', goLabelSelector(selector), 'field is immutable')
}

function validateTemplate(template: core.PodTemplateSpec | undefined, selector: LabelSelector | undefined, kind: string, errors: FieldErrors): void {
  const path = 'spec.template'
  if (!template) return errors.required(path)
  const labels = template.metadata?.labels
  if (!compileLabelSelector(selector).matches(labels)) {
    errors.invalid(`${path}.metadata.labels`, goStringMap(labels), '`selector` does not match template `labels`')
  }
  validatePodTemplate(template, path, errors)
  const spec = template.spec ?? { containers: [] }
  if (spec.restartPolicy !== 'Always') errors.notSupported(`${path}.spec.restartPolicy`, spec.restartPolicy, ['Always'])
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.forbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind === 'DaemonSet' ? kind : 'ReplicaSet'} is not Supported`)
  }
}

type Strategy = Deployment['spec']['strategy']

function validateStrategy(strategy: Strategy, errors: FieldErrors): void {
  const path = 'spec.strategy'
  const { type, rollingUpdate } = strategy ?? {}
  if (type === 'Recreate') {
    if (rollingUpdate) errors.forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")
  } else if (type === 'RollingUpdate') {
    if (!rollingUpdate) return errors.required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')
    validateShare(rollingUpdate.maxUnavailable, `${path}.rollingUpdate.maxUnavailable`, errors)
    validateShare(rollingUpdate.maxSurge, `${path}.rollingUpdate.maxSurge`, errors)
    if (isZero(rollingUpdate.maxUnavailable) && isZero(rollingUpdate.maxSurge)) {
      errors.invalid(`${path}.rollingUpdate.maxUnavailable`, goIntOrString(rollingUpdate.maxUnavailable), 'may not be 0 when `maxSurge` is 0')
    }
    if (percentage(rollingUpdate.maxUnavailable) > 100) {
      errors.invalid(`${path}.rollingUpdate.maxUnavailable`, goIntOrString(rollingUpdate.maxUnavailable), 'must not be greater than 100%')
    }
  } else errors.notSupported(path, goStrategy('Deployment', type, rollingUpdate), ['Recreate', 'RollingUpdate'])
}

function percentage(value: number | string | undefined): number {
  return typeof value === 'string' && value.endsWith('%') ? Number(value.slice(0, -1)) : 0
}

function isZero(value: number | string | undefined): boolean {
  return typeof value === 'string' ? percentage(value) === 0 : (value ?? 0) === 0
}

/** A number of Pods, or a percentage. */
function validateShare(value: number | string | undefined, path: string, errors: FieldErrors): void {
  if (typeof value === 'string') {
    if (percent(value).length > 0) errors.invalid(path, goIntOrString(value), "must be an integer or percentage (e.g '5%%')")
  } else if ((value ?? 0) < 0) errors.invalid(path, value, NOT_NEGATIVE)
}

/** pkg/apis/core/validation ValidateReplicationControllerSpec. */
export function validateReplicationController({ spec }: ReplicationController, errors: FieldErrors): void {
  notNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors)
  if (Object.keys(spec.selector ?? {}).length === 0) errors.required('spec.selector')
  notNegative(spec.replicas, 'spec.replicas', errors)
  const { template, selector = {} } = spec
  if (!template) return errors.required('spec.template')
  const labels = template.metadata?.labels
  if (!compileLabelSelector({ matchLabels: selector }).matches(labels)) {
    errors.invalid('spec.template.metadata.labels', goStringMap(labels), '`selector` does not match template `labels`')
  }
  validatePodTemplate(template, 'spec.template', errors)
  if (template.spec?.restartPolicy !== 'Always') errors.notSupported('spec.template.spec.restartPolicy', template.spec?.restartPolicy ?? '', ['Always'])
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    errors.forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in ReplicationController is not Supported')
  }
}

export function validateReplicationControllerUpdate(object: ReplicationController, old: ReplicationController, errors: FieldErrors): void {
  if (object.spec !== old.spec) validateReplicationController(object, errors)
}

/** ValidatePodTemplateSpec. */
export function validatePodTemplate(template: core.PodTemplateSpec, path: string, errors: FieldErrors): void {
  validateLabels(template.metadata?.labels, `${path}.labels`, errors)
  validateAnnotations(template.metadata?.annotations, `${path}.annotations`, errors)
  const spec = template.spec ?? { containers: [] }
  validatePodAnnotations(template.metadata?.annotations, spec, `${path}.annotations`, errors)
  validatePodSpec(spec, `${path}.spec`, errors, { template: true })
  validateProfilesMatch(template.metadata?.annotations, spec, `${path}.spec`, errors)
}
