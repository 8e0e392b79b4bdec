import { byName } from '../../engine/own.ts'
import { Failure, NotSimulated, type Run } from './command.ts'

/** The words of GNU tar 1.34 and BusyBox's: c, x, t and r, without compression. */
export interface Order {
  mode: 'c' | 'x' | 't' | 'r' | undefined
  file: string
  /** How many -v: names, and long lines from the second on (with t from the first). */
  verbose: number
  /** -m: files are as old as their unpacking. */
  touch: boolean
  /** -O: what is unpacked goes to standard output. */
  toStdout: boolean
  /** -k: files that are there stay. */
  keep: boolean
  /** -P: names keep their leading slash. */
  absolute: boolean
  recursive: boolean
  wildcards: boolean
  /** Patterns of names to leave out. */
  excluded: string[]
  /** --strip-components */
  stripped: number
  /** The last -C, in which archives are unpacked. */
  directory: string | undefined
  /** What is packed is looked for in the -C before it. */
  names: { name: string; directory: string | undefined }[]
}

const VALUED: Readonly<Record<string, string>> = byName({
  '--file': 'f', '--directory': 'C', '--strip-components': 'strip', '--exclude': 'exclude', '--exclude-from': 'X', '--files-from': 'T',
})
const PLAIN: Readonly<Record<string, string>> = byName({
  '--create': 'c', '--extract': 'x', '--get': 'x', '--list': 't', '--append': 'r', '--verbose': 'v', '--touch': 'm', '--to-stdout': 'O', '--keep-old-files': 'k',
  '--absolute-names': 'P', '--no-recursion': 'flat', '--recursion': 'deep', '--wildcards': 'wild', '--no-wildcards': 'tame', '--update': 'u', '--diff': 'd', '--compare': 'd',
  '--catenate': 'A', '--concatenate': 'A', '--gzip': 'z', '--gunzip': 'z', '--ungzip': 'z', '--bzip2': 'j', '--xz': 'J', '--compress': 'Z', '--dereference': 'h',
  '--preserve-permissions': 'p', '--same-permissions': 'p', '--same-owner': 'p', '--no-same-owner': 'p', '--no-same-permissions': 'p', '--numeric-owner': 'p', '--auto-compress': 'a',
})
const MODES = 'cxtr'
/** What the real tool does and this one does not, and what to use instead. */
const UNDONE: Readonly<Record<string, string>> = byName({
  z: 'tar without -z', j: 'tar without -j', J: 'tar without -J', Z: 'tar without -Z', u: 'tar -r, or tar -c anew', d: 'diff -r with what tar -x unpacked', A: 'tar -x each, then tar -c', h: 'cp -rL first',
})
/** Further letters of GNU's. */
const OTHER = 'aBbFGgHIiKLlMNnoRSsUVWw'
const OTHER_LONG = new Set([
  '--delete', '--test-label', '--zstd', '--lzip', '--lzma', '--lzop', '--use-compress-program', '--transform', '--xform', '--owner', '--group', '--mode', '--mtime', '--sort', '--null', '--newer', '--after-date',
  '--sparse', '--verify', '--overwrite', '--unlink-first', '--remove-files', '--one-file-system', '--exclude-vcs', '--anchored', '--ignore-case', '--format', '--posix', '--label', '--checkpoint', '--totals', '--wildcards-match-slash',
  '--skip-old-files', '--keep-newer-files', '--to-command', '--acls', '--xattrs', '--selinux', '--blocking-factor', '--record-size', '--ignore-zeros', '--interactive', '--confirmation', '--block-number', '--hard-dereference', '--help', '--usage', '--version',
])

/** A word that tar does not take; GNU's names two ways to help. */
export function usage(run: Run, message: string, code = 64): Failure {
  return new Failure(run.isBusybox ? message : `${message}\nTry '${run.name} --help' or '${run.name} --usage' for more information.`, run.isBusybox ? 1 : code)
}

