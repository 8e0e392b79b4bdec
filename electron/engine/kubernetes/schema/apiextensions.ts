/** Types of apiextensions.k8s.io/v1 in the notation of notation.ts; openAPIV3Schema is read by custom-resources/schema.ts. */
export const APIEXTENSIONS = `
CustomResourceDefinition metadata:ObjectMeta spec:CustomResourceDefinitionSpec status:CustomResourceDefinitionStatus
CustomResourceDefinitionSpec group:s! names:CustomResourceDefinitionNames scope:s! versions:[CustomResourceDefinitionVersion]!
  conversion:*CustomResourceConversion preserveUnknownFields:b
CustomResourceDefinitionNames plural:s! singular:s shortNames:[s] kind:s! listKind:s categories:[s]
CustomResourceDefinitionVersion name:s! served:b! storage:b! deprecated:b deprecationWarning:*s schema:*CustomResourceValidation
  subresources:*CustomResourceSubresources additionalPrinterColumns:[CustomResourceColumnDefinition] selectableFields:[SelectableField]
CustomResourceValidation openAPIV3Schema:*any
CustomResourceSubresources status:*any scale:*CustomResourceSubresourceScale
CustomResourceSubresourceScale specReplicasPath:s! statusReplicasPath:s! labelSelectorPath:*s
CustomResourceColumnDefinition name:s! type:s! format:s description:s priority:i jsonPath:s!
SelectableField jsonPath:s!
CustomResourceConversion strategy:s! webhook:*WebhookConversion
WebhookConversion clientConfig:*WebhookClientConfig conversionReviewVersions:[s]!
WebhookClientConfig url:*s service:*ServiceReference caBundle:bytes
ServiceReference namespace:s! name:s! path:*s port:*i
CustomResourceDefinitionStatus conditions:[CustomResourceDefinitionCondition]%type acceptedNames:CustomResourceDefinitionNames storedVersions:[s]
CustomResourceDefinitionCondition type:s! status:s! lastTransitionTime:time reason:s message:s
CustomResource metadata:ObjectMeta
`
