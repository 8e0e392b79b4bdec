import type { IncomingHttpHeaders } from 'node:http'
import type { ApiRequest } from '../../engine/cluster.ts'

/** Who `kubectl --as` wants to be. */
export function impersonation({ 'impersonate-user': user, 'impersonate-group': group, 'impersonate-uid': uid }: IncomingHttpHeaders): Pick<ApiRequest, 'impersonate'> {
  if (typeof user !== 'string') return {}
  // a header that comes twice is one list here
  const groups = group === undefined ? [] : String(group).split(/, */)
  return { impersonate: { user, groups, ...(typeof uid === 'string' ? { uid } : {}) } }
}
