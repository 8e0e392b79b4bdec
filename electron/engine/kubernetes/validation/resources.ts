import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { milliValue } from '../schema/quantity.ts'
import { NOT_NEGATIVE } from './common.ts'
import { qualifiedName } from './names.ts'

/** Requests and limits: pkg/apis/core/validation ValidateContainerResourceRequirements (v1.33). */
const STANDARD = ['cpu', 'memory', 'ephemeral-storage']

export function validateResources(resources: core.ResourceRequirements | undefined, path: string, errors: FieldErrors): void {
  if (!resources) return
  const { limits = {}, requests = {} } = resources
  for (const [name, quantity] of Object.entries(limits)) {
    validateResourceName(name, `${path}.limits`, errors)
    validateQuantity(quantity, `${path}.limits[${name}]`, errors)
  }
  for (const [name, quantity] of Object.entries(requests)) {
    validateResourceName(name, `${path}.requests`, errors)
    validateQuantity(quantity, `${path}.requests[${name}]`, errors)
    const limit = limits[name]
    if (limit === undefined) {
      if (!overcommits(name)) errors.required(`${path}.limits`, 'Limit must be set for non overcommitable resources')
    } else if (!overcommits(name) && milliValue(quantity) !== milliValue(limit)) {
      errors.invalid(`${path}.requests`, quantity, `must be equal to ${name} limit of ${limit}`)
    } else if (milliValue(quantity) > milliValue(limit)) {
      errors.invalid(`${path}.requests`, quantity, `must be less than or equal to ${name} limit of ${limit}`)
    }
  }
}

function overcommits(name: string): boolean {
  return STANDARD.includes(name)
}

function validateResourceName(name: string, path: string, errors: FieldErrors): void {
  errors.invalidEach(path, name, qualifiedName(name))
  if (!name.includes('/') && !STANDARD.includes(name) && !name.startsWith('hugepages-')) {
    errors.invalid(path, name, 'must be a standard resource type or fully qualified')
    errors.invalid(path, name, 'must be a standard resource for containers')
  }
}

function validateQuantity(quantity: string, path: string, errors: FieldErrors): void {
  if (milliValue(quantity) < 0) errors.invalid(path, quantity, NOT_NEGATIVE)
}
