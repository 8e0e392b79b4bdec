import type { Clock } from '../../clock.ts'
import type { Random } from '../../random.ts'
import type { ApiResource, DeleteOptions } from '../client.ts'
import type { FieldErrors } from '../field-errors.ts'
import type { User } from '../rbac/authorizer.ts'
import type { Decoded } from '../schema/decode.ts'
import type { StructType } from '../schema/notation.ts'
import type { Allocation, ServiceAllocator } from '../service-allocator.ts'
import type { Store } from '../store.ts'
import type { KubeObject } from '../types.ts'
import type { Rule } from '../validation/names.ts'

/** What strategies may ask while they work on a request. */
export interface Context {
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly services: ServiceAllocator
  readonly dryRun: boolean
  /** The client certificate of the administrator's kubeconfig, PEM. */
  readonly administrator: (() => string) | undefined
}

export interface Column<T> {
  name: string
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  format?: string
  /** 1: only with -o wide. */
  priority?: number
  /** What the API says of it; absent: see openapi/. */
  description?: string
  cell(object: T, context: { wall: number }): string | number | boolean | null
}

/**
 * One kind: what upstream spreads over types, defaults, validation, registry strategy and printers. Hooks get objects
 * that were just decoded: they may change them in place. `old` objects are never changed.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly resource: ApiResource
  /** Its schema. */
  readonly type: string
  /** The schema itself, of a kind that is not in the tables of schema/. */
  readonly schema?: StructType
  /** How a body is read, where the tables of schema/ do not say all. */
  decode?(body: unknown, old: KubeObject | undefined): Decoded<KubeObject>
  /** What the store keeps the objects under; absent: the resource's name. */
  readonly storedAs?: string
  /** The apiVersion that stored objects have; absent: the resource's. */
  readonly storedVersion?: string
  /** What is stored as this version has it, where they differ in more than the apiVersion; `decode` is the way back. */
  serve?(stored: KubeObject): KubeObject
  /** Where a custom resource has what its subresource scale shows. */
  readonly scale?: ScaleFields
  readonly validName: Rule
  /** Whether metadata.generation is kept: bumped when this says that the desired state changed. */
  generationChanged?(object: T, old: T): boolean
  /** What SetDefaults_* set. */
  setDefaults?(object: T): void
  /** Mutating admission on create. */
  admit?(object: T, context: Context): void
  /** Validating admission by a controller's webhook, on create and update: who says no, and why. */
  deny?(object: T, context: Context): { webhook: string; why: string } | undefined
  prepareForCreate?(object: T, context: Context, warn?: (text: string) => void, user?: User): void
  prepareForUpdate?(object: T, old: T, context: Context): void
  /** The status subresource keeps everything but status; this may take over more. */
  prepareForStatusUpdate?(object: T, old: T, submitted: T, subresource: string, context: Context): void
  validate(object: T, errors: FieldErrors): void
  validateUpdate?(object: T, old: T, errors: FieldErrors): void
  validateStatusUpdate?(object: T, old: T, errors: FieldErrors, subresource?: string): void
  /** A create that is a question: what comes back, and nothing is stored. */
  answer?(object: T, context: Context, user: User): T
  /** What the answer to a create (or, with `old`, to a change) warns of: WarningsOnCreate and WarningsOnUpdate. */
  warnings?(object: T, old: T | undefined): readonly string[]
  /** Takes what must be unique in the cluster (addresses, ports), before validation as upstream does. Throws StatusError. */
  allocate?(object: T, old: T | undefined, context: Context): Allocation | undefined
  /** Gives it back. */
  release?(object: T, context: Context): void
  /** Seconds that a delete waits for an agent; undefined: none. */
  gracePeriod?(object: T, options: DeleteOptions): number | undefined
  /** Whether a delete waits for the finalize subresource (namespaces: spec.finalizers). */
  waitsForFinalize?(object: T): boolean
  /** What a delete that waits changes besides the deletionTimestamp; the object may be changed in place. */
  markDeleted?(object: T): void
  /** Throws when the object may not be deleted. */
  checkDelete?(object: T): void
  /** May a PUT create it? */
  readonly createOnUpdate?: boolean
  /** metadata.name and metadata.namespace are always there. */
  readonly fields?: Readonly<Record<string, { read(object: T): string }['read']>>
  /** Subresources that are a part of the object with rules of their own (pods/ephemeralcontainers). */
  readonly parts?: Readonly<Record<string, Part<T>>>
  /** How the kind words a field selector that it does not have; absent: "field label not supported: …". */
  unknownField?(field: string): string
  readonly columns: readonly Column<T>[]
}

export interface Part<T> {
  /** The old object with that part of what was submitted. */
  merge(old: T, submitted: T): T
  validate(object: T, old: T, errors: FieldErrors): void
}

/** Readers and a writer of the fields that a scale is made of. */
export interface ScaleFields {
  replicas(object: KubeObject): number
  statusReplicas(object: KubeObject): number
  selector(object: KubeObject): string
  withReplicas(object: KubeObject, replicas: number): KubeObject
}

/** What a client's calls name a resource by. */
export function resourceKey(resource: Pick<ApiResource, 'name' | 'key'>): string {
  return resource.key ?? resource.name
}

/** Whether this is the version in which a resource is listed when none is asked for. */
export function isPreferred({ key, name, group }: Pick<ApiResource, 'name' | 'key' | 'group'>): boolean {
  return key === undefined || key === `${name}.${group}`
}

/** What the store keeps a kind's objects under. */
export function storeKey(kind: Pick<Kind, 'storedAs' | 'resource'>): string {
  return kind.storedAs ?? kind.resource.name
}

/** An object as this version of its kind shows it; another answer (a Scale) is what it is. */
export function asServed(kind: Pick<Kind, 'storedVersion' | 'resource' | 'serve'>, object: KubeObject): KubeObject {
  if (kind.storedVersion === undefined || object.kind !== kind.resource.kind) return object
  const apiVersion = apiVersionOf(kind.resource)
  if (object.apiVersion === apiVersion) return object
  return kind.serve?.(object) ?? { ...object, apiVersion }
}

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const

/** A row of discovery from the few things in which kinds differ. */
export function apiResource(
  kind: string,
  name: string,
  options: { group?: string; version?: string; key?: string; shortNames?: string[]; categories?: string[]; namespaced?: boolean; subresources?: string[]; verbs?: readonly string[]; deprecation?: string } = {},
): ApiResource {
  return {
    name,
    singular: kind.toLowerCase(),
    kind,
    group: options.group ?? '',
    version: options.version ?? 'v1',
    namespaced: options.namespaced ?? true,
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    verbs: options.verbs ?? ALL_VERBS,
    subresources: options.subresources ?? [],
    ...(options.key ? { key: options.key } : {}),
    ...(options.deprecation ? { deprecation: options.deprecation } : {}),
  }
}

export function apiVersionOf(resource: Pick<ApiResource, 'group' | 'version'>): string {
  return resource.group ? `${resource.group}/${resource.version}` : resource.version
}
