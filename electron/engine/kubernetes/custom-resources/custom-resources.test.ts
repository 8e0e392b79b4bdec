import { beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import { StatusError } from '../client.ts'
import { startControllerManager } from '../controllers/index.ts'
import type { KubeObject } from '../types.ts'
import type { CustomResourceDefinition } from './definition.ts'

let clock: Clock
let api: ApiServer

beforeEach(() => {
  clock = new Clock({ seed: 1 })
  api = new ApiServer(clock, { freeze: true })
})

function create(yaml: string): KubeObject {
  const object = parse(yaml) as { apiVersion: string; kind: string; metadata: { namespace?: string } }
  const resource = api.resources().find((r) => r.kind === object.kind && (r.group ? `${r.group}/${r.version}` : r.version) === object.apiVersion)!
  const created = api.create(resource.key ?? resource.name, object.metadata.namespace, object)
  clock.runFor(0)
  return created
}

function refused(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof StatusError) return error.message
    throw error
  }
  return 'not refused'
}

/** A definition around the properties of a spec. */
function definition(properties: string, more = ''): string {
  return `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: ${properties}}}}}
${more}`
}

const thing = (spec: string, name = 'one'): string => `{apiVersion: example.com/v1, kind: Thing, metadata: {name: ${name}}, spec: ${spec}}`

