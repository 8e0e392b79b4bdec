/** Types of apiregistration.k8s.io/v1 in the notation of notation.ts. */
export const APIREGISTRATION = `
APIService metadata:ObjectMeta spec:APIServiceSpec status:APIServiceStatus
APIServiceSpec service:*apiregistration.ServiceReference group:s version:s insecureSkipTLSVerify:b caBundle:bytes groupPriorityMinimum:i! versionPriority:i!
apiregistration.ServiceReference namespace:s name:s port:*i
APIServiceStatus conditions:[APIServiceCondition]@type
APIServiceCondition type:s! status:s! lastTransitionTime:time reason:s message:s
`
