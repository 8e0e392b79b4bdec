import { ADMISSIONREGISTRATION } from './admissionregistration.ts'
import { APIEXTENSIONS } from './apiextensions.ts'
import { APIREGISTRATION } from './apiregistration.ts'
import { BATCH } from './batch.ts'
import { CERTIFICATES } from './certificates.ts'
import { CORE } from './core.ts'
import { META } from './meta.ts'
import { NETWORKING } from './networking.ts'
import { Schema, type StructType } from './notation.ts'
import { POD } from './pod.ts'
import { POLICY } from './policy.ts'
import { RBAC } from './rbac.ts'
import { REVIEWS } from './reviews.ts'
import { SUBRESOURCES } from './subresources.ts'
import { VOLUMES } from './volumes.ts'
import { WORKLOADS } from './workloads.ts'

const schema = new Schema([META, POD, VOLUMES, CORE, WORKLOADS, BATCH, NETWORKING, RBAC, POLICY, REVIEWS, ADMISSIONREGISTRATION, APIEXTENSIONS, APIREGISTRATION, CERTIFICATES, SUBRESOURCES])

/** The schema of a kind, wherever it comes from. */
export function structOf(kind: { readonly type: string; readonly schema?: StructType }): StructType {
  return kind.schema ?? schema.struct(kind.type)
}

/** The schema of a kind ("Pod") or of a type below it ("PodTemplateSpec"). */
export function schemaOf(name: string): StructType {
  return schema.struct(name)
}
