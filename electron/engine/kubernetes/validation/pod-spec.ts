import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'

export function validatePodSpec(_spec: core.PodSpec, _path: string, _errors: FieldErrors): void {}