describe('a CustomResourceDefinition', () => {
  it('gets its names, is established and serves what it defines', () => {
    create(definition('{a: {type: string}}'))
    const { spec, status } = api.get<CustomResourceDefinition>('customresourcedefinitions', undefined, 'things.example.com')
    expect(spec.names).toEqual({ kind: 'Thing', plural: 'things', singular: 'thing', listKind: 'ThingList' })
    expect(spec.conversion).toEqual({ strategy: 'None' })
    expect(status.acceptedNames).toEqual(spec.names)
    expect(status.storedVersions).toEqual(['v1'])
    expect(status.conditions!.map((c) => [c.type, c.status, c.reason])).toEqual([['NamesAccepted', 'True', 'NoConflicts'], ['Established', 'True', 'InitialNamesAccepted']])
    expect(api.findResource('thing')).toMatchObject({ name: 'things', key: 'things.example.com', kind: 'Thing' })
    expect(api.openApiPaths()).toContain('apis/example.com/v1')
  })

  it('has a status like any other field where it is no subresource', () => {
    create(definition('{a: {type: string}}').replace('type: object, properties: {spec', 'type: object, properties: {status: {type: object, properties: {n: {type: integer}}}, spec'))
    create(thing('{a: x}').replace('spec:', 'status: {n: 1}, spec:'))
    const patched = api.patch('things.example.com', 'default', 'one', 'application/merge-patch+json', { status: { n: 2 } })
    expect(patched).toMatchObject({ status: { n: 2 }, metadata: { generation: 2 } })
  })

  it('waits for a name that another one has, until that is free', () => {
    create(definition('{a: {type: string}}'))
    create(definition('{a: {type: string}}').replace('things.example.com', 'stuff.example.com').replace('plural: things', 'plural: stuff, singular: thing'))
    const get = (): CustomResourceDefinition => api.get('customresourcedefinitions', undefined, 'stuff.example.com')
    const conditions = get().status.conditions!
    expect(conditions.map((c) => [c.type, c.status, c.reason, c.message])).toEqual([
      ['NamesAccepted', 'False', 'ListKindConflict', '"ThingList" is already in use'],
      ['Established', 'False', 'NotAccepted', 'not all names are accepted'],
    ])
    expect(api.findResource('stuff')).toBeUndefined()
    api.delete('customresourcedefinitions', undefined, 'things.example.com')
    clock.runFor(10)
    expect(get().status.conditions!.map((c) => c.status)).toEqual(['True', 'True'])
    expect(api.findResource('stuff')).toBeDefined()
  })

  it('goes after its objects, and takes their resource along', () => {
    create(definition('{a: {type: string}}'))
    create(thing('{a: x}'))
    const marked = api.delete('customresourcedefinitions', undefined, 'things.example.com') as CustomResourceDefinition
    expect(marked.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io'])
    expect(marked.status.conditions!.at(-1)).toMatchObject({ type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending' })
    clock.runFor(10)
    expect(api.list('customresourcedefinitions').items).toEqual([])
    expect(api.findResource('things')).toBeUndefined()
    create(definition('{a: {type: string}}'))
    expect(api.list('things.example.com').items).toEqual([])
  })

  it('waits while one of its objects has a finalizer', () => {
    create(definition('{a: {type: string}}'))
    create('{apiVersion: example.com/v1, kind: Thing, metadata: {name: one, finalizers: [example.com/wait]}}')
    api.delete('customresourcedefinitions', undefined, 'things.example.com')
    clock.runFor(12_000)
    expect(api.get<CustomResourceDefinition>('customresourcedefinitions', undefined, 'things.example.com').status.conditions!.at(-1)!.reason).toBe('InstanceDeletionInProgress')
    expect(refused(() => create(thing('{}', 'two')))).toContain('not supported')
    api.patch('things.example.com', 'default', 'one', 'application/merge-patch+json', { metadata: { finalizers: null } })
    clock.runFor(6_000)
    expect(api.list('customresourcedefinitions').items).toEqual([])
  })

  // Messages: upstream's pkg/apis/apiextensions/validation/validation_test.go and schema/validation_test.go
  const WRONG: [string, string, string][] = [
    ['a list without items', definition('{a: {type: array}}'), 'spec.validation.openAPIV3Schema.properties[spec].properties[a].items: Required value: must be specified'],
    ['a field without a type', definition('{a: {description: what}}'), 'spec.validation.openAPIV3Schema.properties[spec].properties[a].type: Required value: must not be empty for specified object fields'],
    ['an item without a type', definition('{a: {type: array, items: {}}}'), 'spec.validation.openAPIV3Schema.properties[spec].properties[a].items.type: Required value: must not be empty for specified array items'],
    ['an unknown type', definition('{a: {type: text}}'), 'spec.validation.openAPIV3Schema.properties[spec].properties[a].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"'],
    ['a type below anyOf', definition('{a: {type: string, anyOf: [{type: string}]}}'), 'spec.validation.openAPIV3Schema.properties[spec].properties[a].anyOf[0].type: Forbidden: must be empty to be structural'],
    ['properties and additionalProperties', definition('{a: {type: object, properties: {b: {type: string}}, additionalProperties: {type: string}}}'), 'spec.validation.openAPIV3Schema.properties[spec].properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive'],
    ['a map list without keys', definition('{a: {type: array, x-kubernetes-list-type: map, items: {type: object}}}'), 'x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map'],
    ['a pattern that is none', definition('{a: {type: string, pattern: "["}}'), "properties[a].pattern: Invalid value: \"[\": must be a valid regular expression, but isn't"],
    ['a default of another type', definition('{a: {type: string, default: 1}}'), 'properties[a].default: Invalid value: "integer"'],
    ['no storage version', definition('{a: {type: string}}').replace('storage: true', 'storage: false'), 'must have exactly one version marked as storage version'],
    ['another name', definition('{a: {type: string}}').replace('name: things.example.com', 'name: thing.example.com'), 'metadata.name: Invalid value: "thing.example.com": must be spec.names.plural+"."+spec.group'],
    ['no schema', definition('{}').replace(/schema: .*/, ''), 'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required'],
    ['a scope that is none', definition('{a: {type: string}}').replace('Namespaced', 'Global'), 'spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"'],
    ['a group without a dot', definition('{a: {type: string}}').replaceAll('example.com', 'example'), 'spec.group: Invalid value: "example": should be a domain with at least one dot'],
    ['a protected group', definition('{a: {type: string}}').replaceAll('example.com', 'example.k8s.io'), 'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation'],
    ['a scale that is elsewhere', definition('{a: {type: string}}', '    subresources: {scale: {specReplicasPath: .foo, statusReplicasPath: .status.replicas}}'), 'spec.subresources.scale.specReplicasPath: Invalid value: ".foo": should be a json path under .spec'],
    ['a column of no type', definition('{a: {type: string}}', '    additionalPrinterColumns: [{name: A, type: text, jsonPath: .spec.a}]'), 'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string'],
    ['a rule that is no CEL', definition('{a: {type: integer, x-kubernetes-validations: [{rule: "self >"}]}}'), 'x-kubernetes-validations[0].rule: Invalid value: apiextensions.ValidationRule{Rule:"self >"'],
    ['a keyword that is none', definition('{a: {type: string, maxlength: 3}}'), 'unknown field "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.a.maxlength"'],
  ]
  it.each(WRONG)('is refused with %s', (_, yaml, message) => {
    expect(refused(() => create(yaml))).toContain(message)
    expect(api.list('customresourcedefinitions').items).toEqual([])
  })

  it('says which rules in CEL are not simulated', () => {
    const warnings: string[] = []
    api.create('customresourcedefinitions', undefined, parse(definition('{a: {type: integer, x-kubernetes-validations: [{rule: "self > 0"}, {rule: "isSemver(string(self))"}]}}')), { onWarning: (text) => warnings.push(text) })
    expect(warnings).toEqual(['podhop: not simulated: the rule "isSemver(string(self))" of things.example.com (objects are checked against the rest of its schema)'])
  })
})

describe('a custom resource', () => {
  // Messages: kube-openapi pkg/validation/errors
  const WRONG: [string, string, string, string][] = [
    ['of another type', '{a: {type: integer}}', '{a: x}', 'spec.a: Invalid value: "string": spec.a in body must be of type integer: "string"'],
    ['with a fraction', '{a: {type: integer}}', '{a: 1.5}', 'spec.a: Invalid value: "number": spec.a in body must be of type integer: "number"'],
    ['with a null', '{a: {type: array, items: {type: string}}}', '{a: [null]}', 'spec.a[0]: Invalid value: "null": spec.a[0] in body must be of type string: "null"'],
    ['that lacks what is required', '{a: {type: object, required: [b], properties: {b: {type: string}}}}', '{a: {}}', 'spec.a.b: Required value'],
    ['that is too long', '{a: {type: string, maxLength: 2}}', '{a: abc}', 'spec.a: Too long: may not be more than 2 bytes'],
    ['that is too short', '{a: {type: string, minLength: 2}}', '{a: a}', 'spec.a: Invalid value: "a": spec.a in body should be at least 2 chars long'],
    ['that is too small', '{a: {type: integer, minimum: 3, exclusiveMinimum: true}}', '{a: 3}', 'spec.a: Invalid value: 3: spec.a in body should be greater than 3'],
    ['that is no multiple', '{a: {type: number, multipleOf: 0.5}}', '{a: 0.7}', 'spec.a: Invalid value: 0.7: spec.a in body should be a multiple of 0.5'],
    ['with too few items', '{a: {type: array, minItems: 1, items: {type: string}}}', '{a: []}', 'spec.a: Invalid value: 0: spec.a in body should have at least 1 items'],
    ['with too many properties', '{a: {type: object, maxProperties: 1, additionalProperties: {type: string}}}', '{a: {b: c, d: e}}', 'spec.a: Too many: 2: must have at most 1 items'],
    ['with a value that is none of the values', '{a: {type: string, enum: [b, c]}}', '{a: d}', 'spec.a: Unsupported value: "d": supported values: "b", "c"'],
    ['with no int and no string', '{a: {x-kubernetes-int-or-string: true}}', '{a: true}', 'spec.a: Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean"'],
    ['with what fits none', '{a: {type: string, oneOf: [{pattern: "^b"}, {pattern: "^c"}]}}', '{a: d}', '<nil>: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found none valid'],
    ['with an address that is none', '{a: {type: string, format: ipv4}}', '{a: 1.2.3}', 'spec.a: Invalid value: "1.2.3": spec.a in body must be of type ipv4: "1.2.3"'],
    ['with an embedded object of no kind', '{a: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}}', '{a: {apiVersion: v1}}', 'spec.a.kind: Required value: must not be empty'],
    ['with an item twice', '{a: {type: array, x-kubernetes-list-type: set, items: {type: integer}}}', '{a: [1, 2, 1]}', 'spec.a[2]: Duplicate value: 1'],
    ['with a field that is not declared', '{a: {type: object, properties: {b: {type: string}}}}', '{a: {c: 1}}', 'strict decoding error: unknown field "spec.a.c"'],
  ]
  const RULES: [string, string, string, string][] = [
    ['a rule', '{a: {type: integer, x-kubernetes-validations: [{rule: self > 3}]}}', '{a: 2}', 'Thing.example.com "one" is invalid: spec.a: Invalid value: "integer": failed rule: self > 3'],
    ['a rule with words of its own', '{a: {type: array, items: {type: object, properties: {min: {type: integer}, max: {type: integer}}, x-kubernetes-validations: [{rule: self.min <= self.max, message: min is at most max}]}}}', '{a: [{min: 1, max: 2}, {min: 3, max: 2}]}', 'spec.a[1]: Invalid value: "object": min is at most max'],
    ['a rule about fields that may be absent', '{a: {type: object, properties: {x: {type: string}, y-z: {type: string}}, x-kubernetes-validations: [{rule: "has(self.x) != has(self.y__dash__z)", message: one of them, reason: FieldValueForbidden, fieldPath: .x}]}}', '{a: {x: a, y-z: b}}', 'spec.a.x: Forbidden: one of them'],
    ['a rule that makes its words', "{a: {type: string, x-kubernetes-validations: [{rule: self.startsWith('a'), messageExpression: \"self + ' does not start with a'\"}]}}", '{a: xyz}', 'spec.a: Invalid value: "string": xyz does not start with a'],
    ['a rule that meets what is not there', '{a: {type: object, properties: {b: {type: integer}}, x-kubernetes-validations: [{rule: self.b > 1}]}}', '{a: {}}', 'spec.a: Invalid value: "object": no such key: b evaluating rule: self.b > 1'],
    ['no rule, when the schema is broken', '{a: {type: string, maxLength: 1, x-kubernetes-validations: [{rule: self == "b"}]}}', '{a: cc}', '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'],
  ]
  it.each(RULES)('is held to %s', (_, properties, spec, message) => {
    create(definition(properties))
    expect(refused(() => create(thing(spec)))).toContain(message)
  })

  it('is held to rules about how it may change', () => {
    create(definition('{a: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: a is immutable}]}, b: {type: string}}'))
    create(thing('{a: x, b: y}'))
    const patch = (spec: object): string => refused(() => api.patch('things.example.com', 'default', 'one', 'application/merge-patch+json', { spec }))
    expect(patch({ b: 'z' })).toBe('not refused')
    expect(patch({ a: 'w' })).toContain('spec.a: Invalid value: "string": a is immutable')
  })

  it.each(WRONG)('%s is refused', (_, properties, spec, message) => {
    create(definition(properties))
    expect(refused(() => create(thing(spec)))).toContain(message)
  })

  it('gets its defaults, level by level, and loses nulls that may not be', () => {
    create(definition('{a: {type: object, default: {}, properties: {b: {type: integer, default: 3}, c: {type: string, nullable: true}}}, list: {type: array, items: {type: object, properties: {on: {type: boolean, default: true}}}}}'))
    expect((create(thing('{list: [{}, {on: false}], a: {b: null, c: null}}')) as { spec?: unknown }).spec).toEqual({ list: [{ on: true }, { on: false }], a: { b: 3, c: null } })
    expect((create(thing('{}', 'two')) as { spec?: unknown }).spec).toEqual({ a: { b: 3 } })
  })

  it('is pruned where that is asked for, except where everything is kept', () => {
    create(definition('{a: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {b: {type: object}}}}'))
    const warnings: string[] = []
    const made = api.create('things.example.com', 'default', parse(thing('{x: 1, a: {y: [1, {z: 2}], b: {w: 3}}}')), { fieldValidation: 'Warn', onWarning: (text) => warnings.push(text) })
    expect((made as { spec?: unknown }).spec).toEqual({ a: { y: [1, { z: 2 }], b: {} } })
    expect(warnings).toEqual(['unknown field "spec.a.b.w"', 'unknown field "spec.x"'])
  })

  it('keeps what was wrong before its schema said so, as long as nobody touches it', () => {
    create(definition('{a: {type: string}, b: {type: string}}'))
    create(thing('{a: long, b: x}'))
    const stricter = structuredClone(api.get('customresourcedefinitions', undefined, 'things.example.com')) as unknown as { spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: { a: { maxLength?: number } } } } } } }[] } }
    stricter.spec.versions[0]!.schema.openAPIV3Schema.properties.spec.properties.a.maxLength = 2
    api.update('customresourcedefinitions', undefined, 'things.example.com', stricter)
    clock.runFor(0)
    api.patch('things.example.com', 'default', 'one', 'application/merge-patch+json', { spec: { b: 'y' } })
    expect(refused(() => api.patch('things.example.com', 'default', 'one', 'application/merge-patch+json', { spec: { a: 'longer' } }))).toContain('Too long')
  })

  it('has its status apart, and a generation that follows the rest', () => {
    create(definition('{a: {type: string}}', '    subresources: {status: {}}').replace('properties: {spec:', 'properties: {status: {type: object, x-kubernetes-preserve-unknown-fields: true}, spec:'))
    const made = create('{apiVersion: example.com/v1, kind: Thing, metadata: {name: one}, spec: {a: b}, status: {c: d}}') as KubeObject & { status?: unknown }
    expect([made.metadata.generation, made.status]).toEqual([1, undefined])
    const patch = (body: object, subresource?: string): KubeObject & { status?: unknown } => api.patch('things.example.com', 'default', 'one', 'application/merge-patch+json', body, subresource ? { subresource } : {})
    expect(patch({ status: { c: 'e' }, spec: { a: 'c' } }, 'status')).toMatchObject({ status: { c: 'e' }, spec: { a: 'b' }, metadata: { generation: 1 } })
    expect(patch({ status: { c: 'f' }, spec: { a: 'c' } })).toMatchObject({ status: { c: 'e' }, spec: { a: 'c' }, metadata: { generation: 2 } })
    expect(patch({ metadata: { labels: { x: 'y' } } }).metadata.generation).toBe(2)
  })

  it('has the defaults of its status, too, as nobody has written one', () => {
    create(definition('{a: {type: string}}', '    subresources: {status: {}}').replace('properties: {spec:', 'properties: {status: {type: object, default: {phase: Waiting}, properties: {phase: {type: string}}}, spec:'))
    expect(create('{apiVersion: example.com/v1, kind: Thing, metadata: {name: one}, status: {phase: Done}}')).toMatchObject({ status: { phase: 'Waiting' } })
  })

  it('is one object in all of its versions', () => {
    create(definition('{a: {type: string}}', `  - name: v1beta1
    served: true
    storage: false
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`))
    create(thing('{a: b}'))
    expect(api.get('things.v1beta1.example.com', 'default', 'one')).toMatchObject({ apiVersion: 'example.com/v1beta1', spec: { a: 'b' } })
    const seen: string[] = []
    api.watch('things.v1beta1.example.com', {}, (event) => 'object' in event && seen.push(event.object.apiVersion))
    api.patch('things.v1beta1.example.com', 'default', 'one', 'application/merge-patch+json', { spec: { a: 'c' } })
    clock.runFor(0)
    expect(api.get('things.example.com', 'default', 'one')).toMatchObject({ apiVersion: 'example.com/v1', spec: { a: 'c' } })
    expect(seen).toEqual(['example.com/v1beta1', 'example.com/v1beta1'])
  })

  it('may share its plural and kind with a built-in one', () => {
    create(definition('{a: {type: string}}').replaceAll('things', 'networkpolicies').replace('Thing', 'NetworkPolicy'))
    create('{apiVersion: example.com/v1, kind: NetworkPolicy, metadata: {name: one}, spec: {a: b}}')
    expect(api.list('networkpolicies').items).toEqual([])
    expect(api.list('networkpolicies.example.com').items).toHaveLength(1)
    expect(api.findResource('networkpolicies')!.group).toBe('networking.k8s.io')
  })

  it('goes with its owner and with its namespace', () => {
    startControllerManager(clock, api, parseClusterConfig({}))
    create(definition('{a: {type: string}}'))
    const owner = create('{apiVersion: v1, kind: ConfigMap, metadata: {name: owner, namespace: default}}')
    create(`{apiVersion: example.com/v1, kind: Thing, metadata: {name: owned, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: ${owner.metadata.uid}}]}}`)
    const parent = create(thing('{}', 'parent'))
    create(`{apiVersion: v1, kind: ConfigMap, metadata: {name: child, namespace: default, ownerReferences: [{apiVersion: example.com/v1, kind: Thing, name: parent, uid: ${parent.metadata.uid}}]}}`)
    clock.runFor(100)
    api.delete('configmaps', 'default', 'owner')
    api.delete('things.example.com', 'default', 'parent')
    clock.runFor(1_000)
    expect(api.list('things.example.com').items).toEqual([])
    expect(api.list('configmaps', { namespace: 'default' }).items.map((o) => o.metadata.name)).not.toContain('child')
    create('{apiVersion: v1, kind: Namespace, metadata: {name: other}}')
    create('{apiVersion: example.com/v1, kind: Thing, metadata: {name: there, namespace: other}}')
    api.delete('namespaces', undefined, 'other')
    clock.runFor(10_000)
    expect(api.list('things.example.com').items).toEqual([])
    expect(api.list('namespaces').items.map((o) => o.metadata.name)).not.toContain('other')
  })
})
