/** Questions about who may do what: k8s.io/api authorization/v1 and authentication/v1 (v1.33), in the notation of notation.ts. */
export const REVIEWS = `
SelfSubjectAccessReview metadata:ObjectMeta spec:SelfSubjectAccessReviewSpec status:SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec resourceAttributes:*ResourceAttributes nonResourceAttributes:*NonResourceAttributes
ResourceAttributes namespace:s verb:s group:s version:s resource:s subresource:s name:s fieldSelector:*FieldSelectorAttributes
  labelSelector:*LabelSelectorAttributes
FieldSelectorAttributes rawSelector:s requirements:[FieldSelectorRequirement]
FieldSelectorRequirement key:s! operator:s! values:[s]
LabelSelectorAttributes rawSelector:s requirements:[LabelSelectorRequirement]
NonResourceAttributes path:s verb:s
SubjectAccessReview metadata:ObjectMeta spec:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
LocalSubjectAccessReview metadata:ObjectMeta spec:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
SubjectAccessReviewSpec resourceAttributes:*ResourceAttributes nonResourceAttributes:*NonResourceAttributes user:s groups:[s]
  extra:{[s]} uid:s
SubjectAccessReviewStatus allowed:b! denied:b reason:s evaluationError:s
SelfSubjectRulesReview metadata:ObjectMeta spec:SelfSubjectRulesReviewSpec status:SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec namespace:s
SubjectRulesReviewStatus resourceRules:[ResourceRule]! nonResourceRules:[NonResourceRule]! incomplete:b! evaluationError:s
ResourceRule verbs:[s]! apiGroups:[s] resources:[s] resourceNames:[s]
NonResourceRule verbs:[s]! nonResourceURLs:[s]
SelfSubjectReview metadata:ObjectMeta status:SelfSubjectReviewStatus
TokenReview metadata:ObjectMeta spec:TokenReviewSpec! status:TokenReviewStatus
TokenReviewSpec token:s audiences:[s]
TokenReviewStatus authenticated:b user:UserInfo audiences:[s] error:s
SelfSubjectReviewStatus userInfo:UserInfo
UserInfo username:s uid:s groups:[s] extra:{[s]}
`
