import { own } from '../../engine/own.ts'
import { concatBytes } from '../../engine/text.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import { MOST_IN_MEMORY } from '../../engine/machine/input.ts'
import { Failure, NotSimulated, quote, quoted, tool } from './command.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, c: 1, w: 2, b: 512, kB: 1000, K: 1024, KiB: 1024, k: 1024, MB: 1e6, M: 1024 ** 2, MiB: 1024 ** 2, GB: 1e9, G: 1024 ** 3, GiB: 1024 ** 3 }
const KNOWN = ['if', 'of', 'bs', 'ibs', 'obs', 'count', 'skip', 'iseek', 'seek', 'oseek', 'conv', 'status', 'iflag', 'oflag', 'cbs']

function sizeOf(text: string): number {
  const match = /^(\d+)([a-zA-Z]*)$/.exec(text)
  const unit = match ? own(UNITS, match[2]!) : undefined
  if (unit === undefined) throw new Failure(`invalid number: ${quote(text)}`)
  return Number(match![1]) * unit
}

/** "1.2 MB": three digits, powers of 1000. */
function human(value: number, base: 1000 | 1024): string {
  const units = base === 1000 ? ['B', 'kB', 'MB', 'GB'] : ['B', 'KiB', 'MiB', 'GiB']
  let power = 0
  let n = value
  while (n >= base && power < units.length - 1) {
    n /= base
    power++
  }
  return `${power > 0 && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[power]}`
}

/** dd(1): copies by the block. */
tool('dd', 'raw', function* (run) {
  const { process } = run
  const given = new Map<string, string>()
  for (const operand of run.options.operands) {
    const at = operand.indexOf('=')
    if (at < 0 || !KNOWN.includes(operand.slice(0, at))) throw new Failure(`unrecognized operand ${quote(operand)}`, 1, true)
    given.set(operand.slice(0, at), operand.slice(at + 1))
  }
  for (const key of ['iflag', 'oflag', 'cbs']) if (given.has(key)) throw new NotSimulated(`dd ${key}=`)
  const inputSize = sizeOf(given.get('bs') ?? given.get('ibs') ?? '512')
  const outputSize = sizeOf(given.get('bs') ?? given.get('obs') ?? '512')
  if (inputSize === 0 || outputSize === 0) throw new Failure(`invalid number: ${quote('0')}`)
  const conversions = new Set((given.get('conv') ?? '').split(',').filter((c) => c !== ''))
  for (const one of conversions) {
    if (!['notrunc', 'ucase', 'lcase', 'sync', 'fsync', 'fdatasync', 'noerror', 'swab', 'excl', 'nocreat'].includes(one)) throw new NotSimulated(`dd conv=${one}`)
  }
  const count = given.has('count') ? sizeOf(given.get('count')!) : Infinity
  const skip = sizeOf(given.get('skip') ?? given.get('iseek') ?? '0') * inputSize
  const seek = sizeOf(given.get('seek') ?? given.get('oseek') ?? '0') * outputSize
  const started = process.clock.now
  const [from, to] = [given.get('if'), given.get('of')]
  const open = function (name: string): ReturnType<typeof process.open> {
    try {
      return process.open(name, 'read')
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Failure(run.isBusybox ? `can't open '${name}': ${error.message}` : `failed to open ${quoted(name)}: ${error.message}`)
    }
  }
  const input = from === undefined ? undefined : open(from)
  const blocks: Uint8Array[] = []
  let [whole, partial, size, left] = [0, 0, 0, skip]
  while (whole + partial < count) {
    const bytes = yield* input ? input.read(left > 0 ? left : inputSize) : process.read(0, left > 0 ? left : inputSize)
    if (bytes === null) break
    if (left > 0) {
      left -= bytes.length
      continue
    }
    if (bytes.length === inputSize) whole++
    else partial++
    let block = bytes.slice()
    if (conversions.has('sync') && block.length < inputSize) block = Uint8Array.from({ length: inputSize }, (_, i) => block[i] ?? 0)
    if (conversions.has('swab')) block = block.map((_, i) => block[i % 2 === 0 ? Math.min(i + 1, block.length - 1) : i - 1]!)
    if (conversions.has('ucase') || conversions.has('lcase')) {
      const [a, z, by] = conversions.has('ucase') ? [97, 122, -32] : [65, 90, 32]
      block = block.map((b) => (b >= a && b <= z ? b + by : b))
    }
    blocks.push(block)
    size += block.length
    if (size > MOST_IN_MEMORY) throw new Failure('memory exhausted by input buffer')
  }
  input?.release()
  const out = concatBytes(blocks)
  if (to === undefined) yield* run.print(out)
  else {
    const path = process.resolve(to)
    const before = process.fs.exists(path) ? process.fs.stat(path) : undefined
    try {
      process.open(to, 'append').release()
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new Failure(run.isBusybox ? `can't open '${to}': ${error.message}` : `failed to open ${quoted(to)}: ${error.message}`)
    }
    if (before?.type === 'device') {
      const file = process.open(to, 'write')
      yield* file.write(out)
      file.release()
    } else {
      const old = process.fs.readFile(path)
      const kept = conversions.has('notrunc') ? old : old.subarray(0, seek)
      const bytes = new Uint8Array(Math.max(kept.length, seek + out.length))
      bytes.set(kept)
      bytes.set(out, seek)
      process.fs.writeFile(path, bytes)
    }
  }
  const status = given.get('status')
  if (status === 'none') return
  const full = Math.floor(size / outputSize)
  const [fullOut, partOut] = given.has('bs') ? [whole, partial] : [full, size % outputSize > 0 ? 1 : 0]
  let report = `${whole}+${partial} records in\n${fullOut}+${partOut} records out\n`
  if (status !== 'noxfer') {
    const seconds = (process.clock.now - started) / 1000
    const sizes = size < 1000 ? `${size} byte${size === 1 ? '' : 's'}` : `${size} bytes (${human(size, 1000)}${size < 1024 ? '' : `, ${human(size, 1024)}`})`
    report += `${run.isBusybox ? `${size} bytes (${human(size, 1024).replace(/ |i?B$/g, '')}B)` : sizes} copied, ${Number(seconds.toPrecision(6))} ${run.isBusybox ? 'seconds' : 's'}, ${seconds > 0 ? human(size / seconds, 1000) : 'Infinity B'}/s\n`
  }
  yield* process.printError(report)
})
