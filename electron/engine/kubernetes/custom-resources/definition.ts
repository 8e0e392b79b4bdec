import type { KubeObject } from '../types.ts'
import type { JsonSchema } from './schema.ts'

/** apiextensions.k8s.io/v1 CustomResourceDefinition, as it is stored. */
export interface CustomResourceDefinition extends KubeObject {
  spec: DefinitionSpec
  status: DefinitionStatus
}

export interface DefinitionNames {
  plural: string
  singular?: string
  shortNames?: string[]
  kind: string
  listKind?: string
  categories?: string[]
}

export interface DefinitionSpec {
  group: string
  names: DefinitionNames
  scope: string
  versions: DefinitionVersion[]
  conversion?: { strategy: string; webhook?: object }
  preserveUnknownFields?: boolean
}

export interface DefinitionVersion {
  name: string
  served: boolean
  storage: boolean
  deprecated?: boolean
  deprecationWarning?: string
  schema?: { openAPIV3Schema?: JsonSchema }
  subresources?: { status?: object; scale?: { specReplicasPath?: string; statusReplicasPath?: string; labelSelectorPath?: string } }
  additionalPrinterColumns?: PrinterColumn[]
  selectableFields?: { jsonPath?: string }[]
}

export interface PrinterColumn { name?: string; type?: string; format?: string; description?: string; priority?: number; jsonPath?: string }

export interface DefinitionCondition { type: string; status: 'True' | 'False' | 'Unknown'; lastTransitionTime?: string; reason?: string; message?: string }

export interface DefinitionStatus {
  conditions?: DefinitionCondition[]
  acceptedNames?: DefinitionNames
  storedVersions?: string[]
}

export const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io'
export const DEFINITIONS = 'customresourcedefinitions'

export function conditionOf(definition: CustomResourceDefinition, type: string): DefinitionCondition | undefined {
  return definition.status?.conditions?.find((condition) => condition.type === type)
}
export function isTrue(definition: CustomResourceDefinition, type: string): boolean {
  return conditionOf(definition, type)?.status === 'True'
}

/** With a condition set; its time moves when its status does. */
export function withCondition(status: DefinitionStatus, condition: DefinitionCondition, now: string): DefinitionStatus {
  const old = status.conditions?.find((each) => each.type === condition.type)
  const lastTransitionTime = old?.status === condition.status && old.lastTransitionTime ? old.lastTransitionTime : now
  const next = { ...condition, lastTransitionTime }
  const conditions = old ? status.conditions!.map((each) => (each.type === condition.type ? next : each)) : [...(status.conditions ?? []), next]
  return { ...status, conditions }
}
