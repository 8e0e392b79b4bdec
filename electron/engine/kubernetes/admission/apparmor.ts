import type { Container, Pod } from '../types.ts'

type Profile = { type: string; localhostProfile?: string }
type Confined = { appArmorProfile?: Profile }

export const APPARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/'

export const APPARMOR_DEPRECATED = 'deprecated since v1.30; use the "appArmorProfile" field instead'

/** AppArmor's annotations of before v1.30 and its fields come to say the same: pkg/registry/core/pod/strategy.go, applyAppArmorVersionSkew (KEP-24). Annotations that brought something new are warned of. */
export function syncAppArmor(pod: Pod, warn?: (text: string) => void): void {
  const { metadata, spec } = pod
  if (spec.os?.name === 'windows') return
  const ofPod = (spec.securityContext as Confined | undefined)?.appArmorProfile
  const written = Object.keys(metadata.annotations ?? {}).some((key) => key.startsWith(APPARMOR_PREFIX))
  const kinds = ['initContainers', 'containers', 'ephemeralContainers'] as const
  if (!written && !ofPod && !kinds.some((kind) => spec[kind]?.some((c) => (c.securityContext as Confined | undefined)?.appArmorProfile))) return
  const annotations: Record<string, string> = { ...metadata.annotations }
  const synced = (container: Container): Container => {
    const key = APPARMOR_PREFIX + container.name
    const own = (container.securityContext as Confined | undefined)?.appArmorProfile
    if (annotations[key] === undefined) {
      const text = annotationOf(own ?? ofPod)
      if (text !== undefined) annotations[key] = text
      return container
    }
    const profile = own ? undefined : profileOf(annotations[key])
    if (!own && (!profile || !same(profile, ofPod))) warn?.(`metadata.annotations[${key}]: ${APPARMOR_DEPRECATED}`)
    if (!profile || same(profile, ofPod)) return container
    return { ...container, securityContext: { ...container.securityContext, appArmorProfile: profile } as Container['securityContext'] }
  }
  const next = { ...spec }
  for (const kind of kinds) if (spec[kind]) Object.assign(next, { [kind]: (spec[kind] as Container[]).map(synced) })
  Object.assign(pod, { spec: next })
  if (Object.keys(annotations).length > 0) Object.assign(metadata, { annotations })
}

const same = (a: Profile, b: Profile | undefined): boolean => a.type === b?.type && a.localhostProfile === b.localhostProfile

function annotationOf(profile: Profile | undefined): string | undefined {
  switch (profile?.type) {
    case 'Unconfined': return 'unconfined'
    case 'RuntimeDefault': return 'runtime/default'
    case 'Localhost': return profile.localhostProfile === undefined ? undefined : `localhost/${profile.localhostProfile}`
    default: return undefined
  }
}

/** What is no profile, or names none, is left as it is written. */
function profileOf(annotation: string): Profile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' }
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' }
  const [, name = ''] = /^localhost\/(.*)$/s.exec(annotation) ?? []
  // a name has no spaces about it, and 4095 bytes at most
  return name !== '' && name.trim() === name && name.length <= 4095 ? { type: 'Localhost', localhostProfile: name } : undefined
}
