import { joinHostPort } from '../../engine/network/address.ts'
import type { Process } from '../../engine/machine/types.ts'
import type { Kubeconfig } from './kubeconfig.ts'
import type { JsonObject } from './objects.ts'

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

/** What a Pod's kubectl works with when no kubeconfig says otherwise: the Service `kubernetes` and its ServiceAccount (client-go's rest.InClusterConfig). */
export interface InCluster { cluster: JsonObject; user: JsonObject; namespace: string }

/** Undefined outside of a Pod, in one without a token, and where a kubeconfig says something. */
export function inCluster(process: Process, config: Kubeconfig): InCluster | undefined {
  if (config.sources.some(({ content }) => ['clusters', 'users', 'contexts'].some((kind) => Array.isArray(content[kind]) && content[kind].length > 0))) return undefined
  const [host, port] = ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'].map((name) => process.env.get(name) ?? '')
  if (!host || !port || !process.fs.exists(`${FOLDER}/token`)) return undefined
  const read = (file: string): string => (process.fs.exists(`${FOLDER}/${file}`) ? process.fs.readText(`${FOLDER}/${file}`).trim() : '')
  return {
    cluster: { server: `https://${joinHostPort(host, Number(port))}`, 'certificate-authority': `${FOLDER}/ca.crt` },
    user: { token: read('token') },
    namespace: process.env.get('POD_NAMESPACE') || read('namespace') || 'default',
  }
}
