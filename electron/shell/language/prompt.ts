import { baseName } from '../../engine/machine/path.ts'
import { formatTime } from '../coreutils/strftime.ts'
import type { Shell } from './shell.ts'

/** PS1 and its kind (bash(1), PROMPTING), with $… expanded where it is plain variables. */
export function expandPrompt(shell: Shell, text: string): string {
  const { process } = shell
  const home = shell.variables.get('HOME')
  const cwd = home && home !== '/' && (process.cwd === home || process.cwd.startsWith(home + '/')) ? '~' + process.cwd.slice(home.length) : process.cwd
  const time = (format: string): string => formatTime(process.clock.wall(), format)
  const replaced = text.replace(/\\(\d{3}|D\{([^}]*)\}|[\s\S])/g, (whole: string, c: string, format: string | undefined) => {
    if (/^\d{3}$/.test(c)) return String.fromCharCode(parseInt(c, 8))
    if (c.startsWith('D{')) return time(format || '%H:%M:%S')
    switch (c) {
      case 'u': return process.user.name
      case 'h': return process.machine.hostname.split('.')[0]!
      case 'H': return process.machine.hostname
      case 'w': return cwd
      case 'W': return cwd === '~' ? '~' : baseName(process.cwd) || '/'
      case '$': return process.user.uid === 0 ? '#' : '$'
      case 's': return shell.name.split('/').pop()!
      case 'v': return '5.2'
      case 'V': return '5.2.15'
      case 'j': return String(shell.jobs.all.length)
      case '!': return String(shell.history.base + shell.history.entries.length)
      case '#': return String(shell.commandNumber)
      case 't': return time('%H:%M:%S')
      case 'T': return time('%I:%M:%S')
      case 'A': return time('%H:%M')
      case '@': return time('%I:%M %p')
      case 'd': return time('%a %b %d')
      case 'n': return '\n'
      case 'r': return '\r'
      case 'a': return '\x07'
      case 'e': return '\x1b'
      case '[':
      case ']': return ''
      case '\\': return '\\'
      default: return whole
    }
  })
  return replaced.replace(/\$(\w+|\?|\$|\{(\w+|\?)\})/g, (_whole, name: string, braced: string | undefined) => shell.parameter(braced ?? name) ?? '')
}
