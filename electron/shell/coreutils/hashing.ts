import { concatBytes } from '../../engine/text.ts'
import { Failure, NotSimulated, tool, type Run } from './command.ts'
import { eachInput, openInput } from './input.ts'
import type { Task } from '../../engine/machine/task.ts'
import { decodeBase64, encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { hex, sha224, sha256 } from '../../engine/sha256.ts'
import { sha384, sha512 } from '../../engine/sha512.ts'
import { md5, sha1 } from './digests.ts'

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
    const decoded = decodeBase64(text)
    if (typeof decoded === 'number') throw new Failure('invalid input')
    yield* run.print(decoded)
    return 0
  }
  const width = Number(options.value('w') ?? 76)
  const text = encodeBase64(bytes)
  if (width === 0) yield* run.print(text)
  else for (let i = 0; i < text.length; i += width) yield* run.print(text.slice(i, i + width) + '\n')
  return 0
})

/** Bytes that are hashed at most; the larger digests work slowly here. */
const MOST = 16 * 1024 * 1024

const DIGESTS: readonly (readonly [string, string, (bytes: Uint8Array) => string])[] = [
  ['md5sum', 'MD5', md5], ['sha1sum', 'SHA1', sha1], ['sha224sum', 'SHA224', (bytes) => hex(sha224(bytes))], ['sha256sum', 'SHA256', (bytes) => hex(sha256(bytes))],
  ['sha384sum', 'SHA384', (bytes) => hex(sha384(bytes))], ['sha512sum', 'SHA512', (bytes) => hex(sha512(bytes))],
]

for (const [name, label, digest] of DIGESTS) {
  tool(name, { flags: 'cbtqwz', long: { check: 'c', binary: 'b', text: 't', tag: 'tag', quiet: 'q', status: 'status', warn: 'w', strict: 'strict', 'ignore-missing': 'missing', zero: 'z' } }, function* (run) {
    const { options } = run
    if (options.has('c')) return yield* check(run, digest, label)
    yield* eachInput(run, options.operands, function* (input) {
      const bytes = yield* input.bytes()
      if (bytes.length > MOST) throw new NotSimulated(`a digest of more than ${MOST} bytes`)
      const shown = input.name === 'standard input' ? '-' : input.name
      yield* run.print((options.has('tag') ? `${label} (${shown}) = ${digest(bytes)}` : `${digest(bytes)} ${options.has('b') ? '*' : ' '}${shown}`) + (options.has('z') ? '\0' : '\n'))
    })
    return run.code
  })
}

function* check(run: Run, digest: (bytes: Uint8Array) => string, label: string): Task<number> {
  const { options } = run
  const silent = options.has('status')
  yield* eachInput(run, options.operands, function* (input) {
    const shown = input.name === 'standard input' ? `'standard input'` : input.name
    let [formed, bad, failed, unread, matched] = [0, 0, 0, 0, 0]
    let number = 0
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      number++
      const tagged = /^(\w+) \((.+)\) = ([0-9a-f]+)$/.exec(line)
      const [, sum, name] = tagged ? (tagged[1] === label ? [line, tagged[3], tagged[2]] : []) : /^\\?([0-9a-fA-F]+) [ *](.+)$/.exec(line) ?? []
      if (sum === undefined || name === undefined || sum.length !== digest(new Uint8Array()).length) {
        bad++
        if (options.has('w')) yield* run.warn(`${input.name}: ${number}: improperly formatted ${label} checksum line`, 0)
        continue
      }
      formed++
      if (options.has('missing') && !run.process.fs.exists(run.resolve(name))) continue
      const bytes = yield* bytesOf(run, name)
      const ok = bytes !== undefined && digest(bytes) === sum.toLowerCase()
      if (!bytes) unread++
      else if (!ok) failed++
      else matched++
      if (!silent && !(ok && options.has('q'))) yield* run.print(`${name}: ${ok ? 'OK' : bytes ? 'FAILED' : 'FAILED open or read'}\n`)
    }
    if (formed === 0) return yield* run.warn(`${shown}: no properly formatted checksum lines found`)
    const many = (n: number, one: string, more: string): string => `WARNING: ${n} ${n === 1 ? one : more}`
    if (!silent) {
      if (bad > 0) yield* run.warn(many(bad, 'line is improperly formatted', 'lines are improperly formatted'), options.has('strict') ? 1 : 0)
      if (unread > 0) yield* run.warn(many(unread, 'listed file could not be read', 'listed files could not be read'))
      if (failed > 0) yield* run.warn(many(failed, 'computed checksum did NOT match', 'computed checksums did NOT match'))
      if (options.has('missing') && matched === 0) yield* run.warn(`${shown}: no file was verified`)
    }
    if (failed > 0 || unread > 0 || (options.has('missing') && matched === 0)) run.code = 1
  })
  return run.code
}

