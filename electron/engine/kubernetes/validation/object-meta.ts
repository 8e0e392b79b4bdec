import { FieldErrors, GoValue } from '../field-errors.ts'
import { compareStrings, quote } from '../json.ts'
import type { LabelSelector, ObjectMeta, OwnerReference } from '../types.ts'
import { dns1123Label, labelValue, qualifiedName, type Rule } from './names.ts'

/** ObjectMeta: k8s.io/apimachinery/pkg/api/validation/objectmeta.go (v1.33). */
export function validateObjectMeta(meta: ObjectMeta, namespaced: boolean, validName: Rule, path: string, errors: FieldErrors): void {
  if (meta.generateName) errors.invalidEach(`${path}.generateName`, meta.generateName, validName(withoutTrailingDash(meta.generateName)))
  if (!meta.name) errors.required(`${path}.name`, 'name or generateName is required')
  else errors.invalidEach(`${path}.name`, meta.name, validName(meta.name))
  if (namespaced) {
    if (!meta.namespace) errors.required(`${path}.namespace`)
    else errors.invalidEach(`${path}.namespace`, meta.namespace, dns1123Label(meta.namespace))
  } else if (meta.namespace) errors.forbidden(`${path}.namespace`, 'not allowed on this type')
  validateLabels(meta.labels, `${path}.labels`, errors)
  validateAnnotations(meta.annotations, `${path}.annotations`, errors)
  validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`, errors)
  for (const finalizer of meta.finalizers ?? []) errors.invalidEach(`${path}.finalizers`, finalizer, qualifiedName(finalizer))
}

/** A generateName is a prefix: its last dash is not its end. */
function withoutTrailingDash(name: string): string {
  return name.endsWith('-') ? `${name.slice(0, -1)}a` : name
}

export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path: string, errors: FieldErrors): void {
  if (old.deletionTimestamp) {
    const extra = (meta.finalizers ?? []).filter((f) => !(old.finalizers ?? []).includes(f)).sort(compareStrings)
    if (extra.length > 0) {
      const list = `[]string{${extra.map(quote).join(', ')}}`
      errors.forbidden(`${path}.finalizers`, `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`)
    }
  }
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (meta[field] !== old[field]) errors.invalid(`${path}.${field}`, printMetaField(meta[field]), 'field is immutable')
  }
  if (meta.labels !== old.labels) validateLabels(meta.labels, `${path}.labels`, errors)
  if (meta.annotations !== old.annotations) validateAnnotations(meta.annotations, `${path}.annotations`, errors)
  if (meta.ownerReferences !== old.ownerReferences) validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`, errors)
}

function printMetaField(value: string | number | undefined): string | number | null {
  return value ?? null
}

export function validateLabels(labels: { [key: string]: string } | undefined, path: string, errors: FieldErrors): void {
  for (const key in labels) {
    errors.invalidEach(path, key, qualifiedName(key))
    errors.invalidEach(path, labels[key], labelValue(labels[key]!))
  }
}

const ANNOTATIONS_LIMIT = 256 * 1024

export function validateAnnotations(annotations: { [key: string]: string } | undefined, path: string, errors: FieldErrors): void {
  let size = 0
  for (const key in annotations) {
    errors.invalidEach(path, key, qualifiedName(key.toLowerCase()))
    size += key.length + annotations[key]!.length
  }
  if (size > ANNOTATIONS_LIMIT) errors.tooLong(path, ANNOTATIONS_LIMIT)
}

function validateOwnerReferences(references: OwnerReference[] | undefined, path: string, errors: FieldErrors): void {
  let controller: string | undefined
  for (const reference of references ?? []) {
    if (!reference.apiVersion) errors.invalid(`${path}.apiVersion`, reference.apiVersion, 'version must not be empty')
    if (!reference.kind) errors.invalid(`${path}.kind`, reference.kind, 'kind must not be empty')
    if (!reference.name) errors.invalid(`${path}.name`, reference.name, 'name must not be empty')
    if (!reference.uid) errors.invalid(`${path}.uid`, reference.uid, 'uid must not be empty')
    if (!reference.controller) continue
    const name = `${reference.kind}/${reference.name}`
    if (controller) {
      const text = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`
      errors.invalid(path, new GoValue(printReferences(references!)), text)
    } else controller = name
  }
}

function printReferences(references: readonly OwnerReference[]): string {
  const pointer = (value: boolean | undefined): string => (value === undefined ? '<nil>' : '(*bool)(0xc000000000)')
  const texts = references.map(
    (r) =>
      `v1.OwnerReference{APIVersion:${quote(r.apiVersion)}, Kind:${quote(r.kind)}, Name:${quote(r.name)}, UID:${quote(r.uid)}, ` +
      `Controller:${pointer(r.controller)}, BlockOwnerDeletion:${pointer(r.blockOwnerDeletion)}}`,
  )
  return `[]v1.OwnerReference{${texts.join(', ')}}`
}

/** metav1 ValidateLabelSelector. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string, errors: FieldErrors): void {
  if (!selector) return
  validateLabels(selector.matchLabels, `${path}.matchLabels`, errors)
  selector.matchExpressions?.forEach((e, i) => {
    const at = `${path}.matchExpressions[${i}]`
    if (e.operator === 'In' || e.operator === 'NotIn') {
      if (!e.values?.length) errors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")
    } else if (e.operator === 'Exists' || e.operator === 'DoesNotExist') {
      if (e.values?.length) errors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    } else errors.invalid(`${at}.operator`, e.operator, 'not a valid selector operator')
    errors.invalidEach(`${at}.key`, e.key, qualifiedName(e.key))
    e.values?.forEach((value, k) => errors.invalidEach(`${at}.values[${k}]`, value, labelValue(value)))
  })
}
