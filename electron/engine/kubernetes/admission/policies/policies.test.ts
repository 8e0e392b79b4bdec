import { beforeEach, describe, expect, it } from 'vitest'
import { Clock } from '../../../clock.ts'
import { ApiServer } from '../../api-server.ts'
import { StatusError } from '../../client.ts'
import type { KubeObject } from '../../types.ts'

/** The stories of the kubernetes.io page about ValidatingAdmissionPolicy. */

let api: ApiServer
beforeEach(() => {
  api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  api.patch('namespaces', undefined, 'default', 'application/merge-patch+json', { metadata: { labels: { environment: 'test' } } })
})

const NAME = 'demo-policy.example.com'
const BY = `ValidatingAdmissionPolicy '${NAME}' with binding 'demo' denied request: `
const RULE = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }

function policy(spec: object): void {
  api.create('validatingadmissionpolicies', undefined, { metadata: { name: NAME }, spec: { matchConstraints: { resourceRules: [RULE] }, ...spec } })
}
function bind(spec: object = {}, name = 'demo'): void {
  api.create('validatingadmissionpolicybindings', undefined, { metadata: { name }, spec: { policyName: NAME, validationActions: ['Deny'], ...spec } })
}
function deployment(replicas: number, more: { labels?: Record<string, string>; image?: string } = {}): object {
  const labels = { app: 'web', ...more.labels }
  return { metadata: { name: 'web', labels }, spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: more.image ?? 'nginx:1.27' }] } } } }
}
function refusal(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return `${error.status.code} ${error.status.reason} ${error.message}`
  }
}
const create = (replicas: number, more = {}): string | undefined => refusal(() => api.create('deployments', 'default', deployment(replicas, more)))
const at = (code: string, why: string): string => `${code} deployments.apps "web" is forbidden: ${BY}${why}`

