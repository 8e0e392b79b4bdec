import { concatBytes, decodeUtf8, encodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import { multipart, parseField, type FormPart } from './form.ts'
import { date, httpDate } from './numbers.ts'
import { oneMethod } from './option-table.ts'
import type { CurlOptions } from './options.ts'
import { readInput, readInputText } from './output.ts'
import type { Sent } from './request.ts'
import type { CurlError } from './transfer.ts'
import type { Warn } from './warnings.ts'

const TRY = "curl: try 'curl --help' or 'curl --manual' for more information\n"
/** How much of an upload is read at once. */
const UPLOAD_BUFFER = 65_536

/** What the options say is to be sent. `text` of a refusal stands as it is. */
export function* prepare(process: Process, options: CurlOptions, warn: Warn): Task<{ sent: Sent | undefined } | CurlError> {
  const refused = (yield* readData(process, options, warn)) ?? (yield* several(options, warn))
  if (refused) return refused
  yield* timeCondition(process, options, warn)
  if (options.form.length > 0) return yield* form(process, options, warn)
  if (options.data === undefined || options.dataInUrl) return { sent: undefined }
  return { sent: { body: options.dataBytes ?? encodeUtf8(options.data), first: undefined, chunked: false, type: 'application/x-www-form-urlencoded', put: false } }
}

/** One kind of request at a time; -F and -I are compared where they are read. */
function* several(options: CurlOptions, warn: Warn): Task<CurlError | undefined> {
  const kinds = [
    ...(options.form.length > 0 ? ['multipart formpost (-F, --form)'] : options.head ? ['HEAD (-I, --head)'] : []),
    ...(options.data !== undefined && !options.dataInUrl ? ['POST (-d, --data)'] : []), ...(options.uploads.length > 0 ? ['PUT (-T, --upload-file)'] : []),
  ]
  if (kinds.length < 2) return undefined
  yield* warn(oneMethod(kinds[1]!, kinds[0]!))
  return { code: 2, text: '' }
}

function* form(process: Process, options: CurlOptions, warn: Warn): Task<{ sent: Sent } | CurlError> {
  const parts: FormPart[] = []
  const warnings: string[] = []
  const contents = new Map<string, Uint8Array>()
  for (const field of options.form) {
    const part = parseField(field, warnings)
    if ('notSimulated' in part) return { code: 69, text: `podhop: not simulated: ${part.notSimulated}\n` }
    parts.push(part)
    const content = part.file === undefined || contents.has(part.file) ? undefined : yield* readInput(process, part.file)
    if (content) contents.set(part.file!, content)
  }
  for (const warning of warnings) yield* warn(warning)
  const made = multipart(process, parts, (name) => contents.get(name))
  if (!made) return { code: 26, text: options.silent && !options.showError ? '' : 'curl: (26) Failed to open/read local data from file/application\n' }
  return { sent: { body: made.body, first: made.first, chunked: false, type: `multipart/form-data; boundary=${made.boundary}`, put: false } }
}

/** -T: a file, or stdin, whose length nobody knows. */
export function* upload(process: Process, options: CurlOptions, name: string): Task<{ sent: Sent } | CurlError> {
  if (name === '') return { sent: { body: undefined, first: undefined, chunked: false, type: undefined, put: false } }
  const body = yield* readInput(process, name === '.' ? '-' : name)
  if (!body) return { code: 26, text: `curl: Can't open '${name}'!\n${TRY}${options.silent && !options.showError ? '' : 'curl: (26) Failed to open/read local data from file/application\n'}` }
  return { sent: { body, first: Math.min(body.length, UPLOAD_BUFFER), chunked: name === '-' || name === '.', type: undefined, put: true } }
}

/** Where -T goes: a directory's name gets the file's. */
export function uploadUrl(url: string, name: string): string {
  if (name === '-' || name === '.' || name === '') return url
  const [, base, rest] = /^((?:[a-z][a-z0-9+.-]*:\/\/)?[^?#]*)([^]*)$/i.exec(url)!
  const path = base!.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
  if (path.includes('/') && !path.endsWith('/')) return url
  const file = encodeUtf8(name.split('/').at(-1)!)
  const encoded = Array.from(file, (b) => (b < 128 && /[\w.~-]/.test(String.fromCharCode(b)) ? String.fromCharCode(b) : `%${b.toString(16).toUpperCase().padStart(2, '0')}`)).join('')
  return `${base}${path.includes('/') ? '' : '/'}${encoded}${rest}`
}

/** -z: a date, or a file whose own counts. */
function* timeCondition(process: Process, options: CurlOptions, warn: Warn): Task {
  const given = options.timeCondition
  if (given === undefined) return
  const sign = /^[-+=]/.exec(given)?.[0] ?? ''
  const text = given.slice(sign.length)
  if (date(text) !== undefined) return
  const path = process.resolve(text)
  options.timeCondition = undefined
  if (text !== '' && process.fs.exists(path)) options.timeCondition = sign + httpDate(process.fs.stat(path).mtime)
  else yield* warn('Illegal date format for -z, --time-cond (and not a file name). Disabling time condition. See curl_getdate(3) for valid date syntax.')
}

/** "-d @FILE", whose line ends go, and "-w @FILE"; "@-" is stdin. */
function* readData(process: Process, options: CurlOptions, warn: Warn): Task<CurlError | undefined> {
  const read = (name: string): Task<string | undefined> => readInputText(process, name)
  const unread = (name: string, option: string): CurlError => ({ code: 26, text: `curl: Failed to open ${name}\ncurl: option ${option}: error encountered when reading a file\n${TRY}` })
  if (options.dataParts.length > 0) {
    const parts: Uint8Array[] = []
    for (const { text, literal, binary, encoded } of options.dataParts) {
      if (parts.length > 0) parts.push(encodeUtf8(options.json ? '' : '&'))
      if (encoded) {
        const part = yield* urlEncoded(text, read)
        if (part === undefined) return unread(text.slice(text.indexOf('@') + 1), '--data-urlencode')
        parts.push(encodeUtf8(part))
      } else if (literal || !text.startsWith('@')) parts.push(encodeUtf8(text))
      else {
        const content = yield* readInput(process, text.slice(1))
        if (content === undefined) yield* warn(`Couldn't read data from file "${text.slice(1)}", this makes an empty POST.`)
        parts.push(binary ? (content ?? new Uint8Array(0)) : (content ?? new Uint8Array(0)).filter((b) => b !== 10 && b !== 13))
      }
    }
    options.dataBytes = concatBytes(parts)
    options.data = decodeUtf8(options.dataBytes)
  }
  for (const { text, encoded } of options.queryParts) {
    const part = encoded ? yield* urlEncoded(text, read) : text
    if (part === undefined) return unread(text.slice(text.indexOf('@') + 1), '--url-query')
    options.query = options.query === undefined ? part : `${options.query}&${part}`
  }
  if (!options.writeOut?.startsWith('@')) return undefined
  const name = options.writeOut.slice(1)
  options.writeOut = yield* read(name)
  if (options.writeOut === undefined) yield* warn(`Failed to open ${name}`)
  return undefined
}

/** --data-urlencode: "TEXT", "=TEXT", "NAME=TEXT", "@FILE", "NAME@FILE"; blanks become "+". */
function* urlEncoded(given: string, read: (name: string) => Task<string | undefined>): Task<string | undefined> {
  const at = /[=@]/.exec(given)
  const name = at ? given.slice(0, at.index) : ''
  const text = !at ? given : at[0] === '=' ? given.slice(at.index + 1) : yield* read(given.slice(at.index + 1))
  if (text === undefined) return undefined
  const bytes = [...encodeUtf8(text)].map((b) => (/[\w.~-]/.test(String.fromCharCode(b)) && b < 128 ? String.fromCharCode(b) : b === 32 ? '+' : `%${b.toString(16).toUpperCase().padStart(2, '0')}`)).join('')
  return name === '' ? bytes : `${name}=${bytes}`
}
