import type { Location } from './lex.ts'

/** What nft(8) 1.0.6 prints of a mistake; see erec_print of its src/erec.c. */
export class NftError extends Error {
  override name = 'NftError'
  readonly at: Location
  /** Underlined with "~": what the mistake is in conflict with. */
  readonly also: Location | undefined
  /** What is wrong besides. */
  readonly more: NftError[] = []

  constructor(message: string, at: Location, also?: Location) {
    super(message)
    this.at = at
    this.also = also
  }
}

/** What the kernel answered; nft puts words before it. */
export function kernelError(message: string, at: Location): NftError {
  return new NftError(`Could not process rule: ${message}`, at)
}

export const NO_ENTRY = 'No such file or directory'
export const EXISTS = 'File exists'
export const BUSY = 'Device or resource busy'
export const UNSUPPORTED = 'Operation not supported'

/** Something that the real nft knows and this one does not. */
export class NotSimulated extends Error {
  override name = 'NotSimulated'
}

/** The message with its line of the input and carets; `file` is undefined for the command line. */
export function formatError(error: NftError, text: string, file: string | undefined): string {
  const { at, also } = error
  const line = text.split('\n')[at.line - 1] ?? ''
  const place = file === undefined ? '' : `${file}:${at.line}:${at.from + 1}-${Math.max(at.to, at.from + 1)}: `
  let marks = ''
  const end = Math.max(at.to, at.from + 1, also?.to ?? 0)
  for (let i = 0; i < end; i++) {
    if (i >= at.from && i < Math.max(at.to, at.from + 1)) marks += '^'
    else if (also && i >= also.from && i < also.to) marks += '~'
    else marks += line[i] === '\t' ? '\t' : ' '
  }
  return `${place}Error: ${error.message}\n${line}\n${marks}\n${error.more.map((e) => formatError(e, text, file)).join('')}`
}

/** What the reader of a misspelt name is asked (src/misspell.c), or nothing. */
export function similar(name: string, others: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const other of others) {
    const longest = Math.max(name.length, other.length)
    const d = distance(name, other)
    if (longest > 1 && d <= Math.ceil(longest / 2) && d < least) [best, least] = [other, d]
  }
  return best
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
