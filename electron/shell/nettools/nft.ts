import { capable, decodeUtf8, NftNotSimulated, type NftOptions, type Process, type Task } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'
import { nftMonitor } from './trace-monitors.ts'

/** What to use in place of a whole command. */
const INSTEAD: ReadonlyMap<string, string> = new Map([['nft describe', 'nft says what it expected where it cannot read a rule'], ['nft reset', 'use nft flush, or nft list with its counters'], ['nft export', 'use nft -j list ruleset'], ['nft import', 'use nft -f FILE'], ['nft -e', 'use nft -a list ruleset']])

const HELP = `Usage: nft [ options ] [ cmds... ]

Options (general):
  -h, --help                      Show this help
  -v, --version                   Show version information
  -V                              Show extended version information

Options (ruleset input handling):
  -f, --file <filename>           Read input from <filename>
  -D, --define <name=value>       Define variable, e.g. --define foo=1.2.3.4
  -i, --interactive               Read input from interactive CLI
  -I, --includepath <directory>   Add <directory> to the paths searched for include files. Default is: /etc
  -c, --check                     Check commands validity without actually applying the changes.
  -o, --optimize                  Optimize ruleset

Options (ruleset list formatting):
  -a, --handle                    Output rule handle.
  -s, --stateless                 Omit stateful information of ruleset.
  -t, --terse                     Omit contents of sets.
  -S, --service                   Translate ports to service names as described in /etc/services.
  -N, --reversedns                Translate IP addresses to names.
  -u, --guid                      Print UID/GID as defined in /etc/passwd and /etc/group.
  -n, --numeric                   Print fully numerical output.
  -y, --numeric-priority          Print chain priority numerically.
  -p, --numeric-protocol          Print layer 4 protocols numerically.
  -T, --numeric-time              Print time values numerically.

Options (command output formatting):
  -e, --echo                      Echo what has been added, inserted or replaced.
  -j, --json                      Format output in JSON
  -d, --debug <level [,level...]> Specify debugging level (scanner, parser, eval, netlink, mnl, proto-ctx, segtree, all)

`

type Set = (options: NftOptions) => void

const FLAGS: Readonly<Record<string, Set>> = byName({
  a: (o) => (o.handles = true), s: (o) => (o.stateless = true), t: (o) => (o.terse = true), n: (o) => (o.numeric = true),
  y: (o) => (o.numericPriority = true), p: (o) => (o.numericProtocol = true), T: () => undefined, c: (o) => (o.check = true), j: (o) => (o.json = true),
})
const LONG: Readonly<Record<string, string>> = byName({
  help: 'h', version: 'v', file: 'f', define: 'D', interactive: 'i', includepath: 'I', check: 'c', optimize: 'o', handle: 'a', stateless: 's', terse: 't', service: 'S',
  reversedns: 'N', guid: 'u', numeric: 'n', 'numeric-priority': 'y', 'numeric-protocol': 'p', 'numeric-time': 'T', echo: 'e', json: 'j', debug: 'd',
})

interface Line { options: NftOptions; file?: string; words: string[]; defines: string[]; paths: string[]; answer?: { code: number; stdout?: string; stderr?: string } }

function readLine(args: readonly string[]): Line {
  const line: Line = { options: {}, words: [], defines: [], paths: [] }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('-') || arg === '-' || line.words.length > 0) {
      line.words.push(arg)
      continue
    }
    const long = arg.startsWith('--')
    const [name, value] = arg.slice(2).split('=', 2) as [string, string?]
    if (long && LONG[name] === undefined) return { ...line, answer: { code: 1, stderr: `nft: unrecognized option '${arg}'\n` } }
    const letters = long ? LONG[name]! : arg.slice(1)
    for (let k = 0; k < letters.length; k++) {
      const letter = letters[k]!
      const set = FLAGS[letter]
      if (set) set(line.options)
      else if (letter === 'f') {
        const file = value ?? (long ? args[++i] : letters.slice(k + 1) || args[++i])
        if (file === undefined) return { ...line, answer: { code: 1, stderr: long ? "nft: option '--file' requires an argument\n" : "nft: option requires an argument -- 'f'\n" } }
        line.file = file
        break
      } else if (letter === 'h') return { ...line, answer: { code: 0, stdout: HELP } }
      else if (letter === 'v') return { ...line, answer: { code: 0, stdout: 'nftables v1.0.6 (Lester Gooch #5)\n' } }
      else if (letter === 'V') return { ...line, answer: { code: 0, stdout: 'nftables v1.0.6 (Lester Gooch #5)\n  cli:\t\teditline\n  json:\t\tyes\n  minigmp:\tno\n  libxtables:\tyes\n' } }
      else if (letter === 'I' || letter === 'D') {
        const given = value ?? (letters.slice(k + 1) && !long ? letters.slice(k + 1) : args[++i])
        if (given === undefined) return { ...line, answer: { code: 1, stderr: long ? `nft: option '${arg}' requires an argument\n` : `nft: option requires an argument -- '${letter}'\n` } }
        if (letter === 'D') line.defines.push(given)
        else line.paths.push(given)
        break
      } else if ('ioSNued'.includes(letter)) throw new NftNotSimulated(`nft -${letter}`)
      else return { ...line, answer: { code: 1, stderr: `nft: invalid option -- '${letter}'\n` } }
    }
  }
  return line
}

