import type * as core from 'kubernetes-types/core/v1'
import type { FieldErrors } from '../field-errors.ts'
import { notNegative, oneOf, portOrName } from './common.ts'
import { httpHeaderName } from './names.ts'

/** Probes and lifecycle hooks: pkg/apis/core/validation (v1.33). */
export function validateProbes(container: core.Container, path: string, errors: FieldErrors): void {
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[name]
    if (!probe) continue
    const at = `${path}.${name}`
    validateProbe(probe, at, errors)
    if (name === 'readinessProbe') {
      if (probe.terminationGracePeriodSeconds !== undefined) {
        errors.invalid(`${at}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must not be set for readinessProbes')
      }
    } else if (probe.successThreshold !== 1) errors.invalid(`${at}.successThreshold`, probe.successThreshold ?? 0, 'must be 1')
  }
}

function validateProbe(probe: core.Probe, path: string, errors: FieldErrors): void {
  validateHandler(probe, path, errors)
  for (const field of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    notNegative(probe[field], `${path}.${field}`, errors)
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0) errors.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')
}

type Handler = Pick<core.Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'>

function validateHandler(handler: Handler, path: string, errors: FieldErrors): void {
  let count = 0
  const first = (name: string): boolean => {
    count++
    if (count > 1) errors.forbidden(`${path}.${name}`, 'may not specify more than 1 handler type')
    return count === 1
  }
  if (handler.exec && first('exec') && !handler.exec.command?.length) errors.required(`${path}.exec.command`)
  if (handler.httpGet && first('httpGet')) validateHttpGet(handler.httpGet, `${path}.httpGet`, errors)
  if (handler.tcpSocket && first('tcpSocket')) portOrName(handler.tcpSocket.port, `${path}.tcpSocket.port`, errors)
  if (handler.grpc && first('grpc')) portOrName(handler.grpc.port, `${path}.grpc.port`, errors)
  if (count === 0) errors.required(path, 'must specify a handler type')
}

function validateHttpGet(action: core.HTTPGetAction, path: string, errors: FieldErrors): void {
  if (!action.path) errors.required(`${path}.path`)
  portOrName(action.port, `${path}.port`, errors)
  oneOf(action.scheme, ['HTTP', 'HTTPS'], `${path}.scheme`, errors)
  for (const header of action.httpHeaders ?? []) errors.invalidEach(`${path}.httpHeaders`, header.name, httpHeaderName(header.name))
}

export function validateLifecycle(lifecycle: core.Lifecycle | undefined, path: string, errors: FieldErrors): void {
  for (const name of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[name]
    if (!handler) continue
    if (handler.sleep && !handler.exec && !handler.httpGet && !handler.tcpSocket) continue
    validateHandler(handler, `${path}.${name}`, errors)
  }
}
