import { GROUP, type MatchResources, type Policy, type PolicyBinding, type Rule, type Webhook, type WebhookConfiguration } from '../admission/registration.ts'
import { deepEqual } from '../json.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { policyWarnings, validatePolicy, validatePolicyBinding, validatePolicyUpdate } from '../validation/admission-policies.ts'
import { validateWebhooks, validateWebhooksUpdate, webhookWarnings } from '../validation/admission-webhooks.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

/** admissionregistration.k8s.io/v1: pkg/apis/admissionregistration/v1/defaults.go, pkg/registry/admissionregistration, pkg/printers. */

function defaultRules(rules: readonly Rule[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*'
}

function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= 10
  defaultRules(webhook.rules)
  if (webhook.clientConfig.service) webhook.clientConfig.service.port ??= 443
}

function configuration(kind: string, name: string, mutating: boolean): Kind<WebhookConfiguration> {
  return {
    resource: apiResource(kind, name, { group: GROUP, namespaced: false }),
    type: kind,
    validName: dns1123Subdomain,
    createOnUpdate: false,
    generationChanged: (object, old) => !deepEqual(object.webhooks, old.webhooks),
    setDefaults: ({ webhooks }) => webhooks?.forEach((webhook) => {
      defaultWebhook(webhook)
      if (mutating) webhook.reinvocationPolicy ??= 'Never'
    }),
    validate: (object, errors) => validateWebhooks(object, mutating, errors),
    validateUpdate: (object, old, errors) => validateWebhooksUpdate(object, old, mutating, errors),
    warnings: webhookWarnings,
    columns: [NAME, { name: 'Webhooks', type: 'integer', cell: ({ webhooks }) => webhooks?.length ?? 0 }, AGE],
  }
}

export const mutatingWebhookConfiguration = configuration('MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', true)
export const validatingWebhookConfiguration = configuration('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', false)

function defaultMatching(match: MatchResources | undefined): void {
  if (!match) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  defaultRules(match.resourceRules)
  defaultRules(match.excludeResourceRules)
}

const UNSET = '<unset>'

export const validatingAdmissionPolicy: Kind<Policy> = {
  resource: apiResource('ValidatingAdmissionPolicy', 'validatingadmissionpolicies', { group: GROUP, namespaced: false, subresources: ['status'] }),
  type: 'ValidatingAdmissionPolicy',
  validName: dns1123Subdomain,
  generationChanged: ({ spec }, old) => !deepEqual(spec, old.spec),
  setDefaults({ spec }) {
    spec.failurePolicy ??= 'Fail'
    defaultMatching(spec.matchConstraints)
  },
  prepareForCreate(object) {
    object.status = {}
  },
  validate: validatePolicy,
  validateUpdate: validatePolicyUpdate,
  warnings: policyWarnings,
  columns: [
    NAME,
    { name: 'Validations', type: 'integer', cell: ({ spec }) => spec.validations?.length ?? 0 },
    { name: 'ParamKind', cell: ({ spec: { paramKind } }) => (paramKind ? `${paramKind.apiVersion}/${paramKind.kind}` : UNSET) },
    AGE,
  ],
}

/** printValidatingAdmissionPolicyBinding. */
function paramOf({ spec: { paramRef } }: PolicyBinding): string {
  if (!paramRef) return UNSET
  if (paramRef.selector) return '*'
  return paramRef.namespace ? `${paramRef.namespace}/${paramRef.name}` : `*/${paramRef.name}`
}

export const validatingAdmissionPolicyBinding: Kind<PolicyBinding> = {
  resource: apiResource('ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings', { group: GROUP, namespaced: false }),
  type: 'ValidatingAdmissionPolicyBinding',
  validName: dns1123Subdomain,
  generationChanged: ({ spec }, old) => !deepEqual(spec, old.spec),
  setDefaults: ({ spec }) => defaultMatching(spec.matchResources),
  validate: validatePolicyBinding,
  columns: [NAME, { name: 'PolicyName', cell: ({ spec }) => spec.policyName ?? '' }, { name: 'ParamRef', cell: paramOf }, AGE],
}
