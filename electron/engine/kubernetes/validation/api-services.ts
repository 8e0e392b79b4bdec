import type { FieldErrors } from '../field-errors.ts'
import { notSimulated } from '../status.ts'
import type { APIService } from '../types.ts'
import { dns1035Label, dns1123Subdomain, portNumber } from './names.ts'

/** APIServices: pkg/apis/apiregistration/validation of kube-aggregator v0.33. Throws for those of extension servers that are valid. */
export function validateApiService({ metadata, spec }: APIService, errors: FieldErrors): void {
  const { service, group = '', version = '', caBundle = '', insecureSkipTLSVerify = false, groupPriorityMinimum: least, versionPriority } = spec
  const wanted = `${version}.${group}`
  if (metadata.name && metadata.name !== wanted) errors.invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)
  if (group === '' && version !== 'v1') errors.required('spec.group', 'only v1 may have an empty group and it better be legacy kube')
  if (group !== '') errors.invalidEach('spec.group', group, dns1123Subdomain(group))
  errors.invalidEach('spec.version', version, dns1035Label(version))
  if (least <= 0 || least > 20_000) errors.invalid('spec.groupPriorityMinimum', least, 'must be positive and less than 20000')
  if (versionPriority <= 0 || versionPriority > 1000) errors.invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000')
  if (!service) {
    if (caBundle !== '') errors.invalid('spec.caBundle', `${Math.floor((caBundle.replace(/=+$/, '').length * 3) / 4)} bytes`, 'local APIServices may not have a caBundle')
    if (insecureSkipTLSVerify) errors.invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify')
    return
  }
  if (!service.namespace) errors.required('spec.service.namespace')
  if (!service.name) errors.required('spec.service.name')
  const wrong = portNumber(service.port ?? 0)
  if (wrong.length > 0) errors.invalid('spec.service.port', service.port, `port is not valid: ${wrong.join(', ')}`)
  if (insecureSkipTLSVerify && caBundle !== '') errors.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present')
  if (errors.empty) throw notSimulated(`an API of a Service, APIService ${metadata.name} (CustomResourceDefinitions add kinds; there is no metrics-server)`)
}

export function validateApiServiceStatus({ status }: APIService, _old: APIService, errors: FieldErrors): void {
  const known = ['False', 'True', 'Unknown']
  for (const [i, { status: is }] of (status.conditions ?? []).entries()) if (!known.includes(is)) errors.notSupported(`status.conditions[${i}].status`, is, known)
}
