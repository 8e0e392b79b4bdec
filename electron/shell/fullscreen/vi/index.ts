import { NotSimulated, tool } from '../../coreutils/command.ts'
import { runFullscreen, terminalOf } from '../screen.ts'
import { loadText, saveText } from '../text-file.ts'
import { openFile, runEx } from './ex.ts'
import { Vi } from './normal.ts'

tool('vi vim view', 'raw', function* ({ process, name, options }) {
  let file: string | undefined
  const first: string[] = []
  let readonly = name === 'view'
  let ended = false
  for (const word of options.operands) {
    if (!ended && word === '--') ended = true
    else if (!ended && word === '-R') readonly = true
    else if (!ended && word.startsWith('+')) first.push(word.slice(1) || '$')
    else if (!ended && word.startsWith('-')) throw new NotSimulated(`the option ${word} of ${name} (use vi FILE)`)
    else if (file !== undefined) throw new NotSimulated(`${name} with several files (open one at a time)`)
    else file = word
  }
  const place = terminalOf(process)
  if (!place) {
    if (!process.terminalOf(1)) yield* process.printError('Vim: Warning: Output is not to a terminal\n')
    if (!process.terminalOf(0)) yield* process.printError('Vim: Warning: Input is not from a terminal\n')
    yield* process.printError('Vim: Error reading input, exiting...\nVim: Finished.\n')
    return 1
  }
  const files = {
    load: (path: string) => loadText(process, path),
    save: (path: string, text: string) => saveText(process, path, text),
    exists: (path: string) => process.fs.exists(process.resolve(path)),
  }
  const vi = new Vi(files, () => process.clock.now)
  vi.options.readonly = readonly
  if (file !== undefined) openFile(vi, file)
  for (const command of first) {
    const said = vi.message
    runEx(vi, command)
    vi.message ||= said
  }
  return yield* runFullscreen(process, place, vi)
})
