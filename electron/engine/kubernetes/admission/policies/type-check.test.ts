import { describe, expect, it } from 'vitest'
import { Clock } from '../../../clock.ts'
import { ApiServer } from '../../api-server.ts'
import type { ApiResource } from '../../client.ts'
import type { OpenApiDocument, OpenApiSchema } from '../../openapi/types.ts'
import type { Policy } from '../registration.ts'
import { kindsToCheck, typeCheck } from './type-check.ts'

/** The tables of staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking_test.go (v1.33). */
const DEPLOYMENTS = { apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] }

function policy(validation: { expression: string; messageExpression?: string }, more: Partial<Policy['spec']> = {}): Policy {
  return { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'demo' }, spec: { matchConstraints: { resourceRules: [DEPLOYMENTS] }, validations: [validation], ...more }, status: {} } as unknown as Policy
}

/** A server whose every kind has this schema. */
function catalogue(schema: OpenApiSchema | undefined): { resources(): ApiResource[]; openApi(path: string): OpenApiDocument } {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const kinds = [['apps', 'v1', 'Deployment'], ['', 'v1', 'DoesNotMatter'], ['', 'v1', 'Config']] as const
  const schemas: Record<string, OpenApiSchema> = {}
  if (schema) schemas['it'] = { ...schema, 'x-kubernetes-group-version-kind': kinds.map(([group, version, kind]) => ({ group, version, kind })) }
  return { resources: () => [...api.resources()], openApi: () => ({ openapi: '3.0.0', info: { title: '', version: '' }, paths: {}, components: { schemas } }) }
}
const having = (properties: Record<string, OpenApiSchema>): OpenApiSchema => ({ type: 'object', properties })
const STRING: OpenApiSchema = { type: 'string' }
const INT: OpenApiSchema = { type: 'integer', format: 'int64' }

const rows: [name: string, schema: OpenApiSchema | undefined, policy: Policy, ...warnings: [fieldRef: string, part: string][]][] = [
  ['empty', undefined, { ...policy({ expression: '' }), spec: {} }],
  ['of a schema that nobody knows', undefined, policy({ expression: "object.foo == 'bar'" })],
  ['passed', having({ foo: STRING }), policy({ expression: "object.foo == 'bar'" })],
  ['of an undefined field', having({ bar: STRING }), policy({ expression: "object.foo == 'bar'" }), ['spec.validations[0].expression', "undefined field 'foo'"]],
  ['of a field of another type', having({ foo: INT }), policy({ expression: "object.foo == 'bar'" }), ['spec.validations[0].expression', 'found no matching overload']],
  ['of parameters', having({ foo: STRING }), policy({ expression: 'object.foo == params.bar' }, { paramKind: { apiVersion: 'v1', kind: 'DoesNotMatter' } }), ['spec.validations[0].expression', "undefined field 'bar'"]],
  ['of parameters without a schema', {}, policy({ expression: 'params != null' }, { paramKind: { apiVersion: 'v1', kind: 'Config' } })],
  ['of several expressions', having({ foo: STRING }), policy({ expression: '' }, { validations: [{ expression: "object.foo == 'bar'" }, { expression: "object.bar == 'foo'" }] }), ['spec.validations[1].expression', "undefined field 'bar'"]],
  ['of a message', having({ foo: STRING }), policy({ expression: "object.foo == 'bar'", messageExpression: 'object.foo + 114514' }), ['spec.validations[0].messageExpression', "'_+_' applied to '(string, int)'"]],
  ['of the authorizer', having({ foo: STRING }), policy({ expression: "authorizer.group('').resource('endpoints').check('create').allowed()" })],
  ['of the authorizer where it is none', having({ foo: STRING }), policy({ expression: 'authorizer.allowed()' }), ['spec.validations[0].expression', "found no matching overload for 'allowed' applied to 'kubernetes.authorization.Authorizer"]],
  ['beside additionalProperties: true', having({ spec: having({ text: STRING }), status: having({ problematicProperty: { type: 'object', additionalProperties: true } }) }), policy({ expression: 'has(object.spec.text)' })],
  ['of a schema without a type', {}, policy({ expression: 'true' })],
  ['of variables', having({ foo: INT }), policy({ expression: 'variables.works' }, { variables: [{ name: 'works', expression: 'true' }] })],
  ['of variables that are not there', having({ foo: INT }), policy({ expression: 'variables.nonExisting' }, { variables: [{ name: 'works', expression: 'true' }] }), ['spec.validations[0].expression', "undefined field 'nonExisting'"]],
  ['of variables of another type', having({ foo: INT }), policy({ expression: 'variables.name == object.foo' }, { variables: [{ name: 'name', expression: "'something'" }] }), ['spec.validations[0].expression', "found no matching overload for '_==_' applied to '(string, int)'"]],
]