const MOST_INCLUDES = 16

/** A file with those that it includes in their places: nft's `include "path"`, from the folders of -I, /etc and beside no one. */
function included(process: Process, text: string, file: string, folders: readonly string[], depth = 0): { text: string } | { missing: string } {
  const out: string[] = []
  for (const [i, line] of text.split('\n').entries()) {
    const [, path] = /^\s*include\s+"([^"]*)"\s*;?\s*$/.exec(line) ?? []
    if (path === undefined) {
      out.push(line)
      continue
    }
    if (/[*?[]/.test(path)) throw new NftNotSimulated('nft include with a pattern')
    const places = path.startsWith('/') || path.startsWith('./') || path.startsWith('../') ? [path] : folders.map((folder) => `${folder}/${path}`)
    const found = places.map((p) => process.resolve(p)).find((p) => process.fs.exists(p) && process.fs.stat(p).type === 'file')
    if (found === undefined || depth >= MOST_INCLUDES) {
      const from = line.indexOf('include')
      // the end of the line counts
      const to = line.lastIndexOf('"') + 2
      const why = found === undefined ? `File not found: ${path}` : 'Include nested too deeply, max 16 levels'
      return { missing: `${file}:${i + 1}:${from + 1}-${to}: Error: ${why}\n${line}\n${' '.repeat(from)}${'^'.repeat(to - from)}\n` }
    }
    const inner = included(process, process.fs.readText(found), found, folders, depth + 1)
    if ('missing' in inner) return inner
    out.push(inner.text)
  }
  return { text: out.join('\n') }
}

/** nft(8), 1.0.6 of Debian 12. The tables of iptables are not among its own: they are listed by iptables-save. */
export function* nft(process: Process): Task<number> {
  try {
    const { options, file, words, answer, defines, paths } = readLine(process.argv.slice(1))
    if (answer) {
      yield* process.print(answer.stdout ?? '')
      yield* process.printError(answer.stderr ?? '')
      return answer.code
    }
    if (file === undefined && words.length === 0) {
      yield* process.printError('nft: no command specified\n')
      return 1
    }
    if (!capable(process, 'NET_ADMIN')) {
      yield* process.printError('Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n')
      return 1
    }
    if (file === undefined && words[0] === 'monitor') return yield* nftMonitor(process, words.slice(1).flatMap((w) => w.split(/\s+/)))
    if (defines.length > 0 && file === undefined) {
      yield* process.printError('Error: -D/--define can only be used with -f/--filename\n')
      return 1
    }
    let text = words.join(' ')
    if (file !== undefined) {
      const path = process.resolve(file)
      if (file !== '-' && (!process.fs.exists(path) || process.fs.stat(path).type === 'directory')) {
        yield* process.printError(`internal:0:0-0: Error: Could not open file "${file}": No such file or directory\n\n\n`)
        return 1
      }
      text = file === '-' ? decodeUtf8(yield* process.readAll()) : process.fs.readText(path)
      options.file = file === '-' ? '/dev/stdin' : file
      const read = included(process, text, options.file, [...paths, '/etc'])
      if ('missing' in read) {
        yield* process.printError(read.missing)
        return 1
      }
      // on the first line, so that the lines of the file keep their numbers
      text = defines.map((d) => `define ${d.replace('=', ' = ')}; `).join('') + read.text
    }
    if (options.json && /^\s*\{/.test(text)) throw new NftNotSimulated('nft commands written as JSON')
    const { code, stdout, stderr } = process.network.netfilter.nftables.run(text, options)
    yield* process.print(stdout)
    yield* process.printError(stderr)
    return code
  } catch (error) {
    if (!(error instanceof NftNotSimulated)) throw error
    yield* process.printError(`podhop: not simulated: ${error.message} (${INSTEAD.get(error.message) ?? 'use a rule without it'})\n`)
    return 69
  }
}
