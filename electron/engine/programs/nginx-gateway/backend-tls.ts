import type { ConfigMap, Secret } from 'kubernetes-types/core/v1'
import type { KubeObject } from '../../kubernetes/types.ts'
import { readCertificates, pemBlocks } from '../tls/x509.ts'
import { deepEqual } from '../../kubernetes/json.ts'
import { certificateProblem, dataOf } from './listeners.ts'
import { NO_CA, POLICY_ACCEPTED, policyConflict, policyInvalid, policyReference, POLICY_REFERENCES, type Said } from './conditions.ts'
import { GROUP, type BackendTlsPolicy, type PolicyStatus } from './types.ts'

/** BackendTLSPolicies: HTTPS to a Service, with a certificate that somebody vouches for (state/graph/backend_tls_policy.go). */
export interface BackendTls {
  source: BackendTlsPolicy
  valid: boolean
  conditions: Said[]
  /** Of the certificates of whom to trust: their PEM, or the image's own. */
  trusted: string | 'system'
  /** A route leads to its Service. */
  used: boolean
  /** "namespace/name" of Gateways whose routes do. */
  gateways: Set<string>
}

export interface TrustSurroundings {
  configMap(namespace: string, name: string): (ConfigMap & object) | undefined
  secret(namespace: string, name: string): (Secret & object) | undefined
}

export function judgePolicy(source: BackendTlsPolicy, surroundings: TrustSurroundings): BackendTls {
  const { hostname, caCertificateRefs = [], wellKnownCACertificates } = source.spec.validation
  const conditions: Said[] = []
  const policy: BackendTls = { source, valid: true, conditions, trusted: 'system', used: false, gateways: new Set() }
  const refuse = (...said: Said[]): void => {
    policy.valid = false
    conditions.push(...said)
  }
  if (!/^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(hostname)) {
    refuse(policyInvalid(`invalid hostname: tls.hostname: Invalid value: "${hostname}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`))
  }
  if (caCertificateRefs.length > 0 && wellKnownCACertificates !== undefined) refuse(policyInvalid('CACertificateRefs and WellKnownCACertificates are mutually exclusive'))
  else if (caCertificateRefs.length > 0) {
    const found = trustOf(source, surroundings)
    if ('problems' in found) refuse(...found.problems)
    else if (policy.valid) {
      policy.trusted = found.pem
      conditions.push(POLICY_REFERENCES)
    }
  } else if (wellKnownCACertificates === undefined) refuse(policyInvalid('either CACertificateRefs or WellKnownCACertificates must be specified'))
  else if (wellKnownCACertificates !== 'System') refuse(policyInvalid(`invalid WellKnownCACertificates: tls.wellknowncacertificates: Unsupported value: "${wellKnownCACertificates}": supported values: "System"`))
  return policy
}

function trustOf({ metadata: { namespace }, spec }: BackendTlsPolicy, { configMap, secret }: TrustSurroundings): { pem: string } | { problems: Said[] } {
  const references = spec.validation.caCertificateRefs!
  if (references.length !== 1) return { problems: [policyInvalid(`validation.caCertificateRefs: Too many: ${references.length}: must have at most 1 item`)] }
  const [reference] = references as [(typeof references)[number]]
  const unsupported = (field: string, value: string, values: string): { problems: Said[] } => ({ problems: [policyReference('InvalidKind', `validation.caCertificateRefs[0].${field}: Unsupported value: "${value}": supported values: ${values}`), NO_CA] })
  if (reference.kind !== 'ConfigMap' && reference.kind !== 'Secret') return unsupported('kind', reference.kind, '"ConfigMap", "Secret"')
  if (reference.group !== '' && reference.group !== 'core') return unsupported('group', reference.group, '"", "core"')
  const wrong = (why: string): { problems: Said[] } => ({ problems: [policyReference('InvalidCACertificateRef', `validation.caCertificateRefs[0]: Invalid value: ${JSON.stringify({ group: reference.group, kind: reference.kind, name: reference.name })}: ${why}`), NO_CA] })
  let pem: string | undefined
  if (reference.kind === 'ConfigMap') {
    const found = configMap(namespace, reference.name)
    if (!found) return wrong('ConfigMap does not exist')
    pem = found.data?.['ca.crt']
    if (!pem) return wrong('ConfigMap does not have the data or binaryData field ca.crt')
  } else {
    const found = secret(namespace, reference.name)
    if (!found) return wrong('secret does not exist')
    pem = dataOf(found, 'ca.crt')
    const problem = pem === '' || found.type !== 'kubernetes.io/tls' ? certificateProblem(found) : undefined
    if (problem !== undefined) return wrong(problem)
    if (pem === '') return { pem }
  }
  const problem = caProblem(pem)
  return problem === undefined ? { pem } : wrong(problem)
}

/** validateCA of certificate_bundle.go. */
function caProblem(pem: string): string | undefined {
  if (pemBlocks(pem, /^CERTIFICATE$/).length === 0) return 'the data field "ca.crt" must hold a valid CERTIFICATE PEM block'
  try {
    readCertificates(pem)
    return undefined
  } catch {
    return 'failed to validate certificate: x509: malformed certificate'
  }
}

/** The policy of a Service's port: the oldest that names it; the others conflict with it. */
export function policyOf(policies: readonly BackendTls[], namespace: string, service: string, port: string | undefined): BackendTls | undefined {
  const found = policies.filter(({ source }) => source.metadata.namespace === namespace && source.spec.targetRefs.some((t) => t.name === service && (t.sectionName === undefined || t.sectionName === port)))
  found.sort((a, b) => Number(a.source.metadata.creationTimestamp > b.source.metadata.creationTimestamp) - Number(a.source.metadata.creationTimestamp < b.source.metadata.creationTimestamp) || (a.source.metadata.name < b.source.metadata.name ? -1 : 1))
  const [policy, ...others] = found
  for (const other of others) {
    other.used = true
    other.conditions.push(policyConflict('Conflicts with another BackendTLSPolicy targeting the same Service'))
  }
  if (policy) {
    policy.used = true
    if (policy.valid) policy.conditions.push(POLICY_ACCEPTED)
  }
  return policy
}

/** Whether the backends of one rule are asked alike: without TLS first, then all with one policy's words. */
export function mismatched(policies: readonly (BackendTls | undefined)[]): boolean {
  const first = policies.findIndex((p) => p !== undefined)
  const words = (p: BackendTls): object => ({ ca: p.source.spec.validation.caCertificateRefs ?? [], known: p.source.spec.validation.wellKnownCACertificates ?? '', host: p.source.spec.validation.hostname })
  return first >= 0 && policies.slice(first + 1).some((p) => p === undefined || !deepEqual(words(p), words(policies[first]!)))
}

/** Policies that nothing leads to get no status. */
export function policyStatus({ source, conditions, gateways }: BackendTls, controllerName: string, conditionsOf: (said: readonly Said[], generation: number) => PolicyStatus['ancestors'][number]['conditions']): { resource: string; object: KubeObject; status: PolicyStatus } {
  const others = (source.status?.ancestors ?? []).filter((a) => a.controllerName !== controllerName)
  const own = [...gateways].sort().map((key) => {
    const [namespace, name] = key.split('/') as [string, string]
    return { ancestorRef: { group: GROUP, kind: 'Gateway', name, namespace }, conditions: conditionsOf(conditions, source.metadata.generation ?? 1), controllerName }
  })
  return { resource: 'backendtlspolicies', object: source, status: { ancestors: [...others, ...own] } }
}
