import type * as batch from 'kubernetes-types/batch/v1'
import { GoValue } from '../field-errors.ts'
import { ADDRESS, goSyntax } from '../go-diff/syntax.ts'
import { compareStrings, quote } from '../json.ts'
import { schemaOf } from '../schema/index.ts'
import type { LabelSelector, PodTemplateSpec } from '../types.ts'

/** Values that upstream's messages print in Go's syntax (%#v). */
export function goStringMap(map: { readonly [key: string]: string } | undefined): GoValue {
  return new GoValue(stringMap(map))
}

function stringMap(map: { readonly [key: string]: string } | undefined): string {
  const keys = Object.keys(map ?? {}).sort(compareStrings)
  if (!map || keys.length === 0) return 'map[string]string(nil)'
  return `map[string]string{${keys.map((key) => `${quote(key)}:${quote(map[key]!)}`).join(', ')}}`
}

export function goIntOrString(value: number | string | undefined): GoValue {
  const isText = typeof value === 'string'
  return new GoValue(`intstr.IntOrString{Type:${isText ? 1 : 0}, IntVal:${isText ? 0 : (value ?? 0)}, StrVal:${isText ? quote(value) : '""'}}`)
}

export function goLabelSelector(selector: LabelSelector | undefined): GoValue {
  if (!selector) return new GoValue('null')
  const expressions = (selector.matchExpressions ?? []).map((e) => {
    const values = e.values?.length ? `[]string{${e.values.map(quote).join(', ')}}` : '[]string(nil)'
    return `v1.LabelSelectorRequirement{Key:${quote(e.key)}, Operator:${quote(e.operator)}, Values:${values}}`
  })
  const list = expressions.length > 0 ? `[]v1.LabelSelectorRequirement{${expressions.join(', ')}}` : '[]v1.LabelSelectorRequirement(nil)'
  return new GoValue(`v1.LabelSelector{MatchLabels:${stringMap(selector.matchLabels)}, MatchExpressions:${list}}`)
}

/** The key by which duplicate Service ports are found, printed as the struct that upstream fills for it. */
export function goServicePort(key: { protocol: string; port?: number; nodePort?: number }): GoValue {
  return new GoValue(
    `core.ServicePort{Name:"", Protocol:${quote(key.protocol)}, AppProtocol:(*string)(nil), Port:${key.port ?? 0}, ` +
      `TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:${key.nodePort ?? 0}}`,
  )
}

/** Upstream prints the address of the nested struct, which is another one each time. */
export function goStrategy(kind: 'Deployment' | 'DaemonSet', type: string | undefined, rollingUpdate: object | undefined): GoValue {
  const name = kind === 'Deployment' ? 'DeploymentStrategy' : 'DaemonSetUpdateStrategy'
  const nested = `(*apps.RollingUpdate${kind})(${rollingUpdate ? ADDRESS : 'nil'})`
  return new GoValue(`apps.${name}{Type:${quote(type ?? '')}, RollingUpdate:${nested}}`)
}

/** A Pod template, of which upstream prints the whole Go struct. */
export function goPodTemplate({ metadata, spec }: PodTemplateSpec): GoValue {
  return new GoValue(
    'core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Name:"", GenerateName:"", Namespace:"", SelfLink:"", UID:"", ResourceVersion:"", Generation:0, ' +
      'CreationTimestamp:time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC), DeletionTimestamp:<nil>, DeletionGracePeriodSeconds:(*int64)(nil), ' +
      `Labels:${stringMap(metadata?.labels)}, Annotations:${stringMap(metadata?.annotations)}, OwnerReferences:[]v1.OwnerReference(nil), Finalizers:[]string(nil), ` +
      `ManagedFields:[]v1.ManagedFieldsEntry(nil)}, Spec:${goSyntax(spec, schemaOf('PodSpec'))}}`,
  )
}

/** Of what it points at upstream prints the address, which is another one each time. */
const pointer = (type: string, value: unknown): string => `(*${type})(${value === undefined || value === null ? 'nil' : ADDRESS})`

function list<T>(type: string, items: readonly T[] | undefined, print: (item: T) => string): string {
  return items === undefined || items === null ? `[]${type}(nil)` : `[]${type}{${items.map(print).join(', ')}}`
}

export function goPodFailurePolicy({ rules }: batch.PodFailurePolicy): GoValue {
  const conditions = (patterns: readonly batch.PodFailurePolicyOnPodConditionsPattern[] | undefined): string =>
    list('batch.PodFailurePolicyOnPodConditionsPattern', patterns, (p) => `batch.PodFailurePolicyOnPodConditionsPattern{Type:${quote(p.type)}, Status:${quote(p.status)}}`)
  const each = (r: batch.PodFailurePolicyRule): string =>
    `batch.PodFailurePolicyRule{Action:${quote(r.action)}, OnExitCodes:${pointer('batch.PodFailurePolicyOnExitCodesRequirement', r.onExitCodes)}, OnPodConditions:${conditions(r.onPodConditions)}}`
  return new GoValue(`batch.PodFailurePolicy{Rules:${list('batch.PodFailurePolicyRule', rules, each)}}`)
}

export function goSuccessPolicy({ rules }: batch.SuccessPolicy): GoValue {
  const each = (r: batch.SuccessPolicyRule): string => `batch.SuccessPolicyRule{SucceededIndexes:${pointer('string', r.succeededIndexes)}, SucceededCount:${pointer('int32', r.succeededCount)}}`
  return new GoValue(`batch.SuccessPolicy{Rules:${list('batch.SuccessPolicyRule', rules, each)}}`)
}
