import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Query } from '../../engine/cluster.ts'
import type { KubeApi } from '../session/api-calls.ts'

/** What a client wants when it upgrades its connection: pods/exec, pods/attach and pods/portforward. */
export interface RemoteRequest {
  kind: 'exec' | 'attach' | 'portforward'
  namespace: string
  pod: string
  query: Query
}

/** `/api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true`. Undefined for every other path. */
export function remoteRequest(target: string): RemoteRequest | undefined {
  const [path = '', query = ''] = target.split('?', 2)
  const match = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/(exec|attach|portforward)$/.exec(path)
  if (!match) return undefined
  const [, namespace, pod, kind] = match
  return { kind: kind as RemoteRequest['kind'], namespace: decodeURIComponent(namespace!), pod: decodeURIComponent(pod!), query: new Query(query) }
}

/** Takes a connection over: true when it speaks this transport. */
export interface Transport {
  upgrade(api: KubeApi, remote: RemoteRequest, request: IncomingMessage, socket: Duplex, head: Buffer): void
  closeAll(): void
  close(): void
}
