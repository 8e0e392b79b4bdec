import { DerError, nameText, readCertificates, readKey, type Certificate, type NamePart, type Process, type RsaKey, type Task } from '../../../engine/cluster.ts'
import { own } from '../../../engine/own.ts'

/** Ends a command: what it writes to stderr, and its exit code. */
export class OpensslError extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

export function notSimulated(what: string, instead: string): OpensslError {
  return new OpensslError(`podhop: not simulated: openssl ${what} (${instead})`, 69)
}

/** One dash or two; what takes a value is listed with true. Given more than once, all are kept. */
export function readOptions(command: string, args: readonly string[], known: Readonly<Record<string, boolean>>): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!.replace(/^--?/, '')
    const takesValue = own(known, name)
    if (!args[i]!.startsWith('-')) throw new OpensslError(`${command}: Extra arguments given.\n${command}: Use -help for summary.`)
    if (takesValue === undefined) throw notSimulated(`${command} -${name}`, `of its options ${Object.keys(known).map((k) => `-${k}`).join(' ')} are`)
    const value = takesValue ? args[++i] : ''
    if (value === undefined) throw new OpensslError(`${command}: Option -${name} needs a value\n${command}: Use -help for summary.`)
    found.set(name, [...(found.get(name) ?? []), value])
  }
  return found
}

export function readFile(process: Process, path: string): string {
  const full = process.resolve(path)
  if (!process.fs.exists(full) || process.fs.stat(full).type === 'directory') throw new OpensslError(`Could not open file or uri for loading certificate from ${path}`)
  return process.fs.readText(full)
}

export function readPem(process: Process, path: string): Certificate[] {
  try {
    const found = readCertificates(readFile(process, path))
    if (found.length > 0) return found
  } catch (error) {
    if (!(error instanceof DerError)) throw error
  }
  throw new OpensslError(`Could not read certificate from ${path}\nUnable to load certificate`)
}

/** "C = DE, O = Acme Inc, CN = shop.example.com" */
export function shownName(name: readonly NamePart[]): string {
  return nameText(name.map(([type, value]): NamePart => [type, /[,+"\\<>;]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value]), ' = ', ', ')
}

export function loadKey(process: Process, path: string): RsaKey {
  const key = readKey(readFile(process, path))
  if (!key) throw new OpensslError(`Could not read private key from ${path}`)
  return key
}

export function* saveText(process: Process, path: string, text: string): Task {
  const file = process.open(path, 'write')
  for (const byte of [text]) yield* file.write(Uint8Array.from(byte, (c) => c.charCodeAt(0)))
  file.release()
}
