import type { Condition } from './types.ts'

/** The conditions that NGINX Gateway Fabric v2.2.2 writes (internal/controller/state/conditions/conditions.go). */
export type Said = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

const yes = (type: string, reason: string, message: string): Said => ({ type, status: 'True', reason, message })
const no = (type: string, reason: string, message: string): Said => ({ type, status: 'False', reason, message })

export const CLASS_ACCEPTED = [yes('Accepted', 'Accepted', 'GatewayClass is accepted'), yes('SupportedVersion', 'SupportedVersion', 'Gateway API CRD versions are supported')]
export const CLASS_CONFLICT = no('Accepted', 'GatewayClassConflict', 'The resource is ignored due to a conflicting GatewayClass resource')
export const CLASS_PARAMETERS = yes('ResolvedRefs', 'ResolvedRefs', 'ParametersRef resource is resolved')
export const CLASS_PARAMETERS_MISSING = [
  no('ResolvedRefs', 'ParametersRefNotFound', 'ParametersRef resource could not be found'),
  yes('Accepted', 'InvalidParameters', 'GatewayClass is accepted, but ParametersRef is ignored due to an error: ParametersRef resource could not be found'),
]

export const GATEWAY_DEFAULTS = [yes('Accepted', 'Accepted', 'Gateway is accepted'), yes('Programmed', 'Programmed', 'Gateway is programmed')]
export const SOME_LISTENERS = yes('Accepted', 'ListenersNotValid', 'Gateway has at least one valid listener')
export const NO_LISTENERS = [no('Accepted', 'ListenersNotValid', 'Gateway has no valid listeners'), no('Programmed', 'Invalid', 'Gateway has no valid listeners')]
export const ADDRESS_NOT_USABLE = no('Programmed', 'AddressNotUsable', 'Invalid IP address')
export const ADDRESS_NOT_ASSIGNED = no('Programmed', 'AddressNotAssigned', 'Dynamically assigned addresses for the Gateway addresses field are not supported, value must be specified')
export const gatewayInvalid = (message: string): Said[] => [no('Accepted', 'Invalid', message), no('Programmed', 'Invalid', message)]
export const GATEWAY_PARAMETERS = yes('ResolvedRefs', 'ResolvedRefs', 'ParametersRef resource is resolved')
export const GATEWAY_PARAMETERS_MISSING = [
  no('ResolvedRefs', 'ParametersRefNotFound', 'ParametersRef resource could not be found'),
  yes('Accepted', 'InvalidParameters', 'Gateway is accepted, but ParametersRef is ignored due to an error: ParametersRef resource could not be found'),
]

export const LISTENER_DEFAULTS = [yes('Accepted', 'Accepted', 'Listener is accepted'), yes('Programmed', 'Programmed', 'Listener is programmed'), yes('ResolvedRefs', 'ResolvedRefs', 'All references are resolved')]
export const NO_CONFLICTS = no('Conflicted', 'NoConflicts', 'No conflicts')
const notProgrammed = (message: string): Said => no('Programmed', 'Invalid', message)
export const listenerUnsupported = (message: string): Said[] => [no('Accepted', 'UnsupportedValue', message), notProgrammed(message)]
export const listenerProtocol = (message: string): Said[] => [no('Accepted', 'UnsupportedProtocol', message), notProgrammed(message)]
export const listenerCertificate = (message: string): Said[] => [no('Accepted', 'InvalidCertificateRef', message), no('ResolvedRefs', 'InvalidCertificateRef', message), notProgrammed(message)]
export const listenerNotPermitted = (message: string): Said[] => [no('Accepted', 'RefNotPermitted', message), no('ResolvedRefs', 'RefNotPermitted', message), notProgrammed(message)]
export const listenerKinds = (message: string): Said[] => [no('ResolvedRefs', 'InvalidRouteKinds', message), notProgrammed(message)]
export const listenerConflict = (reason: 'ProtocolConflict' | 'HostnameConflict', message: string): Said[] => [no('Accepted', reason, message), yes('Conflicted', reason, message), notProgrammed(message)]
export const OVERLAPPING_TLS = yes('OverlappingTLSConfig', 'OverlappingHostnames', 'Listener hostname overlaps with hostname(s) of other Listener(s) on the same port')

export const ROUTE_DEFAULTS = [yes('Accepted', 'Accepted', 'The route is accepted'), yes('ResolvedRefs', 'ResolvedRefs', 'All references are resolved')]
export const ROUTE_NOT_ALLOWED = no('Accepted', 'NotAllowedByListeners', 'Route is not allowed by any listener')
export const ROUTE_NO_HOSTNAME = no('Accepted', 'NoMatchingListenerHostname', 'Listener hostname does not match the Route hostnames')
export const ROUTE_INVALID_LISTENER = no('Accepted', 'InvalidListener', 'Listener is invalid for this parent ref')
export const ROUTE_INVALID_GATEWAY = no('Accepted', 'InvalidGateway', 'Gateway is invalid')
export const ROUTE_HOSTNAME_CONFLICT = no('Accepted', 'HostnameConflict', 'Hostname(s) conflict with another route of the same kind on the same port')
export const ROUTE_NO_PARENT = no('Accepted', 'NoMatchingParent', 'Listener is not found for this parent ref')
export const routeUnsupported = (message: string): Said => no('Accepted', 'UnsupportedValue', message)
export const routePartial = (message: string): Said => yes('PartiallyInvalid', 'UnsupportedValue', `Dropped Rule(s): ${message}`)
export const routeIgnored = (message: string): Said => yes('Accepted', 'UnsupportedField', `The following unsupported parameters were ignored: ${message}`)
export const routeReference = (reason: 'InvalidKind' | 'RefNotPermitted' | 'BackendNotFound' | 'UnsupportedValue' | 'UnsupportedProtocol', message: string): Said => no('ResolvedRefs', reason, message)

export const routeFilter = (message: string): Said => no('ResolvedRefs', 'InvalidFilter', message)

export const POLICY_ACCEPTED = yes('Accepted', 'Accepted', 'Policy is accepted')
export const policyInvalid = (message: string): Said => no('Accepted', 'Invalid', message)
export const policyConflict = (message: string): Said => no('Accepted', 'Conflicted', message)
export const POLICY_REFERENCES = yes('ResolvedRefs', 'ResolvedRefs', 'All CACertificateRefs are resolved')
export const policyReference = (reason: 'InvalidCACertificateRef' | 'InvalidKind', message: string): Said => no('ResolvedRefs', reason, message)
export const NO_CA = no('Accepted', 'NoValidCACertificate', 'No valid CACertificateRef found')

/** Of each type the last one said, in the order of their last mention (DeduplicateConditions). */
function deduplicated(conditions: readonly Said[]): Said[] {
  const last = new Map<string, Said>()
  for (const condition of conditions) {
    last.delete(condition.type)
    last.set(condition.type, condition)
  }
  return [...last.values()]
}

export function asConditions(conditions: readonly Said[], observedGeneration: number, lastTransitionTime: string): Condition[] {
  return deduplicated(conditions).map(({ type, status, reason, message }) => ({ lastTransitionTime, message, observedGeneration, reason, status, type }) as unknown as Condition)
}
