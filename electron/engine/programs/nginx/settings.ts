import type { Cidr } from '../../network/types.ts'
import type { Account } from './account.ts'
import type { AutoIndex } from './autoindex.ts'
import type { ClientVerify } from './client-verify.ts'
import type { Computed } from './computed.ts'
import type { Directive } from './config.ts'
import type { ConnectionLimit, ConnectionZone } from './limit-conn.ts'
import type { Limit, LimitZone } from './limit-req.ts'
import type { RealIp } from './real-ip.ts'
import type { Expires } from './response-headers.ts'
import type { Operation } from './rewrite.ts'
import type { Sending } from './sending.ts'
import type { StreamConfiguration } from './stream-config.ts'
import type { Substitutions } from './sub-filter.ts'
import type { ProxyPass, ProxySettings, Upstream } from './upstream.ts'

/** nginx's server and location blocks as this simulation understands them. */
export interface Location {
  modifier: '' | '=' | '^~' | '~' | '~*' | '@'
  path: string
  settings: Settings
}

/** "main" → its text with variables; where to is "stdout", "stderr" or a file. */
export interface AccessLog { to: string; format: string }

/** What is inherited from http to server to location, but for `operations`, `tryFiles`, `alias`, `pass`, `status` and `except`, which are a level's own. */
export interface Settings {
  root: string
  alias?: string
  index: string[]
  operations: Operation[]
  addHeaders: { name: string; value: string; always: boolean }[]
  defaultType: string
  accessLogs: AccessLog[]
  tryFiles?: string[]
  errorPages: Map<number, { page: string; status: number | undefined | 'theirs' }>
  /** allow and deny, in order. */
  access: { allow: boolean; net: Cidr | 'all' }[]
  /** client_max_body_size in bytes; 0 is without end. */
  maxBody: number
  /** limit_req, all of which count, and limit_req_status. */
  limits: Limit[]
  limitStatus: number
  /** limit_conn and limit_conn_status. */
  connectionLimits: ConnectionLimit[]
  connectionLimitStatus: number
  substitutions: Substitutions
  sending: Sending
  /** Where each request goes a second time; nobody waits for those answers. */
  mirrors: readonly string[]
  mirrorsBody: boolean
  internal: boolean
  /** auth_basic's realm, and the file of users; "off" is none. */
  auth?: { realm: string; file: string }
  proxy: ProxySettings
  pass?: ProxyPass
  /** stub_status */
  status?: true
  autoindex: AutoIndex
  realIp: RealIp
  expires?: Expires
  charset?: string
  /** satisfy any: who passes one of the access checks passes. */
  satisfyAny: boolean
  /** auth_request, and the variables that auth_request_set makes of its answer. */
  permission?: { uri: string; sets: readonly { name: string; value: string }[] }
  /** limit_except: for all other methods these rules count. */
  except?: { methods: readonly string[]; access: Settings['access'] }
  /** absolute_redirect, port_in_redirect, server_name_in_redirect. */
  redirects: { absolute: boolean; port: boolean; serverName: boolean }
}

export const LOG_LEVELS = ['debug', 'info', 'notice', 'warn', 'error', 'crit', 'alert', 'emerg'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface Listen { address: string; port: number; isDefault: boolean; ssl: boolean; http2?: boolean; /** proxy_protocol. */ announced?: true }

export interface VirtualServer {
  listens: Listen[]
  names: string[]
  settings: Settings
  locations: Location[]
  http2: boolean
  /** Of TLS: PEM files, and where they were named. */
  certificate?: { file: string; directive: Directive }
  key?: { file: string; directive: Directive }
  clients: ClientVerify
}

export interface Configuration {
  account: Account
  daemon: boolean
  /** What is written of the log, from this level on (error_log of the whole); without a word of it, errors. */
  logLevel: LogLevel
  /** worker_processes; auto: two. */
  workers: number
  keepAliveTimeout: number
  tokens: boolean
  servers: VirtualServer[]
  /** Extension → MIME type. */
  types: ReadonlyMap<string, string>
  formats: Map<string, string>
  maps: Map<string, { source: string; entries: readonly { pattern: string | RegExp; value: string }[]; otherwise: string }>
  computed: Map<string, Computed>
  upstreams: Map<string, Upstream>
  /** Addresses of the `resolver`, for names that are not known before a request. */
  resolver: readonly string[]
  /** Headers with "_" or "." in their names count (underscores_in_headers). */
  underscores: boolean
  limitZones: Map<string, LimitZone>
  connectionZones: Map<string, ConnectionZone>
  stream?: StreamConfiguration
  /** What is said of it at a start. */
  warnings: string[]
}
