import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { isObject } from './json.ts'
import { badRequest } from './status.ts'

/** Continue tokens: k8s.io/apiserver/pkg/storage/continue.go. Base64 (URL alphabet, no padding) of {v, rv, start}. */
export function encodeContinue(version: number, start: string): string {
  const text = JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start })
  return encodeBase64(encodeUtf8(text)).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')
}

/** A version of -1 goes on with what there is now. Throws StatusError 400. */
export function decodeContinue(token: string): { version: number; start: string } {
  const wrong = (why: string): never => {
    throw badRequest(`invalid continue token: continue key is not valid${why}`)
  }
  const stray = /[^A-Za-z0-9_-]/.exec(token)
  if (stray || token.length % 4 === 1) return wrong(`: illegal base64 data at input byte ${stray ? stray.index : token.length - (token.length % 4)}`)
  const bytes = decodeBase64(token.replaceAll('-', '+').replaceAll('_', '/').padEnd(Math.ceil(token.length / 4) * 4, '='))
  if (typeof bytes === 'number') return wrong(`: illegal base64 data at input byte ${bytes}`)
  let value: unknown
  const text = decodeUtf8(bytes)
  try {
    value = JSON.parse(text)
  } catch {
    return wrong(text === '' ? ': unexpected end of JSON input' : `: invalid character ${goCharacter(text.trimStart()[0] ?? '')} looking for beginning of value`)
  }
  if (!isObject(value)) return wrong(`: json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type storage.continueToken`)
  const { v, rv, start } = value
  if (v !== 'meta.k8s.io/v1') return wrong(`: server does not recognize this encoded version ${typeof v === 'string' ? v : ''}`)
  if (typeof rv !== 'number' || rv === 0) return wrong(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (typeof start !== 'string' || start === '') return wrong(': encoded start key empty (version meta.k8s.io/v1)')
  // Nobody may climb out of what is listed.
  if (start.split('/').some((part, i) => part === '..' || part === '.' || (part === '' && i > 0))) return wrong(`: ${start}`)
  return { version: rv, start }
}

function goCharacter(char: string): string {
  return char === "'" ? `'\\''` : `'${char}'`
}
