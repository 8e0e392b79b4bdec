import type * as core from 'kubernetes-types/core/v1'
import { APPARMOR_PREFIX } from '../admission/apparmor.ts'
import type { FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'

/** Annotations that mean something in a Pod or a template: pkg/apis/core/validation ValidatePodSpecificAnnotations (v1.33). */
type Annotations = Readonly<Record<string, string>> | undefined
type Profile = { type?: string; localhostProfile?: string }
type Confined = { appArmorProfile?: Profile } | undefined

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const MIRROR = 'kubernetes.io/config.mirror'

export function validatePodAnnotations(annotations: Annotations, spec: core.PodSpec, path: string, errors: FieldErrors): void {
  if (!annotations) return
  const mirror = annotations[MIRROR]
  if (mirror !== undefined && !spec.nodeName) errors.invalid(`${path}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set')
  const cost = annotations[DELETION_COST]
  if (cost !== undefined && !isInt32(cost)) errors.invalid(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer')
  for (const [key, profile] of Object.entries(annotations)) {
    if (!key.startsWith(APPARMOR_PREFIX)) continue
    const name = key.slice(APPARMOR_PREFIX.length)
    if (!containersOf(spec, '').some(([c]) => c.name === name)) errors.invalid(`${path}[${key}]`, name, 'container not found')
    if (profile !== '' && profile !== 'runtime/default' && profile !== 'unconfined' && !profile.startsWith('localhost/')) {
      errors.invalid(`${path}[${key}]`, profile, `invalid AppArmor profile name: ${quote(profile)}`)
    }
  }
}

/** ValidatePodSpecificAnnotationUpdates. */
export function validateAnnotationUpdates(annotations: Annotations, before: Annotations, spec: core.PodSpec, path: string, errors: FieldErrors): void {
  if (annotations === before) return
  const named = (key: string): string | undefined => (key.startsWith(APPARMOR_PREFIX) ? 'AppArmor annotations' : key === MIRROR ? 'mirror pod annotation' : undefined)
  for (const [key, value] of Object.entries(before ?? {})) if (annotations?.[key] !== value && named(key)) errors.forbidden(`${path}[${key}]`, `may not remove or update ${named(key)!}`)
  for (const key of Object.keys(annotations ?? {})) if (before?.[key] === undefined && named(key)) errors.forbidden(`${path}[${key}]`, `may not add ${named(key)!}`)
  validatePodAnnotations(annotations, spec, path, errors)
}

/** Neither "+1" nor "01" (GetDeletionCostFromPodAnnotations). */
function isInt32(text: string): boolean {
  return /^(0|-?[1-9][0-9]*)$/.test(text) && Number(text) >= -2147483648 && Number(text) <= 2147483647
}

/** Where annotation and field of a container are there, they say the same of AppArmor. */
export function validateProfilesMatch(annotations: Annotations, spec: core.PodSpec, path: string, errors: FieldErrors): void {
  if (!annotations || spec.os?.name === 'windows') return
  for (const [container, at] of containersOf(spec, path)) {
    const written = annotations[APPARMOR_PREFIX + container.name]
    const profile = (container.securityContext as Confined)?.appArmorProfile ?? (spec.securityContext as Confined)?.appArmorProfile
    if (written === undefined || !profile) continue
    const field = `${at}.securityContext.appArmorProfile`
    const fits = profile.type === 'Unconfined' ? written === 'unconfined' : profile.type === 'RuntimeDefault' ? written === 'runtime/default' : profile.type !== 'Localhost' || written.startsWith('localhost/')
    if (!fits) errors.forbidden(`${field}.type`, 'apparmor type in annotation and field must match')
    else if (profile.type === 'Localhost' && written.slice('localhost/'.length) !== profile.localhostProfile) {
      errors.forbidden(`${field}.localhostProfile`, 'apparmor profile in annotation and field must match')
    }
  }
}

function containersOf(spec: core.PodSpec, path: string): [core.Container, string][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const)
    .flatMap((kind) => ((spec[kind] ?? []) as core.Container[]).map((c, i): [core.Container, string] => [c, `${path}.${kind}[${i}]`]))
}
