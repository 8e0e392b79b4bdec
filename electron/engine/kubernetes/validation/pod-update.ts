import type { FieldErrors } from '../field-errors.ts'
import type { Pod } from '../types.ts'

export function validatePodUpdate(_pod: Pod, _old: Pod, _errors: FieldErrors): void {}
export function validatePodStatusUpdate(_pod: Pod, _old: Pod, _errors: FieldErrors): void {}
