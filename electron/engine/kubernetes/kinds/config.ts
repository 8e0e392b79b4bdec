import type * as core from 'kubernetes-types/core/v1'
import { put } from '../../own.ts'
import { encodeUtf8 } from '../../text.ts'
import { encodeBase64 } from '../base64.ts'
import type { ConfigMap, KubeObject, StoredMeta } from '../types.ts'
import { validateConfigMap, validateConfigMapUpdate, validateSecret, validateSecretUpdate } from '../validation/config.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

export type Secret = Omit<core.Secret, 'metadata'> & KubeObject & { metadata: StoredMeta & { namespace: string } }
export type ServiceAccount = Omit<core.ServiceAccount, 'metadata'> & KubeObject & { metadata: StoredMeta & { namespace: string } }

function count(map: object | undefined): number {
  return Object.keys(map ?? {}).length
}

/** core/v1 ConfigMap. */
export const configMap: Kind<ConfigMap> = {
  resource: apiResource('ConfigMap', 'configmaps', { shortNames: ['cm'] }),
  type: 'ConfigMap',
  validName: dns1123Subdomain,
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
  columns: [NAME, { name: 'Data', type: 'integer', cell: (o) => count(o.data) + count(o.binaryData) }, AGE],
}

/** core/v1 Secret. stringData is write-only: it ends in data. */
export const secret: Kind<Secret> = {
  resource: apiResource('Secret', 'secrets'),
  type: 'Secret',
  validName: dns1123Subdomain,
  setDefaults(object) {
    object.type ??= 'Opaque'
    if (!object.stringData) return
    object.data = { ...object.data }
    for (const [key, text] of Object.entries(object.stringData)) put(object.data, key, encodeBase64(encodeUtf8(text)))
    delete object.stringData
  },
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  fields: { type: (o) => o.type ?? '' },
  columns: [NAME, { name: 'Type', cell: (o) => o.type ?? '' }, { name: 'Data', type: 'integer', cell: (o) => count(o.data) }, AGE],
}

/** core/v1 ServiceAccount. */
export const serviceAccount: Kind<ServiceAccount> = {
  resource: apiResource('ServiceAccount', 'serviceaccounts', { shortNames: ['sa'], subresources: ['token'] }),
  type: 'ServiceAccount',
  validName: dns1123Subdomain,
  validate() {},
  columns: [NAME, { name: 'Secrets', type: 'integer', cell: (o) => o.secrets?.length ?? 0 }, AGE],
}
