import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { encodeUtf8 } from '../text.ts'
import { headerOf, type Headers } from './http/message.ts'
import { serveHttp, type HttpRequest, type HttpResponse } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { Output } from './output.ts'

/** busybox httpd: static files of a folder, one request a connection (held against BusyBox 1.35 of Debian). */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/\.(txt|h|c|cc|cpp)$/, 'text/plain'], [/\.html?$/, 'text/html'], [/\.jpe?g$/, 'image/jpeg'], [/\.gif$/, 'image/gif'], [/\.png$/, 'image/png'], [/\.svg$/, 'image/svg+xml'], [/\.css$/, 'text/css'],
  [/\.js$/, 'application/javascript'], [/\.wav$/, 'audio/wav'], [/\.avi$/, 'video/x-msvideo'], [/\.qt$|\.mov$/, 'video/quicktime'], [/\.mpe?g$/, 'video/mpeg'], [/\.(mid|midi)$/, 'audio/midi'], [/\.mp3$/, 'audio/mpeg'],
]
const PAGES: Readonly<Record<number, readonly [string, string]>> = {
  400: ['Bad Request', 'Unsupported method'], 403: ['Forbidden', ''], 404: ['Not Found', 'The requested URL was not found'], 408: ['Request Timeout', 'No request appeared within 60 seconds'], 501: ['Not Implemented', 'The requested method is not recognized'],
}

interface Options { port: number; address: string | undefined; home: string; foreground: boolean; verbose: number }

function readOptions(args: readonly string[]): Options | { notSimulated: string } | { invalid: string } {
  const options: Options = { port: 80, address: undefined, home: '.', foreground: false, verbose: 0 }
  for (let i = 0; i < args.length; i++) {
    let letters = args[i]!
    if (!letters.startsWith('-')) return { invalid: letters }
    for (letters = letters.slice(1); letters !== ''; letters = letters.slice(1)) {
      const letter = letters[0]!
      if (letter === 'f') options.foreground = true
      else if (letter === 'v') options.verbose++
      else if (letter === 'p' || letter === 'h' || letter === 'u' || letter === 'c') {
        const value = letters.slice(1) || args[++i]
        if (value === undefined) return { invalid: letter }
        if (letter === 'h') options.home = value
        else if (letter === 'c') return { notSimulated: '-c' }
        else if (letter === 'p') {
          const match = /^(?:(.*):)?(\d+)$/.exec(value)
          if (!match || Number(match[2]) > 65_535) return { invalid: value }
          options.port = Number(match[2])
          if (match[1]) options.address = match[1].replace(/^\[|\]$/g, '')
        }
        letters = ' '
      } else return 'iremdr'.includes(letter) ? { notSimulated: `-${letter}` } : { invalid: letter }
    }
  }
  return options
}

export const busyboxHttpd: Program = function* (process) {
  const options = readOptions(process.argv.slice(1))
  const fail = function* (text: string): Task<number> {
    yield* process.printError(`httpd: ${text}\n`)
    return 1
  }
  if ('notSimulated' in options) {
    yield* process.printError(`podhop: not simulated: busybox httpd ${options.notSimulated} (-f, -p, -h, -u and -v are)\n`)
    return 69
  }
  if ('invalid' in options) return yield* fail(`invalid option -- '${options.invalid}'`)
  const home = process.resolve(options.home)
  if (!process.fs.exists(home)) return yield* fail(`can't change directory to '${options.home}': No such file or directory`)
  const serve = (self: Process): (() => void) => {
    const out = new Output(self, 2)
    const server = serveHttp(self, {
      port: options.port,
      ...(options.address ? { address: options.address } : {}),
      program: 'httpd',
      handle: (request, respond) => {
        const response = answer(self, home, request)
        const who = joinHostPort(request.remoteAddress, request.remotePort)
        if (options.verbose > 1) out.write(`${who}: url:${request.target}\n`)
        if (options.verbose > 0) out.write(`${who}: response:${response.status}\n`)
        respond({ ...response, close: true })
      },
      refuse: () => page(self, 400),
    })
    return () => server.close()
  }
  const main = function* (self: Process): Task<number> {
    // like every program without a handler it does not hear SIGTERM as the first process of a container
    if (self.pid !== 1) self.onSignal('SIGTERM', () => self.exit(143))
    for (;;) yield () => undefined
  }
  try {
    if (options.foreground) {
      serve(process)
      return yield* main(process)
    }
    const close = serve(process)
    close()
  } catch (error) {
    const { code } = error as { code?: string }
    return yield* fail(`bind: ${code === 'EADDRINUSE' ? 'Address already in use' : code === 'EADDRNOTAVAIL' ? 'Cannot assign requested address' : (error as Error).message}`)
  }
  process.spawn({ argv: ['httpd', ...process.argv.slice(1)], files: process.files, group: 'new', program: function* (child) {
    serve(child)
    return yield* main(child)
  } })
  // the child listens by the time that the command is over
  yield* process.sleep(2, { background: false })
  return 0
}

function page(process: Process, status: number): HttpResponse {
  const [title, text] = PAGES[status] ?? ['', '']
  return { status, headers: heads(process), body: encodeUtf8(`<HTML><HEAD><TITLE>${status} ${title}</TITLE></HEAD>\n<BODY><H1>${status} ${title}</H1>\n${text}\n</BODY></HTML>\n`), close: true }
}

/** Without a type where it knows none. */
function heads(process: Process, type = 'text/html'): Headers {
  return [['Date', httpDate(process.clock.wall())], ['Connection', 'close'], ...(type === '' ? [] : [['Content-type', type] as [string, string]])]
}

function answer(process: Process, home: string, request: HttpRequest): HttpResponse {
  if (request.method !== 'GET' && request.method !== 'HEAD') return page(process, 501)
  const { fs } = process
  const [raw = '/'] = request.target.split('?')
  let path: string
  try {
    path = decodeURIComponent(raw)
  } catch {
    return page(process, 400)
  }
  if (!path.startsWith('/')) return page(process, 400)
  if (path.split('/').includes('..') || path.includes('\0')) return page(process, 404)
  if (path.startsWith('/cgi-bin/')) return { status: 501, headers: heads(process, 'text/plain'), body: encodeUtf8('podhop: not simulated: busybox httpd with CGI scripts (static files are)\n') }
  let file = `${home}${path}`
  if (fs.exists(file) && fs.stat(file).type === 'directory') {
    if (!path.endsWith('/')) return { status: 302, headers: [...heads(process), ['Location', `${raw}/`]], body: new Uint8Array(0) }
    file = `${file}index.html`
  }
  if (!fs.exists(file) || fs.stat(file).type !== 'file') return page(process, 404)
  const { mtime, size } = fs.stat(file)
  const seconds = Math.floor(mtime / 1000)
  const etag = `"${seconds.toString(16)}-${size.toString(16)}"`
  const stamps: Headers = [['Last-Modified', httpDate(mtime)], ['ETag', etag]]
  if (headerOf(request.headers, 'if-none-match') === etag) return { status: 304, headers: [...heads(process), ...stamps] }
  const body = fs.readFile(file)
  const type = TYPES.find(([pattern]) => pattern.test(file))?.[1] ?? ''
  return { status: 200, headers: [...heads(process, type), ['Accept-Ranges', 'bytes'], ...stamps, ['Content-Length', String(body.length)]], body }
}
