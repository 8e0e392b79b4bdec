import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { httpDate, MONTHS, two } from '../http/status.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'
import { onOff } from './directives.ts'
import { escapeUri } from './failure.ts'

/** ngx_http_autoindex_module: the page of a directory that has no index file. */
export interface AutoIndex { on: boolean; exact: boolean; format: 'html' | 'json' }

/** Undefined: it is another directive. Throws ConfigError and NotSimulated. */
export function readAutoindex(d: Directive, autoindex: AutoIndex): AutoIndex | undefined {
  switch (d.name) {
    case 'autoindex': return { ...autoindex, on: onOff(d) }
    case 'autoindex_exact_size': return { ...autoindex, exact: onOff(d) }
    case 'autoindex_format': {
      const format = d.args[0] ?? ''
      if (format === 'html' || format === 'json') return { ...autoindex, format }
      if (format === 'xml' || format === 'jsonp') throw new NotSimulated(`nginx "autoindex_format ${format}" (html and json are)`)
      throw new ConfigError(`invalid value "${format}" in ${d.file}:${d.line}`)
    }
    default: return undefined
  }
}

/** NGX_HTTP_AUTOINDEX_NAME_LEN */
const WIDTH = 50

/** `path` is what was asked for, `directory` where it lies. */
export function listing({ fs }: Process, directory: string, path: string, { exact, format }: AutoIndex): { type: string; body: Uint8Array } {
  const entries = fs.readDirectory(directory).filter((name) => !name.startsWith('.')).map((name) => {
    const { type, size, mtime } = fs.stat(`${directory === '/' ? '' : directory}/${name}`)
    return { name, isDirectory: type === 'directory', size, mtime }
  }).sort((a, b) => Number(b.isDirectory) - Number(a.isDirectory) || (a.name < b.name ? -1 : 1))
  if (format === 'json') {
    const rows = entries.map((e) => `{ "name":${JSON.stringify(e.name)}, "type":"${e.isDirectory ? 'directory' : 'file'}", "mtime":"${httpDate(e.mtime)}"${e.isDirectory ? '' : `, "size":${e.size}`} }`)
    return { type: 'application/json', body: encodeUtf8(`[\r\n${rows.join(',\r\n')}\r\n]`) }
  }
  const title = html(path)
  const rows = entries.map(({ name, isDirectory, size, mtime }) => {
    const shown = isDirectory ? `${name}/` : name
    const letters = [...shown]
    const text = letters.length > WIDTH ? `${html(letters.slice(0, WIDTH - 3).join(''))}..&gt;</a>` : `${html(shown)}</a>${' '.repeat(WIDTH - letters.length)}`
    const how = isDirectory ? '-'.padStart(exact ? 19 : 7) : exact ? String(size).padStart(19) : rounded(size)
    return `<a href="${escapeUri(latin(name))}${isDirectory ? '/' : ''}">${text} ${time(mtime)} ${how}\r\n`
  })
  return { type: 'text/html', body: encodeUtf8(`<html>\r\n<head><title>Index of ${title}</title></head>\r\n<body>\r\n<h1>Index of ${title}</h1><hr><pre><a href="../">../</a>\r\n${rows.join('')}</pre><hr></body>\r\n</html>\r\n`) }
}

/** "   1234", "    12K", "     3M": seven places in all. */
function rounded(size: number): string {
  const [value, unit] = size > 1024 ** 3 - 1 ? [size / 1024 ** 3, 'G'] : size > 1024 ** 2 - 1 ? [size / 1024 ** 2, 'M'] : size > 9999 ? [size / 1024, 'K'] : [size, '']
  return unit === '' ? String(size).padStart(7) : `${String(Math.round(value)).padStart(6)}${unit}`
}

function time(ms: number): string {
  const date = new Date(ms)
  return `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`
}

/** One character a byte, as paths are escaped. */
function latin(text: string): string {
  return String.fromCharCode(...encodeUtf8(text))
}

function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