export function parseOrder(run: Run): Order {
  const order: Order = {
    mode: undefined, file: '-', verbose: 0, touch: false, toStdout: false, keep: false, absolute: false, recursive: true, wildcards: run.isBusybox, excluded: [], stripped: 0, directory: undefined, names: [],
  }
  const lines = (file: string): string[] => run.process.fs.readText(run.resolve(file)).split('\n').filter((line) => line !== '')
  const taken = (c: string, value: () => string, shown: string): void => {
    if (MODES.includes(c) && !(c === 'r' && run.isBusybox)) {
      if (order.mode && order.mode !== c) throw usage(run, "You may not specify more than one '-Acdtrux', '--delete' or  '--test-label' option", 2)
      order.mode = c as Order['mode']
      return
    }
    switch (c) {
      case 'f': order.file = value(); return
      case 'C': {
        const place = value()
        // one after the other, each is looked for in the former
        order.directory = order.directory === undefined || place.startsWith('/') ? place : `${order.directory}/${place}`
        return
      }
      case 'X': order.excluded.push(...lines(value())); return
      case 'T': for (const name of lines(value())) order.names.push({ name, directory: order.directory }); return
      case 'exclude': order.excluded.push(value()); return
      case 'strip': {
        const given = value()
        if (!/^\d+$/.test(given)) throw usage(run, `${given}: Invalid number of elements`, 2)
        order.stripped = Number(given)
        return
      }
      case 'v': order.verbose++; return
      case 'm': order.touch = true; return
      case 'O': order.toStdout = true; return
      case 'k': order.keep = true; return
      case 'P': order.absolute = true; return
      case 'flat': order.recursive = false; return
      case 'deep': order.recursive = true; return
      case 'wild': order.wildcards = true; return
      case 'tame': order.wildcards = false; return
      case 'p': return
      case 'a':
        if (!run.isBusybox && !/\.(t?gz|t?bz2|tbz|t?xz|zst|lz|Z)$/.test(order.file)) return
    }
    if (UNDONE[c] && !(run.isBusybox && 'udAr'.includes(c))) throw new NotSimulated(`${'zjJZ'.includes(c) ? 'compressed archives, ' : ''}tar -${c} (${UNDONE[c]})`)
    if (!run.isBusybox && OTHER.includes(c)) throw new NotSimulated(`the option -${c} of tar`)
    throw usage(run, shown === '' ? `invalid option -- '${c}'` : `unrecognized option '${shown}'`)
  }
  const words = run.process.argv.slice(1)
  // the old way: letters without a dash first, their values in the words that follow
  const old = words[0] !== undefined && !words[0].startsWith('-')
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const next = (what: string) => (): string => {
      const value = words[++i]
      if (value === undefined) throw usage(run, what)
      return value
    }
    if (word === '--') {
      for (const name of words.slice(i + 1)) order.names.push({ name, directory: order.directory })
      break
    }
    if (word.startsWith('--')) {
      const at = word.indexOf('=')
      const name = at < 0 ? word : word.slice(0, at)
      if (VALUED[name]) taken(VALUED[name], at < 0 ? next(`option '${name}' requires an argument`) : () => word.slice(at + 1), name)
      else if (PLAIN[name]) taken(PLAIN[name], () => '', name)
      else if (OTHER_LONG.has(name) && !run.isBusybox) throw new NotSimulated(`the option ${name} of tar`)
      else throw usage(run, `unrecognized option '${word}'`)
    } else if (i === 0 && old) {
      for (const c of word) taken(c, next(`Old option '${c}' requires an argument.`), '')
    } else if (word.startsWith('-') && word !== '-') {
      for (let n = 1; n < word.length; n++) {
        const c = word[n]!
        const attached = 'fCXT'.includes(c) ? word.slice(n + 1) : ''
        taken(c, attached === '' ? next(`option requires an argument -- '${c}'`) : () => attached, '')
        if (attached !== '') break
      }
    } else order.names.push({ name: word, directory: order.directory })
  }
  return order
}
