/** Types of k8s.io/api networking/v1 (v1.33), in the notation of notation.ts. */
export const NETWORKING = `
NetworkPolicy metadata:ObjectMeta spec:NetworkPolicySpec
NetworkPolicySpec podSelector:LabelSelector ingress:[NetworkPolicyIngressRule] egress:[NetworkPolicyEgressRule] policyTypes:[PolicyType]
NetworkPolicyIngressRule ports:[NetworkPolicyPort] from:[NetworkPolicyPeer]
NetworkPolicyEgressRule ports:[NetworkPolicyPort] to:[NetworkPolicyPeer]
NetworkPolicyPort protocol:*Protocol port:*intstr endPort:*i
NetworkPolicyPeer podSelector:*LabelSelector namespaceSelector:*LabelSelector ipBlock:*IPBlock
IPBlock cidr:s! except:[s]
PolicyType =s
Ingress metadata:ObjectMeta spec:IngressSpec status:IngressStatus
IngressSpec ingressClassName:*s defaultBackend:*IngressBackend tls:[IngressTLS] rules:[IngressRule]
IngressTLS hosts:[s] secretName:s
IngressRule host:s http:*HTTPIngressRuleValue
HTTPIngressRuleValue paths:[HTTPIngressPath]!
HTTPIngressPath path:s pathType:*PathType backend:IngressBackend
PathType =s
IngressBackend service:*IngressServiceBackend resource:*TypedLocalObjectReference
IngressServiceBackend name:s! port:ServiceBackendPort
ServiceBackendPort% name:s number:i
IngressStatus loadBalancer:IngressLoadBalancerStatus
IngressLoadBalancerStatus ingress:[IngressLoadBalancerIngress]
IngressLoadBalancerIngress ip:s hostname:s ports:[IngressPortStatus]
IngressPortStatus port:i! protocol:Protocol! error:*s
IngressClass metadata:ObjectMeta spec:IngressClassSpec
IngressClassSpec controller:s parameters:*IngressClassParametersReference
IngressClassParametersReference apiGroup:*s kind:s! name:s! scope:*s namespace:*s
IPAddress metadata:ObjectMeta spec:IPAddressSpec
IPAddressSpec parentRef:*ParentReference
ParentReference group:s resource:s namespace:s name:s
ServiceCIDR metadata:ObjectMeta spec:ServiceCIDRSpec status:ServiceCIDRStatus
ServiceCIDRSpec cidrs:[s]
ServiceCIDRStatus conditions:[Condition]@type
`
