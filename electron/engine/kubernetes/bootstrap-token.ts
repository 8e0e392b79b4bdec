import { decodeUtf8 } from '../text.ts'
import { decodeBase64 } from './base64.ts'
import type { Secret } from './types.ts'

/** Bootstrap tokens (k8s.io/cluster-bootstrap/token): Secrets of this type in kube-system. */
export const BOOTSTRAP_TOKEN = 'bootstrap.kubernetes.io/token'
export const BOOTSTRAP_NAMESPACE = 'kube-system'
export const BOOTSTRAP_PREFIX = 'bootstrap-token-'
export const BOOTSTRAP_GROUP = 'system:bootstrappers'

export interface BootstrapToken {
  id: string
  secret: string
  description: string
  /** RFC 3339; absent: it does not expire. */
  expires: string | undefined
  usages: readonly string[]
  groups: readonly string[]
}

/** What a Secret says; undefined: it is no token that anybody could use. */
export function bootstrapTokenOf({ type, metadata, data = {} }: Secret): BootstrapToken | undefined {
  if (type !== BOOTSTRAP_TOKEN || metadata.namespace !== BOOTSTRAP_NAMESPACE) return undefined
  const read = (key: string): string => {
    const bytes = decodeBase64(data[key] ?? '')
    return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
  }
  const [id, secret] = [read('token-id'), read('token-secret')]
  if (metadata.name !== `${BOOTSTRAP_PREFIX}${id}` || !/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(`${id}.${secret}`)) return undefined
  const usages = Object.keys(data).filter((key) => key.startsWith('usage-bootstrap-') && read(key) === 'true').map((key) => key.slice('usage-bootstrap-'.length)).sort()
  return { id, secret, description: read('description'), expires: read('expiration') || undefined, usages, groups: read('auth-extra-groups').split(',').filter((group) => group !== '') }
}

/** One whose time cannot be read counts as expired (cluster-bootstrap/util/secrets). */
export function hasExpired({ expires }: Pick<BootstrapToken, 'expires'>, wall: number): boolean {
  return expires !== undefined && !(Date.parse(expires) > wall)
}