describe('the type check', () => {
  it.each(rows)('%s', (_, schema, checked, ...warnings) => {
    expect(typeCheck(checked, catalogue(schema), 7)).toEqual(warnings.map(([fieldRef, part]) => ({ fieldRef, warning: expect.stringContaining(part) as string })))
  })

  it.each([
    ['nothing', [], []],
    ['one kind', [DEPLOYMENTS], ['apps/v1 Deployment']],
    ['several', [DEPLOYMENTS, { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }], ['/v1 Pod', 'apps/v1 Deployment']],
    ['no wildcard', [{ ...DEPLOYMENTS, resources: ['*'] }], []],
    ['no subresources', [{ ...DEPLOYMENTS, resources: ['pods/*'] }], []],
    ['what is named beside wildcards', [DEPLOYMENTS, { ...DEPLOYMENTS, apiVersions: ['*'] }], ['apps/v1 Deployment']],
    // the group of events, core's, is a RESTMapper's word for any
    ['every group where none is said', [{ apiGroups: [''], apiVersions: ['v1'], resources: ['events'] }], ['/v1 Event', 'events.k8s.io/v1 Event']],
    ['ten of a rule at most', [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods', 'services', 'nodes', 'namespaces', 'secrets', 'configmaps', 'endpoints', 'serviceaccounts', 'replicationcontrollers', 'persistentvolumeclaims', 'deployments'] }],
      ['/v1 ConfigMap', '/v1 Endpoints', '/v1 Namespace', '/v1 Node', '/v1 PersistentVolumeClaim', '/v1 Pod', '/v1 ReplicationController', '/v1 Secret', '/v1 ServiceAccount', 'apps/v1 Deployment']],
  ])('looks at %s', (_, resourceRules, kinds) => {
    expect(kindsToCheck({ resourceRules }, catalogue({}).resources()).map(({ group, version, kind }) => `${group}/${version} ${kind}`)).toEqual(kinds)
  })
})

describe('the status of a policy', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const RULE = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }
  const warned = (expression: string, more: Partial<Policy['spec']> = {}): string[] => typeCheck(policy({ expression }, { matchConstraints: { resourceRules: [RULE] }, ...more }), api, 7).map(({ warning }) => warning)

  it('says what is wrong with the fields of a kind, and where', () => {
    expect(typeCheck(policy({ expression: 'object.replicas > 1' }), api, 7)).toEqual([{ fieldRef: 'spec.validations[0].expression', warning: "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n" }])
    expect(warned('object.spec.containers.all(c, c.imagee != "")')).toEqual(["/v1, Kind=Pod: ERROR: <input>:1:32: undefined field 'imagee'\n | object.spec.containers.all(c, c.imagee != \"\")\n | ...............................^\n"])
    expect(warned('object.spec == 1')).toEqual([expect.stringContaining("'_==_' applied to '(Pod7.spec, int)'")])
  })

  it.each([
    "object.metadata.name.startsWith('a') && object.metadata.labels['app'] == 'b' && 'c' in object.metadata.annotations",
    'object.spec.containers.all(c, has(c.securityContext) && has(c.securityContext.runAsNonRoot) && c.securityContext.runAsNonRoot)',
    'object.spec.containers.all(c, c.livenessProbe.httpGet.port == 80 || c.livenessProbe.httpGet.port == "http")',
    'object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z")',
    'oldObject == null || oldObject.spec.nodeName == object.spec.nodeName',
    'object.metadata.__namespace__ == request.namespace && object.metadata.namespace == namespaceObject.metadata.name',
    'object.spec.?hostNetwork.orValue(false) == false',
  ])('has nothing to say of %s', (expression) => expect(warned(expression)).toEqual([]))

  it('does not know quantities, which have no type, nor authorizer.requestResource', () => {
    expect(warned('has(object.spec.containers[0].resources.limits)')).toEqual([expect.stringContaining("undefined field 'limits'")])
    expect(warned("authorizer.requestResource.check('get').allowed()")).toEqual([expect.stringContaining("type 'kubernetes.authorization.Authorizer' does not support field selection")])
  })

  it('does not know parameters of a kind that is not there', () => {
    expect(warned("params.a == 'b'", { paramKind: { apiVersion: 'rules.example.com/v1', kind: 'Limit' } })).toEqual([expect.stringContaining("undeclared reference to 'params' (in container '')")])
    expect(warned("params.data['a'] == 'b'", { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } })).toEqual([])
  })
})