describe('a ValidatingAdmissionPolicy', () => {
  it('holds where it is bound, for what its rules name', () => {
    policy({ validations: [{ expression: 'object.spec.replicas <= 5' }] })
    expect(create(6)).toBeUndefined()
    bind({ matchResources: { namespaceSelector: { matchLabels: { environment: 'test' } } } })
    expect(refusal(() => api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { spec: { replicas: 7 } }))).toBe(at('422 Invalid', 'failed expression: object.spec.replicas <= 5'))
    expect(refusal(() => api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { spec: { replicas: 7 } }, { subresource: 'scale' }))).toBeUndefined()
    api.create('namespaces', undefined, { metadata: { name: 'free' } })
    expect(refusal(() => api.create('deployments', 'free', deployment(9)))).toBeUndefined()
    api.delete('validatingadmissionpolicybindings', undefined, 'demo')
    expect(refusal(() => api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { spec: { replicas: 8 } }))).toBeUndefined()
  })

  it('keeps new ServiceCIDRs within those that are allowed, as the page about them has it', () => {
    policy({
      matchConstraints: { resourceRules: [{ apiGroups: ['networking.k8s.io'], apiVersions: ['v1', 'v1beta1'], operations: ['CREATE', 'UPDATE'], resources: ['servicecidrs'] }] },
      matchConditions: [{ name: 'exclude-default-servicecidr', expression: "object.metadata.name != 'kubernetes'" }],
      variables: [{ name: 'allowed', expression: "['10.96.0.0/16', '2001:db8::/64']" }],
      validations: [{ expression: 'object.spec.cidrs.all(newCIDR, variables.allowed.exists(allowedCIDR, cidr(allowedCIDR).containsCIDR(newCIDR)))', message: 'out of the allowed ranges' }],
    })
    bind()
    const make = (name: string, ...cidrs: string[]): string | undefined => refusal(() => api.create('servicecidrs', undefined, { metadata: { name }, spec: { cidrs } }))
    expect(make('inside', '10.96.4.0/24', '2001:db8::4:0/112')).toBeUndefined()
    expect(make('outside', '10.200.0.0/24')).toBe(`422 Invalid servicecidrs.networking.k8s.io "outside" is forbidden: ${BY}out of the allowed ranges`)
  })

  it('sees the scale where deployments/scale is meant', () => {
    policy({ matchConstraints: { resourceRules: [{ ...RULE, resources: ['deployments/scale'] }] }, validations: [{ expression: 'object.kind == "Scale" && object.spec.replicas < 3', message: 'two at most' }] })
    bind()
    create(1)
    const scale = (replicas: number): string | undefined => refusal(() => api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { spec: { replicas } }, { subresource: 'scale' }))
    expect([scale(2), scale(3)]).toEqual([undefined, at('422 Invalid', 'two at most')])
  })

  it('takes its limits from parameters, and says them', () => {
    policy({ paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, validations: [{ expression: 'object.spec.replicas <= int(params.data.maxReplicas)', messageExpression: '"object.spec.replicas must be no greater than " + params.data.maxReplicas', reason: 'Forbidden' }] })
    bind({ paramRef: { name: 'limit', namespace: 'default', parameterNotFoundAction: 'Deny' } })
    expect(create(1)).toBe(at('422 Invalid', 'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction'))
    api.create('configmaps', 'default', { metadata: { name: 'limit' }, data: { maxReplicas: '3' } })
    expect(create(4)).toBe(at('403 Forbidden', 'object.spec.replicas must be no greater than 3'))
    expect(create(3)).toBeUndefined()
  })

  it('of a kind of parameters that is not there cannot be kept', () => {
    policy({ paramKind: { apiVersion: 'rules.example.com/v1', kind: 'ReplicaLimit' }, validations: [{ expression: 'true' }] })
    bind({ paramRef: { name: 'limit', parameterNotFoundAction: 'Allow' } })
    expect(create(1)).toBe(`422 Invalid deployments.apps "web" is forbidden: ValidatingAdmissionPolicy '${NAME}' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'rules.example.com/v1, Kind=ReplicaLimit'`)
  })

  it('has variables, match conditions and the namespace', () => {
    policy({
      matchConditions: [{ name: 'not-exempt', expression: '!("exempt" in object.metadata.labels)' }],
      variables: [{ name: 'env', expression: "has(namespaceObject.metadata.labels.environment) ? namespaceObject.metadata.labels.environment : 'prod'" }],
      validations: [{ expression: "variables.env == 'prod' || object.spec.template.spec.containers.all(c, c.image.startsWith('example.com/'))", messageExpression: "'only example.com images are allowed in namespace ' + namespaceObject.metadata.name + ' of ' + variables.env" }],
    })
    bind()
    expect(create(1)).toBe(at('422 Invalid', 'only example.com images are allowed in namespace default of test'))
    expect(create(1, { labels: { exempt: 'yes' } })).toBeUndefined()
  })

  it('only warns where its binding says so', () => {
    policy({ validations: [{ expression: 'object.spec.replicas <= 5' }] })
    bind({ validationActions: ['Warn', 'Audit'] })
    const warnings: string[] = []
    api.create('deployments', 'default', deployment(6), { onWarning: (text) => warnings.push(text) })
    expect(warnings).toEqual([`Validation failed for ValidatingAdmissionPolicy '${NAME}' with binding 'demo': failed expression: object.spec.replicas <= 5`])
  })

  it('that cannot be computed refuses, unless it may fail', () => {
    policy({ validations: [{ expression: 'object.spec.nothing > 1' }] })
    bind()
    expect(create(1)).toBe(at('422 Invalid', "expression 'object.spec.nothing > 1' resulted in error: no such key: nothing"))
    api.patch('validatingadmissionpolicies', undefined, NAME, 'application/merge-patch+json', { spec: { failurePolicy: 'Ignore' } })
    expect(create(1)).toBeUndefined()
  })

  it('may say what is deleted, and who asks', () => {
    policy({ matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['configmaps'] }] }, validations: [{ expression: "request.userInfo.username == 'jane' || !('keep' in oldObject.metadata.labels)", message: 'it is kept' }] })
    bind()
    api.create('configmaps', 'default', { metadata: { name: 'a', labels: { keep: 'yes' } } })
    expect(refusal(() => api.delete('configmaps', 'default', 'a'))).toBe(`422 Invalid configmaps "a" is forbidden: ${BY}it is kept`)
    expect(refusal(() => api.delete('configmaps', 'default', 'a', { user: { name: 'jane', groups: [] } }))).toBeUndefined()
  })
})

