/** Types of k8s.io/api certificates/v1 (v1.33), in the notation of notation.ts. */
export const CERTIFICATES = `
CertificateSigningRequest metadata:ObjectMeta spec:CertificateSigningRequestSpec status:CertificateSigningRequestStatus
CertificateSigningRequestSpec request:bytes! signerName:s! expirationSeconds:*i usages:[KeyUsage] username:s uid:s groups:[s]
  extra:{ExtraValue}
KeyUsage =s
ExtraValue =[s]
CertificateSigningRequestStatus conditions:[CertificateSigningRequestCondition]%type certificate:bytes
CertificateSigningRequestCondition type:RequestConditionType! status:ConditionStatus! reason:s message:s lastUpdateTime:time lastTransitionTime:time
RequestConditionType =s
`