// ---- cksum, sum ----------------------------------------------------------------------------------------------------

/** POSIX's CRC: the bytes, then their number. */
function crc(bytes: Uint8Array): number {
  let sum = 0
  const add = (byte: number): void => {
    sum ^= byte << 24
    for (let i = 0; i < 8; i++) sum = sum & 0x80000000 ? (sum << 1) ^ 0x04c11db7 : sum << 1
  }
  for (const byte of bytes) add(byte)
  for (let n = bytes.length; n > 0; n = Math.floor(n / 256)) add(n & 255)
  return ~sum >>> 0
}

tool('cksum', { values: 'a', long: { algorithm: 'a=' } }, function* (run) {
  const { options } = run
  const wanted = options.value('a') ?? 'crc'
  const found = DIGESTS.find(([, label]) => label.toLowerCase() === wanted)
  if (!found && wanted !== 'crc') throw new NotSimulated(`cksum -a ${wanted} (cksum, -a md5, -a sha256)`)
  yield* eachInput(run, options.operands, function* (input) {
    const bytes = yield* input.bytes()
    const named = input.name === 'standard input' ? '' : input.name
    yield* run.print(found ? `${found[1]} (${named || '-'}) = ${found[2](bytes)}\n` : `${crc(bytes)} ${bytes.length}${named && ` ${named}`}\n`)
  })
})

tool('sum', { flags: 'rs', long: { sysv: 's' } }, function* (run) {
  const { options } = run
  yield* eachInput(run, options.operands, function* (input) {
    const bytes = yield* input.bytes()
    const named = input.name === 'standard input' ? '' : ` ${input.name}`
    if (options.last('r', 's') === 's') {
      const total = bytes.reduce((n, b) => n + b, 0)
      const folded = (total & 0xffff) + Math.floor((total % 2 ** 32) / 65536)
      yield* run.print(`${(folded & 0xffff) + (folded >> 16)} ${Math.ceil(bytes.length / 512)}${named}\n`)
      return
    }
    let sum = 0
    for (const b of bytes) sum = (((sum >> 1) | ((sum & 1) << 15)) + b) & 0xffff
    yield* run.print(`${String(sum).padStart(5, '0')} ${String(Math.ceil(bytes.length / 1024)).padStart(5)}${named}\n`)
  })
})

// ---- base32 --------------------------------------------------------------------------------------------------------

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

tool('base32', { flags: 'di', values: 'w', long: { decode: 'd', wrap: 'w=', 'ignore-garbage': 'i' } }, function* (run) {
  const { options } = run
  const bytes = yield* bytesOf(run, options.operands[0] ?? '-')
  if (!bytes) return 1
  if (options.has('d')) {
    const text = String.fromCharCode(...bytes).replace(options.has('i') ? /[^A-Z2-7=]/g : /\n/g, '')
    const letters = text.replace(/=+$/, '')
    if (/[^A-Z2-7]/.test(letters) || text.length % 8 !== 0) throw new Failure('invalid input')
    const bits = [...letters].map((c) => BASE32.indexOf(c).toString(2).padStart(5, '0')).join('')
    yield* run.print(Uint8Array.from(bits.match(/.{8}/g) ?? [], (b) => parseInt(b, 2)))
    return 0
  }
  const bits = Array.from(bytes, (b) => b.toString(2).padStart(8, '0')).join('')
  const letters = (bits.match(/.{1,5}/g) ?? []).map((b) => BASE32[parseInt(b.padEnd(5, '0'), 2)]!).join('')
  const text = letters.padEnd(Math.ceil(letters.length / 8) * 8, '=')
  const width = Number(options.value('w') ?? 76)
  if (width === 0) yield* run.print(text)
  else for (let i = 0; i < text.length; i += width) yield* run.print(text.slice(i, i + width) + '\n')
  return 0
})
