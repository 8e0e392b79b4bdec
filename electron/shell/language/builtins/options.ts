import type { Task } from '../../../engine/machine/task.ts'
import { byName } from '../../../engine/own.ts'
import type { Shell } from '../shell.ts'
import { letters, textBuiltin, usage } from './table.ts'

export const OPTION_LETTERS: Readonly<Record<string, string>> = byName({
  a: 'allexport', b: 'notify', e: 'errexit', f: 'noglob', h: 'hashall', m: 'monitor', n: 'noexec', u: 'nounset', v: 'verbose', x: 'xtrace',
  B: 'braceexpand', C: 'noclobber', E: 'errtrace', H: 'histexpand', T: 'functrace', P: 'physical',
})

const OPTION_NAMES = [
  'allexport', 'braceexpand', 'emacs', 'errexit', 'errtrace', 'functrace', 'hashall', 'histexpand', 'history', 'ignoreeof', 'interactive-comments',
  'keyword', 'monitor', 'noclobber', 'noexec', 'noglob', 'nolog', 'notify', 'nounset', 'onecmd', 'physical', 'pipefail', 'posix', 'privileged',
  'verbose', 'vi', 'xtrace',
]

const SHOPT_NAMES = [
  'autocd', 'assoc_expand_once', 'cdable_vars', 'cdspell', 'checkhash', 'checkjobs', 'checkwinsize', 'cmdhist', 'compat31', 'compat32', 'compat40', 'compat41', 'compat42', 'compat43', 'compat44',
  'complete_fullquote', 'direxpand', 'dirspell', 'dotglob', 'execfail', 'expand_aliases', 'extdebug', 'extglob',
  'extquote', 'failglob', 'force_fignore', 'globasciiranges', 'globskipdots', 'globstar', 'gnu_errfmt', 'histappend', 'histreedit', 'histverify', 'hostcomplete', 'huponexit', 'inherit_errexit',
  'interactive_comments', 'lastpipe', 'lithist', 'localvar_inherit', 'localvar_unset', 'login_shell', 'mailwarn', 'no_empty_cmd_completion', 'nocaseglob', 'nocasematch', 'noexpand_translation', 'nullglob',
  'patsub_replacement', 'progcomp', 'progcomp_alias', 'promptvars', 'restricted_shell', 'shift_verbose', 'sourcepath', 'varredir_close', 'xpg_echo',
]

/** Those that change nothing here: to set one is refused. */
const SHOPT_WITHOUT_EFFECT = new Set([
  'assoc_expand_once', 'cdable_vars', 'compat31', 'compat32', 'compat40', 'compat41', 'compat42', 'compat43', 'compat44', 'direxpand', 'extdebug', 'gnu_errfmt', 'histreedit', 'histverify', 'localvar_inherit', 'localvar_unset',
  'mailwarn', 'no_empty_cmd_completion', 'noexpand_translation', 'progcomp_alias', 'varredir_close',
])

export const DEFAULT_SHOPT = ['checkwinsize', 'cmdhist', 'complete_fullquote', 'extquote', 'force_fignore', 'globasciiranges', 'globskipdots', 'hostcomplete', 'interactive_comments', 'patsub_replacement', 'progcomp', 'promptvars', 'sourcepath']

/** `set` with arguments: options, then positional parameters. */
export function* setOptions(shell: Shell, args: readonly string[]): Task<number> {
  let i = 0
  for (; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') {
      shell.positional = args.slice(i + 1)
      shell.positionalChanges++
      return 0
    }
    if (arg === '-') {
      shell.options.delete('xtrace')
      shell.options.delete('verbose')
      if (args.length > i + 1) {
        shell.positional = args.slice(i + 1)
        shell.positionalChanges++
      }
      return 0
    }
    if (!/^[-+]./.test(arg)) break
    const on = arg[0] === '-'
    for (const letter of arg.slice(1)) {
      if (letter === 'o') {
        const name = args[i + 1]
        if (name === undefined || /^[-+]/.test(name)) {
          yield* listOptions(shell, on)
          continue
        }
        i++
        if (!OPTION_NAMES.includes(name) || (shell.flavour === 'dash' && name === 'pipefail')) {
          yield* shell.error(shell.flavour === 'bash' ? `set: ${name}: invalid option name` : `set: Illegal option -o ${name}`)
          return 2
        }
        change(shell, name, on)
        continue
      }
      const name = OPTION_LETTERS[letter]
      if (!name) {
        yield* shell.error(shell.flavour === 'bash' ? `set: -${letter}: invalid option` : `set: Illegal option -${letter}`)
        if (shell.flavour === 'bash') yield* shell.process.printError('set: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n')
        return 2
      }
      change(shell, name, on)
    }
  }
  if (i < args.length) {
    shell.positional = args.slice(i)
    shell.positionalChanges++
  }
  return 0
}

export function change(shell: Shell, name: string, on: boolean): void {
  if (on) shell.options.add(name)
  else shell.options.delete(name)
  if (name === 'monitor') shell.jobControl = on
}

function* listOptions(shell: Shell, readable: boolean): Task<void> {
  for (const name of OPTION_NAMES) {
    const on = shell.options.has(name) || name === 'interactive-comments'
    yield* shell.process.print(readable ? `${name.padEnd(15)}\t${on ? 'on' : 'off'}\n` : `set ${on ? '-' : '+'}o ${name}\n`)
  }
}

textBuiltin('shopt', function* (shell, args) {
  const { options, rest, bad } = letters(args, 'supqo')
  if (bad) return yield* usage(shell, 'shopt', bad, 'shopt [-pqsu] [-o] [optname ...]')
  const names = options.has('o') ? OPTION_NAMES : SHOPT_NAMES
  const set = options.has('o') ? shell.options : shell.shopt
  let code = 0
  for (const name of rest.length > 0 ? rest : names) {
    if (!names.includes(name)) {
      yield* shell.error(`shopt: ${name}: invalid shell option name`)
      code = 1
      continue
    }
    const on = set.has(name)
    if (rest.length > 0 && options.has('s') && !options.has('o') && SHOPT_WITHOUT_EFFECT.has(name)) {
      yield* shell.process.printError(`podhop: not simulated: shopt -s ${name}\n`)
      code = 69
    } else if (rest.length > 0 && options.has('s')) set.add(name)
    else if (rest.length > 0 && options.has('u')) set.delete(name)
    else {
      if (rest.length > 0 && !on) code = 1
      if (options.has('q') || (rest.length === 0 && ((options.has('s') && !on) || (options.has('u') && on)))) continue
      yield* shell.process.print(options.has('p') ? `shopt ${on ? '-s' : '-u'} ${name}\n` : `${name.padEnd(15)}\t${on ? 'on' : 'off'}\n`)
    }
  }
  return code
})
