/** Types of k8s.io/api admissionregistration/v1 (v1.33), in the notation of notation.ts. */
export const ADMISSIONREGISTRATION = `
ValidatingWebhookConfiguration metadata:ObjectMeta webhooks:[ValidatingWebhook]@name
ValidatingWebhook name:s! clientConfig:admissionregistration.WebhookClientConfig rules:[RuleWithOperations] failurePolicy:*FailurePolicyType
  matchPolicy:*MatchPolicyType namespaceSelector:*LabelSelector objectSelector:*LabelSelector sideEffects:*SideEffectClass timeoutSeconds:*i
  admissionReviewVersions:[s]! matchConditions:[MatchCondition]@name
MutatingWebhookConfiguration metadata:ObjectMeta webhooks:[MutatingWebhook]@name
MutatingWebhook name:s! clientConfig:admissionregistration.WebhookClientConfig rules:[RuleWithOperations] failurePolicy:*FailurePolicyType
  matchPolicy:*MatchPolicyType namespaceSelector:*LabelSelector objectSelector:*LabelSelector sideEffects:*SideEffectClass timeoutSeconds:*i
  admissionReviewVersions:[s]! reinvocationPolicy:*ReinvocationPolicyType matchConditions:[MatchCondition]@name
admissionregistration.WebhookClientConfig url:*s service:*admissionregistration.ServiceReference caBundle:bytes
admissionregistration.ServiceReference namespace:s! name:s! path:*s port:*i
RuleWithOperations operations:[OperationType] apiGroups:[s] apiVersions:[s] resources:[s] scope:*ScopeType
MatchCondition name:s! expression:s!
FailurePolicyType =s
MatchPolicyType =s
SideEffectClass =s
ReinvocationPolicyType =s
OperationType =s
ScopeType =s
ValidatingAdmissionPolicy metadata:ObjectMeta spec:ValidatingAdmissionPolicySpec status:ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicySpec paramKind:*ParamKind matchConstraints:*MatchResources validations:[Validation] failurePolicy:*FailurePolicyType
  auditAnnotations:[AuditAnnotation] matchConditions:[MatchCondition]@name variables:[Variable]@name
ParamKind% apiVersion:s kind:s
MatchResources% namespaceSelector:*LabelSelector objectSelector:*LabelSelector resourceRules:[NamedRuleWithOperations]
  excludeResourceRules:[NamedRuleWithOperations] matchPolicy:*MatchPolicyType
NamedRuleWithOperations% resourceNames:[s] operations:[OperationType] apiGroups:[s] apiVersions:[s] resources:[s] scope:*ScopeType
Validation expression:s! message:s reason:*s messageExpression:s
AuditAnnotation key:s! valueExpression:s!
Variable% name:s! expression:s!
ValidatingAdmissionPolicyStatus observedGeneration:l typeChecking:*TypeChecking conditions:[Condition]%type
TypeChecking expressionWarnings:[ExpressionWarning]
ExpressionWarning fieldRef:s! warning:s!
ValidatingAdmissionPolicyBinding metadata:ObjectMeta spec:ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec policyName:s paramRef:*ParamRef matchResources:*MatchResources validationActions:[s]%set
ParamRef% name:s namespace:s selector:*LabelSelector parameterNotFoundAction:*s
`
