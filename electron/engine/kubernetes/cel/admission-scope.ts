import type { Scope } from './checker.ts'
import { BOOL, type CelType, DYN, INT, listOf, mapOf, opaque, STRING, structOf, TIMESTAMP } from './types.ts'

/** What expressions of admission may name: apiserver/pkg/admission/plugin/cel, compile.go and composition.go. */
export interface AdmissionNames {
  /** Of object and oldObject: dyn where the policy is read, their kind's where it is type-checked. */
  object: CelType
  /** Undefined where there is no paramKind. */
  params?: CelType
  /** Undefined where there are none: in match conditions. */
  variables?: ReadonlyMap<string, CelType>
  /** Whether authorizer.requestResource is declared. */
  requestResource: boolean
}

export function admissionScope({ object, params, variables, requestResource }: AdmissionNames): Scope {
  const names: Record<string, CelType | undefined> = {
    object,
    oldObject: object,
    params,
    request: REQUEST,
    namespaceObject: NAMESPACE,
    authorizer: opaque('kubernetes.authorization.Authorizer'),
    'authorizer.requestResource': requestResource ? opaque('kubernetes.authorization.ResourceCheck') : undefined,
    variables: variables && structOf('kubernetes.variables', (name) => variables.get(name)),
  }
  return (name) => (Object.hasOwn(names, name) ? names[name] : undefined)
}

/** What others see of a variable: the fields of structs are known to its own expression alone. */
export function variableType(type: CelType): CelType {
  if (type.kind === 'list') return listOf(variableType(type.of[0]!))
  if (type.kind === 'map') return mapOf(variableType(type.of[0]!), variableType(type.of[1]!))
  return type.of.length === 0 && type.kind !== 'struct' && type.kind !== 'opaque' && type.kind !== 'error' ? type : DYN
}

function struct(name: string, fields: Readonly<Record<string, CelType>>): CelType {
  return structOf(`kubernetes.${name}`, (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined))
}

const NAMES = mapOf(STRING, STRING)
const KIND = struct('GroupVersionKind', { group: STRING, version: STRING, kind: STRING })
const RESOURCE = struct('GroupVersionResource', { group: STRING, version: STRING, resource: STRING })
const REQUEST = struct('AdmissionRequest', {
  kind: KIND, resource: RESOURCE, subResource: STRING, requestKind: KIND, requestResource: RESOURCE, requestSubResource: STRING, name: STRING, namespace: STRING, operation: STRING,
  userInfo: struct('UserInfo', { username: STRING, uid: STRING, groups: listOf(STRING), extra: mapOf(STRING, listOf(STRING)) }),
  dryRun: BOOL, options: DYN,
})
const NAMESPACE = struct('Namespace', {
  metadata: struct('NamespaceMetadata', {
    name: STRING, generateName: STRING, namespace: STRING, labels: NAMES, annotations: NAMES, UID: STRING, creationTimestamp: TIMESTAMP, deletionGracePeriodSeconds: INT,
    deletionTimestamp: TIMESTAMP, generation: INT, resourceVersion: STRING, finalizers: listOf(STRING),
  }),
  spec: struct('NamespaceSpec', { finalizers: listOf(STRING) }),
  status: struct('NamespaceStatus', { phase: STRING, conditions: listOf(struct('NamespaceCondition', { status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING })) }),
})
