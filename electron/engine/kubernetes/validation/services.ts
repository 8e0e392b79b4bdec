import type { FieldErrors } from "../field-errors.ts"
import type { Service } from "../types.ts"
export function validateService(): void {}
export function validateServiceUpdate(): void {}
export function validateClusterIps(_s: Service, _e: FieldErrors): void {}
