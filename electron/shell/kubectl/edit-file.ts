import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { owned } from '../coreutils/access.ts'
import type { Kubectl } from './command.ts'
import { KubectlError, quote } from './errors.ts'

/** The words of $KUBE_EDITOR, $EDITOR or vi; with quotes in them they are the shell's to read (NewDefaultEditor). */
function editorCommand(k: Kubectl): { argv: string[]; shell: boolean } {
  const { env } = k.process
  const editor = env.get('KUBE_EDITOR') || env.get('EDITOR') || 'vi'
  if (!/["'\\]/.test(editor) || !editor.includes(' ')) return { argv: editor.split(' '), shell: false }
  return { argv: [env.get('SHELL') || '/bin/bash', '-c', editor], shell: true }
}

/** A temporary file with this content after the student's editor had it. The file stays. Throws when the editor fails. */
export function* launchEditor(k: Kubectl, suffix: string, content: string): Task<{ file: string; content: string }> {
  const { process } = k
  const { fs, clock } = process
  let file: string
  do {
    file = `${process.env.get('TMPDIR') || '/tmp'}/kubectl-edit-${clock.random.below(2 ** 32)}${suffix}`
  } while (fs.exists(file))
  fs.writeFile(file, content, 0o600)
  owned(process, file)
  const { argv, shell } = editorCommand(k)
  const problem = new KubectlError(`there was a problem with the editor ${quote(argv.join(' '))}`)
  const words = shell ? [...argv.slice(0, -1), `${argv.at(-1)!} ${quote(file)}`] : [...argv, file]
  let child
  try {
    child = process.spawn({ argv: words, files: process.files })
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw error.code === 'ENOENT' && !argv[0]!.includes('/') ? new KubectlError(`unable to launch the editor ${quote(argv.join(' '))}`) : problem
  }
  const { code } = yield* process.wait(child)
  if (code !== 0) throw problem
  return { file, content: fs.readText(file) }
}
