/**
 * An image that a lab's pack declares: what it listens on, what it answers, what is in it. The format's reference for
 * trainers is lab/images.ts. Texts may have placeholders: {{hostname}}, {{ip}}, {{env:NAME}}, and in answers
 * {{client}}, {{path}}, {{method}}, {{query:NAME}}, {{header:NAME}}, {{body}}.
 */
export interface DeclaredImage {
  /** As manifests write it: "example.com/shop:1.0"; without a tag: latest. */
  readonly name: string
  readonly base: 'distroless' | 'busybox' | 'alpine' | 'debian'
  readonly tools: readonly ToolName[]
  readonly environment: Readonly<Record<string, string>>
  /** Variables that must be set: without one it says so and exits with 1. */
  readonly needs: readonly string[]
  /** Path → text. */
  readonly files: Readonly<Record<string, string>>
  /** Seconds before it listens. */
  readonly startDelay: number
  /** Lines that it writes when it starts, and when it listens. */
  readonly log: readonly string[]
  readonly listen: readonly DeclaredPort[]
  /** It ends by itself, so many seconds after it listens. */
  readonly exit?: { readonly after: number; readonly code: number; readonly log: readonly string[] } | undefined
}

export type DeclaredPort = DeclaredHttp | DeclaredStream | DeclaredUdp

export interface DeclaredHttp {
  readonly port: number
  readonly protocol: 'http'
  /** The first whose method and path fit; none: 404. */
  readonly responses: readonly DeclaredResponse[]
  /** A line for each request. */
  readonly log?: string | undefined
}

export interface DeclaredResponse {
  /** "/api", or "/api/*" for all below it, or "*". */
  readonly path: string
  readonly method?: string | undefined
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Seconds. */
  readonly delay: number
  /** "http://backend:8080": whom it asks, with the path and query of the request; what comes back is the answer, or 502. */
  readonly upstream?: string | undefined
}

export interface DeclaredStream {
  readonly port: number
  readonly protocol: 'tcp' | 'sctp'
  /** Sent to whoever connects. */
  readonly greeting: string
  /** Sent for each line that arrives. */
  readonly answer: string
  /** Closes after the greeting, or after the first answer. */
  readonly close: boolean
  readonly log?: string | undefined
}

export interface DeclaredUdp {
  readonly port: number
  readonly protocol: 'udp'
  /** Empty: it stays silent. */
  readonly answer: string
  readonly log?: string | undefined
}

/** What a declared image may have beside its base. */
export const TOOLS = ['arping', 'bash', 'bridge', 'conntrack', 'curl', 'dig', 'host', 'ifconfig', 'ip', 'iptables', 'iptables-save', 'jq', 'kubectl', 'mongosh', 'mysql', 'nc', 'ncat', 'netstat', 'nft', 'nmap', 'nslookup', 'openssl', 'pg_isready', 'ping', 'psql', 'redis-cli', 'route', 'ss', 'sysctl', 'tcpdump', 'telnet', 'traceroute', 'wget'] as const
export type ToolName = (typeof TOOLS)[number]
