/** Types of k8s.io/apimachinery meta/v1 (v1.33), in the notation of notation.ts. */
export const META = `
ObjectMeta name:s generateName:s namespace:s selfLink:s uid:s resourceVersion:s generation:l creationTimestamp:time
  deletionTimestamp:*time deletionGracePeriodSeconds:*l labels:{s} annotations:{s} ownerReferences:[OwnerReference]@uid finalizers:[s]@
  managedFields:[ManagedFieldsEntry]
OwnerReference% apiVersion:s! kind:s! name:s! uid:s! controller:*b blockOwnerDeletion:*b
ManagedFieldsEntry manager:s operation:ManagedFieldsOperationType apiVersion:s time:*time fieldsType:s fieldsV1:*any subresource:s
Condition type:s! status:ConditionStatus! observedGeneration:l lastTransitionTime:time reason:s! message:s!
LabelSelector% matchLabels:{s} matchExpressions:[LabelSelectorRequirement]
ManagedFieldsOperationType =s
LabelSelectorRequirement key:s! operator:LabelSelectorOperator! values:[s]
LabelSelectorOperator =s
`
