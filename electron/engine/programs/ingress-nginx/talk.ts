import { bytes } from './annotation-values.ts'

/** How the proxy speaks with its two sides, beside what is said (internal/ingress/annotations/{connection,proxy,ratelimit,mirror}). */
export interface Talk {
  /** What a backend's head has to fit into, in bytes: proxy_buffer_size. */
  headBuffer: number
  version: '1.0' | '1.1'
  /** connection-proxy-header: instead of what an upgrade needs. */
  connection: string | undefined
  /** limit_rate and limit_rate_after in bytes. Without proxy_buffering the real one heeds neither (ngx_http_upstream_send_response). */
  pace: { rate: number; after: number; heeded: boolean } | undefined
}

export interface Mirror {
  /** /_mirror-UID, of nginx.conf. */
  source: string
  target: string
  host: string
  body: boolean
}

type Get = (short: string) => string | undefined
const PAGE = 4096

export function talkOf(of: Get): Talk {
  const rate = Number(of('limit-rate') ?? 0) * 1024
  return {
    headBuffer: bytes(of('proxy-buffer-size')) ?? PAGE,
    version: of('proxy-http-version') === '1.0' ? '1.0' : '1.1',
    connection: of('connection-proxy-header'),
    pace: rate > 0 ? { rate, after: Math.max(0, Number(of('limit-rate-after') ?? 0) * 1024), heeded: of('proxy-buffering') === 'on' } : undefined,
  }
}

/** Without a host, given or in the target, there is no place to mirror to (buildMirrorLocations). */
export function mirrorOf(of: Get, uid: string): Mirror | undefined {
  const target = of('mirror-target')
  if (target === undefined) return undefined
  const host = of('mirror-host') ?? /^[a-z][a-z0-9+.-]*:\/\/(\[[^\]]*\]|[^/:?#$]+)/i.exec(target)?.[1]?.replace(/^\[(.*)\]$/, '$1')
  return host === undefined ? undefined : { source: `/_mirror-${uid}`, target, host, body: of('mirror-request-body') !== 'off' }
}
