import { concatBytes } from '../../engine/text.ts'
import { Failure, tool, type Run } from './command.ts'
import { eachInput, openInput } from './input.ts'
import type { Task } from '../../engine/machine/task.ts'
import { decodeBase64, encodeBase64 } from '../../engine/kubernetes/base64.ts'
import { hex, sha256 } from '../../engine/sha256.ts'
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

for (const [name, digest] of [['md5sum', md5], ['sha1sum', sha1], ['sha256sum', (bytes: Uint8Array): string => hex(sha256(bytes))]] as const) {
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
