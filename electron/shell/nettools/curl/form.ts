import { concatBytes, encodeUtf8, type Process } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import type { FormField } from './options.ts'

/** -F: multipart/form-data as libcurl 7.88 writes it (lib/mime.c, src/tool_formparse.c). */
export interface Multipart {
  body: Uint8Array
  boundary: string
  /** How many bytes libcurl reads at once: as far as the second file. */
  first: number
}

const TYPES: Readonly<Record<string, string>> = byName({
  gif: 'image/gif', jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', svg: 'image/svg+xml', txt: 'text/plain', htm: 'text/html', html: 'text/html', pdf: 'application/pdf', xml: 'application/xml',
})
const typeOf = (name: string): string | undefined => TYPES[/\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? '']

export interface FormPart { name: string; text: string | undefined; file: string | undefined; type: string | undefined; fileName: string | undefined }

/** "NAME=TEXT", "NAME=@FILE", "NAME=<FILE", each with ";type=" and ";filename=". */
export function parseField({ text, literal }: FormField, warnings: string[]): FormPart | { notSimulated: string } {
  const at = text.indexOf('=')
  const [name, rest] = [text.slice(0, at), text.slice(at + 1)]
  if (literal) return { name, text: rest, file: undefined, type: undefined, fileName: undefined }
  const mark = /^[@<]/.exec(rest)?.[0]
  if (rest.startsWith('(')) return { notSimulated: 'curl -F with parts inside parts (use one -F a field)' }
  const words = split(mark ? rest.slice(1) : rest)
  const part: FormPart = { name, text: mark ? undefined : words[0]!, file: mark ? words[0]! : undefined, type: undefined, fileName: undefined }
  if (mark === '@' && /^[^"]*,/.test(words[0]!)) return { notSimulated: 'curl -F with several files in one field (use one -F a file)' }
  for (const word of words.slice(1)) {
    const [, key, value] = /^\s*(type|filename|headers|encoder)=([^]*)$/.exec(word) ?? []
    if (key === 'type') part.type = value
    else if (key === 'filename') part.fileName = value
    else if (key !== undefined) return { notSimulated: `curl -F with ${key}= (use type= and filename=)` }
    else if (word.trim() !== '') warnings.push(`skip unknown form field: ${word}`)
  }
  if (mark === '@') part.fileName ??= part.file!.split('/').at(-1)!
  return part
}

/** At semicolons, but not at those within double quotes, which go. */
function split(text: string): string[] {
  const words: string[] = []
  const word = /\s*"((?:\\["\\]|[^"])*)"[^;]*|[^;]*/y
  for (let at = 0; at <= text.length; at = word.lastIndex + 1) {
    word.lastIndex = at
    const found = word.exec(text)!
    words.push(found[1] === undefined ? found[0].replace(/^([a-z]+=)"((?:\\["\\]|[^"])*)"$/, '$1$2') : found[1].replace(/\\(["\\])/g, '$1'))
  }
  return words
}

const quoted = (name: string): string => name.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

/** `read`: a file's bytes, or undefined where there is none. */
export function multipart(process: Process, parts: readonly FormPart[], read: (name: string) => Uint8Array | undefined): Multipart | undefined {
  const random = process.clock.random.fork(`curl form ${process.machine.name} ${process.pid} ${process.clock.now}`)
  const boundary = '-'.repeat(24) + Array.from({ length: 16 }, () => random.below(16).toString(16)).join('')
  const pieces: Uint8Array[] = []
  let first: number | undefined
  let files = 0
  for (const { name, text, file, type, fileName } of parts) {
    const content = file === undefined ? encodeUtf8(text ?? '') : read(file)
    if (!content) return undefined
    let kind = type ?? (fileName === undefined ? undefined : typeOf(fileName)) ?? (file === undefined ? undefined : typeOf(file) ?? (fileName === undefined ? undefined : 'application/octet-stream'))
    if (type === undefined && kind === 'text/plain' && fileName === undefined) kind = undefined
    const disposition = `Content-Disposition: form-data; name="${quoted(name)}"${fileName === undefined ? '' : `; filename="${quoted(fileName)}"`}\r\n`
    pieces.push(encodeUtf8(`--${boundary}\r\n${disposition}${kind === undefined ? '' : `Content-Type: ${kind}\r\n`}\r\n`))
    if (file !== undefined && ++files === 2) first = pieces.reduce((n, p) => n + p.length, 0)
    pieces.push(content, encodeUtf8('\r\n'))
  }
  pieces.push(encodeUtf8(`--${boundary}--\r\n`))
  const body = concatBytes(pieces)
  return { body, boundary, first: first ?? body.length }
}
