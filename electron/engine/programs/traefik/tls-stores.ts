import type { Secret } from '../../kubernetes/types.ts'
import { tlsSecret } from '../tls/secrets.ts'
import { field, type CustomObject, type Dynamic } from './model.ts'

/** TLSStore (buildTLSStores of pkg/provider/kubernetes/crd): certificates, and of the one called default what is shown where no other fits. */
export function addTlsStores(stores: readonly CustomObject[], secret: (namespace: string, name: string) => Secret | undefined, dynamic: Dynamic): void {
  const defaults: string[] = []
  let own: Dynamic['ownCertificate']
  for (const { metadata: { namespace, name }, spec } of stores) {
    const { defaultCertificate, certificates = [] } = spec as { defaultCertificate?: { secretName: string }; certificates?: { secretName: string }[] }
    const wrong = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `${text} TLSStore=${name} namespace=${namespace} providerName=kubernetescrd` })
    const load = (secretName: string): Dynamic['ownCertificate'] => {
      const found = secret(namespace, secretName)
      if (!found) return void wrong(`Secret ${namespace}/${secretName} does not exist`)
      const loaded = tlsSecret(found)
      if ('chain' in loaded) return loaded.chain
      return void wrong(`Could not get certificate blocks ${field('error', `secret ${namespace}/${secretName}: ${loaded.error}`)}`)
    }
    if (name === 'default') defaults.push(namespace)
    const shown = defaultCertificate && load(defaultCertificate.secretName)
    // a store without its certificate is none
    if (defaultCertificate && !shown) continue
    if (name === 'default') own = shown
    for (const { secretName } of certificates) {
      const chain = load(secretName)
      if (chain && !dynamic.certificates.includes(chain)) dynamic.certificates.push(chain)
    }
  }
  if (defaults.length > 1) dynamic.problems.push({ level: 'ERR', text: `Default TLS Stores defined in multiple namespaces: [${defaults.join(' ')}] providerName=kubernetescrd` })
  else dynamic.ownCertificate = own
}
