import type { TraceKind } from './trace.ts'

/** curl's command line, as far as it matters for networking (curl(1), 7.88.1). */
export interface CurlOptions {
  urls: string[]
  method: string | undefined
  head: boolean
  /** -Z, and how many at once. */
  parallel: boolean
  parallelMax: number
  noMeter: boolean
  /** -C: from this byte on; 'size': as much as there is already. */
  continueAt: number | 'size' | undefined
  /** Bytes that are in the file already, which the answer goes on from. */
  resumeFrom: number
  /** --proto */
  protocols: ReadonlySet<string>
  headers: string[]
  data: string | undefined
  /** Its bytes, where they are no text. */
  dataBytes: Uint8Array | undefined
  /** What -d said, before files are read. */
  dataParts: { text: string; literal: boolean; binary?: boolean; encoded?: boolean }[]
  /** --json */
  json: boolean
  /** -e */
  referer: string | undefined
  /** -F, --form-string */
  form: FormField[]
  /** -T, each for one URL */
  uploads: string[]
  /** -b */
  cookies: string[]
  /** -b FILE */
  cookieFiles: string[]
  /** -c */
  cookieJar: string | undefined
  /** -r */
  range: string | undefined
  /** -z */
  timeCondition: string | undefined
  /** bytes */
  maxFileSize: number | undefined
  /** bytes a second */
  limitRate: number | undefined
  /** -J */
  nameByHeader: boolean
  createDirs: boolean
  removeOnError: boolean
  /** ms to wait for "100 Continue" */
  expectTimeout: number
  /** What curl warns of before it starts. */
  warnings: string[]
  /** What it says of them that is no warning. */
  complaints: string[]
  /** --compressed */
  compressed: boolean
  /** -g: brackets and braces are letters. */
  noGlob: boolean
  noProxy: string | undefined
  /** --local-port */
  localPorts: [number, number] | undefined
  /** -G */
  dataInUrl: boolean
  output: (string | null)[]
  include: boolean
  silent: boolean
  showError: boolean
  verbose: boolean
  fail: boolean
  failWithBody: boolean
  location: boolean
  maxRedirects: number
  connectTimeout: number | undefined
  maxTime: number | undefined
  writeOut: string | undefined
  userAgent: string
  resolve: string[]
  user: string | undefined
  /** --digest */
  digest: boolean
  /** -n, --netrc-optional, --netrc-file: whose login and password are looked up, and in which file. */
  netrc: 'required' | 'optional' | undefined
  netrcFile: string | undefined
  /** --stderr */
  errors: string | undefined
  interface: string | undefined
  /** -4, -6 */
  family: 4 | 6 | undefined
  retry: number
  /** ms; 0: one second, two, four, … */
  retryDelay: number
  /** ms in which another try may begin; 0: no end */
  retryMaxTime: number
  retryAllErrors: boolean
  retryRefused: boolean
  http10: boolean
  /** -k */
  insecure: boolean
  /** --cacert: a file. */
  caFile: string | undefined
  /** -E and --key: files. */
  certFile: string | undefined
  /** --haproxy-protocol: a line that says who asks goes first. */
  announces: boolean
  keyFile: string | undefined
  /** "HOST1:PORT1:HOST2:PORT2" */
  connectTo: string[]
  /** --http1.1: nothing else is offered. */
  http11: boolean
  /** --http2: over TLS it offers no more than without it; in clear text it asks for an upgrade, which no server here takes. */
  http2: boolean
  /** In clear text, too, and without asking. */
  http2Prior: boolean
  /** --trace, --trace-ascii: a file, "-" for stdout, "%" for stderr. */
  trace: { kind: TraceKind; to: string } | undefined
  traceTime: boolean
  /** -D */
  dumpHeader: string | undefined
  /** --request-target */
  requestTarget: string | undefined
  pathAsIs: boolean
  /** --url-query */
  queryParts: CurlOptions['dataParts']
  query: string | undefined
  bearer: string | undefined
  /** -x */
  proxy: string | undefined
  /** --raw: what is coded for the transfer stays so. */
  raw: boolean
  http09: boolean
  /** Statuses after which a POST stays one. */
  keepPost: Set<number>
  /** --location-trusted */
  trusted: boolean
  outputDir: string | undefined
  failEarly: boolean
}

export interface FormField { text: string; literal: boolean }

export function defaults(): CurlOptions {
  return {
    urls: [], method: undefined, head: false, parallel: false, parallelMax: 50, noMeter: false, continueAt: undefined, resumeFrom: 0, protocols: new Set(['http', 'https']), headers: [], data: undefined, dataBytes: undefined, dataParts: [], dataInUrl: false, output: [], include: false, silent: false,
    showError: false, verbose: false, fail: false, failWithBody: false, location: false, maxRedirects: 50, connectTimeout: undefined, maxTime: undefined,
    writeOut: undefined, userAgent: 'curl/7.88.1', resolve: [], user: undefined, digest: false, netrc: undefined, netrcFile: undefined, errors: undefined, interface: undefined, retry: 0, family: undefined, http10: false, insecure: false, caFile: undefined, announces: false, certFile: undefined, keyFile: undefined, connectTo: [], http11: false, http2: false, http2Prior: false, json: false, referer: undefined, localPorts: undefined, cookies: [], cookieFiles: [], cookieJar: undefined, form: [], uploads: [], range: undefined, timeCondition: undefined, maxFileSize: undefined, limitRate: undefined, nameByHeader: false, createDirs: false, removeOnError: false,
    expectTimeout: 1000, warnings: [], complaints: [], trace: undefined, traceTime: false, dumpHeader: undefined, requestTarget: undefined, pathAsIs: false, queryParts: [], query: undefined, bearer: undefined, proxy: undefined, raw: false, http09: false, keepPost: new Set(), trusted: false, outputDir: undefined, failEarly: false, retryDelay: 0, retryMaxTime: 0, retryAllErrors: false, retryRefused: false, compressed: false, noGlob: false, noProxy: undefined,
  }
}
