import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import type { KubeObject } from '../../../engine/kubernetes/types.ts'
import { decodeUtf8 } from '../../../engine/text.ts'
import { at, byBytes, list, map, text } from '../objects.ts'
import type { Description } from './writer.ts'

/** Values are secret, so only their sizes are shown; a service account's token is there to be copied. */
export function describeSecret(d: Description, secret: KubeObject): void {
  const type = text(at(secret, 'type'))
  d.head(secret)
  d.labels('Labels', secret.metadata.labels)
  d.annotations('Annotations', secret.metadata.annotations)
  d.line(0, `\nType:\t${type}`)
  d.line(0, '\nData\n====')
  for (const [key, value] of Object.entries(map(at(secret, 'data'))).sort(([a], [b]) => byBytes(a, b))) {
    const bytes = decodeBase64(text(value))
    const content = typeof bytes === 'number' ? new Uint8Array(0) : bytes
    d.line(0, key === 'token' && type === 'kubernetes.io/service-account-token' ? `${key}:\t${decodeUtf8(content)}` : `${key}:\t${content.length} bytes`)
  }
}

export function describeServiceAccount(d: Description, account: KubeObject): void {
  const secrets = secretsOf(d, account.metadata.namespace ?? '')
  const existing = new Set(secrets?.map((s) => s.metadata.name))
  const names = (field: string): string[] => list(at(account, field)).map((r) => text(at(r, 'name'))).map((name) => (!secrets || existing.has(name) ? name : `${name} (not found)`))
  const { name, uid } = account.metadata
  const tokens = (secrets ?? []).filter(({ metadata: { annotations }, ...secret }) => at(secret, 'type') === 'kubernetes.io/service-account-token' &&
    annotations?.['kubernetes.io/service-account.name'] === name && annotations['kubernetes.io/service-account.uid'] === uid)
  d.head(account)
  d.labels('Labels', account.metadata.labels)
  d.annotations('Annotations', account.metadata.annotations)
  d.multiline('Image pull secrets', names('imagePullSecrets'))
  d.multiline('Mountable secrets', names('secrets'))
  d.multiline('Tokens', tokens.map((secret) => secret.metadata.name))
  d.events(account)
}

/** Undefined where they may not be seen: an account is described all the same. */
function secretsOf({ k }: Description, namespace: string): readonly KubeObject[] | undefined {
  try {
    return k.client.list('secrets', { namespace }).items
  } catch {
    return undefined
  }
}
