import type { Condition, LabelSelector } from 'kubernetes-types/meta/v1'
import type { KubeObject } from '../types.ts'

/** Objects of admissionregistration.k8s.io/v1: who is asked about writes, and which rules they must keep. */
export const GROUP = 'admissionregistration.k8s.io'
export const VALIDATING = 'validatingwebhookconfigurations'
export const MUTATING = 'mutatingwebhookconfigurations'
export const POLICIES = 'validatingadmissionpolicies'
export const BINDINGS = 'validatingadmissionpolicybindings'

export interface Rule {
  operations?: string[]
  apiGroups?: string[]
  apiVersions?: string[]
  /** "pods", "pods/status", "*", and so on, as the API reference has them. */
  resources?: string[]
  scope?: string
}
export interface NamedRule extends Rule {
  resourceNames?: string[]
}
export interface MatchCondition { name: string; expression: string }
export interface ServiceReference { namespace: string; name: string; path?: string; port?: number }
export interface ClientConfig {
  url?: string
  service?: ServiceReference
  /** PEM in base64. */
  caBundle?: string
}
export interface Webhook {
  name: string
  clientConfig: ClientConfig
  rules?: Rule[]
  failurePolicy?: string
  matchPolicy?: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  sideEffects?: string
  timeoutSeconds?: number
  admissionReviewVersions: string[]
  matchConditions?: MatchCondition[]
  /** Of mutating ones. */
  reinvocationPolicy?: string
}
export type WebhookConfiguration = KubeObject & { webhooks?: Webhook[] }

export interface MatchResources {
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  resourceRules?: NamedRule[]
  excludeResourceRules?: NamedRule[]
  matchPolicy?: string
}
export interface Validation { expression: string; message?: string; messageExpression?: string; reason?: string }
export type Policy = KubeObject & {
  spec: {
    paramKind?: { apiVersion?: string; kind?: string }
    matchConstraints?: MatchResources
    validations?: Validation[]
    failurePolicy?: string
    auditAnnotations?: { key: string; valueExpression: string }[]
    matchConditions?: MatchCondition[]
    variables?: { name: string; expression: string }[]
  }
  status: { observedGeneration?: number; typeChecking?: { expressionWarnings?: { fieldRef: string; warning: string }[] }; conditions?: Condition[] }
}
export interface ParamRef { name?: string; namespace?: string; selector?: LabelSelector; parameterNotFoundAction?: string }
export type PolicyBinding = KubeObject & { spec: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources; validationActions?: string[] } }
