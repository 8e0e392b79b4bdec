/** Types of k8s.io/api rbac/v1 (v1.33), in the notation of notation.ts. */
export const RBAC = `
Role metadata:ObjectMeta rules:[PolicyRule]!
ClusterRole metadata:ObjectMeta rules:[PolicyRule]! aggregationRule:*AggregationRule
RoleBinding metadata:ObjectMeta subjects:[Subject] roleRef:RoleRef
ClusterRoleBinding metadata:ObjectMeta subjects:[Subject] roleRef:RoleRef
PolicyRule verbs:[s]! apiGroups:[s] resources:[s] resourceNames:[s] nonResourceURLs:[s]
AggregationRule clusterRoleSelectors:[LabelSelector]
Subject% kind:s! apiGroup:s name:s! namespace:s
RoleRef% apiGroup:s! kind:s! name:s!
`
