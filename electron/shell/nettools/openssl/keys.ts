import { decodeUtf8, encodeKey, makeKey, type Process, readCertificates, readKey, type Task, toPem } from '../../../engine/cluster.ts'
import { verifyChain } from '../../../engine/programs/tls/x509.ts'
import { isIssuedBy } from '../../../engine/programs/tls/signing-request.ts'
import { loadKey, notSimulated, OpensslError, readFile, readOptions, readPem, saveText, shownName } from './options.ts'
import { publicOf } from './sign.ts'

/** openssl genrsa. */
export function* genrsa(process: Process, args: readonly string[]): Task<number> {
  const bits = args.at(-1) !== undefined && /^\d+$/.test(args.at(-1)!) && args.at(-2) !== '-out' ? args.at(-1)! : undefined
  const options = readOptions('genrsa', bits === undefined ? args : args.slice(0, -1), { out: true })
  if (bits !== undefined && bits !== '2048') throw notSimulated(`genrsa of ${bits} bits`, 'keys have 2048')
  const pem = toPem('PRIVATE KEY', encodeKey(makeKey(process.clock.random)))
  const out = options.get('out')?.at(-1)
  yield* process.printError('podhop: a key for labs only: everybody knows what it is made of\n')
  if (out === undefined) yield* process.print(pem)
  else yield* saveText(process, out, pem)
  return 0
}

/** openssl rsa: what a key is, or its public part. */
export function* rsa(process: Process, args: readonly string[]): Task<number> {
  const options = readOptions('rsa', args, { in: true, out: true, noout: false, check: false, pubout: false, modulus: false })
  const path = options.get('in')?.at(-1)
  let key
  if (path === undefined) {
    const found = readKey(decodeUtf8(yield* process.readAll()))
    if (!found) throw new OpensslError('Could not read private key from <stdin>')
    key = found
  } else key = loadKey(process, path)
  let out = options.has('modulus') ? `Modulus=${key.n.toString(16).toUpperCase()}\n` : ''
  if (options.has('check')) out += 'RSA key ok\n'
  if (!options.has('noout')) {
    yield* process.printError('writing RSA key\n')
    const pem = options.has('pubout') ? publicOf(key) : toPem('PRIVATE KEY', encodeKey(key))
    const file = options.get('out')?.at(-1)
    if (file === undefined) out += pem
    else yield* saveText(process, file, pem)
  }
  yield* process.print(out)
  return 0
}

/** openssl verify: whether a chain leads to an authority. */
export function* verify(process: Process, args: readonly string[]): Task<number> {
  const files: string[] = []
  const flags: string[] = []
  for (let i = 0; i < args.length; i++) {
    if (!args[i]!.startsWith('-')) files.push(args[i]!)
    else flags.push(args[i]!, ...(/^--?(CAfile|untrusted)$/.test(args[i]!) ? [args[++i] ?? ''] : []))
  }
  const options = readOptions('verify', flags, { CAfile: true, untrusted: true })
  const read = (name: string): ReturnType<typeof readCertificates> => (options.get(name) ?? []).flatMap((path) => readPem(process, path))
  const [trusted, untrusted] = [read('CAfile'), read('untrusted')]
  let code = 0
  for (const path of files) {
    const leaf = readCertificates(readFile(process, path))[0]
    if (!leaf) throw new OpensslError(`Could not read certificate from ${path}\nUnable to load certificate`)
    const problem = verifyChain([leaf, ...untrusted], trusted, process.clock.wall()) ?? forged(leaf, [...trusted, ...untrusted])
    if (!problem) {
      yield* process.print(`${path}: OK\n`)
      continue
    }
    code = 2
    yield* process.printError(`${shownName(leaf.subject)}\nerror ${problem.code} at ${problem.depth} depth lookup: ${problem.text}\nerror ${path}: verification failed\n`)
  }
  return code
}

type Chain = ReturnType<typeof readCertificates>

/** Issued in the name of an authority that has not signed it. */
function forged(leaf: Chain[number], authorities: Chain): { code: number; text: string; depth: number } | undefined {
  const named = authorities.filter((each) => each.subjectKey === leaf.issuerKey && each.rsa)
  return named.length === 0 || named.some((each) => isIssuedBy(leaf, each)) ? undefined : { code: 7, text: 'certificate signature failure', depth: 0 }
}
