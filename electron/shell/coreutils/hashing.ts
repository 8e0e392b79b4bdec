import { concatBytes } from '../../engine/text.ts'
import { Failure, tool, type Run } from './command.ts'
import { eachInput, openInput } from './input.ts'
import type { Task } from '../../engine/machine/task.ts'
import { md5, sha1, sha256 } from './digests.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function toBase64(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    out += ALPHABET[word >> 18]! + ALPHABET[(word >> 12) & 63]! + (i + 1 < bytes.length ? ALPHABET[(word >> 6) & 63]! : '=') + (i + 2 < bytes.length ? ALPHABET[word & 63]! : '=')
  }
  return out
}

/** Undefined when the text is not base64 (RFC 4648). */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined
  const out: number[] = []
  for (let i = 0; i < text.length; i += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((k) => ALPHABET.indexOf(text[i + k]!)) as [number, number, number, number]
    out.push(((a << 2) | (b >> 4)) & 255)
    if (text[i + 2] !== '=') out.push(((b << 4) | (c >> 2)) & 255)
    if (text[i + 3] !== '=') out.push(((c << 6) | d) & 255)
  }
  return Uint8Array.from(out)
}

function* bytesOf(run: Run, name: string): Task<Uint8Array | undefined> {
  const input = yield* openInput(run, name)
  if (!input) return undefined
  const chunks: Uint8Array[] = []
  for (let bytes = yield* input.read(); bytes !== null; bytes = yield* input.read()) chunks.push(bytes)
  input.close()
  return concatBytes(chunks)
}

tool('base64', { flags: 'di', values: 'w', long: { decode: 'd', wrap: 'w=', 'ignore-garbage': 'i' } }, function* (run) {
  const { options } = run
  const bytes = yield* bytesOf(run, options.operands[0] ?? '-')
  if (!bytes) return 1
  if (options.has('d')) {
    const text = String.fromCharCode(...bytes).replace(options.has('i') ? /[^A-Za-z0-9+/=]/g : /\n/g, '')
    const decoded = fromBase64(text)
    if (!decoded) throw new Failure('invalid input')
    yield* run.print(decoded)
    return 0
  }
  const width = Number(options.value('w') ?? 76)
  const text = toBase64(bytes)
  if (width === 0) yield* run.print(text)
  else for (let i = 0; i < text.length; i += width) yield* run.print(text.slice(i, i + width) + '\n')
  return 0
})

for (const [name, digest] of [['md5sum', md5], ['sha1sum', sha1], ['sha256sum', sha256]] as const) {
  tool(name, { flags: 'cbtqw', long: { check: 'c' } }, function* (run) {
    const { options } = run
    if (options.has('c')) return yield* check(run, digest)
    yield* eachInput(run, options.operands, function* (input) {
      const chunks: Uint8Array[] = []
      for (let bytes = yield* input.read(); bytes !== null; bytes = yield* input.read()) chunks.push(bytes)
      yield* run.print(`${digest(concatBytes(chunks))}  ${input.name === 'standard input' ? '-' : input.name}\n`)
    })
    return run.code
  })
}

function* check(run: Run, digest: (bytes: Uint8Array) => string): Task<number> {
  let failed = 0
  yield* eachInput(run, run.options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      const [, sum, name] = /^([0-9a-f]+) [ *](.+)$/.exec(line) ?? []
      if (sum === undefined || name === undefined) continue
      const bytes = yield* bytesOf(run, name)
      const ok = bytes !== undefined && digest(bytes) === sum
      if (!ok) failed++
      yield* run.print(`${name}: ${ok ? 'OK' : bytes ? 'FAILED' : 'FAILED open or read'}\n`)
    }
  })
  if (failed > 0) yield* run.warn(`WARNING: ${failed} computed checksum${failed === 1 ? '' : 's'} did NOT match`)
  return run.code
}
