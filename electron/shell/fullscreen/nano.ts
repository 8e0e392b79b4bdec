import { NotSimulated, tool } from '../coreutils/command.ts'
import { Nano } from './nano-editor.ts'
import { runFullscreen, terminalOf } from './screen.ts'
import { loadText, saveText } from './text-file.ts'

/** Letters and words of nano's that this one has not. */
const UNSUPPORTED = 'ABCDEFGHJKLMNOPQRSTUWXYZabcdefghijkmnopqrstuvxyz%_0'
const UNSUPPORTED_LONG = /^--(smarthome|backup|backupdir|tabstospaces|multibuffer|locking|historylog|guidestripe|tabsize|softwrap|restricted|syntax|autoindent|mouse|noread|operatingdir|fill|view|nohelp|stateflags|minibar|help|constantshow|breaklonglines|rcfile|zero)(=|$)/

tool('nano', 'raw', function* ({ process, options }) {
  const names: string[] = []
  let start: string | undefined
  let numbered = false
  let ended = false
  for (const word of options.operands) {
    if (ended || word === '-' || !/^[-+]/.test(word)) names.push(word)
    else if (word === '--') ended = true
    else if (word.startsWith('+')) start = word.slice(1)
    else if (word === '--version' || word === '-V') {
      yield* process.print(' GNU nano, version 7.2\n (C) 2023 the Free Software Foundation and various contributors\n Compiled options: --disable-libmagic --enable-utf8\n')
      return 0
    } else if (word.startsWith('--')) {
      if (word === '--linenumbers') numbered = true
      else if (UNSUPPORTED_LONG.test(word)) throw new NotSimulated(`the option ${word} of nano (use nano FILE)`)
      else if (word !== '--nowrap' && word !== '--ignorercfiles') {
        yield* process.printError(`nano: unrecognized option '${word}'\nType 'nano -h' for a list of available options.\n`)
        return 1
      }
    } else {
      for (const letter of word.slice(1)) {
        if (letter === 'l') numbered = true
        else if (UNSUPPORTED.includes(letter)) throw new NotSimulated(`the option -${letter} of nano (use nano FILE)`)
        else if (letter !== 'w' && letter !== 'I') {
          yield* process.printError(`nano: invalid option -- '${letter}'\nType 'nano -h' for a list of available options.\n`)
          return 1
        }
      }
    }
  }
  const [file, more] = names
  if (more !== undefined) throw new NotSimulated('nano with several files (open one at a time)')
  const place = terminalOf(process)
  if (!place) {
    yield* process.printError(process.terminalOf(1) ? 'Standard input is not a terminal\n' : 'Standard output is not a terminal\n')
    return 1
  }
  const nano = new Nano({ load: (name) => loadText(process, name), save: (name, text) => saveText(process, name, text) })
  nano.numbered = numbered
  if (file !== undefined) nano.open(file)
  else nano.message = 'Welcome to nano.  For basic help, type Ctrl+G.'
  if (start !== undefined && file !== undefined) {
    if (/^[crCR]*[/?]/.test(start)) throw new NotSimulated('nano +/PATTERN (use +LINE,COLUMN)')
    if (start === '') nano.place('-1')
    else if (!nano.place(start)) nano.message = 'Invalid line or column number'
  }
  return yield* runFullscreen(process, place, nano)
})
