import { headerOf, type Process, type Task } from '../../../engine/cluster.ts'
import type { CurlError, Result } from './transfer.ts'

export interface Written {
  result: Result | undefined
  error: CurlError | undefined
  /** As given, and what was asked last. */
  url: string
  effective: string
  redirects: number
  /** Which URL of the command line. */
  index: number
  /** -o, -O */
  file: string | undefined
  referer: string | undefined
}

const LIBRARY = 'libcurl/7.88.1 OpenSSL/3.0.17'
/** What there is a text for; the others are numbers, and bare in %{json}. */
const TEXTS = new Set(['certs', 'content_type', 'errormsg', 'filename_effective', 'ftp_entry_path', 'http_version', 'local_ip', 'method', 'redirect_url', 'referer', 'remote_ip', 'scheme', 'url', 'url_effective'])

/** -w: variables and escapes of curl(1) (src/tool_writeout.c). */
export function* printWriteOut(process: Process, format: string, written: Written): Task {
  const values = variables(written)
  let out = ''
  let toErrors = false
  const flush = function* (): Task {
    if (out !== '') yield* toErrors ? process.printError(out) : process.print(out)
    out = ''
  }
  for (const [piece, header, name, letter] of format.matchAll(/%header\{([^}]*)\}|%\{([^}]*)\}|%%|\\([^])|[^]/gu)) {
    if (header !== undefined) out += written.result ? (headerOf(written.result.headers, header.toLowerCase()) ?? '') : ''
    else if (name === 'stderr' || name === 'stdout') {
      yield* flush()
      toErrors = name === 'stderr'
    } else if (name === 'onerror') {
      if (!written.error) break
    } else if (name === 'json') out += json(values)
    else if (name === 'header_json') out += headerJson(written.result)
    else if (name !== undefined) {
      if (Object.hasOwn(values, name)) out += values[name] ?? ''
      else yield* process.printError(`curl: unknown --write-out variable: '${name}'\n`)
    } else if (letter !== undefined) out += { n: '\n', r: '\r', t: '\t' }[letter] ?? piece
    else out += piece === '%%' ? '%' : piece
  }
  yield* flush()
}

function json(values: Record<string, string | undefined>): string {
  const fields = Object.keys(values).sort().map((name) => `"${name}":${TEXTS.has(name) ? (values[name] === undefined ? 'null' : JSON.stringify(values[name])) : name.startsWith('time_') ? values[name] : Number(values[name])}`)
  return `{${fields.join(',')},"curl_version":"${LIBRARY}"}`
}

/** Names in lower case, each once, with all its values. As curl's own loop it goes on after the last of them, past what stands between. */
function headerJson(result: Result | undefined): string {
  const headers = (result?.headers ?? []).map(([name, value]) => [name.toLowerCase(), value] as const)
  const out: string[] = []
  for (let i = 0; i < headers.length; i++) {
    const name = headers[i]![0]
    out.push(`${JSON.stringify(name)}:${JSON.stringify(headers.filter(([n]) => n === name).map(([, value]) => value))}`)
    i = headers.findLastIndex(([n]) => n === name)
  }
  return `{${out.join(',\n')}\n}`
}

/** Undefined: there is none, which is nothing as text and null in JSON. */
function variables({ result, error, url, effective, redirects, index, file, referer }: Written): Record<string, string | undefined> {
  const seconds = (ms: number | undefined): string => ((ms ?? 0) / 1000).toFixed(6)
  const code = String(result?.status ?? 0).padStart(3, '0')
  const rate = (bytes: number): string => String(result && result.timeTotal > 0 ? Math.floor((bytes * 1000) / result.timeTotal) : 0)
  return {
    http_code: code,
    response_code: code,
    http_connect: '000',
    http_version: result?.version ?? '0',
    method: result?.method ?? 'GET',
    scheme: result?.scheme,
    exitcode: String(error?.code ?? 0),
    errormsg: error?.text,
    remote_ip: result?.remoteIp ?? '',
    remote_port: String(result?.remotePort ?? 0),
    local_ip: result?.localIp ?? '',
    local_port: String(result?.localPort ?? 0),
    time_namelookup: seconds(result?.timeNameLookup),
    time_connect: seconds(result?.timeConnect),
    time_appconnect: seconds(result?.timeAppConnect),
    time_pretransfer: seconds(result && Math.max(result.timeConnect, result.timeAppConnect)),
    time_redirect: seconds(result?.timeRedirect),
    time_starttransfer: seconds(result?.timeStartTransfer),
    time_total: seconds(result?.timeTotal),
    size_download: String(result?.sizeDownload ?? 0),
    size_upload: String(result?.sizeUpload ?? 0),
    size_request: String(result?.sizeRequest ?? 0),
    size_header: String(result?.sizeHeader ?? 0),
    speed_download: rate(result?.sizeDownload ?? 0),
    speed_upload: rate(result?.sizeUpload ?? 0),
    content_type: result ? headerOf(result.headers, 'content-type') : undefined,
    redirect_url: result?.redirectUrl,
    referer,
    num_redirects: String(redirects),
    num_headers: String(result?.headers.length ?? 0),
    num_connects: String(result?.newConnections ?? 0),
    num_certs: '0',
    certs: '',
    ftp_entry_path: undefined,
    url,
    url_effective: effective,
    urlnum: String(index),
    filename_effective: file,
    proxy_ssl_verify_result: '0',
    ssl_verify_result: String(result?.verifyResult ?? 0),
  }
}
