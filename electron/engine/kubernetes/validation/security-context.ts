import type * as core from 'kubernetes-types/core/v1'
import { GoValue, type FieldErrors } from '../field-errors.ts'
import { rangeError } from './names.ts'
import { validateDescending } from './volumes.ts'

/** Security contexts: pkg/apis/core/validation ValidateSecurityContext (v1.33). */
const MAX_ID = 2147483647

function validId(value: number | undefined, path: string, errors: FieldErrors): void {
  if (value !== undefined && (value < 0 || value > MAX_ID)) errors.invalid(path, value, rangeError(0, MAX_ID))
}

export function validatePodSecurityContext(spec: core.PodSpec, path: string, errors: FieldErrors): void {
  const context = spec.securityContext
  if (!context) return
  const at = `${path}.securityContext`
  validId(context.fsGroup, `${at}.fsGroup`, errors)
  validId(context.runAsUser, `${at}.runAsUser`, errors)
  validId(context.runAsGroup, `${at}.runAsGroup`, errors)
  context.supplementalGroups?.forEach((gid, i) => validId(gid, `${at}.supplementalGroups[${i}]`, errors))
  if (spec.shareProcessNamespace && spec.hostPID) {
    errors.invalid(`${at}.shareProcessNamespace`, spec.shareProcessNamespace, 'ShareProcessNamespace and HostPID cannot both be enabled')
  }
  const seen = new Set<string>()
  context.sysctls?.forEach(({ name }, i) => {
    if (!name) errors.required(`${at}.sysctls[${i}].name`)
    else if (!/^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/.test(name)) {
      const pattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'
      errors.invalid(`${at}.sysctls[${i}].name`, name, `must have at most 253 characters and match regex ${pattern}`)
    } else if (spec.hostNetwork && /^net[./]/.test(name)) errors.invalid(`${at}.sysctls[${i}].name`, name, "may not be specified when 'hostNetwork' is true")
    else if (seen.has(name)) errors.duplicate(`${at}.sysctls[${i}].name`, name)
    seen.add(name)
  })
  validateProfiles(context, at, errors)
}

const TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined']
const LONGEST_PROFILE = 4095

interface Profile { type?: string; localhostProfile?: string }

/** validateSeccompProfileField and ValidateAppArmorProfileField. */
function validateProfiles(context: object, path: string, errors: FieldErrors): void {
  const { seccompProfile, appArmorProfile } = context as { seccompProfile?: Profile; appArmorProfile?: Profile }
  if (seccompProfile) {
    const at = `${path}.seccompProfile`
    const { type, localhostProfile } = seccompProfile
    if (!type) errors.required(`${at}.type`, 'type is required when seccompProfile is set')
    else if (!TYPES.includes(type)) errors.notSupported(`${at}.type`, type, TYPES)
    if (type === 'Localhost') {
      if (localhostProfile === undefined) errors.required(`${at}.localhostProfile`, 'must be set when seccomp type is Localhost')
      else validateDescending(localhostProfile, `${at}.localhostProfile`, errors)
    } else if (localhostProfile !== undefined) errors.invalid(`${at}.localhostProfile`, new GoValue(`core.SeccompProfile{Type:${JSON.stringify(type ?? '')}, LocalhostProfile:(*string)(0xc000a2e0f0)}`), 'can only be set when seccomp type is Localhost')
  }
  if (!appArmorProfile) return
  const at = `${path}.appArmorProfile`
  const { type, localhostProfile } = appArmorProfile
  if (type === 'Localhost') {
    if (!localhostProfile?.trim()) errors.required(`${at}.localhostProfile`, 'must be set when AppArmor type is Localhost')
    else if (localhostProfile !== localhostProfile.trim()) errors.invalid(`${at}.localhostProfile`, localhostProfile, 'must not be padded with whitespace')
    if (localhostProfile && localhostProfile.length > LONGEST_PROFILE) errors.tooLong(`${at}.localhostProfile`, LONGEST_PROFILE)
  } else if (type === 'RuntimeDefault' || type === 'Unconfined') {
    if (localhostProfile !== undefined) errors.invalid(`${at}.localhostProfile`, localhostProfile, 'can only be set when AppArmor type is Localhost')
  } else if (!type) errors.required(`${at}.type`, 'type is required when appArmorProfile is set')
  else errors.notSupported(`${at}.type`, type, TYPES)
}

export function validateSecurityContext(context: core.SecurityContext | undefined, path: string, errors: FieldErrors): void {
  if (!context) return
  validId(context.runAsUser, `${path}.runAsUser`, errors)
  validId(context.runAsGroup, `${path}.runAsGroup`, errors)
  validateProfiles(context, path, errors)
  if (context.allowPrivilegeEscalation !== false) return
  if (context.privileged) errors.invalid(path, printContext(context), 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true')
  if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
    errors.invalid(path, printContext(context), 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN')
  }
}

/** core.SecurityContext in Go's order: a field, its type, and what the API calls it. */
const GO_FIELDS = [
  ['Capabilities', 'core.Capabilities', 'capabilities'], ['Privileged', 'bool', 'privileged'], ['SELinuxOptions', 'core.SELinuxOptions', 'seLinuxOptions'],
  ['WindowsOptions', 'core.WindowsSecurityContextOptions', 'windowsOptions'], ['RunAsUser', 'int64', 'runAsUser'], ['RunAsGroup', 'int64', 'runAsGroup'], ['RunAsNonRoot', 'bool', 'runAsNonRoot'],
  ['ReadOnlyRootFilesystem', 'bool', 'readOnlyRootFilesystem'], ['AllowPrivilegeEscalation', 'bool', 'allowPrivilegeEscalation'], ['ProcMount', 'core.ProcMountType', 'procMount'],
  ['SeccompProfile', 'core.SeccompProfile', 'seccompProfile'], ['AppArmorProfile', 'core.AppArmorProfile', 'appArmorProfile'],
] as const

/** Upstream prints the struct with its pointers' addresses here, which are other ones each time. */
function printContext(context: core.SecurityContext): GoValue {
  const pointer = ([name, type, field]: readonly [string, string, string]): string => `${name}:(*${type})(${(context as Readonly<Record<string, unknown>>)[field] === undefined ? 'nil' : '0xc000a2e0f0'})`
  return new GoValue(`core.SecurityContext{${GO_FIELDS.map(pointer).join(', ')}}`)
}
