import { canonicalIp, decodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import { addressOf } from '../names.ts'
import { notSimulated, Refusal, type Options, type Target } from './types.ts'

/** More addresses than this are more than a lab needs. */
const MOST_TARGETS = 1024

/** What is to be scanned: the operands and -iL's file, without --exclude. */
export function* targetsOf(process: Process, options: Options, words: readonly string[]): Task<Target[]> {
  const excluded = new Set<string>()
  for (const word of options.exclude) for (const { address } of yield* expand(process, options, word)) excluded.add(address)
  const out: Target[] = []
  for (const word of words) out.push(...(yield* expand(process, options, word)).filter((t) => !excluded.has(t.address)))
  return out
}

/** The words of -iL's file. Throws {@link Refusal}. */
export function* listed(process: Process, name: string): Task<string[]> {
  let bytes: Uint8Array
  if (name === '-') bytes = yield* process.readAll()
  else {
    try {
      bytes = process.fs.readFile(process.resolve(name))
    } catch (error) {
      throw new Refusal(`Failed to open input file ${name} for reading: ${(error as Error).message} (2)\n`, 1)
    }
  }
  return decodeUtf8(bytes).replace(/#.*/g, '').split(/\s+/).filter(Boolean)
}

/** A name, an address, a prefix, or ranges in the parts of an address. */
function* expand(process: Process, options: Options, word: string): Task<Target[]> {
  const [base, bits] = word.split('/') as [string, string?]
  const fail = function* (): Task<Target[]> {
    yield* process.printError(`Failed to resolve "${word}".\n`)
    return []
  }
  if (bits !== undefined && !/^\d+$/.test(bits)) {
    yield* process.printError(`Unable to split netmask from target expression: "${word}"\n`)
    return []
  }
  if (base.includes(':') && options.family === 4) {
    yield* process.printError(`${word} looks like an IPv6 target specification -- you have to use the -6 option.\n`)
    return []
  }
  let prefix = bits === undefined ? undefined : Number(bits)
  const widest = options.family === 4 ? 32 : 128
  if (prefix !== undefined && prefix > widest) {
    yield* process.printError(`Illegal netmask in "${word}". Assuming /${widest} (one host)\n`)
    prefix = widest
  }
  if (options.family === 4 && /^[\d.,*-]+$/.test(base) && base.split('.').length === 4 && /[-,*]/.test(base)) {
    let addresses: string[] = ['']
    for (const part of base.split('.')) {
      const values: number[] = []
      for (const p of part.split(',')) {
        const [low, high] = p === '*' ? [0, 255] : p.includes('-') ? [Number(p.split('-')[0] || 0), Number(p.split('-')[1] || 255)] : [Number(p), Number(p)]
        if (!(low <= high && high <= 255)) return yield* fail()
        for (let n = low; n <= high; n++) if (!values.includes(n)) values.push(n)
      }
      addresses = addresses.flatMap((a) => values.sort((x, y) => x - y).map((v) => (a === '' ? String(v) : `${a}.${v}`)))
      if (addresses.length > MOST_TARGETS) throw notSimulated(`of more than ${MOST_TARGETS} addresses`, 'scan a part of them')
    }
    return addresses.map((address) => ({ address }))
  }
  // inet_aton(3): the last part fills what is left
  const short = options.family === 4 && /^\d+(\.\d+){0,2}$/.test(base) ? inetAton(base) : undefined
  const found = short !== undefined ? { address: short } : yield* addressOf(process, base, canonicalIp(base) === undefined ? options.family : undefined)
  if ('error' in found) return yield* fail()
  if (options.family === 6 && !found.address.includes(':')) {
    for (let i = 0; i < 2; i++) yield* process.printError(`Warning: Hostname ${base} resolves, but not to any IPv6 address. Try scanning without -6\nFailed to resolve "${word}".\n`)
    return []
  }
  if (prefix === undefined || prefix === widest) return [{ address: found.address, ...(found.address === base || canonicalIp(base) !== undefined ? {} : { name: base }) }]
  const size = 2 ** (widest - prefix)
  if (options.family === 6 || size > MOST_TARGETS) throw notSimulated(`of more than ${MOST_TARGETS} addresses`, 'scan a part of them')
  const number = found.address.split('.').reduce((n, p) => n * 256 + Number(p), 0)
  const first = number - (number % size)
  return Array.from({ length: size }, (_, i) => ({ address: [24, 16, 8, 0].map((shift) => Math.floor((first + i) / 2 ** shift) % 256).join('.') }))
}

function inetAton(text: string): string | undefined {
  const parts = text.split('.').map(Number)
  const last = parts.pop()!
  if (parts.some((p) => p > 255) || last >= 256 ** (4 - parts.length)) return undefined
  const rest = Array.from({ length: 4 - parts.length }, (_, i) => Math.floor(last / 256 ** (3 - parts.length - i)) % 256)
  return [...parts, ...rest].join('.')
}