describe('what is written of it', () => {
  it('is defaulted', () => {
    policy({ validations: [{ expression: 'true' }] })
    const { spec } = api.get<KubeObject & { spec: unknown }>('validatingadmissionpolicies', undefined, NAME)
    expect(spec).toEqual({ failurePolicy: 'Fail', matchConstraints: { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {}, resourceRules: [{ ...RULE, scope: '*' }] }, validations: [{ expression: 'true' }] })
  })

  it.each([
    ['without rules', { matchConstraints: {} }, 'spec.matchConstraints.resourceRules: Required value'],
    ['without validations', { validations: [] }, 'spec.validations: Required value: validations or auditAnnotations must contain at least one item'],
    ['with a reason that is none', { validations: [{ expression: 'true', reason: 'Because' }] }, 'spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"'],
    ['with a name that nobody has declared', { validations: [{ expression: 'foo > 1' }] }, "spec.validations[0].expression: Invalid value: \"foo > 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo > 1\n | ^"],
    ['with types that do not fit', { validations: [{ expression: "1 < 'a'" }] }, "compilation failed: ERROR: <input>:1:3: found no matching overload for '_<_' applied to '(int, string)'\n | 1 < 'a'\n | ..^"],
    ['with parameters that it does not have', { validations: [{ expression: 'object.foo < params.x' }] }, "undeclared reference to 'params' (in container '')"],
    ['with a field that no request has', { validations: [{ expression: "request.userInfo.foo5 == 'nope'" }] }, "undefined field 'foo5'"],
    ['with a variable of a later line', { variables: [{ name: 'a', expression: 'variables.b' }, { name: 'b', expression: '1' }], validations: [{ expression: 'variables.a == variables.b' }] }, "spec.variables[0].expression: Invalid value: \"variables.b\": compilation failed: ERROR: <input>:1:10: undefined field 'b'"],
    ['with what is no condition', { validations: [{ expression: 'object.spec.replicas' }] }, 'spec.validations[0].expression: Invalid value: "object.spec.replicas": must evaluate to bool but got dyn'],
    ['with a message that is no text', { validations: [{ expression: 'true', messageExpression: '1' }] }, 'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int'],
    ['with an annotation that is no text', { auditAnnotations: [{ key: 'a', valueExpression: 'true' }] }, 'spec.auditAnnotations[0].valueExpression: Invalid value: "true": must evaluate to one of [string null_type] but got bool'],
    ['with conditions that look at variables', { matchConditions: [{ name: 'a', expression: 'variables.a' }], variables: [{ name: 'a', expression: 'true' }] }, "spec.matchConditions[0].expression: Invalid value: \"variables.a\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')"],
    ['with a subresource twice', { matchConstraints: { resourceRules: [{ ...RULE, resources: ['pods/*', 'pods/log'] }] } }, "spec.matchConstraints.resourceRules[0].resources[1]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log"],
  ])('is refused %s', (_, spec, why) => {
    expect(refusal(() => policy({ validations: [{ expression: 'true' }], ...spec }))).toContain(why)
  })

  it('is refused with Deny and Warn at once', () => {
    expect(refusal(() => bind({ validationActions: ['Deny', 'Warn'] }))).toContain('spec.validationActions: Invalid value: []admissionregistration.ValidationAction{"Deny", "Warn"}: must not contain both Deny and Warn')
  })

  it('names what of CEL is not simulated', () => {
    const warnings: string[] = []
    api.create('validatingadmissionpolicies', undefined, { metadata: { name: NAME }, spec: { matchConstraints: { resourceRules: [RULE] }, validations: [{ expression: "authorizer.group('').resource('pods').check('create').allowed()" }] } }, { onWarning: (text) => warnings.push(text) })
    expect(warnings).toEqual([`podhop: not simulated: the CEL of validations[0] of ${NAME} (it holds for everything)`])
  })
})
