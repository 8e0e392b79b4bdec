import type * as networking from 'kubernetes-types/networking/v1'
import { isValidIp } from '../../network/address.ts'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import type { Ingress, IngressClass } from '../types.ts'
import { IP_ERROR } from './common.ts'
import { dns1035Label, dns1123Label, dns1123Subdomain, domainPrefixedPath, portName, portNumber, wildcardSubdomain } from './names.ts'
import { validateTypedReference } from './networking.ts'

/** Ingresses and their classes: pkg/apis/networking/validation (v1.33). */
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
const FORBIDDEN_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F']
const FORBIDDEN_ENDS = ['/..', '/.']
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const MAX_CONTROLLER = 250

export function validateIngress(ingress: Ingress, errors: FieldErrors): void {
  validateSpec(ingress.spec, errors)
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION]
  const { ingressClassName } = ingress.spec
  if (annotation !== undefined && ingressClassName !== undefined && annotation !== ingressClassName) {
    errors.invalid(`annotations.${CLASS_ANNOTATION}`, annotation, 'must match `ingressClassName` when both are specified')
  }
}

export function validateIngressUpdate(ingress: Ingress, _old: Ingress, errors: FieldErrors): void {
  validateSpec(ingress.spec, errors)
}

function validateSpec({ rules = [], defaultBackend, tls = [], ingressClassName }: networking.IngressSpec, errors: FieldErrors): void {
  if (rules.length === 0 && !defaultBackend) errors.invalid('spec', new GoValue('[]networking.IngressRule(nil)'), 'either `defaultBackend` or `rules` must be specified')
  if (defaultBackend) validateBackend(defaultBackend, 'spec.defaultBackend', errors)
  rules.forEach((rule, i) => validateRule(rule, `spec.rules[${i}]`, errors))
  tls.forEach(({ hosts = [], secretName }, i) => {
    hosts.forEach((host, k) => errors.invalidEach(`spec.tls[${i}].hosts[${k}]`, host, hostRule(host)))
    if (secretName) errors.invalidEach(`spec.tls[${i}].secretName`, secretName, dns1123Subdomain(secretName))
  })
  if (ingressClassName !== undefined) errors.invalidEach('spec.ingressClassName', ingressClassName, dns1123Subdomain(ingressClassName))
}

function hostRule(host: string): string[] {
  return host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host)
}

function validateRule({ host, http }: networking.IngressRule, path: string, errors: FieldErrors): void {
  if (host) {
    if (isValidIp(host)) errors.invalid(`${path}.host`, host, 'must be a DNS name, not an IP address')
    errors.invalidEach(`${path}.host`, host, hostRule(host))
  }
  if (!http) return
  if (http.paths.length === 0) errors.required(`${path}.http.paths`)
  http.paths.forEach((each, i) => validatePath(each, `${path}.http.paths[${i}]`, errors))
}

function validatePath({ path: wanted = '', pathType, backend }: networking.HTTPIngressPath, path: string, errors: FieldErrors): void {
  if (pathType === undefined) return errors.required(`${path}.pathType`, 'pathType must be specified')
  const absolute = (): void => {
    if (!wanted.startsWith('/')) errors.invalid(`${path}.path`, wanted, 'must be an absolute path')
  }
  if (pathType === 'Exact' || pathType === 'Prefix') {
    absolute()
    for (const sequence of FORBIDDEN_SEQUENCES) if (wanted.includes(sequence)) errors.invalid(`${path}.path`, wanted, `must not contain '${sequence}'`)
    for (const end of FORBIDDEN_ENDS) if (wanted.endsWith(end)) errors.invalid(`${path}.path`, wanted, `cannot end with '${end}'`)
  } else if (pathType === 'ImplementationSpecific') {
    if (wanted) absolute()
  } else errors.notSupported(`${path}.pathType`, pathType, PATH_TYPES)
  validateBackend(backend, `${path}.backend`, errors)
}

function validateBackend({ service, resource }: networking.IngressBackend, path: string, errors: FieldErrors): void {
  if (resource && service) return errors.invalid(path, '', 'cannot set both resource and service backends')
  if (resource) return validateTypedReference(resource, `${path}.resource`, errors)
  if (!service) return errors.invalid(path, '', 'resource or service backend is required')
  if (!service.name) errors.required(`${path}.service.name`)
  else errors.invalidEach(`${path}.service.name`, service.name, dns1035Label(service.name))
  const { name, number } = service.port ?? {}
  if (name && number) errors.invalid(path, '', 'cannot set both port name & port number')
  else if (name) errors.invalidEach(`${path}.service.port.name`, name, portName(name))
  else if (number) errors.invalidEach(`${path}.service.port.number`, number, portNumber(number))
  else errors.required(path, 'port name or number is required')
}

export function validateIngressStatusUpdate({ status }: Ingress, _old: Ingress, errors: FieldErrors): void {
  status.loadBalancer?.ingress?.forEach(({ ip, hostname }, i) => {
    const path = `status.loadBalancer.ingress[${i}]`
    if (ip && !isValidIp(ip)) errors.invalid(`${path}.ip`, ip, IP_ERROR)
    if (!hostname) return
    errors.invalidEach(`${path}.hostname`, hostname, dns1123Subdomain(hostname))
    if (isValidIp(hostname)) errors.invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address')
  })
}

export function validateIngressClass({ spec }: IngressClass, errors: FieldErrors): void {
  const { controller } = spec
  if (!controller) errors.required('spec.controller')
  else {
    if (controller.length > MAX_CONTROLLER) errors.tooLong('spec.controller', MAX_CONTROLLER)
    domainPrefixedPath(controller, 'spec.controller', errors)
  }
  if (spec.parameters) validateParameters(spec.parameters, 'spec.parameters', errors)
}

export function validateIngressClassUpdate(object: IngressClass, old: IngressClass, errors: FieldErrors): void {
  if (object.spec.controller !== old.spec.controller) errors.invalid('spec.controller', object.spec.controller, 'field is immutable')
  validateIngressClass(object, errors)
}

const SCOPES = ['Cluster', 'Namespace']

function validateParameters(parameters: networking.IngressClassParametersReference, path: string, errors: FieldErrors): void {
  validateTypedReference(parameters, path, errors)
  const { scope, namespace } = parameters
  if (scope === undefined) return errors.required(`${path}.scope`)
  if (!SCOPES.includes(scope)) return errors.notSupported(`${path}.scope`, scope, SCOPES)
  if (scope === 'Cluster') {
    if (namespace !== undefined) errors.forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'")
  } else if (namespace === undefined) errors.required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'")
  else errors.invalidEach(`${path}.namespace`, namespace, dns1123Label(namespace))
}

